//! The family: independent Gaussians, to be replaced by yours.

use burn::tensor::Tensor;
use firebrand_core::{
    Approximation, Family, FamilyCapabilities, FamilyError, GaussianStart, OptionsError, Placement,
    Plugin, Sample, SampleCotangent, to_host,
};

firebrand_core::options! {
    /// Options of the family: `NAME(widen: 1.5)` on the command line.
    pub struct TemplateOptions {
        /// Factor on the standard deviations of the start.
        widen: f64 = 1.0,
    }
}

/// The family.
pub struct Template {
    options: TemplateOptions,
}

impl Plugin for Template {
    type Options = TemplateOptions;
    const NAME: &'static str = "template";
    const DOC: &'static str = "Independent Gaussians";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn new(options: TemplateOptions) -> Result<Self, OptionsError> {
        if !(options.widen.is_finite() && options.widen > 0.0) {
            let reason = "`widen` must be positive";
            return Err(OptionsError::invalid::<TemplateOptions>(Self::NAME, reason));
        }
        Ok(Template { options })
    }
}

impl Family for Template {
    fn name(&self) -> &str {
        Self::NAME
    }

    /// Algorithms rely on what is said here.
    fn capabilities(&self) -> FamilyCapabilities {
        FamilyCapabilities {
            score: true,
            ..FamilyCapabilities::default()
        }
    }

    /// The member nearest to a Gaussian: a fit begins there.
    fn start(
        &self,
        _dimension: usize,
        gaussian: &GaussianStart,
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        let log_scale = |variance: f64| 0.5 * variance.ln() + self.options.widen.ln();
        let mut lambda = gaussian.mean.clone();
        lambda.extend(gaussian.covariance.diagonal().into_iter().map(log_scale));
        Ok(Box::new(Member::new(lambda, placement)?))
    }
}

/// A member. Its parameters, lambda, are D means and then the logarithms of D standard deviations; all values are allowed.
#[derive(Clone)]
struct Member {
    lambda: Vec<f64>,
    placement: Placement,
    /// `[1, D]` both.
    mean: Tensor<2>,
    scale: Tensor<2>,
    /// The log density at the mean.
    constant: f64,
}

impl Member {
    fn new(lambda: Vec<f64>, placement: &Placement) -> Result<Self, FamilyError> {
        let dimension = lambda.len() / 2;
        let (mean, log_scale) = lambda.split_at(dimension);
        let scale: Vec<f64> = log_scale.iter().map(|log| log.exp()).collect();
        if !mean.iter().all(|m| m.is_finite()) || !scale.iter().all(|s| s.is_normal()) {
            // This error is one that algorithms recover from, with a smaller step.
            let what = "a mean or a scale".into();
            return Err(FamilyError::NotFinite { what });
        }
        let half_log_two_pi = 0.5 * (2.0 * std::f64::consts::PI).ln();
        Ok(Member {
            mean: placement.matrix(mean.to_vec(), [1, dimension]),
            scale: placement.matrix(scale, [1, dimension]),
            constant: -log_scale.iter().map(|l| l + half_log_two_pi).sum::<f64>(),
            lambda,
            placement: placement.clone(),
        })
    }

    /// `(theta - mean) / scale`, `[S, D]`.
    fn standardised(&self, theta: &Tensor<2>) -> Tensor<2> {
        (theta.clone() - self.mean.clone()) / self.scale.clone()
    }

    /// The derivative in lambda from `[S, D]` derivatives in mean and log scale, summed over draws.
    fn pulled(&self, mean: Tensor<2>, log_scale: Tensor<2>) -> Tensor<1> {
        let sum = |t: Tensor<2>| t.sum_dim(0).reshape([self.dimension()]);
        Tensor::cat(vec![sum(mean), sum(log_scale)], 0)
    }
}

impl Approximation for Member {
    fn family(&self) -> &str {
        Template::NAME
    }

    fn dimension(&self) -> usize {
        self.lambda.len() / 2
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }

    fn lambda(&self) -> Tensor<1> {
        self.placement.vector(&self.lambda)
    }

    fn set_lambda(&mut self, lambda: &Tensor<1>) -> Result<(), FamilyError> {
        let lambda = to_host(lambda);
        if lambda.len() != self.lambda.len() {
            return Err(FamilyError::Size {
                what: "lambda".into(),
                expected: self.lambda.len(),
                found: lambda.len(),
            });
        }
        *self = Self::new(lambda, &self.placement)?;
        Ok(())
    }

    fn clone_box(&self) -> Box<dyn Approximation> {
        Box::new(self.clone())
    }

    /// Draws `[S, D]` as a function of standard normal noise.
    fn sample(&self, noise: &Tensor<2>) -> Result<Sample, FamilyError> {
        Ok(Sample {
            theta: noise.clone() * self.scale.clone() + self.mean.clone(),
            log_weight: None,
        })
    }

    /// The normalised log density `[S]`.
    fn log_prob(&self, theta: &Tensor<2>) -> Result<Tensor<1>, FamilyError> {
        let u = self.standardised(theta);
        let square = (u.clone() * u).sum_dim(1).reshape([theta.dims()[0]]);
        Ok(square * -0.5 + self.constant)
    }

    /// The gradient of the log density in theta, `[S, D]`.
    fn score(&self, theta: &Tensor<2>) -> Result<Tensor<2>, FamilyError> {
        Ok(-(self.standardised(theta) / self.scale.clone()))
    }

    /// From theta = mean + scale noise: 1 in the mean, scale noise in the log scale.
    fn pull_sample(
        &self,
        noise: &Tensor<2>,
        cotangent: &SampleCotangent,
    ) -> Result<Tensor<1>, FamilyError> {
        let c = cotangent.theta.clone();
        let moved = noise.clone() * self.scale.clone();
        Ok(self.pulled(c.clone(), c * moved))
    }

    /// From log q = -u^2 / 2 - log scale: u / scale in the mean, u^2 - 1 in the log scale.
    fn pull_log_prob(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<1>,
    ) -> Result<Tensor<1>, FamilyError> {
        let u = self.standardised(theta);
        let c = cotangent.clone().reshape([theta.dims()[0], 1]);
        let mean = u.clone() / self.scale.clone() * c.clone();
        Ok(self.pulled(mean, (u.clone() * u - 1.0) * c))
    }

    /// From the score -u / scale: 1 / scale^2 in the mean, 2 u / scale in the log scale.
    fn pull_score(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<2>,
    ) -> Result<Tensor<1>, FamilyError> {
        let c = cotangent.clone() / self.scale.clone();
        let log_scale = c.clone() * self.standardised(theta) * 2.0;
        Ok(self.pulled(c / self.scale.clone(), log_scale))
    }
}
