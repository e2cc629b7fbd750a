//! Distributions of counts without an upper bound.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};

use super::positive::standard_gamma;
use super::terms::{neg_binomial_2_log_terms, poisson_log_terms};
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{Argument, finite, nonnegative, not_nan, positive_finite};
use crate::library::density::{density, draw_int};
use crate::library::signature::Scalar::{self, Int, Real};
use crate::value::Value;

const R: &[Scalar] = &[Real];
const RR: &[Scalar] = &[Real; 2];
const IR: &[Scalar] = &[Int, Real];
const IRR: &[Scalar] = &[Int, Real, Real];

pub(in crate::library) const TABLE: &[Function] = &[
    Function::density("poisson_lpmf", IR, poisson),
    Function::random("poisson_rng", Int, R, poisson_rng),
    Function::density("poisson_log_lpmf", IR, poisson_log),
    Function::random("poisson_log_rng", Int, R, poisson_log_rng),
    Function::density("neg_binomial_lpmf", IRR, neg_binomial),
    Function::random("neg_binomial_rng", Int, RR, neg_binomial_rng),
    Function::density("neg_binomial_2_lpmf", IRR, neg_binomial_2),
    Function::random("neg_binomial_2_rng", Int, RR, neg_binomial_2_rng),
    Function::density("neg_binomial_2_log_lpmf", IRR, neg_binomial_2_log),
    Function::random("neg_binomial_2_log_rng", Int, RR, neg_binomial_2_log_rng),
];

const COUNT: Argument = nonnegative("Random variable");
const FAILURES: Argument = nonnegative("Failures variable");
const RATE: Argument = nonnegative("Rate parameter");
const LOG_RATE: Argument = not_nan("Log rate parameter");
const SHAPE: Argument = positive_finite("Shape parameter");
const INVERSE_SCALE: Argument = positive_finite("Inverse scale parameter");
const LOCATION: Argument = positive_finite("Location parameter");
const LOG_LOCATION: Argument = finite("Log location parameter");
const PRECISION: Argument = positive_finite("Precision parameter");

fn poisson(call: &mut Call) -> Result<Value, Failure> {
    density(call, [COUNT, RATE], |[n, lambda]| {
        vec![n.times_log(&lambda), -lambda, -(n + 1.0).lgamma()]
    })
}

fn poisson_rng(call: &mut Call) -> Result<Value, Failure> {
    draw_int(call, [RATE], |rng, [lambda]| draw_poisson(rng, lambda))
}

fn poisson_log(call: &mut Call) -> Result<Value, Failure> {
    density(call, [COUNT, LOG_RATE], |[n, eta]| {
        poisson_log_terms(&n, &eta)
    })
}

fn poisson_log_rng(call: &mut Call) -> Result<Value, Failure> {
    draw_int(call, [LOG_RATE], |rng, [eta]| draw_poisson(rng, eta.exp()))
}

fn neg_binomial(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [FAILURES, SHAPE, INVERSE_SCALE],
        |[n, alpha, beta]| {
            let log_odds = -beta.log();
            neg_binomial_2_log_terms(&n, &log_odds, &alpha)
        },
    )
}

fn neg_binomial_rng(call: &mut Call) -> Result<Value, Failure> {
    draw_int(call, [SHAPE, INVERSE_SCALE], |rng, [alpha, beta]| {
        let rate = standard_gamma(rng, alpha) / beta;
        draw_poisson(rng, rate)
    })
}

fn neg_binomial_2(call: &mut Call) -> Result<Value, Failure> {
    density(call, [FAILURES, LOCATION, PRECISION], |[n, mu, phi]| {
        let odds = &mu * phi.recip();
        vec![
            n.times_log(&odds),
            -(odds.log1p() * (&n + &phi)),
            phi.log_rising(&n),
            -(n + 1.0).lgamma(),
        ]
    })
}

fn neg_binomial_2_rng(call: &mut Call) -> Result<Value, Failure> {
    draw_int(call, [LOCATION, PRECISION], |rng, [mu, phi]| {
        let rate = standard_gamma(rng, phi) * mu / phi;
        draw_poisson(rng, rate)
    })
}

fn neg_binomial_2_log(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [FAILURES, LOG_LOCATION, PRECISION],
        |[n, eta, phi]| {
            let log_odds = &eta - phi.log();
            neg_binomial_2_log_terms(&n, &log_odds, &phi)
        },
    )
}

fn neg_binomial_2_log_rng(call: &mut Call) -> Result<Value, Failure> {
    draw_int(call, [LOG_LOCATION, PRECISION], |rng, [eta, phi]| {
        let rate = standard_gamma(rng, phi) * eta.exp() / phi;
        draw_poisson(rng, rate)
    })
}

fn draw_poisson(rng: &mut ChaCha8Rng, rate: f64) -> f64 {
    if rate == 0.0 {
        return 0.0;
    }
    Poisson::new(rate).map_or(f64::NAN, |poisson| poisson.sample(rng))
}
