//! Simplified graphs against what they were made from: values, gradients and sizes.

mod common;

use std::sync::Arc;

use common::graphs::random_graph;
use firebrand_graph::{Array, Expr, Graph, Index, NodeId, Op, Options, Program, Unary};
use proptest::prelude::*;

/// A predictor of many rows, made of coefficients, known columns, and effects of groups.
struct Regression {
    graph: Graph,
    theta: NodeId,
    eta: Expr,
    rows: usize,
}

const COEFFICIENTS: usize = 4;
const GROUPS: usize = 5;

fn noise(i: usize, seed: u64) -> f64 {
    ((i as f64 + 1.0) * (seed % 97 + 3) as f64 * 0.618).sin()
}

/// b1 + b2 x + (b3 - x2 / 2) * 3 + b4 * effect, where the columns take few different values if `coarse`.
fn regression(rows: usize, grouped: bool, coarse: bool, seed: u64) -> Regression {
    let mut g = Graph::new();
    let theta = g.input(COEFFICIENTS + GROUPS, true);
    let beta: Vec<Expr> = (0..COEFFICIENTS)
        .map(|i| {
            let one = g.slice(&theta, 0, i, 1);
            g.reshape(&one, &[])
        })
        .collect();
    let column = |seed: u64| {
        let value = |i| {
            if coarse {
                (noise(i, seed) * 1.4).round()
            } else {
                noise(i, seed)
            }
        };
        Expr::from(Array::vector((0..rows).map(value).collect()))
    };
    let first = g.mul(&beta[1], &column(seed));
    let half = g.scale(&column(seed + 1), 0.5);
    let second = g.mul(&beta[2], &column(seed + 2));
    let second = g.sub(&second, &half);
    let second = g.scale(&second, 3.0);
    let mut eta = g.add(&beta[0], &first);
    eta = g.add(&eta, &second);
    if grouped {
        let effects = g.slice(&theta, 0, COEFFICIENTS, GROUPS);
        let index: Index = (0..rows).map(|i| (i * 7 % 11 % GROUPS) as u32).collect();
        let effect = g.gather(&effects, &index);
        let slope = g.mul(&effect, &column(seed + 3));
        let scaled = g.mul(&beta[3], &column(seed + 4));
        eta = g.add(&eta, &effect);
        eta = g.sub(&eta, &slope);
        eta = g.add(&eta, &scaled);
    }
    let theta = theta.as_node().unwrap();
    Regression {
        graph: g,
        theta,
        eta,
        rows,
    }
}

/// Largest relative difference of value and gradient after simplification; and how many rows the longest node has.
fn difference(graph: &mut Graph, theta: NodeId, output: NodeId, draws: usize) -> (f64, usize) {
    let simple = graph.simplify(&[output])[0];
    let outputs: Vec<NodeId> = [output, simple]
        .into_iter()
        .flat_map(|output| {
            let gradient = graph.gradient(output, &[theta]).remove(0);
            [output, graph.node_of(&gradient)]
        })
        .collect();
    let length = graph.node(theta).shape[0];
    let at: Vec<f64> = (0..draws * length).map(|i| noise(i, 5)).collect();
    let values = Program::compile(graph, &outputs, &Options::default()).run_host(&[&at], draws);
    let mut worst: f64 = 0.0;
    for (a, b) in [(&values[0], &values[2]), (&values[1], &values[3])] {
        let scale = a.iter().fold(1e-300, |scale: f64, a| scale.max(a.abs()));
        let b = b.iter().cycle();
        worst = a
            .iter()
            .zip(b)
            .fold(worst, |worst, (a, b)| worst.max((a - b).abs() / scale));
    }
    let live = graph.live(&[outputs[2], outputs[3]]);
    let longest = graph
        .nodes()
        .iter()
        .zip(live)
        .filter(|(node, live)| *live && node.batched);
    (
        worst,
        longest
            .map(|(node, _)| node.shape.iter().product())
            .max()
            .unwrap_or(0),
    )
}

fn sum_of_squared_residuals(regression: &mut Regression, weighted: bool) -> NodeId {
    let Regression {
        graph: g,
        eta,
        rows,
        ..
    } = regression;
    let y = Array::vector((0..*rows).map(|i| noise(i, 40) * 2.0).collect()).into();
    let residual = g.sub(&y, eta);
    let mut square = g.unary(Unary::Square, &residual);
    if weighted {
        let weights =
            Array::vector((0..*rows).map(|i| f64::from(i as u32 % 4) * 0.5).collect()).into();
        square = g.mul(&square, &weights);
    }
    let total = g.sum_all(&square);
    g.node_of(&total)
}

