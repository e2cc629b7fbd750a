//! Linear algebra on matrices that must be of some kind, and distributions of vectors and matrices.

use rand_chacha::rand_core::SeedableRng;

use super::*;

/// Symmetric and positive definite, of determinant 5.
const DEFINITE: [f64; 4] = [2.0, 1.0, 1.0, 3.0];
const ALSO_DEFINITE: [f64; 4] = [5.0, -2.0, -2.0, 1.5];
/// Eigenvalues -1 and 3.
const INDEFINITE: [f64; 4] = [1.0, 2.0, 2.0, 1.0];
const SEMIDEFINITE: [f64; 4] = [1.0, 1.0, 1.0, 1.0];
const ASYMMETRIC: [f64; 4] = [2.0, 1.0, 0.9, 3.0];

fn four(x: [f64; 4]) -> Argument {
    matrix(2, 2, &x)
}

fn two(x: [f64; 2]) -> Argument {
    vector(&x)
}

/// Two vectors in an array.
fn pairs(x: [f64; 4]) -> Argument {
    Argument(four(x).0, Type::Vector.array())
}

#[test]
fn functions_of_definite_matrices_are_as_defined() {
    let (s, root) = (four(DEFINITE), 2.0_f64.sqrt());
    let half = [root, 0.0, 1.0 / root, 2.5_f64.sqrt()];
    let inverse = [0.6, -0.2, -0.2, 0.4];
    let spread = 5.0_f64.sqrt() / 2.0;
    let cases: [(&str, Vec<Argument>, Vec<f64>); 10] = [
        ("cholesky_decompose", vec![s.clone()], half.to_vec()),
        ("inverse_spd", vec![s.clone()], inverse.to_vec()),
        ("chol2inv", vec![four(half)], inverse.to_vec()),
        (
            "eigenvalues_sym",
            vec![s.clone()],
            vec![2.5 - spread, 2.5 + spread],
        ),
        ("log_determinant_spd", vec![s.clone()], vec![5.0_f64.ln()]),
        (
            "mdivide_left_spd",
            vec![s.clone(), two([1.0, 2.0])],
            vec![0.2, 0.6],
        ),
        (
            "mdivide_left_spd",
            vec![s.clone(), s.clone()],
            vec![1.0, 0.0, 0.0, 1.0],
        ),
        (
            "mdivide_right_spd",
            vec![row_vector(&[1.0, 2.0]), s.clone()],
            vec![0.2, 0.6],
        ),
        (
            "mdivide_right_spd",
            vec![four([1.0, 2.0, 0.0, 5.0]), s.clone()],
            vec![0.2, 0.6, -1.0, 2.0],
        ),
        (
            "quad_form_sym",
            vec![s.clone(), two([1.0, -1.0])],
            vec![3.0],
        ),
    ];
    for (name, arguments, want) in cases {
        let got = evaluate(name, &arguments);
        assert!(
            got.iter()
                .zip(&want)
                .all(|(got, want)| close(*got, *want, 1e-14)),
            "{name}: {got:?}, not {want:?}"
        );
        let (total, rejected, gradient) = differentiate(name, &arguments);
        assert!(
            !rejected && close(total, want.iter().sum(), 1e-14),
            "{name}: {total}"
        );
        assert!(gradient.iter().all(|x| x.is_finite()), "{name}");
    }
}

#[test]
fn eigenvectors_turn_the_matrix_into_its_eigenvalues() {
    let vectors = evaluate("eigenvectors_sym", &[four(DEFINITE)]);
    let values = evaluate("eigenvalues_sym", &[four(DEFINITE)]);
    let turned = evaluate("quad_form_sym", &[four(DEFINITE), matrix(2, 2, &vectors)]);
    for (got, want) in turned.iter().zip([values[0], 0.0, 0.0, values[1]]) {
        assert!(close(*got, want, 1e-14), "{turned:?}");
    }
}

