//! A run on its way: how far it has come, and whether it is over.

use std::time::{Duration, Instant};

use super::{Ended, Fit, guarded};
use crate::checkpoint::{Checkpoint, Keeper};
use crate::inference::{InferenceError, Progress, Running, StepError, StepReport};
use crate::lost::Lost;
use crate::stop::{Stop, StopReason};
use crate::target::Counters;

/// The time that a run has taken, in this process and before.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    began: Instant,
    earlier: f64,
}

impl Clock {
    /// One that shows so many seconds now.
    pub fn from(earlier: f64) -> Self {
        Clock {
            began: Instant::now(),
            earlier,
        }
    }

    pub fn seconds(&self) -> f64 {
        self.earlier + self.began.elapsed().as_secs_f64()
    }

    /// When it will show, or showed at the latest, so many seconds.
    pub fn at(&self, seconds: f64) -> Option<Instant> {
        let left = match seconds - self.earlier {
            past if past < 0.0 => 0.0,
            left => left,
        };
        self.began
            .checked_add(Duration::try_from_secs_f64(left).ok()?)
    }
}

/// A run on its way.
pub(super) struct Course<'a> {
    /// All of it but the algorithm's state, which is there while it is kept.
    pub so_far: Checkpoint,
    pub rejected_in_a_row: u64,
    pub keeper: Option<&'a mut dyn Keeper>,
    pub counters: &'a Counters,
    pub clock: Clock,
}

impl Course<'_> {
    /// Whether the run is over before the next step.
    pub fn over(&self, max_steps: u64, stop: Stop<'_>) -> Option<Ended> {
        if let Some(ended @ Ended::Converged { .. }) = &self.so_far.ended {
            return Some(ended.clone());
        }
        match stop.reason() {
            Some(StopReason::Cancelled) => Some(Ended::Interrupted),
            Some(StopReason::Time) => Some(Ended::OutOfTime),
            None if self.so_far.steps >= max_steps => Some(Ended::OutOfSteps),
            None => None,
        }
    }

    /// Takes the outcome of a step; gives the reason if it was the last.
    pub fn record(
        &mut self,
        outcome: Result<StepReport, StepError>,
        max_rejections: u64,
    ) -> Option<Ended> {
        let (seconds, gradients) = (self.clock.seconds(), self.counters.counts().gradients);
        let so_far = &mut self.so_far;
        let step = so_far.steps;
        so_far.steps += 1;
        match outcome {
            Ok(report) => {
                self.rejected_in_a_row = 0;
                so_far.trace.taken(step, seconds, gradients, &report);
                match report.progress {
                    Progress::Continue => None,
                    Progress::Converged(because) => Some(Ended::Converged { because }),
                }
            }
            Err(StepError::Recoverable(because)) => {
                so_far.rejected += 1;
                self.rejected_in_a_row += 1;
                let last = because.clone();
                so_far.trace.rejected(step, seconds, gradients, because);
                (self.rejected_in_a_row >= max_rejections).then(|| Ended::Failed {
                    because: format!(
                        "{} steps in a row were rejected, the last because {last}",
                        self.rejected_in_a_row
                    ),
                })
            }
            Err(StepError::Fatal(because)) => {
                so_far
                    .trace
                    .rejected(step, seconds, gradients, because.clone());
                Some(Ended::Failed { because })
            }
        }
    }

    /// Brings the record of the run up to date.
    fn take_stock(&mut self) {
        self.so_far.counts = self.counters.counts();
        self.so_far.seconds = self.clock.seconds();
    }

    /// Hands the run as it is now, with the algorithm's state, to the keeper, if there is one.
    pub fn keep(&mut self, running: &dyn Running) -> Result<(), InferenceError> {
        self.take_stock();
        if let Some(keeper) = &mut self.keeper {
            self.so_far.state = guarded(|| Ok(running.save()))?;
            keeper.keep(&self.so_far);
            // What is kept need not be held: it can be as large as several approximations.
            self.so_far.state = Vec::new();
        }
        Ok(())
    }

    /// The finished run. A state or an approximation that cannot be had has failed it, and takes nothing from its record; `lost` is put
    /// in the approximation's place.
    pub fn end(
        mut self,
        running: Box<dyn Running>,
        mut ended: Ended,
        lost: impl FnOnce(String) -> Lost,
    ) -> Fit {
        self.take_stock();
        // What was kept before a failure is what can be tried again.
        if !matches!(ended, Ended::Failed { .. }) {
            self.so_far.ended = Some(ended.clone());
            if let Err(error) = self.keep(running.as_ref()) {
                failed(&mut ended, &error);
            }
        }
        let approximation = guarded(|| Ok(running.into_approximation()))
            .unwrap_or_else(|error| Box::new(lost(failed(&mut ended, &error))));
        self.so_far.ended = Some(ended.clone());
        Fit::new(approximation, ended, self.so_far)
    }
}

/// Has the run fail of an error, if it has not failed before. Gives the error's sentence.
fn failed(ended: &mut Ended, error: &InferenceError) -> String {
    let because = error.to_string();
    if !matches!(ended, Ended::Failed { .. }) {
        *ended = Ended::Failed {
            because: because.clone(),
        };
    }
    because
}
