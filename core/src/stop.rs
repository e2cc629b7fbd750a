//! When a run is asked to end before it has converged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A request to end that may come at any time: from the user, or from the clock.
#[derive(Clone, Copy)]
pub struct Stop<'a>(Who<'a>);

/// Who knows whether it is time.
#[derive(Clone, Copy)]
enum Who<'a> {
    /// A flag, and the clock.
    Flag(&'a AtomicBool, Option<Instant>),
    /// The program that runs this library.
    Host(&'a (dyn Fn() -> Option<StopReason> + Sync)),
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
        Stop(Who::Flag(cancelled, deadline))
    }

    /// Stops when `ask` gives a reason.
    pub fn asking(ask: &'a (dyn Fn() -> Option<StopReason> + Sync)) -> Self {
        Stop(Who::Host(ask))
    }

    /// Never stops.
    pub fn never() -> Self {
        static NEVER: AtomicBool = AtomicBool::new(false);
        Stop::new(&NEVER, None)
    }

    /// Why the run should end now, if it should.
    pub fn reason(&self) -> Option<StopReason> {
        match self.0 {
            Who::Host(ask) => ask(),
            Who::Flag(cancelled, _) if cancelled.load(Ordering::Relaxed) => {
                Some(StopReason::Cancelled)
            }
            Who::Flag(_, Some(deadline)) if Instant::now() >= deadline => Some(StopReason::Time),
            Who::Flag(..) => None,
        }
    }
}
