//! What the property tests share: running a graph, and finite differences of it.

#![allow(dead_code)]
#![cfg_attr(feature = "tch", allow(deprecated))]

pub mod devices;
pub mod graphs;
pub mod kinds;

use firebrand_graph::{Expr, Graph, NodeId, Options, Program};

/// Runs the outputs for one input of several draws.
pub fn run(graph: &Graph, outputs: &[NodeId], input: &[f64], draws: usize) -> Vec<Vec<f64>> {
    Program::compile(graph, outputs, &Options::default()).run_host(&[input], draws)
}

/// A scalar made of all elements of a value, each with its own weight, so that no two adjoints can be confused.
pub fn weighted_total(graph: &mut Graph, value: &Expr) -> NodeId {
    let shape = graph.shape(value);
    let count: usize = shape.iter().product();
    let weights = (0..count)
        .map(|i| 0.3 + 0.7 * ((i * 7 % 5) as f64) - 0.11 * (i % 3) as f64)
        .collect();
    let weights = firebrand_graph::Array::new(shape, weights).into();
    let product = graph.mul(value, &weights);
    let total = graph.sum_all(&product);
    graph.node_of(&total)
}

/// Largest difference between the reverse pass and central differences, over the scale of the gradient.
pub fn gradient_error(graph: &mut Graph, input: NodeId, output: NodeId, at: &[f64]) -> f64 {
    let length = graph.node(input).shape[0];
    let draws = at.len() / length;
    let gradient = graph.gradient(output, &[input]);
    let gradient = graph.node_of(&gradient[0]);
    let computed = broadcast(run(graph, &[gradient], at, draws).remove(0), at.len());
    let mut worst: f64 = 0.0;
    let scale = computed.iter().fold(1.0, |a: f64, b| a.max(b.abs()));
    for i in 0..at.len() {
        // Fourth order, so that truncation and rounding both stay near 1e-11.
        let h = 1e-3 * at[i].abs().max(0.1);
        let value = |step: f64| {
            let mut moved = at.to_vec();
            moved[i] += step;
            run(graph, &[output], &moved, draws)[0].iter().sum::<f64>()
        };
        let difference =
            (8.0 * (value(h) - value(-h)) - (value(2.0 * h) - value(-2.0 * h))) / (12.0 * h);
        worst = worst.max((difference - computed[i]).abs() / scale);
    }
    worst
}

fn broadcast(values: Vec<f64>, length: usize) -> Vec<f64> {
    values.iter().copied().cycle().take(length).collect()
}

/// Largest difference, relative to the largest number of the output where that is above one.
pub fn difference(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let mut worst: f64 = 0.0;
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.len(), b.len());
        let scale = b
            .iter()
            .filter(|x| x.is_finite())
            .fold(1.0, |m: f64, x| m.max(x.abs()));
        for (a, b) in a.iter().zip(b) {
            if a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan()) {
                let error = (a - b).abs() / scale;
                worst = worst.max(if error.is_nan() { f64::INFINITY } else { error });
            }
        }
    }
    worst
}
