//! How well draws of numbers predict.

use serde::Serialize;

use super::figure::{Point, Reliability};
use super::quality::{Calibration, FEWEST_ROWS, MOST_CHANCE, Verdict};
use super::scored::{STANDARD_ERRORS, Scored};

/// Central intervals whose coverage is judged.
const LEVELS: [f64; 2] = [0.5, 0.9];

/// Standard errors that coverages may be off by chance: two of them are within as many, one of twenty times neither is more, whatever
/// goes together (the quantile of the normal distribution at 1 - 0.05/4).
const BOTH: f64 = 2.2414;

/// What was measured of draws from the predictive distribution, against a normal distribution with the mean and the sd of the same rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Regression {
    /// Rows.
    pub rows: usize,
    /// The root of the mean squared error of the draws' mean.
    pub rmse: f64,
    /// That of the mean of the rows, which is their sd.
    pub baseline_rmse: f64,
    /// The squared errors.
    pub squared_error: Scored,
    /// The mean over rows of log mean exp of the draws' log-likelihoods, natural logarithms: more is better. As in A. Gelman et al. (2014),
    /// Understanding predictive information criteria for Bayesian models, Statistics and Computing 24, equation 5, for each row.
    pub log_likelihood: Option<Scored>,
    /// How often rows are inside of central intervals.
    pub coverage: Vec<Coverage>,
    /// The same at other levels, for the figure.
    #[serde(skip)]
    curve: Vec<Coverage>,
}

/// How often rows are inside of a central interval.
///
/// Of S draws that are calibrated the truth is one more: its rank R among them is uniform on 0..=S, so the interval between the r-th
/// smallest and the r-th largest draw holds it with probability (S + 1 - 2r)/(S + 1), without any error of estimated quantiles. Where the
/// truth equals some draws, as counts do, it has a uniform share of the ranks it may have (C. Czado et al. (2009), Predictive model
/// assessment for count data, Biometrics 65).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coverage {
    /// What the interval is called.
    pub level: f64,
    /// The share of rows in it.
    pub found: f64,
    /// The probability that it holds a row if draws are calibrated: the level, as nearly as so many draws have it.
    pub expected: f64,
    /// The binomial standard error of the share, sqrt(p (1 - p) / rows), as if rows were independent.
    pub standard_error: f64,
}

/// Where a row lies among its draws.
#[derive(Clone, Copy)]
struct Rank {
    below: usize,
    equal: usize,
}

impl Regression {
    /// Of the truth of each row and its draws, and its log-likelihood where that is known.
    pub fn new(truth: &[f64], draws: &[Vec<f64>], log_likelihood: Option<&[f64]>) -> Self {
        let rows = truth.len() as f64;
        let mean = truth.iter().sum::<f64>() / rows;
        let variance = truth.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / rows;
        let errors: Vec<(f64, f64)> = truth
            .iter()
            .zip(draws)
            .map(|(y, draws)| {
                let predicted = draws.iter().sum::<f64>() / draws.len() as f64;
                ((y - predicted).powi(2), (y - mean).powi(2))
            })
            .collect();
        let squared_error = Scored::of(&errors);
        let log_likelihood = log_likelihood.map(|log_likelihood| {
            let normalizer = 0.5 * (std::f64::consts::TAU * variance).ln();
            let baseline = |y: f64| match variance > 0.0 {
                true => -normalizer - 0.5 * (y - mean).powi(2) / variance,
                false => f64::INFINITY,
            };
            let pairs = log_likelihood.iter().zip(truth);
            let losses: Vec<(f64, f64)> = pairs
                .map(|(log_likelihood, y)| (-log_likelihood, -baseline(*y)))
                .collect();
            Scored::of(&losses).negated()
        });
        let count = draws.first().map_or(0, Vec::len);
        let ranks: Vec<Rank> = truth
            .iter()
            .zip(draws)
            .map(|(y, draws)| Rank::of(*y, draws))
            .collect();
        let coverage = |level: f64| Coverage::of(level, &ranks, count);
        Regression {
            rows: truth.len(),
            rmse: squared_error.value.sqrt(),
            baseline_rmse: squared_error.baseline.sqrt(),
            squared_error,
            log_likelihood,
            coverage: LEVELS.map(coverage).to_vec(),
            curve: (1..20).map(|step| coverage(step as f64 / 20.0)).collect(),
        }
    }

