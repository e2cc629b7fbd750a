//! A family, as functions on a handle.

use std::ffi::c_void;

use super::approximation;
use crate::boundary::abi::{self, ApproximationTable, FamilyTable, Object, Sink, Status};
use crate::boundary::failure::{Failure, guard};
use crate::boundary::numbers::{Numbers, broken, read_placement};
use crate::boundary::object::{free, hand_out, put, shared};
use crate::boundary::sink::Giver;
use crate::boundary::starts::read_start;
use crate::family::Family;
use crate::gaussian::GaussianStart;
use crate::placement::Placement;

type Held = Box<dyn Family>;

static TABLE: FamilyTable = FamilyTable {
    size: size_of::<FamilyTable>(),
    drop: Some(drop),
    describe: Some(describe),
    start: Some(start),
    start_from: Some(start_from),
};

/// Hands a family out.
pub(in crate::boundary) fn family(family: Box<dyn Family>) -> Object<FamilyTable> {
    hand_out(&TABLE, family)
}

/// Runs `body` on the family behind a handle.
///
/// # Safety
/// The handle is one of [`family`]; the sink may be used until this returns.
unsafe fn with(
    family: *mut c_void,
    sink: *const Sink,
    body: impl FnOnce(&Held, Giver) -> Result<(), Failure>,
) -> Status {
    // SAFETY: the caller vouches for both.
    unsafe { guard(Giver::new(sink), |out| body(shared(family)?, out)) }
}

// SAFETY, of all that follow: the boundary has the caller pass handles that this table came with, and pointers that may be read, or
// written to where they are not const, until the function returns.

unsafe extern "C" fn drop(family: *mut c_void, sink: *const Sink) -> Status {
    unsafe {
        guard(Giver::new(sink), |_| {
            free::<Held>(family);
            Ok(())
        })
    }
}

unsafe extern "C" fn describe(family: *mut c_void, sink: *const Sink) -> Status {
    let body = |family: &Held, out: Giver| out.record(&family.capabilities());
    unsafe { with(family, sink, body) }
}

unsafe extern "C" fn start(
    family: *mut c_void,
    dimension: u64,
    mean: *const abi::Tensor,
    covariance: *const abi::Tensor,
    placement: *const abi::Placement,
    made: *mut Object<ApproximationTable>,
    sink: *const Sink,
) -> Status {
    let body = |family: &Held, _: Giver| {
        let placement = unsafe { whole_placement(placement) }?;
        let gaussian = GaussianStart {
            mean: unsafe { Numbers::copy(mean) }?.into_vec(),
            covariance: unsafe { Numbers::copy(covariance) }?.into_covariance()?,
        };
        let member = family.start(dimension as usize, &gaussian, &placement)?;
        unsafe { put(made, approximation(member)) }
    };
    unsafe { with(family, sink, body) }
}

unsafe extern "C" fn start_from(
    family: *mut c_void,
    start: *const abi::Start,
    placement: *const abi::Placement,
    made: *mut Object<ApproximationTable>,
    sink: *const Sink,
) -> Status {
    let body = |family: &Held, _: Giver| {
        let placement = unsafe { whole_placement(placement) }?;
        let start = unsafe { read_start(start) }?;
        let member = family.start_from(&start, &placement)?;
        unsafe { put(made, approximation(member)) }
    };
    unsafe { with(family, sink, body) }
}

/// Where a member is to compute.
///
/// # Safety
/// The pointer is null, or may be read.
unsafe fn whole_placement(placement: *const abi::Placement) -> Result<Placement, Failure> {
    // SAFETY: the caller vouches for it.
    let placement = unsafe { placement.as_ref() };
    read_placement(*placement.ok_or_else(|| broken("gave no placement"))?)
}
