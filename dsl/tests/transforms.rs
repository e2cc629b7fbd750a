//! Constraint transforms: the way back recovers the unconstrained vector, and the log density of a model with no
//! density of its own is the log Jacobian determinant.

use firebrand_core::{Batch, Placement, Target, to_host};
use firebrand_dsl::{Data, Model, Posterior};
use proptest::prelude::*;

fn posterior(declarations: &str) -> Posterior {
    let text = format!("parameters {{ {declarations} }}");
    let model = Model::parse("model.stan", &text).unwrap_or_else(|report| panic!("{report}"));
    model
        .compile(&Data::empty(), &Placement::cpu())
        .unwrap_or_else(|report| panic!("{report}"))
}

fn constrained(posterior: &Posterior, theta: &[f64]) -> Vec<f64> {
    let theta = Placement::cpu().matrix(theta.to_vec(), [1, theta.len()]);
    posterior
        .constrain(&theta, 1)
        .expect("constrained values")
        .values
}

fn log_density(posterior: &Posterior, theta: &[f64]) -> f64 {
    let theta = Placement::cpu().matrix(theta.to_vec(), [1, theta.len()]);
    to_host(
        &posterior
            .log_density(&theta, &Batch::Full)
            .expect("a log density")
            .log_density,
    )[0]
}

/// The log of the absolute determinant of a matrix of `n` rows, by elimination with pivots.
fn log_determinant(mut matrix: Vec<Vec<f64>>) -> f64 {
    let n = matrix.len();
    let mut total = 0.0;
    for column in 0..n {
        let pivot = (column..n)
            .max_by(|a, b| {
                matrix[*a][column]
                    .abs()
                    .total_cmp(&matrix[*b][column].abs())
            })
            .expect("rows remain");
        matrix.swap(column, pivot);
        total += matrix[column][column].abs().ln();
        let (above, below) = matrix.split_at_mut(column + 1);
        let pivot = &above[column];
        for row in below {
            let factor = row[column] / pivot[column];
            for (entry, pivot) in row.iter_mut().zip(pivot) {
                *entry -= factor * pivot;
            }
        }
    }
    total
}

/// The log Jacobian by central differences, over the coordinates of the constrained value that are free.
fn numerical_log_jacobian(posterior: &Posterior, theta: &[f64], free: &[usize]) -> f64 {
    const STEP: f64 = 1e-5;
    let shifted = |i: usize, by: f64| {
        let mut theta = theta.to_vec();
        theta[i] += by;
        constrained(posterior, &theta)
    };
    let columns: Vec<Vec<f64>> = (0..theta.len())
        .map(|i| {
            let (above, below) = (shifted(i, STEP), shifted(i, -STEP));
            free.iter()
                .map(|k| (above[*k] - below[*k]) / (2.0 * STEP))
                .collect()
        })
        .collect();
    log_determinant(columns)
}

/// A constraint, how to get back from it, and which coordinates of its value are free.
struct Case {
    declaration: &'static str,
    dimension: usize,
    free: &'static [usize],
    unconstrain: fn(&[f64]) -> Vec<f64>,
}

fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

fn increments(x: &[f64]) -> impl Iterator<Item = f64> {
    x.windows(2).map(|pair| (pair[1] - pair[0]).ln())
}

