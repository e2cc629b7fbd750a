//! Which statements look at a variable.

use crate::hir::{
    Constraint, Declaration, Element, Expression, Index, Printable, Slot, Statement, StatementKind,
};
use crate::stage::mentions;

/// Whether statements read a variable, or assign to it.
pub(super) fn are_about(statements: &[Statement], slot: Slot) -> bool {
    statements.iter().any(|statement| is_about(statement, slot))
}

fn is_about(statement: &Statement, slot: Slot) -> bool {
    let reads = |expression: &Expression| mentions(expression, slot);
    match &statement.kind {
        StatementKind::Declare(declaration, value) => {
            declares_with(declaration, slot) || value.as_ref().is_some_and(reads)
        }
        StatementKind::Assign { target, value, .. } => {
            let indexed = |index: &Index| match index {
                Index::Single(at) | Index::Multiple(at) => reads(at),
                Index::Range(lower, upper) => [lower, upper].into_iter().flatten().any(reads),
            };
            target.slot == slot || target.indices.iter().any(indexed) || reads(value)
        }
        StatementKind::TargetAdd(value) | StatementKind::Call(value) => reads(value),
        StatementKind::If {
            condition,
            then,
            otherwise,
        } => reads(condition) || are_about(then, slot) || are_about(otherwise, slot),
        StatementKind::For {
            lower, upper, body, ..
        } => reads(lower) || reads(upper) || are_about(body, slot),
        StatementKind::ForEach {
            container, body, ..
        } => reads(container) || are_about(body, slot),
        StatementKind::While { condition, body } => reads(condition) || are_about(body, slot),
        StatementKind::Break | StatementKind::Continue => false,
        StatementKind::Return(value) => value.as_ref().is_some_and(reads),
        StatementKind::Block(body) => are_about(body, slot),
        StatementKind::Print(parts)
        | StatementKind::Reject(parts)
        | StatementKind::FatalError(parts) => parts.iter().any(|part| match part {
            Printable::Text(_) => false,
            Printable::Value(value) => reads(value),
        }),
    }
}

/// Whether sizes or the constraint of a declaration read a variable.
pub(super) fn declares_with(declaration: &Declaration, slot: Slot) -> bool {
    let reads = |expression: &Expression| mentions(expression, slot);
    let type_ = &declaration.type_;
    let element = match &type_.element {
        // A network is made once, of all the data.
        Element::Int | Element::Real | Element::Weights(_) => false,
        Element::Vector(length) | Element::RowVector(length) => reads(length),
        Element::Matrix(rows, columns) => reads(rows) || reads(columns),
    };
    let constraint = match &type_.constraint {
        Constraint::Bounds { lower, upper } => [lower, upper].into_iter().flatten().any(reads),
        Constraint::Affine { offset, multiplier } => {
            [offset, multiplier].into_iter().flatten().any(reads)
        }
        _ => false,
    };
    element || constraint || type_.array.iter().any(reads)
}