/// Functions whose argument of this number must be symmetric and positive definite, with the others.
fn definite_arguments() -> Vec<(&'static str, usize, Vec<Argument>)> {
    let (y, mu) = (two([0.3, -1.0]), two([1.0, 0.5]));
    let s = four(DEFINITE);
    vec![
        ("cholesky_decompose", 0, vec![s.clone()]),
        ("inverse_spd", 0, vec![s.clone()]),
        ("log_determinant_spd", 0, vec![s.clone()]),
        ("mdivide_left_spd", 0, vec![s.clone(), y.clone()]),
        (
            "multi_normal_lpdf",
            2,
            vec![y.clone(), mu.clone(), s.clone()],
        ),
        (
            "multi_normal_prec_lpdf",
            2,
            vec![y.clone(), mu.clone(), s.clone()],
        ),
        (
            "multi_student_t_lpdf",
            3,
            vec![y.clone(), real(3.0), mu.clone(), s.clone()],
        ),
        (
            "multi_gp_lpdf",
            1,
            vec![four(ASYMMETRIC), s.clone(), two([1.0, 2.0])],
        ),
        ("wishart_lpdf", 0, vec![s.clone(), real(3.0), s.clone()]),
        ("wishart_lpdf", 2, vec![s.clone(), real(3.0), s.clone()]),
        ("inv_wishart_lpdf", 0, vec![s.clone(), real(3.0), s.clone()]),
        ("inv_wishart_lpdf", 2, vec![s.clone(), real(3.0), s.clone()]),
        ("lkj_cov_lpdf", 0, vec![s, y, two([1.0, 2.0]), real(2.0)]),
    ]
}

#[test]
fn what_is_not_definite_or_not_symmetric_is_rejected() {
    for (name, i, mut arguments) in definite_arguments() {
        for (bad, why) in [
            (INDEFINITE, "positive definite"),
            (SEMIDEFINITE, "positive definite"),
            (ASYMMETRIC, "symmetric"),
            ([f64::NAN; 4], "symmetric"),
        ] {
            arguments[i] = four(bad);
            let outcome = call_in(&mut Graph::new(), name, &arguments, 1, None).unwrap();
            let message = &outcome.requirements[0].message;
            assert!(
                message.starts_with(name) && message.ends_with(&format!("is not {why}")),
                "{name} of {bad:?}: {message}"
            );
            let (_, rejected, _) = differentiate(name, &arguments);
            assert!(rejected, "{name} of parameters {bad:?}");
        }
    }
}

#[test]
fn other_arguments_outside_of_their_domains_are_rejected() {
    let (s, y) = (four(DEFINITE), two([0.3, -1.0]));
    let upper = four([2.0, 1.0, 0.0, 3.0]);
    let infinite = two([f64::INFINITY, 0.0]);
    for (name, arguments) in [
        ("multi_normal_lpdf", vec![y.clone(), infinite, s.clone()]),
        (
            "multi_student_t_lpdf",
            vec![y.clone(), real(0.0), y.clone(), s.clone()],
        ),
        ("multi_gp_lpdf", vec![s.clone(), s.clone(), two([1.0, 0.0])]),
        ("wishart_lpdf", vec![s.clone(), real(1.0), s.clone()]),
        (
            "wishart_cholesky_lpdf",
            vec![upper.clone(), real(3.0), s.clone()],
        ),
        ("chol2inv", vec![upper]),
        ("lkj_corr_lpdf", vec![s.clone(), real(1.0)]),
        (
            "lkj_corr_lpdf",
            vec![four([1.0, 0.5, 0.5, 1.0]), real(-1.0)],
        ),
        ("eigenvalues_sym", vec![four(ASYMMETRIC)]),
        ("quad_form_sym", vec![four(ASYMMETRIC), y]),
    ] {
        let outcome = call_in(&mut Graph::new(), name, &arguments, 1, None).unwrap();
        assert!(!outcome.requirements.is_empty(), "{name}");
    }
}

