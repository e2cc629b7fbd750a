//! Adjoints of operations that move elements.

use super::Pass;
use crate::{Array, Expr, Index, NodeId, Shape};

/// Gathers from one node that are enough to be joined.
const MANY: usize = 4;

impl Pass<'_> {
    pub(super) fn reshape(&mut self, x: NodeId, cotangent: &Expr) {
        let shape = self.graph.node(x).shape.clone();
        let back = self.graph.reshape(cotangent, &shape);
        self.give(x, back);
    }

    pub(super) fn permute(&mut self, x: NodeId, axes: &[usize], cotangent: &Expr) {
        let mut inverse = vec![0; axes.len()];
        for (to, from) in axes.iter().enumerate() {
            inverse[*from] = to;
        }
        let back = self.graph.permute(cotangent, &inverse);
        self.give(x, back);
    }

    pub(super) fn concat(&mut self, node: NodeId, parts: &[NodeId], axis: usize, cotangent: &Expr) {
        let mut start = 0;
        for part in parts {
            let len = self.graph.node(*part).shape[axis];
            if self.wanted[part.index()] {
                let piece = self.graph.slice(cotangent, axis, start, len);
                let piece = self.sum_draws_if_shared(node, *part, piece);
                self.give(*part, piece);
            }
            start += len;
        }
    }

    pub(super) fn slice(
        &mut self,
        x: NodeId,
        axis: usize,
        start: usize,
        len: usize,
        cotangent: &Expr,
    ) {
        if axis == 0 {
            return self.give_rows(x, start, cotangent.clone());
        }
        let shape = self.graph.node(x).shape.clone();
        let zeros = |len: usize| {
            let mut shape = shape.clone();
            shape[axis] = len;
            Expr::Data(Array::full(&shape, 0.0))
        };
        let parts = [
            zeros(start),
            cotangent.clone(),
            zeros(shape[axis] - start - len),
        ];
        let padded = self.graph.concat(&parts, axis);
        self.give(x, padded);
    }

    pub(super) fn gather(&mut self, x: NodeId, index: &Index, cotangent: &Expr) {
        self.give_gathered(x, index, cotangent.clone());
    }

    pub(super) fn segment_sum(&mut self, x: NodeId, index: &Index, cotangent: &Expr) {
        let back = self.graph.gather(cotangent, index);
        self.give(x, back);
    }

    /// Cotangents of the whole node, from those of its rows at positions: joined where they are many, as they are where each step of
    /// a recursion picks its own, so that not each of them fills a whole with zeros.
    pub(super) fn assemble_gathered(
        &mut self,
        node: NodeId,
        gathered: Vec<(Index, Expr)>,
    ) -> Vec<Expr> {
        let rows = self.graph.node(node).shape.first().copied().unwrap_or(1);
        if gathered.len() < MANY {
            let each = gathered.into_iter();
            return each
                .map(|(index, cotangent)| self.graph.segment_sum(&cotangent, &index, rows))
                .collect();
        }
        let (indices, cotangents): (Vec<Index>, Vec<Expr>) = gathered.into_iter().unzip();
        let index = indices.iter().flat_map(|index| index.iter().copied());
        let joined = self.graph.concat(&cotangents, 0);
        vec![self.graph.segment_sum(&joined, &index.collect(), rows)]
    }

    /// Cotangents of the whole node, from those of its rows: as few joins as possible, so that the gradient of
    /// a vector that was cut into parts is one join of the parts' gradients.
    pub(super) fn assemble_rows(
        &mut self,
        node: NodeId,
        mut rows: Vec<(usize, Expr)>,
    ) -> Vec<Expr> {
        let shape = self.graph.node(node).shape.clone();
        rows.sort_by_key(|(first, _)| *first);
        let mut layers: Vec<(usize, Vec<Expr>)> = Vec::new();
        for (first, part) in rows {
            let end = first + self.graph.shape(&part)[0];
            match layers.iter_mut().find(|(filled, _)| *filled <= first) {
                Some((filled, parts)) => {
                    parts.extend(zero_rows(&shape, first - *filled));
                    parts.push(part);
                    *filled = end;
                }
                None => layers.push((
                    end,
                    zero_rows(&shape, first).into_iter().chain([part]).collect(),
                )),
            }
        }
        layers
            .into_iter()
            .map(|(filled, mut parts)| {
                parts.extend(zero_rows(&shape, shape[0] - filled));
                self.graph.concat(&parts, 0)
            })
            .collect()
    }
}

fn zero_rows(shape: &Shape, rows: usize) -> Option<Expr> {
    let mut shape = shape.clone();
    shape[0] = rows;
    (rows > 0).then(|| Array::full(&shape, 0.0).into())
}
