//! A target as it is reported: its draws on the model's scale, with or without generated quantities.

use std::sync::atomic::AtomicBool;

use burn::tensor::Tensor;
use firebrand_core::{
    Batch, Constrained, Density, Evaluation, Parameter, Placement, Target, TargetError,
};

/// A target that says less of its draws, or gives up saying it.
pub(crate) enum Reported<'a> {
    /// Without generated quantities.
    Parameters(&'a dyn Target),
    /// With them, unless the flag is raised while they are computed.
    All(&'a dyn Target, &'a AtomicBool),
}

impl Reported<'_> {
    fn target(&self) -> &dyn Target {
        match self {
            Reported::Parameters(target) | Reported::All(target, _) => *target,
        }
    }
}

impl Target for Reported<'_> {
    fn dimension(&self) -> usize {
        self.target().dimension()
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        self.target().log_density_and_score(theta, batch)
    }

    fn log_density(&self, theta: &Tensor<2>, batch: &Batch) -> Result<Density, TargetError> {
        self.target().log_density(theta, batch)
    }

    fn parameters(&self) -> &[Parameter] {
        self.target().parameters()
    }

    fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError> {
        match self {
            Reported::Parameters(target) => target.constrain_parameters(theta),
            Reported::All(target, cancelled) => target.constrain_until(theta, seed, cancelled),
        }
    }

    fn placement(&self) -> &Placement {
        self.target().placement()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raised_flag_ends_them() {
        let target = firebrand_core::GaussianTarget::standard(1);
        let theta = Placement::cpu().zeros([2, 1]);
        let raised = Reported::All(&target, &AtomicBool::new(true)).constrain(&theta, 5);
        assert_eq!(raised, Err(TargetError::Interrupted));
        let parameters = Reported::Parameters(&target).constrain(&theta, 5);
        assert_eq!(parameters.expect("draws").draws(), 2);
    }
}
