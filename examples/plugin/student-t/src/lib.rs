//! A multivariate Student t family for Firebrand, as a shared library and as a crate.

mod family;
mod member;

pub use family::{StudentT, StudentTOptions};
pub use member::Member;

use firebrand_core::{FamilyPlugin, inventory};

// Registers the family wherever this crate is linked ...
inventory::submit! { FamilyPlugin::of::<StudentT>() }

// ... and exports everything that is registered, if the crate is built as a shared library.
firebrand_core::export_plugins!();
