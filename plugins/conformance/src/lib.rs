//! Tests that every family and every algorithm passes, ours or a third party's: each is a function that panics with what is wrong.
//!
//! [`approximation`] holds the identities of a member of a family, [`inference`] the behaviour of an algorithm, and [`targets`] and
//! [`Opaque`] what they are tried on. [`Broken`] members of families show that the identities can fail. Use it as a development
//! dependency.

pub mod approximation;
mod broken;
pub mod inference;
mod member;
mod opaque;
pub mod targets;

pub use broken::{Broken, Fault};
pub use member::Member;
pub use opaque::Opaque;
