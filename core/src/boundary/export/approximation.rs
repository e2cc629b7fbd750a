//! An approximation, as functions on a handle.

use std::ffi::c_void;

use burn::tensor::Tensor;

use crate::boundary::abi::{self, ApproximationTable, Object, Sink, Status, Text};
use crate::boundary::failure::{Failure, guard};
use crate::boundary::numbers::{Lent, Numbers, broken};
use crate::boundary::object::{free, hand_out, held, put};
use crate::boundary::records::AboutApproximation;
use crate::boundary::sink::{Giver, bytes};
use crate::family::{Approximation, SampleCotangent};
use crate::gaussian::Gaussian;
use crate::placement::Placement;

type Held = Box<dyn Approximation>;

static TABLE: ApproximationTable = ApproximationTable {
    size: size_of::<ApproximationTable>(),
    drop: Some(drop),
    describe: Some(describe),
    clone: Some(clone),
    lambda: Some(lambda),
    set_lambda: Some(set_lambda),
    noise_shape: Some(noise_shape),
    sample: Some(sample),
    log_prob: Some(log_prob),
    score: Some(score),
    pull_sample: Some(pull_sample),
    pull_log_prob: Some(pull_log_prob),
    pull_score: Some(pull_score),
    save: Some(save),
    restore: Some(restore),
    mean: Some(mean),
    covariance: Some(covariance),
    scale: Some(scale),
    set_gaussian: Some(set_gaussian),
};

/// Hands an approximation out.
pub(in crate::boundary) fn approximation(
    approximation: Box<dyn Approximation>,
) -> Object<ApproximationTable> {
    hand_out(&TABLE, approximation)
}

/// Runs `body` on the approximation behind a handle.
///
/// # Safety
/// The handle is one of [`approximation`], which nobody else uses meanwhile; the sink may be used until this returns.
unsafe fn with(
    q: *mut c_void,
    sink: *const Sink,
    body: impl FnOnce(&mut Held, Giver) -> Result<(), Failure>,
) -> Status {
    // SAFETY: the caller vouches for both.
    unsafe { guard(Giver::new(sink), |out| body(held(q)?, out)) }
}

/// Numbers that came as an argument.
///
/// # Safety
/// As [`Numbers::copy`].
unsafe fn tensor<const D: usize>(
    tensor: *const abi::Tensor,
    placement: &Placement,
) -> Result<Tensor<D>, Failure> {
    // SAFETY: the caller vouches for it.
    unsafe { Numbers::copy(tensor) }?.into_tensor(placement)
}

// SAFETY, of all that follow: the boundary has the caller pass handles that this table came with, and pointers that may be read, or
// written to where they are not const, until the function returns.

unsafe extern "C" fn drop(q: *mut c_void, sink: *const Sink) -> Status {
    unsafe {
        guard(Giver::new(sink), |_| {
            free::<Held>(q);
            Ok(())
        })
    }
}

unsafe extern "C" fn describe(q: *mut c_void, sink: *const Sink) -> Status {
    let body = |q: &mut Held, out: Giver| {
        out.record(&AboutApproximation {
            family: q.family().into(),
            dimension: q.dimension(),
            gaussian: q.gaussian().map(|gaussian| gaussian.structure()),
        })
    };
    unsafe { with(q, sink, body) }
}

unsafe extern "C" fn clone(
    q: *mut c_void,
    made: *mut Object<ApproximationTable>,
    sink: *const Sink,
) -> Status {
    unsafe { with(q, sink, |q, _| put(made, approximation(q.clone_box()))) }
}

unsafe extern "C" fn lambda(q: *mut c_void, sink: *const Sink) -> Status {
    let body = |q: &mut Held, out: Giver| {
        out.tensor(q.lambda());
        Ok(())
    };
    unsafe { with(q, sink, body) }
}

unsafe extern "C" fn set_lambda(
    q: *mut c_void,
    lambda: *const abi::Tensor,
    sink: *const Sink,
) -> Status {
    let body = |q: &mut Held, _: Giver| {
        let lambda = unsafe { tensor(lambda, q.placement()) }?;
        Ok(q.set_lambda(&lambda)?)
    };
    unsafe { with(q, sink, body) }
}

unsafe extern "C" fn noise_shape(
    q: *mut c_void,
    draws: u64,
    shape: *mut [u64; 2],
    sink: *const Sink,
) -> Status {
    let body = |q: &mut Held, _: Giver| {
        let noise = q.noise_shape(draws as usize);
        let shape = unsafe { shape.as_mut() };
        *shape.ok_or_else(|| broken("gave no place for the shape"))? = noise.map(|n| n as u64);
        Ok(())
    };
    unsafe { with(q, sink, body) }
}

unsafe extern "C" fn sample(
    q: *mut c_void,
    noise: *const abi::Tensor,
    sink: *const Sink,
) -> Status {
    let body = |q: &mut Held, out: Giver| {
        let noise = unsafe { tensor(noise, q.placement()) }?;
        let sample = q.sample(&noise)?;
        out.tensor(sample.theta);
        if let Some(log_weight) = sample.log_weight {
            out.tensor(log_weight);
        }
        Ok(())
    };
    unsafe { with(q, sink, body) }
}

