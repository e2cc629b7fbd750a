//! Parts of containers, and containers joined.

use firebrand_graph::{Expr, Graph, Index};

use super::arrange::{
    common_lanes, keep_type, like, moved, position, same_size, size, take, without,
};
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::types::Type;
use crate::value::Value;

pub(in crate::library) const TABLE: &[Function] = &[
    Function::rule(
        "head",
        first_container,
        &["T(T, int)  with T any array or vector"],
        |call| {
            let n = size(call, 1)?;
            range(call, 0, n)
        },
    ),
    Function::rule(
        "tail",
        first_container,
        &["T(T, int)  with T any array or vector"],
        |call| {
            let n = size(call, 1)?;
            let start = call.dims(0)[0].checked_sub(n).ok_or_else(|| beyond(call))?;
            range(call, start, n)
        },
    ),
    Function::rule(
        "segment",
        first_container,
        &["T(T, int, int)  with T any array or vector"],
        |call| {
            let n = size(call, 2)?;
            if n == 0 {
                return range(call, 0, 0);
            }
            let start = position(call, 1, call.dims(0)[0])?;
            range(call, start, n)
        },
    ),
    Function::rule(
        "reverse",
        reversible,
        &["T(T)  with T any array or vector"],
        |call| {
            let n = call.dims(0)[0] as u32;
            moved(call, 0, |graph, x| {
                take(graph, x, 1, &(0..n).rev().collect::<Index>())
            })
        },
    ),
    Function::listed("row", &["row_vector(matrix, int)"], |call| line(call, 1)),
    Function::listed("col", &["vector(matrix, int)"], |call| line(call, 2)),
    Function::listed("sub_row", &["row_vector(matrix, int, int, int)"], |call| {
        let row = window(call, [Span::At(1), Span::From(2, 3)])?;
        squeeze(call, row, 1)
    }),
    Function::listed("sub_col", &["vector(matrix, int, int, int)"], |call| {
        let column = window(call, [Span::From(1, 3), Span::At(2)])?;
        squeeze(call, column, 2)
    }),
    Function::listed("block", &["matrix(matrix, int, int, int, int)"], |call| {
        Ok(Value::Real(window(
            call,
            [Span::From(1, 3), Span::From(2, 4)],
        )?))
    }),
    Function::listed("append_row", APPEND_ROW, |call| {
        append(call, Type::RowVector, 1)
    }),
    Function::listed("append_col", APPEND_COL, |call| {
        append(call, Type::Vector, 2)
    }),
    Function::rule(
        "append_array",
        append_array_type,
        &["T(T, T)  with T any array"],
        append_array,
    ),
];

const APPEND_ROW: &[&str] = &[
    "vector(real, vector)",
    "vector(vector, real)",
    "vector(vector, vector)",
    "matrix(row_vector, row_vector)",
    "matrix(row_vector, matrix)",
    "matrix(matrix, row_vector)",
    "matrix(matrix, matrix)",
];
const APPEND_COL: &[&str] = &[
    "row_vector(real, row_vector)",
    "row_vector(row_vector, real)",
    "row_vector(row_vector, row_vector)",
    "matrix(vector, vector)",
    "matrix(vector, matrix)",
    "matrix(matrix, vector)",
    "matrix(matrix, matrix)",
];

/// The positions `start..start + n` along the first axis.
fn range(call: &mut Call, start: usize, n: usize) -> Result<Value, Failure> {
    if start + n > call.dims(0)[0] {
        return Err(beyond(call));
    }
    moved(call, 0, |graph, x| graph.slice(x, 1, start, n))
}

fn beyond(call: &Call) -> Failure {
    Failure::Wrong(format!(
        "{}: the part asked for lies beyond the {} there are",
        call.name,
        call.dims(0)[0]
    ))
}

/// A row (axis 1) or column (axis 2) of a matrix, which may differ from lane to lane.
fn line(call: &mut Call, axis: usize) -> Result<Value, Failure> {
    let n = call.dims(0)[axis - 1];
    let which = call.int(1);
    let x = call.real(0);
    let shape = call.graph.shape(&x);
    if let Some(bad) = which.data.iter().find(|i| **i < 1 || **i > n as i64) {
        return Err(Failure::Wrong(format!(
            "{}: position {bad} is not among 1 to {n}",
            call.name
        )));
    }
    if which.lanes() > 1 && shape[0] == 1 {
        let index: Index = which.data.iter().map(|i| (i - 1) as u32).collect();
        let lines = take(call.graph, &x, axis, &index);
        let lines = if axis == 2 {
            call.graph.transpose(&lines)
        } else {
            lines
        };
        return Ok(Value::Real(
            call.graph
                .reshape(&lines, &[which.lanes(), shape[3 - axis]]),
        ));
    }
    let start = position(call, 1, n)?;
    let line = call.graph.slice(&x, axis, start, 1);
    squeeze(call, line, axis)
}

