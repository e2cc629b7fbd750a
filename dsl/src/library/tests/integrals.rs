//! Densities integrate to one, masses sum to one.

use proptest::prelude::*;

use super::*;

/// Where a density may be positive.
#[derive(Clone, Copy)]
pub(super) enum Support {
    Line,
    Positive,
    Interval(f64, f64),
}

/// The integral of a density over its support.
fn integral(name: &str, support: Support, parameters: &[Argument]) -> f64 {
    expectation(name, support, parameters, |_| 1.0)
}

/// The integral of a function times a density, by the double exponential rule: all nodes in one call, as lanes.
pub(super) fn expectation(
    name: &str,
    support: Support,
    parameters: &[Argument],
    function: impl Fn(f64) -> f64,
) -> f64 {
    const STEP: f64 = 1.0 / 64.0;
    let half_pi = std::f64::consts::FRAC_PI_2;
    let nodes = (-400..=400).map(|i| f64::from(i) * STEP);
    let (mut at, mut weight) = (Vec::new(), Vec::new());
    for t in nodes {
        let (s, ds) = (half_pi * t.sinh(), half_pi * t.cosh());
        let (y, dy) = match support {
            Support::Line => (s.sinh(), s.cosh() * ds),
            Support::Positive => (s.exp(), s.exp() * ds),
            Support::Interval(low, high) => {
                let middle = 0.5 * (high - low);
                (
                    low + middle * (1.0 + s.tanh()),
                    middle / s.cosh().powi(2) * ds,
                )
            }
        };
        let inside = match support {
            Support::Interval(low, high) => y > low && y < high,
            Support::Positive => y > 0.0,
            Support::Line => true,
        };
        if inside && y.is_finite() && dy.is_finite() {
            at.push(y);
            weight.push(dy * STEP);
        }
    }
    let mut arguments = vec![lanes(&at)];
    arguments.extend_from_slice(parameters);
    let logs = evaluate(name, &arguments);
    let masses = logs
        .iter()
        .cycle()
        .zip(&weight)
        .map(|(log, weight)| log.exp() * weight);
    masses.zip(&at).map(|(mass, y)| mass * function(*y)).sum()
}

/// The sum of a mass over 0 to `last`.
fn total(name: &str, last: i64, parameters: &[Argument]) -> f64 {
    discrete_expectation(name, last, parameters, |_| 1.0)
}

/// The sum of a function times a mass over 0 to `last`, all in one call, as lanes.
pub(super) fn discrete_expectation(
    name: &str,
    last: i64,
    parameters: &[Argument],
    function: impl Fn(f64) -> f64,
) -> f64 {
    let all = Argument(
        Value::Int(Ints::new([last as usize + 1], (0..=last).collect())),
        Type::Int,
    );
    let mut arguments = vec![all];
    arguments.extend_from_slice(parameters);
    evaluate(name, &arguments)
        .iter()
        .enumerate()
        .map(|(n, log)| log.exp() * function(n as f64))
        .sum()
}

fn location() -> impl Strategy<Value = Argument> {
    (-3.0..3.0).prop_map(real)
}

/// From 0.4 to 7, evenly on the log scale.
fn positive() -> impl Strategy<Value = Argument> {
    (-1.0..2.0).prop_map(|x: f64| real(x.exp()))
}

fn unit() -> impl Strategy<Value = Argument> {
    (0.05..0.95).prop_map(real)
}

fn middle() -> impl Strategy<Value = Argument> {
    (0.2..0.8).prop_map(real)
}

fn ample() -> impl Strategy<Value = Argument> {
    (3.0..50.0).prop_map(real)
}

macro_rules! integrate {
    ($($test:ident: $name:literal over $support:expr, given $($parameter:ident),*;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(16))]
            $(#[test]
            fn $test(parameters in ($($parameter(),)*)) {
                let parameters = integrate!(@list parameters; $($parameter),*);
                let got = integral($name, $support, &parameters);
                // The nodes next to an end of the interval miss what singular densities have there.
                prop_assert!((got - 1.0).abs() < 1e-6, "{got}");
            })*
        }
    };
    (@list $tuple:ident; $a:ident) => { [$tuple.0] };
    (@list $tuple:ident; $a:ident, $b:ident) => { [$tuple.0, $tuple.1] };
    (@list $tuple:ident; $a:ident, $b:ident, $c:ident) => { [$tuple.0, $tuple.1, $tuple.2] };
}

