//! The executor for any device that Burn reaches: one of Burn's operations, or a few, for each node.
//!
//! A value of shape `[a, b]` is a tensor `[a, b, draws]`, or `[a, b, 1]` where all draws share it. Constants and positions
//! are brought to the device once. A tensor is given up at its last use, so that Burn can work in place.

mod algebra;
mod function;
mod linear;
mod operations;
mod segments;
mod solve;
mod special;
mod value;

use burn::backend::DispatchTensor;
use burn::tensor::{DType, Device, Tensor};

use crate::{Graph, NodeId, Op, Shape};

use segments::Segments;
use value::{Place, Value};

/// Numbers that the values alive at one time may be: beyond it, draws are worked on in blocks.
const BLOCK_NUMBERS: usize = 1 << 27;

/// What a node needs on the device beside its arguments.
#[derive(Clone, Debug)]
enum Held {
    Nothing,
    Constant(Value),
    Positions(DispatchTensor),
    Segments(Segments),
}

#[derive(Clone, Debug)]
struct Step {
    node: NodeId,
    op: Op,
    shape: Shape,
    batched: bool,
    held: Held,
    /// Values whose last use this is.
    last: Vec<NodeId>,
}

/// A program on a device.
#[derive(Debug)]
pub(crate) struct OnDevice {
    place: Place,
    steps: Vec<Step>,
    outputs: Vec<NodeId>,
    output_batched: Vec<bool>,
    nodes: usize,
    /// Draws worked on at once, at most.
    most_draws: usize,
}

impl OnDevice {
    pub(crate) fn new(
        graph: &Graph,
        outputs: &[NodeId],
        device: &Device,
        dtype: DType,
    ) -> OnDevice {
        let place = Place::new(device, dtype);
        let live = graph.live(outputs);
        let nodes = || {
            graph
                .nodes()
                .iter()
                .enumerate()
                .filter(|(index, _)| live[*index])
        };
        let mut last_use = vec![usize::MAX; graph.nodes().len()];
        for (index, node) in nodes() {
            node.op
                .for_each_argument(|argument| last_use[argument.index()] = index);
        }
        for output in outputs {
            last_use[output.index()] = usize::MAX;
        }
        let mut steps: Vec<Step> = Vec::new();
        let (mut alive, mut most_alive, mut sums_draws) = (0, 1, false);
        for (index, node) in nodes() {
            let mut last = Vec::new();
            node.op.for_each_argument(|argument| {
                if last_use[argument.index()] == index && !last.contains(&argument) {
                    last.push(argument);
                }
            });
            let held = match &node.op {
                Op::Const(array) => {
                    let dims: Vec<usize> = array.shape().iter().copied().chain([1]).collect();
                    Held::Constant(place.upload(array.data().to_vec(), &dims))
                }
                Op::Gather(_, index) => Held::Positions(place.positions(index)),
                Op::SegmentSum { index, rows, .. } => {
                    Held::Segments(Segments::new(index, *rows, &place))
                }
                _ => Held::Nothing,
            };
            sums_draws |= matches!(node.op, Op::SumDraws(_));
            let size = |node: NodeId| {
                let node = graph.node(node);
                if node.batched {
                    node.shape.iter().product::<usize>()
                } else {
                    0
                }
            };
            alive += size(NodeId(index as u32));
            most_alive = most_alive.max(alive);
            alive -= last.iter().map(|node| size(*node)).sum::<usize>();
            steps.push(Step {
                node: NodeId(index as u32),
                op: node.op.clone(),
                shape: node.shape.clone(),
                batched: node.batched,
                held,
                last,
            });
        }
        OnDevice {
            place,
            steps,
            outputs: outputs.to_vec(),
            output_batched: outputs
                .iter()
                .map(|output| graph.node(*output).batched)
                .collect(),
            nodes: graph.nodes().len(),
            most_draws: if sums_draws {
                usize::MAX
            } else {
                (BLOCK_NUMBERS / most_alive).max(1)
            },
        }
    }

