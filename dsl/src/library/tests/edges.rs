//! Far tails and the edges of supports: values as defined or as Stan has them, and derivatives that are numbers.

use super::*;

#[test]
fn far_tails_and_extreme_parameters_keep_their_digits() {
    // Rounding of lgamma of 1e4, which is 8e4, twice; gradients have digamma in place of it.
    let wrong = wrong_rows("edges.json", 5e-11, 1e-9);
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

const NOTHING: f64 = f64::NEG_INFINITY;

/// Where the density has a value, even if it is minus infinity.
fn at_the_edges() -> Vec<(&'static str, Vec<Argument>, f64)> {
    let r = |x: &[f64]| -> Vec<Argument> { x.iter().map(|x| real(*x)).collect() };
    let n = |n: i64, x: &[f64]| -> Vec<Argument> { [vec![int(n)], r(x)].concat() };
    let nn = |a: i64, b: i64, x: &[f64]| -> Vec<Argument> { [vec![int(a), int(b)], r(x)].concat() };
    vec![
        // At the edge of the support.
        ("exponential_lpdf", r(&[0.0, 2.0]), 2.0_f64.ln()),
        ("lognormal_lpdf", r(&[0.0, 0.0, 1.0]), NOTHING),
        ("inv_gamma_lpdf", r(&[0.0, 2.0, 1.0]), NOTHING),
        ("uniform_lpdf", r(&[0.0, 0.0, 2.0]), -(2.0_f64.ln())),
        ("uniform_lpdf", r(&[2.0, 0.0, 2.0]), -(2.0_f64.ln())),
        ("pareto_lpdf", r(&[1.0, 1.0, 2.0]), 2.0_f64.ln()),
        // Certain and impossible outcomes.
        ("bernoulli_lpmf", n(1, &[0.0]), NOTHING),
        ("bernoulli_lpmf", n(0, &[1.0]), NOTHING),
        ("bernoulli_logit_lpmf", n(1, &[1e3]), 0.0),
        ("bernoulli_logit_lpmf", n(0, &[1e3]), -1e3),
        ("binomial_lpmf", nn(1, 3, &[0.0]), NOTHING),
        ("binomial_lpmf", nn(2, 3, &[1.0]), NOTHING),
        ("binomial_lpmf", nn(0, 0, &[0.5]), 0.0),
        ("binomial_logit_lpmf", nn(3, 3, &[1e3]), 0.0),
        ("poisson_lpmf", n(0, &[0.0]), 0.0),
        ("poisson_lpmf", n(2, &[0.0]), NOTHING),
        ("poisson_log_lpmf", n(0, &[-800.0]), 0.0),
        ("beta_binomial_lpmf", nn(0, 0, &[1.0, 1.0]), 0.0),
        (
            "categorical_lpmf",
            vec![int(1), vector(&[0.0, 0.25, 0.75])],
            NOTHING,
        ),
        ("categorical_lpmf", vec![int(2), vector(&[0.0, 1.0])], 0.0),
        (
            "categorical_logit_lpmf",
            vec![int(1), vector(&[-1e3, 0.0])],
            -1e3,
        ),
        (
            "multinomial_lpmf",
            vec![ints(&[0, 2]), vector(&[0.0, 1.0])],
            0.0,
        ),
        (
            "multinomial_lpmf",
            vec![ints(&[0, 0]), vector(&[0.5, 0.5])],
            0.0,
        ),
        (
            "ordered_logistic_lpmf",
            vec![int(2), real(0.0), vector(&[-1e3, 1e3])],
            0.0,
        ),
        // Masses at and beyond the ends.
        ("exponential_lcdf", r(&[0.0, 2.0]), NOTHING),
        ("exponential_lccdf", r(&[0.0, 2.0]), 0.0),
        ("gamma_lcdf", r(&[0.0, 2.0, 1.0]), NOTHING),
        ("gamma_lccdf", r(&[0.0, 2.0, 1.0]), 0.0),
        ("inv_gamma_lcdf", r(&[0.0, 2.0, 1.0]), NOTHING),
        ("inv_gamma_lccdf", r(&[0.0, 2.0, 1.0]), 0.0),
        ("beta_lcdf", r(&[0.0, 2.0, 1.0]), NOTHING),
        ("beta_lccdf", r(&[0.0, 2.0, 1.0]), 0.0),
        ("beta_lcdf", r(&[1.0, 2.0, 1.0]), 0.0),
        ("beta_lccdf", r(&[1.0, 2.0, 1.0]), NOTHING),
        ("lognormal_lcdf", r(&[0.0, 0.0, 1.0]), NOTHING),
        ("lognormal_lccdf", r(&[0.0, 0.0, 1.0]), 0.0),
        ("weibull_lcdf", r(&[0.0, 2.0, 1.0]), NOTHING),
        ("weibull_lccdf", r(&[0.0, 2.0, 1.0]), 0.0),
        ("uniform_lcdf", r(&[1.0, 0.0, 1.0]), 0.0),
        ("uniform_lccdf", r(&[0.0, 0.0, 1.0]), 0.0),
        ("poisson_lcdf", n(-1, &[2.0]), NOTHING),
        ("poisson_lccdf", n(-1, &[2.0]), 0.0),
        ("poisson_lcdf", n(3, &[0.0]), 0.0),
        ("poisson_lccdf", n(3, &[0.0]), NOTHING),
        ("poisson_lcdf", n(0, &[0.0]), 0.0),
        ("binomial_lcdf", nn(-1, 3, &[0.5]), NOTHING),
        ("binomial_lcdf", nn(3, 3, &[0.5]), 0.0),
        ("binomial_lccdf", nn(3, 3, &[0.5]), NOTHING),
        ("binomial_lcdf", nn(1, 3, &[0.0]), 0.0),
        ("binomial_lcdf", nn(1, 3, &[1.0]), NOTHING),
        ("neg_binomial_2_lcdf", n(-1, &[2.0, 3.0]), NOTHING),
        ("neg_binomial_lccdf", n(-1, &[2.0, 3.0]), 0.0),
        ("bernoulli_lcdf", n(1, &[0.3]), 0.0),
        ("bernoulli_lccdf", n(1, &[0.3]), NOTHING),
    ]
}

#[test]
fn edges_have_stans_values_and_derivatives_that_are_numbers() {
    let mut wrong = Vec::new();
    for (name, arguments, want) in at_the_edges() {
        let outcome = call_in(&mut Graph::new(), name, &arguments, 1, None).unwrap();
        let place = format!("{name}({arguments:?})");
        if !outcome.requirements.is_empty() {
            wrong.push(format!("{place} is rejected"));
            continue;
        }
        let got = scalar(name, &arguments);
        if !close(got, want, 1e-14) {
            wrong.push(format!("{place} of data: {got}, not {want}"));
        }
        let (got, _, gradient) = differentiate(name, &arguments);
        if !close(got, want, 1e-14) {
            wrong.push(format!("{place} of parameters: {got}, not {want}"));
        }
        if gradient.iter().any(|slope| slope.is_nan()) && want.is_finite() {
            wrong.push(format!("{place}: gradient {gradient:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn known_outcomes_at_the_ends_of_their_support_have_stans_values() {
    let (r, inf) = (real, f64::INFINITY);
    let cases = [
        ("beta_lpdf", vec![r(0.0), r(1.0), r(1.0)], 0.0),
        ("beta_lpdf", vec![r(1.0), r(1.0), r(1.0)], 0.0),
        ("weibull_lpdf", vec![r(0.0), r(1.0), r(1.0)], 0.0),
        ("gamma_lcdf", vec![r(inf), r(2.0), r(1.0)], 0.0),
        ("gamma_lccdf", vec![r(inf), r(2.0), r(1.0)], NOTHING),
        ("normal_lcdf", vec![r(inf), r(0.0), r(1.0)], 0.0),
        ("normal_lccdf", vec![r(-inf), r(0.0), r(1.0)], 0.0),
        ("student_t_lcdf", vec![r(inf), r(3.0), r(0.0), r(1.0)], 0.0),
        (
            "student_t_lcdf",
            vec![r(-inf), r(3.0), r(0.0), r(1.0)],
            NOTHING,
        ),
    ];
    for (name, arguments, want) in cases {
        assert_eq!(scalar(name, &arguments), want, "{name}({arguments:?})");
    }
}

#[test]
fn a_mass_that_is_masked_has_no_influence_on_the_gradient() {
    let known = [
        ("poisson_lcdf", vec![ints(&[-1, 3])]),
        ("poisson_lccdf", vec![ints(&[-1, 3])]),
    ];
    for (name, mut arguments) in known {
        arguments.push(vector(&[2.0, 2.0]));
        let (_, _, gradient) = differentiate(name, &arguments);
        assert_eq!(gradient[0], 0.0, "{name}");
        assert!(gradient[1].is_finite() && gradient[1] != 0.0, "{name}");
    }
}
