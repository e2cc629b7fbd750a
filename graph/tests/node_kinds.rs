//! Every kind of node on every device that is compiled in. The lists are exhaustive: a kind that is new does not compile until it is in
//! its list, and has then to be in an example.

#![cfg_attr(feature = "tch", allow(deprecated))]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use burn::tensor::Tensor;
use common::devices::{compare, devices, tolerance};
use common::kinds::{BINARY, UNARY};
use firebrand_graph::{
    Array, Binary, Equations, Expr, Function, Graph, Mass, MatrixFunction, Method, NodeId, Op,
    RowFunction, SolveOptions, System, Unary, Wanted,
};

/// The names of all variants, and the name of one.
macro_rules! names {
    ($all:ident, $name:ident, $kind:ident: $($variant:ident)*) => {
        const $all: &[&str] = &[$(stringify!($variant)),*];

        fn $name(kind: &$kind) -> &'static str {
            match kind {
                $($kind::$variant { .. } => stringify!($variant)),*
            }
        }
    };
}

names! { OPS, op, Op:
    Const Input Unary Binary Select Reshape Broadcast Permute Concat Slice Gather SegmentSum Sum Max LogSumExp Mass CumulativeSum
    Matmul Matrix LinearSolve SumDraws Spread Solve Apply ApplyPullback
}
names! { UNARIES, unary, Unary:
    Neg Abs Sign Exp Expm1 Log Log1p Log1mExp Log1pExp Sqrt Square Recip Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh Floor Ceil Round
    Sigmoid Lgamma Digamma Trigamma Polygamma Erf Erfc
}
names! { BINARIES, binary, Binary:
    Add Sub Mul ZeroMul Div Pow Atan2 Min Max MultiplyLog LogAddExp Less LessEqual Equal
}
names! { MATRIX_FUNCTIONS, matrix_function, MatrixFunction: Cholesky Eigen Determinant LogDeterminant }
names! { SYSTEMS, system, System: Lower LowerTransposed General }
names! { MASSES, mass, Mass: LogGammaP LogGammaQ LogBeta LogStudentT InvPhi }

/// Numbers in the input of each example.
const LENGTH: usize = 16;

