//! The example's own tests, and the same identities across the boundary.

use firebrand_conformance::approximation;
use firebrand_core::boundary::across;
use firebrand_core::{GaussianStart, Placement, registry};
extern crate firebrand_test_plugin as firebrand_student_t;

#[path = "../../../examples/plugin/student-t/tests/conformance.rs"]
mod example;

#[test]
fn the_identities_hold_across_the_boundary() {
    let family = registry::family("student-t(freedom: 8)").expect("the family");
    let family = across::family(family.plugin).expect("the family");
    let start = GaussianStart::standard(2);
    let member = family
        .start(2, &start, &Placement::cpu())
        .expect("a member");
    approximation::check(&*member);
}
