//! Networks in loops of generated quantities: called for all rows at once, with the numbers of one call after the other.

use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::Tensor;
use firebrand::core::network::{Cotangents, Network, Wanted, WeightTensor};
use firebrand::core::{
    Constrained, NetworkPlugin, OptionsError, Plugin, Stream, TargetError, inventory, normals,
};
use firebrand::{Data, Model, Placement, Posterior, Target};

/// How often `line` was called.
static CALLS: AtomicUsize = AtomicUsize::new(0);

firebrand::core::options! {
    /// Options of `line`.
    pub struct LineOptions {
        /// Numbers in a row of inputs.
        inputs: usize = 1,
    }
}

/// A product with a vector, which counts its calls.
#[derive(Debug)]
struct Line {
    tensors: Vec<WeightTensor>,
}

impl Plugin for Line {
    type Options = LineOptions;
    const NAME: &'static str = "line";
    const DOC: &'static str = "A product with a vector";

    fn new(options: LineOptions) -> Result<Self, OptionsError> {
        let weight = WeightTensor {
            name: "weight".into(),
            shape: vec![options.inputs],
        };
        Ok(Line {
            tensors: vec![weight],
        })
    }
}

impl Network for Line {
    fn tensors(&self) -> &[WeightTensor] {
        &self.tensors
    }

    fn inputs(&self) -> usize {
        self.weights()
    }

    fn outputs(&self) -> usize {
        1
    }

    fn numbers_per_row(&self) -> usize {
        1
    }

    fn initial(&self, _seed: u64) -> Vec<f64> {
        vec![0.0; self.weights()]
    }

    fn forward(&self, weights: Tensor<2>, inputs: Tensor<3>) -> Tensor<3> {
        CALLS.fetch_add(1, Ordering::Relaxed);
        let [draws, numbers] = weights.dims();
        inputs.matmul(weights.reshape([draws, numbers, 1]))
    }

    fn pullback(
        &self,
        weights: Tensor<2>,
        inputs: Tensor<3>,
        cotangent: Tensor<3>,
        wanted: Wanted,
    ) -> Cotangents {
        let [draws, numbers] = weights.dims();
        let to_weights = inputs.transpose().matmul(cotangent.clone());
        let to_inputs = cotangent.matmul(weights.reshape([draws, 1, numbers]));
        (
            wanted.weights.then(|| to_weights.reshape([draws, numbers])),
            wanted.inputs.then_some(to_inputs),
        )
    }
}

inventory::submit! { NetworkPlugin::of::<Line>() }

/// A model with the network `f` of two numbers, at `rows` rows.
fn generating(architecture: &str, rows: usize, block: &str) -> Posterior {
    let text = format!(
        "data {{ int N; array[N] row_vector[2] x; }}
         transformed data {{ matrix[N, 2] X; for (n in 1:N) X[n] = x[n]; }}
         parameters {{ network f = {architecture}; real tau; }}
         model {{ f ~ std_normal(); tau ~ std_normal(); }}
         generated quantities {{ {block} }}"
    );
    let numbers = normals(2, Stream::Other(0), 0, 2 * rows);
    let x: Vec<&[f64]> = numbers.chunks(2).collect();
    let data = Data::from_json(&format!("{{\"N\": {rows}, \"x\": {x:?}}}")).unwrap();
    let model = Model::parse("m", &text).unwrap_or_else(|report| panic!("{report}"));
    let posterior = model.compile(&data, &Placement::cpu());
    posterior.unwrap_or_else(|report| panic!("{report}"))
}

/// Draws of which tau is the first number.
fn drawn(posterior: &Posterior, draws: usize) -> Result<Constrained, TargetError> {
    let dimension = posterior.dimension();
    let points = normals(1, Stream::Other(0), 0, draws * dimension);
    let placement = posterior.placement();
    posterior.constrain(&placement.matrix(points, [draws, dimension]), 7)
}

/// Products of matrices add up in another order than products of their rows, so the last digits differ.
const ROUNDING: f64 = 1e-12;

/// Checks that two blocks generate the same.
#[track_caller]
fn assert_same(rows: usize, draws: usize, block: &str, expected: &str) {
    let of = |block| drawn(&generating("mlp(2, {5}, 3)", rows, block), draws).unwrap();
    let (found, expected) = (of(block).values, of(expected).values);
    assert_eq!(found.len(), expected.len());
    for (position, (a, b)) in found.iter().zip(&expected).enumerate() {
        let near = (a - b).abs() <= ROUNDING * b.abs().max(1.0);
        assert!(near, "{position}: {a}, not {b}");
    }
}

