//! Sums of squares of linear predictors.
//!
//! With A = QR, |A v + c|^2 = |R v + Q'c|^2 + |the rest of c|^2: as many rows as coefficients say as much as all rows of
//! the data. Where a coefficient differs from group to group, each group of rows has its own decomposition. Householder's
//! method is as stable as computing the residuals themselves.

use rustc_hash::FxHashMap;

use super::affine::{Affine, Coefficients};
use crate::{Array, Binary, Expr, Graph, Index, NodeId, Op, Unary};

/// Rows that are left, for each hundred, at most: else it is not worth it.
const WORTHWHILE_PERCENT: usize = 70;

/// The sum of all elements of the square of a linear predictor, from fewer rows.
pub(super) fn compress(graph: &mut Graph, total: &Expr) -> Option<Expr> {
    let node = total.as_node()?;
    let Op::Sum(x, _) = graph.node(node).op else {
        return None;
    };
    let shape = graph.node(node).shape.clone();
    if shape.iter().product::<usize>() != 1 || !graph.node(node).batched {
        return None;
    }
    let (square, weights) = weighted_square(graph, x)?;
    let affine = Affine::of(graph, square)?;
    let grouped = Grouped::new(graph, affine, weights)?;
    let (compressed, constant) = grouped.compressed()?;
    let predictor = compressed.build(graph)?;
    let squares = graph.unary(Unary::Square, &predictor);
    let sum = graph.sum_all(&squares);
    let sum = graph.add_scalar(&sum, constant);
    Some(graph.reshape(&sum, &shape))
}

/// What is squared, and the known weights of the squares.
fn weighted_square(graph: &Graph, x: NodeId) -> Option<(NodeId, Option<Array>)> {
    match graph.node(x).op {
        Op::Reshape(x) => weighted_square(graph, x),
        Op::Unary(Unary::Square, x) => Some((x, None)),
        Op::Binary(Binary::Mul, x, y) => {
            let (square, known) = match (&graph.node(x).op, &graph.node(y).op) {
                (Op::Const(known), _) => (y, known),
                (_, Op::Const(known)) => (x, known),
                _ => return None,
            };
            let (inner, None) = weighted_square(graph, square)? else {
                return None;
            };
            let size = |node: NodeId| graph.node(node).shape.iter().product::<usize>();
            let fits = known.len() == size(inner) && size(x).max(size(y)) == size(inner);
            (fits && known.data().iter().all(|w| *w >= 0.0 && w.is_finite()))
                .then(|| (inner, Some(known.clone())))
        }
        _ => None,
    }
}

/// A linear predictor whose terms are scalars, and rows of vectors at known positions.
struct Grouped {
    rows: usize,
    /// For each vector: its node, the position of each row, and the rows' coefficients.
    vectors: Vec<(NodeId, Index, Vec<f64>)>,
    affine: Affine,
}

impl Grouped {
    fn new(graph: &Graph, mut affine: Affine, weights: Option<Array>) -> Option<Grouped> {
        let rows = affine.rows;
        let mut vectors = Vec::new();
        for (node, coefficients) in std::mem::take(&mut affine.rest) {
            let (vector, index) = gathered(graph, node)?;
            let coefficients = (0..rows).map(|row| coefficients.row(row)).collect();
            vectors.push((vector, index, coefficients));
        }
        if vectors.is_empty() && affine.columns.is_empty() {
            return None;
        }
        let mut grouped = Grouped {
            rows,
            vectors,
            affine,
        };
        if let Some(weights) = weights {
            grouped.scale_rows(|row| weights.data()[row].sqrt());
        }
        Some(grouped)
    }

    fn scale_rows(&mut self, factor: impl Fn(usize) -> f64) {
        let columns = self.affine.columns.iter_mut().map(|(_, column)| column);
        let vectors = self.vectors.iter_mut().map(|(.., column)| column);
        for column in columns.chain(vectors).chain(self.affine.constant.as_mut()) {
            for (row, coefficient) in column.iter_mut().enumerate() {
                *coefficient *= factor(row);
            }
        }
    }

    /// Rows with the same positions in all vectors, in the order in which they first occur.
    fn groups(&self) -> Vec<Vec<usize>> {
        let mut numbers: FxHashMap<Vec<u32>, usize> = FxHashMap::default();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for row in 0..self.rows {
            let key = self
                .vectors
                .iter()
                .map(|(_, index, _)| index[row])
                .collect();
            let number = *numbers.entry(key).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[number].push(row);
        }
        groups
    }

