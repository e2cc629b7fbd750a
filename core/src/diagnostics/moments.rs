//! Moments of the quantities of a model, and how far those of an approximation are from better ones.

use serde::{Deserialize, Serialize};

use crate::target::{Block, Constrained};

/// Mean and standard deviation of one quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub sd: f64,
}

impl Moments {
    /// Moments of `values` under `weights` that sum to one.
    pub fn weighted(values: &[f64], weights: &[f64]) -> Self {
        let mean: f64 = values.iter().zip(weights).map(|(v, w)| v * w).sum();
        let variance: f64 = values
            .iter()
            .zip(weights)
            .map(|(v, w)| w * (v - mean) * (v - mean))
            .sum();
        Moments {
            mean,
            sd: variance.sqrt(),
        }
    }

    /// Moments of equally weighted values.
    pub fn plain(values: &[f64]) -> Self {
        let weight = 1.0 / values.len() as f64;
        let mean = values.iter().sum::<f64>() * weight;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() * weight;
        Moments {
            mean,
            sd: variance.sqrt(),
        }
    }

    /// Whether the quantity varies by more than rounding.
    pub fn varies(self) -> bool {
        self.sd.is_finite() && self.sd > 1e-10 * self.mean.abs()
    }
}

/// The correlation of two equally long columns; zero if one of them is constant.
pub fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (of_a, of_b) = (Moments::plain(a), Moments::plain(b));
    let products = a
        .iter()
        .zip(b)
        .map(|(a, b)| (a - of_a.mean) * (b - of_b.mean));
    let covariance = products.sum::<f64>() / a.len() as f64;
    let scale = of_a.sd * of_b.sd;
    if scale > 0.0 { covariance / scale } else { 0.0 }
}

/// How far the moments of one quantity under an approximation are from an estimate of the posterior's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MomentError {
    /// The quantity.
    pub name: String,
    /// The approximation's mean less the posterior's, in posterior standard deviations.
    #[serde(with = "crate::record::number")]
    pub mean: f64,
    /// The log of the approximation's standard deviation over the posterior's.
    #[serde(with = "crate::record::number")]
    pub log_sd: f64,
}

/// The errors of all quantities of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MomentErrors {
    /// The quantity whose mean is farthest off.
    pub worst_mean: Option<MomentError>,
    /// The quantity whose standard deviation is farthest off.
    pub worst_sd: Option<MomentError>,
}

impl MomentErrors {
    /// The worst of some errors.
    pub fn worst_of(errors: impl IntoIterator<Item = MomentError>) -> Self {
        let mut worst = MomentErrors::default();
        for error in errors {
            take_if_worse(&mut worst.worst_mean, &error, |e| e.mean.abs());
            take_if_worse(&mut worst.worst_sd, &error, |e| e.log_sd.abs());
        }
        worst
    }

    /// The largest error of a mean, in posterior standard deviations.
    pub fn mean(&self) -> f64 {
        self.worst_mean.as_ref().map_or(0.0, |e| e.mean.abs())
    }

    /// The largest error of a standard deviation, as the absolute log of a ratio.
    pub fn log_sd(&self) -> f64 {
        self.worst_sd.as_ref().map_or(0.0, |e| e.log_sd.abs())
    }
}

fn take_if_worse(
    worst: &mut Option<MomentError>,
    error: &MomentError,
    size: impl Fn(&MomentError) -> f64,
) {
    // A NaN is worse than any number: it must not be lost.
    let worse = match worst {
        Some(worst) => !size(error).le(&size(worst)) && !size(worst).is_nan(),
        None => true,
    };
    if worse {
        *worst = Some(error.clone());
    }
}

/// The columns of draws that are functions of the parameters alone, by position.
pub fn checked_columns(draws: &Constrained) -> Vec<usize> {
    (0..draws.columns.len())
        .filter(|&c| draws.columns[c].block != Block::GeneratedQuantities)
        .collect()
}

/// Errors of unweighted draws against the same draws under importance weights that sum to one.
pub fn errors_by_weights(draws: &Constrained, base: &[f64], weights: &[f64]) -> MomentErrors {
    MomentErrors::worst_of(checked_columns(draws).into_iter().filter_map(|c| {
        let values = draws.column(c);
        let approximate = Moments::weighted(&values, base);
        let better = Moments::weighted(&values, weights);
        (approximate.varies() && better.varies()).then(|| MomentError {
            name: draws.columns[c].name.clone(),
            mean: (approximate.mean - better.mean) / better.sd,
            log_sd: (approximate.sd / better.sd).ln(),
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Column;

    fn table(names: &[&str], values: Vec<f64>) -> Constrained {
        let column = |name: &&str| Column {
            name: (*name).into(),
            block: Block::Parameters,
        };
        Constrained {
            columns: names.iter().map(column).collect(),
            values,
        }
    }

    #[test]
    fn weights_that_move_a_mean_report_the_move_in_standard_deviations() {
        let draws = table(&["a", "b"], vec![0., 5., 1., 5., 2., 5., 3., 5.]);
        let errors = errors_by_weights(&draws, &[0.25; 4], &[0.0, 0.0, 0.5, 0.5]);
        let worst = errors.worst_mean.as_ref().unwrap();
        assert_eq!(worst.name, "a");
        assert!((worst.mean - (1.5 - 2.5) / 0.5).abs() < 1e-12);
        assert!((errors.log_sd() - (1.25_f64.sqrt() / 0.5).ln()).abs() < 1e-12);
    }

    #[test]
    fn an_error_that_is_not_a_number_is_the_worst() {
        let error = |mean| MomentError {
            name: "a".into(),
            mean,
            log_sd: 0.0,
        };
        for order in [[f64::NAN, 1.0], [1.0, f64::NAN]] {
            assert!(MomentErrors::worst_of(order.map(error)).mean().is_nan());
        }
    }

    #[test]
    fn correlation_is_one_of_a_column_with_itself_and_zero_with_a_constant() {
        let a = [1.0, 2.0, 4.0];
        assert!((correlation(&a, &a) - 1.0).abs() < 1e-15);
        assert_eq!(correlation(&a, &[3.0; 3]), 0.0);
    }
}