integrate! {
    normal: "normal_lpdf" over Support::Line, given location, positive;
    student_t: "student_t_lpdf" over Support::Line, given positive, location, positive;
    cauchy: "cauchy_lpdf" over Support::Line, given location, positive;
    logistic: "logistic_lpdf" over Support::Line, given location, positive;
    gumbel: "gumbel_lpdf" over Support::Line, given location, positive;
    skew_normal: "skew_normal_lpdf" over Support::Line, given location, positive, location;
    exp_mod_normal: "exp_mod_normal_lpdf" over Support::Line, given location, positive, positive;
    gamma: "gamma_lpdf" over Support::Positive, given positive, positive;
    inv_gamma: "inv_gamma_lpdf" over Support::Positive, given positive, positive;
    exponential: "exponential_lpdf" over Support::Positive, given positive;
    lognormal: "lognormal_lpdf" over Support::Positive, given location, positive;
    weibull: "weibull_lpdf" over Support::Positive, given positive, positive;
    frechet: "frechet_lpdf" over Support::Positive, given positive, positive;
    chi_square: "chi_square_lpdf" over Support::Positive, given positive;
    inv_chi_square: "inv_chi_square_lpdf" over Support::Positive, given positive;
    scaled_inv_chi_square: "scaled_inv_chi_square_lpdf" over Support::Positive, given positive, positive;
    rayleigh: "rayleigh_lpdf" over Support::Positive, given positive;
    loglogistic: "loglogistic_lpdf" over Support::Positive, given positive, positive;
    beta: "beta_lpdf" over Support::Interval(0.0, 1.0), given positive, positive;
    beta_proportion: "beta_proportion_lpdf" over Support::Interval(0.0, 1.0), given middle, ample;
    von_mises: "von_mises_lpdf" over Support::Interval(-3.0, -3.0 + std::f64::consts::TAU), given location, positive;
}

macro_rules! sum {
    ($($test:ident: $name:literal up to $last:expr, given $($parameter:ident),*;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(16))]
            $(#[test]
            fn $test(parameters in ($($parameter(),)*)) {
                let parameters = integrate!(@list parameters; $($parameter),*);
                let got = total($name, $last, &parameters);
                prop_assert!((got - 1.0).abs() < 1e-9, "{got}");
            })*
        }
    };
}

fn trials() -> impl Strategy<Value = Argument> {
    Just(int(30))
}

sum! {
    bernoulli: "bernoulli_lpmf" up to 1, given unit;
    bernoulli_logit: "bernoulli_logit_lpmf" up to 1, given location;
    binomial: "binomial_lpmf" up to 30, given trials, unit;
    binomial_logit: "binomial_logit_lpmf" up to 30, given trials, location;
    beta_binomial: "beta_binomial_lpmf" up to 30, given trials, positive, positive;
    poisson: "poisson_lpmf" up to 100, given positive;
    poisson_log: "poisson_log_lpmf" up to 200, given location;
    neg_binomial: "neg_binomial_lpmf" up to 2_000, given positive, positive;
    neg_binomial_2: "neg_binomial_2_lpmf" up to 2_000, given positive, positive;
    neg_binomial_2_log: "neg_binomial_2_log_lpmf" up to 4_000, given location, positive;
}

#[test]
fn densities_with_corners_or_ends_integrate_to_one() {
    let double_exponential = [real(0.7), real(1.3)];
    assert!(
        (integral(
            "double_exponential_lpdf",
            Support::Line,
            &double_exponential
        ) - 1.0)
            .abs()
            < 1e-3
    );
    let skewed = [real(0.7), real(1.3), real(0.2)];
    assert!((integral("skew_double_exponential_lpdf", Support::Line, &skewed) - 1.0).abs() < 1e-3);
    let uniform = integral(
        "uniform_lpdf",
        Support::Interval(-1.0, 2.5),
        &[real(-1.0), real(2.5)],
    );
    assert!((uniform - 1.0).abs() < 1e-9);
    // From the least value on, by the change of variables y = 1.5 + x.
    let pareto = integral(
        "pareto_type_2_lpdf",
        Support::Positive,
        &[real(0.0), real(1.3), real(2.2)],
    );
    assert!((pareto - 1.0).abs() < 1e-9);
}

#[test]
fn ordered_categories_have_masses_that_sum_to_one() {
    let cuts = [-1.5, 0.2, 0.9];
    for eta in [-4.0, 0.3, 12.0] {
        let mass = |y| scalar("ordered_logistic_lpmf", &[int(y), real(eta), vector(&cuts)]).exp();
        assert!(((1..=4).map(mass).sum::<f64>() - 1.0).abs() < 1e-14);
    }
}
