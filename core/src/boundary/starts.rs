//! What a search for a start found, on its way across the boundary.

use super::abi;
use super::failure::Failure;
use super::numbers::{Lent, Numbers, broken};
use crate::gaussian::GaussianStart;
use crate::start::{Agreement, Candidate, Start};

/// Calls `body` with a start as the other side takes it.
pub(super) fn with_start<R>(start: &Start, body: impl FnOnce(*const abi::Start) -> R) -> R {
    let lent: Vec<LentCandidate<'_>> = start.candidates.iter().map(LentCandidate::new).collect();
    let candidates: Vec<abi::Candidate> = lent.iter().map(LentCandidate::raw).collect();
    body(&abi::Start {
        candidates: candidates.as_ptr(),
        count: candidates.len(),
        tried: start.agreement.tried as u64,
        succeeded: start.agreement.succeeded as u64,
        agreed: start.agreement.agreed as u64,
    })
}

/// A Gaussian that the other side may read while this lives.
struct LentCandidate<'a> {
    candidate: &'a Candidate,
    mean: Lent<'a>,
    covariance: Lent<'a>,
}

impl<'a> LentCandidate<'a> {
    fn new(candidate: &'a Candidate) -> Self {
        let GaussianStart { mean, covariance } = &candidate.gaussian;
        LentCandidate {
            candidate,
            mean: Lent::slice(mean, &[mean.len()]),
            covariance: Lent::covariance(covariance),
        }
    }

    fn raw(&self) -> abi::Candidate {
        abi::Candidate {
            mean: self.mean.raw(),
            covariance: self.covariance.raw(),
            elbo: self.candidate.elbo,
            elbo_error: self.candidate.elbo_error,
        }
    }
}

/// What a search for a start found, on this side.
///
/// # Safety
/// The pointer is null, or may be read with all that it points to.
pub(super) unsafe fn read_start(start: *const abi::Start) -> Result<Start, Failure> {
    // SAFETY: the caller vouches for it.
    let start = unsafe { start.as_ref() }.ok_or_else(|| broken("gave no start"))?;
    if start.count == 0 || start.candidates.is_null() {
        return Err(broken("gave a start without candidates"));
    }
    // SAFETY: the caller vouches for as many candidates.
    let candidates = unsafe { std::slice::from_raw_parts(start.candidates, start.count) };
    let read = |candidate: &abi::Candidate| -> Result<Candidate, Failure> {
        // SAFETY: the caller vouches for their numbers.
        let (mean, covariance) = unsafe {
            (
                Numbers::copy(&candidate.mean)?,
                Numbers::copy(&candidate.covariance)?,
            )
        };
        Ok(Candidate {
            gaussian: GaussianStart {
                mean: mean.into_vec(),
                covariance: covariance.into_covariance()?,
            },
            elbo: candidate.elbo,
            elbo_error: candidate.elbo_error,
        })
    };
    Ok(Start {
        candidates: candidates.iter().map(read).collect::<Result<_, _>>()?,
        agreement: Agreement {
            tried: start.tried as usize,
            succeeded: start.succeeded as usize,
            agreed: start.agreed as usize,
        },
    })
}
