//! The choice of how steps are taken.

use firebrand_core::start::Start;
use firebrand_core::{
    Approximation, Inference, InferenceError, OptionsError, Plugin, Requirements, Running,
    Structure, Target,
};

use crate::adaptive::Adaptive;
use crate::natural::Natural;
use crate::on_device::OnDevice;
use crate::quasi_newton::QuasiNewton;
use crate::rounds::Rounds;

firebrand_core::options! {
    /// Options of `advi`.
    pub struct AdviOptions {
        /// Draws at first; by default twice the dimension, and at least 256. For adaptive steps: draws per step, 64, or 2 where more than
        /// 1000 coordinates are independent.
        draws: Option<usize> = None,
        /// Draws at most.
        max_draws: usize = 8192,
        /// The run has converged when fresh draws ask for changes below this many standard deviations.
        tolerance: f64 = 0.01,
        /// Whether to take adaptive stochastic steps also where a family allows better ones.
        adaptive: bool = false,
        /// Size of adaptive steps at first, in standard deviations of the draws.
        step_size: f64 = 0.02,
    }
}

/// Above this dimension steps are adaptive: quasi-Newton ones hold twenty pairs of vectors, and all their draws.
const QUASI_NEWTON_LIMIT: usize = 20_000;

/// Automatic differentiation variational inference.
pub struct Advi {
    options: AdviOptions,
}

impl Plugin for Advi {
    type Options = AdviOptions;
    const NAME: &'static str = "advi";
    const DOC: &'static str =
        "Maximises the ELBO: natural-gradient, quasi-Newton or adaptive steps";

    fn new(options: AdviOptions) -> Result<Self, OptionsError> {
        let invalid = |reason| Err(OptionsError::invalid::<AdviOptions>(Self::NAME, reason));
        if options.draws.is_some_and(|draws| draws < 2) || options.max_draws < 2 {
            return invalid("`draws` and `max_draws` must be at least 2");
        }
        if !(options.step_size.is_finite() && options.step_size > 0.0) {
            return invalid("`step_size` must be positive");
        }
        if !(options.tolerance.is_finite() && options.tolerance > 0.0) {
            return invalid("`tolerance` must be positive");
        }
        Ok(Advi { options })
    }
}

impl Inference for Advi {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn requires(&self) -> Requirements {
        // The entropy's gradient goes through the draws, by the score of the approximation.
        Requirements {
            gaussian: None,
            score: true,
        }
    }

    /// Six epochs of adaptive steps.
    fn max_steps(&self) -> u64 {
        6300
    }

    fn begin(
        &self,
        approximation: Box<dyn Approximation>,
        target: &dyn Target,
        start: &Start,
    ) -> Result<Box<dyn Running>, InferenceError> {
        let options = &self.options;
        let rounds = Rounds::new(target.dimension(), options);
        let structure = approximation
            .gaussian()
            .map(|gaussian| gaussian.structure());
        Ok(match structure {
            Some(Structure::Dense) if !options.adaptive => {
                Box::new(Natural::new(approximation, rounds)?)
            }
            Some(Structure::Diagonal)
                if !options.adaptive && target.dimension() <= QUASI_NEWTON_LIMIT =>
            {
                Box::new(QuasiNewton::new(approximation, rounds, start)?)
            }
            Some(Structure::Diagonal) if approximation.placement().keeps(target.dimension()) => {
                Box::new(OnDevice::new(approximation, options)?)
            }
            _ => Box::new(Adaptive::new(approximation, options)?),
        })
    }

    /// Natural-gradient and quasi-Newton steps rest on exact scores.
    fn begin_on_batches(
        &self,
        approximation: Box<dyn Approximation>,
        target: &dyn Target,
        _start: &Start,
    ) -> Result<Box<dyn Running>, InferenceError> {
        let gaussian = approximation.gaussian();
        let is_independent = gaussian.is_some_and(|q| q.structure() == Structure::Diagonal);
        if is_independent && approximation.placement().keeps(target.dimension()) {
            let running = OnDevice::new(approximation, &self.options)?;
            return Ok(Box::new(running.on_batches()));
        }
        let running = Adaptive::new(approximation, &self.options)?;
        Ok(Box::new(running.on_batches()))
    }
}
