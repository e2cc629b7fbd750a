//! A shared library with a family, an algorithm and a target, which the command line loads in its tests.
//!
//! The family is the example's, from the same files: so they are compiled and tested with everything else.

mod climb;
#[path = "../../../examples/plugin/student-t/src/family.rs"]
mod family;
mod hill;
#[path = "../../../examples/plugin/student-t/src/member.rs"]
mod member;

pub use family::{StudentT, StudentTOptions};

use firebrand_core::{FamilyPlugin, InferencePlugin, TargetPlugin, inventory};

inventory::submit! { FamilyPlugin::of::<StudentT>() }
inventory::submit! { InferencePlugin::of::<climb::Climb>() }
inventory::submit! { TargetPlugin::of::<hill::Hill>() }

firebrand_core::export_plugins!();
