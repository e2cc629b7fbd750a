//! Functions of rows with code of their own: values and derivatives on every executor, branches that are not taken, shared
//! arguments.

mod common;

use std::sync::Arc;

use burn::tensor::Tensor;
use common::{difference, gradient_error, run, weighted_total};
use firebrand_graph::{
    Array, Expr, Function, Graph, NodeId, Options, Program, RowFunction, Unary, Wanted,
};

const INPUTS: usize = 2;
const OUTPUTS: usize = 3;
const WEIGHTS: usize = INPUTS * OUTPUTS;

/// tanh(x W)
#[derive(Debug)]
struct Layer;

impl Layer {
    fn matrix(weights: Tensor<2>) -> Tensor<3> {
        let draws = weights.dims()[0];
        weights.reshape([draws, INPUTS, OUTPUTS])
    }
}

impl RowFunction for Layer {
    fn weights(&self) -> usize {
        WEIGHTS
    }

    fn inputs(&self) -> usize {
        INPUTS
    }

    fn outputs(&self) -> usize {
        OUTPUTS
    }

    fn apply(&self, weights: Tensor<2>, inputs: Tensor<3>) -> Tensor<3> {
        inputs.matmul(Layer::matrix(weights)).tanh()
    }

    fn pullback(
        &self,
        weights: Tensor<2>,
        inputs: Tensor<3>,
        cotangent: Tensor<3>,
        wanted: Wanted,
    ) -> (Option<Tensor<2>>, Option<Tensor<3>>) {
        let outputs = self.apply(weights.clone(), inputs.clone());
        let back = cotangent.clone() - cotangent * outputs.square();
        let draws = weights.dims()[0];
        let to_weights = wanted.weights.then(|| {
            let product = inputs.transpose().matmul(back.clone());
            product.reshape([draws, WEIGHTS])
        });
        let to_inputs = wanted
            .inputs
            .then(|| back.matmul(Layer::matrix(weights).transpose()));
        (to_weights, to_inputs)
    }
}

fn layer() -> Function {
    Function(Arc::new(Layer))
}

/// Numbers without a pattern, between -1 and 1.
fn numbers(count: usize) -> Vec<f64> {
    (0..count).map(|i| (i as f64 * 12.9898).sin()).collect()
}

fn rows(count: usize) -> Expr {
    Array::new([count, INPUTS], numbers(count * INPUTS)).into()
}

/// The layer at rows that are data, and at rows that are parameters: a scalar of its outputs.
fn on_data_and_parameters() -> (Graph, NodeId, NodeId) {
    let mut graph = Graph::new();
    let input = graph.input(WEIGHTS + 2 * INPUTS, true);
    let weights = graph.slice(&input, 0, 0, WEIGHTS);
    let own = graph.slice(&input, 0, WEIGHTS, 2 * INPUTS);
    let own = graph.reshape(&own, &[2, INPUTS]);
    let function = layer();
    let first = graph.apply(&function, &weights, &rows(4));
    let second = graph.apply(&function, &weights, &own);
    let both = graph.concat(&[first, second], 0);
    let output = weighted_total(&mut graph, &both);
    let input = graph.node_of(&input);
    (graph, input, output)
}

#[test]
fn derivatives_in_weights_and_inputs_are_those_of_finite_differences() {
    let (mut graph, input, output) = on_data_and_parameters();
    let at = numbers(3 * (WEIGHTS + 2 * INPUTS));
    assert!(gradient_error(&mut graph, input, output, &at) < 1e-10);
}

#[test]
fn all_executors_agree_for_any_number_of_draws() {
    let (mut graph, input, output) = on_data_and_parameters();
    let gradient = graph.gradient(output, &[input]).remove(0);
    let outputs = [output, graph.node_of(&gradient)];
    for draws in [1, 3, 300] {
        let at = numbers(draws * (WEIGHTS + 2 * INPUTS));
        let slow = Program::interpret(&graph, &outputs).run_host(&[&at], draws);
        let device = Program::on_burn(&graph, &outputs, &Options::default());
        for (name, fast) in [
            ("cpu", run(&graph, &outputs, &at, draws)),
            ("device", device.run_host(&[&at], draws)),
        ] {
            // Sums of products of two, added up in another order.
            let worst = difference(&fast, &slow);
            assert!(worst < 1e-14, "{name}, {draws} draws: {worst}");
        }
    }
}

