//! Functions of ints, and functions that ask a question of known reals.

use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::density::known;
use crate::types::Type;
use crate::value::{Ints, Value};

pub(in crate::library) const TABLE: &[Function] = &[
    Function::rule("choose", two_ints, &["int(int, int)"], |call| {
        ints(call, |n, k| (n >= 0).then(|| choose(n, k)).flatten())
    }),
    Function::listed("modulus", &["int(int, int)"], |call| {
        ints(call, i64::checked_rem)
    }),
    Function::listed("int_step", &["int(int)", "int(real)"], |call| {
        asked(call, |[x]: [f64; 1]| x > 0.0)
    }),
    Function::rule("to_int", to_int_type, &["int(real)"], to_int),
    Function::listed("is_nan", &["int(real)"], |call| {
        asked(call, |[x]: [f64; 1]| x.is_nan())
    }),
    Function::listed("is_inf", &["int(real)"], |call| {
        asked(call, |[x]: [f64; 1]| x.is_infinite())
    }),
    Function::listed("logical_negation", &["int(int)"], |call| {
        asked(call, |[x]: [f64; 1]| x == 0.0)
    }),
    Function::listed("logical_and", &["int(int, int)"], |call| {
        asked(call, |[x, y]| x != 0.0 && y != 0.0)
    }),
    Function::listed("logical_or", &["int(int, int)"], |call| {
        asked(call, |[x, y]| x != 0.0 || y != 0.0)
    }),
    Function::listed("logical_eq", COMPARED, |call| asked(call, |[x, y]| x == y)),
    Function::listed("logical_neq", COMPARED, |call| asked(call, |[x, y]| x != y)),
    Function::listed("logical_lt", COMPARED, |call| asked(call, |[x, y]| x < y)),
    Function::listed("logical_lte", COMPARED, |call| asked(call, |[x, y]| x <= y)),
    Function::listed("logical_gt", COMPARED, |call| asked(call, |[x, y]| x > y)),
    Function::listed("logical_gte", COMPARED, |call| asked(call, |[x, y]| x >= y)),
    Function::rule("size", size_type, &["int(T)  with T any type"], |call| {
        sizes(call, |dims, type_| match type_ {
            Type::Matrix => dims.iter().product(),
            _ => dims.first().copied().unwrap_or(1),
        })
    }),
    Function::rule(
        "num_elements",
        any_container,
        &["int(T)  with T any container"],
        |call| sizes(call, |dims, _| dims.iter().product()),
    ),
    Function::listed("rows", VECTORS, |call| {
        sizes(call, |dims, type_| {
            if *type_ == Type::RowVector {
                1
            } else {
                dims[0]
            }
        })
    }),
    Function::listed("cols", VECTORS, |call| {
        sizes(call, |dims, type_| match type_ {
            Type::Vector => 1,
            Type::RowVector => dims[0],
            _ => dims[1],
        })
    }),
    Function::rule(
        "dims",
        dims_type,
        &["array[] int(T)  with T any type"],
        dims,
    ),
];

const COMPARED: &[&str] = &["int(real, real)"];
const VECTORS: &[&str] = &["int(vector)", "int(row_vector)", "int(matrix)"];

/// An int of each pair, one of which may serve all of the other.
fn ints(call: &mut Call, one: fn(i64, i64) -> Option<i64>) -> Result<Value, Failure> {
    let (x, y) = (call.int(0), call.int(1));
    let (x_dims, y_dims) = (x.dims(), y.dims());
    let dims = if x_dims.is_empty() { y_dims } else { x_dims };
    if !x_dims.is_empty() && !y_dims.is_empty() && x_dims != y_dims {
        return Err(Failure::Wrong(format!(
            "{}: sizes {x_dims:?} and {y_dims:?} do not match",
            call.name
        )));
    }
    let lanes = x.lanes().max(y.lanes());
    let count: usize = dims.iter().product();
    let at = |ints: &Ints, lane: usize, i: usize| {
        let own: usize = ints.dims().iter().product();
        ints.data[if ints.lanes() == 1 { 0 } else { lane } * own
            + if ints.dims().is_empty() { 0 } else { i }]
    };
    let mut data = Vec::with_capacity(lanes * count);
    for lane in 0..lanes {
        for i in 0..count {
            let (x, y) = (at(&x, lane, i), at(&y, lane, i));
            let value = one(x, y)
                .ok_or_else(|| Failure::Wrong(format!("{}({x}, {y}) is not an int", call.name)))?;
            data.push(value);
        }
    }
    let mut shape = vec![lanes];
    shape.extend_from_slice(dims);
    Ok(Value::Int(Ints::new(shape, data)))
}

