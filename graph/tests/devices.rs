//! Programs as operations of Burn, on every device that is compiled in, against the obvious executor.

#![cfg_attr(feature = "tch", allow(deprecated))]

mod common;

use common::devices::{compare, devices, tolerance};
use common::graphs::random_graph;
use common::kinds::{BINARY, SPECIAL, UNARY};
use firebrand_graph::{Graph, Precision, Program, Unary};
use proptest::prelude::*;

#[test]
fn every_elementwise_kind() {
    for options in devices() {
        for (kind, low, high) in UNARY {
            let mut graph = Graph::new();
            let input = graph.input(9, true);
            let value = graph.unary(*kind, &input);
            let outputs = [graph.node_of(&value)];
            let at: Vec<f64> = (0..18)
                .map(|i| low + (high - low) * f64::from(i) / 17.0)
                .collect();
            let error = compare(&graph, &outputs, &[&at], 2, &options);
            assert!(
                error < tolerance(&options),
                "{kind:?} on {options:?}: {error:e}"
            );
        }
        for (kind, [a, b, c, d]) in BINARY {
            let mut graph = Graph::new();
            let input = graph.input(6, true);
            let (x, y) = (graph.slice(&input, 0, 0, 3), graph.slice(&input, 0, 3, 3));
            let column = graph.reshape(&x, &[3, 1]);
            let value = graph.binary(*kind, &column, &y);
            let value = graph.reshape(&value, &[9]);
            let outputs = [graph.node_of(&value)];
            let at: Vec<f64> = (0..12)
                .map(|i| {
                    let (low, high) = if i % 6 < 3 { (a, b) } else { (c, d) };
                    low + (high - low) * (f64::from(i) * 0.7).sin().abs()
                })
                .collect();
            let error = compare(&graph, &outputs, &[&at], 2, &options);
            assert!(
                error < tolerance(&options),
                "{kind:?} on {options:?}: {error:e}"
            );
        }
    }
}

#[test]
fn functions_at_their_ends() {
    // Where libraries differ: the gamma function at its poles, and trigonometry of huge numbers.
    let excused = |kind: Unary, x: f64| {
        let gamma = matches!(
            kind,
            Unary::Lgamma | Unary::Digamma | Unary::Trigamma | Unary::Polygamma(_)
        );
        let trigonometric = matches!(kind, Unary::Sin | Unary::Cos | Unary::Tan);
        (gamma && (x <= 0.0 || x > 1e100)) || (trigonometric && x.abs() > 1e100)
    };
    for options in devices()
        .into_iter()
        .filter(|options| options.precision == Precision::F64)
    {
        for (kind, ..) in UNARY {
            let mut graph = Graph::new();
            let input = graph.input(SPECIAL.len(), true);
            let value = graph.unary(*kind, &input);
            let outputs = [graph.node_of(&value)];
            let result = Program::on_burn(&graph, &outputs, &options).run_host(&[&SPECIAL], 1);
            for (x, y) in SPECIAL
                .iter()
                .zip(&result[0])
                .filter(|(x, _)| !excused(*kind, **x))
            {
                let exact = kind.apply(*x);
                let same = *y == exact
                    || (y.is_nan() && exact.is_nan())
                    || (y - exact).abs() < 1e-12 * exact.abs();
                assert!(
                    same,
                    "{kind:?}({x}) = {y} on {:?}, should be {exact}",
                    options.device
                );
            }
        }
    }
}

#[test]
fn sums_of_rows_into_rows() {
    for options in devices() {
        for (from, to) in [(1, 1), (7, 3), (100, 4), (1000, 3), (5, 9), (600, 300)] {
            let mut graph = Graph::new();
            let x = graph.input(from * 2, true);
            let rows = graph.reshape(&x, &[from, 2]);
            let index = (0..from).map(|i| (i * i % 7 * to / 8) as u32).collect();
            let sums = graph.segment_sum(&rows, &index, to);
            let sums = graph.reshape(&sums, &[to * 2]);
            let outputs = [graph.node_of(&sums)];
            let at: Vec<f64> = (0..from * 6).map(|i| (i as f64 * 0.37).sin()).collect();
            let error = compare(&graph, &outputs, &[&at], 3, &options);
            assert!(
                error < tolerance(&options),
                "{from} into {to} on {options:?}: {error:e}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn random_graphs_and_their_gradients(seed: u64, size in 5_usize..40, draws in prop::sample::select(vec![1, 2, 17])) {
        let random = random_graph(seed, size);
        let (graph, outputs) = random.with_gradients();
        let data = random.values(draws);
        let data: Vec<&[f64]> = data.iter().map(Vec::as_slice).collect();
        for options in devices().into_iter().filter(|options| options.precision == Precision::F64) {
            let error = compare(&graph, &outputs, &data, draws, &options);
            prop_assert!(error < 1e-9, "error {error:e} on {:?}", options.device);
        }
    }
}
