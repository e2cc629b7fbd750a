//! A target, as functions on a handle: one that is handed out, or one that is lent for a call.

use std::ffi::c_void;
use std::sync::atomic::AtomicBool;

use burn::tensor::Tensor;

use crate::boundary::abi::{self, Object, Sink, Status, TargetTable};
use crate::boundary::failure::{Failure, guard};
use crate::boundary::numbers::{Lent, Numbers, broken};
use crate::boundary::object::{free, hand_out, shared};
use crate::boundary::records::AboutTarget;
use crate::boundary::sink::{Giver, bytes, string};
use crate::target::{Batch, Constrained, Target};

/// What a handle holds: a target, or a reference to one.
trait Held: 'static {
    fn target(&self) -> &dyn Target;
}

impl Held for Box<dyn Target> {
    fn target(&self) -> &dyn Target {
        self.as_ref()
    }
}

impl Held for &'static dyn Target {
    fn target(&self) -> &dyn Target {
        *self
    }
}

const fn table<H: Held>(
    drop: unsafe extern "C" fn(*mut c_void, *const Sink) -> Status,
) -> TargetTable {
    TargetTable {
        size: size_of::<TargetTable>(),
        drop: Some(drop),
        describe: Some(describe::<H>),
        log_density_and_score: Some(log_density_and_score::<H>),
        log_density: Some(log_density::<H>),
        constrain: Some(constrain::<H>),
        constrain_until: Some(constrain_until::<H>),
    }
}

static OWNED: TargetTable = table::<Box<dyn Target>>(drop);
static LENT: TargetTable = table::<&'static dyn Target>(keep);

/// Hands a target out.
pub(in crate::boundary) fn target(target: Box<dyn Target>) -> Object<TargetTable> {
    hand_out(&OWNED, target)
}

/// Lends a target: the object may be used as long as the reference to the reference.
pub(in crate::boundary) fn lent_target(target: &&dyn Target) -> Object<TargetTable> {
    Object {
        table: &LENT,
        handle: std::ptr::from_ref(target).cast_mut().cast(),
    }
}

/// Runs `body` on the target behind a handle.
///
/// # Safety
/// The handle is one of this file with the same `H`; it and the sink may be used until this returns.
unsafe fn with<H: Held>(
    handle: *mut c_void,
    sink: *const Sink,
    body: impl FnOnce(&dyn Target, Giver) -> Result<(), Failure>,
) -> Status {
    // SAFETY: the caller vouches for both. A lent reference is called static here, and is not kept.
    unsafe {
        guard(Giver::new(sink), |out| {
            body(shared::<H>(handle)?.target(), out)
        })
    }
}

/// The points and the batch that came as arguments.
///
/// # Safety
/// Both are null, or may be read with all that they point to.
unsafe fn arguments(
    target: &dyn Target,
    theta: *const abi::Tensor,
    batch: *const abi::Batch,
) -> Result<(Tensor<2>, Batch), Failure> {
    // SAFETY: the caller vouches for both.
    unsafe {
        let theta = Numbers::copy(theta)?.into_tensor(target.placement())?;
        Ok((theta, read_batch(batch)?))
    }
}

/// The batch that an argument, or a step, names.
///
/// # Safety
/// The pointer is null, or may be read with all that it points to.
pub(super) unsafe fn read_batch(batch: *const abi::Batch) -> Result<Batch, Failure> {
    // SAFETY: the caller vouches for it; the rows are bytes, a multiple of eight of them.
    unsafe {
        let Some(batch) = batch.as_ref() else {
            return Ok(Batch::Full);
        };
        let rows = bytes(abi::Text {
            data: batch.rows.cast(),
            length: batch.count.saturating_mul(8),
        });
        let rows = rows.as_chunks::<8>().0.iter();
        Ok(Batch::Rows {
            plate: string(batch.plate)?,
            rows: rows.map(|row| u64::from_ne_bytes(*row) as usize).collect(),
        })
    }
}

// SAFETY, of all that follow: the boundary has the caller pass handles that this table came with, and pointers that may be read until
// the function returns.

unsafe extern "C" fn drop(handle: *mut c_void, sink: *const Sink) -> Status {
    unsafe {
        guard(Giver::new(sink), |_| {
            free::<Box<dyn Target>>(handle);
            Ok(())
        })
    }
}

/// What is lent is not freed.
unsafe extern "C" fn keep(_: *mut c_void, _: *const Sink) -> Status {
    abi::OK
}

unsafe extern "C" fn describe<H: Held>(handle: *mut c_void, sink: *const Sink) -> Status {
    let body = |target: &dyn Target, out: Giver| {
        out.record(&AboutTarget {
            dimension: target.dimension(),
            precision: target.precision(),
            parameters: target.parameters().to_vec(),
        })
    };
    unsafe { with::<H>(handle, sink, body) }
}

unsafe extern "C" fn log_density_and_score<H: Held>(
    handle: *mut c_void,
    theta: *const abi::Tensor,
    batch: *const abi::Batch,
    sink: *const Sink,
) -> Status {
    let body = |target: &dyn Target, out: Giver| {
        let (theta, batch) = unsafe { arguments(target, theta, batch) }?;
        let evaluation = target.log_density_and_score(&theta, &batch)?;
        out.tensor(evaluation.log_density);
        out.tensor(evaluation.score);
        Ok(())
    };
    unsafe { with::<H>(handle, sink, body) }
}

unsafe extern "C" fn log_density<H: Held>(
    handle: *mut c_void,
    theta: *const abi::Tensor,
    batch: *const abi::Batch,
    sink: *const Sink,
) -> Status {
    let body = |target: &dyn Target, out: Giver| {
        let (theta, batch) = unsafe { arguments(target, theta, batch) }?;
        out.tensor(target.log_density(&theta, &batch)?.log_density);
        Ok(())
    };
    unsafe { with::<H>(handle, sink, body) }
}

unsafe extern "C" fn constrain<H: Held>(
    handle: *mut c_void,
    theta: *const abi::Tensor,
    seed: u64,
    generated: i32,
    sink: *const Sink,
) -> Status {
    let body = |target: &dyn Target, out: Giver| {
        let (theta, _) = unsafe { arguments(target, theta, std::ptr::null()) }?;
        let constrained = match generated {
            0 => target.constrain_parameters(&theta)?,
            _ => target.constrain(&theta, seed)?,
        };
        give_constrained(out, &theta, &constrained)
    };
    unsafe { with::<H>(handle, sink, body) }
}

unsafe extern "C" fn constrain_until<H: Held>(
    handle: *mut c_void,
    theta: *const abi::Tensor,
    seed: u64,
    cancelled: *const u8,
    sink: *const Sink,
) -> Status {
    let body = |target: &dyn Target, out: Giver| {
        let (theta, _) = unsafe { arguments(target, theta, std::ptr::null()) }?;
        if cancelled.is_null() {
            return Err(broken("gave no place to see that it is cancelled"));
        }
        // SAFETY: the caller vouches for a byte, zero or one, that is only changed atomically until this returns.
        let cancelled = unsafe { AtomicBool::from_ptr(cancelled.cast_mut().cast()) };
        let constrained = target.constrain_until(&theta, seed, cancelled)?;
        give_constrained(out, &theta, &constrained)
    };
    unsafe { with::<H>(handle, sink, body) }
}

fn give_constrained(
    out: Giver,
    theta: &Tensor<2>,
    constrained: &Constrained,
) -> Result<(), Failure> {
    out.record(&constrained.columns)?;
    let shape = [theta.dims()[0], constrained.columns.len()];
    out.lent(&Lent::slice(&constrained.values, &shape));
    Ok(())
}