fn log_mass_of_outcomes(regression: &mut Regression) -> NodeId {
    let Regression {
        graph: g,
        eta,
        rows,
        ..
    } = regression;
    let signs = Array::vector(
        (0..*rows)
            .map(|i| if noise(i, 40) > 0.0 { 1.0 } else { -1.0 })
            .collect(),
    )
    .into();
    let signed = g.mul(&signs, eta);
    let softplus = g.unary(Unary::Log1pExp, &signed);
    let total = g.sum_all(&softplus);
    let total = g.neg(&total);
    g.node_of(&total)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn sums_of_squares_need_no_more_rows_than_coefficients(
        seed in 0_u64..1000, rows in 60_usize..300, grouped: bool, coarse: bool, weighted: bool,
    ) {
        let mut regression = regression(rows, grouped, coarse, seed);
        let output = sum_of_squared_residuals(&mut regression, weighted);
        let (error, longest) = difference(&mut regression.graph, regression.theta, output, 3);
        prop_assert!(error < 1e-12, "error {error:e}");
        prop_assert!(longest <= if grouped { GROUPS * 7 } else { 4.max(COEFFICIENTS + GROUPS) }, "{longest} rows");
    }

    #[test]
    fn equal_rows_are_computed_once(seed in 0_u64..1000, rows in 200_usize..900, grouped: bool, coarse: bool) {
        let mut regression = regression(rows, grouped, coarse, seed);
        let output = log_mass_of_outcomes(&mut regression);
        let (error, longest) = difference(&mut regression.graph, regression.theta, output, 3);
        prop_assert!(error < 1e-12, "error {error:e}");
        // Three values in each of three columns, and two outcomes.
        prop_assert!(grouped || !coarse || longest <= 54, "{longest} rows");
    }

    #[test]
    fn random_graphs_keep_their_values(seed: u64, size in 5_usize..40) {
        let random = random_graph(seed, size);
        let mut graph = random.graph.clone();
        let simple = graph.simplify(&random.outputs);
        let outputs: Vec<NodeId> = random.outputs.iter().chain(&simple).copied().collect();
        let data = random.values(2);
        let data: Vec<&[f64]> = data.iter().map(Vec::as_slice).collect();
        let values = Program::compile(&graph, &outputs, &Options::default()).run_host(&data, 2);
        let (before, after) = values.split_at(random.outputs.len());
        for (a, b) in before.iter().zip(after) {
            let scale = a.iter().fold(1.0, |scale: f64, a| scale.max(a.abs()));
            // What depends on no input may be one for all draws after.
            prop_assert!(a.iter().zip(b.iter().cycle()).all(|(a, b)| a == b || (a - b).abs() < 1e-11 * scale));
        }
    }
}

#[test]
fn a_written_out_predictor_is_one_product() {
    let mut regression = regression(100, false, false, 3);
    let eta = regression.graph.unary(Unary::Sin, &regression.eta);
    let total = regression.graph.sum_all(&eta);
    let output = regression.graph.node_of(&total);
    let simple = regression.graph.simplify(&[output])[0];
    let live = regression.graph.live(&[simple]);
    let nodes = regression
        .graph
        .nodes()
        .iter()
        .zip(&live)
        .filter(|(_, live)| **live)
        .map(|(node, _)| &node.op);
    let products = nodes.filter(|op| matches!(op, Op::Matmul(..))).count();
    assert_eq!(products, 1);
    assert_eq!(regression.rows, 100);
}

#[test]
fn squares_of_a_product_need_no_more_rows_than_its_matrix_has_columns() {
    let (rows, columns) = (200, 6);
    for lead in [vec![], vec![1]] {
        let mut g = Graph::new();
        let theta = g.input(columns, true);
        let matrix = (0..rows * columns).map(|i| noise(i, 60)).collect();
        let shape = |own: [usize; 2]| [lead.as_slice(), &own].concat();
        let coefficients = g.reshape(&theta, &shape([columns, 1]));
        let predictor = g.matmul(
            &Array::new(shape([rows, columns]), matrix).into(),
            &coefficients,
        );
        let y = Array::new(shape([rows, 1]), (0..rows).map(|i| noise(i, 61)).collect());
        let residual = g.sub(&y.into(), &predictor);
        let square = g.unary(Unary::Square, &residual);
        let total = g.sum_all(&square);
        let (theta, output) = (g.node_of(&theta), g.node_of(&total));
        let (error, longest) = difference(&mut g, theta, output, 3);
        assert!(error < 1e-12, "error {error:e}");
        assert_eq!(longest, columns);
    }
}

#[test]
fn a_gather_of_one_row_is_repeated_not_gathered() {
    let mut g = Graph::new();
    let x = g.input(3, true);
    let index: Arc<[u32]> = vec![1; 5].into();
    let rows = g.gather(&x, &index);
    assert!(matches!(
        g.node(rows.as_node().unwrap()).op,
        Op::Broadcast(_)
    ));
}
