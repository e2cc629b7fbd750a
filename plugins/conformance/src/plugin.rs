//! A whole plugin in one line of a test.

use firebrand_core::{Family, Inference, Plugin, Target};

use crate::{family, inference, target};

/// All identities of a family, with its options at their defaults.
///
/// # Panics
/// If one does not hold.
#[track_caller]
pub fn check_family<P: Plugin + Family>() {
    family::report(&made::<P>()).assert();
}

/// All identities of an algorithm with its options at their defaults, with a family that it takes.
///
/// # Panics
/// If one does not hold.
#[track_caller]
pub fn check_inference<P: Plugin + Inference>(family: &dyn Family) {
    inference::report(&made::<P>(), family).assert();
}

/// All identities of a target, with its options at their defaults.
///
/// # Panics
/// If one does not hold.
#[track_caller]
pub fn check_target<P: Plugin + Target>() {
    target::report(&made::<P>()).assert();
}

#[track_caller]
fn made<P: Plugin>() -> P {
    P::new(P::Options::default()).unwrap_or_else(|error| panic!("{error}"))
}
