//! Random graphs: any operation on any values, with sizes that force broadcasting.

use std::sync::Arc;

use firebrand_graph::{Array, Binary, Expr, Graph, Mass, MatrixFunction, NodeId, System, Unary};
use rand::prelude::*;
use rand::rngs::StdRng;

pub struct RandomGraph {
    pub graph: Graph,
    pub inputs: Vec<NodeId>,
    pub outputs: Vec<NodeId>,
    seed: u64,
}

impl RandomGraph {
    /// The graph with the gradient of a bounded function of all outputs, and all these as outputs.
    pub fn with_gradients(&self) -> (Graph, Vec<NodeId>) {
        let (mut graph, mut outputs) = (self.graph.clone(), self.outputs.clone());
        let mut total = Expr::scalar(0.0);
        for output in &self.outputs {
            let bounded = graph.unary(Unary::Tanh, &(*output).into());
            let sum = graph.sum_all(&bounded);
            total = graph.add(&total, &sum);
        }
        if let Some(node) = total.as_node() {
            let gradients = graph.gradient(node, &self.inputs);
            outputs.push(node);
            for gradient in gradients {
                outputs.push(graph.node_of(&gradient));
            }
        }
        (graph, outputs)
    }

    /// Values for the inputs, some of which are the same for all draws.
    pub fn values(&self, draws: usize) -> Vec<Vec<f64>> {
        let mut rng = StdRng::seed_from_u64(self.seed ^ 1);
        self.graph
            .inputs()
            .map(|(length, batched)| {
                let count = length * if batched { draws } else { 1 };
                (0..count).map(|_| rng.random_range(-1.5..1.5)).collect()
            })
            .collect()
    }
}

pub fn random_graph(seed: u64, size: usize) -> RandomGraph {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut graph = Graph::new();
    let theta = graph.input(12, true);
    let shared = graph.input(4, false);
    let inputs = vec![theta.as_node().unwrap(), shared.as_node().unwrap()];
    let matrix = graph.reshape(&theta, &[3, 4]);
    let mut values = vec![theta, shared, matrix];
    for shape in [vec![], vec![3, 4], vec![4], vec![3, 1]] {
        let count = shape.iter().product::<usize>();
        let data = (0..count).map(|_| rng.random_range(-1.0..1.0)).collect();
        values.push(Array::new(shape, data).into());
    }
    while values.len() < size + 7 {
        if let Some(value) = random_value(&mut graph, &values, &mut rng)
            && graph.shape(&value).iter().product::<usize>() <= 2000
        {
            values.push(value);
        }
    }
    let outputs = (0..3)
        .map(|_| {
            let value = values.choose(&mut rng).unwrap().clone();
            let count = graph.shape(&value).iter().product();
            let flat = graph.reshape(&value, &[count]);
            graph.node_of(&flat)
        })
        .collect();
    RandomGraph {
        graph,
        inputs,
        outputs,
        seed,
    }
}

/// Functions that keep moderate numbers moderate.
const UNARY: [Unary; 14] = [
    Unary::Neg,
    Unary::Abs,
    Unary::Tanh,
    Unary::Sigmoid,
    Unary::Sin,
    Unary::Cos,
    Unary::Atan,
    Unary::Erf,
    Unary::Erfc,
    Unary::Log1pExp,
    Unary::Square,
    Unary::Floor,
    Unary::Sign,
    Unary::Neg,
];

const BINARY: [Binary; 11] = [
    Binary::Add,
    Binary::Sub,
    Binary::Mul,
    Binary::ZeroMul,
    Binary::Atan2,
    Binary::Min,
    Binary::Max,
    Binary::LogAddExp,
    Binary::Less,
    Binary::LessEqual,
    Binary::Add,
];