    /// Inputs of `[draws, length]`, or `[1, length]`; so are the outputs.
    pub(crate) fn run(
        &self,
        inputs: &[Tensor<2>],
        batched: &[bool],
        draws: usize,
    ) -> Vec<Tensor<2>> {
        if draws <= self.most_draws {
            return self.run_block(inputs, draws);
        }
        let mut blocks: Vec<Vec<Tensor<2>>> = vec![Vec::new(); self.outputs.len()];
        for first in (0..draws).step_by(self.most_draws) {
            let count = self.most_draws.min(draws - first);
            let cut = |(input, batched): (&Tensor<2>, &bool)| match batched {
                true => input.clone().narrow(0, first, count),
                false => input.clone(),
            };
            let inputs: Vec<Tensor<2>> = inputs.iter().zip(batched).map(cut).collect();
            for (blocks, output) in blocks.iter_mut().zip(self.run_block(&inputs, count)) {
                blocks.push(output);
            }
        }
        blocks
            .into_iter()
            .zip(&self.output_batched)
            .map(|(mut blocks, batched)| {
                if *batched {
                    Tensor::cat(blocks, 0)
                } else {
                    blocks.remove(0)
                }
            })
            .collect()
    }

    fn run_block(&self, inputs: &[Tensor<2>], draws: usize) -> Vec<Tensor<2>> {
        let mut values: Vec<Option<Value>> = vec![None; self.nodes];
        for step in &self.steps {
            let value = self.execute(step, &mut values, inputs, draws);
            values[step.node.index()] = Some(value);
            // Not every kind of node takes its arguments away.
            for node in &step.last {
                values[node.index()] = None;
            }
        }
        let outputs = self.outputs.iter().zip(&self.output_batched);
        outputs
            .map(|(output, batched)| {
                let value = values[output.index()].clone().expect("an output is live");
                let length: usize = value.dims[..value.dims.len() - 1].iter().product();
                let own = value.dims.last().copied().unwrap_or(1);
                let value = value.reshape(&[length, own]).permute(&[1, 0]);
                let value = if *batched {
                    value.expand(&[draws, length])
                } else {
                    value
                };
                Tensor::from_dispatch(value.tensor)
            })
            .collect()
    }

