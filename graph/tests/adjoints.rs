//! Every node kind's adjoint against finite differences.

mod common;

use std::sync::Arc;

use common::kinds::{BINARY, UNARY};
use common::{gradient_error, run, weighted_total};
use firebrand_graph::{Array, Binary, Expr, Graph, Mass, MatrixFunction, System, Unary};
use proptest::prelude::*;

/// Numbers of the unit interval, stretched.
fn stretch(unit: &[f64], low: f64, high: f64) -> Vec<f64> {
    unit.iter().map(|u| low + u * (high - low)).collect()
}

fn units(count: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.0..1.0, count)
}

/// Checks an expression of one input of `length` numbers, at two draws.
fn check(
    length: usize,
    at: &[f64],
    build: impl Fn(&mut Graph, &Expr) -> Expr,
) -> Result<(), TestCaseError> {
    let mut graph = Graph::new();
    let input = graph.input(length, true);
    let value = build(&mut graph, &input);
    let output = weighted_total(&mut graph, &value);
    let error = gradient_error(&mut graph, input.as_node().unwrap(), output, at);
    prop_assert!(error < 1e-7, "error {error:e}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn unary_kinds(unit in units(8)) {
        for (kind, low, high) in UNARY {
            check(4, &stretch(&unit, *low, *high), |g, x| g.unary(*kind, x))?;
        }
    }

    #[test]
    fn binary_kinds_on_equal_shapes_and_on_broadcast_ones(unit in units(10)) {
        for (kind, [a, b, c, d]) in BINARY {
            let mut at = Vec::new();
            for draw in unit.chunks(5) {
                at.extend(stretch(&draw[..2], *a, *b));
                at.extend(stretch(&draw[2..], *c, *d));
            }
            check(5, &at, |g, x| {
                let first = g.slice(x, 0, 0, 2);
                let second = g.slice(x, 0, 2, 3);
                let column = g.reshape(&first, &[2, 1]);
                g.binary(*kind, &column, &second)
            })?;
            check(5, &at, |g, x| {
                let first = g.slice(x, 0, 0, 2);
                let second = g.slice(x, 0, 2, 2);
                g.binary(*kind, &first, &second)
            })?;
        }
    }

    #[test]
    fn masses_and_their_slopes(unit in units(4)) {
        // Arguments between these bounds, on both sides of where the algorithms change.
        const MASSES: [(Mass, &[[f64; 2]]); 5] = [
            (Mass::LogGammaP, &[[0.5, 8.0], [0.5, 9.0]]),
            (Mass::LogGammaQ, &[[0.5, 8.0], [0.5, 9.0]]),
            (Mass::LogBeta, &[[0.5, 20.0], [0.5, 6.0], [0.2, 0.8]]),
            (Mass::LogStudentT, &[[0.5, 30.0], [-3.0, 3.0]]),
            (Mass::InvPhi, &[[0.01, 0.99]]),
        ];
        for (mass, bounds) in MASSES {
            let at: Vec<f64> = (bounds.iter().zip(&unit))
                .map(|([low, high], u)| low + u * (high - low))
                .collect();
            // One number for x and 1 - x, which belong together.
            let free = mass.arguments().min(3);
            let arguments = |g: &mut Graph, x: &Expr| {
                let mut arguments: Vec<Expr> = (0..free).map(|i| g.slice(x, 0, i, 1)).collect();
                if mass == Mass::LogBeta {
                    let rest = g.sub(&1.0.into(), &arguments[2]);
                    arguments.push(rest);
                }
                arguments
            };
            let at = at.repeat(2);
            check(free, &at, |g, x| {
                let arguments = arguments(g, x);
                g.mass(mass, &arguments)
            })?;
            // Second derivatives.
            check(free, &at, |g, x| {
                let arguments = arguments(g, x);
                let value = g.mass(mass, &arguments);
                let output = g.sum_all(&value);
                let output = g.node_of(&output);
                g.gradient(output, &[x.as_node().unwrap()]).remove(0)
            })?;
        }
    }

    #[test]
    fn select_passes_only_the_branch_taken(unit in units(12)) {
        check(6, &stretch(&unit, -1.0, 1.0), |g, x| {
            let (a, b) = (g.slice(x, 0, 0, 3), g.slice(x, 0, 3, 3));
            let condition = Array::vector(vec![1.0, 0.0, 1.0]).into();
            let (a, b) = (g.exp(&a), g.unary(Unary::Sin, &b));
            g.select(&condition, &a, &b)
        })?;
    }

    #[test]
    fn moves_of_elements(unit in units(24)) {
        let at = stretch(&unit, -1.5, 1.5);
        check(12, &at, |g, x| {
            let x = g.exp(x);
            let matrix = g.reshape(&x, &[3, 4]);
            let turned = g.permute(&matrix, &[1, 0]);
            let part = g.slice(&turned, 1, 1, 2);
            let index: Arc<[u32]> = vec![3, 0, 0, 2, 3].into();
            let gathered = g.gather(&part, &index);
            let into: Arc<[u32]> = vec![1, 1, 0, 2, 1].into();
            let summed = g.segment_sum(&gathered, &into, 4);
            let joined = g.concat(&[summed, part], 0);
            let wide = g.reshape(&joined, &[8, 1, 2]);
            let wide = g.broadcast_to(&wide, &[8, 3, 2]);
            g.unary(Unary::Square, &wide)
        })?;
    }

    #[test]
    fn joins_along_an_inner_axis(unit in units(24)) {
        check(12, &stretch(&unit, -1.5, 1.5), |g, x| {
            let matrix = g.reshape(x, &[3, 4]);
            let (a, b) = (g.slice(&matrix, 1, 0, 1), g.slice(&matrix, 1, 2, 2));
            let b = g.exp(&b);
            g.concat(&[b, a], 1)
        })?;
    }

    #[test]
    fn reductions(unit in units(24)) {
        let at = stretch(&unit, -1.5, 1.5);
        for axis in 0..2 {
            check(12, &at, |g, x| {
                let matrix = g.reshape(x, &[3, 4]);
                let square = g.unary(Unary::Square, &matrix);
                let sum = g.sum(&square, axis);
                let lse = g.log_sum_exp(&matrix, axis);
                // Far enough apart that no step of a finite difference changes which is largest.
                let apart = Array::new([3, 4], [0, 7, 2, 9, 4, 11, 6, 1, 8, 3, 10, 5].map(|i| f64::from(i) * 4.0).to_vec());
                let apart = g.add(&matrix, &apart.into());
                let largest = g.max(&apart, axis);
                let forward = g.cumulative_sum(&square, axis, false);
                let backward = g.cumulative_sum(&square, axis, true);
                let flat = g.mul(&forward, &backward);
                let flat = g.reshape(&flat, &[12]);
                g.concat(&[sum, lse, largest, flat], 0)
            })?;
        }
    }

    #[test]
    fn products_of_matrices(unit in units(36)) {
        check(18, &stretch(&unit, -1.5, 1.5), |g, x| {
            let (a, b) = (g.slice(x, 0, 0, 6), g.slice(x, 0, 6, 12));
            let (a, b) = (g.reshape(&a, &[3, 2]), g.reshape(&b, &[2, 2, 3]));
            g.matmul(&a, &b)
        })?;
    }
}

