//! Factors of matrices that need not be square, exponentials, sparse products and hidden Markov models: what defines them, for
//! data and for parameters, and derivatives against differences.

use std::slice::from_ref;

use rand_chacha::rand_core::SeedableRng;

use super::*;

const TALL: [f64; 6] = [0.5, -1.0, 2.0, 0.25, -0.75, 1.5];

fn tall() -> Argument {
    matrix(3, 2, &TALL)
}

fn wide() -> Argument {
    matrix(2, 3, &TALL)
}

fn square() -> Argument {
    matrix(3, 3, &[0.0, 2.0, -1.0, 1.5, 0.25, 3.0, -2.0, 1.0, 0.5])
}

fn product(left: &[f64], right: &[f64], inner: usize) -> Vec<f64> {
    let (rows, columns) = (left.len() / inner, right.len() / inner);
    (0..rows * columns)
        .map(|k| {
            let (i, j) = (k / columns, k % columns);
            (0..inner)
                .map(|l| left[i * inner + l] * right[l * columns + j])
                .sum()
        })
        .collect()
}

fn transposed(x: &[f64], columns: usize) -> Vec<f64> {
    let rows = x.len() / columns;
    (0..x.len())
        .map(|k| x[k % rows * columns + k / rows])
        .collect()
}

#[track_caller]
fn assert_close(got: &[f64], want: &[f64], what: &str) {
    let same = got
        .iter()
        .zip(want)
        .all(|(got, want)| close(*got, *want, 1e-13));
    assert!(
        same && got.len() == want.len(),
        "{what}: {got:?}, not {want:?}"
    );
}

fn identity(n: usize) -> Vec<f64> {
    (0..n * n).map(|k| f64::from(k / n == k % n)).collect()
}

/// The result when all reals are parameters.
fn of_parameters(name: &str, arguments: &[Argument]) -> Vec<f64> {
    let mut graph = Graph::new();
    let known: Vec<Array> = arguments
        .iter()
        .filter_map(|Argument(value, _)| match value {
            Value::Int(_) => None,
            Value::Real(x) => x.as_data().cloned(),
        })
        .collect();
    let numbers: Vec<f64> = known.iter().flat_map(|x| x.data().to_vec()).collect();
    let input = graph.input(numbers.len(), true);
    let (mut used, mut next) = (0, known.iter());
    let nodes: Vec<Argument> = arguments
        .iter()
        .map(|Argument(value, type_)| match (value, next.len()) {
            (Value::Real(_), 1..) => {
                let known = next.next().unwrap();
                let part = graph.slice(&input, 0, used, known.len());
                used += known.len();
                Argument(
                    Value::Real(graph.reshape(&part, known.shape())),
                    type_.clone(),
                )
            }
            _ => Argument(value.clone(), type_.clone()),
        })
        .collect();
    let outcome = call_in(&mut graph, name, &nodes, 1, None).unwrap();
    let output = graph.flat_node(&outcome.value.to_reals());
    Program::interpret(&graph, &[output]).run_host(&[&numbers], 1)[0].clone()
}

type Evaluator = fn(&str, &[Argument]) -> Vec<f64>;
const BOTH: [Evaluator; 2] = [evaluate, of_parameters];

#[test]
fn thin_q_is_orthogonal_r_is_upper_with_a_positive_diagonal_and_their_product_is_the_matrix() {
    for evaluate in BOTH {
        for (x, rows, columns) in [(tall(), 3, 2), (wide(), 2, 3), (square(), 3, 3)] {
            let thin = rows.min(columns);
            let (q, r) = (
                evaluate("qr_thin_Q", from_ref(&x)),
                evaluate("qr_thin_R", from_ref(&x)),
            );
            let whole = evaluate_reals(&x);
            assert_close(&product(&q, &r, thin), &whole, "Q R");
            assert_close(
                &product(&transposed(&q, thin), &q, rows),
                &identity(thin),
                "Q' Q",
            );
            for i in 0..thin {
                assert!(r[i * columns + i] > 0.0);
                assert!((0..i).all(|j| r[i * columns + j] == 0.0), "{r:?}");
            }
        }
    }
}

