//! Functions of one argument, element by element.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2, LN_10, LOG2_E, LOG10_E};

use firebrand_graph::Unary;

use super::arrange::keep_type;
use crate::library::call::{Call, Failure};
use crate::library::formula::{Num, Sheet};
use crate::library::{Function, Signature};
use crate::types::Type;
use crate::value::{Ints, Value};

/// An entry: the function's name, and what one element becomes.
macro_rules! elementwise {
    ($($name:literal => $formula:expr;)*) => {
        &[$(Function::elementwise($name, |call| elementwise(call, $formula))),*]
    };
}

pub(in crate::library) const TABLE: &[Function] = elementwise! {
    "exp" => |x| x.exp();
    "exp2" => |x| x.known_or(f64::exp2, |x| (x * LN_2).exp());
    "expm1" => |x| x.expm1();
    "log" => |x| x.log();
    "log1p" => |x| x.log1p();
    "log1m" => |x| (-x).log1p();
    "log1p_exp" => |x| x.log1p_exp();
    "log1m_exp" => |x| x.log1m_exp();
    "logit" => |x| (x / (1.0 - x)).log();
    "inv_logit" => |x| x.sigmoid();
    "log_inv_logit" => |x| -(-x).log1p_exp();
    "log1m_inv_logit" => |x| -x.log1p_exp();
    "inv_cloglog" => |x| -(-x.exp()).expm1();
    "inv" => |x| x.recip();
    "inv_sqrt" => |x| x.sqrt().recip();
    "inv_square" => |x| x.square().recip();
    "square" => |x| x.square();
    "sqrt" => |x| x.sqrt();
    "cbrt" => |x| x.known_or(f64::cbrt, |x| x.abs().pow(1.0 / 3.0) * x.unary(Unary::Sign));
    "sin" => |x| x.sin();
    "cos" => |x| x.cos();
    "tan" => |x| x.unary(Unary::Tan);
    "asin" => |x| x.unary(Unary::Asin);
    "acos" => |x| x.unary(Unary::Acos);
    "atan" => |x| x.atan();
    "sinh" => |x| x.unary(Unary::Sinh);
    "cosh" => |x| x.unary(Unary::Cosh);
    "tanh" => |x| x.unary(Unary::Tanh);
    "asinh" => |x| x.known_or(f64::asinh, asinh);
    "acosh" => |x| x.known_or(f64::acosh, |x| (x + (x.square() - 1.0).sqrt()).log());
    "atanh" => |x| x.known_or(f64::atanh, |x| ((x * 2.0) / (1.0 - x)).log1p() * 0.5);
    "erf" => |x| x.unary(Unary::Erf);
    "erfc" => |x| x.erfc();
    "Phi" => |x| (x * -FRAC_1_SQRT_2).erfc() * 0.5;
    "Phi_approx" => |x| (x.square() * x * 0.07056 + x * 1.5976).sigmoid();
    "lgamma" => |x| x.lgamma();
    "digamma" => |x| x.unary(Unary::Digamma);
    "trigamma" => |x| x.unary(Unary::Trigamma);
    "floor" => |x| x.unary(Unary::Floor);
    "ceil" => |x| x.unary(Unary::Ceil);
    "round" => |x| x.unary(Unary::Round);
    "trunc" => |x| x.known_or(f64::trunc, |x| x.abs().unary(Unary::Floor) * x.unary(Unary::Sign));
    "step" => |x| x.constant(0.0).at_most(x);
    "tgamma" => |x| x.known_or(statrs::function::gamma::gamma, tgamma);
};

/// Those with rules of their own.
pub(in crate::library) const OTHERS: &[Function] = &[
    Function::rule(
        "abs",
        keep_type,
        &["T(T)  with T any container of ints or reals"],
        abs,
    ),
    Function::rule(
        "log2",
        optional,
        &["real()", "T(T)  with T any container of reals"],
        |call| constant_or(call, LN_2, |x| x.known_or(f64::log2, |x| x.log() * LOG2_E)),
    ),
    Function::rule(
        "log10",
        optional,
        &["real()", "T(T)  with T any container of reals"],
        |call| {
            constant_or(call, LN_10, |x| {
                x.known_or(f64::log10, |x| x.log() * LOG10_E)
            })
        },
    ),
];

fn elementwise(
    call: &mut Call,
    formula: impl for<'s> FnOnce(&Num<'s>) -> Num<'s>,
) -> Result<Value, Failure> {
    let x = call.real(0);
    Ok(Value::Real(Sheet::over(call.graph, |sheet| {
        formula(&sheet.num(x)).expr().clone()
    })))
}

/// The type of a constant, or of an elementwise function of that name.
fn optional(arguments: &[Type]) -> Option<Type> {
    if arguments.is_empty() {
        Some(Type::Real)
    } else {
        Signature::Elementwise.returns(arguments)
    }
}

fn constant_or(
    call: &mut Call,
    constant: f64,
    formula: impl for<'s> FnOnce(&Num<'s>) -> Num<'s>,
) -> Result<Value, Failure> {
    if call.arguments.is_empty() {
        Ok(Value::real(constant))
    } else {
        elementwise(call, formula)
    }
}

fn asinh<'s>(x: &Num<'s>) -> Num<'s> {
    let size = x.abs();
    let square = size.square();
    // |x| + x^2 / (1 + sqrt(1 + x^2)) keeps its digits near zero.
    (&size + &square / ((&square + 1.0).sqrt() + 1.0)).log1p() * x.unary(Unary::Sign)
}

fn tgamma<'s>(x: &Num<'s>) -> Num<'s> {
    // Gamma is negative between -1 and 0, -3 and -2, ...: where floor(x) is negative and odd.
    let floor = x.unary(Unary::Floor);
    let odd = floor.less(0.0) * (&floor - (&floor * 0.5).unary(Unary::Floor) * 2.0);
    x.lgamma().exp() * (1.0 - odd * 2.0)
}

fn abs(call: &mut Call) -> Result<Value, Failure> {
    match &call.arguments[0] {
        Value::Int(ints) => {
            let data = ints.data.iter().map(|x| x.saturating_abs()).collect();
            Ok(Value::Int(Ints::new(&ints.shape, data)))
        }
        Value::Real(_) => elementwise(call, |x| x.abs()),
    }
}
