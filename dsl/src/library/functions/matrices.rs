//! Matrices: diagonals, products with their transposes, covariance functions.

use firebrand_graph::{Array, Expr, Graph, Index};

use super::arrange::{same_size, take};
use super::definite::require_symmetric;
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::types::Type;
use crate::value::Value;

pub(in crate::library) const TABLE: &[Function] = &[
    Function::listed("diagonal", &["vector(matrix)"], |call| {
        let x = call.real(0);
        Ok(Value::Real(diagonal(call.graph, &x)))
    }),
    Function::listed("diag_matrix", &["matrix(vector)"], |call| {
        let x = call.real(0);
        Ok(Value::Real(diagonal_matrix(call.graph, &x)))
    }),
    Function::listed(
        "add_diag",
        &[
            "matrix(matrix, vector)",
            "matrix(matrix, row_vector)",
            "matrix(matrix, real)",
        ],
        add_diag,
    ),
    Function::listed(
        "diag_pre_multiply",
        &["matrix(vector, matrix)", "matrix(row_vector, matrix)"],
        |call| {
            same_size(call, call.dims(0)[0], call.dims(1)[0])?;
            let (scale, x) = (call.real(0), call.real(1));
            let scale = column(call.graph, &scale);
            Ok(Value::Real(call.graph.mul(&scale, &x)))
        },
    ),
    Function::listed(
        "diag_post_multiply",
        &["matrix(matrix, vector)", "matrix(matrix, row_vector)"],
        |call| {
            same_size(call, call.dims(0)[1], call.dims(1)[0])?;
            let (x, scale) = (call.real(0), call.real(1));
            let scale = row(call.graph, &scale);
            Ok(Value::Real(call.graph.mul(&x, &scale)))
        },
    ),
    Function::listed(
        "quad_form_diag",
        &["matrix(matrix, vector)", "matrix(matrix, row_vector)"],
        quad_form_diag,
    ),
    Function::listed("crossprod", &["matrix(matrix)"], |call| {
        let x = call.real(0);
        let transposed = call.graph.transpose(&x);
        Ok(Value::Real(call.graph.matmul(&transposed, &x)))
    }),
    Function::listed("tcrossprod", &["matrix(matrix)"], |call| {
        let x = call.real(0);
        Ok(Value::Real(times_own_transpose(call.graph, &x)))
    }),
    Function::listed(
        "multiply_lower_tri_self_transpose",
        &["matrix(matrix)"],
        |call| {
            let x = call.real(0);
            let lower = triangle(call.graph, &x, |i, j| i >= j);
            Ok(Value::Real(times_own_transpose(call.graph, &lower)))
        },
    ),
    Function::listed(
        "quad_form",
        &["real(matrix, vector)", "matrix(matrix, matrix)"],
        quad_form,
    ),
    Function::listed(
        "quad_form_sym",
        &["real(matrix, vector)", "matrix(matrix, matrix)"],
        |call| {
            square(call, 0)?;
            let x = call.real(0);
            require_symmetric(call, &x, "A");
            quad_form(call)
        },
    ),
    Function::listed(
        "trace_quad_form",
        &["real(matrix, vector)", "real(matrix, matrix)"],
        |call| {
            let form = quad_form(call)?.to_reals();
            if call.types[1] == Type::Vector {
                return Ok(Value::Real(form));
            }
            let diagonal = diagonal(call.graph, &form);
            Ok(Value::Real(call.graph.sum(&diagonal, 1)))
        },
    ),
    Function::listed("symmetrize_from_lower_tri", &["matrix(matrix)"], |call| {
        square(call, 0)?;
        let x = call.real(0);
        let lower = triangle(call.graph, &x, |i, j| i >= j);
        let strict = triangle(call.graph, &x, |i, j| i > j);
        let upper = call.graph.transpose(&strict);
        Ok(Value::Real(call.graph.add(&lower, &upper)))
    }),
];

/// `[lanes, rows, columns]` to `[lanes, min(rows, columns)]`
pub(in crate::library) fn diagonal(graph: &mut Graph, x: &Expr) -> Expr {
    let shape = graph.shape(x);
    let flat = graph.reshape(x, &[shape[0], shape[1] * shape[2]]);
    let index: Index = (0..shape[1].min(shape[2]))
        .map(|i| (i * (shape[2] + 1)) as u32)
        .collect();
    take(graph, &flat, 1, &index)
}

