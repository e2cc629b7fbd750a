//! What it is told, and what it says of itself.

use firebrand_core::start::Start;
use firebrand_core::{
    Approximation, Inference, InferenceError, OptionsError, Plugin, Requirements, Running,
    Structure, Target,
};

use crate::climb::Climb;

firebrand_core::options! {
    /// Options of `map`.
    pub struct MapOptions {
        /// Size of steps at first, on the unconstrained scale: as networks are trained with.
        step_size: f64 = 0.001,
        /// The run has converged when averages over two epochs turn back and differ by less than this, in the mean square.
        tolerance: f64 = 0.0001,
    }
}

/// Maximum a posteriori estimation.
pub struct Map {
    options: MapOptions,
}

impl Plugin for Map {
    type Options = MapOptions;
    const NAME: &'static str = "map";
    const DOC: &'static str = "The mode of the posterior: a point, to hold distributions against";

    fn new(options: MapOptions) -> Result<Self, OptionsError> {
        if !(options.step_size.is_finite() && options.step_size > 0.0) {
            let reason = "`step_size` must be positive";
            return Err(OptionsError::invalid::<MapOptions>(Self::NAME, reason));
        }
        Ok(Map { options })
    }
}

impl Inference for Map {
    fn name(&self) -> &str {
        Self::NAME
    }

    /// A Gaussian, which is narrowed to a point.
    fn requires(&self) -> Requirements {
        Requirements {
            gaussian: Some(Structure::Diagonal),
            score: false,
        }
    }

    fn default_family(&self) -> &str {
        "mean-field"
    }

    /// Six epochs.
    fn max_steps(&self) -> u64 {
        4032
    }

    fn caveat(&self) -> Option<&str> {
        Some(
            "`map` gives the mode of the posterior, a point: it says nothing of how uncertain it is",
        )
    }

    fn begin(
        &self,
        approximation: Box<dyn Approximation>,
        _target: &dyn Target,
        _start: &Start,
    ) -> Result<Box<dyn Running>, InferenceError> {
        Ok(Box::new(Climb::new(approximation, &self.options)?))
    }
}