/// Two matrices of three rows from 18 numbers, well inside of the positive definite ones where read as symmetric.
fn matrices(g: &mut Graph, x: &Expr) -> Expr {
    let matrices = g.reshape(x, &[2, 3, 3]);
    let diagonal = Array::new([3, 3], vec![4.0, 0.0, 0.0, 0.0, 7.0, 0.0, 0.0, 0.0, 10.0]);
    g.add(&matrices, &diagonal.into())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn functions_of_matrices(unit in units(36)) {
        let at = stretch(&unit, -1.0, 1.0);
        for kind in [MatrixFunction::Cholesky, MatrixFunction::Eigen, MatrixFunction::LogDeterminant] {
            check(18, &at, |g, x| {
                let matrices = matrices(g, x);
                g.matrix_function(kind, &matrices)
            })?;
        }
        check(18, &at, |g, x| {
            let matrices = matrices(g, x);
            let determinant = g.matrix_function(MatrixFunction::Determinant, &matrices);
            g.log(&determinant)
        })?;
    }

    #[test]
    fn solutions_of_linear_equations(unit in units(60)) {
        for system in [System::Lower, System::LowerTransposed, System::General] {
            check(30, &stretch(&unit, -1.0, 1.0), |g, x| {
                let (matrix, right) = (g.slice(x, 0, 0, 18), g.slice(x, 0, 18, 12));
                let (matrix, right) = (matrices(g, &matrix), g.reshape(&right, &[2, 3, 2]));
                g.linear_solve(system, &matrix, &right)
            })?;
            // One matrix for two right-hand sides, and the other way round.
            check(21, &stretch(&unit[..42], -1.0, 1.0), |g, x| {
                let (left, right) = (g.slice(x, 0, 0, 18), g.slice(x, 0, 18, 3));
                let (left, right) = (matrices(g, &left), g.reshape(&right, &[3, 1]));
                let first = g.slice(&left, 0, 0, 1);
                let one = g.linear_solve(system, &first, &left);
                let other = g.linear_solve(system, &left, &right);
                g.concat(&[one, other], 2)
            })?;
        }
    }
}

