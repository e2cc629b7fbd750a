//! From a graph to steps: which nodes are computed together, in which order, and which values reach memory.
//!
//! Elementwise nodes over as many rows, at the same depth, make one kernel. The depth of a node is the number of steps
//! that must have ended before it; two nodes of equal depth cannot wait for each other, so any of them may share a kernel.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::merge::merge;
use super::rows::{Access, Few, RowMap, accesses, broadcast_rows, count, segment_rows, sum_rows};
use crate::{Array, Graph, NodeId, Op, Shape, broadcast_shape};

/// The number of a value: a node that is computed, or a rearranged copy of one.
pub(super) type ValueId = usize;

/// A stored or passing value.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) rows: usize,
    pub(super) batched: bool,
    /// Even stages hold what is the same for all draws, odd ones what is not; a sum over draws ends an odd stage.
    pub(super) stage: usize,
    pub(super) depth: usize,
    /// Computed in a kernel, row by row.
    pub(super) elementwise: bool,
    /// Read by another step, so it must be in memory.
    pub(super) stored: bool,
    /// Lies within another value, from this row on.
    pub(super) within: Option<(ValueId, usize)>,
    pub(super) constant: Option<Array>,
}

/// Rows of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Read {
    pub(super) value: ValueId,
    pub(super) rows: RowMap,
}

/// What a kernel computes.
#[derive(Clone, Debug)]
pub(super) enum Member {
    Elementwise {
        node: NodeId,
        arguments: Few<Read>,
    },
    Sum {
        value: ValueId,
        x: Read,
        rows: RowMap,
    },
    /// A known matrix, a row for each of the kernel's, times a vector in memory.
    Product {
        value: ValueId,
        matrix: Arc<Matrix>,
        y: ValueId,
        y_start: usize,
    },
    /// The transpose of such a matrix times a vector that the kernel computes.
    SumProduct {
        value: ValueId,
        matrix: Arc<Matrix>,
        x: Read,
    },
}

/// A known matrix of `[rows, columns]`, in both orders.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Matrix {
    pub(super) columns: usize,
    pub(super) by_row: Vec<f64>,
    pub(super) by_column: Vec<f64>,
}

impl Member {
    /// What it computes.
    pub(super) fn value(&self) -> ValueId {
        match self {
            Member::Elementwise { node, .. } => node.index(),
            Member::Sum { value, .. }
            | Member::Product { value, .. }
            | Member::SumProduct { value, .. } => *value,
        }
    }

    /// Whether its value is complete only when the kernel has ended.
    pub(super) fn is_sum(&self) -> bool {
        matches!(self, Member::Sum { .. } | Member::SumProduct { .. })
    }

    /// What it reads row by row.
    pub(super) fn row_reads(&self) -> &[Read] {
        match self {
            Member::Elementwise { arguments, .. } => arguments,
            Member::Sum { x, .. } | Member::SumProduct { x, .. } => std::slice::from_ref(x),
            Member::Product { .. } => &[],
        }
    }

    /// Calls `visit` with all that it reads, and whether it reads it row by row.
    pub(super) fn for_each_read(&self, visit: &mut impl FnMut(&Read, bool)) {
        self.row_reads().iter().for_each(|read| visit(read, true));
        if let Member::Product { y, y_start, .. } = self {
            visit(
                &Read {
                    value: *y,
                    rows: RowMap::From(*y_start),
                },
                false,
            );
        }
    }
}

/// One reduction along an axis, which is the middle one of three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Along {
    Max,
    LogSumExp,
    CumulativeSum { reverse: bool },
}

/// A product of matrices: for each pair of blocks, `[m, k]` by `[k, n]`.
#[derive(Clone, Debug)]
pub(super) struct Product {
    pub(super) m: usize,
    pub(super) k: usize,
    pub(super) n: usize,
    /// First rows of the blocks of the two factors, for each block of the result.
    pub(super) blocks: Vec<(usize, usize)>,
}

/// A step, with values where the finished program has places.
#[derive(Clone, Debug)]
pub(super) enum Task {
    Input {
        input: usize,
        to: ValueId,
    },
    Kernel {
        rows: usize,
        batched: bool,
        members: Vec<Member>,
    },
    Copy {
        from: Read,
        to: ValueId,
        rows: RowMap,
        count: usize,
    },
    /// The second factor is transposed where `y_transposed`.
    Matmul {
        x: ValueId,
        x_start: usize,
        y: ValueId,
        y_start: usize,
        to: ValueId,
        product: Product,
        y_transposed: bool,
    },
    Along {
        kind: Along,
        x: ValueId,
        start: usize,
        to: ValueId,
        outer: usize,
        size: usize,
        inner: usize,
    },
    SumDraws {
        x: ValueId,
        start: usize,
        to: ValueId,
        count: usize,
    },
}