/// `[lanes, n]` to `[lanes, n, n]`
fn diagonal_matrix(graph: &mut Graph, x: &Expr) -> Expr {
    let n = graph.shape(x)[1];
    let x = column(graph, x);
    masked(graph, &x, [n, n], |i, j| i == j)
}

fn add_diag(call: &mut Call) -> Result<Value, Failure> {
    let dims = call.dims(0);
    let (x, y) = (call.real(0), call.real(1));
    let shape = call.graph.shape(&y);
    let added = if shape.len() == 1 {
        call.graph.reshape(&y, &[shape[0], 1, 1])
    } else {
        same_size(call, dims[0].min(dims[1]), shape[1])?;
        // The elements stand in the rows of the diagonal; rows below it have none.
        let padding = Array::full([shape[0], dims[0] - shape[1]], 0.0).into();
        let padded = call.graph.concat(&[y, padding], 1);
        column(call.graph, &padded)
    };
    let added = masked(call.graph, &added, [dims[0], dims[1]], |i, j| i == j);
    Ok(Value::Real(call.graph.add(&x, &added)))
}

fn quad_form_diag(call: &mut Call) -> Result<Value, Failure> {
    let n = square(call, 0)?;
    same_size(call, n, call.dims(1)[0])?;
    let (x, scale) = (call.real(0), call.real(1));
    let (down, across) = (column(call.graph, &scale), row(call.graph, &scale));
    let scaled = call.graph.mul(&down, &x);
    Ok(Value::Real(call.graph.mul(&scaled, &across)))
}

/// B' A B
fn quad_form(call: &mut Call) -> Result<Value, Failure> {
    let n = square(call, 0)?;
    same_size(call, n, call.dims(1)[0])?;
    let (a, b) = (call.real(0), call.real(1));
    let vector = call.types[1] == Type::Vector;
    let b = if vector { column(call.graph, &b) } else { b };
    let product = call.graph.matmul(&a, &b);
    let transposed = call.graph.transpose(&b);
    let form = call.graph.matmul(&transposed, &product);
    let lanes = call.graph.shape(&form)[0];
    Ok(Value::Real(if vector {
        call.graph.reshape(&form, &[lanes])
    } else {
        form
    }))
}

fn times_own_transpose(graph: &mut Graph, x: &Expr) -> Expr {
    let transposed = graph.transpose(x);
    graph.matmul(x, &transposed)
}

/// The number of rows of a square matrix.
pub(in crate::library) fn square(call: &Call, i: usize) -> Result<usize, Failure> {
    match call.dims(i).as_slice() {
        [rows, columns] if rows == columns => Ok(*rows),
        dims => Err(Failure::Wrong(format!(
            "{}: a matrix of size {dims:?} is not square",
            call.name
        ))),
    }
}

/// `x`, which broadcasts to `[lanes, rows, columns]`: kept where `place` holds of row and column, else 0.
fn masked(
    graph: &mut Graph,
    x: &Expr,
    [rows, columns]: [usize; 2],
    place: fn(usize, usize) -> bool,
) -> Expr {
    let data = (0..rows * columns)
        .map(|k| f64::from(place(k / columns, k % columns)))
        .collect();
    let places = Expr::Data(Array::new([1, rows, columns], data));
    match x {
        Expr::Data(_) => graph.select(&places, x, &0.0.into()),
        Expr::Node(_) => graph.mul(x, &places),
    }
}

/// `x` where `place` holds of row and column, else 0.
fn triangle(graph: &mut Graph, x: &Expr, place: fn(usize, usize) -> bool) -> Expr {
    let shape = graph.shape(x);
    masked(graph, x, [shape[1], shape[2]], place)
}

/// `[lanes, n]` as one column.
fn column(graph: &mut Graph, x: &Expr) -> Expr {
    let shape = graph.shape(x);
    graph.reshape(x, &[shape[0], shape[1], 1])
}

/// `[lanes, n]` as one row.
fn row(graph: &mut Graph, x: &Expr) -> Expr {
    let shape = graph.shape(x);
    graph.reshape(x, &[shape[0], 1, shape[1]])
}
