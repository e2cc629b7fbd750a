//! From the unconstrained vector to parameters, and the log Jacobian of the way there.
//!
//! Order and formulas are those of Stan's reference manual, "Constraint Transforms": parameters in the order of
//! their declaration, the elements of arrays with the last index fastest, matrices by columns.

mod bounds;
mod correlation;
mod covariance;
mod ordered;
mod simplex;
mod triangle;
mod vectors;

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
    let [.., last] = dims else {
        return Ok(1);
    };
    let last = *last;
    let size: usize = dims.iter().product();
    // A vector's length, or a matrix' columns and the rest.
    let vectors = |free: usize| size / last * free;
    let matrices = |free: usize| dims[..dims.len() - 2].iter().product::<usize>() * free;
    let one_less = |what: &str| match last {
        0 => interpreter.fail(
            declaration.span,
            format!("the {what} {} has no elements", declaration.name),
        ),
        _ => Ok(vectors(last - 1)),
    };
    match &declaration.type_.constraint {
        Constraint::None
        | Constraint::Bounds { .. }
        | Constraint::Affine { .. }
        | Constraint::Ordered
        | Constraint::PositiveOrdered => Ok(size),
        Constraint::Simplex => one_less("simplex"),
        Constraint::SumToZero => one_less("vector"),
        Constraint::RowStochastic => one_less("matrix"),
        Constraint::ColumnStochastic => match dims[dims.len() - 2] {
            0 => one_less("matrix"),
            rows => Ok(size / rows * (rows - 1)),
        },
        Constraint::UnitVector => match last {
            0 => one_less("unit vector"),
            _ => Ok(size),
        },
        Constraint::CholeskyFactorCorr | Constraint::CorrMatrix => {
            Ok(matrices(last * last.saturating_sub(1) / 2))
        }
        Constraint::CovMatrix => Ok(matrices(covariance::factor_size(last, last))),
        Constraint::CholeskyFactorCov => {
            let rows = dims[dims.len() - 2];
            if rows < last {
                return interpreter.fail(
                    declaration.span,
                    format!(
                        "{} has {rows} rows and {last} columns: a Cholesky factor has no more columns than rows",
                        declaration.name
                    ),
                );
            }
            Ok(matrices(covariance::factor_size(rows, last)))
        }
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
        Constraint::Simplex | Constraint::UnitVector | Constraint::SumToZero => {
            let graph = &mut interpreter.graph;
            let free = &free_numbers(graph, unconstrained, &dims[..dims.len() - 1]);
            Ok(match &declaration.type_.constraint {
                Constraint::Simplex => simplex::constrain(graph, free),
                Constraint::UnitVector => vectors::unit(graph, free),
                _ => vectors::sum_to_zero(graph, free),
            })
        }
        Constraint::ColumnStochastic => {
            // By columns, each of which is a simplex.
            let (graph, last) = (&mut interpreter.graph, dims.len() - 1);
            let outer = [&dims[..last - 1], &dims[last..]].concat();
            let free = free_numbers(graph, unconstrained, &outer);
            let columns = simplex::constrain(graph, &free);
            Ok(Constrained {
                value: graph.transpose(&columns.value),
                ..columns
            })
        }
        Constraint::RowStochastic => {
            // By columns too, though rows are the simplexes.
            let (graph, last) = (&mut interpreter.graph, dims.len() - 1);
            let outer = [&dims[..last - 1], &[dims[last].saturating_sub(1)]].concat();
            let free = free_numbers(graph, unconstrained, &outer);
            let free = graph.transpose(&free);
            Ok(simplex::constrain(graph, &free))
        }
        Constraint::CholeskyFactorCorr
        | Constraint::CorrMatrix
        | Constraint::CholeskyFactorCov
        | Constraint::CovMatrix => {
            let (rows, columns) = (dims[dims.len() - 2], dims[dims.len() - 1]);
            let graph = &mut interpreter.graph;
            let u = &free_numbers(graph, unconstrained, &dims[..dims.len() - 2]);
            Ok(match &declaration.type_.constraint {
                Constraint::CholeskyFactorCorr => correlation::cholesky_factor(graph, u, rows),
                Constraint::CorrMatrix => correlation::matrix(graph, u, rows),
                Constraint::CholeskyFactorCov => {
                    covariance::cholesky_factor(graph, u, rows, columns)
                }
                _ => covariance::matrix(graph, u, rows),
            })
        }
    }
}

/// Numbers in the order of the unconstrained vector: one lane, the outer axes, and what is left for each.
fn free_numbers(graph: &mut Graph, unconstrained: &Expr, outer: &[usize]) -> Expr {
    let count: usize = outer.iter().product();
    let total: usize = graph.shape(unconstrained).iter().product();
    let mut shape = Shape::from_slice(&[1]);
    shape.extend_from_slice(outer);
    shape.push(total.checked_div(count).unwrap_or(0));
    graph.reshape(unconstrained, &shape)
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
