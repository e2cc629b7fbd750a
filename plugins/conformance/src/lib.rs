//! What every family, every algorithm and every target fulfils, ours or a third party's, as measurements.
//!
//! A [`Check`] is one identity with its residual and its tolerance; a [`Report`] is all of them for one plugin. `firebrand plugins check`
//! prints reports; in tests one line asserts one, for each kind of plugin:
//!
//! ```ignore
//! conformance::check_family::<MyFamily>();
//! conformance::check_inference::<MyAlgorithm>(&FullRank);
//! conformance::check_target::<MyTarget>();
//! ```
//!
//! [`approximation`] holds the identities of a member of a family, [`inference`] those of an algorithm, [`target`] those of a target;
//! [`targets`] and [`Opaque`] are what algorithms are tried on. [`Broken`] members and [`BrokenTarget`]s show that the identities can
//! fail.

pub mod approximation;
mod broken;
mod broken_target;
pub mod family;
pub mod inference;
mod member;
mod opaque;
mod plugin;
mod report;
pub mod target;
pub mod targets;

pub use broken::{Broken, Fault};
pub use broken_target::{BrokenTarget, TargetFault};
pub use member::Member;
pub use opaque::Opaque;
pub use plugin::{check_family, check_inference, check_target};
pub use report::{Check, Report};