#[derive(Clone, Debug)]
pub(super) struct PlannedStep {
    pub(super) stage: usize,
    pub(super) depth: usize,
    pub(super) task: Task,
    pub(super) reads: Vec<ValueId>,
    pub(super) writes: Vec<ValueId>,
}

/// An output of the program.
#[derive(Clone, Debug)]
pub(super) struct OutputRead {
    pub(super) read: Read,
    pub(super) count: usize,
    pub(super) batched: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) values: Vec<Value>,
    pub(super) steps: Vec<PlannedStep>,
    pub(super) outputs: Vec<OutputRead>,
}

/// Columns of a matrix, at most, that a kernel multiplies with: the vector must stay in the cache beside the tiles.
const WIDEST: usize = 64;

/// What decides which kernel a node belongs to.
type KernelKey = (usize, usize, usize);

struct Planner<'g> {
    graph: &'g Graph,
    accesses: Vec<Option<Access>>,
    values: Vec<Value>,
    steps: Vec<PlannedStep>,
    kernels: FxHashMap<KernelKey, Vec<Member>>,
    copies: FxHashMap<ValueId, Vec<(RowMap, bool, ValueId)>>,
    levels: Vec<usize>,
}

pub(super) fn plan(graph: &Graph, outputs: &[NodeId]) -> Plan {
    let live = graph.live(outputs);
    let accesses = accesses(graph, &live);
    let mut planner = Planner {
        graph,
        accesses,
        values: Vec::new(),
        steps: Vec::new(),
        kernels: FxHashMap::default(),
        copies: FxHashMap::default(),
        levels: levels(graph, &live),
    };
    planner.declare_values(&live);
    for (index, live) in live.iter().enumerate() {
        let node = NodeId(index as u32);
        if *live && planner.base(node).value == index {
            planner.visit(node);
        }
    }
    planner.finish(outputs)
}

/// Sums over draws that must have ended before each node.
fn levels(graph: &Graph, live: &[bool]) -> Vec<usize> {
    let mut levels = vec![0; live.len()];
    for (index, node) in graph.nodes().iter().enumerate().take(live.len()) {
        let ends = usize::from(matches!(node.op, Op::SumDraws(_)));
        node.op.for_each_argument(|argument| {
            levels[index] = levels[index].max(levels[argument.index()] + ends)
        });
    }
    levels
}