    /// Fewer rows with the same sum of squares, but for a constant.
    fn compressed(&self) -> Option<(Grouped, f64)> {
        let width = self.vectors.len() + self.affine.columns.len();
        let groups = self.groups();
        let left: usize = groups.iter().map(|group| group.len().min(width + 1)).sum();
        if left * 100 > self.rows * WORTHWHILE_PERCENT {
            return None;
        }
        let mut constant = 0.0;
        let mut kept: Vec<Vec<f64>> = Vec::with_capacity(left);
        let mut origins = Vec::with_capacity(left);
        for group in &groups {
            let matrix = group.iter().map(|row| self.coefficients(*row)).collect();
            for row in triangular(matrix, width + 1) {
                if row[..width].iter().all(|x| *x == 0.0) {
                    constant += row[width] * row[width];
                } else {
                    kept.push(row);
                    origins.push(group[0]);
                }
            }
        }
        let column = |i: usize| kept.iter().map(|row| row[i]).collect::<Vec<f64>>();
        let vectors = self
            .vectors
            .iter()
            .enumerate()
            .map(|(i, (node, index, _))| {
                let index = origins.iter().map(|row| index[*row]).collect();
                (*node, index, column(i))
            });
        let columns = self
            .affine
            .columns
            .iter()
            .zip(self.vectors.len()..)
            .map(|((atom, _), i)| (*atom, column(i)));
        let affine = Affine {
            rows: kept.len(),
            constant: Some(column(width)),
            columns: columns.collect(),
            rest: Vec::new(),
        };
        Some((
            Grouped {
                rows: kept.len(),
                vectors: vectors.collect(),
                affine,
            },
            constant,
        ))
    }

    /// A row's coefficients: those of vectors, those of scalars, the constant.
    fn coefficients(&self, row: usize) -> Vec<f64> {
        let vectors = self.vectors.iter().map(|(.., column)| column[row]);
        let scalars = self.affine.columns.iter().map(|(_, column)| column[row]);
        let constant = self
            .affine
            .constant
            .as_ref()
            .map_or(0.0, |constant| constant[row]);
        vectors.chain(scalars).chain([constant]).collect()
    }

    fn build(mut self, graph: &mut Graph) -> Option<Expr> {
        for (vector, index, coefficients) in std::mem::take(&mut self.vectors) {
            let rows = graph.gather(&vector.into(), &index);
            let rows = graph.node_of(&rows);
            self.affine
                .rest
                .push((rows, Coefficients::Each(coefficients.into())));
        }
        Some(self.affine.build(graph))
    }
}

/// The vector whose rows at known positions a node is.
fn gathered(graph: &Graph, node: NodeId) -> Option<(NodeId, Index)> {
    match &graph.node(node).op {
        Op::Reshape(x) => gathered(graph, *x),
        Op::Gather(vector, index)
            if graph.node(*vector).shape.iter().product::<usize>()
                == graph.node(*vector).shape[0] =>
        {
            Some((*vector, index.clone()))
        }
        _ => None,
    }
}

/// The rows of R in a QR decomposition, by Householder's reflections; a matrix of no more rows than columns stays.
fn triangular(mut rows: Vec<Vec<f64>>, width: usize) -> Vec<Vec<f64>> {
    if rows.len() <= width {
        return rows;
    }
    for k in 0..width {
        let largest = rows[k..]
            .iter()
            .fold(0.0, |largest: f64, row| largest.max(row[k].abs()));
        if largest == 0.0 {
            continue;
        }
        let norm = largest
            * rows[k..]
                .iter()
                .map(|row| (row[k] / largest).powi(2))
                .sum::<f64>()
                .sqrt();
        let alpha = if rows[k][k] > 0.0 { -norm } else { norm };
        // v = x - alpha e, scaled by its largest element
        let mut v: Vec<f64> = rows[k..].iter().map(|row| row[k] / largest).collect();
        v[0] -= alpha / largest;
        let square: f64 = v.iter().map(|x| x * x).sum();
        for j in k + 1..width {
            let dot: f64 = v.iter().zip(&rows[k..]).map(|(v, row)| v * row[j]).sum();
            let factor = 2.0 * dot / square;
            for (v, row) in v.iter().zip(&mut rows[k..]) {
                row[j] -= factor * v;
            }
        }
        rows[k][k] = alpha;
        for row in &mut rows[k + 1..] {
            row[k] = 0.0;
        }
    }
    rows.truncate(width);
    rows
}

#[cfg(test)]
mod tests {
    use super::triangular;

    #[test]
    fn a_triangle_has_the_squares_of_its_matrix() {
        let rows: Vec<Vec<f64>> = (0..50)
            .map(|i| {
                vec![
                    1e3,
                    f64::from(i),
                    (f64::from(i) * 0.7).sin() * 1e-3,
                    f64::from(i * i),
                ]
            })
            .collect();
        let square = |rows: &[Vec<f64>], v: [f64; 4]| -> f64 {
            rows.iter()
                .map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum::<f64>().powi(2))
                .sum()
        };
        let triangle = triangular(rows.clone(), 4);
        assert_eq!(triangle.len(), 4);
        for v in [
            [1.0, 2.0, 3.0, 4.0],
            [0.1, -1.0, 1e4, -0.5],
            [0.0, 0.0, 1.0, 0.0],
        ] {
            let (a, b) = (square(&rows, v), square(&triangle, v));
            assert!((a - b).abs() < 1e-13 * a, "{a} and {b}");
        }
    }
}
