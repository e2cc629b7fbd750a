//! The other side's targets, families and algorithms, as this side sees them. Everything that they return is checked: its status, how
//! many numbers there are, and that these are finite where they have to be.

mod approximation;
mod family;
mod inference;
mod running;
mod target;

pub(super) use approximation::ForeignApproximation;
pub(super) use family::ForeignFamily;
pub(super) use inference::ForeignInference;
pub(super) use target::ForeignTarget;

use super::failure::Failure;
use crate::panics::tell;

/// What a function gave that cannot return an error.
///
/// # Panics
/// If it failed: see [`tell`].
fn certain<T>(plugin: &str, outcome: Result<T, Failure>) -> T {
    outcome.unwrap_or_else(|failure| tell(failure.sentence(plugin)))
}
