//! Constants, and containers made of sizes: repeated, all ones, evenly spaced.

use firebrand_graph::{Array, Shape};

use super::arrange::{like, position, size};
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::finite;
use crate::library::density::known;
use crate::types::Type;
use crate::value::{Ints, Value};

macro_rules! constants {
    ($($name:literal => $value:expr;)*) => {
        &[$(Function::listed($name, &["real()"], |_| Ok(Value::real($value)))),*]
    };
}

pub(in crate::library) const CONSTANTS: &[Function] = constants! {
    "pi" => std::f64::consts::PI;
    "e" => std::f64::consts::E;
    "sqrt2" => std::f64::consts::SQRT_2;
    "not_a_number" => f64::NAN;
    "positive_infinity" => f64::INFINITY;
    "negative_infinity" => f64::NEG_INFINITY;
    "machine_precision" => f64::EPSILON;
};

pub(in crate::library) const TABLE: &[Function] = &[
    Function::listed("rep_vector", &["vector(real, int)"], |call| repeat(call, 1)),
    Function::listed("rep_row_vector", &["row_vector(real, int)"], |call| {
        repeat(call, 1)
    }),
    Function::listed(
        "rep_matrix",
        &[
            "matrix(real, int, int)",
            "matrix(vector, int)",
            "matrix(row_vector, int)",
        ],
        rep_matrix,
    ),
    Function::rule(
        "rep_array",
        rep_array_type,
        &["array[] T(T, int, ...)  with T any type"],
        rep_array,
    ),
    Function::listed("identity_matrix", &["matrix(int)"], |call| {
        let n = size(call, 0)?;
        Ok(real([1, n, n], |i| f64::from(i / n == i % n)))
    }),
    Function::listed("zeros_vector", &["vector(int)"], |call| filled(call, 0)),
    Function::listed("zeros_row_vector", &["row_vector(int)"], |call| {
        filled(call, 0)
    }),
    Function::listed("zeros_array", &["array[] real(int)"], |call| {
        filled(call, 0)
    }),
    Function::listed("zeros_int_array", &["array[] int(int)"], |call| {
        filled_int(call, 0)
    }),
    Function::listed("ones_vector", &["vector(int)"], |call| filled(call, 1)),
    Function::listed("ones_row_vector", &["row_vector(int)"], |call| {
        filled(call, 1)
    }),
    Function::listed("ones_array", &["array[] real(int)"], |call| filled(call, 1)),
    Function::listed("ones_int_array", &["array[] int(int)"], |call| {
        filled_int(call, 1)
    }),
    Function::listed("uniform_simplex", &["vector(int)"], |call| {
        let n = size(call, 0)?;
        Ok(real([1, n], |_| 1.0 / n as f64))
    }),
    Function::listed("one_hot_vector", &["vector(int, int)"], one_hot),
    Function::listed("one_hot_row_vector", &["row_vector(int, int)"], one_hot),
    Function::listed("one_hot_array", &["array[] real(int, int)"], one_hot),
    Function::listed("one_hot_int_array", &["array[] int(int, int)"], |call| {
        let hot = one_hot(call)?.to_reals();
        Ok(like(&call.arguments[0], hot))
    }),
    Function::listed("linspaced_vector", &["vector(int, real, real)"], linspaced),
    Function::listed(
        "linspaced_row_vector",
        &["row_vector(int, real, real)"],
        linspaced,
    ),
    Function::listed(
        "linspaced_array",
        &["array[] real(int, real, real)"],
        linspaced,
    ),
    Function::listed(
        "linspaced_int_array",
        &["array[] int(int, int, int)"],
        linspaced_int,
    ),
];

fn real(shape: impl AsRef<[usize]>, element: impl Fn(usize) -> f64) -> Value {
    let count = shape.as_ref().iter().product();
    Value::Real(Array::new(shape, (0..count).map(element).collect()).into())
}