    fn execute(
        &self,
        step: &Step,
        values: &mut [Option<Value>],
        inputs: &[Tensor<2>],
        draws: usize,
    ) -> Value {
        let mut get = |node: NodeId| {
            let value = &mut values[node.index()];
            let value = if step.last.contains(&node) {
                value.take()
            } else {
                value.clone()
            };
            value.expect("arguments come before what uses them")
        };
        let own_draws = if step.batched { draws } else { 1 };
        let dims = |draws: usize| {
            step.shape
                .iter()
                .copied()
                .chain([draws])
                .collect::<Vec<usize>>()
        };
        match (&step.op, &step.held) {
            (_, Held::Constant(value)) => value.clone(),
            (Op::Input(input), _) => {
                let tensor = inputs[input.index()].clone();
                let value = Value {
                    dims: tensor.dims().to_vec(),
                    tensor: tensor.into_dispatch(),
                };
                value.permute(&[1, 0])
            }
            (Op::Unary(kind, x), _) => operations::unary(*kind, get(*x), &self.place),
            (Op::Binary(kind, x, y), _) if x == y => {
                let x = get(*x);
                operations::binary(*kind, x.clone(), x, &self.place)
            }
            (Op::Binary(kind, x, y), _) => {
                let (x, y) = (get(*x), get(*y));
                operations::binary(*kind, x, y, &self.place)
            }
            (
                Op::Select {
                    condition,
                    if_true,
                    if_false,
                },
                _,
            ) => {
                // An argument may occur twice, and is given up only once.
                let clone =
                    |node: &NodeId| values[node.index()].clone().expect("arguments come first");
                let (condition, if_true, if_false) =
                    (clone(condition), clone(if_true), clone(if_false));
                condition.is(0.0).not().select(if_true, if_false)
            }
            (Op::Reshape(x), _) => {
                let x = get(*x);
                let draws = x.dims.last().copied().unwrap_or(1);
                x.reshape(&dims(draws))
            }
            (Op::Broadcast(x), _) => {
                let x = get(*x);
                let draws = x.dims.last().copied().unwrap_or(1);
                x.expand(&dims(draws))
            }
            (Op::Permute(x, axes), _) => {
                let axes: Vec<usize> = axes.iter().copied().chain([axes.len()]).collect();
                get(*x).permute(&axes)
            }
            (Op::Concat(parts, axis), _) => {
                let part = |part: &NodeId| {
                    let value = values[part.index()].clone().expect("arguments come first");
                    let mut dims = value.dims.clone();
                    if let Some(draws) = dims.last_mut() {
                        *draws = own_draws;
                    }
                    value.expand(&dims)
                };
                Value::join(parts.iter().map(part).collect(), *axis)
            }
            (
                Op::Slice {
                    x,
                    axis,
                    start,
                    len,
                },
                _,
            ) => get(*x).slice(*axis, *start, *len),
            (Op::Gather(x, index), Held::Positions(positions)) => {
                get(*x).rows(positions.clone(), index.len())
            }
            (Op::SegmentSum { x, .. }, Held::Segments(segments)) => {
                segments.sum(get(*x), &self.place)
            }
            (Op::Sum(x, axis), _) => reduced(get(*x).sum(*axis), *axis),
            (Op::Max(x, axis), _) => reduced(get(*x).largest(*axis), *axis),
            (Op::LogSumExp(x, axis), _) => {
                reduced(operations::log_sum_exp(get(*x), *axis, &self.place), *axis)
            }
            (Op::Mass(mass, x), _) => linear::mass(*mass, get(*x), &self.place),
            (Op::CumulativeSum { x, axis, reverse }, _) => get(*x).running_sum(*axis, *reverse),
            (Op::Matmul(x, y), _) if x == y => {
                let x = get(*x);
                operations::matmul(x.clone(), x)
            }
            (Op::Matmul(x, y), _) => {
                let (x, y) = (get(*x), get(*y));
                operations::matmul(x, y)
            }
            (Op::Matrix(kind, x), _) => linear::matrix_function(*kind, get(*x), &self.place),
            (
                Op::LinearSolve {
                    system,
                    matrix,
                    right,
                },
                _,
            ) => {
                // The two may be one value, which is given up only once.
                let clone =
                    |node: &NodeId| values[node.index()].clone().expect("arguments come first");
                linear::solve(*system, clone(matrix), clone(right), &self.place)
            }
            (Op::SumDraws(x), _) => {
                let x = get(*x);
                let axis = x.dims.len() - 1;
                let shared = x.dims[axis] == 1 && draws > 1;
                if shared {
                    x.times(draws as f64)
                } else {
                    x.sum(axis)
                }
            }
            (Op::Spread(x), _) => get(*x).expand(&dims(draws)),
            (
                Op::Solve {
                    problem,
                    arguments,
                    sensitivities,
                },
                _,
            ) => {
                let arguments = arguments.each_ref().map(|argument| {
                    values[argument.index()]
                        .clone()
                        .expect("arguments come first")
                });
                solve::solve(
                    problem,
                    arguments,
                    *sensitivities,
                    &dims(own_draws),
                    &self.place,
                )
            }
            (
                Op::Apply {
                    function,
                    arguments,
                },
                _,
            ) => {
                let [weights, inputs] = arguments.map(|node| get_clone(values, node));
                function::evaluate(function, None, (weights, inputs, None), &dims(own_draws))
            }
            (
                Op::ApplyPullback {
                    function,
                    arguments,
                    wanted,
                },
                _,
            ) => {
                let [weights, inputs, cotangent] = arguments.map(|node| get_clone(values, node));
                let arguments = (weights, inputs, Some(cotangent));
                function::evaluate(function, Some(*wanted), arguments, &dims(own_draws))
            }
            (Op::Const(_) | Op::Gather(..) | Op::SegmentSum { .. }, _) => {
                unreachable!("what these hold is made with the program")
            }
        }
    }
}

/// A value that is used again, or may be an argument more than once.
fn get_clone(values: &[Option<Value>], node: NodeId) -> Value {
    values[node.index()]
        .clone()
        .expect("arguments come before what uses them")
}

/// Without an axis of size one.
fn reduced(x: Value, axis: usize) -> Value {
    let mut dims = x.dims.clone();
    dims.remove(axis);
    x.reshape(&dims)
}
