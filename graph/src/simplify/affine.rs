//! What a value is as a linear function of others, row by row, with coefficients that are known.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::{Array, Binary, Expr, Graph, NodeId, Op, Unary};

/// One number of a node, by its position.
pub(super) type Atom = (NodeId, usize);

/// Numbers to multiply rows with.
#[derive(Clone, Debug)]
pub(super) enum Coefficients {
    Same(f64),
    Each(Arc<Vec<f64>>),
}

impl Coefficients {
    pub(super) fn row(&self, row: usize) -> f64 {
        match self {
            Coefficients::Same(number) => *number,
            Coefficients::Each(numbers) => numbers[row],
        }
    }

    fn times(&self, other: &Array, divide: bool, rows: usize) -> Coefficients {
        let apply = |x: f64, y: f64| if divide { x / y } else { x * y };
        match (self, other.as_scalar()) {
            (Coefficients::Same(x), Some(y)) => Coefficients::Same(apply(*x, y)),
            (own, same) => {
                let number =
                    |row: usize| apply(own.row(row), same.unwrap_or_else(|| other.data()[row]));
                Coefficients::Each(Arc::new((0..rows).map(number).collect()))
            }
        }
    }

    fn is_finite(&self) -> bool {
        match self {
            Coefficients::Same(number) => number.is_finite(),
            Coefficients::Each(numbers) => numbers.iter().all(|number| number.is_finite()),
        }
    }
}

/// constant + sum of columns times numbers + sum of coefficients times other values, for each row.
#[derive(Clone, Debug)]
pub(super) struct Affine {
    pub(super) rows: usize,
    pub(super) constant: Option<Vec<f64>>,
    /// A number of each draw, and its coefficient in each row.
    pub(super) columns: Vec<(Atom, Vec<f64>)>,
    /// Values of as many rows that are no combination of others.
    pub(super) rest: Vec<(NodeId, Coefficients)>,
}

/// Numbers of a vector, at most, that are taken as columns.
const WIDEST: usize = 64;

/// Values that are looked at, at most: in a recursion, each step would find all those before it.
const MOST: usize = 4 * WIDEST;

impl Affine {
    /// A value as a linear function, or nothing if a coefficient is not finite or the function has very many terms.
    pub(super) fn of(graph: &Graph, x: NodeId) -> Option<Affine> {
        let rows = graph.node(x).shape.iter().product();
        let mut affine = Affine {
            rows,
            constant: None,
            columns: Vec::new(),
            rest: Vec::new(),
        };
        let mut positions = FxHashMap::default();
        let mut open = vec![(x, Coefficients::Same(1.0))];
        let mut looked = 0;
        while let Some((node, coefficients)) = open.pop() {
            looked += 1;
            if looked > MOST || !coefficients.is_finite() {
                return None;
            }
            affine.add(graph, node, coefficients, &mut open, &mut positions);
        }
        Some(affine)
    }

