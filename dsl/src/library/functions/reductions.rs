//! Functions that make one number of a container.

use firebrand_graph::{Array, Expr, Graph, Unary};

use super::arrange::{flat, same_size};
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::types::Type;
use crate::value::{Ints, Value};

const REALS: &[&str] = &[
    "real(array[] real)",
    "real(vector)",
    "real(row_vector)",
    "real(matrix)",
];
const INTS_TOO: &[&str] = &[
    "int(array[] int)",
    "real(array[] real)",
    "real(vector)",
    "real(row_vector)",
    "real(matrix)",
];
const EXTREME: &[&str] = &[
    "int(int, int)",
    "int(array[] int)",
    "real(array[] real)",
    "real(vector)",
    "real(row_vector)",
    "real(matrix)",
];
const NORM: &[&str] = &["real(array[] real)", "real(vector)", "real(row_vector)"];
const PRODUCT: &[&str] = &[
    "real(vector, vector)",
    "real(vector, row_vector)",
    "real(row_vector, vector)",
    "real(row_vector, row_vector)",
    "real(array[] real, array[] real)",
];
const DISTANCE: &[&str] = &[
    "real(vector, vector)",
    "real(vector, row_vector)",
    "real(row_vector, vector)",
    "real(row_vector, row_vector)",
    "real(real, real)",
];
const BY_COLUMN: &[&str] = &[
    "row_vector(vector, vector)",
    "row_vector(row_vector, row_vector)",
    "row_vector(matrix, matrix)",
];
const BY_ROW: &[&str] = &[
    "vector(vector, vector)",
    "vector(row_vector, row_vector)",
    "vector(matrix, matrix)",
];

pub(in crate::library) const TABLE: &[Function] = &[
    Function::listed("sum", INTS_TOO, |call| {
        fold(call, |x| x.iter().sum(), |graph, x| graph.sum(x, 1))
    }),
    Function::listed("prod", INTS_TOO, |call| {
        fold(call, |x| x.iter().product(), product)
    }),
    Function::listed("max", EXTREME, |call| {
        extreme(call, Ord::max, |graph, x| graph.max(x, 1))
    }),
    Function::listed("min", EXTREME, |call| extreme(call, Ord::min, least)),
    Function::listed("mean", REALS, |call| moment(call, mean)),
    Function::listed("variance", REALS, |call| moment(call, variance)),
    Function::listed("sd", REALS, |call| {
        moment(call, |graph, x| {
            let variance = variance(graph, x);
            graph.unary(Unary::Sqrt, &variance)
        })
    }),
    Function::listed("norm1", NORM, |call| {
        Ok(reduce(call, |graph, x| {
            let sizes = graph.unary(Unary::Abs, x);
            graph.sum(&sizes, 1)
        }))
    }),
    Function::listed("norm2", NORM, |call| {
        Ok(reduce(call, |graph, x| {
            let square = sum_of_squares(graph, x);
            graph.unary(Unary::Sqrt, &square)
        }))
    }),
    Function::listed("dot_self", &["real(vector)", "real(row_vector)"], |call| {
        Ok(reduce(call, sum_of_squares))
    }),
    Function::listed("dot_product", PRODUCT, dot_product),
    Function::listed("squared_distance", DISTANCE, squared_distance),
    Function::listed("distance", DISTANCE, |call| {
        let square = squared_distance(call)?.to_reals();
        Ok(Value::Real(call.graph.unary(Unary::Sqrt, &square)))
    }),
    Function::listed("columns_dot_product", BY_COLUMN, |call| {
        products(call, Type::RowVector)
    }),
    Function::listed("rows_dot_product", BY_ROW, |call| {
        products(call, Type::Vector)
    }),
    Function::listed(
        "columns_dot_self",
        &[
            "row_vector(vector)",
            "row_vector(row_vector)",
            "row_vector(matrix)",
        ],
        |call| products(call, Type::RowVector),
    ),
    Function::listed(
        "rows_dot_self",
        &["vector(vector)", "vector(row_vector)", "vector(matrix)"],
        |call| products(call, Type::Vector),
    ),
    Function::listed("trace", &["real(matrix)"], |call| {
        let x = call.real(0);
        let diagonal = super::matrices::diagonal(call.graph, &x);
        Ok(Value::Real(call.graph.sum(&diagonal, 1)))
    }),
];

/// `build` of all elements in a row: `[lanes, n]` to `[lanes]`.
fn reduce(call: &mut Call, build: impl FnOnce(&mut Graph, &Expr) -> Expr) -> Value {
    let x = call.real(0);
    let x = flat(call.graph, &x);
    Value::Real(build(call.graph, &x))
}

/// The same of ints, which stay ints.
fn fold(
    call: &mut Call,
    ints: fn(&[i64]) -> i64,
    reals: impl FnOnce(&mut Graph, &Expr) -> Expr,
) -> Result<Value, Failure> {
    match &call.arguments[0] {
        Value::Int(x) => Ok(Value::Int(by_lane(x, ints))),
        Value::Real(_) => Ok(reduce(call, reals)),
    }
}

fn by_lane(x: &Ints, one: impl Fn(&[i64]) -> i64) -> Ints {
    let own: usize = x.dims().iter().product();
    let lane = |lane: usize| one(&x.data[lane * own..(lane + 1) * own]);
    Ints::new([x.lanes()], (0..x.lanes()).map(lane).collect())
}