#[test]
fn equal_eigenvalues_have_derivatives_when_nobody_asks_for_their_vectors() {
    let mut graph = Graph::new();
    let input = graph.input(4, true);
    let matrix = graph.reshape(&input, &[2, 2]);
    let (values, _) = graph.eigen(&matrix);
    let total = graph.sum_all(&values);
    let gradient = graph.gradient(total.as_node().unwrap(), &[input.as_node().unwrap()]);
    let gradient = graph.node_of(&gradient[0]);
    let result = run(&graph, &[gradient], &[2.0, 0.0, 0.0, 2.0], 1);
    assert_eq!(result[0], [1.0, 0.0, 0.0, 1.0]);
}

#[test]
fn eigenvalues_that_only_rounding_keeps_apart_bring_no_noise() {
    // y' (v a a' + c I)^-1 y through its eigenvectors: all eigenvalues but one are c.
    let (c, v) = (0.01, 0.7);
    let a = [0.3, -1.1, 0.8, 0.25, 1.7, -0.6];
    let y = [1.0, 0.4, -0.7, 1.9, 0.2, -1.3];
    let n = a.len();
    let mut graph = Graph::new();
    let input = graph.input(1, true);
    let outer = (0..n * n).map(|k| a[k / n] * a[k % n]).collect();
    let matrix = graph.mul(&input, &Array::new([n, n], outer).into());
    let diagonal = (0..n * n)
        .map(|k| if k / n == k % n { c } else { 0.0 })
        .collect();
    let matrix = graph.add(&matrix, &Array::new([n, n], diagonal).into());
    let (values, vectors) = graph.eigen(&matrix);
    let turned = graph.matmul(&Array::new([1, n], y.to_vec()).into(), &vectors);
    let squares = graph.unary(Unary::Square, &turned);
    let quotients = graph.div(&squares, &values);
    let total = graph.sum_all(&quotients);
    let gradient = graph.gradient(total.as_node().unwrap(), &[input.as_node().unwrap()]);
    let gradient = graph.node_of(&gradient[0]);
    let found = run(&graph, &[gradient], &[v], 1)[0][0];
    let product: f64 = a.iter().zip(&y).map(|(a, y)| a * y).sum();
    let size: f64 = a.iter().map(|a| a * a).sum();
    let want = -(product / (c + v * size)).powi(2);
    // Noise would be some numbers over c^2.
    assert!((found - want).abs() < 1e-5 * want.abs(), "{found}, {want}");
}

#[test]
fn a_matrix_behind_a_branch_that_is_not_taken_has_no_influence() {
    let singular = [0.0, 0.0, 0.0, 0.0];
    type Build = fn(&mut Graph, &Expr) -> Expr;
    let builds: [Build; 5] = [
        |g, x| g.matrix_function(MatrixFunction::Cholesky, x),
        |g, x| g.eigen(x).1,
        |g, x| g.matrix_function(MatrixFunction::LogDeterminant, x),
        |g, x| g.linear_solve(System::Lower, x, x),
        |g, x| g.linear_solve(System::General, x, x),
    ];
    for (number, build) in builds.into_iter().enumerate() {
        let mut graph = Graph::new();
        let input = graph.input(4, true);
        let matrix = graph.reshape(&input, &[2, 2]);
        let hidden = build(&mut graph, &matrix);
        let hidden = graph.sum_all(&hidden);
        let total = graph.sum_all(&input);
        let condition = graph.binary(Binary::Equal, &total, &total);
        let value = graph.select(&condition, &total, &hidden);
        let value = graph.scale(&value, 1.0 + 1e-9);
        let gradient = graph.gradient(value.as_node().unwrap(), &[input.as_node().unwrap()]);
        let gradient = graph.node_of(&gradient[0]);
        let result = run(&graph, &[gradient], &singular, 1);
        assert_eq!(result[0], [1.0 + 1e-9; 4], "build {number}");
    }
}

