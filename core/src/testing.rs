//! A small family and a small algorithm, for the tests of this crate alone.

use burn::tensor::Tensor;
use faer::Mat;

use crate::family::{
    Approximation, Family, FamilyCapabilities, FamilyError, Sample, SampleCotangent,
};
use crate::gaussian::{Covariance, Gaussian, GaussianStart, Structure};
use crate::inference::{
    Inference, InferenceError, Progress, Requirements, Running, StepContext, StepError, StepReport,
};
use crate::options::OptionsError;
use crate::placement::{Placement, to_host};
use crate::randomness::Stream;
use crate::registry::{FamilyPlugin, InferencePlugin, Plugin};
use crate::start::Start;
use crate::target::Target;

/// Independent Gaussians on the host; lambda is means, then log standard deviations.
#[derive(Clone)]
pub struct Independent {
    pub mean: Vec<f64>,
    pub sd: Vec<f64>,
    placement: Placement,
}

impl Independent {
    pub fn new(mean: &[f64], sd: &[f64]) -> Self {
        Independent {
            mean: mean.to_vec(),
            sd: sd.to_vec(),
            placement: Placement::cpu(),
        }
    }

    fn map(&self, x: &Tensor<2>, f: impl Fn(f64, f64, f64) -> f64) -> Tensor<2> {
        let dimension = self.mean.len();
        let values = to_host(x)
            .iter()
            .enumerate()
            .map(|(i, &x)| f(x, self.mean[i % dimension], self.sd[i % dimension]))
            .collect();
        self.placement.matrix(values, x.dims())
    }

    fn unsupported<T>(&self, operation: &str) -> Result<T, FamilyError> {
        Err(FamilyError::Unsupported {
            family: self.family().into(),
            operation: operation.into(),
        })
    }
}

impl Approximation for Independent {
    fn family(&self) -> &str {
        "independent"
    }

    fn dimension(&self) -> usize {
        self.mean.len()
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }

    fn lambda(&self) -> Tensor<1> {
        let log_sd = self.sd.iter().map(|sd| sd.ln());
        let lambda: Vec<f64> = self.mean.iter().copied().chain(log_sd).collect();
        self.placement.vector(&lambda)
    }

    fn set_lambda(&mut self, lambda: &Tensor<1>) -> Result<(), FamilyError> {
        let lambda = to_host(lambda);
        let (mean, log_sd) = lambda.split_at(self.mean.len());
        self.mean = mean.to_vec();
        self.sd = log_sd.iter().map(|x| x.exp()).collect();
        Ok(())
    }

    fn clone_box(&self) -> Box<dyn Approximation> {
        Box::new(self.clone())
    }

    fn sample(&self, noise: &Tensor<2>) -> Result<Sample, FamilyError> {
        Ok(Sample {
            theta: self.map(noise, |z, mean, sd| mean + sd * z),
            log_weight: None,
        })
    }

    fn log_prob(&self, theta: &Tensor<2>) -> Result<Tensor<1>, FamilyError> {
        let half_log_two_pi = 0.5 * (2.0 * std::f64::consts::PI).ln();
        let terms = self.map(theta, |x, mean, sd| {
            -half_log_two_pi - sd.ln() - 0.5 * ((x - mean) / sd).powi(2)
        });
        let terms = to_host(&terms);
        let sums: Vec<f64> = terms
            .chunks(self.mean.len())
            .map(|row| row.iter().sum())
            .collect();
        Ok(self.placement.vector(&sums))
    }

    fn score(&self, theta: &Tensor<2>) -> Result<Tensor<2>, FamilyError> {
        Ok(self.map(theta, |x, mean, sd| (mean - x) / (sd * sd)))
    }

    fn pull_sample(
        &self,
        noise: &Tensor<2>,
        cotangent: &SampleCotangent,
    ) -> Result<Tensor<1>, FamilyError> {
        let dimension = self.mean.len();
        let entries = to_host(&cotangent.theta).into_iter().zip(to_host(noise));
        let mut lambda = vec![0.0; 2 * dimension];
        for (i, (cotangent, z)) in entries.enumerate() {
            let d = i % dimension;
            lambda[d] += cotangent;
            lambda[dimension + d] += cotangent * self.sd[d] * z;
        }
        Ok(self.placement.vector(&lambda))
    }

    fn pull_log_prob(&self, _: &Tensor<2>, _: &Tensor<1>) -> Result<Tensor<1>, FamilyError> {
        self.unsupported("pull back its log density")
    }

    fn pull_score(&self, _: &Tensor<2>, _: &Tensor<2>) -> Result<Tensor<1>, FamilyError> {
        self.unsupported("pull back its score")
    }

    fn gaussian(&self) -> Option<&dyn Gaussian> {
        Some(self)
    }

    fn gaussian_mut(&mut self) -> Option<&mut dyn Gaussian> {
        Some(self)
    }
}

impl Gaussian for Independent {
    fn structure(&self) -> Structure {
        Structure::Diagonal
    }

