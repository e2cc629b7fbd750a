use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

use crate::{Array, Op, Shape};

/// A node of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// The position of the node in [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The number of an input, in the order in which inputs were declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InputId(pub(crate) u32);

impl InputId {
    /// The position of the input among the program's arguments.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The call in the source (a density, a built-in function, an operator) that a node was made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// What a node computes, and of which shape.
#[derive(Clone, Debug)]
pub struct Node {
    /// The operation and its arguments.
    pub op: Op,
    /// The axes of one draw.
    pub shape: Shape,
    /// Whether each draw has its own value; otherwise one value serves all.
    pub batched: bool,
    /// The call in the source that asked for it.
    pub source: SourceId,
}

/// A value while a graph is built: data on the host, or a node.
#[derive(Clone, Debug)]
pub enum Expr {
    /// Known now.
    Data(Array),
    /// Known when the program runs.
    Node(NodeId),
}

impl Expr {
    /// Data of no axes.
    pub fn scalar(value: f64) -> Self {
        Expr::Data(Array::scalar(value))
    }

    /// The data, when the value is known.
    pub fn as_data(&self) -> Option<&Array> {
        match self {
            Expr::Data(array) => Some(array),
            Expr::Node(_) => None,
        }
    }

    /// The node, when the value is not known yet.
    pub fn as_node(&self) -> Option<NodeId> {
        match self {
            Expr::Data(_) => None,
            Expr::Node(node) => Some(*node),
        }
    }
}

impl From<f64> for Expr {
    fn from(value: f64) -> Self {
        Expr::scalar(value)
    }
}

impl From<Array> for Expr {
    fn from(array: Array) -> Self {
        Expr::Data(array)
    }
}

impl From<NodeId> for Expr {
    fn from(node: NodeId) -> Self {
        Expr::Node(node)
    }
}

/// A straight-line tensor program under construction: nodes in an order in which they can be computed.
///
/// Invariant: a node's arguments come before it. Equal operations on equal arguments are one node.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    input_lengths: Vec<usize>,
    input_batched: Vec<bool>,
    known: FxHashMap<u64, Vec<NodeId>>,
    source: SourceId,
}

impl Graph {
    /// A graph with no nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every node; arguments before what uses them.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The lengths of the inputs, in order of declaration.
    pub fn input_lengths(&self) -> &[usize] {
        &self.input_lengths
    }

    /// Length of each input, and whether it is batched, in order of declaration.
    pub fn inputs(&self) -> impl Iterator<Item = (usize, bool)> {
        self.input_lengths
            .iter()
            .copied()
            .zip(self.input_batched.iter().copied())
    }

    /// Declares the next input: a vector of `length` numbers, one for each draw if `batched`, else one for all.
    pub fn input(&mut self, length: usize, batched: bool) -> Expr {
        let input = InputId(self.input_lengths.len() as u32);
        self.input_lengths.push(length);
        self.input_batched.push(batched);
        Expr::Node(self.push(Op::Input(input), Shape::from_slice(&[length]), batched))
    }

    /// The axes of a value.
    pub fn shape(&self, value: &Expr) -> Shape {
        match value {
            Expr::Data(array) => Shape::from_slice(array.shape()),
            Expr::Node(node) => self.node(*node).shape.clone(),
        }
    }

    /// Whether a value differs from draw to draw.
    pub fn is_batched(&self, value: &Expr) -> bool {
        value.as_node().is_some_and(|node| self.node(node).batched)
    }

    /// Nodes made from now on belong to this call of the source.
    pub fn set_source(&mut self, source: SourceId) {
        self.source = source;
    }

    /// The call of the source that nodes are now made for.
    pub fn source(&self) -> SourceId {
        self.source
    }

    /// The value of a node: its data, where that is known.
    pub fn value(&self, node: NodeId) -> Expr {
        match &self.node(node).op {
            Op::Const(array) => Expr::Data(array.clone()),
            _ => Expr::Node(node),
        }
    }

