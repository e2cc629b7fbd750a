//! What many runs say together.

use super::results::Row;

/// Median, with the quantiles at 10% and 90%.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Band {
    /// Of some numbers; `None` of none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let position = share * values.len().checked_sub(1)? as f64;
            let (below, above) = (
                values[position.floor() as usize],
                values[position.ceil() as usize],
            );
            // Of two infinite numbers the difference is none.
            Some(match below == above {
                true => below,
                false => below + position.fract() * (above - below),
            })
        };
        Some(Band {
            low: at(0.1)?,
            median: at(0.5)?,
            high: at(0.9)?,
        })
    }
}

/// The algorithms of a setting, in the order in which they ran.
pub fn algorithms<'a>(rows: &'a [Row], setting: &str) -> Vec<&'a str> {
    distinct(
        rows.iter()
            .filter(|row| row.setting == setting)
            .map(|row| row.algorithm.as_str()),
    )
}

/// The metrics of a setting, the most telling first.
pub fn metrics(rows: &[Row], setting: &str) -> Vec<&'static str> {
    distinct(
        rows.iter()
            .filter(|row| row.setting == setting)
            .map(|row| row.metric),
    )
}

fn distinct<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut out: Vec<&str> = Vec::new();
    for one in all {
        if !out.contains(&one) {
            out.push(one);
        }
    }
    out
}

/// The band over seeds at each number of score evaluations, or of rows.
pub fn bands(rows: &[Row], setting: &str, algorithm: &str, metric: &str) -> Vec<(u64, Band)> {
    let mut points: Vec<(u64, f64)> = rows
        .iter()
        .filter(|row| row.setting == setting && row.algorithm == algorithm && row.metric == metric)
        .map(|row| (row.at, row.value))
        .collect();
    points.sort_by_key(|point| point.0);
    points
        .chunk_by(|a, b| a.0 == b.0)
        .filter_map(|same| {
            Some((
                same[0].0,
                Band::of(same.iter().map(|point| point.1).collect())?,
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_has_the_median_between_the_outer_tenths() {
        let band = Band::of((0..=10).rev().map(f64::from).collect()).unwrap();
        assert_eq!((band.low, band.median, band.high), (1.0, 5.0, 9.0));
        assert_eq!(Band::of(vec![]), None);
        let one = Band::of(vec![f64::INFINITY]).unwrap();
        assert_eq!(one.median, f64::INFINITY);
    }
}
