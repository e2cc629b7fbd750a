//! The driver: it owns the loop that every algorithm runs in, from the start to the reason why it ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::boundary::message;
use crate::family::{Approximation, Family};
use crate::inference::{
    Inference, InferenceError, Progress, Running, StepContext, StepError, StepReport,
};
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
    /// The approximation as the last good step left it.
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
    /// Where the run started from.
    pub start: Start,
    /// The algorithm's state after the last step, from which [`Checkpoint`]s go on.
    pub state: Vec<u8>,
}

/// Where an interrupted run goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Steps that were tried before.
    pub steps: u64,
    /// The algorithm's state after them.
    pub state: Vec<u8>,
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
    /// Where to go on, instead of seeking a start.
    pub resume: Option<&'a Checkpoint>,
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
    };
    fit_within(target, inference, family, options, &mut surroundings)
}

/// [`fit`], with a way to end it, a watcher, and a checkpoint to go on from.
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
    let began = Instant::now();
    let limit = options
        .max_seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let stop = Stop::new(
        surroundings.cancelled,
        limit.and_then(|limit| began.checked_add(limit)),
    );
    let max_steps = options.max_steps.unwrap_or_else(|| inference.max_steps());
    (surroundings.progress)(&Moment {
        steps: 0,
        max_steps,
        seconds: 0.0,
        report: None,
    });

    let counters = Counters::default();
    let counted = Counted::new(target, &counters);
    let start = match surroundings.resume {
        Some(_) => Start::standard(target.dimension()),
        None => {
            // Half of the time at most: the iteration is to have some too.
            let half = limit.and_then(|limit| began.checked_add(limit / 2));
            let stop = Stop::new(surroundings.cancelled, half);
            let interruptible = Counted::new(target, &counters).until(stop);
            caught(|| inference.find_start(&interruptible, options.seed, &options.start))?
        }
    };
    let start_counts = counters.counts();
    let mut running = caught(|| {
        let approximation = family.start_from(&start, target.placement())?;
        inference.begin(approximation, &counted, &start)
    })?;
    if let Some(checkpoint) = surroundings.resume {
        running.restore(&checkpoint.state)?;
    }

    let mut course = Course {
        step: surroundings.resume.map_or(0, |checkpoint| checkpoint.steps),
        rejected: 0,
        rejected_in_a_row: 0,
        trace: Trace::default(),
    };
    let ended = loop {
        if let Some(ended) = course.over(max_steps, stop) {
            break ended;
        }
        let context = StepContext {
            target: &counted,
            batch: &Batch::Full,
            step: course.step,
            seed: options.seed,
            stop,
        };
        let outcome = step_without_panic(running.as_mut(), &context);
        let seconds = began.elapsed().as_secs_f64();
        let gradients = counters.counts().gradients;
        let moment = |report| Moment {
            steps: context.step + 1,
            max_steps,
            seconds,
            report,
        };
        let report = outcome.as_ref().ok();
        (surroundings.progress)(&moment(report));
        let ended = course.record(outcome, seconds, gradients, options.max_rejections);
        if let Some(ended) = ended {
            break ended;
        }
    };
    let (approximation, state) =
        caught(|| Ok((running.approximation().clone_box(), running.save())))?;
    Ok(Fit {
        approximation,
        ended,
        steps: course.step,
        rejected: course.rejected,
        trace: course.trace,
        counts: counters.counts(),
        start_counts,
        seconds: began.elapsed().as_secs_f64(),
        start,
        state,
    })
}

/// What a plugin does outside of steps; its panic is an error.
fn caught<T>(work: impl FnOnce() -> Result<T, InferenceError>) -> Result<T, InferenceError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(InferenceError::Panicked(message(&*panic))))
}

/// How far a run has come.
struct Course {
    step: u64,
    rejected: u64,
    rejected_in_a_row: u64,
    trace: Trace,
}

impl Course {
    /// Whether the run is over before the next step.
    fn over(&self, max_steps: u64, stop: Stop<'_>) -> Option<Ended> {
        match stop.reason() {
            Some(StopReason::Cancelled) => Some(Ended::Interrupted),
            Some(StopReason::Time) => Some(Ended::OutOfTime),
            None if self.step >= max_steps => Some(Ended::OutOfSteps),
            None => None,
        }
    }

    /// Takes the outcome of a step; gives the reason if it was the last.
    fn record(
        &mut self,
        outcome: Result<StepReport, StepError>,
        seconds: f64,
        gradients: u64,
        max_rejections: u64,
    ) -> Option<Ended> {
        let step = self.step;
        self.step += 1;
        match outcome {
            Ok(report) => {
                self.rejected_in_a_row = 0;
                self.trace.taken(step, seconds, gradients, &report);
                match report.progress {
                    Progress::Continue => None,
                    Progress::Converged(because) => Some(Ended::Converged { because }),
                }
            }
            Err(StepError::Recoverable(because)) => {
                self.rejected += 1;
                self.rejected_in_a_row += 1;
                let last = because.clone();
                self.trace.rejected(step, seconds, gradients, because);
                (self.rejected_in_a_row >= max_rejections).then(|| Ended::Failed {
                    because: format!(
                        "{} steps in a row were rejected, the last because {last}",
                        self.rejected_in_a_row
                    ),
                })
            }
            Err(StepError::Fatal(because)) => {
                self.trace
                    .rejected(step, seconds, gradients, because.clone());
                Some(Ended::Failed { because })
            }
        }
    }
}

