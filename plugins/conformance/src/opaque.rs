//! A family that hides being Gaussian, so that an algorithm treats it as it would any family.

use burn::tensor::Tensor;
use firebrand_core::{
    Approximation, Family, FamilyCapabilities, FamilyError, GaussianStart, Placement, Sample,
    SampleCotangent,
};

/// A family without the Gaussian capability, and otherwise the one inside.
pub struct Opaque<F>(pub F);

impl<F: Family> Family for Opaque<F> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn capabilities(&self) -> FamilyCapabilities {
        FamilyCapabilities {
            gaussian: None,
            ..self.0.capabilities()
        }
    }

    fn start(
        &self,
        dimension: usize,
        gaussian: &GaussianStart,
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        let inner = self.0.start(dimension, gaussian, placement)?;
        Ok(Box::new(OpaqueMember(inner)))
    }
}

struct OpaqueMember(Box<dyn Approximation>);

impl Approximation for OpaqueMember {
    fn family(&self) -> &str {
        self.0.family()
    }

    fn dimension(&self) -> usize {
        self.0.dimension()
    }

    fn placement(&self) -> &Placement {
        self.0.placement()
    }

    fn lambda(&self) -> Tensor<1> {
        self.0.lambda()
    }

    fn set_lambda(&mut self, lambda: &Tensor<1>) -> Result<(), FamilyError> {
        self.0.set_lambda(lambda)
    }

    fn clone_box(&self) -> Box<dyn Approximation> {
        Box::new(OpaqueMember(self.0.clone_box()))
    }

    fn sample(&self, noise: &Tensor<2>) -> Result<Sample, FamilyError> {
        self.0.sample(noise)
    }

    fn log_prob(&self, theta: &Tensor<2>) -> Result<Tensor<1>, FamilyError> {
        self.0.log_prob(theta)
    }

    fn score(&self, theta: &Tensor<2>) -> Result<Tensor<2>, FamilyError> {
        self.0.score(theta)
    }

    fn pull_sample(
        &self,
        noise: &Tensor<2>,
        cotangent: &SampleCotangent,
    ) -> Result<Tensor<1>, FamilyError> {
        self.0.pull_sample(noise, cotangent)
    }

    fn pull_log_prob(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<1>,
    ) -> Result<Tensor<1>, FamilyError> {
        self.0.pull_log_prob(theta, cotangent)
    }

    fn pull_score(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<2>,
    ) -> Result<Tensor<1>, FamilyError> {
        self.0.pull_score(theta, cotangent)
    }

    fn save(&self) -> Vec<u8> {
        self.0.save()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), FamilyError> {
        self.0.restore(state)
    }
}
