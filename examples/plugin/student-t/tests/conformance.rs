//! The identities that every member of every family has to fulfil.

use firebrand_conformance::approximation;
use firebrand_core::{Approximation, Covariance, GaussianStart, Placement, Plugin, registry};
use firebrand_student_t::StudentT;

fn member(dimension: usize, freedom: usize) -> Box<dyn Approximation> {
    let start = GaussianStart {
        mean: (0..dimension).map(|d| d as f64 - 0.5).collect(),
        covariance: Covariance::Diagonal((0..dimension).map(|d| 0.5 + d as f64).collect()),
    };
    let family = registry::family(&format!("{}(freedom: {freedom})", StudentT::NAME));
    let family = family.expect("the family");
    let member = family.plugin.start(dimension, &start, &Placement::cpu());
    member.expect("a member")
}

#[test]
fn a_student_t_keeps_every_identity() {
    approximation::check(&*member(2, 8));
    approximation::check(&*member(3, 30));
}

#[test]
fn expectations_have_the_gradients_of_quadrature() {
    approximation::the_gradient_of_an_expectation_is_that_of_quadrature(&*member(1, 9)).assert();
}

#[test]
fn few_degrees_of_freedom_are_refused() {
    let error = registry::family("student-t(freedom: 2)")
        .err()
        .expect("a refusal");
    assert!(error.to_string().contains("at least 3"), "{error}");
}
