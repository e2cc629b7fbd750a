//! A shared library with a family, an algorithm and a target, which the command line loads in its tests.
//!
//! The family is the example's, from the same files: so they are compiled and tested with everything else. So are the crates that
//! `firebrand plugins new` begins.

mod climb;
#[path = "../../../examples/plugin/student-t/src/family.rs"]
mod family;
mod hill;
mod late;
#[path = "../../../examples/plugin/student-t/src/member.rs"]
mod member;
#[path = "../../../src/cli/plugins/templates/family.rs"]
mod template_family;
#[path = "../../../src/cli/plugins/templates/inference.rs"]
mod template_inference;
#[path = "../../../src/cli/plugins/templates/target.rs"]
mod template_target;

pub use family::{StudentT, StudentTOptions};

use firebrand_core::{FamilyPlugin, InferencePlugin, TargetPlugin, inventory};

inventory::submit! { FamilyPlugin::of::<StudentT>() }
inventory::submit! { FamilyPlugin::of::<late::Late>() }
inventory::submit! { InferencePlugin::of::<climb::Climb>() }
inventory::submit! { TargetPlugin::of::<hill::Hill>() }
inventory::submit! { FamilyPlugin::of::<template_family::Template>() }
inventory::submit! { InferencePlugin::of::<template_inference::Template>() }
inventory::submit! { TargetPlugin::of::<template_target::Template>() }

firebrand_core::export_plugins!();
