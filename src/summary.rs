//! What draws say of each quantity.

use firebrand_core::{Block, Constrained};
use serde::Serialize;

/// Mean, standard deviation and quantiles of one quantity. All are NaN if any of its draws is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quantity {
    /// `name`, or `name[1,2]` for an entry of a container.
    pub name: String,
    /// Where the model declares it.
    pub block: Block,
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub sd: f64,
    /// The quantile at 5%.
    pub q5: f64,
    /// The quantile at 50%.
    pub median: f64,
    /// The quantile at 95%.
    pub q95: f64,
}

/// Summarises every column of a table of draws; empty without draws.
pub fn summarize(draws: &Constrained) -> Vec<Quantity> {
    if draws.draws() == 0 {
        return Vec::new();
    }
    let columns = draws.columns.iter().enumerate();
    columns
        .map(|(index, column)| {
            let mut values = draws.column(index);
            values.sort_by(f64::total_cmp);
            let (mean, sd) = moments(&values);
            let quantile = |at| {
                if mean.is_nan() {
                    f64::NAN
                } else {
                    quantile(&values, at)
                }
            };
            Quantity {
                name: column.name.clone(),
                block: column.block,
                mean,
                sd,
                q5: quantile(0.05),
                median: quantile(0.5),
                q95: quantile(0.95),
            }
        })
        .collect()
}

fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}

/// Of sorted values, linear between neighbours (type 7 of Hyndman and Fan, as in R and NumPy).
fn quantile(sorted: &[f64], at: f64) -> f64 {
    let position = at * (sorted.len() - 1) as f64;
    let (low, high) = (
        sorted[position.floor() as usize],
        sorted[position.ceil() as usize],
    );
    if low == high {
        low
    } else {
        low + position.fract() * (high - low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firebrand_core::Column;

    fn summary_of(values: Vec<f64>) -> Quantity {
        let columns = vec![Column {
            name: "x".into(),
            block: Block::Parameters,
        }];
        summarize(&Constrained { columns, values }).remove(0)
    }

    #[test]
    fn moments_and_quantiles_are_those_of_the_draws() {
        let quantity = summary_of((0..=100).rev().map(f64::from).collect());
        assert_eq!(
            (quantity.mean, quantity.q5, quantity.median, quantity.q95),
            (50.0, 5.0, 50.0, 95.0)
        );
        // The sum of squares of -50..=50 is 85850.
        assert!((quantity.sd - 858.5_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn quantiles_between_draws_are_interpolated() {
        assert_eq!(quantile(&[1.0, 2.0], 0.25), 1.25);
        assert_eq!(quantile(&[3.0], 0.95), 3.0);
        assert_eq!(
            quantile(&[f64::NEG_INFINITY, f64::NEG_INFINITY], 0.5),
            f64::NEG_INFINITY
        );
    }

    #[test]
    fn a_draw_that_could_not_be_computed_is_not_hidden() {
        let quantity = summary_of(vec![1.0, f64::NAN, 2.0]);
        assert!(quantity.mean.is_nan() && quantity.sd.is_nan() && quantity.median.is_nan());
    }

    #[test]
    fn no_draws_have_no_summary() {
        assert_eq!(summarize(&Constrained::default()), []);
    }
}
