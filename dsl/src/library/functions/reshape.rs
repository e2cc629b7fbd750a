//! The same elements as another type. Matrices are read and filled column by column, arrays row by row.

use firebrand_graph::{Expr, Graph, Shape};

use super::arrange::{flat, moved, size};
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::types::Type;
use crate::value::Value;

pub(in crate::library) const TABLE: &[Function] = &[
    Function::listed(
        "to_vector",
        &[
            "vector(matrix)",
            "vector(vector)",
            "vector(row_vector)",
            "vector(array[] real)",
        ],
        to_line,
    ),
    Function::listed(
        "to_row_vector",
        &[
            "row_vector(matrix)",
            "row_vector(vector)",
            "row_vector(row_vector)",
            "row_vector(array[] real)",
        ],
        to_line,
    ),
    Function::rule(
        "to_array_1d",
        to_array_1d_type,
        &["array[] real(T)  with T any container"],
        |call| {
            if call.types[0] == Type::Matrix {
                to_line(call)
            } else {
                moved(call, 0, flat)
            }
        },
    ),
    Function::listed("to_array_2d", &["array[,] real(matrix)"], |call| {
        Ok(Value::Real(call.real(0)))
    }),
    Function::listed("to_matrix", TO_MATRIX, to_matrix),
    Function::listed(
        "transpose",
        &["row_vector(vector)", "vector(row_vector)", "matrix(matrix)"],
        |call| {
            let x = call.real(0);
            Ok(Value::Real(if call.types[0] == Type::Matrix {
                call.graph.transpose(&x)
            } else {
                x
            }))
        },
    ),
];

const TO_MATRIX: &[&str] = &[
    "matrix(matrix)",
    "matrix(vector)",
    "matrix(row_vector)",
    "matrix(array[] row_vector)",
    "matrix(array[,] real)",
    "matrix(matrix, int, int)",
    "matrix(vector, int, int)",
    "matrix(row_vector, int, int)",
    "matrix(array[] real, int, int)",
    "matrix(matrix, int, int, int)",
    "matrix(vector, int, int, int)",
    "matrix(row_vector, int, int, int)",
    "matrix(array[] real, int, int, int)",
];

/// `[lanes, n]`, a matrix column by column.
fn column_major(graph: &mut Graph, x: &Expr) -> Expr {
    let x = if graph.shape(x).len() == 3 {
        graph.transpose(x)
    } else {
        x.clone()
    };
    flat(graph, &x)
}

fn to_line(call: &mut Call) -> Result<Value, Failure> {
    let x = call.real(0);
    Ok(Value::Real(column_major(call.graph, &x)))
}

fn to_matrix(call: &mut Call) -> Result<Value, Failure> {
    let x = call.real(0);
    let shape = call.graph.shape(&x);
    if call.arguments.len() == 1 {
        let target: Shape = match call.types[0] {
            Type::Vector => [shape[0], shape[1], 1].into_iter().collect(),
            Type::RowVector => [shape[0], 1, shape[1]].into_iter().collect(),
            _ => shape,
        };
        return Ok(Value::Real(call.graph.reshape(&x, &target)));
    }
    let (rows, columns) = (size(call, 1)?, size(call, 2)?);
    let elements = column_major(call.graph, &x);
    let count = call.graph.shape(&elements)[1];
    if rows * columns != count {
        return Err(Failure::Wrong(format!(
            "to_matrix: {count} elements do not fill {rows} rows and {columns} columns"
        )));
    }
    let by_columns = call.arguments.len() < 4 || call.uniform_int(3)? != 0;
    if !by_columns {
        return Ok(Value::Real(
            call.graph.reshape(&elements, &[shape[0], rows, columns]),
        ));
    }
    let columns_first = call.graph.reshape(&elements, &[shape[0], columns, rows]);
    Ok(Value::Real(call.graph.transpose(&columns_first)))
}

fn to_array_1d_type(arguments: &[Type]) -> Option<Type> {
    match arguments {
        [Type::Array { element, .. }] if element.is_scalar() => Some(element.scalar().array()),
        [Type::Vector | Type::RowVector | Type::Matrix] => Some(Type::Real.array()),
        _ => None,
    }
}
