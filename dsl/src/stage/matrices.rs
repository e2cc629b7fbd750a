//! Checks of matrices that were declared with a structure.

use firebrand_graph::{Binary, Expr, MatrixFunction};

use super::interpreter::{Interpreter, Scope};
use crate::hir::Constraint;

impl Interpreter<'_> {
    /// Cholesky factors, symmetric matrices and stochastic ones, over the last two axes.
    pub(super) fn check_matrix(
        &mut self,
        name: &str,
        constraint: &Constraint,
        value: &Expr,
        scope: &Scope,
    ) {
        match constraint {
            Constraint::CholeskyFactorCov | Constraint::CholeskyFactorCorr => {
                self.check_factor(name, value, scope);
                if matches!(constraint, Constraint::CholeskyFactorCorr) {
                    let squares = self.graph.unary(firebrand_graph::Unary::Square, value);
                    self.check_sums(
                        &squares,
                        0,
                        format!("{name} has a row whose length is not 1"),
                        scope,
                    );
                }
            }
            Constraint::CovMatrix | Constraint::CorrMatrix => {
                let transposed = self.graph.transpose(value);
                let difference = self.graph.sub(value, &transposed);
                self.check_near(&difference, 0.0, format!("{name} is not symmetric"), scope);
                if matches!(constraint, Constraint::CorrMatrix) {
                    let diagonal = self.cells(value, |i, j| i == j);
                    self.check_near(
                        &diagonal,
                        1.0,
                        format!("the diagonal of {name} is not 1"),
                        scope,
                    );
                }
                let factor = self.graph.matrix_function(MatrixFunction::Cholesky, value);
                self.check_pivots(&factor, format!("{name} is not positive definite"), scope);
            }
            Constraint::RowStochastic | Constraint::ColumnStochastic => {
                let zero = Expr::scalar(0.0);
                let nonnegative = self.graph.binary(Binary::LessEqual, &zero, value);
                self.check(nonnegative, format!("{name} has a negative element"), scope);
                let by_rows = matches!(constraint, Constraint::RowStochastic);
                let (line, from_last) = if by_rows { ("row", 0) } else { ("column", 1) };
                self.check_sums(
                    value,
                    from_last,
                    format!("{name} has a {line} whose sum is not 1"),
                    scope,
                );
            }
            _ => {}
        }
    }

    fn check_factor(&mut self, name: &str, value: &Expr, scope: &Scope) {
        let above = self.cells(value, |i, j| i < j);
        self.check_near(
            &above,
            0.0,
            format!("{name} is not lower triangular"),
            scope,
        );
        let message = format!("the diagonal of {name} is not positive");
        self.check_pivots(value, message, scope);
    }

    /// Requires a positive diagonal.
    fn check_pivots(&mut self, factor: &Expr, message: String, scope: &Scope) {
        let diagonal = self.cells(factor, |i, j| i == j);
        let positive = self
            .graph
            .binary(Binary::Less, &Expr::scalar(0.0), &diagonal);
        self.check(positive, message, scope);
    }

    /// Requires sums of 1 along an axis, counted from the last.
    fn check_sums(&mut self, value: &Expr, from_last: usize, message: String, scope: &Scope) {
        let axis = self.graph.shape(value).len() - 1 - from_last;
        let sums = self.graph.sum(value, axis);
        self.check_near(&sums, 1.0, message, scope);
    }

    /// Some cells of each matrix, after the axis of lanes.
    fn cells(&mut self, value: &Expr, chosen: impl Fn(usize, usize) -> bool) -> Expr {
        let shape = self.graph.shape(value);
        let (lanes, size) = (shape[0], shape[1..].iter().product::<usize>());
        let (rows, columns) = (shape[shape.len() - 2], shape[shape.len() - 1]);
        let index: Vec<u32> = (0..lanes * size)
            .filter(|k| chosen(k / columns % rows, k % columns))
            .map(|k| k as u32)
            .collect();
        let each = index.len().checked_div(lanes).unwrap_or(0);
        let flat = self.graph.reshape(value, &[lanes * size]);
        let cells = self.graph.gather(&flat, &index.into());
        self.graph.reshape(&cells, &[lanes, each])
    }
}
