//! Who ends a fit of a sweep: its time limit, or the user.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use firebrand::Event;

/// Between two looks at the clock.
const TICK: Duration = Duration::from_millis(20);

/// A fit under watch. Its flag is raised, and kept raised, while a phase of the fit is over its time or the user wants the sweep to end.
pub struct Watch<'a> {
    raised: AtomicBool,
    limit: Option<Duration>,
    interrupted: &'a AtomicBool,
    /// When the present phase began; `None` before the first, for compilation has no limit.
    phase: Mutex<Option<Instant>>,
}

impl Watch<'_> {
    /// The flag that ends the present phase.
    pub fn flag(&self) -> &AtomicBool {
        &self.raised
    }

    /// Hears what the fit is doing: the search for a start, the check and the draws each begin a phase.
    pub fn hear(&self, event: &Event<'_>) {
        if !matches!(event, Event::Step(moment) if moment.steps > 0) {
            let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
            *phase = Some(Instant::now());
            self.raised.store(false, Ordering::Relaxed);
        }
    }

    fn look(&self) {
        // The lock is held while the flag is raised: a phase never begins with the flag that ended the one before.
        let phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |limit| phase.is_some_and(|began| began.elapsed() > limit);
        if self.interrupted.load(Ordering::Relaxed) || self.limit.is_some_and(over) {
            self.raised.store(true, Ordering::Relaxed);
        }
    }
}

/// Does `work` under a limit of time for each phase of its fit, until `interrupted` is raised. A panic is an error with its message.
pub fn watched<T>(
    limit: Option<Duration>,
    interrupted: &AtomicBool,
    work: impl FnOnce(&Watch<'_>) -> T,
) -> Result<T, String> {
    let watch = Watch {
        raised: AtomicBool::new(false),
        limit,
        interrupted,
        phase: Mutex::new(None),
    };
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let clock = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                watch.look();
                thread::park_timeout(TICK);
            }
        });
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&watch)));
        done.store(true, Ordering::Release);
        clock.thread().unpark();
        outcome
    })
    .map_err(|panic| {
        let message = panic.downcast_ref::<&str>().map(ToString::to_string);
        let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
        message.unwrap_or_else(|| "no message".into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_for(watch: &Watch<'_>) -> bool {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(10) {
            if watch.flag().load(Ordering::Relaxed) {
                return true;
            }
            thread::sleep(Duration::from_millis(1));
        }
        false
    }

    #[test]
    fn each_phase_has_its_own_time() {
        let never = AtomicBool::new(false);
        let raised = watched(Some(Duration::from_millis(40)), &never, |watch| {
            // Before the first phase there is no limit.
            thread::sleep(Duration::from_millis(120));
            let before = watch.flag().load(Ordering::Relaxed);
            let phases = [Event::Checking, Event::Drawing].map(|event| {
                watch.hear(&event);
                let began = Instant::now();
                wait_for(watch) && began.elapsed() >= Duration::from_millis(40)
            });
            (before, phases)
        });
        assert_eq!(raised, Ok((false, [true, true])));
    }

    #[test]
    fn an_interruption_ends_every_phase() {
        let interrupted = AtomicBool::new(true);
        let raised = watched(None, &interrupted, |watch| {
            let first = wait_for(watch);
            watch.hear(&Event::Checking);
            first && wait_for(watch)
        });
        assert_eq!(raised, Ok(true));
    }

    #[test]
    fn a_panic_is_an_error() {
        let never = AtomicBool::new(false);
        let outcome = watched(None, &never, |_| panic!("a fault"));
        assert_eq!(outcome, Err::<(), _>("a fault".into()));
    }
}