    fn mean(&self) -> Vec<f64> {
        self.mean.clone()
    }

    fn covariance(&self) -> Covariance {
        Covariance::Diagonal(self.sd.iter().map(|sd| sd * sd).collect())
    }

    fn scale(&self) -> Mat<f64> {
        let n = self.sd.len();
        Mat::from_fn(n, n, |i, j| if i == j { self.sd[i] } else { 0.0 })
    }

    fn set(&mut self, mean: &[f64], covariance: &Covariance) -> Result<(), FamilyError> {
        self.mean = mean.to_vec();
        self.sd = covariance.diagonal().iter().map(|v| v.sqrt()).collect();
        Ok(())
    }
}

/// The family of [`Independent`].
pub struct IndependentFamily;

impl Plugin for IndependentFamily {
    type Options = ();
    const NAME: &'static str = "independent";
    const DOC: &'static str = "Independent Gaussians.";
    fn new((): ()) -> Result<Self, OptionsError> {
        Ok(IndependentFamily)
    }
}

impl Family for IndependentFamily {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn capabilities(&self) -> FamilyCapabilities {
        FamilyCapabilities {
            gaussian: Some(Structure::Diagonal),
            score: true,
        }
    }

    fn start(
        &self,
        _dimension: usize,
        gaussian: &GaussianStart,
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        let sd: Vec<f64> = gaussian
            .covariance
            .diagonal()
            .iter()
            .map(|v| v.sqrt())
            .collect();
        Ok(Box::new(Independent {
            mean: gaussian.mean.clone(),
            sd,
            placement: placement.clone(),
        }))
    }
}

inventory::submit! { FamilyPlugin::of::<IndependentFamily>() }

crate::options! {
    /// Options of [`Nudge`].
    pub struct NudgeOptions {
        /// Draws per step.
        draws: usize = 8,
        /// What goes wrong in each step after the first two: "nothing", "reject", "fatal" or "panic".
        trouble: String = "nothing".into(),
        /// Whether a dense covariance is asked for.
        dense: bool = false,
    }
}

/// Moves the mean along the average score, and never the standard deviations.
pub struct Nudge {
    options: NudgeOptions,
}

impl Plugin for Nudge {
    type Options = NudgeOptions;
    const NAME: &'static str = "nudge";
    const DOC: &'static str = "Moves the mean along the score.";
    fn new(options: NudgeOptions) -> Result<Self, OptionsError> {
        if options.draws == 0 {
            return Err(OptionsError::invalid::<NudgeOptions>(
                Self::NAME,
                "`draws` must be at least 1",
            ));
        }
        Ok(Nudge { options })
    }
}

inventory::submit! { InferencePlugin::of::<Nudge>() }

impl Inference for Nudge {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn requires(&self) -> Requirements {
        let structure = if self.options.dense {
            Structure::Dense
        } else {
            Structure::Diagonal
        };
        Requirements {
            gaussian: Some(structure),
            score: false,
        }
    }

    fn max_steps(&self) -> u64 {
        200
    }

    fn begin(
        &self,
        approximation: Box<dyn Approximation>,
        _target: &dyn Target,
        _start: &Start,
    ) -> Result<Box<dyn Running>, InferenceError> {
        Ok(Box::new(Nudging {
            options: self.options.clone(),
            approximation,
        }))
    }
}

struct Nudging {
    options: NudgeOptions,
    approximation: Box<dyn Approximation>,
}

impl Running for Nudging {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        if context.step >= 2 {
            match self.options.trouble.as_str() {
                "reject" => return Err(FamilyError::NotPositiveDefinite.into()),
                "fatal" => return Err(StepError::Fatal("the sky fell".into())),
                "panic" => panic!("index out of bounds"),
                _ => {}
            }
        }
        let noise = context.noise(
            Stream::Draws,
            self.approximation.noise_shape(self.options.draws),
        );
        let theta = self.approximation.sample(&noise)?.theta;
        let out = context
            .target
            .log_density_and_score(&theta, context.batch)?;
        let step = to_host(&out.score.mean_dim(0).squeeze::<1>());
        let gaussian = self
            .approximation
            .gaussian_mut()
            .ok_or_else(|| StepError::Fatal("not a Gaussian".into()))?;
        let mean: Vec<f64> = gaussian
            .mean()
            .iter()
            .zip(&step)
            .map(|(m, s)| m + 0.2 * s)
            .collect();
        let covariance = gaussian.covariance();
        gaussian.set(&mean, &covariance)?;
        let size = step.iter().fold(0.0_f64, |a, s| a.max(s.abs()));
        let progress = if size < 1e-3 {
            Progress::Converged("the mean no longer moves".into())
        } else {
            Progress::Continue
        };
        Ok(StepReport {
            diagnostics: vec![("size", size)],
            progress,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.approximation.as_ref()
    }

    fn save(&self) -> Vec<u8> {
        self.approximation.save()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        Ok(self.approximation.restore(state)?)
    }
}