/// Examples that have every kind of node among them: what they compute, flat, of an input of [`LENGTH`] numbers between 0.1 and 0.9.
fn examples() -> Vec<(Graph, NodeId)> {
    let mut examples = Vec::new();
    let mut example = |build: &dyn Fn(&mut Graph, &Expr) -> Expr| {
        let mut graph = Graph::new();
        let input = graph.input(LENGTH, true);
        let value = build(&mut graph, &input);
        let count = graph.shape(&value).iter().product();
        let flat = graph.reshape(&value, &[count]);
        let output = graph.node_of(&flat);
        let squares = graph.unary(Unary::Square, &flat);
        let total = graph.sum(&squares, 0);
        let total = graph.node_of(&total);
        let input = graph.node_of(&input);
        // Adjoints have kinds of their own; what sums over draws has none.
        let sums = graph
            .nodes()
            .iter()
            .any(|node| matches!(node.op, Op::SumDraws(_)));
        if !sums {
            let gradient = graph.gradient(total, &[input]).remove(0);
            let gradient = graph.node_of(&gradient);
            examples.push((graph.clone(), gradient));
        }
        examples.push((graph, output));
    };
    for (kind, ..) in UNARY {
        example(&|g, x| {
            let inside = match kind {
                Unary::Log1mExp => g.neg(x),
                _ => x.clone(),
            };
            g.unary(*kind, &inside)
        });
    }
    for (kind, ..) in BINARY {
        example(&|g, x| {
            let (x, y) = (g.slice(x, 0, 0, 8), g.slice(x, 0, 8, 8));
            let y = g.reshape(&y, &[8, 1]);
            g.binary(*kind, &x, &y)
        });
    }
    let square = |g: &mut Graph, x: &Expr| {
        let x = g.reshape(x, &[4, 4]);
        let turned = g.permute(&x, &[1, 0]);
        let product = g.matmul(&x, &turned);
        let steps = (0..16).map(|k| if k % 5 == 0 { (1 + k) as f64 } else { 0.0 });
        g.add(&product, &Array::new([4, 4], steps.collect()).into())
    };
    for kind in [
        MatrixFunction::Cholesky,
        MatrixFunction::Determinant,
        MatrixFunction::LogDeterminant,
    ] {
        example(&|g, x| {
            let matrix = square(g, x);
            g.matrix_function(kind, &matrix)
        });
    }
    example(&|g, x| {
        let matrix = square(g, x);
        // The sign of a vector is nobody's.
        let (values, vectors) = g.eigen(&matrix);
        let squares = g.unary(Unary::Square, &vectors);
        g.mul(&squares, &values)
    });
    for kind in [System::Lower, System::LowerTransposed, System::General] {
        example(&|g, x| {
            let matrix = square(g, x);
            let right = g.reshape(x, &[8, 2]);
            let right = g.slice(&right, 0, 2, 4);
            g.linear_solve(kind, &matrix, &right)
        });
    }
    for kind in [
        Mass::LogGammaP,
        Mass::LogGammaQ,
        Mass::LogBeta,
        Mass::LogStudentT,
        Mass::InvPhi,
    ] {
        example(&|g, x| {
            let part = |g: &mut Graph, i: usize| g.slice(x, 0, 3 * i, 3);
            let mut arguments: Vec<Expr> = (0..kind.arguments()).map(|i| part(g, i)).collect();
            if kind == Mass::LogBeta {
                let rest = g.neg(&arguments[2]);
                arguments[3] = g.add_scalar(&rest, 1.0);
            }
            g.mass(kind, &arguments)
        });
    }
    example(&|g, x| {
        let rows = g.reshape(x, &[4, 4]);
        let picked = g.gather(&rows, &Arc::from([3, 0, 0]));
        let sums = g.segment_sum(&picked, &Arc::from([1, 1, 0]), 2);
        let largest = g.max(&sums, 1);
        let log_sum = g.log_sum_exp(&sums, 0);
        let running = g.cumulative_sum(&log_sum, 0, true);
        let joined = g.concat(&[largest, running], 0);
        let wide = g.broadcast_to(&joined, &[3, 6]);
        let wide = g.mul(&wide, &Array::new([3, 1], vec![1.0, -0.5, 2.0]).into());
        let condition = g.binary(Binary::Less, &wide, &1.0.into());
        let square = g.unary(Unary::Square, &wide);
        g.select(&condition, &wide, &square)
    });
    example(&|g, x| {
        let total = g.sum_draws(x);
        let each = g.spread(&total);
        g.mul(&each, x)
    });
    example(&|g, x| {
        let decay = Equations::build::<()>(1, 1, |g, _, state, rate| {
            let pull = g.mul(rate, state);
            Ok(g.neg(&pull))
        });
        let parts = [(0, 1), (1, 1), (2, 1)].map(|(at, length)| {
            let part = g.slice(x, 0, at, length);
            g.reshape(&part, &[1, length])
        });
        let [state, time, rate] = parts;
        let later = g.add_scalar(&time, 1.0);
        let times = g.concat(&[time, later], 1);
        let options = SolveOptions {
            method: Method::Explicit,
            relative_tolerance: 1e-8,
            absolute_tolerance: 1e-8,
            most_steps: 10_000,
        };
        g.solve(decay.unwrap(), &[state, times, rate], options)
    });
    example(&|g, x| {
        let weights = g.slice(x, 0, 0, 2);
        let rows = g.slice(x, 0, 2, 6);
        let rows = g.reshape(&rows, &[3, 2]);
        g.apply(&Function(Arc::new(Neuron)), &weights, &rows)
    });
    examples
}