const CASES: &[Case] = &[
    Case {
        declaration: "vector[3] x;",
        dimension: 3,
        free: &[0, 1, 2],
        unconstrain: |x| x.to_vec(),
    },
    Case {
        declaration: "vector<lower=-1.5>[3] x;",
        dimension: 3,
        free: &[0, 1, 2],
        unconstrain: |x| x.iter().map(|x| (x + 1.5).ln()).collect(),
    },
    Case {
        declaration: "array[2] real<upper=4> x;",
        dimension: 2,
        free: &[0, 1],
        unconstrain: |x| x.iter().map(|x| (4.0 - x).ln()).collect(),
    },
    Case {
        declaration: "vector<lower=-2, upper=3>[2] x;",
        dimension: 2,
        free: &[0, 1],
        unconstrain: |x| x.iter().map(|x| logit((x + 2.0) / 5.0)).collect(),
    },
    Case {
        declaration: "vector<offset=2, multiplier=3>[2] x;",
        dimension: 2,
        free: &[0, 1],
        unconstrain: |x| x.iter().map(|x| (x - 2.0) / 3.0).collect(),
    },
    Case {
        declaration: "real<lower=0> a; real<lower=a, upper=a + 2> b;",
        dimension: 2,
        free: &[0, 1],
        unconstrain: |x| vec![x[0].ln(), logit((x[1] - x[0]) / 2.0)],
    },
    Case {
        declaration: "ordered[4] x;",
        dimension: 4,
        free: &[0, 1, 2, 3],
        unconstrain: |x| std::iter::once(x[0]).chain(increments(x)).collect(),
    },
    Case {
        declaration: "positive_ordered[3] x;",
        dimension: 3,
        free: &[0, 1, 2],
        unconstrain: |x| std::iter::once(x[0].ln()).chain(increments(x)).collect(),
    },
    Case {
        declaration: "simplex[4] x;",
        dimension: 3,
        free: &[0, 1, 2],
        unconstrain: breaks,
    },
    Case {
        // By columns in the output and in the unconstrained vector alike.
        declaration: "matrix<lower=0>[2, 2] x;",
        dimension: 4,
        free: &[0, 1, 2, 3],
        unconstrain: |x| x.iter().map(|x| x.ln()).collect(),
    },
    Case {
        declaration: "cholesky_factor_corr[3] x;",
        dimension: 3,
        // Below the diagonal, by columns.
        free: &[1, 2, 5],
        unconstrain: |x| {
            let left = (1.0 - x[2] * x[2]).sqrt();
            vec![x[1].atanh(), x[2].atanh(), (x[5] / left).atanh()]
        },
    },
    Case {
        declaration: "corr_matrix[3] x;",
        dimension: 3,
        free: &[1, 2, 5],
        unconstrain: |x| {
            let left = ((1.0 - x[1] * x[1]) * (1.0 - x[2] * x[2])).sqrt();
            vec![
                x[1].atanh(),
                x[2].atanh(),
                ((x[5] - x[1] * x[2]) / left).atanh(),
            ]
        },
    },
    Case {
        declaration: "cholesky_factor_cov[2] x;",
        dimension: 3,
        free: &[0, 1, 3],
        unconstrain: |x| vec![x[0].ln(), x[1], x[3].ln()],
    },
    Case {
        declaration: "cholesky_factor_cov[3, 1] x;",
        dimension: 3,
        free: &[0, 1, 2],
        unconstrain: |x| vec![x[0].ln(), x[1], x[2]],
    },
    Case {
        declaration: "cov_matrix[2] x;",
        dimension: 3,
        free: &[0, 1, 3],
        unconstrain: |x| {
            let first = x[0].sqrt();
            let second = x[1] / first;
            vec![first.ln(), second, 0.5 * (x[3] - second * second).ln()]
        },
    },
    Case {
        // Columns, one after the other.
        declaration: "column_stochastic_matrix[3, 2] x;",
        dimension: 4,
        free: &[0, 1, 3, 4],
        unconstrain: |x| [&x[..3], &x[3..]].into_iter().flat_map(breaks).collect(),
    },
    Case {
        // The rows' breaks, by columns.
        declaration: "row_stochastic_matrix[2, 3] x;",
        dimension: 4,
        free: &[0, 1, 2, 3],
        unconstrain: |x| {
            let (first, second) = (breaks(&[x[0], x[2], x[4]]), breaks(&[x[1], x[3], x[5]]));
            vec![first[0], second[0], first[1], second[1]]
        },
    },
];

