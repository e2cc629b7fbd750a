//! Which row of a stored value each row of another value is: the meaning of every operation that only moves elements.
//!
//! A value of shape `[a, b]` has `a b` rows; a row holds one number for each draw, or one for all.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::array::for_each_broadcast_offset;
use crate::{Array, Graph, NodeId, Op, fold};

/// From the rows of a value to those of another that holds its elements.
#[derive(Clone, PartialEq)]
pub(super) enum RowMap {
    /// Row `i` is row `start + i`.
    From(usize),
    /// Every row is this one.
    Same(usize),
    /// Row `i` is row `table[i]`.
    Table(Arc<[u32]>),
}

impl std::fmt::Debug for RowMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RowMap::From(start) => write!(f, "from {start}"),
            RowMap::Same(row) => write!(f, "same {row}"),
            RowMap::Table(table) => write!(f, "table of {}", table.len()),
        }
    }
}

impl RowMap {
    pub(super) const IDENTITY: RowMap = RowMap::From(0);

    pub(super) fn new(table: Vec<u32>) -> RowMap {
        match table.split_first() {
            None => RowMap::IDENTITY,
            Some((first, rest)) if rest.iter().all(|row| row == first) && !rest.is_empty() => {
                RowMap::Same(*first as usize)
            }
            Some((first, _)) if (*first..).zip(&table).all(|(i, j)| i == *j) => {
                RowMap::From(*first as usize)
            }
            Some(_) => RowMap::Table(table.into()),
        }
    }

    /// The row of the stored value that is row `i`.
    pub(super) fn row(&self, i: usize) -> usize {
        match self {
            RowMap::From(start) => start + i,
            RowMap::Same(row) => *row,
            RowMap::Table(table) => table[i] as usize,
        }
    }

    /// This map of `rows` rows, followed by another.
    pub(super) fn then(&self, next: &RowMap, rows: usize) -> RowMap {
        match (self, next) {
            (RowMap::From(start), RowMap::From(next)) => RowMap::From(start + next),
            (RowMap::Same(row), next) => RowMap::Same(next.row(*row)),
            (_, RowMap::Same(row)) => RowMap::Same(*row),
            _ => RowMap::new((0..rows).map(|i| next.row(self.row(i)) as u32).collect()),
        }
    }
}

/// Where the rows of a value are found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Access {
    /// A node that is computed, and is not itself a mere move of elements.
    pub(super) base: NodeId,
    pub(super) rows: RowMap,
}

/// Rows of a value of shape `from` that make its broadcast to shape `to`.
pub(super) fn broadcast_rows(from: &[usize], to: &[usize]) -> RowMap {
    if from.iter().product::<usize>() == to.iter().product::<usize>() {
        return RowMap::IDENTITY;
    }
    if from.iter().product::<usize>() == 1 {
        return RowMap::Same(0);
    }
    let mut table = Vec::with_capacity(to.iter().product());
    for_each_broadcast_offset(from, to, |offset| table.push(offset as u32));
    RowMap::new(table)
}

/// The argument's rows that a node consists of, when the node only moves elements.
fn moved_rows(graph: &Graph, node: NodeId) -> Option<(NodeId, RowMap)> {
    let shape = &graph.node(node).shape;
    Some(match &graph.node(node).op {
        Op::Reshape(x) | Op::Spread(x) => (*x, RowMap::IDENTITY),
        Op::Broadcast(x) => (*x, broadcast_rows(&graph.node(*x).shape, shape)),
        Op::Slice {
            x, axis: 0, start, ..
        } => {
            let row: usize = shape[1..].iter().product();
            (*x, RowMap::From(start * row))
        }
        Op::Slice {
            x,
            axis,
            start,
            len,
        } => (
            *x,
            by_position(graph, *x, |p| fold::slice(p, *axis, *start, *len)),
        ),
        Op::Gather(x, index) => (*x, by_position(graph, *x, |p| fold::gather(p, index))),
        Op::Permute(x, axes) => (*x, by_position(graph, *x, |p| fold::permute(p, axes))),
        _ => return None,
    })
}

/// Moves the positions of the elements as the elements would be.
fn by_position(graph: &Graph, x: NodeId, moved: impl Fn(&Array) -> Array) -> RowMap {
    let shape = &graph.node(x).shape;
    let positions = (0..shape.iter().product::<usize>())
        .map(|i| i as f64)
        .collect();
    RowMap::new(
        moved(&Array::new(shape, positions))
            .data()
            .iter()
            .map(|i| *i as u32)
            .collect(),
    )
}

/// Where each live node's rows are found.
pub(super) fn accesses(graph: &Graph, live: &[bool]) -> Vec<Option<Access>> {
    let mut accesses: Vec<Option<Access>> = Vec::with_capacity(live.len());
    for (index, live) in live.iter().enumerate() {
        let node = NodeId(index as u32);
        let access = live.then(|| match moved_rows(graph, node) {
            None => Access {
                base: node,
                rows: RowMap::IDENTITY,
            },
            Some((x, rows)) => {
                let inner = accesses[x.index()]
                    .as_ref()
                    .expect("a live node's argument is live");
                let count: usize = graph.node(node).shape.iter().product();
                Access {
                    base: inner.base,
                    rows: rows.then(&inner.rows, count),
                }
            }
        });
        accesses.push(access);
    }
    accesses
}

/// For each row of a value of this shape, the row of its sum along `axis` that it is added to.
pub(super) fn sum_rows(shape: &[usize], axis: usize) -> RowMap {
    let inner: usize = shape[axis + 1..].iter().product();
    let outer: usize = shape[..axis].iter().product();
    if inner == 1 && outer == 1 {
        return RowMap::Same(0);
    }
    let size = shape[axis];
    let row = |i: usize| (i / (size * inner)) * inner + i % inner;
    RowMap::new((0..outer * size * inner).map(|i| row(i) as u32).collect())
}

/// For each row of a value, the row of its segment sum that it is added to.
pub(super) fn segment_rows(shape: &[usize], index: &[u32]) -> RowMap {
    let inner: usize = shape[1..].iter().product();
    RowMap::new(
        index
            .iter()
            .flat_map(|to| (0..inner).map(move |i| *to * inner as u32 + i as u32))
            .collect(),
    )
}

/// Elements of one draw.
pub(super) fn count(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// A list of a few things.
pub(super) type Few<T> = SmallVec<[T; 3]>;