#[test]
fn what_is_known_is_computed_at_once() {
    let mut graph = Graph::new();
    let weights: Expr = Array::vector(numbers(WEIGHTS)).into();
    let value = graph.apply(&layer(), &weights, &rows(2));
    let known = value.as_data().expect("data in, data out");
    let (x, w) = (numbers(2 * INPUTS), numbers(WEIGHTS));
    let first = (x[0] * w[0] + x[1] * w[OUTPUTS]).tanh();
    assert!((known.data()[0] - first).abs() < 1e-15);
    assert!(
        graph
            .apply(&layer(), &weights, &rows(0))
            .as_data()
            .is_some()
    );
}

#[test]
fn weights_that_all_draws_share_get_the_sum_of_their_derivatives() {
    let mut graph = Graph::new();
    let shared = graph.input(WEIGHTS, false);
    let own = graph.input(INPUTS, true);
    let row = graph.reshape(&own, &[1, INPUTS]);
    let value = graph.apply(&layer(), &shared, &row);
    let output = weighted_total(&mut graph, &value);
    let (shared, own) = (graph.node_of(&shared), graph.node_of(&own));
    let gradient = graph.gradient(output, &[shared, own]);
    let outputs: Vec<NodeId> = gradient.iter().map(|x| graph.node_of(x)).collect();
    let (w, x) = (numbers(WEIGHTS), numbers(3 * INPUTS));
    let program = Program::compile(&graph, &outputs, &Options::default());
    let all = program.run_host(&[&w, &x], 3);
    let mut sum = vec![0.0; WEIGHTS];
    for draw in x.chunks(INPUTS) {
        let one = program.run_host(&[&w, draw], 1);
        sum.iter_mut().zip(&one[0]).for_each(|(sum, x)| *sum += x);
    }
    assert!(difference(&[sum], &all[..1]) < 1e-14);
    assert_eq!(all[1].len(), 3 * INPUTS);
}

#[test]
fn a_row_behind_a_branch_that_is_not_taken_has_no_influence() {
    let mut graph = Graph::new();
    let input = graph.input(WEIGHTS + 1, true);
    let weights = graph.slice(&input, 0, 0, WEIGHTS);
    let x = graph.slice(&input, 0, WEIGHTS, 1);
    // Where x is negative its root is NaN, and the branch is not taken.
    let root = graph.unary(Unary::Sqrt, &x);
    let row = graph.concat(&[root, Expr::Data(Array::vector(vec![0.5]))], 0);
    let row = graph.reshape(&row, &[1, INPUTS]);
    let value = graph.apply(&layer(), &weights, &row);
    let value = graph.slice(&value, 1, 0, 1);
    let positive = graph.binary(firebrand_graph::Binary::Less, &0.0.into(), &x);
    let positive = graph.reshape(&positive, &[1, 1]);
    let chosen = graph.select(&positive, &value, &2.0.into());
    let output = graph.sum_all(&chosen);
    let (input, output) = (graph.node_of(&input), graph.node_of(&output));
    let gradient = graph.gradient(output, &[input]).remove(0);
    let gradient = graph.node_of(&gradient);
    let mut at = numbers(2 * (WEIGHTS + 1));
    at[WEIGHTS] = -1.0;
    at[2 * WEIGHTS + 1] = 1.0;
    let result = run(&graph, &[gradient], &at, 2).remove(0);
    assert_eq!(result[..=WEIGHTS], [0.0; WEIGHTS + 1]);
    assert!(result[WEIGHTS + 1..].iter().all(|x| x.is_finite()));
    assert!(result[WEIGHTS + 1] != 0.0);
}
