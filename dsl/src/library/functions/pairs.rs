//! Functions of two or three arguments, element by element: equal containers, or some of them scalars.

use firebrand_graph::{Binary, Unary};

use crate::library::Function;
use crate::library::call::{Call, Failure, align};
use crate::library::formula::{Num, Sheet};
use crate::library::special;
use crate::types::Type;
use crate::value::Value;

/// An entry: the function's name, and what two elements become.
macro_rules! pairs {
    ($signature:ident: $($name:literal => $formula:expr;)*) => {
        &[$(Function::$signature($name, |call| pair(call, $formula))),*]
    };
}

pub(in crate::library) const TABLE: &[Function] = pairs! { elementwise_pair:
    "pow" => |x, y| x.pow(y);
    "fdim" => |x, y| (x - y).binary(Binary::Max, &x.constant(0.0));
    "fmax" => |x, y| x.binary(Binary::Max, y);
    "fmin" => |x, y| x.binary(Binary::Min, y);
    "fmod" => |x, y| x.known_pair_or(y, |x, y| x % y, |x, y| x - y * truncated(&(x / y)));
    "hypot" => |x, y| x.known_pair_or(y, f64::hypot, |x, y| (x.square() + y.square()).sqrt());
    "atan2" => |x, y| x.binary(Binary::Atan2, y);
    "lmultiply" => |x, y| x.binary(Binary::MultiplyLog, y);
    "beta" => |x, y| x.lbeta(y).exp();
    "lbeta" => |x, y| x.lbeta(y);
    "lchoose" => |n, k| n.known_pair_or(k, special::lchoose, |n, k| {
        -((n - k + 1.0).lbeta(&(k + 1.0)) + n.log1p())
    });
    "log_falling_factorial" => |x, n| (x + 1.0).lgamma() - (x - n + 1.0).lgamma();
    "log_rising_factorial" => |x, n| (x + n).lgamma() - x.lgamma();
    "log_diff_exp" => |x, y| x + (y - x).log1m_exp();
    // log(1 / (1 + e^-x) - 1 / (1 + e^-y)) = x + log(1 - e^(y - x)) - log(1 + e^x) - log(1 + e^y)
    "log_inv_logit_diff" => |x, y| x + (y - x).log1m_exp() - x.log1p_exp() - y.log1p_exp();
};

/// Those whose first argument is an int, alone or one for each element of the second.
pub(in crate::library) const INT_FIRST: &[Function] = &[
    Function::rule(
        "binary_log_loss",
        int_first,
        &["T(int, T)  with T any container of reals"],
        |call| pair(call, |y, p| -(p * (y * 2.0 - 1.0) + (1.0 - y)).log()),
    ),
    Function::rule(
        "lmgamma",
        int_first,
        &["T(int, T)  with T any container of reals"],
        lmgamma,
    ),
];

/// Those whose second argument is an int, alone or one for each element of the first.
pub(in crate::library) const INT_SECOND: &[Function] = &[
    Function::rule(
        "ldexp",
        int_second,
        &["T(T, int)  with T any container of reals"],
        |call| pair(call, |x, n| x * n.known_or(f64::exp2, Num::exp)),
    ),
    Function::rule(
        "rising_factorial",
        factorial_type,
        &["T(T, int)  with T any container"],
        |call| factorial(call, 1.0),
    ),
    Function::rule(
        "falling_factorial",
        factorial_type,
        &["T(T, int)  with T any container"],
        |call| factorial(call, -1.0),
    ),
];

/// Functions of three arguments.
pub(in crate::library) const OTHERS: &[Function] = &[Function::rule(
    "fma",
    three_type,
    &["T(T, T, T)  with T any container of reals, or a real"],
    fma,
)];

fn pair(
    call: &mut Call,
    formula: impl for<'s> FnOnce(&Num<'s>, &Num<'s>) -> Num<'s>,
) -> Result<Value, Failure> {
    let [x, y] = aligned(call)?;
    Ok(Value::Real(Sheet::over(call.graph, |sheet| {
        formula(&sheet.num(x), &sheet.num(y)).expr().clone()
    })))
}