#[test]
fn sizes_that_do_not_fit_are_wrong() {
    let (s, y, three) = (four(DEFINITE), two([0.3, -1.0]), vector(&[1.0, 2.0, 3.0]));
    for (name, arguments) in [
        ("cholesky_decompose", vec![matrix(1, 2, &[1.0, 2.0])]),
        ("mdivide_left", vec![s.clone(), three.clone()]),
        ("mdivide_right", vec![row_vector(&[1.0; 3]), s.clone()]),
        (
            "multi_normal_lpdf",
            vec![y.clone(), three.clone(), s.clone()],
        ),
        (
            "multi_normal_lpdf",
            vec![three.clone(), three.clone(), s.clone()],
        ),
        ("multi_gp_lpdf", vec![s.clone(), s.clone(), three.clone()]),
        (
            "wishart_lpdf",
            vec![s.clone(), real(3.0), matrix(1, 1, &[1.0])],
        ),
        (
            "lkj_cov_lpdf",
            vec![s.clone(), three.clone(), y.clone(), real(1.0)],
        ),
        ("multi_normal_rng", vec![three, s.clone()]),
        ("matrix_power", vec![s, int(-1)]),
    ] {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let outcome = call_in(&mut Graph::new(), name, &arguments, 1, Some(&mut rng));
        assert!(
            matches!(outcome, Err(Failure::Wrong(_))),
            "{name}: {outcome:?}"
        );
    }
}

#[test]
fn arrays_of_vectors_add_up() {
    let outcomes = [[0.3, -1.0], [2.0, 0.25]];
    let locations = [[1.0, 0.5], [-0.75, 0.0]];
    let flat = |x: [[f64; 2]; 2]| pairs([x[0][0], x[0][1], x[1][0], x[1][1]]);
    for (name, first) in [
        ("multi_normal_lpdf", vec![]),
        ("multi_normal_prec_lpdf", vec![]),
        ("multi_normal_cholesky_lpdf", vec![]),
        ("multi_student_t_lpdf", vec![real(3.0)]),
        ("multi_student_t_cholesky_lpdf", vec![real(3.0)]),
    ] {
        let density = |y: Argument, mu: Argument| {
            let mut arguments = vec![y];
            arguments.extend(first.clone());
            arguments.extend([mu, four(DEFINITE)]);
            scalar(name, &arguments)
        };
        let sum = |at: [[f64; 2]; 2]| -> f64 {
            let terms = outcomes.iter().zip(at);
            terms.map(|(y, mu)| density(two(*y), two(mu))).sum()
        };
        let both = density(flat(outcomes), flat(locations));
        assert!(close(both, sum(locations), 1e-14), "{name}: {both}");
        let one = density(flat(outcomes), two(locations[0]));
        assert!(close(one, sum([locations[0]; 2]), 1e-14), "{name}: {one}");
        let other = density(two(outcomes[0]), flat(locations));
        let swapped = density(flat(locations), two(outcomes[0]));
        assert!(close(other, swapped, 1e-14), "{name}: {other}");
    }
    let none = Argument(
        Value::Real(Array::new([1, 0, 2], vec![]).into()),
        Type::Vector.array(),
    );
    let arguments = [none, two([1.0, 2.0]), four(DEFINITE)];
    assert_eq!(scalar("multi_normal_lpdf", &arguments), 0.0);
}

/// Both in two lanes.
fn joined(Argument(first, type_): &Argument, Argument(second, _): &Argument) -> Argument {
    let data = |value: &Value| value.to_reals().as_data().unwrap().clone();
    let (first, second) = (data(first), data(second));
    let mut shape = first.shape().to_vec();
    shape[0] = 2;
    let both = first.data().iter().chain(second.data()).copied().collect();
    Argument(Value::Real(Array::new(shape, both).into()), type_.clone())
}