unsafe extern "C" fn log_prob(
    q: *mut c_void,
    theta: *const abi::Tensor,
    sink: *const Sink,
) -> Status {
    let body = |q: &mut Held, out: Giver| {
        let theta = unsafe { tensor(theta, q.placement()) }?;
        out.tensor(q.log_prob(&theta)?);
        Ok(())
    };
    unsafe { with(q, sink, body) }
}

unsafe extern "C" fn score(q: *mut c_void, theta: *const abi::Tensor, sink: *const Sink) -> Status {
    let body = |q: &mut Held, out: Giver| {
        let theta = unsafe { tensor(theta, q.placement()) }?;
        out.tensor(q.score(&theta)?);
        Ok(())
    };
    unsafe { with(q, sink, body) }
}

unsafe extern "C" fn pull_sample(
    q: *mut c_void,
    noise: *const abi::Tensor,
    theta: *const abi::Tensor,
    log_weight: *const abi::Tensor,
    sink: *const Sink,
) -> Status {
    let body = |q: &mut Held, out: Giver| {
        let placement = q.placement();
        let noise = unsafe { tensor(noise, placement) }?;
        let cotangent = SampleCotangent {
            theta: unsafe { tensor(theta, placement) }?,
            log_weight: match log_weight.is_null() {
                true => None,
                false => Some(unsafe { tensor(log_weight, placement) }?),
            },
        };
        out.tensor(q.pull_sample(&noise, &cotangent)?);
        Ok(())
    };
    unsafe { with(q, sink, body) }
}

unsafe extern "C" fn pull_log_prob(
    q: *mut c_void,
    theta: *const abi::Tensor,
    cotangent: *const abi::Tensor,
    sink: *const Sink,
) -> Status {
    let body = |q: &mut Held, out: Giver| {
        let theta = unsafe { tensor(theta, q.placement()) }?;
        let cotangent = unsafe { tensor(cotangent, q.placement()) }?;
        out.tensor(q.pull_log_prob(&theta, &cotangent)?);
        Ok(())
    };
    unsafe { with(q, sink, body) }
}

unsafe extern "C" fn pull_score(
    q: *mut c_void,
    theta: *const abi::Tensor,
    cotangent: *const abi::Tensor,
    sink: *const Sink,
) -> Status {
    let body = |q: &mut Held, out: Giver| {
        let theta = unsafe { tensor(theta, q.placement()) }?;
        let cotangent = unsafe { tensor(cotangent, q.placement()) }?;
        out.tensor(q.pull_score(&theta, &cotangent)?);
        Ok(())
    };
    unsafe { with(q, sink, body) }
}

unsafe extern "C" fn save(q: *mut c_void, sink: *const Sink) -> Status {
    let body = |q: &mut Held, out: Giver| {
        out.text(&q.save());
        Ok(())
    };
    unsafe { with(q, sink, body) }
}

unsafe extern "C" fn restore(q: *mut c_void, state: Text, sink: *const Sink) -> Status {
    unsafe { with(q, sink, |q, _| Ok(q.restore(bytes(state))?)) }
}

/// Runs `body` on a Gaussian.
///
/// # Safety
/// As [`with`].
unsafe fn with_gaussian(
    q: *mut c_void,
    sink: *const Sink,
    body: impl FnOnce(&mut dyn Gaussian, Giver) -> Result<(), Failure>,
) -> Status {
    let body = |q: &mut Held, out: Giver| {
        let gaussian = q.gaussian_mut();
        body(
            gaussian.ok_or_else(|| Failure::Said("it is not a Gaussian".into()))?,
            out,
        )
    };
    // SAFETY: handed on.
    unsafe { with(q, sink, body) }
}

unsafe extern "C" fn mean(q: *mut c_void, sink: *const Sink) -> Status {
    let body = |gaussian: &mut dyn Gaussian, out: Giver| {
        let mean = gaussian.mean();
        out.lent(&Lent::slice(&mean, &[mean.len()]));
        Ok(())
    };
    unsafe { with_gaussian(q, sink, body) }
}

unsafe extern "C" fn covariance(q: *mut c_void, sink: *const Sink) -> Status {
    let body = |gaussian: &mut dyn Gaussian, out: Giver| {
        out.lent(&Lent::covariance(&gaussian.covariance()));
        Ok(())
    };
    unsafe { with_gaussian(q, sink, body) }
}

unsafe extern "C" fn scale(q: *mut c_void, sink: *const Sink) -> Status {
    let body = |gaussian: &mut dyn Gaussian, out: Giver| {
        out.lent(&Lent::matrix(&gaussian.scale()));
        Ok(())
    };
    unsafe { with_gaussian(q, sink, body) }
}

unsafe extern "C" fn set_gaussian(
    q: *mut c_void,
    mean: *const abi::Tensor,
    covariance: *const abi::Tensor,
    sink: *const Sink,
) -> Status {
    let body = |gaussian: &mut dyn Gaussian, _: Giver| {
        let mean = unsafe { Numbers::copy(mean) }?.into_vec();
        let covariance = unsafe { Numbers::copy(covariance) }?.into_covariance()?;
        Ok(gaussian.set(&mean, &covariance)?)
    };
    unsafe { with_gaussian(q, sink, body) }
}
