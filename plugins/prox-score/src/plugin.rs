//! The choice of how steps are solved.

use firebrand_core::start::{Start, enough_draws};
use firebrand_core::{
    Approximation, Inference, InferenceError, OptionsError, Plugin, Requirements, Running,
    Structure, Target,
};

use crate::general::General;
use crate::independent::Independent;
use crate::on_device::OnDevice;
use crate::patience::{Patience, WANDERING, WIDENING};
use crate::running::Exact;
use crate::settings::Settings;
use crate::stochastic::Stochastic;

firebrand_core::options! {
    /// Options of `prox-score`.
    pub struct ProxScoreOptions {
        /// Draws per step; by default twice the dimension, and at least 64 (64 above 1000 dimensions), 256 where the family is no
        /// Gaussian. Gaussians take no fewer up to there. On minibatches, whose noise more draws do not lessen, Gaussians with independent
        /// coordinates take 64, and 2 above 1000 dimensions.
        batch: Option<usize> = None,
        /// The weight of the scores against staying near at first; it adapts.
        eta: f64 = 1.0,
        /// Quasi-Newton iterations within a step, for Gaussians in more than 1000 dimensions.
        inner_steps: usize = 20,
        /// Gradient steps on each batch of draws, for families that are no Gaussians.
        gradient_steps: usize = 2,
        /// Size of gradient steps at first, in standard deviations of the draws.
        step_size: f64 = 0.005,
        /// The run has converged when averages over two epochs agree within this many standard deviations.
        tolerance: f64 = 0.02,
    }
}

/// Proximal score matching.
pub struct ProxScore {
    options: ProxScoreOptions,
}

impl Plugin for ProxScore {
    type Options = ProxScoreOptions;
    const NAME: &'static str = "prox-score";
    const DOC: &'static str = "Proximal score matching, for any family and for noisy scores";

    fn new(options: ProxScoreOptions) -> Result<Self, OptionsError> {
        let invalid = |reason| {
            Err(OptionsError::invalid::<ProxScoreOptions>(
                Self::NAME,
                reason,
            ))
        };
        if options.batch.is_some_and(|batch| batch < 2) {
            return invalid("`batch` must be at least 2");
        }
        if !(options.eta.is_finite() && options.eta > 0.0) {
            return invalid("`eta` must be positive");
        }
        if !(options.step_size.is_finite() && options.step_size > 0.0) {
            return invalid("`step_size` must be positive");
        }
        if options.inner_steps == 0 || options.gradient_steps == 0 {
            return invalid("`inner_steps` and `gradient_steps` must be at least 1");
        }
        if !(options.tolerance.is_finite() && options.tolerance > 0.0) {
            return invalid("`tolerance` must be positive");
        }
        Ok(ProxScore { options })
    }
}

/// Above this dimension Gaussians with any covariance are treated like any family: the closed form decomposes matrices in each step.
const DENSE_LIMIT: usize = 1000;

/// A draw and its mirror image: in very many dimensions an evaluation costs as much as the rest of a step, and the rows that a step does
/// not see make more noise than the draws that it does not take.
const ONE_PAIR: usize = 2;

/// Draws per step for families that are no Gaussians. With 64, flows learn what is in the tails of these draws alone.
const STOCHASTIC_BATCH: usize = 256;

impl Inference for ProxScore {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn requires(&self) -> Requirements {
        Requirements {
            gaussian: None,
            score: true,
        }
    }

    /// Eight epochs.
    fn max_steps(&self) -> u64 {
        2040
    }

    fn begin(
        &self,
        approximation: Box<dyn Approximation>,
        target: &dyn Target,
        _start: &Start,
    ) -> Result<Box<dyn Running>, InferenceError> {
        self.begin_with(approximation, target.dimension(), Scores::Exact)
    }

    fn begin_on_batches(
        &self,
        approximation: Box<dyn Approximation>,
        target: &dyn Target,
        _start: &Start,
    ) -> Result<Box<dyn Running>, InferenceError> {
        self.begin_with(approximation, target.dimension(), Scores::Noisy)
    }
}

/// What the scores are like.
#[derive(Clone, Copy, PartialEq)]
enum Scores {
    Exact,
    /// Those of some rows of the data, others in each step.
    Noisy,
}

impl ProxScore {
    fn begin_with(
        &self,
        approximation: Box<dyn Approximation>,
        dimension: usize,
        scores: Scores,
    ) -> Result<Box<dyn Running>, InferenceError> {
        let Self {
            options: ProxScoreOptions { eta, tolerance, .. },
        } = *self;
        let noisy = scores == Scores::Noisy;
        let batch = enough_draws(dimension, self.options.batch.unwrap_or(64));
        let structure = approximation
            .gaussian()
            .map(|gaussian| gaussian.structure());
        match structure {
            Some(Structure::Diagonal) => {
                let settings = match noisy {
                    true => {
                        let draws = self.options.batch.unwrap_or(match dimension {
                            ..=DENSE_LIMIT => 64,
                            _ => ONE_PAIR,
                        });
                        Settings::on_batches(dimension, draws, eta, tolerance)
                    }
                    false => Settings::exact(dimension, batch, eta, tolerance),
                };
                return Ok(match approximation.placement().keeps(dimension) {
                    true => Box::new(OnDevice::new(approximation, settings)?),
                    false => Box::new(Independent::new(approximation, settings)?),
                });
            }
            Some(Structure::Dense) if dimension <= DENSE_LIMIT => {
                let patience = Patience::new(eta, batch, dimension);
                return Ok(Box::new(match noisy {
                    true => {
                        let patience = patience.on_batches(WANDERING);
                        Exact::new(approximation, batch, patience, tolerance)?.apart()
                    }
                    false => Exact::new(approximation, batch, patience, tolerance)?,
                }));
            }
            _ => {}
        }
        let least = enough_draws(dimension, 64);
        if approximation.gaussian().is_none() {
            let batch = self.options.batch.unwrap_or(least.max(STOCHASTIC_BATCH));
            let running = Stochastic::new(approximation, batch, &self.options)?;
            return Ok(Box::new(match noisy {
                true => running.on_batches(),
                false => running,
            }));
        }
        let batch = self.options.batch.unwrap_or(least);
        let patience = Patience::new(eta, batch, dimension);
        let patience = match noisy {
            true => patience.on_batches(WIDENING),
            false => patience,
        };
        Ok(Box::new(General::new(
            approximation,
            batch,
            patience,
            &self.options,
        )))
    }
}
