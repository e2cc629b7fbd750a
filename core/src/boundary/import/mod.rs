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

/// What a function gave that cannot return an error.
///
/// # Panics
/// If it failed. The driver turns a panic of a plugin into a failed run.
fn certain<T>(plugin: &str, outcome: Result<T, super::failure::Failure>) -> T {
    outcome.unwrap_or_else(|failure| std::panic::panic_any(failure.sentence(plugin)))
}
