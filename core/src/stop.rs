//! When a run is asked to end before it has converged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A request to end that may come at any time: from the user, or from the clock.
#[derive(Clone, Copy, Debug)]
pub struct Stop<'a> {
    cancelled: &'a AtomicBool,
    deadline: Option<Instant>,
}

/// Why a run was asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// By the user.
    Cancelled,
    /// By the time limit.
    Time,
}

impl<'a> Stop<'a> {
    /// Stops when `cancelled` is raised, and at `deadline` if there is one.
    pub fn new(cancelled: &'a AtomicBool, deadline: Option<Instant>) -> Self {
        Stop {
            cancelled,
            deadline,
        }
    }

    /// Never stops.
    pub fn never() -> Self {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Stop::new(&NEVER, None)
    }

    /// Why the run should end now, if it should.
    pub fn reason(&self) -> Option<StopReason> {
        if self.cancelled.load(Ordering::Relaxed) {
            Some(StopReason::Cancelled)
        } else if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            Some(StopReason::Time)
        } else {
            None
        }
    }
}