fn evaluate_reals(Argument(value, _): &Argument) -> Vec<f64> {
    value.to_reals().as_data().unwrap().data().to_vec()
}

#[test]
fn full_q_is_square() {
    let (q, r) = (evaluate("qr_Q", &[tall()]), evaluate("qr_R", &[tall()]));
    assert_close(&product(&q, &r, 3), &TALL, "Q R");
    assert_close(&product(&transposed(&q, 3), &q, 3), &identity(3), "Q' Q");
    let parameters = {
        let mut graph = Graph::new();
        let input = graph.input(6, true);
        let x = graph.reshape(&input, &[1, 3, 2]);
        let x = Argument(Value::Real(x), Type::Matrix);
        call_in(&mut graph, "qr_Q", &[x], 1, None)
    };
    let message = "qr_Q of a value that depends on parameters".to_string();
    assert_eq!(parameters.unwrap_err(), Failure::Unsupported(message));
}

#[test]
fn columns_that_nearly_depend_on_each_other_keep_q_orthogonal() {
    let x = matrix(3, 2, &[1.0, 1.0, 1.0, 1.0 + 1e-6, 1.0, 1.0]);
    for evaluate in BOTH {
        let q = evaluate("qr_thin_Q", from_ref(&x));
        let square = product(&transposed(&q, 2), &q, 3);
        assert_close(&square, &identity(2), "Q' Q");
    }
}

#[test]
fn singular_values_and_vectors_make_the_matrix_again() {
    for evaluate in BOTH {
        for (x, rows, columns) in [(tall(), 3, 2), (wide(), 2, 3), (square(), 3, 3)] {
            let n = rows.min(columns);
            let [u, s, v] =
                ["svd_U", "singular_values", "svd_V"].map(|name| evaluate(name, from_ref(&x)));
            assert!(s.windows(2).all(|pair| pair[0] >= pair[1]) && s[n - 1] > 0.0);
            let scaled: Vec<f64> = u.iter().enumerate().map(|(k, u)| u * s[k % n]).collect();
            assert_close(
                &product(&scaled, &transposed(&v, n), n),
                &evaluate_reals(&x),
                "U S V'",
            );
            assert_close(&product(&transposed(&u, n), &u, rows), &identity(n), "U' U");
        }
    }
}

#[test]
fn small_singular_values_of_parameters_keep_their_digits() {
    // Squared, the smaller one would be rounding.
    let values = of_parameters("singular_values", &[matrix(2, 2, &[1.0, 0.0, 0.0, 1e-10])]);
    assert!((values[1] / 1e-10 - 1.0).abs() < 1e-5, "{values:?}");
}

#[test]
fn a_generalised_inverse_is_an_inverse_on_one_side() {
    for evaluate in BOTH {
        let tall_inverse = evaluate("generalized_inverse", &[tall()]);
        assert_close(
            &product(&tall_inverse, &TALL, 3),
            &identity(2),
            "of more rows",
        );
        let wide_inverse = evaluate("generalized_inverse", &[wide()]);
        assert_close(
            &product(&TALL, &wide_inverse, 3),
            &identity(2),
            "of more columns",
        );
    }
    // Penrose: of a matrix of rank one, x' / |x|^2.
    let inverse = evaluate(
        "generalized_inverse",
        &[matrix(2, 2, &[1.0, 2.0, 2.0, 4.0])],
    );
    assert_close(&inverse, &[0.04, 0.08, 0.08, 0.16], "of rank one");
}

#[test]
fn the_exponential_of_a_turn_is_a_rotation_of_any_angle() {
    for evaluate in BOTH {
        for angle in [0.0, 1e-8, 0.3, 7.0, 300.0] {
            let turned = evaluate("matrix_exp", &[matrix(2, 2, &[0.0, -angle, angle, 0.0])]);
            let (sine, cosine) = f64::sin_cos(angle);
            for (got, want) in turned.iter().zip([cosine, -sine, sine, cosine]) {
                // Rounding of the matrix' norm.
                assert!(
                    (got - want).abs() <= 1e-13 * (1.0 + angle),
                    "{angle}: {turned:?}"
                );
            }
        }
    }
}