#[test]
fn a_branch_that_is_not_taken_has_no_influence_whatever_its_derivative() {
    for kind in UNARY.iter().map(|(kind, ..)| *kind) {
        for at in [0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1.0, -1.0] {
            let mut graph = Graph::new();
            let input = graph.input(2, true);
            let (x, y) = (graph.slice(&input, 0, 0, 1), graph.slice(&input, 0, 1, 1));
            let hidden = graph.unary(kind, &y);
            let hidden = graph.div(&hidden, &y);
            let condition = graph.binary(Binary::LessEqual, &x, &x);
            let value = graph.select(&condition, &x, &hidden);
            let total = graph.sum_all(&value);
            let output = graph.node_of(&total);
            let gradient = graph.gradient(output, &[input.as_node().unwrap()]);
            let gradient = graph.node_of(&gradient[0]);
            assert_eq!(
                run(&graph, &[gradient], &[2.0, at], 1)[0],
                [1.0, 0.0],
                "{kind:?} at {at}"
            );
        }
    }
}

#[test]
fn log_sum_exp_gives_no_gradient_to_impossible_terms() {
    let mut graph = Graph::new();
    let input = graph.input(3, true);
    let value = graph.log_sum_exp(&input, 0);
    let gradient = graph.gradient(value.as_node().unwrap(), &[input.as_node().unwrap()]);
    let gradient = graph.node_of(&gradient[0]);
    let low = f64::NEG_INFINITY;
    let result = run(&graph, &[gradient], &[0.0, low, 0.0, low, low, low], 2);
    assert_eq!(result[0], [0.5, 0.0, 0.5, 0.0, 0.0, 0.0]);
}

#[test]
fn a_shared_input_receives_the_sum_over_draws() {
    let mut graph = Graph::new();
    let per_draw = graph.input(2, true);
    let shared = graph.input(2, false);
    let product = graph.mul(&per_draw, &shared);
    let twice = graph.add(&product, &shared);
    let total = graph.sum_all(&twice);
    let gradient = graph.gradient(total.as_node().unwrap(), &[shared.as_node().unwrap()]);
    let gradient = graph.node_of(&gradient[0]);
    let program = firebrand_graph::Program::compile(&graph, &[gradient], &Default::default());
    // For each of three draws: the draw plus one.
    let result = program.run_host(&[&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[7.0, 8.0]], 3);
    assert_eq!(result[0], [12.0, 15.0]);
}

#[test]
fn a_root_of_nothing_does_not_move() {
    let mut graph = Graph::new();
    let input = graph.input(2, true);
    let squares = graph.unary(Unary::Square, &input);
    let roots = graph.unary(Unary::Sqrt, &squares);
    let exps = graph.exp(&input);
    let underflowed = graph.unary(Unary::Sqrt, &exps);
    let total = graph.add(&roots, &underflowed);
    let total = graph.sum_all(&total);
    let gradient = graph.gradient(total.as_node().unwrap(), &[input.as_node().unwrap()]);
    let gradient = graph.node_of(&gradient[0]);
    let result = run(&graph, &[gradient], &[0.0, -1e4], 1);
    assert_eq!(result[0], [0.5, -1.0]);
}

#[test]
fn ties_follow_stan() {
    for (kind, at) in [(Binary::Max, 1.0), (Binary::Min, 1.0)] {
        let mut graph = Graph::new();
        let input = graph.input(2, true);
        let (x, y) = (graph.slice(&input, 0, 0, 1), graph.slice(&input, 0, 1, 1));
        let value = graph.binary(kind, &x, &y);
        let total = graph.sum_all(&value);
        let gradient = graph.gradient(total.as_node().unwrap(), &[input.as_node().unwrap()]);
        let gradient = graph.node_of(&gradient[0]);
        assert_eq!(
            run(&graph, &[gradient], &[at, at], 1)[0],
            [0.0, 1.0],
            "{kind:?}"
        );
    }
}
