//! The third noun: an [`Inference`] is an iteration that moves an approximation towards a target.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::family::{Approximation, FamilyCapabilities, FamilyError};
use crate::gaussian::Structure;
use crate::randomness::{self, Stream};
use crate::registry;
use crate::start::{Start, StartOptions, find_start};
use crate::stop::Stop;
use crate::target::{Batch, Target, TargetError};

/// An inference algorithm: a plugin that starts a [`Running`] iteration.
pub trait Inference: Send + Sync {
    /// The name it is registered under.
    fn name(&self) -> &str;

    /// What it needs of a family.
    fn requires(&self) -> Requirements;

    /// The family it is used with when none is asked for.
    fn default_family(&self) -> &str {
        "full-rank"
    }

    /// How many steps it takes at most, when the run does not say.
    fn max_steps(&self) -> u64;

    /// Gaussians to start from. By default the service that all algorithms share; an algorithm that *is* a way to
    /// start, such as Pathfinder, brings its own.
    fn find_start(
        &self,
        target: &dyn Target,
        seed: u64,
        options: &StartOptions,
    ) -> Result<Start, InferenceError> {
        find_start(target, seed, options)
    }

    /// Begins from an approximation, which was made from the best Gaussian of `start`.
    fn begin(
        &self,
        approximation: Box<dyn Approximation>,
        target: &dyn Target,
        start: &Start,
    ) -> Result<Box<dyn Running>, InferenceError>;

    /// [`begin`](Inference::begin) for a run whose steps see other rows of the data each, so that scores are unbiased but noisy, with the
    /// same noise in all draws of a step. An algorithm whose steps or whose way to stop rest on exact scores overrides it.
    fn begin_on_batches(
        &self,
        approximation: Box<dyn Approximation>,
        target: &dyn Target,
        start: &Start,
    ) -> Result<Box<dyn Running>, InferenceError> {
        self.begin(approximation, target, start)
    }

    /// What its result is not, whatever the target, in a sentence that goes into the verdict; `None` for an approximation of the posterior.
    fn caveat(&self) -> Option<&str> {
        None
    }

    /// What noise in the scores does to the result, in a sentence; `None` where it averages out.
    fn bias_on_batches(&self) -> Option<&str> {
        None
    }
}

/// An inference that is under way. It holds only what the next step needs; diagnostics leave through [`StepReport`].
pub trait Running: Send {
    /// One iteration.
    ///
    /// # Errors
    /// After a recoverable error the state is what it was before the step, except that the next step may be more
    /// careful; after a fatal one the run ends.
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError>;

    /// The approximation as it is now.
    fn approximation(&self) -> &dyn Approximation;

    /// The approximation as it is at the end: without a second one where vectors are long.
    fn into_approximation(self: Box<Self>) -> Box<dyn Approximation> {
        self.approximation().clone_box()
    }

    /// Everything that [`restore`](Running::restore) needs to go on, bit for bit, in another process too.
    fn save(&self) -> Vec<u8>;

    /// Sets the state to what [`save`](Running::save) gave, of a run that the same algorithm with the same options began on the same
    /// target.
    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError>;
}

/// What an algorithm needs of a family beyond drawing from it and its density.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requirements {
    /// It sets mean and covariance; the covariance must have at least this structure.
    pub gaussian: Option<Structure>,
    /// It uses the score of the approximation and its pullback.
    pub score: bool,
}

