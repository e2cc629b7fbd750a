//! Adjoints of reductions and products.

use super::Pass;
use crate::{Array, Binary, Expr, MassDerivative, NodeId, Op, Shape};

impl Pass<'_> {
    /// A reduced value, repeated along the axis that the reduction of `x` removed.
    fn restore(&mut self, reduced: &Expr, x: NodeId, axis: usize) -> Expr {
        let shape = self.graph.node(x).shape.clone();
        let mut kept = shape.clone();
        kept[axis] = 1;
        let kept = self.graph.reshape(reduced, &kept);
        self.graph.broadcast_to(&kept, &shape)
    }

    pub(super) fn sum(&mut self, x: NodeId, axis: usize, cotangent: &Expr) {
        let back = self.restore(cotangent, x, axis);
        self.give(x, back);
    }

    /// To the first of the largest elements.
    pub(super) fn max(&mut self, node: NodeId, x: NodeId, axis: usize, cotangent: &Expr) {
        let largest = self.restore(&node.into(), x, axis);
        let is_largest = self.graph.binary(Binary::Equal, &x.into(), &largest);
        let count = self.graph.cumulative_sum(&is_largest, axis, false);
        let at_most_one = self.graph.binary(Binary::LessEqual, &count, &1.0.into());
        let first = self.graph.mul(&is_largest, &at_most_one);
        let back = self.restore(cotangent, x, axis);
        let back = self.graph.select(&first, &back, &0.0.into());
        self.give(x, back);
    }

    pub(super) fn log_sum_exp(&mut self, node: NodeId, x: NodeId, axis: usize, cotangent: &Expr) {
        let total = self.restore(&node.into(), x, axis);
        let weight = self.exp_of_difference(&x.into(), &total);
        let back = self.restore(cotangent, x, axis);
        let back = self.times(&back, &weight);
        self.give(x, back);
    }

    pub(super) fn mass(&mut self, mass: MassDerivative, x: NodeId, cotangent: &Expr) {
        let mut row = Shape::from_slice(&[1]);
        row.extend_from_slice(&self.graph.shape(cotangent));
        // Of arguments that are known, nothing is asked.
        let parts = match &self.graph.node(x).op {
            Op::Concat(parts, 0) if parts.len() == mass.mass.arguments() => parts.clone(),
            _ => Vec::new(),
        };
        let rows: Vec<Expr> = (0..mass.mass.arguments() as u8)
            .map(|argument| {
                let part = parts.get(usize::from(argument));
                if part.is_some_and(|part| !self.wanted[part.index()]) {
                    return Array::full(&row, 0.0).into();
                }
                let slope = self
                    .graph
                    .mass_derivative(mass.then_by(argument), &x.into());
                let back = self.times(cotangent, &slope);
                self.graph.reshape(&back, &row)
            })
            .collect();
        let back = self.graph.concat(&rows, 0);
        self.give(x, back);
    }

    pub(super) fn matmul(&mut self, node: NodeId, x: NodeId, y: NodeId, cotangent: &Expr) {
        if self.wanted[x.index()] {
            let y_value = self.graph.value(y);
            let transposed = self.graph.transpose(&y_value);
            let back = self.graph.matmul(cotangent, &transposed);
            self.give_repeated(node, x, back);
        }
        if self.wanted[y.index()] {
            let x_value = self.graph.value(x);
            let transposed = self.graph.transpose(&x_value);
            let back = self.graph.matmul(&transposed, cotangent);
            self.give_repeated(node, y, back);
        }
    }
}
