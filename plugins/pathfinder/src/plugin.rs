//! The search for a start as an algorithm of its own.

use firebrand_core::start::{Start, StartOptions, find_start};
use firebrand_core::{
    Approximation, Inference, InferenceError, OptionsError, Plugin, Progress, Requirements,
    Running, StepContext, StepError, StepReport, Structure, Target,
};

firebrand_core::options! {
    /// Options of `pathfinder`.
    pub struct PathfinderOptions {
        /// Paths, each from a starting point of its own.
        paths: usize = 4,
        /// Draws that judge each Gaussian on a path.
        draws: usize = 25,
    }
}

/// Multi-path Pathfinder.
pub struct Pathfinder {
    options: PathfinderOptions,
}

impl Plugin for Pathfinder {
    type Options = PathfinderOptions;
    const NAME: &'static str = "pathfinder";
    const DOC: &'static str =
        "The Gaussian of highest ELBO along quasi-Newton paths: fast and rough";

    fn new(options: PathfinderOptions) -> Result<Self, OptionsError> {
        if options.paths == 0 || options.draws < 2 {
            let reason = "it takes at least 1 path and 2 draws";
            return Err(OptionsError::invalid::<PathfinderOptions>(
                Self::NAME,
                reason,
            ));
        }
        Ok(Pathfinder { options })
    }
}

impl Inference for Pathfinder {
    fn name(&self) -> &str {
        Self::NAME
    }

    /// A Gaussian: the paths have nothing to say to other families.
    fn requires(&self) -> Requirements {
        Requirements {
            gaussian: Some(Structure::Diagonal),
            score: false,
        }
    }

    fn max_steps(&self) -> u64 {
        1
    }

    fn find_start(
        &self,
        target: &dyn Target,
        seed: u64,
        options: &StartOptions,
    ) -> Result<Start, InferenceError> {
        let options = StartOptions {
            starts: self.options.paths,
            path_draws: self.options.draws,
            refine_steps: 0,
            ..options.clone()
        };
        find_start(target, seed, &options)
    }

    fn bias_on_batches(&self) -> Option<&str> {
        Some("`pathfinder` looks at one part of the rows alone, where there are many")
    }

    fn begin(
        &self,
        approximation: Box<dyn Approximation>,
        _target: &dyn Target,
        start: &Start,
    ) -> Result<Box<dyn Running>, InferenceError> {
        let best = start.best();
        Ok(Box::new(Found {
            approximation,
            elbo: best.elbo,
            elbo_error: best.elbo_error,
            paths: start.agreement.succeeded,
        }))
    }
}

/// All was done before the first step, which only reports it.
struct Found {
    approximation: Box<dyn Approximation>,
    elbo: f64,
    elbo_error: f64,
    paths: usize,
}

impl Running for Found {
    fn step(&mut self, _context: &StepContext<'_>) -> Result<StepReport, StepError> {
        Ok(StepReport {
            diagnostics: vec![("elbo", self.elbo), ("elbo_error", self.elbo_error)],
            progress: Progress::Converged(format!(
                "the Gaussian of highest ELBO along {} paths was found",
                self.paths
            )),
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