#[test]
fn lanes_are_kept_apart_whichever_arguments_share_them() {
    let (s, t) = (four(DEFINITE), four(ALSO_DEFINITE));
    let (l, m) = (four([2.0, 0.0, 0.5, 1.0]), four([0.5, 0.0, -3.0, 2.0]));
    let (y, z) = (two([0.3, -1.0]), two([2.0, 0.25]));
    let (a, b) = (pairs([0.3, -1.0, 2.0, 0.25]), pairs([1.0, 1.5, -2.0, 0.5]));
    let (p, q) = (real(2.5), real(7.0));
    let both = |x: &Argument, y: &Argument| (x.clone(), y.clone());
    let (s, l, y, a, p) = (
        both(&s, &t),
        both(&l, &m),
        both(&y, &z),
        both(&a, &b),
        both(&p, &q),
    );
    let positive = (two([0.3, 1.0]), two([2.0, 0.25]));
    let cases: Vec<(&str, Vec<&(Argument, Argument)>)> = vec![
        ("inverse_spd", vec![&s]),
        ("chol2inv", vec![&l]),
        ("eigenvalues_sym", vec![&s]),
        ("mdivide_left_spd", vec![&s, &y]),
        ("multi_normal_lpdf", vec![&y, &y, &s]),
        ("multi_normal_lpdf", vec![&a, &y, &s]),
        ("multi_normal_prec_lpdf", vec![&a, &y, &s]),
        ("multi_normal_cholesky_lpdf", vec![&a, &a, &l]),
        ("multi_student_t_lpdf", vec![&a, &p, &y, &s]),
        ("multi_gp_lpdf", vec![&l, &s, &positive]),
        ("wishart_lpdf", vec![&s, &p, &s]),
        ("inv_wishart_cholesky_lpdf", vec![&l, &p, &l]),
        ("lkj_cov_lpdf", vec![&s, &y, &positive, &p]),
    ];
    for (name, arguments) in cases {
        for mask in 0..1_usize << arguments.len() {
            let mut inputs: [Vec<Argument>; 3] = Default::default();
            for (i, (first, second)) in arguments.iter().enumerate() {
                let shared = mask >> i & 1 == 1;
                inputs[0].push(first.clone());
                inputs[1].push(if shared { first } else { second }.clone());
                inputs[2].push(if shared {
                    first.clone()
                } else {
                    joined(first, second)
                });
            }
            let mut want = evaluate(name, &inputs[0]);
            want.extend(evaluate(name, &inputs[1]));
            let got = evaluate(name, &inputs[2]);
            assert!(
                got.len() == want.len() || got.len() * 2 == want.len(),
                "{name}"
            );
            let same = got
                .iter()
                .cycle()
                .zip(&want)
                .all(|(got, want)| close(*got, *want, 1e-13));
            assert!(same, "{name} {mask:b}: {got:?}, not {want:?}");
        }
    }
}

const DRAWS: usize = 20_000;

/// Draws in lanes, each of so many numbers.
fn draws(name: &str, parameters: &[Argument], size: usize) -> Vec<Vec<f64>> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let outcome = call_in(&mut Graph::new(), name, parameters, DRAWS, Some(&mut rng)).unwrap();
    assert!(outcome.requirements.is_empty(), "{name}");
    let drawn = outcome.value.to_reals();
    let drawn = drawn.as_data().unwrap().data();
    assert_eq!(drawn.len(), DRAWS * size, "{name}");
    drawn.chunks(size).map(<[f64]>::to_vec).collect()
}

/// Whether the mean of a function of the draws is this, within 4.5 standard errors.
fn has_mean(drawn: &[Vec<f64>], function: impl Fn(&[f64]) -> f64, want: f64) -> bool {
    let values: Vec<f64> = drawn.iter().map(|x| function(x)).collect();
    let mean = values.iter().sum::<f64>() / DRAWS as f64;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / DRAWS as f64;
    (mean - want).abs() <= 4.5 * (variance / DRAWS as f64).sqrt() + 1e-12
}

