//! From the unconstrained vector to parameters, and the log Jacobian of the way there.
//!
//! Order and formulas are those of Stan's reference manual, "Constraint Transforms": parameters in the order of
//! their declaration, the elements of arrays with the last index fastest, matrices by columns.

mod bounds;
mod ordered;
mod simplex;

use firebrand_graph::{Expr, Graph, Shape};

use crate::hir::{Constraint, Declaration, Element};
use crate::stage::{Interpreter, Scope, Staged};

/// A constrained value, and the log Jacobian determinant of its transform: any shape, to be summed.
pub(crate) struct Constrained {
    pub value: Expr,
    pub log_jacobian: Option<Expr>,
}

/// How many unconstrained numbers a parameter of these axes takes.
pub(crate) fn unconstrained_size(
    interpreter: &Interpreter,
    declaration: &Declaration,
    dims: &[usize],
) -> Staged<usize> {
    let size: usize = dims.iter().product();
    match &declaration.type_.constraint {
        Constraint::None
        | Constraint::Bounds { .. }
        | Constraint::Affine { .. }
        | Constraint::Ordered
        | Constraint::PositiveOrdered => Ok(size),
        Constraint::Simplex => {
            let length = dims[dims.len() - 1];
            if length == 0 {
                return interpreter.fail(
                    declaration.span,
                    format!("the simplex {} has no elements", declaration.name),
                );
            }
            Ok(size / length * (length - 1))
        }
        other => interpreter.unsupported(
            declaration.span,
            format!(
                "a parameter of type {} is not supported yet",
                type_name(other)
            ),
        ),
    }
}

/// The constrained value of a parameter from its part of the unconstrained vector.
pub(crate) fn constrain(
    interpreter: &mut Interpreter,
    declaration: &Declaration,
    dims: &[usize],
    unconstrained: &Expr,
    scope: &Scope,
) -> Staged<Constrained> {
    interpreter.next_source();
    match &declaration.type_.constraint {
        Constraint::None => {
            let value = arranged(&mut interpreter.graph, unconstrained, declaration, dims);
            Ok(Constrained {
                value,
                log_jacobian: None,
            })
        }
        Constraint::Bounds { lower, upper } => {
            let value = arranged(&mut interpreter.graph, unconstrained, declaration, dims);
            bounds::constrain(
                interpreter,
                declaration,
                &value,
                lower.as_ref(),
                upper.as_ref(),
                scope,
            )
        }
        Constraint::Affine { offset, multiplier } => {
            let value = arranged(&mut interpreter.graph, unconstrained, declaration, dims);
            bounds::scale(
                interpreter,
                declaration,
                &value,
                offset.as_ref(),
                multiplier.as_ref(),
                scope,
            )
        }
        Constraint::Ordered => {
            let value = arranged(&mut interpreter.graph, unconstrained, declaration, dims);
            Ok(ordered::ordered(&mut interpreter.graph, &value))
        }
        Constraint::PositiveOrdered => {
            let value = arranged(&mut interpreter.graph, unconstrained, declaration, dims);
            Ok(ordered::positive_ordered(&mut interpreter.graph, &value))
        }
        Constraint::Simplex => {
            let mut shape = Shape::from_slice(&[1]);
            shape.extend_from_slice(dims);
            let last = shape.len() - 1;
            shape[last] -= 1;
            let free = interpreter.graph.reshape(unconstrained, &shape);
            Ok(simplex::constrain(&mut interpreter.graph, &free))
        }
        other => interpreter.unsupported(
            declaration.span,
            format!(
                "a parameter of type {} is not supported yet",
                type_name(other)
            ),
        ),
    }
}

/// Numbers in the order of the unconstrained vector, under one lane and the parameter's axes.
fn arranged(
    graph: &mut Graph,
    unconstrained: &Expr,
    declaration: &Declaration,
    dims: &[usize],
) -> Expr {
    let mut shape = Shape::from_slice(&[1]);
    shape.extend_from_slice(dims);
    match &declaration.type_.element {
        Element::Matrix(..) => {
            // By columns: read as rows of the transpose.
            let last = shape.len() - 1;
            shape.swap(last - 1, last);
            let transposed = graph.reshape(unconstrained, &shape);
            graph.transpose(&transposed)
        }
        _ => graph.reshape(unconstrained, &shape),
    }
}

fn type_name(constraint: &Constraint) -> &'static str {
    match constraint {
        Constraint::None | Constraint::Bounds { .. } | Constraint::Affine { .. } => "real",
        Constraint::Simplex => "simplex",
        Constraint::Ordered => "ordered",
        Constraint::PositiveOrdered => "positive_ordered",
        Constraint::UnitVector => "unit_vector",
        Constraint::SumToZero => "sum_to_zero_vector",
        Constraint::CholeskyFactorCorr => "cholesky_factor_corr",
        Constraint::CholeskyFactorCov => "cholesky_factor_cov",
        Constraint::CorrMatrix => "corr_matrix",
        Constraint::CovMatrix => "cov_matrix",
        Constraint::ColumnStochastic => "column_stochastic_matrix",
        Constraint::RowStochastic => "row_stochastic_matrix",
    }
}