    fn add(
        &mut self,
        graph: &Graph,
        node: NodeId,
        coefficients: Coefficients,
        open: &mut Vec<(NodeId, Coefficients)>,
        positions: &mut FxHashMap<Atom, usize>,
    ) {
        let rows = self.rows;
        let size = |node: NodeId| graph.node(node).shape.iter().product::<usize>();
        // Values of as many elements are the same rows, whatever their axes; one number serves all rows.
        let fits = |node: NodeId| size(node) == rows || size(node) == 1;
        let op = &graph.node(node).op;
        if let Op::Const(array) = op {
            let constant = self.constant.get_or_insert_with(|| vec![0.0; rows]);
            for (row, constant) in constant.iter_mut().enumerate() {
                *constant +=
                    coefficients.row(row) * array.data()[if array.len() == 1 { 0 } else { row }];
            }
            return;
        }
        if size(node) == 1 && graph.node(node).batched {
            return self.add_column((node, 0), |row| coefficients.row(row), positions);
        }
        match op {
            Op::Binary(kind @ (Binary::Add | Binary::Sub), x, y) if fits(*x) && fits(*y) => {
                let second = match (kind, &coefficients) {
                    (Binary::Add, _) => coefficients.clone(),
                    _ => coefficients.times(&Array::scalar(-1.0), false, rows),
                };
                // The first is taken first.
                open.extend([(*y, second), (*x, coefficients)]);
            }
            Op::Unary(Unary::Neg, x) => {
                open.push((*x, coefficients.times(&Array::scalar(-1.0), false, rows)))
            }
            Op::Binary(kind @ (Binary::Mul | Binary::Div), x, y) if fits(*x) && fits(*y) => {
                match (&graph.node(*x).op, &graph.node(*y).op) {
                    (Op::Const(known), _) if *kind == Binary::Mul => {
                        open.push((*y, coefficients.times(known, false, rows)));
                    }
                    (_, Op::Const(known)) => {
                        open.push((*x, coefficients.times(known, *kind == Binary::Div, rows)))
                    }
                    _ => self.rest.push((node, coefficients)),
                }
            }
            Op::Reshape(x) => open.push((*x, coefficients)),
            Op::Broadcast(x) if size(*x) == 1 => open.push((*x, coefficients)),
            Op::Matmul(matrix, vector) => match &graph.node(*matrix).op {
                // One matrix, whatever the axes before its own, times one vector.
                Op::Const(known)
                    if known.len() == rows * size(*vector) && size(*vector) <= WIDEST =>
                {
                    let count = size(*vector);
                    for i in 0..count {
                        let column =
                            |row: usize| coefficients.row(row) * known.data()[row * count + i];
                        self.add_column((*vector, i), column, positions);
                    }
                }
                _ => self.rest.push((node, coefficients)),
            },
            _ => self.rest.push((node, coefficients)),
        }
    }

    fn add_column(
        &mut self,
        atom: Atom,
        column: impl Fn(usize) -> f64,
        positions: &mut FxHashMap<Atom, usize>,
    ) {
        let rows = self.rows;
        let position = *positions.entry(atom).or_insert_with(|| {
            self.columns.push((atom, vec![0.0; rows]));
            self.columns.len() - 1
        });
        for (row, coefficient) in self.columns[position].1.iter_mut().enumerate() {
            *coefficient += column(row);
        }
    }

    /// The value, of one axis.
    pub(super) fn build(&self, graph: &mut Graph) -> Expr {
        let rows = self.rows;
        let mut terms = Vec::new();
        match self.columns.as_slice() {
            [] => {}
            [((node, position), column)] => {
                let number = number(graph, (*node, *position));
                terms.push(graph.mul(&Array::vector(column.clone()).into(), &number));
            }
            columns => {
                let count = columns.len();
                let matrix = (0..rows * count)
                    .map(|i| columns[i % count].1[i / count])
                    .collect();
                let numbers = numbers(graph, columns.iter().map(|(atom, _)| *atom));
                let product = graph.matmul(&Array::new([rows, count], matrix).into(), &numbers);
                terms.push(graph.reshape(&product, &[rows]));
            }
        }
        for (node, coefficients) in &self.rest {
            let value = graph.reshape(&(*node).into(), &[rows]);
            terms.push(match coefficients {
                Coefficients::Same(number) => graph.scale(&value, *number),
                Coefficients::Each(numbers) => {
                    graph.mul(&value, &Array::vector(numbers.to_vec()).into())
                }
            });
        }
        if let Some(constant) = &self.constant {
            terms.push(Array::vector(constant.clone()).into());
        }
        let total = terms
            .into_iter()
            .reduce(|total, term| graph.add(&total, &term))
            .unwrap_or(Expr::scalar(0.0));
        graph.broadcast_to(&total, &[rows])
    }
}

/// One number of a node, as a scalar.
fn number(graph: &mut Graph, (node, position): Atom) -> Expr {
    let count = graph.node(node).shape.iter().product();
    let flat = graph.reshape(&node.into(), &[count]);
    let one = graph.slice(&flat, 0, position, 1);
    graph.reshape(&one, &[])
}

/// The numbers, one below the other.
fn numbers(graph: &mut Graph, atoms: impl Iterator<Item = Atom>) -> Expr {
    let parts: Vec<Expr> = atoms
        .map(|atom| {
            let number = number(graph, atom);
            graph.reshape(&number, &[1])
        })
        .collect();
    let joined = graph.concat(&parts, 0);
    graph.reshape(&joined, &[parts.len(), 1])
}