/// The product by halves: as accurate as one factor after another, and few operations.
fn product(graph: &mut Graph, x: &Expr) -> Expr {
    let shape = graph.shape(x);
    match shape[1] {
        0 => Array::full([shape[0]], 1.0).into(),
        1 => graph.reshape(x, &[shape[0]]),
        n => {
            let half = n / 2;
            let left = graph.slice(x, 1, 0, half);
            let right = graph.slice(x, 1, half, half);
            let products = graph.mul(&left, &right);
            let rest = graph.slice(x, 1, 2 * half, n - 2 * half);
            let rest = graph.concat(&[products, rest], 1);
            product(graph, &rest)
        }
    }
}

fn least(graph: &mut Graph, x: &Expr) -> Expr {
    let minus = graph.neg(x);
    let largest = graph.max(&minus, 1);
    graph.neg(&largest)
}

fn extreme(
    call: &mut Call,
    of_ints: fn(i64, i64) -> i64,
    reals: impl FnOnce(&mut Graph, &Expr) -> Expr,
) -> Result<Value, Failure> {
    match call.arguments {
        [Value::Int(x), Value::Int(y)] => {
            let lanes = x.lanes().max(y.lanes());
            let at = |ints: &Ints, lane: usize| ints.data[if ints.lanes() == 1 { 0 } else { lane }];
            let data = (0..lanes)
                .map(|lane| of_ints(at(x, lane), at(y, lane)))
                .collect();
            Ok(Value::Int(Ints::new([lanes], data)))
        }
        [Value::Int(x)] if x.dims() == [0] => {
            Err(Failure::Wrong(format!("{} of no ints", call.name)))
        }
        [Value::Int(x)] => Ok(Value::Int(by_lane(x, |x| {
            x.iter().copied().reduce(of_ints).unwrap_or(0)
        }))),
        _ => Ok(reduce(call, reals)),
    }
}

fn moment(
    call: &mut Call,
    build: impl FnOnce(&mut Graph, &Expr) -> Expr,
) -> Result<Value, Failure> {
    if call.dims(0).contains(&0) {
        return Err(Failure::Wrong(format!("{} of no numbers", call.name)));
    }
    Ok(reduce(call, build))
}

fn mean(graph: &mut Graph, x: &Expr) -> Expr {
    let n = graph.shape(x)[1] as f64;
    let total = graph.sum(x, 1);
    graph.div(&total, &n.into())
}

/// Of one number: zero.
fn variance(graph: &mut Graph, x: &Expr) -> Expr {
    let shape = graph.shape(x);
    if shape[1] == 1 {
        return Array::full([shape[0]], 0.0).into();
    }
    let mean = mean(graph, x);
    let mean = graph.reshape(&mean, &[shape[0], 1]);
    let rest = graph.sub(x, &mean);
    let squares = sum_of_squares(graph, &rest);
    graph.div(&squares, &((shape[1] - 1) as f64).into())
}

fn sum_of_squares(graph: &mut Graph, x: &Expr) -> Expr {
    let squares = graph.unary(Unary::Square, x);
    graph.sum(&squares, 1)
}

fn dot_product(call: &mut Call) -> Result<Value, Failure> {
    same_size(call, call.dims(0)[0], call.dims(1)[0])?;
    let (x, y) = (call.real(0), call.real(1));
    Ok(Value::Real(dot(call.graph, &x, &y)))
}

/// The product of vectors, `[lanes|1, n]` each, in each lane. Where one of them is the same in all lanes it is a
/// product of a matrix and a vector.
pub fn dot(graph: &mut Graph, x: &Expr, y: &Expr) -> Expr {
    let (xs, ys) = (graph.shape(x), graph.shape(y));
    match (xs[0], ys[0]) {
        (_, 1) => {
            let y = graph.reshape(y, &[ys[1], 1]);
            let products = graph.matmul(x, &y);
            graph.reshape(&products, &[xs[0]])
        }
        (1, _) => dot(graph, y, x),
        _ => {
            let products = graph.mul(x, y);
            graph.sum(&products, 1)
        }
    }
}

fn squared_distance(call: &mut Call) -> Result<Value, Failure> {
    let (x, y) = (call.real(0), call.real(1));
    if call.dims(0).is_empty() {
        let rest = call.graph.sub(&x, &y);
        return Ok(Value::Real(call.graph.unary(Unary::Square, &rest)));
    }
    same_size(call, call.dims(0)[0], call.dims(1)[0])?;
    let rest = call.graph.sub(&x, &y);
    Ok(Value::Real(sum_of_squares(call.graph, &rest)))
}

/// The product of each row (for a vector of them) or column (for a row vector) of matrices, or of one with itself.
fn products(call: &mut Call, returns: Type) -> Result<Value, Failure> {
    let x = call.real(0);
    let products = if call.arguments.len() == 1 {
        call.graph.unary(Unary::Square, &x)
    } else {
        if call.dims(0) != call.dims(1) {
            let (left, right) = (call.dims(0), call.dims(1));
            return Err(Failure::Wrong(format!(
                "{}: sizes {left:?} and {right:?} do not match",
                call.name
            )));
        }
        let y = call.real(1);
        call.graph.mul(&x, &y)
    };
    let shape = call.graph.shape(&products);
    Ok(Value::Real(match (&call.types[0], returns) {
        (Type::Matrix, Type::RowVector) => call.graph.sum(&products, 1),
        (Type::Matrix, _) => call.graph.sum(&products, 2),
        // A vector has one column, a row vector one row.
        (Type::Vector, Type::RowVector) | (Type::RowVector, Type::Vector) => {
            let total = call.graph.sum(&products, 1);
            call.graph.reshape(&total, &[shape[0], 1])
        }
        _ => products,
    }))
}