    /// Whether both intervals hold as many rows as they should, but for chance.
    pub fn calibration(&self) -> Calibration {
        let worst = self.worst();
        let chance = BOTH * worst.standard_error;
        // Of too few draws every interval holds all or nothing.
        let tells = |at: &Coverage| at.expected > 0.0 && at.expected < 1.0;
        if !self.coverage.iter().any(tells) || self.rows < FEWEST_ROWS || chance > MOST_CHANCE {
            return Calibration::Unknown;
        }
        // Shares are exact but for their last bits.
        let off = worst.found - worst.expected;
        match off.abs() <= chance + 1e-9 {
            true => Calibration::Calibrated,
            false if off < 0.0 => Calibration::OverConfident,
            false => Calibration::UnderConfident,
        }
    }

    /// The coverage that is furthest off, in standard errors.
    fn worst(&self) -> &Coverage {
        let [narrow, wide] = [&self.coverage[0], &self.coverage[1]];
        if wide.off() >= narrow.off() {
            wide
        } else {
            narrow
        }
    }

    pub fn verdict(&self) -> Verdict {
        let calibration = self.calibration();
        let words = match calibration {
            Calibration::Calibrated => "are calibrated within their sampling error",
            Calibration::OverConfident => "are too narrow",
            Calibration::UnderConfident => "are too wide",
            Calibration::Unknown => {
                "are of too few rows or draws to say whether they are calibrated"
            }
        };
        let Coverage {
            level,
            found,
            expected,
            standard_error,
        } = self.worst();
        let because = format!(
            "its intervals {words} (that of {:.0}% holds {:.1}% of the rows; calibrated ones {:.1}% +- {:.1}%)",
            100.0 * level,
            100.0 * found,
            100.0 * expected,
            100.0 * BOTH * standard_error
        );
        let root = Scored {
            value: self.rmse,
            baseline: self.baseline_rmse,
            ..self.squared_error.clone()
        };
        // A proper score where there is one.
        match &self.log_likelihood {
            Some(log_likelihood) => Verdict::new(
                ("log-likelihood", log_likelihood),
                "a normal distribution with the rows' mean and sd",
                calibration,
                &because,
            ),
            None => Verdict::new(("RMSE", &root), "the rows' mean", calibration, &because),
        }
    }

    pub fn figure(&self) -> Reliability {
        Reliability {
            title: "coverage of central intervals",
            horizontal: "expected",
            vertical: "found",
            points: self
                .curve
                .iter()
                .map(|coverage| Point {
                    predicted: coverage.expected,
                    found: coverage.found,
                    chance: STANDARD_ERRORS * coverage.standard_error,
                    share: 0.0,
                })
                .collect(),
        }
    }
}

impl Rank {
    fn of(truth: f64, draws: &[f64]) -> Self {
        let count = |is: &dyn Fn(f64) -> bool| draws.iter().filter(|draw| is(**draw)).count();
        Rank {
            below: count(&|draw| draw < truth),
            equal: count(&|draw| draw == truth),
        }
    }

    /// The share of the ranks that the truth may have which lie in `low..=high`.
    fn share(self, low: usize, high: usize) -> f64 {
        let (first, last) = (self.below.max(low), (self.below + self.equal).min(high));
        (last + 1).saturating_sub(first) as f64 / (self.equal + 1) as f64
    }
}

impl Coverage {
    fn of(level: f64, ranks: &[Rank], draws: usize) -> Self {
        let all = (draws + 1) as f64;
        let cut = (0.5 * (1.0 - level) * all).round() as usize;
        let (low, high) = (cut, draws - cut);
        let rows = ranks.len() as f64;
        let expected = (high + 1 - low) as f64 / all;
        Coverage {
            level,
            found: ranks.iter().map(|rank| rank.share(low, high)).sum::<f64>() / rows,
            expected,
            standard_error: (expected * (1.0 - expected) / rows).sqrt(),
        }
    }

    /// How far it is from what is expected, in standard errors.
    fn off(&self) -> f64 {
        let off = (self.found - self.expected).abs();
        if off == 0.0 {
            0.0
        } else {
            off / self.standard_error
        }
    }
}

