//! The adjoint of solutions of differential equations: cotangents times sensitivities.

use std::sync::Arc;

use super::Pass;
use crate::{Expr, NodeId, Problem};

impl Pass<'_> {
    pub(super) fn solve(
        &mut self,
        node: NodeId,
        problem: &Arc<Problem>,
        arguments: [NodeId; 3],
        cotangent: &Expr,
    ) {
        let free = &problem.free;
        if problem.rows(true) == 1 {
            return;
        }
        let all = self.graph.sensitivities(problem, arguments);
        let shape = self.graph.shape(&all);
        let (systems, rows, outputs, states) = (shape[0], shape[1] - 1, shape[2], shape[3]);
        let sensitivities = self.graph.slice(&all, 1, 1, rows);
        let products = self.times(cotangent, &sensitivities);
        let by_output = self.graph.sum(&products, 3);
        let totals = self.graph.sum(&by_output, 2);
        let [state, times, parameters] = arguments;
        let from_state = self.graph.slice(&totals, 1, 0, free.states.len());
        self.give_columns(node, state, &from_state, &free.states, states);
        let mut next = free.states.len();
        if free.times {
            let initial = self.graph.slice(&totals, 1, next, 1);
            next += 1;
            let later = self.graph.slice(&by_output, 1, rows - 1, 1);
            let later = self.graph.reshape(&later, &[systems, outputs]);
            let cotangent = self.graph.concat(&[initial, later], 1);
            let cotangent = self.sum_draws_if_shared(node, times, cotangent);
            self.give(times, cotangent);
        }
        let from_parameters = self.graph.slice(&totals, 1, next, free.parameters.len());
        let count = self.graph.node(parameters).shape[1];
        self.give_columns(node, parameters, &from_parameters, &free.parameters, count);
    }

    /// Gives cotangents of some of an argument's columns.
    fn give_columns(
        &mut self,
        node: NodeId,
        to: NodeId,
        columns: &Expr,
        positions: &[u32],
        count: usize,
    ) {
        if positions.is_empty() {
            return;
        }
        let turned = self.graph.transpose(columns);
        let placed = self.graph.segment_sum(&turned, &positions.into(), count);
        let cotangent = self.graph.transpose(&placed);
        let cotangent = self.sum_draws_if_shared(node, to, cotangent);
        self.give(to, cotangent);
    }
}
