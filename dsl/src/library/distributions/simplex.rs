//! The Dirichlet distribution, and what it means to be a simplex.

use firebrand_graph::{Array, Binary, Expr, Unary};
use rand_chacha::ChaCha8Rng;

use super::positive::standard_gamma;
use super::terms::{softmax, unit};
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{nonnegative, positive};
use crate::library::density::{known, total_of};
use crate::types::Type;
use crate::value::Value;

pub(in crate::library) const TABLE: &[Function] = &[
    Function::rule(
        "dirichlet_lpdf",
        dirichlet_type,
        &["real(vectors | vectors)"],
        dirichlet,
    ),
    Function::listed("dirichlet_rng", &["vector(vector)"], dirichlet_rng),
];

/// How far the sum of a simplex may be from one: as Stan has it, and for what is computed, as far as single precision
/// can tell.
const TOLERANCE: f64 = 1e-8;
const COMPUTED_TOLERANCE: f64 = 1e-5;

/// Rejects the draws for which `x` (its last axis) has a negative element or does not sum to one.
pub(in crate::library) fn require_simplex(call: &mut Call, x: &Expr, what: &'static str) {
    call.check(x, nonnegative(what));
    let axis = call.graph.shape(x).len() - 1;
    let total = call.graph.sum(x, axis);
    let error = call.graph.add_scalar(&total, -1.0);
    let error = call.graph.unary(Unary::Abs, &error);
    let tolerance = if x.as_data().is_some() {
        TOLERANCE
    } else {
        COMPUTED_TOLERANCE
    };
    let met = call
        .graph
        .binary(Binary::LessEqual, &error, &tolerance.into());
    let name = call.name;
    call.require(met, || {
        format!("{name}: {what} is not a valid simplex: its elements do not sum to 1")
    });
}

fn dirichlet_type(arguments: &[Type]) -> Option<Type> {
    let vectors = |x: &Type| match x {
        Type::Array {
            element,
            dimensions: 1,
        } => element.is_vector(),
        other => other.is_vector(),
    };
    (arguments.len() == 2 && arguments.iter().all(vectors)).then_some(Type::Real)
}

/// log Gamma(sum alpha) - sum log Gamma(alpha) + sum (alpha - 1) log(theta), summed over arrays.
fn dirichlet(call: &mut Call) -> Result<Value, Failure> {
    let (theta, alpha) = (call.real(0), call.real(1));
    let dims = [call.dims(0), call.dims(1)];
    let last = |i: usize| dims[i][dims[i].len() - 1];
    let sets = |i: usize| if dims[i].len() == 2 { dims[i][0] } else { 1 };
    if last(0) != last(1) || (dims[0].len() == 2 && dims[1].len() == 2 && sets(0) != sets(1)) {
        let [left, right] = &dims;
        return Err(Failure::Wrong(format!(
            "dirichlet_lpdf: sizes {left:?} and {right:?} do not match (probabilities and prior sample sizes)"
        )));
    }
    call.check(&alpha, positive("prior sample sizes"));
    require_simplex(call, &theta, "probabilities");
    let (sets, shares) = (sets(0).max(sets(1)), last(0));
    let [theta, alpha] = [theta, alpha].map(|x| {
        let shape = call.graph.shape(&x);
        let own = if shape.len() == 3 { shape[1] } else { 1 };
        call.graph.reshape(&x, &[shape[0], own, shares])
    });
    // Each term: [lanes|1, sets|1].
    total_of(call, sets, |sheet| {
        let [theta, alpha] = [theta, alpha].map(|x| sheet.num(x));
        let powers = (&alpha - 1.0) * theta.log();
        vec![powers.sum(2), alpha.sum(2).lgamma() - alpha.lgamma().sum(2)]
    })
}

fn dirichlet_rng(call: &mut Call) -> Result<Value, Failure> {
    let alpha = call.real(0);
    call.check(&alpha, positive("prior sample sizes"));
    let alpha = known(call, &alpha)?;
    let (lanes, n) = (call.lanes, alpha.shape()[1]);
    let shared = alpha.shape()[0] == 1;
    let random = call.random()?;
    let mut data = Vec::with_capacity(lanes * n);
    for lane in 0..lanes {
        let first = if shared { 0 } else { lane * n };
        data.extend(draw_dirichlet(
            random.of(lane),
            &alpha.data()[first..first + n],
        ));
    }
    Ok(Value::Real(Array::new([lanes, n], data).into()))
}

/// On the log scale, since a gamma of small shape underflows: log G(a) = log G(a + 1) + log(U) / a, in distribution.
pub(super) fn draw_dirichlet(rng: &mut ChaCha8Rng, alpha: &[f64]) -> Vec<f64> {
    let logs: Vec<f64> = alpha
        .iter()
        .map(|alpha| standard_gamma(rng, alpha + 1.0).ln() + unit(rng).ln() / alpha)
        .collect();
    softmax(&logs)
}
