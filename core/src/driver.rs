//! The driver: it owns the loop that every algorithm runs in, from the start to the reason why it ended.

mod course;

use std::sync::atomic::AtomicBool;

use course::{Clock, Course};
use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, Keeper};
use crate::family::{Approximation, Family, check_matrices};
use crate::gaussian::Structure;
use crate::inference::{Inference, InferenceError, Running, StepContext, StepError, StepReport};
use crate::lost::Lost;
use crate::minibatch::{Batches, Minibatch};
use crate::panics::{Panic, caught};
use crate::start::{Start, StartOptions};
use crate::stop::{Stop, StopReason};
use crate::target::{Batch, Counted, Counters, Counts, Target};
use crate::trace::Trace;

crate::options! {
    /// What every fit can be told, whatever its algorithm.
    pub struct FitOptions {
        /// The seed: one seed gives one result.
        seed: u64 = 1,
        /// Steps at most; by default what the algorithm proposes.
        max_steps: Option<u64> = None,
        /// Seconds at most, of which half for the search of a start; by default no limit.
        max_seconds: Option<f64> = None,
        /// Rejected steps in a row after which the run has failed.
        max_rejections: u64 = 50,
        /// Rows of the data that each step sees, such as "N=128"; by default all.
        minibatch: Option<Minibatch> = None,
        /// How starting points are found.
        start: StartOptions = StartOptions::default(),
    }
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The algorithm said so, and how it knows.
    Converged {
        /// In the algorithm's words.
        because: String,
    },
    /// All steps were taken.
    OutOfSteps,
    /// The time limit came first.
    OutOfTime,
    /// The user asked for it.
    Interrupted,
    /// No further step was possible. The record of the run is kept: it is what one debugs with.
    Failed {
        /// In a sentence.
        because: String,
    },
}

/// A finished run, whatever its end.
pub struct Fit {
    /// The approximation as the last good step left it. If a plugin panicked when it was asked for, the run has [failed](Ended::Failed),
    /// and this is one that fails with that error whatever it is asked.
    pub approximation: Box<dyn Approximation>,
    /// Why the run ended.
    pub ended: Ended,
    /// Steps tried.
    pub steps: u64,
    /// Of those, the ones that were rejected.
    pub rejected: u64,
    /// What every step reported.
    pub trace: Trace,
    /// Evaluations of the target, the search for a start included.
    pub counts: Counts,
    /// Evaluations that the search for a start took.
    pub start_counts: Counts,
    /// Wall time, the search for a start included.
    pub seconds: f64,
    /// Where the run started from. What it takes to go on from where it ended, a [`Keeper`] is given.
    pub start: Start,
}

impl Fit {
    fn new(approximation: Box<dyn Approximation>, ended: Ended, run: Checkpoint) -> Self {
        Fit {
            approximation,
            ended,
            steps: run.steps,
            rejected: run.rejected,
            trace: run.trace,
            counts: run.counts,
            start_counts: run.start_counts,
            seconds: run.seconds,
            start: run.start,
        }
    }
}

/// What a progress display is told after every step.
pub struct Moment<'a> {
    /// Steps tried so far; zero while a start is sought.
    pub steps: u64,
    /// Steps at most.
    pub max_steps: u64,
    /// Since the run began.
    pub seconds: f64,
    /// What the step reported; `None` before the first and after a rejected one.
    pub report: Option<&'a StepReport>,
}

/// What happens around a run: who may end it, and who watches.
pub struct Surroundings<'a> {
    /// Raised to end the run; what was done so far is kept.
    pub cancelled: &'a AtomicBool,
    /// Called before the first step and after every one.
    pub progress: &'a mut dyn FnMut(&Moment<'_>),
    /// Where to go on, instead of seeking a start. It is taken.
    pub resume: Option<Checkpoint>,
    /// Who keeps what it takes to go on.
    pub keeper: Option<&'a mut dyn Keeper>,
}

/// Fits a member of `family` to `target`.
///
/// # Errors
/// If the family lacks what the algorithm needs, no start is found, or the algorithm cannot begin. Once the first step
/// is under way nothing is an error: the [`Fit`] says how it [`ended`](Fit::ended).
pub fn fit(
    target: &dyn Target,
    inference: &dyn Inference,
    family: &dyn Family,
    options: &FitOptions,
) -> Result<Fit, InferenceError> {
    let mut surroundings = Surroundings {
        cancelled: &AtomicBool::new(false),
        progress: &mut |_| {},
        resume: None,
        keeper: None,
    };
    fit_within(target, inference, family, options, &mut surroundings)
}

/// Above this dimension a family with independent coordinates is given a start with independent ones. A covariance would cost the search
/// thousands of draws for its correlations, and what is left of it without them is too wide where coordinates are correlated; below, where
/// it costs little, the places that starts reach are told apart by it.
const MOST_CORRELATED: usize = 100;

/// How a start for members of this family is searched for.
fn search_for(family: &dyn Family, options: &StartOptions) -> StartOptions {
    let mut search = options.clone();
    if family.capabilities().gaussian == Some(Structure::Diagonal) {
        search.dense_limit = search.dense_limit.min(MOST_CORRELATED);
    }
    search
}

