//! From a graph to steps: which nodes are computed together, in which order, and which values reach memory.
//!
//! Elementwise nodes over as many rows, at the same depth, make one kernel. The depth of a node is the number of steps
//! that must have ended before it; two nodes of equal depth cannot wait for each other, so any of them may share a kernel.

use rustc_hash::FxHashMap;

use super::merge::merge;
use super::plan::{Along, Member, OutputRead, Plan, PlannedStep, Read, Task, Value, ValueId};
use super::rows::{Access, Few, RowMap, accesses, broadcast_rows, count, segment_rows, sum_rows};
use crate::{Graph, NodeId, Op, Shape};

/// What decides which kernel a node belongs to.
type KernelKey = (usize, usize, usize);

pub(super) struct Planner<'g> {
    pub(super) graph: &'g Graph,
    pub(super) accesses: Vec<Option<Access>>,
    pub(super) values: Vec<Value>,
    pub(super) steps: Vec<PlannedStep>,
    pub(super) kernels: FxHashMap<KernelKey, Vec<Member>>,
    pub(super) copies: FxHashMap<ValueId, Vec<(RowMap, bool, ValueId)>>,
    pub(super) levels: Vec<usize>,
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

    pub(super) fn base(&self, node: NodeId) -> Read {
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
            Op::Mass(mass, x) => self.along(node, Along::Mass(mass), x, 0),
            Op::CumulativeSum { x, axis, reverse } => {
                self.along(node, Along::CumulativeSum { reverse }, x, axis)
            }
            Op::Matmul(x, y) => self.matmul(node, x, y, &shape),
            Op::Matrix(kind, x) => self.matrix_function(node, kind, x),
            Op::LinearSolve {
                system,
                matrix,
                right,
            } => self.linear_solve(node, system, matrix, right),
            Op::SumDraws(x) => self.sum_draws(node, x),
            Op::Solve {
                problem,
                arguments,
                sensitivities,
            } => self.solve(node, problem, arguments, sensitivities),
            Op::Apply {
                function,
                arguments,
            } => self.function(node, function, None, &arguments),
            Op::ApplyPullback {
                function,
                arguments,
                wanted,
            } => self.function(node, function, Some(wanted), &arguments),
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
    pub(super) fn kernel_depth(&self, reads: &[Read], stage: usize, rows: usize) -> usize {
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