fn random_value(g: &mut Graph, values: &[Expr], rng: &mut StdRng) -> Option<Expr> {
    let pick = |rng: &mut StdRng| values.choose(rng).unwrap().clone();
    let x = pick(rng);
    let shape = g.shape(&x);
    let rank = shape.len();
    let positions = |rng: &mut StdRng, count: usize, rows: usize| -> Arc<[u32]> {
        (0..count)
            .map(|_| rng.random_range(0..rows) as u32)
            .collect()
    };
    Some(match rng.random_range(0..22) {
        0..=3 => {
            let squashed = g.unary(Unary::Tanh, &x);
            g.unary(*UNARY.choose(rng).unwrap(), &squashed)
        }
        4..=8 => {
            let y = pick(rng);
            firebrand_graph::broadcast_shape(&shape, &g.shape(&y))?;
            g.binary(*BINARY.choose(rng).unwrap(), &x, &y)
        }
        9 => {
            let (y, z) = (pick(rng), pick(rng));
            let both = firebrand_graph::broadcast_shape(&shape, &g.shape(&y))?;
            firebrand_graph::broadcast_shape(&both, &g.shape(&z))?;
            let condition = g.binary(Binary::Less, &x, &0.1.into());
            g.select(&condition, &y, &z)
        }
        10 if rank > 0 => {
            let count = rng.random_range(1..8);
            let index = positions(rng, count, shape[0]);
            g.gather(&x, &index)
        }
        11 if rank > 0 => {
            let rows = rng.random_range(1..5);
            let index = positions(rng, shape[0], rows);
            g.segment_sum(&x, &index, rows)
        }
        12 if rank > 0 => {
            let axis = rng.random_range(0..rank);
            match rng.random_range(0..4) {
                0 => g.sum(&x, axis),
                1 => g.max(&x, axis),
                2 => {
                    let bounded = g.unary(Unary::Tanh, &x);
                    let positive = g.exp(&bounded);
                    g.mass(Mass::LogGammaQ, &[positive, 0.7.into()])
                }
                _ => g.log_sum_exp(&x, axis),
            }
        }
        13 if rank > 0 => {
            let x = g.unary(Unary::Tanh, &x);
            g.cumulative_sum(&x, rng.random_range(0..rank), rng.random())
        }
        14 if rank > 0 => {
            let axis = rng.random_range(0..rank);
            let start = rng.random_range(0..shape[axis]);
            let len = rng.random_range(1..=shape[axis] - start);
            g.slice(&x, axis, start, len)
        }
        15 => {
            let mut axes: Vec<usize> = (0..rank).collect();
            axes.shuffle(rng);
            g.permute(&x, &axes)
        }
        16 if rank > 0 => {
            let y = pick(rng);
            let axis = rng.random_range(0..rank);
            let other = g.shape(&y);
            let fits = other.len() == rank && (0..rank).all(|i| i == axis || shape[i] == other[i]);
            if !fits {
                return None;
            }
            g.concat(&[x, y], axis)
        }
        17 if rank > 0 => {
            let mut wider = shape.to_vec();
            wider.insert(0, 2);
            g.broadcast_to(&x, &wider)
        }
        18 if rank >= 1 => {
            let k = shape[rank - 1];
            let columns = rng.random_range(1..4);
            let x = if rank == 1 { g.reshape(&x, &[1, k]) } else { x };
            let y = match rng.random_range(0..2) {
                0 => Array::new(
                    [k, columns],
                    (0..k * columns)
                        .map(|_| rng.random_range(-1.0..1.0))
                        .collect(),
                )
                .into(),
                _ => {
                    let base = g.sum_all(&values[0].clone());
                    let base = g.unary(Unary::Sin, &base);
                    let steps = Array::new(
                        [k, columns],
                        (0..k * columns).map(|i| i as f64 * 0.1).collect(),
                    )
                    .into();
                    let y = g.mul(&base, &steps);
                    if rng.random() {
                        g.unary(Unary::Cos, &y)
                    } else {
                        y
                    }
                }
            };
            let (x, y) = (g.unary(Unary::Tanh, &x), y);
            if rng.random() {
                g.matmul(&x, &y)
            } else {
                let (x, y) = (g.transpose(&x), g.transpose(&y));
                g.matmul(&y, &x)
            }
        }
        19 => {
            let count: usize = shape.iter().product();
            g.reshape(&x, &[count])
        }
        20 if rank > 1 => random_matrix_function(g, &x, rng),
        21 if rank > 1 => random_solution(g, &x, rng),
        _ => return None,
    })
}

/// `x` as a well-conditioned square matrix: symmetric, with elements below one beside a diagonal of steps of three.
fn conditioned(g: &mut Graph, x: &Expr) -> Expr {
    let x = g.unary(Unary::Tanh, x);
    let transposed = g.transpose(&x);
    let product = g.matmul(&x, &transposed);
    let shape = g.shape(&product);
    let n = shape[shape.len() - 1];
    let inner = g.shape(&x)[shape.len() - 1];
    // Rows of the product add up to less than one, so no two eigenvalues come near each other.
    let small = g.scale(&product, 1.0 / (n * inner) as f64);
    let steps = (0..n * n)
        .map(|k| {
            if k / n == k % n {
                3.0 * (1 + k / n) as f64
            } else {
                0.0
            }
        })
        .collect();
    g.add(&small, &Array::new([n, n], steps).into())
}

fn random_matrix_function(g: &mut Graph, x: &Expr, rng: &mut StdRng) -> Expr {
    let matrix = conditioned(g, x);
    match rng.random_range(0..4) {
        0 => g.matrix_function(MatrixFunction::Cholesky, &matrix),
        1 => {
            // The sign of a vector is nobody's.
            let (values, vectors) = g.eigen(&matrix);
            let squares = g.unary(Unary::Square, &vectors);
            let last = g.shape(&squares).len() - 1;
            let sums = g.cumulative_sum(&squares, last, false);
            let count = g.shape(&sums);
            let values = g.unary(Unary::Tanh, &values);
            let mut row = g.shape(&values);
            row.insert(last - 1, 1);
            let values = g.reshape(&values, &row);
            let values = g.broadcast_to(&values, &count);
            g.mul(&sums, &values)
        }
        2 => {
            let determinant = g.matrix_function(MatrixFunction::Determinant, &matrix);
            g.unary(Unary::Sqrt, &determinant)
        }
        _ => g.matrix_function(MatrixFunction::LogDeterminant, &matrix),
    }
}

fn random_solution(g: &mut Graph, x: &Expr, rng: &mut StdRng) -> Expr {
    let matrix = conditioned(g, x);
    let system = *[System::Lower, System::LowerTransposed, System::General]
        .choose(rng)
        .unwrap();
    if rng.random() {
        return g.linear_solve(system, &matrix, x);
    }
    // One known side, of another number of leading axes.
    let n = g.shape(x)[g.shape(x).len() - 2];
    let data: Vec<f64> = (0..n * n).map(|_| rng.random_range(-1.0..1.0)).collect();
    if rng.random() {
        return g.linear_solve(system, &matrix, &Array::new([n, n], data).into());
    }
    let known = conditioned(g, &Array::new([n, n], data).into());
    g.linear_solve(system, &known, x)
}