/// The unconstrained numbers of a simplex.
fn breaks(x: &[f64]) -> Vec<f64> {
    let free = x.len() - 1;
    let mut left = 1.0;
    let mut theta = Vec::new();
    for (k, share) in x[..free].iter().enumerate() {
        theta.push(logit(share / left) + ((free - k) as f64).ln());
        left -= share;
    }
    theta
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_way_back_recovers_the_unconstrained_vector(theta in prop::collection::vec(-3.0..3.0_f64, 4)) {
        for case in CASES {
            let theta = &theta[..case.dimension];
            let back = (case.unconstrain)(&constrained(&posterior(case.declaration), theta));
            for (a, b) in theta.iter().zip(&back) {
                // The way back of a bound subtracts numbers that differ by exp(-3) at least.
                prop_assert!((a - b).abs() < 1e-11, "{}: {theta:?} came back as {back:?}", case.declaration);
            }
        }
    }

    #[test]
    fn log_densities_have_the_log_jacobian(theta in prop::collection::vec(-3.0..3.0_f64, 4)) {
        for case in CASES {
            let theta = &theta[..case.dimension];
            let posterior = posterior(case.declaration);
            let (exact, numerical) =
                (log_density(&posterior, theta), numerical_log_jacobian(&posterior, theta, case.free));
            // Central differences are off by the square of the step, in each of the factors.
            prop_assert!((exact - numerical).abs() < 1e-7, "{}: {exact} against {numerical}", case.declaration);
        }
    }
}

#[test]
fn elements_of_arrays_of_simplexes_follow_one_another() {
    let two = posterior("array[2] simplex[3] x;");
    let one = posterior("simplex[3] x;");
    let theta = [0.3, -0.4, 1.0, 0.2];
    let both = constrained(&two, &theta);
    let (first, second) = (
        constrained(&one, &theta[..2]),
        constrained(&one, &theta[2..]),
    );
    // The first index runs fastest in the output.
    assert_eq!(
        both,
        [
            first[0], second[0], first[1], second[1], first[2], second[2]
        ]
    );
    let total = log_density(&one, &theta[..2]) + log_density(&one, &theta[2..]);
    assert!((log_density(&two, &theta) - total).abs() < 1e-14);
}

#[test]
fn an_infinite_bound_is_none() {
    let bounded = posterior("real<lower=negative_infinity(), upper=positive_infinity()> x;");
    assert_eq!(constrained(&bounded, &[1.25]), [1.25]);
    assert_eq!(log_density(&bounded, &[1.25]), 0.0);
}

#[test]
fn a_unit_vector_is_a_direction_and_its_length_is_normal() {
    let direction = posterior("unit_vector[3] x;");
    let theta = [0.3, -1.2, 0.4];
    let square: f64 = theta.iter().map(|x| x * x).sum();
    let x = constrained(&direction, &theta);
    for (x, u) in x.iter().zip(theta) {
        assert!((x - u / square.sqrt()).abs() < 1e-15);
    }
    assert!((log_density(&direction, &theta) + 0.5 * square).abs() < 1e-15);
}

#[test]
fn vectors_that_sum_to_zero_are_as_long_as_what_they_come_from() {
    let zero = posterior("sum_to_zero_vector[4] x;");
    let theta = [0.3, -1.2, 0.4];
    let x = constrained(&zero, &theta);
    let square = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
    assert_eq!(x.len(), 4);
    assert!(x.iter().sum::<f64>().abs() < 1e-15);
    assert!((square(&x) - square(&theta)).abs() < 1e-15);
    // Only the last element of u moves the last element of x.
    assert!((x[3] + theta[2] * 0.75_f64.sqrt()).abs() < 1e-15);
    assert_eq!(log_density(&zero, &theta), 0.0);
}

#[test]
fn matrices_of_arrays_follow_one_another() {
    let theta = [0.3, -0.4, 1.0, 0.2, 0.7, -0.1];
    for kind in ["cov_matrix[2]", "corr_matrix[3]", "cholesky_factor_corr[3]"] {
        let one = posterior(&format!("{kind} x;"));
        let two = posterior(&format!("array[2] {kind} x;"));
        let total = log_density(&one, &theta[..3]) + log_density(&one, &theta[3..]);
        assert!((log_density(&two, &theta) - total).abs() < 1e-14, "{kind}");
        let second: Vec<f64> = constrained(&two, &theta)
            .into_iter()
            .skip(1)
            .step_by(2)
            .collect();
        assert_eq!(second, constrained(&one, &theta[3..]), "{kind}");
    }
}