#[test]
fn exponentials_times_a_matrix() {
    let a = matrix(2, 2, &[-0.5, 0.5, 0.25, -0.25]);
    let b = matrix(2, 1, &[3.0, -1.0]);
    let product_of = |a: &Argument| product(&evaluate("matrix_exp", from_ref(a)), &[3.0, -1.0], 2);
    let got = evaluate("matrix_exp_multiply", &[a.clone(), b.clone()]);
    assert_close(&got, &product_of(&a), "exp(A) B");
    let doubled = matrix(2, 2, &[-1.0, 1.0, 0.5, -0.5]);
    let got = evaluate("scale_matrix_exp_multiply", &[real(2.0), a, b]);
    assert_close(&got, &product_of(&doubled), "exp(2 A) B");
}

#[test]
fn a_matrix_too_large_for_its_exponential_rejects_the_draw() {
    let x = [matrix(1, 1, &[-1e9])];
    assert!(differentiate("matrix_exp", &x).1);
}

/// Where the derivative of the sum of results is compared with differences of fourth order.
#[test]
fn derivatives_are_those_of_the_values() {
    let chain = matrix(2, 2, &[0.75, 0.25, 0.125, 0.875]);
    let logs = matrix(2, 3, &[-1.0, -0.25, -2.0, -3.0, -0.5, -0.75]);
    let cases = [
        ("qr_thin_Q", vec![tall()]),
        ("qr_thin_R", vec![wide()]),
        ("singular_values", vec![wide()]),
        ("svd_U", vec![tall()]),
        ("svd_V", vec![tall()]),
        ("generalized_inverse", vec![tall()]),
        ("matrix_exp", vec![square()]),
        ("matrix_exp", vec![matrix(2, 2, &[-20.0, 20.0, 5.0, -5.0])]),
        (
            "hmm_hidden_state_prob",
            vec![logs, chain, vector(&[0.4, 0.6])],
        ),
        (
            "csr_matrix_times_vector",
            vec![
                int(2),
                int(3),
                vector(&[1.5, -2.0, 0.5]),
                ints(&[1, 3, 2]),
                ints(&[1, 3, 4]),
                vector(&[0.3, 2.0, -1.0]),
            ],
        ),
    ];
    for (name, arguments) in cases {
        let (_, rejected, gradient) = differentiate(name, &arguments);
        assert!(!rejected, "{name}");
        let mut slopes = gradient.iter();
        for (i, argument) in arguments.iter().enumerate() {
            let Argument(Value::Real(x), type_) = argument else {
                continue;
            };
            let x = x.as_data().unwrap();
            for k in 0..x.len() {
                let total = |step: f64| {
                    let mut data = x.data().to_vec();
                    data[k] += step;
                    let mut moved = arguments.clone();
                    moved[i] = Argument(
                        Value::Real(Array::new(x.shape(), data).into()),
                        type_.clone(),
                    );
                    differentiate(name, &moved).0
                };
                let h = 1e-3;
                let want = (8.0 * (total(h) - total(-h)) - (total(2.0 * h) - total(-2.0 * h)))
                    / (12.0 * h);
                let got = *slopes.next().unwrap();
                assert!(close(got, want, 1e-7), "{name} {i} {k}: {got}, not {want}");
            }
        }
    }
}

