//! The fast executor against the obvious one.

mod common;

use std::sync::Arc;

use common::difference;
use common::graphs::random_graph;
use common::kinds::{BINARY, SPECIAL, UNARY};
use firebrand_graph::{Array, Expr, Graph, NodeId, Options, Program, Unary};
use proptest::prelude::*;

fn flat(graph: &mut Graph, value: &Expr) -> NodeId {
    let count = graph.shape(value).iter().product();
    let flat = graph.reshape(value, &[count]);
    graph.node_of(&flat)
}

fn compare(graph: &Graph, outputs: &[NodeId], inputs: &[&[f64]], draws: usize) -> f64 {
    let fast = Program::compile(graph, outputs, &Options::default()).run_host(inputs, draws);
    let slow = Program::interpret(graph, outputs).run_host(inputs, draws);
    difference(&fast, &slow)
}

/// Equal up to rounding: relative to the number, or to one for functions that cross zero where no argument is exact.
fn same(fast: f64, slow: f64, crosses_zero: bool) -> bool {
    let scale = slow.abs().max(if crosses_zero { 1.0 } else { 1e-290 });
    fast == slow || (fast.is_nan() && slow.is_nan()) || (fast - slow).abs() <= 1e-14 * scale
}

#[test]
fn every_unary_kind_on_special_numbers() {
    for kind in UNARY.iter().map(|(kind, ..)| *kind) {
        let gamma = matches!(kind, Unary::Lgamma | Unary::Digamma);
        let mut graph = Graph::new();
        let input = graph.input(SPECIAL.len(), true);
        let value = graph.unary(kind, &input);
        let output = graph.node_of(&value);
        let fast =
            Program::compile(&graph, &[output], &Options::default()).run_host(&[&SPECIAL], 1);
        for (x, fast) in SPECIAL.iter().zip(&fast[0]) {
            assert!(
                same(*fast, kind.apply(*x), gamma),
                "{kind:?}({x}) = {fast}, should be {}",
                kind.apply(*x)
            );
        }
    }
}

#[test]
fn every_binary_kind_on_special_numbers() {
    for kind in BINARY.iter().map(|(kind, _)| *kind) {
        let mut graph = Graph::new();
        let input = graph.input(SPECIAL.len(), true);
        let column = graph.reshape(&input, &[SPECIAL.len(), 1]);
        let value = graph.binary(kind, &column, &input);
        let output = flat(&mut graph, &value);
        let fast =
            Program::compile(&graph, &[output], &Options::default()).run_host(&[&SPECIAL], 1);
        let mut fast = fast[0].iter();
        for x in SPECIAL {
            for y in SPECIAL {
                let fast = *fast.next().unwrap();
                assert!(
                    same(fast, kind.apply(x, y), false),
                    "{kind:?}({x}, {y}) = {fast}, should be {}",
                    kind.apply(x, y)
                );
            }
        }
    }
}

#[test]
fn reductions_of_infinities() {
    let low = f64::NEG_INFINITY;
    let lines = [
        low,
        low,
        low,
        low,
        0.0,
        1.0,
        f64::INFINITY,
        0.0,
        1.0,
        f64::NAN,
        0.0,
        low,
    ];
    for axis in 0..2 {
        let mut graph = Graph::new();
        let input = graph.input(12, true);
        let matrix = graph.reshape(&input, &[4, 3]);
        let (lse, largest) = (graph.log_sum_exp(&matrix, axis), graph.max(&matrix, axis));
        let outputs = [graph.node_of(&lse), graph.node_of(&largest)];
        assert!(compare(&graph, &outputs, &[&lines], 1) < 1e-15);
    }
}

#[test]
fn what_is_the_same_for_all_draws_and_what_is_not() {
    let mut graph = Graph::new();
    let (per_draw, shared) = (graph.input(3, true), graph.input(3, false));
    let (e, f) = (graph.exp(&shared), graph.exp(&per_draw));
    let product = graph.mul(&e, &f);
    let total = graph.sum_draws(&product);
    let again = graph.log(&total);
    let spread = graph.spread(&again);
    let centred = graph.sub(&product, &again);
    let counted = graph.sum_draws(&spread);
    let outputs = [product, total, again, spread, centred, counted].map(|x| graph.node_of(&x));
    for draws in [1, 2, 7, 64, 300, 1000] {
        let at: Vec<f64> = (0..3 * draws).map(|i| (i as f64 * 0.37).sin()).collect();
        assert!(
            compare(&graph, &outputs, &[&at, &[0.1, -0.2, 0.3]], draws) < 1e-13,
            "{draws} draws"
        );
    }
}

#[test]
fn sums_over_draws_over_many_blocks() {
    let mut graph = Graph::new();
    let (per_draw, shared) = (graph.input(2, true), graph.input(2, false));
    let product = graph.mul(&per_draw, &shared);
    let square = graph.unary(Unary::Square, &product);
    let total = graph.sum_draws(&square);
    let root = graph.unary(Unary::Sqrt, &total);
    let outputs = [square, total, root].map(|x| graph.node_of(&x));
    let at: Vec<f64> = (0..2 * 2000).map(|i| (i as f64 * 0.37).sin()).collect();
    assert!(compare(&graph, &outputs, &[&at, &[0.1, -0.2]], 2000) < 1e-13);
}

#[test]
fn the_same_input_gives_the_same_bits() {
    let mut graph = Graph::new();
    let x = graph.input(40, true);
    let index: Arc<[u32]> = (0..4000).map(|i| i * 7 % 40).collect();
    let y = graph.gather(&x, &index);
    let weights = Array::vector((0..4000).map(|i| (f64::from(i) * 0.1).sin()).collect()).into();
    let y = graph.mul(&y, &weights);
    let y = graph.unary(Unary::Log1pExp, &y);
    let total = graph.sum_all(&y);
    let output = graph.node_of(&total);
    let gradient = graph.gradient(output, &[x.as_node().unwrap()]);
    let outputs = [output, graph.node_of(&gradient[0])];
    let program = Program::compile(&graph, &outputs, &Options::default());
    let at: Vec<f64> = (0..40 * 100).map(|i| (i as f64 * 0.37).sin()).collect();
    assert_eq!(program.run_host(&[&at], 100), program.run_host(&[&at], 100));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn random_graphs_and_their_gradients(seed in any::<u64>(), size in 5_usize..40, draws in prop::sample::select(vec![1, 2, 3, 8, 17, 64])) {
        let random = random_graph(seed, size);
        let (graph, outputs) = random.with_gradients();
        let data = random.values(draws);
        let data: Vec<&[f64]> = data.iter().map(Vec::as_slice).collect();
        let error = compare(&graph, &outputs, &data, draws);
        prop_assert!(error < 1e-9, "error {error:e}");
    }
}