/// The arguments with as many axes each; containers must be of one size.
pub(super) fn aligned<const N: usize>(
    call: &mut Call,
) -> Result<[firebrand_graph::Expr; N], Failure> {
    let arguments: [_; N] = std::array::from_fn(|i| call.real(i));
    let dims: [_; N] = std::array::from_fn(|i| call.dims(i));
    let mut containers = dims.iter().filter(|dims| !dims.is_empty());
    if let Some(first) = containers.next()
        && let Some(other) = containers.find(|other| *other != first)
    {
        return Err(Failure::Wrong(format!(
            "{}: sizes {first:?} and {other:?} do not match",
            call.name
        )));
    }
    let rank = 1 + dims.iter().map(|dims| dims.len()).max().unwrap_or(0);
    Ok(arguments.map(|x| align(call.graph, &x, rank)))
}

fn truncated<'s>(x: &Num<'s>) -> Num<'s> {
    x.abs().unary(Unary::Floor) * x.unary(Unary::Sign)
}

fn fma(call: &mut Call) -> Result<Value, Failure> {
    let [x, y, z] = aligned(call)?;
    Ok(Value::Real(Sheet::over(call.graph, |sheet| {
        let [x, y, z] = [x, y, z].map(|x| sheet.num(x));
        (x * y + z).expr().clone()
    })))
}

/// log of the multivariate gamma function of dimension k.
fn lmgamma(call: &mut Call) -> Result<Value, Failure> {
    let largest = call.int(0).data.iter().copied().max().unwrap_or(0);
    pair(call, |k, x| {
        let constant = k * (k - 1.0) * (0.25 * std::f64::consts::PI.ln());
        (0..largest).fold(constant, |sum, j| {
            let term = (x - 0.5 * j as f64).lgamma();
            sum + k.at_most(j as f64).select(0.0, term)
        })
    })
}

/// x (x + step) (x + 2 step) ... of n factors.
fn factorial(call: &mut Call, step: f64) -> Result<Value, Failure> {
    let counts = call.int(1);
    if counts.data.iter().any(|n| *n < 0) {
        return Err(Failure::Wrong(format!(
            "{}: the number of factors is negative",
            call.name
        )));
    }
    let largest = counts.data.iter().copied().max().unwrap_or(0);
    let ints = matches!(call.arguments[0], Value::Int(_));
    let result = pair(call, |x, n| {
        (0..largest).fold(x * 0.0 + n * 0.0 + 1.0, |product, j| {
            let factor = x + step * j as f64;
            n.at_most(j as f64).select(&product, &product * factor)
        })
    })?;
    Ok(match result {
        Value::Real(product) if ints => super::arrange::like(&call.arguments[0], product),
        other => other,
    })
}

fn three_type(arguments: &[Type]) -> Option<Type> {
    let mut containers = arguments.iter().filter(|x| !x.is_scalar());
    let whole = containers.next().cloned().unwrap_or(Type::Real);
    let scalars_only = |x: &Type| matches!(x.scalar(), Type::Int | Type::Real);
    (arguments.len() == 3 && arguments.iter().all(scalars_only) && containers.all(|x| *x == whole))
        .then_some(whole)
}

fn int_first(arguments: &[Type]) -> Option<Type> {
    let [n, x] = arguments else { return None };
    int_beside(n, x)
}

fn int_second(arguments: &[Type]) -> Option<Type> {
    let [x, n] = arguments else { return None };
    int_beside(n, x)
}

fn factorial_type(arguments: &[Type]) -> Option<Type> {
    let [x, n] = arguments else { return None };
    match x.scalar() {
        Type::Int if n.scalar() == Type::Int => Type::Int
            .array_of(if n.is_scalar() { x.rank() } else { n.rank() })
            .into(),
        _ => int_beside(n, x),
    }
}

/// The type of a function of an int and a real, or of containers of them of as many axes.
fn int_beside(n: &Type, x: &Type) -> Option<Type> {
    if n.scalar() != Type::Int || !matches!(x.scalar(), Type::Int | Type::Real) {
        return None;
    }
    if x.is_scalar() {
        return Some(Type::Real.array_of(n.rank()));
    }
    (n.is_scalar() || n.rank() == x.rank()).then(|| x.promoted())
}