#[test]
fn a_sparse_matrix_is_its_dense_one() {
    let dense = [0.0, 1.5, 0.0, -2.0, 0.0, 0.5, 0.0, 0.0, 0.0];
    let x = matrix(3, 3, &dense);
    let w = evaluate("csr_extract_w", from_ref(&x));
    let to_ints = |name: &str| {
        ints(
            &evaluate(name, from_ref(&x))
                .iter()
                .map(|x| *x as i64)
                .collect::<Vec<_>>(),
        )
    };
    let (v, u) = (to_ints("csr_extract_v"), to_ints("csr_extract_u"));
    assert_eq!(evaluate_reals(&u), [1.0, 2.0, 4.0, 4.0]);
    let mut parts = vec![int(3), int(3), vector(&w), v, u];
    assert_eq!(evaluate("csr_to_dense_matrix", &parts), dense);
    parts.push(vector(&[3.0, 2.0, 4.0]));
    for evaluate in BOTH {
        assert_eq!(
            evaluate("csr_matrix_times_vector", &parts),
            [3.0, -4.0, 0.0]
        );
    }
}

#[test]
fn sparse_positions_that_contradict_each_other_are_refused() {
    let call = |v: &[i64], u: &[i64]| {
        let w = vector(&vec![1.0; v.len()]);
        let arguments = [int(2), int(2), w, ints(v), ints(u)];
        call_in(
            &mut Graph::new(),
            "csr_to_dense_matrix",
            &arguments,
            1,
            None,
        )
    };
    assert!(call(&[1, 2], &[1, 2, 3]).is_ok());
    for (v, u) in [
        ([1, 3], [1, 2, 3]),
        ([1, 2], [1, 3, 2]),
        ([1, 2], [1, 2, 2]),
        ([1, 2], [2, 2, 3]),
    ] {
        assert!(
            matches!(call(&v, &u), Err(Failure::Wrong(_))),
            "{v:?} {u:?}"
        );
    }
}

#[test]
fn hidden_states_have_the_probabilities_of_all_paths() {
    let (gamma, rho) = ([[0.75, 0.25], [0.125, 0.875]], [0.4, 0.6]);
    let logs = [[-1.0, -0.25, -2.0], [-3.0, -0.5, -0.75_f64]];
    let mut weights = [[0.0; 3]; 2];
    for path in 0..8_usize {
        let state = |time: usize| path >> time & 1;
        let mut weight = rho[state(0)];
        for time in 0..3 {
            weight *= logs[state(time)][time].exp();
            if time > 0 {
                weight *= gamma[state(time - 1)][state(time)];
            }
        }
        for time in 0..3 {
            weights[state(time)][time] += weight;
        }
    }
    let total = weights[0][0] + weights[1][0];
    let want: Vec<f64> = weights
        .iter()
        .flatten()
        .map(|weight| weight / total)
        .collect();
    let arguments = [
        matrix(2, 3, &logs.concat()),
        matrix(2, 2, &gamma.concat()),
        vector(&rho),
    ];
    for evaluate in BOTH {
        assert_close(
            &evaluate("hmm_hidden_state_prob", &arguments),
            &want,
            "probabilities",
        );
    }
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut counts, draws) = ([0.0; 3], 20_000);
    for _ in 0..draws {
        let outcome = call_in(
            &mut Graph::new(),
            "hmm_latent_rng",
            &arguments,
            1,
            Some(&mut rng),
        )
        .unwrap();
        for (count, state) in counts
            .iter_mut()
            .zip(outcome.value.to_reals().as_data().unwrap().data())
        {
            *count += f64::from(*state == 2.0);
        }
    }
    for (count, want) in counts.iter().zip(&want[3..]) {
        // Five standard errors.
        let error = 5.0 * (want * (1.0 - want) / f64::from(draws)).sqrt();
        assert!(
            (count / f64::from(draws) - want).abs() < error,
            "{counts:?} {want}"
        );
    }
}

#[test]
fn a_hidden_markov_model_of_what_cannot_be_seen_has_no_density_and_no_nan() {
    let arguments = [
        matrix(2, 2, &[0.0, NOTHING, 0.0, NOTHING]),
        matrix(2, 2, &[0.5, 0.5, 0.5, 0.5]),
        vector(&[0.5, 0.5]),
    ];
    assert_eq!(scalar("hmm_marginal", &arguments), NOTHING);
    assert_eq!(differentiate("hmm_marginal", &arguments).0, NOTHING);
}

const NOTHING: f64 = f64::NEG_INFINITY;
