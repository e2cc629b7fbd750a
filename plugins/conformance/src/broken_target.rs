//! Targets with one fault each: the identity that it breaks has to fail.

use burn::tensor::Tensor;
use firebrand_core::{
    Batch, Constrained, Density, Evaluation, Parameter, Placement, Plate, Target, TargetError,
};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetFault {
    /// The score is that of half of the data, not scaled up to all of it.
    UnscaledScore,
    /// The score of some rows is not scaled up to all of them.
    UnscaledBatches,
    /// Invalid draws are called valid.
    UnmarkedInvalid,
}

/// A target that is right but for one fault.
pub struct BrokenTarget<T> {
    target: T,
    fault: TargetFault,
}

impl<T: Target> BrokenTarget<T> {
    /// Breaks a target.
    pub fn new(target: T, fault: TargetFault) -> Self {
        BrokenTarget { target, fault }
    }

    /// The share of the rows that a batch has.
    fn share(&self, batch: &Batch) -> f64 {
        match batch {
            Batch::Full => 1.0,
            Batch::Rows { plate, rows } => {
                let plates = self.target.plates();
                let total = plates.iter().find(|known| known.name == *plate);
                total.map_or(1.0, |total| rows.len() as f64 / total.rows as f64)
            }
        }
    }
}

impl<T: Target> Target for BrokenTarget<T> {
    fn dimension(&self) -> usize {
        self.target.dimension()
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        let at = self.target.log_density_and_score(theta, batch)?;
        Ok(match self.fault {
            TargetFault::UnscaledScore => Evaluation {
                score: at.score * 0.5,
                ..at
            },
            TargetFault::UnscaledBatches => Evaluation {
                score: at.score * self.share(batch),
                ..at
            },
            TargetFault::UnmarkedInvalid => Evaluation {
                valid: vec![true; at.valid.len()],
                ..at
            },
        })
    }

    fn log_density(&self, theta: &Tensor<2>, batch: &Batch) -> Result<Density, TargetError> {
        let at = self.log_density_and_score(theta, batch)?;
        Ok(Density {
            log_density: at.log_density,
            valid: at.valid,
        })
    }

    fn plates(&self) -> Vec<Plate> {
        self.target.plates()
    }

    fn parameters(&self) -> &[Parameter] {
        self.target.parameters()
    }

    fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError> {
        self.target.constrain(theta, seed)
    }

    fn placement(&self) -> &Placement {
        self.target.placement()
    }
}
