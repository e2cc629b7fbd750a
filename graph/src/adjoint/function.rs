//! The adjoint of functions of rows: their own pullback, one node for weights and inputs.

use super::Pass;
use crate::{Binary, Expr, Function, NodeId, Unary, Wanted};

impl Pass<'_> {
    pub(super) fn apply(
        &mut self,
        node: NodeId,
        function: &Function,
        [weights, inputs]: [NodeId; 2],
        cotangent: &Expr,
    ) {
        let wanted = Wanted {
            weights: self.wanted[weights.index()],
            inputs: self.wanted[inputs.index()],
        };
        let rows = if self.guard {
            self.rows_with_influence(inputs, cotangent)
        } else {
            inputs
        };
        let both = self
            .graph
            .apply_pullback(function, [weights, rows], cotangent, wanted);
        let mut next = 0;
        for (to, wanted) in [(weights, wanted.weights), (inputs, wanted.inputs)] {
            if wanted {
                let shape = self.graph.node(to).shape.clone();
                let size = shape.iter().product();
                let part = self.graph.slice(&both, 0, next, size);
                let part = self.graph.reshape(&part, &shape);
                let part = self.sum_draws_if_shared(node, to, part);
                self.give(to, part);
                next += size;
            }
        }
    }

    /// The inputs with zeros in place of the rows whose cotangents are all zero: behind a branch that is not taken they may be
    /// anything, and would reach the weights.
    fn rows_with_influence(&mut self, inputs: NodeId, cotangent: &Expr) -> NodeId {
        let size = self.graph.unary(Unary::Abs, cotangent);
        let influence = self.graph.sum(&size, 1);
        let counts = self
            .graph
            .binary(Binary::Less, &Expr::scalar(0.0), &influence);
        let rows = self.graph.shape(&counts)[0];
        let counts = self.graph.reshape(&counts, &[rows, 1]);
        let kept = self
            .graph
            .select(&counts, &inputs.into(), &Expr::scalar(0.0));
        self.graph.node_of(&kept)
    }
}
