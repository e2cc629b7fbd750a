//! Shape and position.

use smallvec::SmallVec;

use super::Facts;
use crate::{Expr, Graph, Index, Op, Shape, broadcast_shape, fold};

/// Shape and position.
impl Graph {
    /// The same elements, row-major, under another shape.
    pub fn reshape(&mut self, x: &Expr, shape: &[usize]) -> Expr {
        match &self.resolved(x) {
            Expr::Data(array) => array.reshaped(shape).into(),
            Expr::Node(node) => {
                let Facts {
                    shape: old,
                    batched,
                } = self.facts(*node);
                assert_eq!(
                    old.iter().product::<usize>(),
                    shape.iter().product::<usize>(),
                    "reshape {old:?} to {shape:?}"
                );
                if old.as_slice() == shape {
                    return x.clone();
                }
                if let Op::Reshape(inner) = self.node(*node).op {
                    return self.reshape(&inner.into(), shape);
                }
                self.push(Op::Reshape(*node), Shape::from_slice(shape), batched)
                    .into()
            }
        }
    }

    /// Repeats along axes of size one and new leading axes.
    pub fn broadcast_to(&mut self, x: &Expr, shape: &[usize]) -> Expr {
        match &self.resolved(x) {
            Expr::Data(array) => array.broadcast_to(shape).into(),
            Expr::Node(node) => {
                let Facts {
                    shape: old,
                    batched,
                } = self.facts(*node);
                if old.as_slice() == shape {
                    return x.clone();
                }
                assert_eq!(
                    broadcast_shape(&old, shape).as_deref(),
                    Some(shape),
                    "broadcast {old:?} to {shape:?}"
                );
                self.push(Op::Broadcast(*node), Shape::from_slice(shape), batched)
                    .into()
            }
        }
    }

    /// Axis `i` of the result is axis `axes[i]` of `x`.
    pub fn permute(&mut self, x: &Expr, axes: &[usize]) -> Expr {
        if axes.iter().enumerate().all(|(i, axis)| i == *axis) {
            return x.clone();
        }
        match &self.resolved(x) {
            Expr::Data(array) => fold::permute(array, axes).into(),
            Expr::Node(node) => {
                let Facts { shape, batched } = self.facts(*node);
                let shape: Shape = axes.iter().map(|axis| shape[*axis]).collect();
                self.push(
                    Op::Permute(*node, SmallVec::from_slice(axes)),
                    shape,
                    batched,
                )
                .into()
            }
        }
    }

    /// Exchanges the last two axes.
    pub fn transpose(&mut self, x: &Expr) -> Expr {
        let rank = self.shape(x).len();
        let mut axes: Vec<usize> = (0..rank).collect();
        axes.swap(rank - 2, rank - 1);
        self.permute(x, &axes)
    }

    /// Joins along an axis. There must be at least one part.
    pub fn concat(&mut self, parts: &[Expr], axis: usize) -> Expr {
        let parts: Vec<Expr> = match parts {
            [only] => return only.clone(),
            _ => parts
                .iter()
                .filter(|part| self.shape(part)[axis] > 0)
                .cloned()
                .collect(),
        };
        let parts = self.neighbours_joined(parts, axis);
        if let [only] = parts.as_slice() {
            return only.clone();
        }
        if let Some(known) = parts
            .iter()
            .map(|part| part.as_data().cloned())
            .collect::<Option<Vec<_>>>()
        {
            return fold::concat(&known, axis).into();
        }
        let mut shape = self.shape(&parts[0]);
        shape[axis] = parts.iter().map(|part| self.shape(part)[axis]).sum();
        let batched = parts.iter().any(|part| self.is_batched(part));
        let parts = parts.iter().map(|part| self.node_of(part)).collect();
        self.push(Op::Concat(parts, axis), shape, batched).into()
    }

    /// The positions `start..start + len` along an axis.
    pub fn slice(&mut self, x: &Expr, axis: usize, start: usize, len: usize) -> Expr {
        let mut shape = self.shape(x);
        assert!(
            start + len <= shape[axis],
            "slice {start}..{} of {shape:?}",
            start + len
        );
        if len == shape[axis] {
            return x.clone();
        }
        match &self.resolved(x) {
            Expr::Data(array) => fold::slice(array, axis, start, len).into(),
            Expr::Node(node) => {
                if let Op::Slice {
                    x: inner,
                    axis: same,
                    start: first,
                    ..
                } = self.node(*node).op
                    && same == axis
                {
                    return self.slice(&inner.into(), axis, first + start, len);
                }
                let batched = self.node(*node).batched;
                shape[axis] = len;
                self.push(
                    Op::Slice {
                        x: *node,
                        axis,
                        start,
                        len,
                    },
                    shape,
                    batched,
                )
                .into()
            }
        }
    }

    /// Rows (along axis 0) at static positions.
    pub fn gather(&mut self, x: &Expr, index: &Index) -> Expr {
        let mut shape = self.shape(x);
        let rows = shape[0];
        assert!(
            index.iter().all(|i| (*i as usize) < rows),
            "gather within {rows} rows"
        );
        if index.len() == rows && index.iter().enumerate().all(|(i, j)| i == *j as usize) {
            return x.clone();
        }
        if let Some(start) = contiguous(index) {
            return self.slice(x, 0, start, index.len());
        }
        if let Some(node) = x.as_node()
            && let Some(simpler) = self.simpler_gather(node, index)
        {
            return simpler;
        }
        match &self.resolved(x) {
            Expr::Data(array) => fold::gather(array, index).into(),
            Expr::Node(node) => {
                if let Op::Gather(inner, first) = &self.node(*node).op {
                    let (inner, composed) =
                        (*inner, index.iter().map(|i| first[*i as usize]).collect());
                    return self.gather(&inner.into(), &composed);
                }
                let batched = self.node(*node).batched;
                shape[0] = index.len();
                self.push(Op::Gather(*node, index.clone()), shape, batched)
                    .into()
            }
        }
    }

    /// Row `i` of `x` added to row `index[i]` of a result of `rows` rows.
    pub fn segment_sum(&mut self, x: &Expr, index: &Index, rows: usize) -> Expr {
        let mut shape = self.shape(x);
        assert_eq!(
            shape[0],
            index.len(),
            "segment sum: one position for each row"
        );
        assert!(
            index.iter().all(|i| (*i as usize) < rows),
            "segment sum into {rows} rows"
        );
        if index.len() == rows && index.iter().enumerate().all(|(i, j)| i == *j as usize) {
            return x.clone();
        }
        match &self.resolved(x) {
            Expr::Data(array) => fold::segment_sum(array, index, rows).into(),
            Expr::Node(node) => {
                let batched = self.node(*node).batched;
                shape[0] = rows;
                self.push(
                    Op::SegmentSum {
                        x: *node,
                        index: index.clone(),
                        rows,
                    },
                    shape,
                    batched,
                )
                .into()
            }
        }
    }
}

/// The first position, when each is one more than the one before.
fn contiguous(index: &[u32]) -> Option<usize> {
    let first = *index.first()?;
    (first..)
        .zip(index)
        .all(|(i, j)| i == *j)
        .then_some(first as usize)
}
