//! Functions that only select: `sub_col(x, i, j, n)` is `x[i:i + n - 1, j]`.
//!
//! As indices they say which elements of a variable they read, so that a loop that fills one column from the same column is not taken
//! for one that reads all of them.

use crate::hir::{BinaryOp, Expression, ExpressionKind, Index};
use crate::types::Type;

/// The selection that a call makes of a variable, if it is one.
pub(super) fn selection(name: &str, arguments: &[Expression]) -> Option<ExpressionKind> {
    let (container, rest) = arguments.split_first()?;
    if !matches!(
        container.kind,
        ExpressionKind::Variable(_) | ExpressionKind::Index(..)
    ) {
        return None;
    }
    let indices = match (name, rest) {
        ("row", [i]) => vec![Index::Single(i.clone())],
        ("col", [j]) => vec![Index::Range(None, None), Index::Single(j.clone())],
        ("sub_row", [i, j, n]) => vec![Index::Single(i.clone()), window(j, n)],
        ("sub_col", [i, j, n]) => vec![window(i, n), Index::Single(j.clone())],
        ("block", [i, j, m, n]) => vec![window(i, m), window(j, n)],
        ("head", [n]) => vec![Index::Range(None, Some(n.clone()))],
        ("segment", [i, n]) => vec![window(i, n)],
        _ => return None,
    };
    Some(ExpressionKind::indexed(container.clone(), indices))
}

/// `start:start + count - 1`
fn window(start: &Expression, count: &Expression) -> Index {
    let int = |kind| Expression {
        kind,
        type_: Type::Int,
        span: count.span,
    };
    let one = int(ExpressionKind::Int(1));
    let less = int(ExpressionKind::Binary(
        BinaryOp::Subtract,
        Box::new(count.clone()),
        Box::new(one),
    ));
    let last = int(ExpressionKind::Binary(
        BinaryOp::Add,
        Box::new(start.clone()),
        Box::new(less),
    ));
    Index::Range(Some(start.clone()), Some(last))
}
