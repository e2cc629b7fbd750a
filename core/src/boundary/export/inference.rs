//! An algorithm and its iterations, as functions on handles.

use std::ffi::c_void;
use std::sync::Arc;

use super::approximation;
use super::target::read_batch;
use crate::boundary::abi::{
    self, ApproximationTable, InferenceTable, Object, RunningTable, Sink, Status, Step,
    TargetTable, Text,
};
use crate::boundary::failure::{Failure, guard};
use crate::boundary::import::{ForeignApproximation, ForeignTarget};
use crate::boundary::numbers::{Lent, broken};
use crate::boundary::object::{free, hand_out, held, put, shared};
use crate::boundary::records::{AboutInference, AboutTarget};
use crate::boundary::sink::{Giver, bytes, lend, string};
use crate::boundary::starts::read_start;
use crate::gaussian::GaussianStart;
use crate::inference::{Inference, Progress, Running, StepContext};
use crate::options::Options;
use crate::start::StartOptions;
use crate::stop::{Stop, StopReason};
use crate::target::Target;

type Held = Box<dyn Inference>;

/// An iteration, and what is known of the target that each of its steps is lent.
struct HeldRunning {
    running: Box<dyn Running>,
    target: Arc<AboutTarget>,
}

static TABLE: InferenceTable = InferenceTable {
    size: size_of::<InferenceTable>(),
    drop: Some(drop),
    describe: Some(describe),
    begin: Some(begin),
    find_start: Some(find_start),
};

static RUNNING: RunningTable = RunningTable {
    size: size_of::<RunningTable>(),
    drop: Some(drop_running),
    step: Some(step),
    approximation: Some(running_approximation),
    save: Some(save),
    restore: Some(restore),
};

/// Hands an algorithm out.
pub(in crate::boundary) fn inference(inference: Box<dyn Inference>) -> Object<InferenceTable> {
    hand_out(&TABLE, inference)
}

/// Runs `body` on the algorithm behind a handle.
///
/// # Safety
/// The handle is one of [`inference`]; the sink may be used until this returns.
unsafe fn with(
    handle: *mut c_void,
    sink: *const Sink,
    body: impl FnOnce(&Held, Giver) -> Result<(), Failure>,
) -> Status {
    // SAFETY: the caller vouches for both.
    unsafe { guard(Giver::new(sink), |out| body(shared(handle)?, out)) }
}

/// Runs `body` on the iteration behind a handle.
///
/// # Safety
/// The handle came from [`begin`] and nobody else uses it meanwhile; the sink may be used until this returns.
unsafe fn with_running(
    handle: *mut c_void,
    sink: *const Sink,
    body: impl FnOnce(&mut HeldRunning, Giver) -> Result<(), Failure>,
) -> Status {
    // SAFETY: the caller vouches for both.
    unsafe { guard(Giver::new(sink), |out| body(held(handle)?, out)) }
}

// SAFETY, of all that follow: the boundary has the caller pass handles that these tables came with, and pointers that may be read, or
// written to where they are not const, until the function returns.

unsafe extern "C" fn drop(handle: *mut c_void, sink: *const Sink) -> Status {
    unsafe {
        guard(Giver::new(sink), |_| {
            free::<Held>(handle);
            Ok(())
        })
    }
}

unsafe extern "C" fn describe(handle: *mut c_void, sink: *const Sink) -> Status {
    let body = |inference: &Held, out: Giver| {
        out.record(&AboutInference {
            requires: inference.requires(),
            default_family: inference.default_family().into(),
            max_steps: inference.max_steps(),
        })
    };
    unsafe { with(handle, sink, body) }
}

unsafe extern "C" fn find_start(
    handle: *mut c_void,
    target: Object<TargetTable>,
    seed: u64,
    options: Text,
    sink: *const Sink,
) -> Status {
    let body = |inference: &Held, out: Giver| {
        let options = StartOptions::parse("start", &unsafe { string(options) }?)?;
        let target = unsafe { ForeignTarget::borrow(target, None) }?;
        let found = inference.find_start(&target, seed, &options)?;
        for candidate in &found.candidates {
            let GaussianStart { mean, covariance } = &candidate.gaussian;
            out.lent(&Lent::slice(mean, &[mean.len()]));
            out.lent(&Lent::covariance(covariance));
            out.lent(&Lent::slice(&[candidate.elbo, candidate.elbo_error], &[2]));
        }
        out.record(&found.agreement)
    };
    unsafe { with(handle, sink, body) }
}

