//! Adjoints of factorisations and of solutions of linear equations (Giles 2008; Murray 2016, arXiv 1602.07527).

use super::Pass;
use crate::{Array, Binary, Expr, MatrixFunction, NodeId, System, Unary};

/// Eigenvalues that are closer than this, relative to their root sum of squares, count as equal.
const EQUAL_EIGENVALUES: f64 = 1e-12;

impl Pass<'_> {
    pub(super) fn matrix_function(
        &mut self,
        kind: MatrixFunction,
        node: NodeId,
        x: NodeId,
        cotangent: &Expr,
    ) {
        let back = match kind {
            MatrixFunction::Cholesky => self.cholesky(node, cotangent),
            MatrixFunction::Eigen => self.eigen(node, cotangent),
            MatrixFunction::Determinant => {
                let change = self.graph.mul(cotangent, &node.into());
                self.determinant(x, &change)
            }
            MatrixFunction::LogDeterminant => self.determinant(x, cotangent),
        };
        let own_axes = kind.result_shape(0).len();
        let back = self.unless_untaken(back, cotangent, own_axes);
        self.give(x, back);
    }

    /// With `P = phi(L' dL)`, phi keeping the lower triangle and half of the diagonal: `dA = L^-T (P + P') L^-1 / 2` were
    /// all of A read.
    fn cholesky(&mut self, node: NodeId, cotangent: &Expr) -> Expr {
        let n = self.rows(node);
        let graph = &mut *self.graph;
        let factor = Expr::Node(node);
        let transposed = graph.transpose(&factor);
        let product = graph.matmul(&transposed, cotangent);
        let half = graph.mul(&product, &weights(n, 1.0, 0.5, 0.0));
        let other_half = graph.transpose(&half);
        let whole = graph.add(&half, &other_half);
        let once = graph.linear_solve(System::LowerTransposed, &factor, &whole);
        let once = graph.transpose(&once);
        let twice = graph.linear_solve(System::LowerTransposed, &factor, &once);
        graph.mul(&twice, &weights(n, 1.0, 0.5, 0.0))
    }

    /// `dA = V (diag(dw) + F . V'dV) V'`, where F is `1 / (w_j - w_i)` off the diagonal; folded to the lower triangle.
    ///
    /// Rounding alone keeps equal eigenvalues apart. F is therefore `gap / (gap^2 + delta^2)`, delta being far above
    /// rounding and far below any gap that it leaves (Liao et al. 2019, arXiv 1903.09650): where the choice of vectors within
    /// such a space does not matter, they then add nothing, in place of noise.
    fn eigen(&mut self, node: NodeId, cotangent: &Expr) -> Expr {
        let shape = self.graph.node(node).shape.clone();
        let (axis, n) = (shape.len() - 2, shape[shape.len() - 1]);
        let graph = &mut *self.graph;
        let values = graph.slice(&node.into(), axis, 0, 1);
        let vectors = graph.slice(&node.into(), axis, 1, n);
        let vectors_transposed = graph.transpose(&vectors);
        let values_down = graph.transpose(&values);
        let gaps = graph.sub(&values, &values_down);
        let size = graph.matmul(&values, &values_down);
        let least = graph.scale(&size, EQUAL_EIGENVALUES * EQUAL_EIGENVALUES);
        let squares = graph.unary(Unary::Square, &gaps);
        let squares = graph.add(&squares, &least);
        let inverse_gaps = graph.div(&gaps, &squares);
        let turns = graph.slice(cotangent, axis, 1, n);
        let turns = graph.matmul(&vectors_transposed, &turns);
        let turns = graph.mul(&turns, &weights(n, 1.0, 0.0, 1.0));
        // Where nothing asks for the vectors, values that are equal do no harm.
        let turns = graph.binary(Binary::ZeroMul, &turns, &inverse_gaps);
        let stretch = graph.slice(cotangent, axis, 0, 1);
        let stretch = graph.mul(&stretch, &weights(n, 0.0, 1.0, 0.0));
        let inner = graph.add(&stretch, &turns);
        let back = graph.matmul(&vectors, &inner);
        let back = graph.matmul(&back, &vectors_transposed);
        let transposed = graph.transpose(&back);
        let back = graph.add(&back, &transposed);
        graph.mul(&back, &weights(n, 1.0, 0.5, 0.0))
    }

    /// `dA = d A^-T`, where d is what the logarithm of the determinant receives.
    fn determinant(&mut self, x: NodeId, change: &Expr) -> Expr {
        let n = self.rows(x);
        let graph = &mut *self.graph;
        let matrix = graph.value(x);
        let transposed = graph.transpose(&matrix);
        let inverse = graph.linear_solve(System::General, &transposed, &weights(n, 0.0, 1.0, 0.0));
        let mut shape = graph.shape(change);
        shape.extend([1, 1]);
        let change = graph.reshape(change, &shape);
        graph.mul(&inverse, &change)
    }

    /// `dB = A^-T dX` and `dA = -dB X'`, of which a triangular A reads the lower triangle.
    pub(super) fn linear_solve(
        &mut self,
        system: System,
        node: NodeId,
        (matrix, right): (NodeId, NodeId),
        cotangent: &Expr,
    ) {
        let n = self.rows(matrix);
        let graph = &mut *self.graph;
        let given = graph.value(matrix);
        let to_right = match system {
            System::Lower => graph.linear_solve(System::LowerTransposed, &given, cotangent),
            System::LowerTransposed => graph.linear_solve(System::Lower, &given, cotangent),
            System::General => {
                let transposed = graph.transpose(&given);
                graph.linear_solve(System::General, &transposed, cotangent)
            }
        };
        let to_right = self.unless_untaken(to_right, cotangent, 2);
        if self.wanted[matrix.index()] {
            let graph = &mut *self.graph;
            let solution = Expr::Node(node);
            let (left, right) = match system {
                System::LowerTransposed => (&solution, &to_right),
                System::Lower | System::General => (&to_right, &solution),
            };
            let right = graph.transpose(right);
            let product = graph.matmul(left, &right);
            let back = match system {
                System::General => graph.neg(&product),
                _ => graph.mul(&product, &weights(n, -1.0, -1.0, 0.0)),
            };
            let back = self.unless_untaken(back, cotangent, 2);
            self.give_repeated(node, matrix, back);
        }
        self.give_repeated(node, right, to_right);
    }

    /// Zero, even in place of NaN, for each matrix whose cotangent is zero: it may lie behind a branch that is not taken.
    fn unless_untaken(&mut self, back: Expr, cotangent: &Expr, own_axes: usize) -> Expr {
        if !self.guard {
            return back;
        }
        let graph = &mut *self.graph;
        let mut size = graph.unary(Unary::Abs, cotangent);
        for _ in 0..own_axes {
            let last = graph.shape(&size).len() - 1;
            size = graph.sum(&size, last);
        }
        let untaken = graph.binary(Binary::Equal, &size, &0.0.into());
        let taken = graph.sub(&1.0.into(), &untaken);
        let mut shape = graph.shape(&taken);
        shape.extend([1, 1]);
        let taken = graph.reshape(&taken, &shape);
        graph.binary(Binary::ZeroMul, &taken, &back)
    }

    /// The length of the last axis.
    fn rows(&self, matrix: NodeId) -> usize {
        let shape = &self.graph.node(matrix).shape;
        shape[shape.len() - 1]
    }
}

/// A matrix of one number below the diagonal, one on it, and one above.
fn weights(n: usize, below: f64, on: f64, above: f64) -> Expr {
    let at = |k: usize| match (k / n).cmp(&(k % n)) {
        std::cmp::Ordering::Greater => below,
        std::cmp::Ordering::Equal => on,
        std::cmp::Ordering::Less => above,
    };
    Array::new([n, n], (0..n * n).map(at).collect()).into()
}
