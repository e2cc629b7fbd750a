//! An iteration of the other side.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

use super::target::with_batch;
use super::{ForeignApproximation, certain};
use crate::boundary::abi::{Object, RunningTable, Step, Text};
use crate::boundary::export;
use crate::boundary::failure::Failure;
use crate::boundary::object::{Foreign, nothing};
use crate::boundary::sink::{lend, string};
use crate::family::Approximation;
use crate::inference::{InferenceError, Progress, Running, StepContext, StepError, StepReport};
use crate::placement::Placement;
use crate::stop::{Stop, StopReason};

/// An iteration of the other side.
pub(super) struct ForeignRunning {
    running: Foreign<RunningTable>,
    name: String,
    placement: Placement,
    /// A copy of its approximation, once somebody has asked for it.
    approximation: OnceCell<Box<dyn Approximation>>,
}

impl ForeignRunning {
    /// Takes one over.
    ///
    /// # Safety
    /// As [`Foreign::take`].
    pub unsafe fn take(
        object: Object<RunningTable>,
        name: &str,
        placement: Placement,
    ) -> Result<Self, Failure> {
        Ok(ForeignRunning {
            // SAFETY: handed on.
            running: unsafe { Foreign::take(object) }?,
            name: name.into(),
            placement,
            approximation: OnceCell::new(),
        })
    }

    fn read_approximation(&self) -> Result<Box<dyn Approximation>, Failure> {
        let mut made = nothing();
        // SAFETY: its own function and handle; the sink lives until it returns, and what was made is ours.
        self.running.call(
            self.running.table.approximation,
            |f, running, sink| unsafe { f(running, &mut made, sink) },
        )?;
        let copy = unsafe { ForeignApproximation::take(made, &self.placement) }?;
        Ok(Box::new(copy))
    }
}

/// What a step's callbacks are called with.
struct Context<'a> {
    stop: Stop<'a>,
    diagnostics: Vec<(&'static str, f64)>,
    broken: Option<Failure>,
}

unsafe extern "C" fn cancelled(context: *mut c_void) -> i32 {
    // SAFETY: the context of the step that is under way. Only what does not change is read, so that any thread may ask.
    let stop = unsafe { &(*context.cast::<Context<'_>>()).stop };
    match stop.reason() {
        None => 0,
        Some(StopReason::Cancelled) => 1,
        Some(StopReason::Time) => 2,
    }
}

unsafe extern "C" fn record(context: *mut c_void, name: Text, value: f64) {
    // SAFETY: the context of the step that is under way; only the thread of the step records. The name is lent.
    unsafe {
        let context = context.cast::<Context<'_>>();
        match string(name) {
            Ok(name) => {
                let diagnostics = &mut (*context).diagnostics;
                diagnostics.push((lasting(&name), value));
            }
            Err(failure) => (*context).broken = Some(failure),
        }
    }
}

/// The same name, for as long as the program lives. Each is kept once: a plugin has the same few in every step.
fn lasting(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    match names.get(name) {
        Some(known) => known,
        None => {
            let kept: &'static str = String::leak(name.into());
            names.insert(kept);
            kept
        }
    }
}

impl Running for ForeignRunning {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        self.approximation.take();
        let mut shared = Context {
            stop: context.stop,
            diagnostics: Vec::new(),
            broken: None,
        };
        let target = context.target;
        let outcome = with_batch(context.batch, |batch| {
            let step = Step {
                size: size_of::<Step>(),
                context: (&raw mut shared).cast(),
                target: export::lent_target(&target),
                batch,
                step: context.step,
                seed: context.seed,
                cancelled: Some(cancelled),
                record: Some(record),
            };
            self.running
                // SAFETY: as above; the step is lent until the call returns.
                .call(self.running.table.step, |f, running, sink| unsafe {
                    f(running, &step, sink)
                })
        });
        let report = outcome.and_then(|mut given| {
            if let Some(failure) = shared.broken.take() {
                return Err(failure);
            }
            let because = given.next_bytes();
            let because = because.map(|text| String::from_utf8_lossy(&text).into_owned());
            Ok(StepReport {
                diagnostics: std::mem::take(&mut shared.diagnostics),
                progress: because.map_or(Progress::Continue, Progress::Converged),
            })
        });
        report.map_err(|failure| failure.step(&self.name))
    }

    fn approximation(&self) -> &dyn Approximation {
        self.approximation
            .get_or_init(|| certain(&self.name, self.read_approximation()))
            .as_ref()
    }

    fn save(&self) -> Vec<u8> {
        // SAFETY: as above.
        let state = self
            .running
            .call(self.running.table.save, |f, running, sink| unsafe {
                f(running, sink)
            });
        certain(
            &self.name,
            state.and_then(|mut given| given.bytes("a state")),
        )
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        self.approximation.take();
        // SAFETY: as above; the state is lent until the call returns.
        let restored = self
            .running
            .call(self.running.table.restore, |f, running, sink| unsafe {
                f(running, lend(state), sink)
            });
        restored.map(drop).map_err(|failure| match failure {
            Failure::Said(why) => InferenceError::Restore(why),
            failure => failure.inference(&self.name),
        })
    }
}
