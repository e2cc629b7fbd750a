//! The slow and obvious executor: every node, every draw, through the functions of [`crate::fold`] and [`crate::linear`].

use crate::exec::HostExecutor;
use crate::function::HostRows;
use crate::{Array, Graph, Node, NodeId, Op, fold, linear};

#[derive(Debug)]
pub(crate) struct Reference {
    graph: Graph,
    outputs: Vec<NodeId>,
    live: Vec<bool>,
}

impl Reference {
    pub(crate) fn new(graph: &Graph, outputs: &[NodeId]) -> Self {
        Reference {
            graph: graph.clone(),
            outputs: outputs.to_vec(),
            live: graph.live(outputs),
        }
    }
}

impl HostExecutor for Reference {
    fn run(&self, inputs: &[&[f64]], draws: usize) -> Vec<Vec<f64>> {
        let mut values: Vec<Vec<Array>> = Vec::with_capacity(self.live.len());
        for (node, live) in self.graph.nodes().iter().zip(&self.live) {
            let count = match (live, node.batched) {
                (false, _) => 0,
                (true, true) => draws,
                (true, false) => 1,
            };
            let value = (0..count)
                .map(|draw| evaluate(node, &values, inputs, draw))
                .collect();
            values.push(value);
        }
        self.outputs
            .iter()
            .map(|node| {
                values[node.index()]
                    .iter()
                    .flat_map(|array| array.data().iter().copied())
                    .collect()
            })
            .collect()
    }
}

/// Arguments of a function of rows, as it takes them.
fn one_draw<const N: usize>(arguments: [&Array; N]) -> Vec<HostRows> {
    let rows = |array: &Array| match array.shape() {
        [rows, columns] => [1, *rows, *columns],
        _ => [1, 1, array.len()],
    };
    arguments
        .map(|array| (array.data().to_vec(), rows(array)))
        .into()
}

fn evaluate(node: &Node, values: &[Vec<Array>], inputs: &[&[f64]], draw: usize) -> Array {
    let get = |id: &NodeId| {
        let value = &values[id.index()];
        &value[if value.len() == 1 { 0 } else { draw }]
    };
    match &node.op {
        Op::Const(array) => array.clone(),
        Op::Input(input) => {
            let length = node.shape[0];
            let start = if node.batched { draw * length } else { 0 };
            Array::vector(inputs[input.index()][start..start + length].to_vec())
        }
        Op::Unary(kind, x) => fold::unary(*kind, get(x)),
        Op::Binary(kind, x, y) => fold::binary(*kind, get(x), get(y)),
        Op::Select {
            condition,
            if_true,
            if_false,
        } => fold::select(get(condition), get(if_true), get(if_false)),
        Op::Reshape(x) => get(x).reshaped(&node.shape),
        Op::Broadcast(x) => get(x).broadcast_to(&node.shape),
        Op::Permute(x, axes) => fold::permute(get(x), axes),
        Op::Concat(parts, axis) => {
            let parts: Vec<Array> = parts.iter().map(|part| get(part).clone()).collect();
            fold::concat(&parts, *axis)
        }
        Op::Slice {
            x,
            axis,
            start,
            len,
        } => fold::slice(get(x), *axis, *start, *len),
        Op::Gather(x, index) => fold::gather(get(x), index),
        Op::SegmentSum { x, index, rows } => fold::segment_sum(get(x), index, *rows),
        Op::Sum(x, axis) => fold::sum(get(x), *axis),
        Op::Max(x, axis) => fold::max(get(x), *axis),
        Op::LogSumExp(x, axis) => fold::log_sum_exp(get(x), *axis),
        Op::Mass(mass, x) => fold::mass(*mass, get(x)),
        Op::CumulativeSum { x, axis, reverse } => fold::cumulative_sum(get(x), *axis, *reverse),
        Op::Matmul(x, y) => fold::matmul(get(x), get(y)),
        Op::Matrix(kind, x) => linear::matrix_function(*kind, get(x)),
        Op::LinearSolve {
            system,
            matrix,
            right,
        } => linear::solve(*system, get(matrix), get(right)),
        Op::SumDraws(x) => {
            let mut total = Array::full(&node.shape, 0.0);
            for value in &values[x.index()] {
                total = fold::binary(crate::Binary::Add, &total, value);
            }
            total
        }
        Op::Spread(x) => get(x).clone(),
        Op::Solve {
            problem,
            arguments,
            sensitivities,
        } => {
            let data = arguments.each_ref().map(|argument| get(argument).data());
            let solution = problem.solve(data, node.shape[0], *sensitivities);
            Array::new(&node.shape, solution)
        }
        Op::Apply {
            function,
            arguments,
        } => {
            let result = function.evaluate_host(None, one_draw(arguments.map(|x| get(&x))), 1);
            Array::new(&node.shape, result)
        }
        Op::ApplyPullback {
            function,
            arguments,
            wanted,
        } => {
            let arguments = one_draw(arguments.map(|x| get(&x)));
            let result = function.evaluate_host(Some(*wanted), arguments, 1);
            Array::new(&node.shape, result)
        }
    }
}
