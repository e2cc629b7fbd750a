//! The target: a log density with its gradient, to be replaced by yours.

use burn::tensor::Tensor;
use firebrand_core::{
    Batch, Constrained, Evaluation, FnTarget, OptionsError, Parameter, Placement, Plugin, Target,
    TargetError,
};

firebrand_core::options! {
    /// Options of the target: `target:NAME(events: 12)` on the command line.
    pub struct TemplateOptions {
        /// Events that were counted.
        events: usize = 8,
        /// For how long they were counted.
        duration: f64 = 2.0,
    }
}

/// The log of the rate of a Poisson process, with a Gamma(1, 1) prior on the rate.
pub struct Template {
    density: Box<dyn Target>,
}

impl Plugin for Template {
    type Options = TemplateOptions;
    const NAME: &'static str = "template";
    const DOC: &'static str = "The log rate of a Poisson process";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn new(options: TemplateOptions) -> Result<Self, OptionsError> {
        if !(options.duration.is_finite() && options.duration > 0.0) {
            let reason = "`duration` must be positive";
            return Err(OptionsError::invalid::<TemplateOptions>(Self::NAME, reason));
        }
        let TemplateOptions { events, duration } = options;
        let count = events as f64 + 1.0;
        let duration = duration + 1.0;
        // One point in, its log density out, and the gradient written. Where either is not finite, `FnTarget` marks the draw as invalid.
        let density = FnTarget::new(1, move |theta: &[f64], score: &mut [f64]| {
            let rate = theta[0].exp();
            score[0] = count - rate * duration;
            count * theta[0] - rate * duration
        });
        Ok(Template {
            density: Box::new(density),
        })
    }
}

/// To evaluate many draws at once on tensors, write these out.
impl Target for Template {
    fn dimension(&self) -> usize {
        self.density.dimension()
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        self.density.log_density_and_score(theta, batch)
    }

    fn parameters(&self) -> &[Parameter] {
        self.density.parameters()
    }

    fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError> {
        self.density.constrain(theta, seed)
    }

    fn placement(&self) -> &Placement {
        self.density.placement()
    }
}
