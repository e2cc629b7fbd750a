//! Functions of the language that are not distributions.

mod arrange;
pub(super) mod construct;
pub(super) mod covariances;
mod definite;
pub(super) mod elementwise;
pub(super) mod exponential;
pub(super) mod factors;
pub(super) mod hidden_markov;
pub(super) mod incomplete;
pub(super) mod integers;
pub(super) mod linear;
pub(super) mod matrices;
pub(super) mod mixtures;
pub(super) mod order;
pub(super) mod pairs;
pub(super) mod parts;
pub(super) mod reductions;
pub(super) mod reshape;
pub(super) mod sparse;

pub(super) use arrange::take;
pub(super) use definite::{factor, half_log_determinant, require_factor};
pub use linear::{left_division, right_division};
pub(super) use matrices::{diagonal, square};
pub(super) use mixtures::log_softmax;
pub use reductions::dot;