/// The first argument along new axes, whose sizes are the other arguments.
fn repeat(call: &mut Call, axes: usize) -> Result<Value, Failure> {
    let value = &call.arguments[0];
    let x = value.to_reals();
    let shape = call.graph.shape(&x);
    let (mut ones, mut full) = (
        Shape::from_slice(&shape[..1]),
        Shape::from_slice(&shape[..1]),
    );
    for i in 0..axes {
        ones.push(1);
        full.push(size(call, i + 1)?);
    }
    ones.extend_from_slice(&shape[1..]);
    full.extend_from_slice(&shape[1..]);
    let x = call.graph.reshape(&x, &ones);
    Ok(like(value, call.graph.broadcast_to(&x, &full)))
}

fn rep_matrix(call: &mut Call) -> Result<Value, Failure> {
    match call.types[0] {
        // Copies of a column lie side by side.
        Type::Vector => {
            let x = call.real(0);
            let shape = call.graph.shape(&x);
            let columns = size(call, 1)?;
            let x = call.graph.reshape(&x, &[shape[0], shape[1], 1]);
            Ok(Value::Real(
                call.graph.broadcast_to(&x, &[shape[0], shape[1], columns]),
            ))
        }
        Type::RowVector => repeat(call, 1),
        _ => repeat(call, 2),
    }
}

fn rep_array(call: &mut Call) -> Result<Value, Failure> {
    repeat(call, call.arguments.len() - 1)
}

fn rep_array_type(arguments: &[Type]) -> Option<Type> {
    let (element, sizes) = arguments.split_first()?;
    let fits = (1..=3).contains(&sizes.len()) && sizes.iter().all(|size| *size == Type::Int);
    fits.then(|| element.clone().array_of(sizes.len()))
}

fn filled(call: &mut Call, value: i64) -> Result<Value, Failure> {
    let n = size(call, 0)?;
    Ok(real([1, n], |_| value as f64))
}

fn filled_int(call: &mut Call, value: i64) -> Result<Value, Failure> {
    let n = size(call, 0)?;
    Ok(Value::Int(Ints::new([1, n], vec![value; n])))
}

fn one_hot(call: &mut Call) -> Result<Value, Failure> {
    let n = size(call, 0)?;
    let hot = position(call, 1, n)?;
    Ok(real([1, n], |i| f64::from(i == hot)))
}

/// From the lower end to the upper one; of one number: the upper one.
fn linspaced(call: &mut Call) -> Result<Value, Failure> {
    let n = size(call, 0)?;
    let mut ends = [f64::NAN; 2];
    for (i, end) in ends.iter_mut().enumerate() {
        let x = call.real(i + 1);
        call.check(&x, finite(["low", "high"][i]));
        let known = known(call, &x)?;
        *end = known.uniform_value().ok_or_else(|| {
            Failure::Unsupported(format!(
                "{} with an end that differs between iterations",
                call.name
            ))
        })?;
    }
    let [low, high] = ends;
    if low > high {
        return Err(Failure::Wrong(format!(
            "{}: from {low} up to {high}",
            call.name
        )));
    }
    let last = n.saturating_sub(1);
    Ok(real([1, n], |i| {
        if i == last {
            high
        } else {
            low + (high - low) * i as f64 / last as f64
        }
    }))
}

fn linspaced_int(call: &mut Call) -> Result<Value, Failure> {
    let n = size(call, 0)? as i64;
    let (low, mut high) = (call.uniform_int(1)?, call.uniform_int(2)?);
    if low > high {
        return Err(Failure::Wrong(format!(
            "{}: from {low} up to {high}",
            call.name
        )));
    }
    // As Stan has it: steps of one size, or several equal numbers for each step.
    let range = high - low;
    let data: Vec<i64> = if n <= 1 {
        vec![high; n as usize]
    } else if n - 1 > range {
        let copies = n / (range + 1);
        (0..n).map(|i| (low + i / copies).min(high)).collect()
    } else {
        let step = range / (n - 1);
        high = low + step * (n - 1);
        (0..n).map(|i| (low + step * i).min(high)).collect()
    };
    Ok(Value::Int(Ints::new([1, data.len()], data)))
}
