//! What takes the place of an approximation that could not be had at the end of a run.

use burn::tensor::Tensor;

use crate::family::{Approximation, FamilyError, Sample, SampleCotangent};
use crate::panics::tell;
use crate::placement::Placement;

/// An approximation that is lost, with the reason. All that it is asked for is an error, or a panic where that cannot be returned.
#[derive(Clone)]
pub struct Lost {
    /// The name of the family that it was of.
    pub family: String,
    pub dimension: usize,
    pub placement: Placement,
    pub because: String,
}

impl Lost {
    fn error<T>(&self) -> Result<T, FamilyError> {
        let because = &self.because;
        let text = format!("the approximation is lost: {because}");
        Err(FamilyError::Other(text))
    }
}

impl Approximation for Lost {
    fn family(&self) -> &str {
        &self.family
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }

    fn lambda(&self) -> Tensor<1> {
        tell(format!("the approximation is lost: {}", self.because))
    }

    fn set_lambda(&mut self, _: &Tensor<1>) -> Result<(), FamilyError> {
        self.error()
    }

    fn clone_box(&self) -> Box<dyn Approximation> {
        Box::new(self.clone())
    }

    fn sample(&self, _: &Tensor<2>) -> Result<Sample, FamilyError> {
        self.error()
    }

    fn log_prob(&self, _: &Tensor<2>) -> Result<Tensor<1>, FamilyError> {
        self.error()
    }

    fn score(&self, _: &Tensor<2>) -> Result<Tensor<2>, FamilyError> {
        self.error()
    }

    fn pull_sample(&self, _: &Tensor<2>, _: &SampleCotangent) -> Result<Tensor<1>, FamilyError> {
        self.error()
    }

    fn pull_log_prob(&self, _: &Tensor<2>, _: &Tensor<1>) -> Result<Tensor<1>, FamilyError> {
        self.error()
    }

    fn pull_score(&self, _: &Tensor<2>, _: &Tensor<2>) -> Result<Tensor<1>, FamilyError> {
        self.error()
    }
}
