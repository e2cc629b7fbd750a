//! Sparse matrices in compressed rows: values `w`, the column `v` of each, and where each row begins, `u`.

use firebrand_graph::{Array, Expr, Index};

use super::arrange::{same_size, size, take};
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::density::known;
use crate::value::{Ints, Value};

pub(in crate::library) const TABLE: &[Function] = &[
    Function::listed(
        "csr_matrix_times_vector",
        &["vector(int, int, vector, array[] int, array[] int, vector)"],
        times_vector,
    ),
    Function::listed(
        "csr_to_dense_matrix",
        &["matrix(int, int, vector, array[] int, array[] int)"],
        to_dense,
    ),
    Function::listed("csr_extract_w", &["vector(matrix)"], |call| {
        let (x, places) = nonzero(call)?;
        let data: Vec<f64> = places.iter().map(|k| x.data()[*k]).collect();
        Ok(Value::Real(Array::new([1, data.len()], data).into()))
    }),
    Function::listed("csr_extract_v", &["array[] int(matrix)"], |call| {
        let (x, places) = nonzero(call)?;
        let columns = x.shape()[2];
        let data = places.iter().map(|k| (k % columns + 1) as i64).collect();
        Ok(Value::Int(Ints::new([1, places.len()], data)))
    }),
    Function::listed("csr_extract_u", &["array[] int(matrix)"], |call| {
        let (x, places) = nonzero(call)?;
        let (rows, columns) = (x.shape()[1], x.shape()[2]);
        let before = |row: usize| places.iter().filter(|k| **k < row * columns).count();
        let data = (0..=rows).map(|row| before(row) as i64 + 1).collect();
        Ok(Value::Int(Ints::new([1, rows + 1], data)))
    }),
];

/// The matrix, and the places of its elements that are not zero, row by row.
fn nonzero(call: &Call) -> Result<(Array, Vec<usize>), Failure> {
    let x = known(call, &call.real(0))?;
    if x.shape()[0] > 1 {
        return Err(Failure::Unsupported(format!(
            "{} of a matrix that differs between iterations",
            call.name
        )));
    }
    let places = (0..x.len()).filter(|k| x.data()[*k] != 0.0).collect();
    Ok((x, places))
}

/// Where the values stand.
struct Places {
    rows: usize,
    columns: usize,
    row: Vec<u32>,
    column: Vec<u32>,
}

/// Reads sizes, columns and row starts; fails where they contradict each other.
fn places(call: &Call) -> Result<Places, Failure> {
    let (rows, columns) = (size(call, 0)?, size(call, 1)?);
    let wrong = |what: String| Err(Failure::Wrong(format!("{}: {what}", call.name)));
    let (v, u) = (call.int(3), call.int(4));
    if v.lanes() > 1 || u.lanes() > 1 {
        return Err(Failure::Unsupported(format!(
            "{} of positions that differ between iterations",
            call.name
        )));
    }
    same_size(call, call.dims(2)[0], v.data.len())?;
    same_size(call, rows + 1, u.data.len())?;
    let mut column = Vec::with_capacity(v.data.len());
    for v in v.data.iter() {
        match u32::try_from(v - 1) {
            Ok(v) if (v as usize) < columns => column.push(v),
            _ => return wrong(format!("column {v} is not among 1 to {columns}")),
        }
    }
    let mut row = Vec::with_capacity(column.len());
    for (k, ends) in u.data.windows(2).enumerate() {
        let (from, to) = (ends[0] - 1, ends[1] - 1);
        if from != row.len() as i64 || to < from || to > column.len() as i64 {
            return wrong(format!(
                "row {} goes from {} to {}",
                k + 1,
                ends[0],
                ends[1]
            ));
        }
        row.resize(to as usize, k as u32);
    }
    if row.len() != column.len() {
        return wrong(format!(
            "rows hold {} of {} values",
            row.len(),
            column.len()
        ));
    }
    Ok(Places {
        rows,
        columns,
        row,
        column,
    })
}

/// `x`, `[lanes, n]`, added up to `[lanes, size]`.
fn scatter(call: &mut Call, x: &Expr, index: Vec<u32>, size: usize) -> Expr {
    let turned = call.graph.transpose(x);
    let index: Index = index.into();
    let sums = call.graph.segment_sum(&turned, &index, size);
    call.graph.transpose(&sums)
}

fn times_vector(call: &mut Call) -> Result<Value, Failure> {
    let Places {
        rows,
        columns,
        row,
        column,
    } = places(call)?;
    same_size(call, columns, call.dims(5)[0])?;
    let (w, b) = (call.real(2), call.real(5));
    let index: Index = column.into();
    let chosen = take(call.graph, &b, 1, &index);
    let products = call.graph.mul(&w, &chosen);
    Ok(Value::Real(scatter(call, &products, row, rows)))
}

fn to_dense(call: &mut Call) -> Result<Value, Failure> {
    let Places {
        rows,
        columns,
        row,
        column,
    } = places(call)?;
    let w = call.real(2);
    let lanes = call.graph.shape(&w)[0];
    let cells = row
        .iter()
        .zip(&column)
        .map(|(row, column)| row * columns as u32 + column)
        .collect();
    let flat = scatter(call, &w, cells, rows * columns);
    Ok(Value::Real(
        call.graph.reshape(&flat, &[lanes, rows, columns]),
    ))
}
