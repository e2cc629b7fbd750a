use burn::tensor::Tensor;
use firebrand_core::{
    Batch, Constrained, Density, Evaluation, Parameter, Placement, Target, TargetError,
};

/// A target whose draws have no generated quantities: for models in which computing those fails.
pub(crate) struct ParametersOnly<'a>(pub &'a dyn Target);

impl Target for ParametersOnly<'_> {
    fn dimension(&self) -> usize {
        self.0.dimension()
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        self.0.log_density_and_score(theta, batch)
    }

    fn log_density(&self, theta: &Tensor<2>, batch: &Batch) -> Result<Density, TargetError> {
        self.0.log_density(theta, batch)
    }

    fn parameters(&self) -> &[Parameter] {
        self.0.parameters()
    }

    fn constrain(&self, theta: &Tensor<2>, _seed: u64) -> Result<Constrained, TargetError> {
        self.0.constrain_parameters(theta)
    }

    fn placement(&self) -> &Placement {
        self.0.placement()
    }
}
