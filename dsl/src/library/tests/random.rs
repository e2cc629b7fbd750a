//! Random numbers follow the densities of their names.

use rand_chacha::rand_core::SeedableRng;

use super::integrals::{Support, discrete_expectation, expectation};
use super::*;

const DRAWS: usize = 20_000;

/// As many draws in lanes, with a fixed seed.
fn draws(name: &str, parameters: &[Argument]) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let outcome = call_in(&mut Graph::new(), name, parameters, DRAWS, Some(&mut rng)).unwrap();
    assert!(
        outcome.requirements.is_empty(),
        "{name}: {:?}",
        outcome.requirements
    );
    outcome.value.to_reals().as_data().unwrap().data().to_vec()
}

/// Functions between -1 and 1 that tell a distribution's place, width and tails.
const FUNCTIONS: [fn(f64) -> f64; 4] = [
    |x| (x - 1.0).tanh(),
    |x| (3.0 * x).tanh(),
    |x| (0.2 * x - 1.0).tanh(),
    f64::sin,
];

/// Means of those functions over the draws against what they should be, within 4.5 standard errors (each of at most
/// 1 / sqrt(draws)).
fn agree(name: &str, draws: &[f64], expected: impl Fn(fn(f64) -> f64) -> f64) {
    for (i, function) in FUNCTIONS.into_iter().enumerate() {
        let values: Vec<f64> = draws.iter().map(|x| function(*x)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64;
        let (want, error) = (expected(function), (variance / values.len() as f64).sqrt());
        assert!(
            (mean - want).abs() <= 4.5 * error + 1e-6,
            "{name}, function {i}: {mean}, not {want} ({error})"
        );
    }
}

#[test]
fn real_numbers_follow_their_densities() {
    use Support::{Interval, Line, Positive};
    let cases: Vec<(&str, Support, Vec<f64>)> = vec![
        ("normal", Line, vec![0.7, 1.3]),
        ("std_normal", Line, vec![]),
        ("student_t", Line, vec![3.5, 0.7, 1.3]),
        ("cauchy", Line, vec![0.7, 1.3]),
        ("logistic", Line, vec![0.7, 1.3]),
        ("gumbel", Line, vec![0.7, 1.3]),
        ("skew_normal", Line, vec![0.7, 1.3, -4.0]),
        ("exp_mod_normal", Line, vec![0.7, 0.4, 0.8]),
        ("gamma", Positive, vec![0.6, 0.4]),
        ("inv_gamma", Positive, vec![2.6, 1.4]),
        ("exponential", Positive, vec![0.4]),
        ("lognormal", Positive, vec![0.7, 0.9]),
        ("weibull", Positive, vec![1.7, 2.9]),
        ("frechet", Positive, vec![1.7, 2.9]),
        ("chi_square", Positive, vec![3.5]),
        ("inv_chi_square", Positive, vec![3.5]),
        ("scaled_inv_chi_square", Positive, vec![3.5, 1.4]),
        ("rayleigh", Positive, vec![1.4]),
        ("loglogistic", Positive, vec![1.4, 2.2]),
        ("pareto_type_2", Positive, vec![0.0, 1.4, 2.2]),
        ("beta", Interval(0.0, 1.0), vec![0.6, 2.2]),
        ("beta_proportion", Interval(0.0, 1.0), vec![0.3, 7.0]),
        ("uniform", Interval(-0.5, 3.0), vec![-0.5, 3.0]),
        (
            "von_mises",
            Interval(-std::f64::consts::PI, std::f64::consts::PI),
            vec![0.7, 1.3],
        ),
    ];
    for (name, support, parameters) in cases {
        let parameters: Vec<_> = parameters.into_iter().map(real).collect();
        let drawn = draws(&format!("{name}_rng"), &parameters);
        agree(name, &drawn, |function| {
            expectation(&format!("{name}_lpdf"), support, &parameters, function)
        });
    }
}

#[test]
fn those_with_corners_follow_their_cumulative_functions() {
    let parameters = [real(0.7), real(1.3)];
    for (name, parameters, at) in [
        ("double_exponential", &parameters, [-1.0, 0.7, 2.0]),
        ("pareto", &parameters, [0.9, 1.5, 4.0]),
    ] {
        let drawn = draws(&format!("{name}_rng"), parameters);
        for y in at {
            let mut arguments = vec![real(y)];
            arguments.extend_from_slice(parameters);
            let want = scalar(&format!("{name}_cdf"), &arguments);
            let got = drawn.iter().filter(|x| **x <= y).count() as f64 / DRAWS as f64;
            assert!(
                (got - want).abs() < 4.5 * (want * (1.0 - want) / DRAWS as f64).sqrt(),
                "{name} at {y}: {got}, {want}"
            );
        }
    }
    let drawn = draws(
        "skew_double_exponential_rng",
        &[real(0.7), real(1.3), real(0.2)],
    );
    let below = drawn.iter().filter(|x| **x < 0.7).count() as f64 / DRAWS as f64;
    assert!(
        (below - 0.2).abs() < 4.5 * (0.16 / DRAWS as f64).sqrt(),
        "{below}"
    );
}

#[test]
fn ints_follow_their_masses() {
    let cases = [
        ("bernoulli", 1, vec![real(0.3)]),
        ("bernoulli_logit", 1, vec![real(-0.6)]),
        ("binomial", 12, vec![int(12), real(0.3)]),
        ("beta_binomial", 12, vec![int(12), real(0.6), real(1.7)]),
        ("poisson", 60, vec![real(4.5)]),
        ("poisson_log", 60, vec![real(1.5)]),
        ("neg_binomial", 400, vec![real(1.6), real(0.7)]),
        ("neg_binomial_2", 400, vec![real(3.6), real(0.7)]),
        ("neg_binomial_2_log", 400, vec![real(1.2), real(0.7)]),
    ];
    for (name, last, parameters) in cases {
        let drawn = draws(&format!("{name}_rng"), &parameters);
        agree(name, &drawn, |function| {
            discrete_expectation(&format!("{name}_lpmf"), last, &parameters, function)
        });
    }
}

/// How often each of 1 to `categories` was drawn, as a share.
fn shares(drawn: &[f64], categories: usize) -> Vec<f64> {
    let share =
        |k: usize| drawn.iter().filter(|x| **x == k as f64).count() as f64 / drawn.len() as f64;
    (1..=categories).map(share).collect()
}

#[test]
fn categories_follow_their_masses() {
    let cuts = vector(&[-1.5, 0.2, 0.9]);
    let cases = [
        ("categorical", vec![vector(&[0.1, 0.0, 0.6, 0.3])]),
        ("categorical_logit", vec![vector(&[0.1, -2.0, 1.6, 0.3])]),
        ("ordered_logistic", vec![real(0.4), cuts]),
    ];
    for (name, parameters) in cases {
        let shares = shares(&draws(&format!("{name}_rng"), &parameters), 4);
        for (k, share) in (1..).zip(shares) {
            let mut arguments = vec![int(k)];
            arguments.extend_from_slice(&parameters);
            let want = scalar(&format!("{name}_lpmf"), &arguments).exp();
            let error = (want * (1.0 - want) / DRAWS as f64).sqrt();
            assert!(
                (share - want).abs() <= 4.5 * error,
                "{name} {k}: {share}, not {want}"
            );
        }
    }
}

#[test]
fn shares_of_a_dirichlet_have_their_means_and_add_up_to_one() {
    let alpha = [0.05, 1.5, 4.0];
    let drawn = draws("dirichlet_rng", &[vector(&alpha)]);
    for row in drawn.chunks(3) {
        assert!(
            (row.iter().sum::<f64>() - 1.0).abs() < 1e-12 && row.iter().all(|x| *x >= 0.0),
            "{row:?}"
        );
    }
    let sum: f64 = alpha.iter().sum();
    for (k, alpha) in alpha.iter().enumerate() {
        let mean = drawn.iter().skip(k).step_by(3).sum::<f64>() / DRAWS as f64;
        let want = alpha / sum;
        let error = (want * (1.0 - want) / (sum + 1.0) / DRAWS as f64).sqrt();
        assert!((mean - want).abs() < 4.5 * error, "{k}: {mean}, not {want}");
    }
}

#[test]
fn counts_of_a_multinomial_have_their_means_and_add_up_to_the_trials() {
    let theta = [0.2, 0.0, 0.5, 0.3];
    let drawn = draws("multinomial_rng", &[vector(&theta), int(9)]);
    assert!(
        drawn
            .chunks(4)
            .all(|row| row.iter().sum::<f64>() == 9.0 && row.iter().all(|x| *x >= 0.0))
    );
    for (k, p) in theta.iter().enumerate() {
        let mean = drawn.iter().skip(k).step_by(4).sum::<f64>() / DRAWS as f64;
        let error = (9.0 * p * (1.0 - p) / DRAWS as f64).sqrt();
        assert!((mean - 9.0 * p).abs() <= 4.5 * error, "{k}: {mean}");
    }
}

#[test]
fn containers_of_parameters_give_containers_of_draws() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let parameters = [vector(&[-100.0, 0.0, 100.0]), real(1.0)];
    let outcome = call_in(
        &mut Graph::new(),
        "normal_rng",
        &parameters,
        1,
        Some(&mut rng),
    )
    .unwrap();
    assert_eq!(outcome.returns, Type::Real.array());
    let drawn = outcome.value.to_reals();
    let drawn = drawn.as_data().unwrap();
    assert_eq!(drawn.shape(), [1, 3]);
    assert!(drawn.data().is_sorted());
}

#[test]
fn bad_parameters_reject_and_no_number_comes_of_them() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let outcome = call_in(
        &mut Graph::new(),
        "normal_rng",
        &[real(0.0), real(-1.0)],
        1,
        Some(&mut rng),
    )
    .unwrap();
    assert_eq!(outcome.requirements.len(), 1);
    assert!(outcome.value.to_reals().as_data().unwrap().data()[0].is_nan());
}

#[test]
fn without_a_generator_no_numbers_are_drawn() {
    let failure = call_in(
        &mut Graph::new(),
        "normal_rng",
        &[real(0.0), real(1.0)],
        1,
        None,
    )
    .unwrap_err();
    assert!(matches!(failure, Failure::Wrong(_)));
}
