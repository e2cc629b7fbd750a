//! This side's targets, families and algorithms, as the other side sees them. The host exports what it lends to an algorithm of a
//! library, and a library exports its plugins, by the same functions.

mod approximation;
mod family;
mod inference;
mod target;

pub(super) use approximation::approximation;
pub(super) use family::family;
pub(super) use inference::inference;
pub(super) use target::{lent_target, target};