#[test]
fn random_vectors_have_their_means_and_covariances() {
    let factor = four([2.0_f64.sqrt(), 0.0, 0.5_f64.sqrt(), 2.5_f64.sqrt()]);
    let mu = [1.0, -3.0];
    for (name, freedom, spread) in [
        ("multi_normal_rng", None, four(DEFINITE)),
        ("multi_normal_cholesky_rng", None, factor.clone()),
        ("multi_student_t_rng", Some(9.0), four(DEFINITE)),
        ("multi_student_t_cholesky_rng", Some(9.0), factor),
    ] {
        let mut parameters: Vec<Argument> = freedom.map(real).into_iter().collect();
        parameters.extend([two(mu), spread]);
        let drawn = draws(name, &parameters, 2);
        // The variance of a Student t distribution is nu / (nu - 2) times its squared scale.
        let wider = freedom.map_or(1.0, |nu| nu / (nu - 2.0));
        for i in 0..2 {
            assert!(has_mean(&drawn, |x| x[i], mu[i]), "{name} {i}");
            for j in 0..2 {
                let product = |x: &[f64]| (x[i] - mu[i]) * (x[j] - mu[j]);
                assert!(
                    has_mean(&drawn, product, wider * DEFINITE[2 * i + j]),
                    "{name} {i} {j}"
                );
            }
        }
    }
    let array = draws(
        "multi_normal_rng",
        &[pairs([1.0, -3.0, 100.0, 200.0]), four(DEFINITE)],
        4,
    );
    assert!(has_mean(&array, |x| x[3], 200.0));
}

#[test]
fn random_matrices_have_their_means() {
    let factor = four([2.0_f64.sqrt(), 0.0, 0.5_f64.sqrt(), 2.5_f64.sqrt()]);
    let (nu, square) = (7.0, |x: &[f64]| {
        vec![
            x[0] * x[0],
            x[0] * x[2],
            x[0] * x[2],
            x[2] * x[2] + x[3] * x[3],
        ]
    });
    // E W = nu S, and of the inverse distribution S / (nu - k - 1).
    for (name, of_factor, scale) in [
        ("wishart_rng", false, nu),
        ("wishart_cholesky_rng", true, nu),
        ("inv_wishart_rng", false, 1.0 / (nu - 3.0)),
        ("inv_wishart_cholesky_rng", true, 1.0 / (nu - 3.0)),
    ] {
        let matrix = if of_factor {
            factor.clone()
        } else {
            four(DEFINITE)
        };
        let drawn = draws(name, &[real(nu), matrix], 4);
        for (k, want) in DEFINITE.iter().enumerate() {
            let element = |x: &[f64]| if of_factor { square(x)[k] } else { x[k] };
            assert!(has_mean(&drawn, element, scale * want), "{name} {k}");
        }
        assert!(!of_factor || drawn.iter().all(|x| x[1] == 0.0), "{name}");
    }
}

#[test]
fn random_correlations_have_their_variances() {
    let drawn = draws("lkj_corr_rng", &[int(3), real(1.5)], 9);
    // Each is beta on (-1, 1) with both shapes eta - 1 + k / 2, so of variance 1 / (2 eta + k - 1).
    for (i, j) in [(1, 0), (2, 0), (2, 1)] {
        let element = |x: &[f64]| x[3 * i + j];
        assert!(has_mean(&drawn, element, 0.0), "{i} {j}");
        assert!(has_mean(&drawn, |x| element(x).powi(2), 0.2), "{i} {j}");
    }
    assert!(
        drawn
            .iter()
            .all(|x| [0, 4, 8].iter().all(|k| (x[*k] - 1.0).abs() < 1e-14))
    );
}
