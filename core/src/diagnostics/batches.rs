//! Whether the log density is what batches of rows say it is, at the draws of a fit.
//!
//! A fit on minibatches takes the log density for a sum over rows. Models are asked for that before a run, near zero, where a term that
//! matters at the posterior alone is not seen; targets that are code are not asked at all.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::DiagnosisError;
use crate::draws::points;
use crate::family::Approximation;
use crate::minibatch::{Batches, Minibatch};
use crate::placement::{Precision, to_host};
use crate::target::{Batch, Target, TargetError};

/// Draws at which the sums are compared.
const DRAWS: usize = 16;
/// Numbers in these draws at most, in very many dimensions.
const MAX_NUMBERS: usize = 1 << 22;

/// How the log density on all rows compares with the sum over batches that together are all rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SumOverBatches {
    /// What the batches are of.
    pub minibatch: Minibatch,
    /// The largest difference at a draw, relative to the densities of the parts; infinite where one of the two is finite and the
    /// other is not.
    #[serde(with = "crate::record::number")]
    pub difference: f64,
    /// In which the numbers were added.
    pub precision: Precision,
}

impl SumOverBatches {
    /// # Errors
    /// If target or approximation cannot be evaluated.
    pub(super) fn measure(
        target: &dyn Target,
        approximation: &dyn Approximation,
        batches: &Batches,
        seed: u64,
    ) -> Result<Self, DiagnosisError> {
        let draws = (MAX_NUMBERS / target.dimension().max(1)).clamp(1, DRAWS);
        // A step that no other draws are of.
        let theta = points(approximation, draws, seed, u64::MAX)?;
        Ok(SumOverBatches {
            minibatch: batches.minibatch(),
            difference: largest_difference(target, &theta, batches)?,
            precision: target.precision(),
        })
    }

    /// Whether the log density is no sum over batches.
    pub fn differs(&self) -> bool {
        let rounding = match self.precision {
            Precision::F64 => 1e-6,
            Precision::F32 => 1e-3,
        };
        self.difference > rounding
    }
}

fn largest_difference(
    target: &dyn Target,
    theta: &Tensor<2>,
    batches: &Batches,
) -> Result<f64, TargetError> {
    let densities = |batch: &Batch| -> Result<Vec<f64>, TargetError> {
        Ok(to_host(&target.log_density(theta, batch)?.log_density))
    };
    let whole = densities(&Batch::Full)?;
    let (mut sums, mut sizes) = (vec![0.0; whole.len()], vec![1.0; whole.len()]);
    for (part, share) in batches.parts() {
        for (draw, estimate) in densities(&part)?.into_iter().enumerate() {
            sums[draw] += share * estimate;
            sizes[draw] += share * estimate.abs();
        }
    }
    let at_draw = |draw: usize| {
        let (whole, sum): (f64, f64) = (whole[draw], sums[draw]);
        match (whole.is_finite(), sum.is_finite()) {
            (true, true) => (whole - sum).abs() / sizes[draw],
            (false, false) => 0.0,
            _ => f64::INFINITY,
        }
    };
    Ok((0..whole.len()).map(at_draw).fold(0.0, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::Placement;
    use crate::target::{Constrained, Evaluation, GaussianTarget, Parameter, Plate};
    use crate::testing::Independent;

    /// Rows whose log density each is a number times the first coordinate, and of which more than `most` count twice.
    struct Rows {
        gaussian: GaussianTarget,
        values: Vec<f64>,
        most: usize,
    }

    impl Target for Rows {
        fn dimension(&self) -> usize {
            2
        }

        fn log_density_and_score(
            &self,
            theta: &Tensor<2>,
            batch: &Batch,
        ) -> Result<Evaluation, TargetError> {
            let mut at = self.gaussian.log_density_and_score(theta, &Batch::Full)?;
            let total = self.values.len();
            let (sum, count) = match batch {
                Batch::Full => (self.values.iter().sum::<f64>(), total),
                Batch::Rows { rows, .. } => {
                    let sum: f64 = rows.iter().map(|row| self.values[*row]).sum();
                    (sum * total as f64 / rows.len() as f64, rows.len())
                }
            };
            let times = if count > self.most { 2.0 } else { 1.0 };
            let first = theta.clone().narrow(1, 0, 1).flatten::<1>(0, 1);
            at.log_density = at.log_density + first * (times * sum);
            Ok(at)
        }

        fn plates(&self) -> Vec<Plate> {
            vec![Plate {
                name: "N".into(),
                rows: self.values.len(),
            }]
        }

        fn parameters(&self) -> &[Parameter] {
            self.gaussian.parameters()
        }

        fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError> {
            self.gaussian.constrain(theta, seed)
        }

        fn placement(&self) -> &Placement {
            self.gaussian.placement()
        }
    }

    fn measured(rows: usize, most: usize) -> SumOverBatches {
        let target = Rows {
            gaussian: GaussianTarget::standard(2),
            values: (0..rows).map(|row| (row as f64).sin()).collect(),
            most,
        };
        let q = Independent::new(&[1.0, 0.0], &[0.5, 1.0]);
        let minibatch = "N=8".parse().unwrap();
        let batches = Batches::of(&target, &minibatch, 3).unwrap();
        SumOverBatches::measure(&target, &q, &batches, 1).unwrap()
    }

    #[test]
    fn a_sum_over_rows_is_the_sum_over_batches() {
        for rows in [8, 9, 100, 10_000] {
            let sum = measured(rows, usize::MAX);
            assert!(sum.difference < 1e-12 && !sum.differs(), "{sum:?}");
        }
    }

    #[test]
    fn what_depends_on_how_many_rows_there_are_is_none() {
        for rows in [100, 10_000] {
            let sum = measured(rows, 50);
            assert!(sum.differs(), "{sum:?}");
        }
    }
}