/// A step whose panic, a fault of a plugin or a device, is a fatal error: the run's record outlives it.
fn step_without_panic(
    running: &mut dyn Running,
    context: &StepContext<'_>,
) -> Result<StepReport, StepError> {
    catch_unwind(AssertUnwindSafe(|| running.step(context))).unwrap_or_else(|panic| {
        let message = message(&*panic);
        Err(StepError::Fatal(format!("the step panicked: {message}")))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::placement::to_host;
    use crate::registry;
    use crate::target::GaussianTarget;

    fn target() -> GaussianTarget {
        let covariance = faer::mat![[1.0, 0.0], [0.0, 4.0]];
        GaussianTarget::new(&[1.0, -2.0], &covariance).unwrap()
    }

    fn steps(number: u64) -> FitOptions {
        FitOptions {
            max_steps: Some(number),
            ..FitOptions::default()
        }
    }

    fn run(inference: &str, options: &FitOptions) -> Fit {
        let inference = registry::inference(inference).unwrap();
        let family = registry::family("independent").unwrap();
        fit(&target(), &*inference.plugin, &*family.plugin, options).unwrap()
    }

    #[test]
    fn a_run_without_trouble_takes_all_its_steps_and_counts_them() {
        let fit = run("nudge(draws: 4)", &steps(30));
        assert_eq!(fit.ended, Ended::OutOfSteps);
        assert_eq!((fit.steps, fit.rejected), (30, 0));
        assert_eq!(fit.counts.since(fit.start_counts).gradients, 30 * 4);
        assert_eq!(fit.trace.column("size").unwrap().len(), 30);
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_and_another_seed_does_not() {
        let lambda = |seed| {
            let options = FitOptions { seed, ..steps(10) };
            to_host(&run("nudge", &options).approximation.lambda())
        };
        assert_eq!(lambda(3), lambda(3));
        assert_ne!(lambda(3), lambda(4));
    }

    #[test]
    fn too_many_rejections_in_a_row_end_the_run_with_the_last_reason() {
        let options = FitOptions {
            max_rejections: 5,
            ..FitOptions::default()
        };
        let fit = run("nudge(trouble: \"reject\")", &options);
        assert_eq!((fit.steps, fit.rejected), (7, 5));
        let Ended::Failed { because } = fit.ended else {
            panic!("{:?}", fit.ended)
        };
        assert_eq!(
            because,
            "5 steps in a row were rejected, the last because the covariance is not positive definite"
        );
    }

    #[test]
    fn a_fatal_error_and_a_panic_end_the_run_and_keep_its_record() {
        for (trouble, expected) in [
            ("fatal", "the sky fell"),
            ("panic", "the step panicked: index out of bounds"),
        ] {
            let fit = run(
                &format!("nudge(trouble: \"{trouble}\")"),
                &FitOptions::default(),
            );
            assert_eq!(fit.trace.rows.len(), 3);
            assert_eq!(
                fit.ended,
                Ended::Failed {
                    because: expected.into()
                }
            );
        }
    }

    #[test]
    fn a_cancelled_run_keeps_what_was_done() {
        let cancelled = AtomicBool::new(false);
        let mut seen = vec![];
        let mut watch = |moment: &Moment<'_>| {
            seen.push(moment.steps);
            if moment.steps == 3 {
                cancelled.store(true, Ordering::Relaxed);
            }
        };
        let mut surroundings = Surroundings {
            cancelled: &cancelled,
            progress: &mut watch,
            resume: None,
        };
        let inference = registry::inference("nudge").unwrap();
        let family = registry::family("independent").unwrap();
        let fit = fit_within(
            &target(),
            &*inference.plugin,
            &*family.plugin,
            &FitOptions::default(),
            &mut surroundings,
        )
        .unwrap();
        assert_eq!(fit.ended, Ended::Interrupted);
        assert_eq!(seen, [0, 1, 2, 3]);
    }

    #[test]
    fn a_time_limit_of_zero_ends_the_search_for_a_start() {
        let options = FitOptions {
            max_seconds: Some(0.0),
            ..FitOptions::default()
        };
        let inference = registry::inference("nudge").unwrap();
        let family = registry::family("independent").unwrap();
        let out = fit(&target(), &*inference.plugin, &*family.plugin, &options);
        assert!(out.is_err() || out.is_ok_and(|fit| fit.ended == Ended::OutOfTime));
    }

    #[test]
    fn a_run_resumed_from_a_checkpoint_gives_the_bits_of_one_that_was_not_interrupted() {
        let whole = run("nudge", &steps(12));
        let half = run("nudge", &steps(5));
        let checkpoint = Checkpoint {
            steps: half.steps,
            state: half.state,
        };
        let mut surroundings = Surroundings {
            cancelled: &AtomicBool::new(false),
            progress: &mut |_| {},
            resume: Some(&checkpoint),
        };
        let inference = registry::inference("nudge").unwrap();
        let family = registry::family("independent").unwrap();
        let rest = fit_within(
            &target(),
            &*inference.plugin,
            &*family.plugin,
            &steps(12),
            &mut surroundings,
        )
        .unwrap();
        assert_eq!(
            to_host(&rest.approximation.lambda()),
            to_host(&whole.approximation.lambda())
        );
    }

    #[test]
    fn a_family_that_lacks_what_the_algorithm_needs_is_refused_in_a_sentence() {
        let inference = registry::inference("nudge(dense: true)").unwrap();
        let family = registry::family("independent").unwrap();
        let error = fit(
            &target(),
            &*inference.plugin,
            &*family.plugin,
            &FitOptions::default(),
        )
        .err()
        .unwrap();
        assert_eq!(
            error.to_string(),
            "`nudge` needs a family with a dense covariance, which `independent` does not have; \
             no registered family has it"
        );
    }
}