#[test]
fn a_loop_over_rows_calls_a_network_as_often_as_a_call_for_all_of_them() {
    let calls = |block: &str| {
        let posterior = generating("line(2)", 100, block);
        let before = CALLS.load(Ordering::Relaxed);
        drawn(&posterior, 64).unwrap();
        CALLS.load(Ordering::Relaxed) - before
    };
    let together = calls("vector[N] mu = f(X)[, 1];");
    assert!(together < 64, "{together}");
    let by_row = calls("vector[N] mu; for (n in 1:N) mu[n] = f(x[n])[1];");
    assert_eq!(by_row, together);
    let nested = calls(
        "vector[N] mu; for (n in 1:N) { mu[n] = f(x[n])[1]; for (m in 1:2) mu[n] += f(x[m])[1]; mu[n] += f(x[n])[1]; }",
    );
    // Two for all rows, and in each of the hundred iterations one for the loop inside.
    assert_eq!(nested, 102 * together);
    // What the draws themselves choose is for each iteration to call.
    let by_draw = calls("vector[N] mu; for (n in 1:N) mu[n] = f(x[n] * tau)[1];");
    assert_eq!(by_draw, 100 * together);
}

#[test]
fn outputs_are_those_of_their_rows() {
    assert_same(
        7,
        20,
        "array[N] vector[3] p; for (n in 1:N) p[n] = f(x[n]);",
        "array[N] vector[3] p; { matrix[N, 3] all = f(X); for (n in 1:N) p[n] = all[n]'; }",
    );
}

#[test]
fn random_numbers_are_drawn_in_the_order_of_the_program() {
    let with = |mean: &str| {
        format!(
            "vector[N] y; real first = normal_rng(0, 1); {{ matrix[N, 3] all = f(X);
             for (n in 1:N) {{ real u = uniform_rng(0, 1); y[n] = normal_rng({mean}[2] + u, 1); }} }}"
        )
    };
    assert_same(9, 20, &with("f(x[n])"), &with("all[n]"));
}

#[test]
fn random_rows_are_drawn_when_their_turn_comes() {
    assert_same(
        6,
        20,
        "vector[N] y; for (n in 1:N) y[n] = f(x[n] * normal_rng(0, 1))[1] + normal_rng(0, 1);",
        "vector[N] y; for (n in 1:N) { real u = normal_rng(0, 1); y[n] = f(x[n] * u)[1] + normal_rng(0, 1); }",
    );
}

#[test]
fn loops_in_loops_keep_their_own_outputs() {
    let with = |outer: &str, inner: &str| {
        format!(
            "array[N, 2] real s; vector[N] last; {{ matrix[N, 3] all = f(X); for (n in 1:N) {{ real u = {outer}[1];
             for (m in 1:2) s[n, m] = u * {inner}[2]; last[n] = {outer}[3]; }} }}"
        )
    };
    let block = with("f(x[n])", "f(x[m + 1])");
    assert_same(5, 20, &block, &with("all[n]", "all[m + 1]"));
}

#[test]
fn draws_that_go_their_own_ways_find_their_own_outputs() {
    let with = |row: &str| {
        format!(
            "vector[N] y; {{ matrix[N, 3] all = f(X); for (n in 1:N) {{ real u = {row}[1];
             if (tau > 0.3) y[n] = {row}[2]; else {{ y[n] = u; if (tau < -1) continue; y[n] += {row}[3]; }} }} }}"
        )
    };
    assert_same(6, 40, &with("f(x[n])"), &with("all[n]"));
}

#[test]
fn a_row_that_no_iteration_reaches_is_not_asked_for() {
    let with = |row: &str| {
        format!(
            "vector[N] y; {{ matrix[N, 3] all = f(X);
             for (n in 1:N + 1) {{ if (n > N) break; y[n] = {row}[1]; }} }}"
        )
    };
    assert_same(4, 10, &with("f(x[n])"), &with("all[n]"));
}

#[test]
fn a_row_that_is_not_there_is_named() {
    let block = "vector[N + 1] y; for (n in 1:N + 1) y[n] = f(x[n])[1];";
    let error = drawn(&generating("mlp(2, {5}, 3)", 4, block), 10).unwrap_err();
    let message = error.to_string();
    assert!(message.contains('5') && message.contains('x'), "{message}");
}

/// More rows than are looked ahead at once.
#[test]
fn many_rows_are_called_in_parts() {
    let with = |row: &str| {
        format!(
            "real s = 0; {{ matrix[N, 3] all = f(X); for (n in 1:N) if (n % 13 > 0) s += {row}[1] * n / N; }}"
        )
    };
    let ahead =
        "real s = 0; for (n in 1:N) { real u = f(x[n])[1]; if (n % 13 > 0) s += u * n / N; }";
    assert_same(70_000, 1, ahead, &with("all[n]"));
}
