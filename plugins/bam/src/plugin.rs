//! The choice of how steps are taken.

use firebrand_core::start::{Start, enough_draws};
use firebrand_core::{
    Approximation, Inference, InferenceError, OptionsError, Plugin, Requirements, Running,
    Structure, Target,
};

use crate::patched::Patched;
use crate::running::Matching;
use crate::strength::Strength;

firebrand_core::options! {
    /// Options of `bam`.
    pub struct BamOptions {
        /// Draws per step; by default twice the dimension, and at least 32 (64 for covariances of low rank).
        batch: Option<usize> = None,
        /// Lambda, the weight of a batch against the present Gaussian; by default batch times dimension.
        strength: Option<f64> = None,
        /// Whether the strength falls as 1 / (t + 1) with the step t, which helps far from Gaussian targets.
        decay: bool = false,
        /// The run has converged when averages over two epochs agree within this many standard deviations.
        tolerance: f64 = 0.02,
    }
}

/// Draws per step for covariances of low rank, in any dimension: their number must not grow with it.
const LOW_RANK_BATCH: usize = 64;

/// Batch and match.
pub struct Bam {
    options: BamOptions,
}

impl Plugin for Bam {
    type Options = BamOptions;
    const NAME: &'static str = "bam";
    const DOC: &'static str = "Batch and match: least score divergence on batches of its own draws";

    fn new(options: BamOptions) -> Result<Self, OptionsError> {
        let invalid = |reason| Err(OptionsError::invalid::<BamOptions>(Self::NAME, reason));
        if options.batch.is_some_and(|batch| batch < 2) {
            return invalid("`batch` must be at least 2");
        }
        if options
            .strength
            .is_some_and(|s| !(s.is_finite() && s > 0.0))
        {
            return invalid("`strength` must be positive");
        }
        Ok(Bam { options })
    }
}

impl Inference for Bam {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn requires(&self) -> Requirements {
        Requirements {
            gaussian: Some(Structure::LowRank),
            score: false,
        }
    }

    /// Eight epochs.
    fn max_steps(&self) -> u64 {
        2040
    }

    fn bias_on_batches(&self) -> Option<&str> {
        Some(
            "`bam` takes the noise of minibatches for precision, so that its covariance is too narrow; `prox-score` does not",
        )
    }

    fn begin(
        &self,
        approximation: Box<dyn Approximation>,
        target: &dyn Target,
        _start: &Start,
    ) -> Result<Box<dyn Running>, InferenceError> {
        let dimension = target.dimension();
        let BamOptions {
            decay, tolerance, ..
        } = self.options;
        let structure = approximation
            .gaussian()
            .map(|gaussian| gaussian.structure());
        let low_rank = structure == Some(Structure::LowRank);
        let batch = self.options.batch.unwrap_or(if low_rank {
            LOW_RANK_BATCH
        } else {
            enough_draws(dimension, 32)
        });
        let strength = self.options.strength.unwrap_or((batch * dimension) as f64);
        let strength = Strength::new(strength, decay);
        Ok(if low_rank {
            Box::new(Patched::new(approximation, batch, strength, tolerance)?)
        } else {
            Box::new(Matching::new(approximation, batch, strength, tolerance)?)
        })
    }
}
