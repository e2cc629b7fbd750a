//! A family that does as it should until the run is over, and then panics.

use std::cell::Cell;

use burn::tensor::Tensor;
use firebrand_core::{
    Approximation, Family, FamilyCapabilities, FamilyError, GaussianStart, OptionsError, Placement,
    Plugin, Sample, SampleCotangent,
};

use crate::family::{StudentT, StudentTOptions};

firebrand_core::options! {
    /// Options of `late`.
    pub struct LateOptions {
        /// The function that panics: "clone"; "noise_shape", if more draws are asked for than a step takes; or "lambda", once so many
        /// were taken.
        trouble: String = "nothing".into(),
    }
}

/// More draws than a step takes, and no more than a check of the result.
const MANY: usize = 1000;

/// Student t, with trouble.
pub struct Late {
    options: LateOptions,
    family: StudentT,
}

impl Plugin for Late {
    type Options = LateOptions;
    const NAME: &'static str = "late";
    const DOC: &'static str = "Panics when the run is over.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn new(options: LateOptions) -> Result<Self, OptionsError> {
        let family = StudentT::new(StudentTOptions::default())?;
        Ok(Late { options, family })
    }
}

impl Family for Late {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn capabilities(&self) -> FamilyCapabilities {
        self.family.capabilities()
    }

    fn start(
        &self,
        dimension: usize,
        gaussian: &GaussianStart,
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        Ok(Box::new(Member {
            q: self.family.start(dimension, gaussian, placement)?,
            trouble: self.options.trouble.clone(),
            checked: Cell::new(false),
        }))
    }
}

struct Member {
    q: Box<dyn Approximation>,
    trouble: String,
    /// Whether many draws were taken.
    checked: Cell<bool>,
}

impl Member {
    fn panic_if(&self, trouble: &str, now: bool) {
        assert!(!(self.trouble == trouble && now), "the well ran dry");
    }
}

impl Approximation for Member {
    fn family(&self) -> &str {
        Late::NAME
    }

    fn dimension(&self) -> usize {
        self.q.dimension()
    }

    fn placement(&self) -> &Placement {
        self.q.placement()
    }

    fn lambda(&self) -> Tensor<1> {
        self.panic_if("lambda", self.checked.get());
        self.q.lambda()
    }

    fn set_lambda(&mut self, lambda: &Tensor<1>) -> Result<(), FamilyError> {
        self.q.set_lambda(lambda)
    }

    fn clone_box(&self) -> Box<dyn Approximation> {
        self.panic_if("clone", true);
        Box::new(Member {
            q: self.q.clone_box(),
            trouble: self.trouble.clone(),
            checked: self.checked.clone(),
        })
    }

    fn noise_shape(&self, draws: usize) -> [usize; 2] {
        self.panic_if("noise_shape", draws >= MANY);
        self.q.noise_shape(draws)
    }

    fn sample(&self, noise: &Tensor<2>) -> Result<Sample, FamilyError> {
        self.checked.set(noise.dims()[0] >= MANY);
        self.q.sample(noise)
    }

    fn log_prob(&self, theta: &Tensor<2>) -> Result<Tensor<1>, FamilyError> {
        self.q.log_prob(theta)
    }

    fn score(&self, theta: &Tensor<2>) -> Result<Tensor<2>, FamilyError> {
        self.q.score(theta)
    }

    fn pull_sample(
        &self,
        noise: &Tensor<2>,
        cotangent: &SampleCotangent,
    ) -> Result<Tensor<1>, FamilyError> {
        self.q.pull_sample(noise, cotangent)
    }

    fn pull_log_prob(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<1>,
    ) -> Result<Tensor<1>, FamilyError> {
        self.q.pull_log_prob(theta, cotangent)
    }

    fn pull_score(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<2>,
    ) -> Result<Tensor<1>, FamilyError> {
        self.q.pull_score(theta, cotangent)
    }
}
