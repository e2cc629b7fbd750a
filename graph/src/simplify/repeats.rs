//! Sums over rows, some of which are equal in all that is known: each different row once, times how often it occurs.

use rustc_hash::FxHashMap;

use crate::{Array, Expr, Graph, Index, NodeId, Op};

/// Rows that are left, for each hundred, at most: else it is not worth it.
const WORTHWHILE_PERCENT: usize = 70;

/// Where a row's value comes from.
enum Leaf {
    /// A row of a known matrix, times a vector.
    Product { matrix: Array, vector: NodeId },
    /// A known number.
    Known(Array),
    /// A row of a vector.
    Gathered { vector: NodeId, index: Index },
}

/// The sum of all elements of an elementwise function of rows, from the different rows.
pub(super) fn merge(graph: &mut Graph, total: &Expr) -> Option<Expr> {
    let node = total.as_node()?;
    let Op::Sum(x, _) = graph.node(node).op else {
        return None;
    };
    let shape = graph.node(node).shape.clone();
    if shape.iter().product::<usize>() != 1 || !graph.node(node).batched {
        return None;
    }
    let rows: usize = graph.node(x).shape.iter().product();
    let mut region = Region {
        rows,
        leaves: FxHashMap::default(),
        inner: Vec::new(),
    };
    region.explore(graph, x)?;
    let (kept, counts) = region.different_rows();
    if kept.len() * 100 > rows * WORTHWHILE_PERCENT {
        return None;
    }
    let values = region.build(graph, &kept, x);
    let counts = Array::vector(counts).into();
    let weighted = graph.mul(&values, &counts);
    let sum = graph.sum_all(&weighted);
    Some(graph.reshape(&sum, &shape))
}

/// Elementwise operations over the same rows, and what they begin with.
struct Region {
    rows: usize,
    leaves: FxHashMap<NodeId, Leaf>,
    /// In an order in which they can be computed.
    inner: Vec<NodeId>,
}

impl Region {
    /// Finds all that `x` is made of; nothing if some of it is not the same function of each row.
    fn explore(&mut self, graph: &Graph, x: NodeId) -> Option<()> {
        let mut seen = rustc_hash::FxHashSet::default();
        let mut open = vec![x];
        while let Some(node) = open.pop() {
            let size: usize = graph.node(node).shape.iter().product();
            if size == 1 || !seen.insert(node) {
                continue;
            }
            if size != self.rows {
                return None;
            }
            if let Some(leaf) = leaf(graph, node) {
                self.leaves.insert(node, leaf);
                continue;
            }
            match &graph.node(node).op {
                Op::Unary(..) | Op::Binary(..) | Op::Select { .. } | Op::Reshape(_) => {}
                Op::Broadcast(x) if graph.node(*x).shape.iter().product::<usize>() == 1 => {}
                _ => return None,
            }
            self.inner.push(node);
            graph
                .node(node)
                .op
                .for_each_argument(|argument| open.push(argument));
        }
        // Arguments have smaller numbers.
        self.inner.sort_unstable();
        Some(())
    }

    /// The first of each set of equal rows, and how many there are of each.
    fn different_rows(&self) -> (Vec<usize>, Vec<f64>) {
        let mut leaves: Vec<(&NodeId, &Leaf)> = self.leaves.iter().collect();
        leaves.sort_by_key(|(node, _)| **node);
        let mut numbers: FxHashMap<Vec<u64>, usize> = FxHashMap::default();
        let (mut kept, mut counts) = (Vec::new(), Vec::new());
        let mut key = Vec::new();
        for row in 0..self.rows {
            key.clear();
            for (_, leaf) in &leaves {
                match leaf {
                    Leaf::Known(array) => key.push(array.data()[row].to_bits()),
                    Leaf::Gathered { index, .. } => key.push(u64::from(index[row])),
                    Leaf::Product { matrix, .. } => {
                        let width = matrix.shape()[1];
                        key.extend(
                            matrix.data()[row * width..(row + 1) * width]
                                .iter()
                                .map(|x| x.to_bits()),
                        );
                    }
                }
            }
            match numbers.get(&key) {
                Some(number) => counts[*number] += 1.0,
                None => {
                    numbers.insert(key.clone(), kept.len());
                    kept.push(row);
                    counts.push(1.0);
                }
            }
        }
        (kept, counts)
    }

    /// The values of some of the rows.
    fn build(&self, graph: &mut Graph, kept: &[usize], x: NodeId) -> Expr {
        let count = kept.len();
        let mut now: FxHashMap<NodeId, Expr> = FxHashMap::default();
        for (node, leaf) in &self.leaves {
            let rows = match leaf {
                Leaf::Known(array) => {
                    Array::vector(kept.iter().map(|row| array.data()[*row]).collect()).into()
                }
                Leaf::Gathered { vector, index } => {
                    let index: Index = kept.iter().map(|row| index[*row]).collect();
                    let flat = graph.node(*vector).shape.iter().product();
                    let vector = graph.reshape(&(*vector).into(), &[flat]);
                    graph.gather(&vector, &index)
                }
                Leaf::Product { matrix, vector } => {
                    let width = matrix.shape()[1];
                    let rows = kept
                        .iter()
                        .flat_map(|row| &matrix.data()[row * width..(row + 1) * width]);
                    let matrix = Array::new([count, width], rows.copied().collect()).into();
                    let product = graph.matmul(&matrix, &(*vector).into());
                    graph.reshape(&product, &[count])
                }
            };
            now.insert(*node, rows);
        }
        for node in &self.inner {
            let value = |graph: &mut Graph, argument: &NodeId| match now.get(argument) {
                Some(now) => now.clone(),
                None => graph.reshape(&(*argument).into(), &[]),
            };
            let result = match graph.node(*node).op.clone() {
                Op::Unary(kind, x) => {
                    let x = value(graph, &x);
                    graph.unary(kind, &x)
                }
                Op::Binary(kind, x, y) => {
                    let (x, y) = (value(graph, &x), value(graph, &y));
                    graph.binary(kind, &x, &y)
                }
                Op::Select {
                    condition,
                    if_true,
                    if_false,
                } => {
                    let [condition, if_true, if_false] =
                        [condition, if_true, if_false].map(|x| value(graph, &x));
                    graph.select(&condition, &if_true, &if_false)
                }
                Op::Reshape(x) | Op::Broadcast(x) => value(graph, &x),
                op => unreachable!("{op:?} is not elementwise"),
            };
            now.insert(*node, result);
        }
        let result = now.remove(&x).unwrap_or(Expr::Node(x));
        graph.broadcast_to(&result, &[count])
    }
}

fn leaf(graph: &Graph, node: NodeId) -> Option<Leaf> {
    match &graph.node(node).op {
        Op::Const(array) => Some(Leaf::Known(array.clone())),
        Op::Gather(vector, index)
            if index.len() == graph.node(node).shape.iter().product::<usize>() =>
        {
            Some(Leaf::Gathered {
                vector: *vector,
                index: index.clone(),
            })
        }
        Op::Matmul(matrix, vector) => match (
            &graph.node(*matrix).op,
            graph.node(*vector).shape.as_slice(),
        ) {
            (Op::Const(known), [_, 1]) if known.shape().len() == 2 => Some(Leaf::Product {
                matrix: known.clone(),
                vector: *vector,
            }),
            _ => None,
        },
        _ => None,
    }
}
