//! Lower and upper bounds, offset and multiplier.

use firebrand_graph::{Expr, Unary, broadcast_shape};

use super::Constrained;
use crate::hir::{Declaration, Expression};
use crate::library::align;
use crate::stage::{Interpreter, Scope, Staged};

/// lower + exp(u); upper - exp(u); lower + (upper - lower) / (1 + exp(-u)). A bound known to be infinite is none.
pub(super) fn constrain(
    interpreter: &mut Interpreter,
    declaration: &Declaration,
    u: &Expr,
    lower: Option<&Expression>,
    upper: Option<&Expression>,
    scope: &Scope,
) -> Staged<Constrained> {
    let lower = bound(interpreter, declaration, u, lower, f64::NEG_INFINITY, scope)?;
    let upper = bound(interpreter, declaration, u, upper, f64::INFINITY, scope)?;
    let graph = &mut interpreter.graph;
    Ok(match (lower, upper) {
        (None, None) => Constrained {
            value: u.clone(),
            log_jacobian: None,
        },
        (Some(lower), None) => {
            let distance = graph.exp(u);
            Constrained {
                value: graph.add(&lower, &distance),
                log_jacobian: Some(u.clone()),
            }
        }
        (None, Some(upper)) => {
            let distance = graph.exp(u);
            Constrained {
                value: graph.sub(&upper, &distance),
                log_jacobian: Some(u.clone()),
            }
        }
        (Some(lower), Some(upper)) => {
            let fraction = graph.unary(Unary::Sigmoid, u);
            let width = graph.sub(&upper, &lower);
            let distance = graph.mul(&width, &fraction);
            let value = graph.add(&lower, &distance);
            // log width + log s(u) + log(1 - s(u)), where the last two are -u - 2 log(1 + exp(-u)).
            let negative = graph.neg(u);
            let softplus = graph.unary(Unary::Log1pExp, &negative);
            let twice = graph.scale(&softplus, 2.0);
            let slope = graph.sub(&negative, &twice);
            let log_width = graph.log(&width);
            Constrained {
                value,
                log_jacobian: Some(graph.add(&log_width, &slope)),
            }
        }
    })
}

/// offset + multiplier u
pub(super) fn scale(
    interpreter: &mut Interpreter,
    declaration: &Declaration,
    u: &Expr,
    offset: Option<&Expression>,
    multiplier: Option<&Expression>,
    scope: &Scope,
) -> Staged<Constrained> {
    let offset = fitted(interpreter, declaration, u, offset, scope)?;
    let multiplier = fitted(interpreter, declaration, u, multiplier, scope)?;
    let graph = &mut interpreter.graph;
    let (scaled, log_jacobian) = match multiplier {
        Some(multiplier) => {
            let log = graph.log(&multiplier);
            let shape = graph.shape(u);
            (
                graph.mul(&multiplier, u),
                Some(graph.broadcast_to(&log, &shape)),
            )
        }
        None => (u.clone(), None),
    };
    let value = match offset {
        Some(offset) => graph.add(&offset, &scaled),
        None => scaled,
    };
    Ok(Constrained {
        value,
        log_jacobian,
    })
}

/// A bound's value, unless it is missing or known to be `none` everywhere.
fn bound(
    interpreter: &mut Interpreter,
    declaration: &Declaration,
    u: &Expr,
    bound: Option<&Expression>,
    none: f64,
    scope: &Scope,
) -> Staged<Option<Expr>> {
    let value = fitted(interpreter, declaration, u, bound, scope)?;
    Ok(value.filter(|value| value.as_data().and_then(|known| known.uniform_value()) != Some(none)))
}

fn fitted(
    interpreter: &mut Interpreter,
    declaration: &Declaration,
    u: &Expr,
    expression: Option<&Expression>,
    scope: &Scope,
) -> Staged<Option<Expr>> {
    let Some(expression) = expression else {
        return Ok(None);
    };
    let value = interpreter.evaluate(expression, scope)?.to_reals();
    let shape = interpreter.graph.shape(u);
    let value = align(&mut interpreter.graph, &value, shape.len());
    let found = interpreter.graph.shape(&value);
    if broadcast_shape(&found, &shape).as_ref() != Some(&shape) {
        return interpreter.fail(
            expression.span,
            format!(
                "{} has sizes {:?}, but this has {:?}",
                declaration.name,
                &shape[1..],
                &found[1..]
            ),
        );
    }
    Ok(Some(value))
}
