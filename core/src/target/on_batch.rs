//! A target that takes some of its data for all of it.

use std::sync::atomic::AtomicBool;

use burn::tensor::Tensor;

use super::{Batch, Constrained, Density, Evaluation, Parameter, Plate, Target, TargetError};
use crate::placement::Placement;

/// A target whose full density is that of one batch of another's: for work that wants a density that stays the same, but not all
/// of the data.
pub struct OnBatch<'a> {
    target: &'a dyn Target,
    batch: Batch,
}

impl<'a> OnBatch<'a> {
    /// `target`, evaluated on `batch` where all of its data is asked for.
    pub fn new(target: &'a dyn Target, batch: Batch) -> Self {
        OnBatch { target, batch }
    }

    fn instead<'b>(&'b self, batch: &'b Batch) -> &'b Batch {
        match batch {
            Batch::Full => &self.batch,
            rows => rows,
        }
    }
}

impl Target for OnBatch<'_> {
    fn dimension(&self) -> usize {
        self.target.dimension()
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        self.target
            .log_density_and_score(theta, self.instead(batch))
    }

    fn log_density(&self, theta: &Tensor<2>, batch: &Batch) -> Result<Density, TargetError> {
        self.target.log_density(theta, self.instead(batch))
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

    fn constrain_until(
        &self,
        theta: &Tensor<2>,
        seed: u64,
        cancelled: &AtomicBool,
    ) -> Result<Constrained, TargetError> {
        self.target.constrain_until(theta, seed, cancelled)
    }

    fn constrain_parameters(&self, theta: &Tensor<2>) -> Result<Constrained, TargetError> {
        self.target.constrain_parameters(theta)
    }

    fn placement(&self) -> &Placement {
        self.target.placement()
    }
}
