//! Moving axes and elements about: what functions of containers share.

use firebrand_graph::{Expr, Graph, Index, Shape};

use crate::library::call::{Call, Failure};
use crate::types::Type;
use crate::value::{Ints, Value};

/// The argument's type, for functions that keep it.
pub(super) fn keep_type(arguments: &[Type]) -> Option<Type> {
    match arguments {
        [x] if matches!(x.scalar(), Type::Int | Type::Real) => Some(x.clone()),
        _ => None,
    }
}

/// Lanes, and all own axes as one.
pub(super) fn flat(graph: &mut Graph, x: &Expr) -> Expr {
    let shape = graph.shape(x);
    let count = shape[1..].iter().product();
    graph.reshape(x, &[shape[0], count])
}

/// The positions `index` along an axis.
pub(in crate::library) fn take(graph: &mut Graph, x: &Expr, axis: usize, index: &Index) -> Expr {
    let shape = graph.shape(x);
    if shape[..axis].iter().product::<usize>() == 1 {
        let rows = graph.reshape(x, &shape[axis..]);
        let taken = graph.gather(&rows, index);
        let mut result = shape.clone();
        result[axis] = index.len();
        return graph.reshape(&taken, &result);
    }
    let mut axes: Vec<usize> = (0..shape.len()).collect();
    axes[..=axis].rotate_right(1);
    let front = graph.permute(x, &axes);
    let taken = graph.gather(&front, index);
    axes = (0..shape.len()).collect();
    axes[..=axis].rotate_left(1);
    graph.permute(&taken, &axes)
}

/// Repeats what is the same in all lanes, so that all have as many.
pub(super) fn common_lanes(graph: &mut Graph, parts: &mut [Expr]) {
    let lanes = parts
        .iter()
        .map(|part| graph.shape(part)[0])
        .max()
        .unwrap_or(1);
    for part in parts {
        let mut shape = graph.shape(part);
        shape[0] = lanes;
        *part = graph.broadcast_to(part, &shape);
    }
}

/// A function that moves elements about and does not change them, of ints or reals.
pub(super) fn moved(
    call: &mut Call,
    argument: usize,
    arrange: impl FnOnce(&mut Graph, &Expr) -> Expr,
) -> Result<Value, Failure> {
    let value = &call.arguments[argument];
    let result = arrange(call.graph, &value.to_reals());
    Ok(like(value, result))
}

/// `result` as ints where `value` is of ints.
pub(super) fn like(value: &Value, result: Expr) -> Value {
    match (value, &result) {
        (Value::Int(_), Expr::Data(known)) => Value::Int(Ints::new(
            known.shape(),
            known.data().iter().map(|x| *x as i64).collect(),
        )),
        _ => Value::Real(result),
    }
}

/// The shape with the axis removed.
pub(super) fn without(shape: &Shape, axis: usize) -> Shape {
    let mut rest = shape.clone();
    rest.remove(axis);
    rest
}

/// Argument `i` as a size: not negative, and the same in all lanes.
pub(super) fn size(call: &Call, i: usize) -> Result<usize, Failure> {
    let size = call.uniform_int(i)?;
    usize::try_from(size).map_err(|_| Failure::Wrong(format!("{}: a size of {size}", call.name)))
}

/// Argument `i` as a position in 1 to `n`, counted from zero.
pub(super) fn position(call: &Call, i: usize, n: usize) -> Result<usize, Failure> {
    let position = call.uniform_int(i)?;
    match usize::try_from(position) {
        Ok(position) if (1..=n).contains(&position) => Ok(position - 1),
        _ => Err(Failure::Wrong(format!(
            "{}: position {position} is not among 1 to {n}",
            call.name
        ))),
    }
}

/// Fails unless the sizes are equal.
pub(super) fn same_size(call: &Call, left: usize, right: usize) -> Result<(), Failure> {
    if left == right {
        return Ok(());
    }
    Err(Failure::Wrong(format!(
        "{}: sizes {left} and {right} do not match",
        call.name
    )))
}