impl Requirements {
    /// What `family` lacks, as a noun phrase; `None` if nothing.
    pub fn missing(&self, family: &FamilyCapabilities) -> Option<&'static str> {
        match (self.gaussian, family.gaussian) {
            (Some(_), None) => return Some("a mean and a covariance that can be set"),
            (Some(Structure::Dense), Some(has)) if has < Structure::Dense => {
                return Some("a dense covariance");
            }
            (Some(needed), Some(has)) if has < needed => {
                return Some("a covariance with correlations");
            }
            _ => {}
        }
        if self.score && !family.score {
            return Some("the gradient of its log density, with a pullback");
        }
        None
    }

    /// Checks a family before the first step.
    ///
    /// # Errors
    /// A sentence with the algorithm, what is missing, and the registered families that have it.
    pub fn check(
        &self,
        algorithm: &str,
        family: &str,
        capabilities: &FamilyCapabilities,
    ) -> Result<(), InferenceError> {
        let Some(missing) = self.missing(capabilities) else {
            return Ok(());
        };
        let able: Vec<String> = registry::families()
            .iter()
            .filter(|plugin| {
                plugin
                    .build("")
                    .is_ok_and(|made| self.missing(&made.plugin.capabilities()).is_none())
            })
            .map(|plugin| format!("`{}`", plugin.name))
            .collect();
        let able = match able.as_slice() {
            [] => "no registered family has it".into(),
            [only] => format!("{only} has it"),
            several => format!("these have it: {}", several.join(", ")),
        };
        Err(InferenceError::Refused {
            algorithm: algorithm.into(),
            family: family.into(),
            missing: missing.into(),
            able,
        })
    }
}

/// What a step may use: the target, its batch, and its own random numbers.
pub struct StepContext<'a> {
    /// The target, which counts its evaluations.
    pub target: &'a dyn Target,
    /// The part of the data that this step sees.
    pub batch: &'a Batch,
    /// The number of this step, from zero.
    pub step: u64,
    /// The seed of the run.
    pub seed: u64,
    /// When the run is asked to end.
    pub stop: Stop<'a>,
}

impl StepContext<'_> {
    /// Standard normal noise of this step, where the target is. The same (seed, stream, step) gives the same noise.
    pub fn noise(&self, stream: Stream, shape: [usize; 2]) -> Tensor<2> {
        randomness::noise(self.seed, stream, self.step, shape, self.target.placement())
    }

    /// Whether a long step should give up what it can and return.
    pub fn interrupted(&self) -> bool {
        self.stop.reason().is_some()
    }
}

/// What a step has to say. Nothing of it is needed for the next step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepReport {
    /// Named numbers for the trace; the names are the same in every step.
    pub diagnostics: Vec<(&'static str, f64)>,
    /// Whether to go on.
    pub progress: Progress,
}

impl StepReport {
    /// A report of a run that goes on.
    pub fn going(diagnostics: impl Into<Vec<(&'static str, f64)>>) -> Self {
        StepReport {
            diagnostics: diagnostics.into(),
            progress: Progress::Continue,
        }
    }
}

/// Whether an algorithm wants more steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// It has not converged.
    #[default]
    Continue,
    /// It has, and this is how it knows.
    Converged(String),
}

/// Why a step was not taken.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum StepError {
    /// This step would have broken an invariant; it was rejected, and the next one may work.
    #[error("{0}")]
    Recoverable(String),
    /// No further step can work.
    #[error("{0}")]
    Fatal(String),
}

impl From<FamilyError> for StepError {
    fn from(error: FamilyError) -> Self {
        if error.is_recoverable() {
            StepError::Recoverable(error.to_string())
        } else {
            StepError::Fatal(error.to_string())
        }
    }
}

impl From<TargetError> for StepError {
    fn from(error: TargetError) -> Self {
        StepError::Fatal(error.to_string())
    }
}

/// Why an inference could not begin, or not be restored.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum InferenceError {
    /// The target has dimension zero.
    #[error("there is nothing to infer: the model has no parameters")]
    NoParameters,
    /// The family lacks what the algorithm needs.
    #[error("`{algorithm}` needs a family with {missing}, which `{family}` does not have; {able}")]
    Refused {
        /// The algorithm's name.
        algorithm: String,
        /// The family's name.
        family: String,
        /// What it lacks, as a noun phrase.
        missing: String,
        /// Which registered families do not lack it, as a clause.
        able: String,
    },
    /// The target cannot be evaluated on the batches that were asked for.
    #[error("{0}")]
    Minibatch(String),
    /// No point with a finite density was found, or no path from any led anywhere.
    #[error("no start was found: {0}")]
    Start(String),
    /// A saved state does not fit.
    #[error("the saved state cannot be restored: {0}")]
    Restore(String),
    /// A plugin panicked outside of a step.
    #[error("{0}")]
    Panicked(String),
    /// The target failed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The family failed.
    #[error(transparent)]
    Family(#[from] FamilyError),
}