fn squeeze(call: &mut Call, x: Expr, axis: usize) -> Result<Value, Failure> {
    let shape = call.graph.shape(&x);
    Ok(Value::Real(call.graph.reshape(&x, &without(&shape, axis))))
}

/// Which positions of an axis: the numbers of the arguments that say.
enum Span {
    At(usize),
    From(usize, usize),
}

fn window(call: &mut Call, spans: [Span; 2]) -> Result<Expr, Failure> {
    let mut x = call.real(0);
    for (axis, span) in spans.into_iter().enumerate() {
        let n = call.dims(0)[axis];
        let (start, count) = match span {
            Span::At(i) => (position(call, i, n)?, 1),
            Span::From(i, j) => match size(call, j)? {
                0 => (0, 0),
                count => (position(call, i, n)?, count),
            },
        };
        if start + count > n {
            return Err(Failure::Wrong(format!(
                "{}: {} to {} of {n}",
                call.name,
                start + 1,
                start + count
            )));
        }
        x = call.graph.slice(&x, axis + 1, start, count);
    }
    Ok(x)
}

/// Joins along an axis. `line` is the type of what is one row or column of a result that is a matrix.
fn append(call: &mut Call, line: Type, axis: usize) -> Result<Value, Failure> {
    let whole = |x: &Type| *x == line || *x == Type::Matrix;
    let matrix = call.types.iter().all(whole);
    let mut parts = [call.real(0), call.real(1)];
    for (part, type_) in parts.iter_mut().zip(call.types) {
        let shape = call.graph.shape(part);
        match (type_, matrix) {
            (Type::Int | Type::Real, _) => *part = call.graph.reshape(part, &[shape[0], 1]),
            (Type::RowVector, true) => *part = call.graph.reshape(part, &[shape[0], 1, shape[1]]),
            (Type::Vector, true) => *part = call.graph.reshape(part, &[shape[0], shape[1], 1]),
            _ => {}
        }
    }
    if matrix {
        let other = 3 - axis;
        same_size(
            call,
            call.graph.shape(&parts[0])[other],
            call.graph.shape(&parts[1])[other],
        )?;
    }
    Ok(Value::Real(join(
        call.graph,
        parts,
        if matrix { axis } else { 1 },
    )))
}

fn append_array(call: &mut Call) -> Result<Value, Failure> {
    let (left, right) = (call.dims(0), call.dims(1));
    // An array of none has no sizes to compare.
    if left[1..] != right[1..] && left[0] > 0 && right[0] > 0 {
        return Err(Failure::Wrong(format!(
            "append_array: sizes {left:?} and {right:?} do not match"
        )));
    }
    let both_ints = matches!(call.arguments, [Value::Int(_), Value::Int(_)]);
    let joined = match (left[0], right[0]) {
        (0, _) => call.real(1),
        (_, 0) => call.real(0),
        _ => join(call.graph, [call.real(0), call.real(1)], 1),
    };
    Ok(if both_ints {
        like(&call.arguments[0], joined)
    } else {
        Value::Real(joined)
    })
}

fn join(graph: &mut Graph, mut parts: [Expr; 2], axis: usize) -> Expr {
    common_lanes(graph, &mut parts);
    graph.concat(&parts, axis)
}

fn append_array_type(arguments: &[Type]) -> Option<Type> {
    match arguments {
        [x @ Type::Array { .. }, y @ Type::Array { .. }] => {
            if y.converts_to(x) {
                Some(x.clone())
            } else {
                x.converts_to(y).then(|| y.clone())
            }
        }
        _ => None,
    }
}

fn reversible(arguments: &[Type]) -> Option<Type> {
    keep_type(arguments).filter(|x| x.rank() > 0 && *x != Type::Matrix)
}

fn first_container(arguments: &[Type]) -> Option<Type> {
    let (first, rest) = arguments.split_first()?;
    reversible(std::slice::from_ref(first))
        .filter(|_| rest.iter().all(|x| *x == Type::Int) && !rest.is_empty())
}
