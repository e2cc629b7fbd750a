//! What a posterior is known to be from elsewhere, and how far a fit is from that.

use serde::{Deserialize, Serialize};

/// A standard deviation below this part of the mean is rounding: the quantity is a constant, such as the first entry of
/// a Cholesky factor of correlations.
const ROUNDING: f64 = 1e-10;

/// Mean and standard deviation of one quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// `name`, or `name[1,2]` for an entry of a container.
    pub name: String,
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub sd: f64,
}

impl Moments {
    /// Of draws, whatever their order; the standard deviation is that of a sample. NaN without draws.
    pub fn of(name: impl Into<String>, draws: &[f64]) -> Self {
        let count = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / count;
        let squares: f64 = draws.iter().map(|draw| (draw - mean).powi(2)).sum();
        Moments {
            name: name.into(),
            mean,
            sd: (squares / (count - 1.0).max(1.0)).sqrt(),
        }
    }

    fn is_constant(&self) -> bool {
        self.sd <= ROUNDING * self.mean.abs()
    }
}

/// What is known of a posterior: moments of some of its quantities, on the model's scale.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reference {
    /// In the order of the source.
    pub quantities: Vec<Moments>,
}

/// How far one quantity of a fit is from its reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deviation {
    /// `name`, or `name[1,2]` for an entry of a container.
    pub name: String,
    /// The fit's mean less the reference's, in standard deviations of the reference.
    #[serde(with = "crate::record::number")]
    pub mean_error: f64,
    /// The fit's standard deviation divided by the reference's.
    #[serde(with = "crate::record::number")]
    pub sd_ratio: f64,
}

/// The error of the worst quantity, and of the one in the middle. Both are infinite if they are of a quantity that is not finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The largest.
    #[serde(with = "crate::record::number")]
    pub worst: f64,
    /// The quantity that has it.
    pub worst_name: String,
    /// The median over the quantities.
    #[serde(with = "crate::record::number")]
    pub median: f64,
}

/// How far a fit is from a reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Sizes of the errors of means, in standard deviations of the reference.
    pub mean: Spread,
    /// Errors of standard deviations: how far their ratio is from 1.
    pub sd: Spread,
    /// Each quantity that both have and that is no constant.
    pub quantities: Vec<Deviation>,
    /// Quantities that the reference has and the fit has not.
    pub missing: Vec<String>,
}

impl Comparison {
    /// Compares what `fitted` says of each quantity, mean and standard deviation, with the reference; `None` if there is no quantity
    /// to compare.
    pub fn new(reference: &Reference, fitted: impl Fn(&str) -> Option<(f64, f64)>) -> Option<Self> {
        let (mut quantities, mut missing) = (Vec::new(), Vec::new());
        for known in reference
            .quantities
            .iter()
            .filter(|known| !known.is_constant())
        {
            match fitted(&known.name) {
                Some((mean, sd)) => quantities.push(Deviation {
                    name: known.name.clone(),
                    mean_error: (mean - known.mean) / known.sd,
                    sd_ratio: sd / known.sd,
                }),
                None => missing.push(known.name.clone()),
            }
        }
        Some(Comparison {
            mean: Spread::of(&quantities, |deviation| deviation.mean_error.abs())?,
            sd: Spread::of(&quantities, |deviation| (deviation.sd_ratio - 1.0).abs())?,
            quantities,
            missing,
        })
    }

    /// The deviation of one quantity.
    pub fn of(&self, name: &str) -> Option<&Deviation> {
        self.quantities
            .iter()
            .find(|deviation| deviation.name == name)
    }
}

impl Spread {
    fn of(quantities: &[Deviation], error: impl Fn(&Deviation) -> f64) -> Option<Self> {
        let size = |deviation: &Deviation| {
            let error = error(deviation);
            if error.is_nan() { f64::INFINITY } else { error }
        };
        let mut sorted: Vec<(f64, &str)> = quantities
            .iter()
            .map(|deviation| (size(deviation), deviation.name.as_str()))
            .collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (worst, worst_name) = *sorted.last()?;
        let (low, high) = (sorted[(sorted.len() - 1) / 2].0, sorted[sorted.len() / 2].0);
        Some(Spread {
            worst,
            worst_name: worst_name.into(),
            median: (low + high) / 2.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(quantities: &[(&str, f64, f64)]) -> Reference {
        let moments = |&(name, mean, sd): &(&str, f64, f64)| Moments {
            name: name.into(),
            mean,
            sd,
        };
        Reference {
            quantities: quantities.iter().map(moments).collect(),
        }
    }

    #[test]
    fn moments_are_those_of_the_draws() {
        let moments = Moments::of("x", &[1.0, 2.0, 3.0, 6.0]);
        // Squares of -2, -1, 0 and 3 are 14, over 3.
        assert_eq!((moments.mean, moments.sd), (3.0, (14.0_f64 / 3.0).sqrt()));
    }

    #[test]
    fn errors_are_in_deviations_of_the_reference_and_the_worst_has_a_name() {
        let known = reference(&[("a", 1.0, 2.0), ("b", 0.0, 1.0), ("c", 5.0, 4.0)]);
        let fitted = |name: &str| match name {
            "a" => Some((0.0, 3.0)),
            "b" => Some((0.25, 1.0)),
            _ => Some((5.0, 3.0)),
        };
        let compared = Comparison::new(&known, fitted).expect("three quantities");
        assert_eq!(compared.of("a").unwrap().mean_error, -0.5);
        assert_eq!(compared.of("a").unwrap().sd_ratio, 1.5);
        let spread = |spread: &Spread| (spread.worst, spread.worst_name.clone(), spread.median);
        assert_eq!(spread(&compared.mean), (0.5, "a".into(), 0.25));
        assert_eq!(spread(&compared.sd), (0.5, "a".into(), 0.25));
    }

    #[test]
    fn constants_are_left_out_and_missing_quantities_named() {
        let known = reference(&[("L[1,1]", 1.0, 1e-16), ("a", 0.0, 1.0), ("b", 0.0, 1.0)]);
        let fitted = |name: &str| (name != "b").then_some((0.0, 1.0));
        let compared = Comparison::new(&known, fitted).expect("one quantity");
        assert_eq!(compared.quantities.len(), 1);
        assert_eq!(compared.missing, ["b"]);
        assert_eq!(Comparison::new(&known, |_| None), None);
    }

    #[test]
    fn a_fit_that_is_not_a_number_is_infinitely_far() {
        let known = reference(&[("a", 0.0, 1.0), ("b", 0.0, 1.0), ("c", 0.0, 1.0)]);
        let fitted = |name: &str| Some((if name == "a" { f64::NAN } else { 0.0 }, 1.0));
        let compared = Comparison::new(&known, fitted).expect("three quantities");
        assert_eq!(
            (compared.mean.worst, compared.mean.median),
            (f64::INFINITY, 0.0)
        );
        assert_eq!(compared.mean.worst_name, "a");
        assert_eq!(compared.sd.worst, 0.0);
    }
}
