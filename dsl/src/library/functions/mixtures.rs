//! Sums on the log scale: mixtures, and probabilities that add up to one.

use firebrand_graph::{Binary, Expr, Graph};

use super::arrange::{flat, same_size};
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::probability;
use crate::library::formula::Sheet;
use crate::types::Type;
use crate::value::Value;

pub(in crate::library) const TABLE: &[Function] = &[
    Function::rule("log_sum_exp", log_sum_exp_type, LOG_SUM_EXP, log_sum_exp),
    Function::rule("log_mix", log_mix_type, LOG_MIX, log_mix),
    Function::listed("softmax", &["vector(vector)"], |call| {
        let x = call.real(0);
        let logs = log_softmax(call.graph, &x);
        Ok(Value::Real(call.graph.exp(&logs)))
    }),
    Function::listed("log_softmax", &["vector(vector)"], |call| {
        let x = call.real(0);
        Ok(Value::Real(log_softmax(call.graph, &x)))
    }),
];

const LOG_SUM_EXP: &[&str] = &[
    "real(T)  with T any container of reals of one or two axes",
    "T(T, T), T(T, real), T(real, T)",
];
const LOG_MIX: &[&str] = &[
    "real(real, real, real)",
    "real(vector, vector)",
    "real(vector, array[] real)",
    "real(vector, array[] vector)",
];

fn log_sum_exp_type(arguments: &[Type]) -> Option<Type> {
    match arguments {
        [x] if (1..=2).contains(&x.rank()) && matches!(x.scalar(), Type::Int | Type::Real) => {
            Some(Type::Real)
        }
        [_, _] => crate::library::Signature::ElementwisePair.returns(arguments),
        _ => None,
    }
}

fn log_sum_exp(call: &mut Call) -> Result<Value, Failure> {
    let x = call.real(0);
    if call.arguments.len() == 1 {
        let x = flat(call.graph, &x);
        return Ok(Value::Real(call.graph.log_sum_exp(&x, 1)));
    }
    let y = call.real(1);
    let (left, right) = (call.dims(0), call.dims(1));
    if !left.is_empty() && !right.is_empty() && left != right {
        return Err(Failure::Wrong(format!(
            "log_sum_exp: sizes {left:?} and {right:?} do not match"
        )));
    }
    let (x, y) = call.aligned(&x, &y);
    Ok(Value::Real(call.graph.binary(Binary::LogAddExp, &x, &y)))
}

/// `[lanes, n]`
pub(in crate::library) fn log_softmax(graph: &mut Graph, x: &Expr) -> Expr {
    let total = graph.log_sum_exp(x, 1);
    let shape = graph.shape(x);
    let total = graph.reshape(&total, &[shape[0], 1]);
    graph.sub(x, &total)
}

fn log_mix_type(arguments: &[Type]) -> Option<Type> {
    let row = |x: &Type| x.rank() == 1 && matches!(x.scalar(), Type::Int | Type::Real);
    let fits = match arguments {
        [weight, x, y] => weight.is_scalar() && x.is_scalar() && y.is_scalar(),
        [
            weights,
            Type::Array {
                element,
                dimensions: 1,
            },
        ] if element.is_vector() => row(weights),
        [weights, x] => row(weights) && row(x),
        _ => false,
    };
    fits.then_some(Type::Real)
}

fn log_mix(call: &mut Call) -> Result<Value, Failure> {
    let weights = call.real(0);
    call.check(&weights, probability("mixing proportion"));
    if call.arguments.len() == 3 {
        let (x, y) = (call.real(1), call.real(2));
        return Ok(Value::Real(Sheet::over(call.graph, |sheet| {
            let [weight, x, y] = [weights, x, y].map(|x| sheet.num(x));
            let (left, right) = (weight.log() + x, (-weight).log1p() + y);
            left.binary(Binary::LogAddExp, &right).expr().clone()
        })));
    }
    let x = call.real(1);
    let dims = call.dims(1);
    same_size(call, call.dims(0)[0], dims[dims.len() - 1])?;
    let graph = &mut *call.graph;
    let log_weights = graph.log(&weights);
    // An array of vectors is as many mixtures, whose logs add up.
    let log_weights = if dims.len() == 2 {
        let shape = graph.shape(&log_weights);
        graph.reshape(&log_weights, &[shape[0], 1, shape[1]])
    } else {
        log_weights
    };
    let terms = graph.add(&log_weights, &x);
    let mixed = graph.log_sum_exp(&terms, dims.len());
    Ok(Value::Real(if dims.len() == 2 {
        graph.sum(&mixed, 1)
    } else {
        mixed
    }))
}
