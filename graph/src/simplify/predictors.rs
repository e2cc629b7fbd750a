//! b[1] + b[2] * x + ... is one product of a known matrix with the coefficients, and its adjoint another.

use super::affine::Affine;
use crate::{Binary, Expr, Graph, Op, Unary};

/// Rows, at least, for which a product is worth more than the operations that it stands for.
const FEWEST_ROWS: usize = 8;

/// A sum of several known vectors times scalars, as a product with a matrix.
pub(super) fn combine(graph: &mut Graph, x: &Expr) -> Option<Expr> {
    let node = x.as_node()?;
    let linear = matches!(
        graph.node(node).op,
        Op::Binary(Binary::Add | Binary::Sub | Binary::Mul | Binary::Div, ..)
            | Op::Unary(Unary::Neg, _)
    );
    let shape = graph.node(node).shape.clone();
    if !linear || !graph.node(node).batched || shape.iter().product::<usize>() < FEWEST_ROWS {
        return None;
    }
    let affine = Affine::of(graph, node)?;
    if affine.columns.len() < 2 {
        return None;
    }
    let combined = affine.build(graph);
    Some(graph.reshape(&combined, &shape))
}
