//! Functions of matrices, and solutions of linear equations.

use super::Facts;
use crate::{Array, Expr, Graph, MatrixFunction, Op, Shape, System, broadcast_shape, linear};

/// Linear algebra over the last two axes.
impl Graph {
    /// A function of the square matrix in the last two axes.
    ///
    /// # Panics
    /// When these axes are not as long as each other.
    pub fn matrix_function(&mut self, kind: MatrixFunction, x: &Expr) -> Expr {
        let x = &self.resolved(x);
        let shape = self.shape(x);
        let n = square_size(&shape);
        let lead = &shape[..shape.len() - 2];
        let mut result = Shape::from_slice(lead);
        result.extend_from_slice(&kind.result_shape(n));
        if n == 0 {
            // The empty product is one.
            let value = f64::from(kind == MatrixFunction::Determinant);
            return Array::full(&result, value).into();
        }
        match x {
            Expr::Data(array) => linear::matrix_function(kind, array).into(),
            Expr::Node(node) => {
                let Facts { batched, .. } = self.facts(*node);
                self.push(Op::Matrix(kind, *node), result, batched).into()
            }
        }
    }

    /// The X of `matrix X = right`, over the last two axes; leading axes broadcast.
    ///
    /// # Panics
    /// When the matrix is not square, or has not as many rows as the right-hand side.
    pub fn linear_solve(&mut self, system: System, matrix: &Expr, right: &Expr) -> Expr {
        let (matrix, right) = (&self.resolved(matrix), &self.resolved(right));
        let (ms, rs) = (self.shape(matrix), self.shape(right));
        let (n, columns) = (rs[rs.len() - 2], rs[rs.len() - 1]);
        assert_eq!(square_size(&ms), n, "solve {ms:?} for {rs:?}");
        let mut shape = broadcast_shape(&ms[..ms.len() - 2], &rs[..rs.len() - 2])
            .expect("solve: leading axes broadcast");
        shape.extend([n, columns]);
        if n * columns == 0 {
            return Array::full(&shape, 0.0).into();
        }
        if let (Expr::Data(matrix), Expr::Data(right)) = (matrix, right) {
            return linear::solve(system, matrix, right).into();
        }
        let batched = self.is_batched(matrix) || self.is_batched(right);
        let (matrix, right) = (self.node_of(matrix), self.node_of(right));
        let op = Op::LinearSolve {
            system,
            matrix,
            right,
        };
        self.push(op, shape, batched).into()
    }

    /// Eigenvalues, ascending (one axis for two), and vectors, as columns, of the symmetric matrices with these lower
    /// triangles.
    pub fn eigen(&mut self, x: &Expr) -> (Expr, Expr) {
        let shape = self.shape(x);
        let (axis, n) = (shape.len() - 2, square_size(&shape));
        let both = self.matrix_function(MatrixFunction::Eigen, x);
        let values = self.slice(&both, axis, 0, 1);
        let values = self.reshape(&values, &shape[..=axis]);
        (values, self.slice(&both, axis, 1, n))
    }
}

fn square_size(shape: &[usize]) -> usize {
    let [.., rows, columns] = shape else {
        panic!("a matrix has two axes, not {shape:?}")
    };
    assert_eq!(rows, columns, "a square matrix, not {shape:?}");
    *rows
}