    /// The node of a value; data becomes a constant node.
    pub fn node_of(&mut self, value: &Expr) -> NodeId {
        match value {
            Expr::Node(node) => *node,
            Expr::Data(array) => self.push(
                Op::Const(array.clone()),
                Shape::from_slice(array.shape()),
                false,
            ),
        }
    }

    /// Which nodes the given outputs need.
    pub fn live(&self, outputs: &[NodeId]) -> Vec<bool> {
        let mut live = vec![false; self.nodes.len()];
        for output in outputs {
            live[output.index()] = true;
        }
        for index in (0..self.nodes.len()).rev() {
            if live[index] {
                self.nodes[index]
                    .op
                    .for_each_argument(|argument| live[argument.index()] = true);
            }
        }
        live
    }

    /// Puts another operation of the same value in a node's place; only where nothing is built from the graph any more.
    pub(crate) fn replace(&mut self, node: NodeId, op: Op) {
        self.nodes[node.index()].op = op;
    }

    /// Adds a node unless an equal one exists; no simplification.
    pub(crate) fn push(&mut self, op: Op, shape: Shape, batched: bool) -> NodeId {
        let hash = hash_of(&op, &shape);
        if let Some(candidates) = self.known.get(&hash) {
            for candidate in candidates {
                let node = &self.nodes[candidate.index()];
                if node.shape == shape && same_op(&node.op, &op) {
                    return *candidate;
                }
            }
        }
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node {
            op,
            shape,
            batched,
            source: self.source,
        });
        self.known.entry(hash).or_default().push(id);
        id
    }
}

/// Equality to the bit, so that NaN equals itself and 0 differs from -0.
pub(crate) fn same_op(a: &Op, b: &Op) -> bool {
    match (a, b) {
        (Op::Const(x), Op::Const(y)) => {
            x.shape() == y.shape()
                && x.data()
                    .iter()
                    .zip(y.data())
                    .all(|(x, y)| x.to_bits() == y.to_bits())
        }
        _ => a == b,
    }
}

fn hash_of(op: &Op, shape: &Shape) -> u64 {
    let mut hasher = FxHasher::default();
    std::mem::discriminant(op).hash(&mut hasher);
    shape.hash(&mut hasher);
    op.for_each_argument(|argument| argument.hash(&mut hasher));
    match op {
        Op::Const(array) => array
            .data()
            .iter()
            .for_each(|x| x.to_bits().hash(&mut hasher)),
        Op::Input(input) => input.hash(&mut hasher),
        Op::Unary(kind, _) => kind.hash(&mut hasher),
        Op::Binary(kind, _, _) => kind.hash(&mut hasher),
        Op::Matrix(kind, _) => kind.hash(&mut hasher),
        Op::LinearSolve { system, .. } => system.hash(&mut hasher),
        Op::Permute(_, axes) => axes.hash(&mut hasher),
        Op::Gather(_, index) | Op::SegmentSum { index, .. } => index.hash(&mut hasher),
        Op::Concat(_, axis) | Op::Sum(_, axis) | Op::Max(_, axis) | Op::LogSumExp(_, axis) => {
            axis.hash(&mut hasher)
        }
        Op::Slice {
            axis, start, len, ..
        } => (axis, start, len).hash(&mut hasher),
        Op::Mass(mass, _) => mass.hash(&mut hasher),
        Op::CumulativeSum { axis, reverse, .. } => (axis, reverse).hash(&mut hasher),
        Op::Solve { sensitivities, .. } => sensitivities.hash(&mut hasher),
        Op::ApplyPullback { wanted, .. } => wanted.hash(&mut hasher),
        Op::Select { .. }
        | Op::Reshape(_)
        | Op::Broadcast(_)
        | Op::Matmul(..)
        | Op::Apply { .. }
        | Op::SumDraws(_)
        | Op::Spread(_) => {}
    }
    hasher.finish()
}
