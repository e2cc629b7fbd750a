//! Targets with one fault each: the identity that it breaks has to fail.

use burn::tensor::Tensor;
use firebrand_core::{
    Batch, Constrained, Density, Evaluation, Parameter, Placement, Target, TargetError,
};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetFault {
    /// The score is that of half of the data, not scaled up to all of it.
    UnscaledScore,
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
