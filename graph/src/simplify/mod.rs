//! Rewriting a finished graph, before it is differentiated: fewer rows, and fewer passes over them.
//!
//! - [`predictors`]: sums of known vectors times scalars become one product with a known matrix;
//! - [`squares`]: a sum of squares of such predictors needs no more rows than there are coefficients;
//! - [`repeats`]: rows that are equal in everything that is known are computed once.
//!
//! All are exact up to rounding, of the size that adding the same numbers in another order makes.

mod affine;
mod predictors;
mod repeats;
mod squares;

use crate::{Expr, Graph, NodeId, Op};

impl Graph {
    /// Nodes with the values of the given ones, for fewer operations on fewer rows. Call it before [`Graph::gradient`].
    ///
    /// What it does depends on the data: rows that are equal in all data are worked on once, and sums of squared
    /// residuals of linear predictors are compressed by QR decompositions of their known matrices.
    pub fn simplify(&mut self, outputs: &[NodeId]) -> Vec<NodeId> {
        let source = self.source();
        let outputs = self.rewrite(outputs, |graph, node, rebuilt| {
            if graph.node(node).shape.is_empty() {
                rebuilt
            } else {
                predictors::combine(graph, &rebuilt).unwrap_or(rebuilt)
            }
        });
        let outputs = self.rewrite(&outputs, |graph, _, rebuilt| {
            let simpler =
                squares::compress(graph, &rebuilt).or_else(|| repeats::merge(graph, &rebuilt));
            simpler.unwrap_or(rebuilt)
        });
        self.set_source(source);
        outputs
    }

    /// Builds what the outputs need once more, each node from its arguments as they have become, and then as `change`
    /// makes it.
    pub(crate) fn rewrite(
        &mut self,
        outputs: &[NodeId],
        mut change: impl FnMut(&mut Graph, NodeId, Expr) -> Expr,
    ) -> Vec<NodeId> {
        let live = self.live(outputs);
        let mut now: Vec<Option<Expr>> = vec![None; live.len()];
        for (index, live) in live.iter().enumerate() {
            if *live {
                let node = NodeId(index as u32);
                self.set_source(self.node(node).source);
                let rebuilt = self.rebuilt(node, |argument| {
                    now[argument.index()].clone().unwrap_or(argument.into())
                });
                now[index] = Some(change(self, node, rebuilt));
            }
        }
        outputs
            .iter()
            .map(|output| {
                now[output.index()]
                    .as_ref()
                    .map_or(*output, |now| self.node_of(now))
            })
            .collect()
    }

    /// A node made again of other arguments.
    fn rebuilt(&mut self, node: NodeId, now: impl Fn(NodeId) -> Expr) -> Expr {
        let shape = self.node(node).shape.clone();
        match self.node(node).op.clone() {
            Op::Const(array) => array.into(),
            Op::Input(_) => node.into(),
            Op::Unary(kind, x) => self.unary(kind, &now(x)),
            Op::Binary(kind, x, y) => self.binary(kind, &now(x), &now(y)),
            Op::Select {
                condition,
                if_true,
                if_false,
            } => self.select(&now(condition), &now(if_true), &now(if_false)),
            Op::Reshape(x) => self.reshape(&now(x), &shape),
            Op::Broadcast(x) => self.broadcast_to(&now(x), &shape),
            Op::Permute(x, axes) => self.permute(&now(x), &axes),
            Op::Concat(parts, axis) => {
                let parts: Vec<Expr> = parts.into_iter().map(now).collect();
                self.concat(&parts, axis)
            }
            Op::Slice {
                x,
                axis,
                start,
                len,
            } => self.slice(&now(x), axis, start, len),
            Op::Gather(x, index) => self.gather(&now(x), &index),
            Op::SegmentSum { x, index, rows } => self.segment_sum(&now(x), &index, rows),
            Op::Sum(x, axis) => self.sum(&now(x), axis),
            Op::Max(x, axis) => self.max(&now(x), axis),
            Op::LogSumExp(x, axis) => self.log_sum_exp(&now(x), axis),
            Op::Mass(mass, x) => self.mass_derivative(mass, &now(x)),
            Op::CumulativeSum { x, axis, reverse } => self.cumulative_sum(&now(x), axis, reverse),
            Op::Matmul(x, y) => self.matmul(&now(x), &now(y)),
            Op::Matrix(kind, x) => self.matrix_function(kind, &now(x)),
            Op::LinearSolve {
                system,
                matrix,
                right,
            } => self.linear_solve(system, &now(matrix), &now(right)),
            Op::SumDraws(x) => {
                let spread = self.spread(&now(x));
                self.sum_draws(&spread)
            }
            Op::Spread(x) => self.spread(&now(x)),
            Op::Solve {
                problem, arguments, ..
            } => self.solve_problem(&problem, &arguments.map(now)),
            Op::Apply {
                function,
                arguments: [weights, inputs],
            } => self.apply(&function, &now(weights), &now(inputs)),
            Op::ApplyPullback {
                function,
                arguments: [weights, inputs, cotangent],
                wanted,
            } => {
                let [weights, inputs] = [weights, inputs].map(|node| self.node_of(&now(node)));
                self.apply_pullback(&function, [weights, inputs], &now(cotangent), wanted)
            }
        }
    }
}
