//! Order and position: sorted containers (of known numbers), quantiles, running sums.

use firebrand_graph::{Array, Expr};

use super::arrange::{like, position};
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::probability;
use crate::library::density::known;
use crate::types::Type;
use crate::value::{Ints, Value};

pub(in crate::library) const TABLE: &[Function] = &[
    Function::listed("cumulative_sum", SAME, |call| {
        super::arrange::moved(call, 0, |graph, x| graph.cumulative_sum(x, 1, false))
    }),
    Function::listed("sort_asc", SAME, |call| sorted(call, |x| x)),
    Function::listed("sort_desc", SAME, |call| {
        sorted(call, |mut x| {
            x.reverse();
            x
        })
    }),
    Function::listed("sort_indices_asc", INDICES, |call| {
        sort_indices(call, |x| x)
    }),
    Function::listed("sort_indices_desc", INDICES, |call| {
        sort_indices(call, |x| -x)
    }),
    Function::listed(
        "rank",
        &[
            "int(vector, int)",
            "int(row_vector, int)",
            "int(array[] int, int)",
            "int(array[] real, int)",
        ],
        rank,
    ),
    Function::listed("quantile", QUANTILE, quantile),
];

const SAME: &[&str] = &[
    "vector(vector)",
    "row_vector(row_vector)",
    "array[] int(array[] int)",
    "array[] real(array[] real)",
];
const INDICES: &[&str] = &[
    "array[] int(vector)",
    "array[] int(row_vector)",
    "array[] int(array[] int)",
    "array[] int(array[] real)",
];
const QUANTILE: &[&str] = &[
    "real(vector, real)",
    "real(row_vector, real)",
    "real(array[] real, real)",
    "array[] real(vector, array[] real)",
    "array[] real(row_vector, array[] real)",
    "array[] real(array[] real, array[] real)",
];

/// The known rows of argument 0, one for each lane. None is NaN.
fn lanes(call: &Call) -> Result<(usize, Vec<Vec<f64>>), Failure> {
    let known: Array = known(call, &call.real(0))?;
    if known.data().iter().any(|x| x.is_nan()) {
        return Err(Failure::Wrong(format!(
            "{} of a container that holds nan",
            call.name
        )));
    }
    let n = known.shape()[1];
    Ok((
        n,
        (0..known.shape()[0])
            .map(|lane| known.data()[lane * n..(lane + 1) * n].to_vec())
            .collect(),
    ))
}

fn sorted(call: &mut Call, arrange: fn(Vec<f64>) -> Vec<f64>) -> Result<Value, Failure> {
    let (n, mut rows) = lanes(call)?;
    rows.iter_mut().for_each(|row| row.sort_by(f64::total_cmp));
    let data: Vec<f64> = rows.iter().cloned().flat_map(arrange).collect();
    Ok(like(
        &call.arguments[0],
        Array::new([rows.len(), n], data).into(),
    ))
}

fn sort_indices(call: &mut Call, key: fn(f64) -> f64) -> Result<Value, Failure> {
    let (n, rows) = lanes(call)?;
    let indices = |row: &Vec<f64>| {
        let mut indices: Vec<i64> = (1..=n as i64).collect();
        indices.sort_by(|i, j| key(row[*i as usize - 1]).total_cmp(&key(row[*j as usize - 1])));
        indices
    };
    Ok(Value::Int(Ints::new(
        [rows.len(), n],
        rows.iter().flat_map(indices).collect(),
    )))
}

/// How many are smaller than the one at the position.
fn rank(call: &mut Call) -> Result<Value, Failure> {
    let (n, rows) = lanes(call)?;
    let position = position(call, 1, n)?;
    let ranks = rows
        .iter()
        .map(|row| row.iter().filter(|x| **x < row[position]).count() as i64)
        .collect();
    Ok(Value::Int(Ints::new([rows.len()], ranks)))
}

/// Quantiles by linear interpolation between order statistics (Hyndman and Fan's definition 7).
fn quantile(call: &mut Call) -> Result<Value, Failure> {
    let (n, mut rows) = lanes(call)?;
    if n == 0 {
        return Err(Failure::Wrong("quantile of no numbers".to_string()));
    }
    rows.iter_mut().for_each(|row| row.sort_by(f64::total_cmp));
    let p: Expr = call.real(1);
    call.check(&p, probability("p"));
    let p = known(call, &p)?;
    let each: usize = p.shape()[1..].iter().product();
    let lanes = rows.len().max(p.shape()[0]);
    let mut data = Vec::with_capacity(lanes * each);
    for lane in 0..lanes {
        let row = &rows[if rows.len() == 1 { 0 } else { lane }];
        let first = if p.shape()[0] == 1 { 0 } else { lane * each };
        for p in &p.data()[first..first + each] {
            let at = p.clamp(0.0, 1.0) * (n - 1) as f64;
            let below = at.floor();
            let (low, high) = (row[below as usize], row[at.ceil() as usize]);
            data.push(if low == high {
                low
            } else {
                low + (at - below) * (high - low)
            });
        }
    }
    let shape = if call.types[1] == Type::Real || call.types[1] == Type::Int {
        vec![lanes]
    } else {
        vec![lanes, each]
    };
    Ok(Value::Real(Array::new(shape, data).into()))
}