/// tanh(x w)
#[derive(Debug)]
struct Neuron;

impl RowFunction for Neuron {
    fn weights(&self) -> usize {
        2
    }

    fn inputs(&self) -> usize {
        2
    }

    fn outputs(&self) -> usize {
        1
    }

    fn apply(&self, weights: Tensor<2>, inputs: Tensor<3>) -> Tensor<3> {
        let draws = weights.dims()[0];
        inputs.matmul(weights.reshape([draws, 2, 1])).tanh()
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
            product.reshape([draws, 2])
        });
        let to_inputs = wanted
            .inputs
            .then(|| back.matmul(weights.reshape([draws, 1, 2])));
        (to_weights, to_inputs)
    }
}

/// The names of what is in the examples, list by list.
fn found(examples: &[(Graph, NodeId)]) -> [BTreeSet<&'static str>; 6] {
    let mut found: [BTreeSet<&'static str>; 6] = Default::default();
    for (graph, output) in examples {
        let live = graph.live(&[*output]);
        for (node, _) in graph.nodes().iter().zip(live).filter(|(_, live)| *live) {
            found[0].insert(op(&node.op));
            match &node.op {
                Op::Unary(kind, _) => found[1].insert(unary(kind)),
                Op::Binary(kind, ..) => found[2].insert(binary(kind)),
                Op::Matrix(kind, _) => found[3].insert(matrix_function(kind)),
                Op::LinearSolve { system: kind, .. } => found[4].insert(system(kind)),
                Op::Mass(kind, _) => found[5].insert(mass(&kind.mass)),
                _ => false,
            };
        }
    }
    found
}

#[test]
fn the_examples_have_every_kind() {
    let all = [OPS, UNARIES, BINARIES, MATRIX_FUNCTIONS, SYSTEMS, MASSES];
    for (all, found) in all.iter().zip(found(&examples())) {
        let all: BTreeSet<&str> = all.iter().copied().collect();
        let missing: Vec<_> = all.difference(&found).collect();
        assert!(missing.is_empty(), "no example has {missing:?}");
    }
}

#[test]
fn every_kind_runs_on_every_device() {
    for options in devices() {
        for (number, (graph, output)) in examples().iter().enumerate() {
            for draws in [1, 3] {
                let at: Vec<f64> = (0..draws * LENGTH)
                    .map(|i| 0.5 + 0.4 * (i as f64 * 12.9898).sin())
                    .collect();
                let error = compare(graph, &[*output], &[&at], draws, &options);
                assert!(
                    error < tolerance(&options),
                    "example {number} for {draws} draws on {options:?}: {error:e}"
                );
            }
        }
    }
}

/// A matrix that has no factor, or is not finite, leaves those of other draws alone.
#[test]
fn a_draw_whose_matrix_has_no_factor_is_alone() {
    let good = [2.0, 0.5, 0.5, 1.0];
    for options in devices() {
        for bad in [[1.0, 3.0, 3.0, 1.0], [f64::NAN; 4]] {
            for kind in [MatrixFunction::Cholesky, MatrixFunction::Eigen] {
                let mut graph = Graph::new();
                let input = graph.input(4, true);
                let matrix = graph.reshape(&input, &[2, 2]);
                let value = graph.matrix_function(kind, &matrix);
                let count = graph.shape(&value).iter().product();
                let flat = graph.reshape(&value, &[count]);
                let output = [graph.node_of(&flat)];
                let program = firebrand_graph::Program::on_burn(&graph, &output, &options);
                let alone = program.run_host(&[&good], 1).remove(0);
                let both = program.run_host(&[&[bad, good].concat()], 2).remove(0);
                assert_eq!(both[count..], alone, "{kind:?} on {options:?}");
                if kind == MatrixFunction::Cholesky || bad[0].is_nan() {
                    assert!(both[..count].iter().any(|x| x.is_nan()), "{kind:?}");
                }
            }
        }
    }
}