/// log mean exp, minus infinity if all are.
pub fn log_mean_exp(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most.is_infinite() {
        return most;
    }
    let sum: f64 = logs.iter().map(|log| (log - most).exp()).sum();
    most + (sum / logs.len() as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
    }

    #[test]
    fn a_small_case_by_hand() {
        let draws = [vec![0.0, 2.0, 4.0], vec![1.0, 1.0, 4.0]];
        let found = Regression::new(&[1.0, 4.0], &draws, Some(&[-1.0, -2.0]));
        // Both rows are predicted as 2; without a model as 2.5, whose errors are 1.5.
        near(found.rmse, 2.5_f64.sqrt());
        near(found.baseline_rmse, 1.5);
        let log_likelihood = found.log_likelihood.unwrap();
        near(log_likelihood.value, -1.5);
        // log N(y | 2.5, 1.5) at one sd from the mean.
        near(
            log_likelihood.baseline,
            -(1.5 * std::f64::consts::TAU.sqrt()).ln() - 0.5,
        );
        // Ranks among three draws are 0..=3; half of them, 1 and 2, are the central half. The first row has rank 1, the second 2 or 3.
        let half = &found.coverage[0];
        near(half.expected, 0.5);
        near(half.found, 0.75);
        near(half.standard_error, 0.125_f64.sqrt());
        // A tail of 5% has no draw of three.
        assert_eq!(
            (found.coverage[1].expected, found.coverage[1].found),
            (1.0, 1.0)
        );
    }

    /// `rows` rows whose truth is at quantile (row + 1/2)/rows of 199 draws that are stretched.
    fn stretched(by: f64) -> Regression {
        let draws: Vec<f64> = (1..200).map(|draw| by * (draw as f64 - 100.0)).collect();
        let truth: Vec<f64> = (0..100).map(|row| 2.0 * row as f64 + 1.5 - 100.0).collect();
        Regression::new(&truth, &vec![draws; 100], None)
    }

    #[test]
    fn intervals_that_are_too_narrow_or_too_wide_are_told_from_calibrated_ones() {
        assert_eq!(stretched(1.0).calibration(), Calibration::Calibrated);
        assert_eq!(stretched(0.7).calibration(), Calibration::OverConfident);
        assert_eq!(stretched(1.6).calibration(), Calibration::UnderConfident);
        near(stretched(1.0).coverage[1].expected, 0.9);
        near(stretched(1.0).coverage[1].found, 0.9);
    }

    #[test]
    fn of_few_rows_or_a_draw_each_nothing_is_said_of_calibration() {
        let draws = vec![vec![0.0, 1.0, 2.0, 3.0]; 9];
        let few_rows = Regression::new(&[1.5; 9], &draws, None);
        assert_eq!(few_rows.calibration(), Calibration::Unknown);
        let one_draw = Regression::new(&[1.5; 100], &vec![vec![1.0]; 100], None);
        assert_eq!(one_draw.calibration(), Calibration::Unknown);
        let sentence = one_draw.verdict().sentence;
        assert!(sentence.contains("too few rows or draws"), "{sentence}");
    }

    #[test]
    fn counts_that_equal_many_draws_are_calibrated_if_they_come_as_often() {
        // Three of four draws are zero, and so is the truth.
        let draws = vec![[0.0, 0.0, 0.0, 1.0].repeat(25); 100];
        let truth: Vec<f64> = (0..100).map(|row| f64::from(row % 4 == 3)).collect();
        let found = Regression::new(&truth, &draws, None);
        assert_eq!(found.calibration(), Calibration::Calibrated);
        // Intervals with both their ends would hold all rows, and pass for too wide.
        for coverage in &found.coverage {
            let off = (coverage.found - coverage.expected).abs();
            // A truth has one rank more than it has equals among the draws.
            assert!(off < 0.02, "{coverage:?}");
        }
    }

    #[test]
    fn likelihoods_are_averaged_not_their_logarithms() {
        near(log_mean_exp(&[0.2_f64.ln(), 0.6_f64.ln()]), 0.4_f64.ln());
        near(log_mean_exp(&[-2000.0, -2000.0]), -2000.0);
        assert_eq!(log_mean_exp(&[f64::NEG_INFINITY]), f64::NEG_INFINITY);
    }
}
