//! Distributions of how many of a known number fall into each of several categories.

use firebrand_graph::{Array, Expr};
use rand_chacha::ChaCha8Rng;

use super::binary::draw_binomial;
use super::simplex::{draw_dirichlet, require_simplex};
use super::terms::{same_length, softmax};
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{finite, nonnegative, positive_finite};
use crate::library::density::{known, total_of};
use crate::library::formula::Num;
use crate::library::functions::log_softmax;
use crate::value::{Ints, Value};

pub(in crate::library) const TABLE: &[Function] = &[
    Function::listed("multinomial_lpmf", MASS, multinomial),
    Function::listed("multinomial_rng", RANDOM, multinomial_rng),
    Function::listed("multinomial_logit_lpmf", MASS, multinomial_logit),
    Function::listed("multinomial_logit_rng", RANDOM, multinomial_logit_rng),
    Function::listed("dirichlet_multinomial_lpmf", MASS, dirichlet_multinomial),
    Function::listed(
        "dirichlet_multinomial_rng",
        RANDOM,
        dirichlet_multinomial_rng,
    ),
];

const MASS: &[&str] = &["real(array[] int, vector)"];
const RANDOM: &[&str] = &["array[] int(vector, int)"];

fn multinomial(call: &mut Call) -> Result<Value, Failure> {
    let theta = call.real(1);
    require_simplex(call, &theta, "Probabilities parameter");
    mass(call, theta, |counts, theta| {
        // Zero times the log of zero is zero, in the shape of the counts.
        (counts * 0.0 + counts.times_log(theta)).sum(1)
    })
}

fn multinomial_logit(call: &mut Call) -> Result<Value, Failure> {
    let gamma = call.real(1);
    call.check(&gamma, finite("log-probabilities parameter"));
    let logs = log_softmax(call.graph, &gamma);
    mass(call, logs, |counts, logs| (counts * logs).sum(1))
}

/// Gamma(sum alpha) / Gamma(N + sum alpha) times the product of Gamma(n + alpha) / Gamma(alpha), over the multinomial's
/// coefficient.
fn dirichlet_multinomial(call: &mut Call) -> Result<Value, Failure> {
    let alpha = call.real(1);
    call.check(&alpha, positive_finite("prior size parameter"));
    mass(call, alpha, |counts, alpha| {
        let (sum, trials) = (alpha.sum(1), counts.sum(1));
        let each = (counts + alpha).lgamma() - alpha.lgamma();
        sum.lgamma() - (trials + &sum).lgamma() + each.sum(1)
    })
}

/// log of the number of ways to get the counts (argument 0), and the rest of their mass given argument 1.
fn mass(
    call: &mut Call,
    parameter: Expr,
    rest: impl for<'s> FnOnce(&Num<'s>, &Num<'s>) -> Num<'s>,
) -> Result<Value, Failure> {
    same_length(call, "number of trials", "probabilities")?;
    let counts = call.real(0);
    call.check(&counts, nonnegative("Number of trials variable"));
    if call.dims(0)[0] == 0 {
        return Ok(Value::real(0.0));
    }
    total_of(call, 1, |sheet| {
        let [counts, parameter] = [counts, parameter].map(|x| sheet.num(x));
        let ways = (counts.sum(1) + 1.0).lgamma() - (&counts + 1.0).lgamma().sum(1);
        vec![rest(&counts, &parameter), ways]
    })
}

fn multinomial_rng(call: &mut Call) -> Result<Value, Failure> {
    let theta = call.real(0);
    require_simplex(call, &theta, "Probabilities parameter");
    let theta = known(call, &theta)?;
    counts(call, &theta, |_, theta| theta.to_vec())
}

fn multinomial_logit_rng(call: &mut Call) -> Result<Value, Failure> {
    let gamma = call.real(0);
    call.check(&gamma, finite("log-probabilities parameter"));
    let gamma = known(call, &gamma)?;
    counts(call, &gamma, |_, gamma| softmax(gamma))
}

fn dirichlet_multinomial_rng(call: &mut Call) -> Result<Value, Failure> {
    let alpha = call.real(0);
    call.check(&alpha, positive_finite("prior size parameter"));
    let alpha = known(call, &alpha)?;
    counts(call, &alpha, draw_dirichlet)
}

/// Random counts of as many trials as argument 1 says, with the shares that `shares` makes of a row of the parameter.
fn counts(
    call: &mut Call,
    parameter: &Array,
    shares: fn(&mut ChaCha8Rng, &[f64]) -> Vec<f64>,
) -> Result<Value, Failure> {
    let trials = call.int(1);
    if let Some(bad) = trials.data.iter().find(|n| **n < 0) {
        let name = call.name;
        return Err(Failure::Wrong(format!(
            "{name}: number of trials is {bad}, but must be nonnegative"
        )));
    }
    let (lanes, n) = (call.lanes, parameter.shape()[1]);
    let random = call.random()?;
    let mut data = Vec::with_capacity(lanes * n);
    for lane in 0..lanes {
        let rng = random.of(lane);
        let first = if parameter.shape()[0] == 1 {
            0
        } else {
            lane * n
        };
        let shares = shares(rng, &parameter.data()[first..first + n]);
        let mut left = trials.data[if trials.lanes() == 1 { 0 } else { lane }];
        let mut mass = 1.0;
        // One category after another, each of what the ones before have left.
        for p in shares {
            let share = if mass > 0.0 {
                (p / mass).clamp(0.0, 1.0)
            } else {
                0.0
            };
            let count = draw_binomial(rng, [left as f64, share]) as i64;
            data.push(count);
            left -= count;
            mass -= p;
        }
        // What rounding has left belongs to the last category.
        if let Some(last) = data.last_mut() {
            *last += left;
        }
    }
    Ok(Value::Int(Ints::new([lanes, n], data)))
}
