//! What the search for a start brings back.

use serde::{Deserialize, Serialize};

use crate::gaussian::GaussianStart;

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
    /// N(0, I) alone: for a run that needs no start.
    pub fn standard(dimension: usize) -> Self {
        let candidate = Candidate {
            gaussian: GaussianStart::standard(dimension),
            elbo: f64::NAN,
            elbo_error: f64::NAN,
        };
        let agreement = Agreement {
            tried: 0,
            succeeded: 0,
            agreed: 0,
        };
        Start {
            candidates: vec![candidate],
            agreement,
        }
    }

    /// The candidate with the highest evidence lower bound.
    pub fn best(&self) -> &Candidate {
        &self.candidates[0]
    }
}
