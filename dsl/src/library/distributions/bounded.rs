//! Distributions over an interval.

use rand_chacha::ChaCha8Rng;

use super::positive::standard_gamma;
use super::terms::unit;
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::density::{
    Argument, density, draw, finite, not_nan, open_unit, positive_finite, probability,
};
use crate::library::formula::Num;
use crate::library::signature::Scalar::{self, Real};
use crate::value::Value;

const R2: &[Scalar] = &[Real; 2];
const R3: &[Scalar] = &[Real; 3];

pub(in crate::library) const TABLE: &[Function] = &[
    Function::density("beta_lpdf", R3, beta),
    Function::random("beta_rng", Real, R2, beta_rng),
    Function::density("beta_proportion_lpdf", R3, beta_proportion),
    Function::random("beta_proportion_rng", Real, R2, beta_proportion_rng),
    Function::density("uniform_lpdf", R3, uniform),
    Function::random("uniform_rng", Real, R2, uniform_rng),
];

const Y: Argument = probability("Random variable");
const FIRST: Argument = positive_finite("First shape parameter");
const SECOND: Argument = positive_finite("Second shape parameter");
const MEAN: Argument = open_unit("Location parameter");
const PRECISION: Argument = positive_finite("Precision parameter");
const LOWER: Argument = finite("Lower bound parameter");
const UPPER: Argument = finite("Upper bound parameter");

fn beta(call: &mut Call) -> Result<Value, Failure> {
    density(call, [Y, FIRST, SECOND], |[y, alpha, beta]| {
        beta_terms(&y, &alpha, &beta)
    })
}

fn beta_terms<'s>(y: &Num<'s>, alpha: &Num<'s>, beta: &Num<'s>) -> Vec<Num<'s>> {
    vec![
        (alpha - 1.0).zero_times(&y.log()),
        (beta - 1.0).zero_times(&(-y).log1p()),
        (alpha + beta).lgamma() - alpha.lgamma() - beta.lgamma(),
    ]
}

fn beta_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [FIRST, SECOND], |rng, [alpha, beta]| {
        draw_beta(rng, alpha, beta)
    })
}

fn beta_proportion(call: &mut Call) -> Result<Value, Failure> {
    density(call, [Y, MEAN, PRECISION], |[y, mu, kappa]| {
        let alpha = &mu * &kappa;
        let beta = &kappa - &alpha;
        beta_terms(&y, &alpha, &beta)
    })
}

fn beta_proportion_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [MEAN, PRECISION], |rng, [mu, kappa]| {
        draw_beta(rng, mu * kappa, (1.0 - mu) * kappa)
    })
}

fn uniform(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [not_nan("Random variable"), LOWER, UPPER],
        |[y, lower, upper]| {
            lower
                .less(&upper)
                .or_reject("Upper bound parameter must be greater than the lower one");
            let inside = lower.at_most(&y) * y.at_most(&upper);
            let (_, outside) = y.within(&inside, 0.0);
            vec![-(&upper - &lower).log(), outside]
        },
    )
}

fn uniform_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [LOWER, UPPER], |rng, [lower, upper]| {
        lower + (upper - lower) * unit(rng)
    })
}

/// A draw of the beta distribution. Where both shapes are small, both gammas underflow: then on the log scale.
pub(super) fn draw_beta(rng: &mut ChaCha8Rng, alpha: f64, beta: f64) -> f64 {
    // log G(a) = log G(a + 1) + log(U) / a, in distribution.
    let mut log_gamma = |shape: f64| standard_gamma(rng, shape + 1.0).ln() + unit(rng).ln() / shape;
    let (a, b) = (log_gamma(alpha), log_gamma(beta));
    firebrand_graph::sigmoid(a - b)
}
