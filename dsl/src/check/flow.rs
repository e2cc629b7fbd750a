//! Whether a function's body always ends in a `return`.

use crate::hir::{ExpressionKind, Statement, StatementKind};

/// What is known about where a statement leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// It always returns, or stops the program.
    Returns,
    /// What follows it may run.
    Continues,
    /// It may leave a loop.
    LeavesLoop,
}

/// Whether statements always return a value or stop the program. As in Stan, a loop whose body
/// returns counts as returning, whether it runs or not.
pub(super) fn always_returns(statements: &[Statement]) -> bool {
    sequence(statements) == Flow::Returns
}

fn sequence(statements: &[Statement]) -> Flow {
    let mut result = Flow::Continues;
    for statement in statements {
        match flow(statement) {
            Flow::Returns => {
                return if result == Flow::LeavesLoop {
                    result
                } else {
                    Flow::Returns
                };
            }
            Flow::LeavesLoop => result = Flow::LeavesLoop,
            Flow::Continues => {}
        }
    }
    result
}

fn flow(statement: &Statement) -> Flow {
    match &statement.kind {
        StatementKind::Return(_) | StatementKind::Reject(_) | StatementKind::FatalError(_) => {
            Flow::Returns
        }
        StatementKind::Break => Flow::LeavesLoop,
        StatementKind::Block(body) => sequence(body),
        StatementKind::If {
            then, otherwise, ..
        } => match (sequence(then), sequence(otherwise)) {
            (Flow::Returns, Flow::Returns) => Flow::Returns,
            (Flow::LeavesLoop, _) | (_, Flow::LeavesLoop) => Flow::LeavesLoop,
            _ => Flow::Continues,
        },
        StatementKind::While { condition, body } => match sequence(body) {
            Flow::Returns => Flow::Returns,
            // A loop that ends by returning only.
            Flow::Continues if matches!(condition.kind, ExpressionKind::Int(n) if n != 0) => {
                Flow::Returns
            }
            _ => Flow::Continues,
        },
        StatementKind::For { body, .. } | StatementKind::ForEach { body, .. } => {
            match sequence(body) {
                Flow::Returns => Flow::Returns,
                _ => Flow::Continues,
            }
        }
        _ => Flow::Continues,
    }
}