unsafe extern "C" fn begin(
    handle: *mut c_void,
    q: Object<ApproximationTable>,
    target: Object<TargetTable>,
    start: *const abi::Start,
    made: *mut Object<RunningTable>,
    sink: *const Sink,
) -> Status {
    let body = |inference: &Held, _: Giver| {
        let target = unsafe { ForeignTarget::borrow(target, None) };
        let placement = match &target {
            Ok(target) => target.placement().clone(),
            Err(_) => crate::placement::Placement::cpu(),
        };
        // It is ours even if the target cannot be used.
        let q = unsafe { ForeignApproximation::take(q, &placement) }?;
        let target = target?;
        let start = unsafe { read_start(start) }?;
        let running = inference.begin(Box::new(q), &target, &start)?;
        let held = HeldRunning {
            running,
            target: target.about(),
        };
        unsafe { put(made, hand_out(&RUNNING, held)) }
    };
    unsafe { with(handle, sink, body) }
}

unsafe extern "C" fn drop_running(handle: *mut c_void, sink: *const Sink) -> Status {
    unsafe {
        guard(Giver::new(sink), |_| {
            free::<HeldRunning>(handle);
            Ok(())
        })
    }
}

/// The caller's way to say that a run should end. The boundary allows it to be asked from any thread.
struct Asked {
    context: *mut c_void,
    cancelled: Option<unsafe extern "C" fn(*mut c_void) -> i32>,
}

// SAFETY: see above.
unsafe impl Sync for Asked {}

impl Asked {
    fn reason(&self) -> Option<StopReason> {
        // SAFETY: the step's own function, with its context, during the step.
        match self.cancelled.map_or(0, |ask| unsafe { ask(self.context) }) {
            0 => None,
            2 => Some(StopReason::Time),
            _ => Some(StopReason::Cancelled),
        }
    }
}

unsafe extern "C" fn step(handle: *mut c_void, step: *const Step, sink: *const Sink) -> Status {
    let body = |held: &mut HeldRunning, out: Giver| {
        let step = unsafe { whole_step(step) }?;
        let target = unsafe { ForeignTarget::borrow(step.target, Some(held.target.clone())) }?;
        let asked = Asked {
            context: step.context,
            cancelled: step.cancelled,
        };
        let reason = || asked.reason();
        let context = StepContext {
            target: &target,
            batch: &unsafe { read_batch(step.batch) }?,
            step: step.step,
            seed: step.seed,
            stop: Stop::asking(&reason),
        };
        let report = held.running.step(&context)?;
        if let Some(record) = step.record {
            for (name, value) in &report.diagnostics {
                unsafe { record(step.context, lend(name.as_bytes()), *value) };
            }
        }
        if let Progress::Converged(because) = &report.progress {
            out.text(because.as_bytes());
        }
        Ok(())
    };
    unsafe { with_running(handle, sink, body) }
}

/// A step that is as large as this version has it.
///
/// # Safety
/// The pointer is null, or may be read.
unsafe fn whole_step<'a>(step: *const Step) -> Result<&'a Step, Failure> {
    // SAFETY: the caller vouches for it; the size is read first.
    match !step.is_null() && unsafe { (*step).size } >= size_of::<Step>() {
        true => Ok(unsafe { &*step }),
        false => Err(broken("gave a step that is cut short")),
    }
}

unsafe extern "C" fn running_approximation(
    handle: *mut c_void,
    made: *mut Object<ApproximationTable>,
    sink: *const Sink,
) -> Status {
    let body = |held: &mut HeldRunning, _: Giver| {
        let copy = held.running.approximation().clone_box();
        unsafe { put(made, approximation(copy)) }
    };
    unsafe { with_running(handle, sink, body) }
}

unsafe extern "C" fn save(handle: *mut c_void, sink: *const Sink) -> Status {
    let body = |held: &mut HeldRunning, out: Giver| {
        out.text(&held.running.save());
        Ok(())
    };
    unsafe { with_running(handle, sink, body) }
}

unsafe extern "C" fn restore(handle: *mut c_void, state: Text, sink: *const Sink) -> Status {
    let body =
        |held: &mut HeldRunning, _: Giver| Ok(held.running.restore(unsafe { bytes(state) })?);
    unsafe { with_running(handle, sink, body) }
}