impl Planner<'_> {
    fn declare_values(&mut self, live: &[bool]) {
        for (index, node) in self.graph.nodes().iter().enumerate().take(live.len()) {
            let constant = match &node.op {
                Op::Const(array) if live[index] => Some(array.clone()),
                _ => None,
            };
            self.values.push(Value {
                rows: count(&node.shape),
                batched: node.batched,
                stage: 2 * self.levels[index] + usize::from(node.batched),
                depth: 0,
                elementwise: matches!(node.op, Op::Unary(..) | Op::Binary(..) | Op::Select { .. }),
                stored: false,
                within: None,
                constant,
            });
        }
    }

    fn base(&self, node: NodeId) -> Read {
        let access = self.accesses[node.index()].as_ref().expect("live");
        Read {
            value: access.base.index(),
            rows: access.rows.clone(),
        }
    }

    /// The rows of an argument, repeated to a shape.
    fn repeated(&self, argument: NodeId, shape: &Shape) -> Read {
        let read = self.base(argument);
        let repeat = broadcast_rows(&self.graph.node(argument).shape, shape);
        Read {
            rows: repeat.then(&read.rows, count(shape)),
            value: read.value,
        }
    }

    fn visit(&mut self, node: NodeId) {
        let shape = self.graph.node(node).shape.clone();
        match self.graph.node(node).op.clone() {
            Op::Const(_) => {}
            Op::Input(input) => {
                let to = node.index();
                self.values[to].stored = true;
                self.step(
                    to,
                    0,
                    Task::Input {
                        input: input.index(),
                        to,
                    },
                    &[],
                );
            }
            Op::Unary(_, x) => self.elementwise(node, &[x]),
            Op::Binary(_, x, y) => self.elementwise(node, &[x, y]),
            Op::Select {
                condition,
                if_true,
                if_false,
            } => self.elementwise(node, &[condition, if_true, if_false]),
            Op::Sum(x, axis) => {
                let rows = sum_rows(&self.graph.node(x).shape, axis);
                self.row_sum(node, x, rows);
            }
            Op::SegmentSum { x, index, .. } => {
                let rows = segment_rows(&self.graph.node(x).shape, &index);
                self.row_sum(node, x, rows);
            }
            Op::Concat(parts, axis) => self.concat(node, &parts, axis),
            Op::Max(x, axis) => self.along(node, Along::Max, x, axis),
            Op::LogSumExp(x, axis) => self.along(node, Along::LogSumExp, x, axis),
            Op::CumulativeSum { x, axis, reverse } => {
                self.along(node, Along::CumulativeSum { reverse }, x, axis)
            }
            Op::Matmul(x, y) => self.matmul(node, x, y, &shape),
            Op::SumDraws(x) => self.sum_draws(node, x),
            Op::Reshape(_)
            | Op::Spread(_)
            | Op::Broadcast(_)
            | Op::Slice { .. }
            | Op::Gather(..)
            | Op::Permute(..) => {
                unreachable!("moves of elements are read where they are used")
            }
        }
    }

    /// The depth of a kernel that reads these.
    fn kernel_depth(&self, reads: &[Read], stage: usize, rows: usize) -> usize {
        let depth = |read: &Read| {
            let value = &self.values[read.value];
            let same = value.elementwise
                && value.stage == stage
                && value.rows == rows
                && read.rows == RowMap::IDENTITY;
            if same { value.depth } else { value.depth + 1 }
        };
        reads.iter().map(depth).max().unwrap_or(1)
    }

    fn elementwise(&mut self, node: NodeId, arguments: &[NodeId]) {
        let shape = self.graph.node(node).shape.clone();
        let arguments: Few<Read> = arguments
            .iter()
            .map(|argument| self.repeated(*argument, &shape))
            .collect();
        let (stage, rows) = (
            self.values[node.index()].stage,
            self.values[node.index()].rows,
        );
        let depth = self.kernel_depth(&arguments, stage, rows);
        self.values[node.index()].depth = depth;
        self.kernels
            .entry((stage, depth, rows))
            .or_default()
            .push(Member::Elementwise { node, arguments });
    }

    fn row_sum(&mut self, node: NodeId, x: NodeId, to: RowMap) {
        let read = self.base(x);
        let rows = count(&self.graph.node(x).shape);
        let stage = self.values[node.index()].stage;
        let depth = self.kernel_depth(std::slice::from_ref(&read), stage, rows);
        let value = &mut self.values[node.index()];
        (value.depth, value.stored) = (depth, true);
        let member = Member::Sum {
            value: node.index(),
            x: read,
            rows: to,
        };
        self.kernels
            .entry((stage, depth, rows))
            .or_default()
            .push(member);
    }

    /// A step of its own, which computes a value.
    fn step(&mut self, to: ValueId, depth: usize, task: Task, reads: &[ValueId]) {
        for read in reads {
            self.values[*read].stored = true;
        }
        let value = &mut self.values[to];
        value.stored = true;
        value.depth = value.depth.max(depth);
        let stage = value.stage;
        self.steps.push(PlannedStep {
            stage,
            depth,
            task,
            reads: reads.to_vec(),
            writes: vec![to],
        });
    }

    /// The value, and its first row, that holds the rows of a read one after another; a copy of them if need be.
    fn dense(&mut self, read: &Read, rows: usize, batched: bool, stage: usize) -> (ValueId, usize) {
        let value = &self.values[read.value];
        if let RowMap::From(start) = read.rows
            && value.batched == batched
        {
            return (read.value, start);
        }
        if let Some(array) = &value.constant
            && !batched
        {
            let moved = (0..rows).map(|i| array.data()[read.rows.row(i)]).collect();
            let copy = Value {
                rows,
                depth: 0,
                constant: Some(Array::vector(moved)),
                ..value.clone()
            };
            self.values.push(copy);
            return (self.values.len() - 1, 0);
        }
        if let Some((.., copy)) = self.copies.get(&read.value).and_then(|copies| {
            copies.iter().find(|(map, is_batched, copy)| {
                *map == read.rows && *is_batched == batched && self.values[*copy].stage <= stage
            })
        }) {
            return (*copy, 0);
        }
        let depth = value.depth + 1;
        let to = self.values.len();
        self.values.push(Value {
            rows,
            batched,
            stage,
            depth,
            elementwise: false,
            stored: true,
            within: None,
            constant: None,
        });
        let task = Task::Copy {
            from: read.clone(),
            to,
            rows: RowMap::IDENTITY,
            count: rows,
        };
        self.step(to, depth, task, &[read.value]);
        self.copies
            .entry(read.value)
            .or_default()
            .push((read.rows.clone(), batched, to));
        (to, 0)
    }

    fn concat(&mut self, node: NodeId, parts: &[NodeId], axis: usize) {
        let to = node.index();
        let shape = self.graph.node(node).shape.clone();
        let outer = count(&shape[..axis]);
        let row = count(&shape[axis..]);
        let mut start = 0;
        let mut depth = 0;
        for part in parts {
            let part_shape = self.graph.node(*part).shape.clone();
            let rows = count(&part_shape);
            let block = count(&part_shape[axis..]);
            let read = self.base(*part);
            let value = &self.values[read.value];
            let whole = read.rows == RowMap::IDENTITY && value.rows == rows && outer == 1;
            let placeable = value.constant.is_none() && value.within.is_none() && read.value != to;
            if whole && placeable && value.stage == self.values[to].stage {
                depth = depth.max(value.depth);
                let value = &mut self.values[read.value];
                (value.within, value.stored) = (Some((to, start)), true);
            } else {
                let at = value.depth + 1;
                depth = depth.max(at);
                let map = if outer == 1 {
                    RowMap::From(start)
                } else {
                    RowMap::new(
                        (0..rows)
                            .map(|i| (i / block * row + start + i % block) as u32)
                            .collect(),
                    )
                };
                let task = Task::Copy {
                    from: read.clone(),
                    to,
                    rows: map,
                    count: rows,
                };
                self.step(to, at, task, &[read.value]);
            }
            start += block;
        }
        let value = &mut self.values[to];
        (value.depth, value.stored) = (depth, true);
    }

    fn along(&mut self, node: NodeId, kind: Along, x: NodeId, axis: usize) {
        let to = node.index();
        let shape = self.graph.node(x).shape.clone();
        let Value { batched, stage, .. } = self.values[to];
        let read = self.base(x);
        let (x, start) = self.dense(&read, count(&shape), batched, stage);
        let (outer, size, inner) = (
            count(&shape[..axis]),
            shape[axis],
            count(&shape[axis + 1..]),
        );
        let depth = self.values[x].depth + 1;
        self.step(
            to,
            depth,
            Task::Along {
                kind,
                x,
                start,
                to,
                outer,
                size,
                inner,
            },
            &[x],
        );
    }

    fn matmul(&mut self, node: NodeId, x: NodeId, y: NodeId, shape: &Shape) {
        let to = node.index();
        if self.product_in_kernel(to, x, y) {
            return;
        }
        let (xs, ys) = (
            self.graph.node(x).shape.clone(),
            self.graph.node(y).shape.clone(),
        );
        let (m, k, n) = (xs[xs.len() - 2], xs[xs.len() - 1], ys[ys.len() - 1]);
        let (x_lead, y_lead) = (&xs[..xs.len() - 2], &ys[..ys.len() - 2]);
        let lead = &shape[..shape.len() - 2];
        debug_assert_eq!(broadcast_shape(x_lead, y_lead).as_deref(), Some(lead));
        let blocks = count(lead);
        let (x_blocks, y_blocks) = (broadcast_rows(x_lead, lead), broadcast_rows(y_lead, lead));
        let blocks = (0..blocks)
            .map(|i| (x_blocks.row(i) * m * k, y_blocks.row(i) * k * n))
            .collect();
        let product = Product { m, k, n, blocks };
        let Value { batched, stage, .. } = self.values[to];
        let (x_read, mut y_read) = (self.base(x), self.base(y));
        let mut x_batched = batched && self.values[x_read.value].batched;
        let y_batched = batched && self.values[y_read.value].batched;
        if batched && !x_batched && !y_batched {
            x_batched = true;
        }
        // With a draw for each row of x and none in y, the loop over draws is innermost only with y transposed.
        let y_transposed = x_batched && !y_batched;
        if y_transposed {
            let position = |i: usize| (i / (k * n)) * k * n + (i % k) * n + (i / k) % n;
            let transposed = RowMap::new((0..count(&ys)).map(|i| position(i) as u32).collect());
            y_read.rows = transposed.then(&y_read.rows, count(&ys));
        }
        let (x, x_start) = self.dense(&x_read, count(&xs), x_batched, stage);
        let (y, y_start) = self.dense(&y_read, count(&ys), y_batched, stage);
        let depth = self.values[x].depth.max(self.values[y].depth) + 1;
        self.step(
            to,
            depth,
            Task::Matmul {
                x,
                x_start,
                y,
                y_start,
                to,
                product,
                y_transposed,
            },
            &[x, y],
        );
    }

    /// Makes a product of a known matrix with one vector for each draw a part of the kernel over the longer axis.
    fn product_in_kernel(&mut self, to: ValueId, x: NodeId, y: NodeId) -> bool {
        let (xs, ys) = (
            self.graph.node(x).shape.clone(),
            self.graph.node(y).shape.clone(),
        );
        let ([m, k], [_, 1]) = (xs.as_slice(), ys.as_slice()) else {
            return false;
        };
        let (x_read, y_read) = (self.base(x), self.base(y));
        let Some(array) = &self.values[x_read.value].constant else {
            return false;
        };
        let Value { batched, stage, .. } = self.values[to];
        if !batched || !self.values[y_read.value].batched || (*m).min(*k) > WIDEST {
            return false;
        }
        let data: Vec<f64> = (0..m * k)
            .map(|i| array.data()[x_read.rows.row(i)])
            .collect();
        let turned = (0..m * k).map(|i| data[i % m * k + i / m]).collect();
        let stored_sum = self.values[y_read.value].elementwise && y_read.rows == RowMap::IDENTITY;
        if k > m && stored_sum && self.values[y_read.value].rows == *k {
            let depth = self.kernel_depth(std::slice::from_ref(&y_read), stage, *k);
            let matrix = Arc::new(Matrix {
                columns: *m,
                by_row: turned,
                by_column: data,
            });
            let value = &mut self.values[to];
            (value.depth, value.stored) = (depth, true);
            let member = Member::SumProduct {
                value: to,
                matrix,
                x: y_read,
            };
            self.kernels
                .entry((stage, depth, *k))
                .or_default()
                .push(member);
            return true;
        }
        if k > m {
            return false;
        }
        let (y, y_start) = self.dense(&y_read, *k, true, stage);
        self.values[y].stored = true;
        let depth = self.values[y].depth + 1;
        let matrix = Arc::new(Matrix {
            columns: *k,
            by_row: data,
            by_column: turned,
        });
        let value = &mut self.values[to];
        (value.depth, value.elementwise) = (depth, true);
        self.kernels
            .entry((stage, depth, *m))
            .or_default()
            .push(Member::Product {
                value: to,
                matrix,
                y,
                y_start,
            });
        true
    }

    fn sum_draws(&mut self, node: NodeId, x: NodeId) {
        let to = node.index();
        let stage = self.values[to].stage - 1;
        let rows = self.values[to].rows;
        let read = self.base(x);
        let batched = self.values[read.value].batched;
        let copy_stage = if batched {
            stage
        } else {
            self.values[read.value].stage
        };
        let (x, start) = self.dense(&read, rows, batched, copy_stage);
        let depth = self.values[x].depth + 1;
        self.step(
            to,
            depth,
            Task::SumDraws {
                x,
                start,
                to,
                count: rows,
            },
            &[x],
        );
        if let Some(step) = self.steps.last_mut() {
            step.stage = stage;
        }
    }

    fn finish(mut self, outputs: &[NodeId]) -> Plan {
        let outputs: Vec<OutputRead> = outputs
            .iter()
            .map(|output| {
                let node = self.graph.node(*output);
                OutputRead {
                    read: self.base(*output),
                    count: count(&node.shape),
                    batched: node.batched,
                }
            })
            .collect();
        let mut keys: Vec<KernelKey> = self.kernels.keys().copied().collect();
        keys.sort_unstable();
        for key in keys {
            let members = self.kernels.remove(&key).unwrap_or_default();
            let (stage, depth, rows) = key;
            let task = Task::Kernel {
                rows,
                batched: stage % 2 == 1,
                members,
            };
            self.steps.push(PlannedStep {
                stage,
                depth,
                task,
                reads: Vec::new(),
                writes: Vec::new(),
            });
        }
        let steps = merge(&mut self.values, self.steps, &outputs);
        Plan {
            values: self.values,
            steps,
            outputs,
        }
    }
}