/// 1 or 0 for each lane of known scalars.
fn asked<const N: usize>(
    call: &mut Call,
    question: fn([f64; N]) -> bool,
) -> Result<Value, Failure> {
    let mut arguments = Vec::with_capacity(N);
    for i in 0..N {
        arguments.push(known(call, &call.real(i))?);
    }
    let lanes = arguments.iter().map(|x| x.len()).max().unwrap_or(1);
    let at = |lane: usize| {
        std::array::from_fn(|i| arguments[i].data()[if arguments[i].len() == 1 { 0 } else { lane }])
    };
    Ok(Value::Int(Ints::new(
        [lanes],
        (0..lanes)
            .map(|lane| i64::from(question(at(lane))))
            .collect(),
    )))
}

fn to_int(call: &mut Call) -> Result<Value, Failure> {
    let x = known(call, &call.real(0))?;
    if let Some(bad) = x
        .data()
        .iter()
        .find(|x| x.is_nan() || x.abs() >= i64::from(i32::MAX) as f64 + 1.0)
    {
        return Err(Failure::Wrong(format!(
            "to_int: {bad} is not in the range of ints"
        )));
    }
    Ok(Value::Int(Ints::new(
        x.shape(),
        x.data().iter().map(|x| *x as i64).collect(),
    )))
}

fn sizes(call: &mut Call, size: fn(&[usize], &Type) -> usize) -> Result<Value, Failure> {
    let dims = call.dims(0);
    Ok(Value::Int(Ints::scalar(size(&dims, &call.types[0]) as i64)))
}

fn dims(call: &mut Call) -> Result<Value, Failure> {
    let dims = call.dims(0);
    Ok(Value::Int(Ints::new(
        [1, dims.len()],
        dims.iter().map(|n| *n as i64).collect(),
    )))
}

/// The binomial coefficient, if it fits.
fn choose(n: i64, k: i64) -> Option<i64> {
    if k < 0 || k > n {
        return Some(0);
    }
    let mut result: i128 = 1;
    for i in 0..k.min(n - k) {
        result = result.checked_mul(i128::from(n - i))? / i128::from(i + 1);
    }
    i32::try_from(result).ok().map(i64::from)
}

fn two_ints(arguments: &[Type]) -> Option<Type> {
    match arguments {
        [x, y] if x.scalar() == Type::Int && y.scalar() == Type::Int => {
            (x.is_scalar() || y.is_scalar() || x == y)
                .then(|| if x.is_scalar() { y.clone() } else { x.clone() })
        }
        _ => None,
    }
}

fn to_int_type(arguments: &[Type]) -> Option<Type> {
    match arguments {
        [x] if x.is_scalar() => Some(Type::Int),
        [
            Type::Array {
                element,
                dimensions,
            },
        ] if element.is_scalar() => Some(Type::Int.array_of(*dimensions)),
        _ => None,
    }
}

fn size_type(arguments: &[Type]) -> Option<Type> {
    (arguments.len() == 1).then_some(Type::Int)
}

fn any_container(arguments: &[Type]) -> Option<Type> {
    match arguments {
        [x] if x.rank() > 0 => Some(Type::Int),
        _ => None,
    }
}

fn dims_type(arguments: &[Type]) -> Option<Type> {
    (arguments.len() == 1).then(|| Type::Int.array())
}
