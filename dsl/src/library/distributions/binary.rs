//! Distributions of outcomes that happen or not, and of how many of a known number happen.

use rand_distr::{Binomial, Distribution};

use super::bounded::draw_beta;
use super::terms::{at_most_trials, bernoulli_logit_terms, binomial_logit_terms, unit};
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{
    Argument, binary, finite, nonnegative, not_nan, positive_finite, probability,
};
use crate::library::density::{density, draw_int};
use crate::library::signature::Scalar::{self, Int, Real};
use crate::library::special::lchoose;
use crate::value::Value;

const R: &[Scalar] = &[Real];
const IR: &[Scalar] = &[Int, Real];
const IIR: &[Scalar] = &[Int, Int, Real];
const IRR: &[Scalar] = &[Int, Real, Real];
const IIRR: &[Scalar] = &[Int, Int, Real, Real];

pub(in crate::library) const TABLE: &[Function] = &[
    Function::density("bernoulli_lpmf", IR, bernoulli),
    Function::random("bernoulli_rng", Int, R, bernoulli_rng),
    Function::density("bernoulli_logit_lpmf", IR, bernoulli_logit),
    Function::random("bernoulli_logit_rng", Int, R, bernoulli_logit_rng),
    Function::density("binomial_lpmf", IIR, binomial),
    Function::random("binomial_rng", Int, IR, binomial_rng),
    Function::density("binomial_logit_lpmf", IIR, binomial_logit),
    Function::density("beta_binomial_lpmf", IIRR, beta_binomial),
    Function::random("beta_binomial_rng", Int, IRR, beta_binomial_rng),
];

const OUTCOME: Argument = binary("n");
const SUCCESSES: Argument = nonnegative("Successes variable");
const TRIALS: Argument = nonnegative("Population size parameter");
const CHANCE: Argument = probability("Probability parameter");
const LOG_ODDS: Argument = not_nan("Logit transformed probability parameter");
const FIRST: Argument = positive_finite("First prior sample size parameter");
const SECOND: Argument = positive_finite("Second prior sample size parameter");

fn bernoulli(call: &mut Call) -> Result<Value, Failure> {
    density(call, [OUTCOME, CHANCE], |[y, p]| {
        if p.len() < y.len() {
            return vec![y.times_log(&p), (1.0 - &y).times_log1m(&p)];
        }
        // y p + (1 - y)(1 - p) is p or 1 - p to the bit, so that one logarithm serves both outcomes.
        vec![(&p * (2.0 * &y - 1.0) + (1.0 - &y)).log()]
    })
}

fn bernoulli_rng(call: &mut Call) -> Result<Value, Failure> {
    draw_int(call, [CHANCE], |rng, [p]| f64::from(unit(rng) < p))
}

fn bernoulli_logit(call: &mut Call) -> Result<Value, Failure> {
    density(call, [OUTCOME, LOG_ODDS], |[y, eta]| {
        bernoulli_logit_terms(&y, &eta)
    })
}

fn bernoulli_logit_rng(call: &mut Call) -> Result<Value, Failure> {
    draw_int(call, [finite(LOG_ODDS.what)], |rng, [eta]| {
        f64::from(unit(rng) < firebrand_graph::sigmoid(eta))
    })
}

fn binomial(call: &mut Call) -> Result<Value, Failure> {
    density(call, [SUCCESSES, TRIALS, CHANCE], |[n, trials, p]| {
        at_most_trials(&n, &trials);
        vec![
            n.times_log(&p),
            (&trials - &n).times_log1m(&p),
            trials.known_pair(&n, lchoose),
        ]
    })
}

fn binomial_rng(call: &mut Call) -> Result<Value, Failure> {
    draw_int(call, [TRIALS, CHANCE], draw_binomial)
}

fn binomial_logit(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [SUCCESSES, TRIALS, finite("Probability parameter")],
        |[n, trials, eta]| binomial_logit_terms(&n, &trials, &eta),
    )
}

fn beta_binomial(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [SUCCESSES, TRIALS, FIRST, SECOND],
        |[n, trials, alpha, beta]| {
            let inside = n.constant(0.0).at_most(&n) * n.at_most(&trials);
            let (n, outside) = n.within(&inside, 0.0);
            vec![
                trials.known_pair(&n, lchoose),
                (&n + &alpha).lbeta(&(&trials - &n + &beta)),
                -alpha.lbeta(&beta),
                outside,
            ]
        },
    )
}

fn beta_binomial_rng(call: &mut Call) -> Result<Value, Failure> {
    draw_int(
        call,
        [TRIALS, FIRST, SECOND],
        |rng, [trials, alpha, beta]| {
            let p = draw_beta(rng, alpha, beta);
            draw_binomial(rng, [trials, p])
        },
    )
}

pub(super) fn draw_binomial(rng: &mut rand_chacha::ChaCha8Rng, [trials, p]: [f64; 2]) -> f64 {
    Binomial::new(trials as u64, p).map_or(f64::NAN, |binomial| binomial.sample(rng) as f64)
}
