//! What a run needs to go on as if it had never stopped, and who keeps it.

use crate::driver::Ended;
use crate::start::Start;
use crate::target::Counts;
use crate::trace::Trace;

/// A run between two steps: all that it takes to go on, bit for bit, and to say at its end what a run that never stopped says.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Where the run started from. It begins there again, before its state is restored.
    pub start: Start,
    /// Evaluations that the search for it took.
    pub start_counts: Counts,
    /// Steps tried.
    pub steps: u64,
    /// Of those, the ones that were rejected.
    pub rejected: u64,
    /// What every step reported.
    pub trace: Trace,
    /// Evaluations of the target, the search for a start included.
    pub counts: Counts,
    /// Wall time, the search for a start included.
    pub seconds: f64,
    /// Why the run ended, if it has. Only a run that has converged takes no more steps.
    pub ended: Option<Ended>,
    /// The algorithm's state after the last step.
    pub state: Vec<u8>,
}

impl Checkpoint {
    /// A run that has not taken a step.
    pub(crate) fn of_start(start: Start, start_counts: Counts) -> Self {
        Checkpoint {
            start,
            start_counts,
            steps: 0,
            rejected: 0,
            trace: Trace::default(),
            counts: start_counts,
            seconds: 0.0,
            ended: None,
            state: Vec::new(),
        }
    }
}

/// Keeps checkpoints of a run, where they outlive the process.
///
/// What goes wrong with that is the keeper's to tell: the run goes on.
pub trait Keeper {
    /// Whether it is time for one; asked after every step.
    fn is_due(&self) -> bool;

    /// Keeps one in place of the one before. The first comes when the start is found, the last when the run has ended, unless it failed: what
    /// was kept before a failure is what can be tried again.
    fn keep(&mut self, checkpoint: &Checkpoint);
}

/// Holds the last checkpoint in memory, for a run that goes on in the same process.
#[derive(Debug, Default)]
pub struct Held {
    /// The last one; `None` before the start is found.
    pub checkpoint: Option<Checkpoint>,
}

impl Keeper for Held {
    /// The first and the last suffice.
    fn is_due(&self) -> bool {
        false
    }

    fn keep(&mut self, checkpoint: &Checkpoint) {
        self.checkpoint = Some(checkpoint.clone());
    }
}