/// [`fit`], with a way to end it, a watcher, a checkpoint to go on from, and a keeper of checkpoints. Limits are those of the whole run,
/// what came before the checkpoint included.
pub fn fit_within(
    target: &dyn Target,
    inference: &dyn Inference,
    family: &dyn Family,
    options: &FitOptions,
    surroundings: &mut Surroundings<'_>,
) -> Result<Fit, InferenceError> {
    inference
        .requires()
        .check(inference.name(), family.name(), &family.capabilities())?;
    if target.dimension() == 0 {
        return Err(InferenceError::NoParameters);
    }
    // Before a start is searched for, which takes a while in so many dimensions.
    let dimension = target.dimension();
    let what = format!("the matrices of `{}`", family.name());
    check_matrices(&what, dimension, family.matrix_numbers(dimension))?;
    let resumed = surroundings.resume.take();
    let clock = Clock::from(resumed.as_ref().map_or(0.0, |earlier| earlier.seconds));
    let deadline = options.max_seconds.and_then(|limit| clock.at(limit));
    let stop = Stop::new(surroundings.cancelled, deadline);
    let mut batches = match &options.minibatch {
        Some(minibatch) => Some(Batches::of(target, minibatch, options.seed)?),
        None => None,
    };
    let max_steps = options.max_steps.unwrap_or_else(|| {
        // As many passes over the data as without minibatches.
        let passes = batches.as_ref().map_or(1, Batches::steps_per_epoch);
        inference.max_steps().saturating_mul(passes)
    });
    (surroundings.progress)(&Moment {
        steps: 0,
        max_steps,
        seconds: clock.seconds(),
        report: None,
    });

    let earlier_counts = resumed.as_ref().map(|earlier| earlier.counts);
    let counters = Counters::from(earlier_counts.unwrap_or_default());
    let counted = Counted::new(target, &counters);
    let is_resumed = resumed.is_some();
    let mut so_far = match resumed {
        Some(mut checkpoint) => {
            let ended = &mut checkpoint.ended;
            ended.take_if(|ended| !matches!(ended, Ended::Converged { .. }));
            checkpoint
        }
        None => {
            // Half of the time at most: the iteration is to have some too.
            let half = options.max_seconds.and_then(|limit| clock.at(limit / 2.0));
            let stop = Stop::new(surroundings.cancelled, half);
            let batch = batches.as_ref().map_or(Batch::Full, Batches::for_start);
            let target = Counted::new(target, &counters).until(stop).on(batch);
            let search = search_for(family, &options.start);
            let start = guarded(|| inference.find_start(&target, options.seed, &search))?;
            Checkpoint::of_start(start, counters.counts())
        }
    };
    let state = std::mem::take(&mut so_far.state);
    let mut running = guarded(|| {
        let approximation = family.start_from(&so_far.start, target.placement())?;
        let mut running = match batches {
            Some(_) => inference.begin_on_batches(approximation, &counted, &so_far.start)?,
            None => inference.begin(approximation, &counted, &so_far.start)?,
        };
        if is_resumed {
            running.restore(&state)?;
        }
        Ok(running)
    })?;
    drop(state);
    // What an interrupted search found is not what the whole search finds: a run that goes on from there would be another one.
    let is_partial = !is_resumed && stop.reason() == Some(StopReason::Cancelled);
    let mut course = Course {
        rejected_in_a_row: so_far.trace.rejected_last(),
        so_far,
        keeper: match &mut surroundings.keeper {
            Some(keeper) if !is_partial => Some(&mut **keeper),
            _ => None,
        },
        counters: &counters,
        clock,
    };
    if !is_resumed {
        course.keep(running.as_ref())?;
    }

    let ended = loop {
        if let Some(ended) = course.over(max_steps, stop) {
            break ended;
        }
        let batch = match &mut batches {
            Some(batches) => batches.at(course.so_far.steps),
            None => Batch::Full,
        };
        let context = StepContext {
            target: &counted,
            batch: &batch,
            step: course.so_far.steps,
            seed: options.seed,
            stop,
        };
        let outcome = step_without_panic(running.as_mut(), &context);
        (surroundings.progress)(&Moment {
            steps: context.step + 1,
            max_steps,
            seconds: course.clock.seconds(),
            report: outcome.as_ref().ok(),
        });
        if let Some(ended) = course.record(outcome, options.max_rejections) {
            break ended;
        }
        if course.keeper.as_ref().is_some_and(|keeper| keeper.is_due()) {
            let kept = course.keep(running.as_ref());
            if let Err(error) = kept {
                let because = error.to_string();
                break Ended::Failed { because };
            }
        }
    };
    let lost = |because| Lost {
        family: family.name().into(),
        dimension: target.dimension(),
        placement: target.placement().clone(),
        because,
    };
    Ok(course.end(running, ended, lost))
}

/// What a plugin does outside of steps; its panic is an error.
fn guarded<T>(work: impl FnOnce() -> Result<T, InferenceError>) -> Result<T, InferenceError> {
    caught(work, |panic| InferenceError::Panicked(panic.to_string()))
}

/// A step whose panic, a fault of a plugin or a device, is a fatal error: the run's record outlives it.
fn step_without_panic(
    running: &mut dyn Running,
    context: &StepContext<'_>,
) -> Result<StepReport, StepError> {
    let fatal = |panic| match panic {
        Panic::Told(sentence) => StepError::Fatal(sentence),
        Panic::Fault(message) => StepError::Fatal(format!("the step panicked: {message}")),
    };
    caught(|| running.step(context), fatal)
}

#[cfg(test)]
mod tests;
