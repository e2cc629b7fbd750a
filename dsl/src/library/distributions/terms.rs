//! Pieces that several densities are made of.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2};

use firebrand_graph::Binary;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Open01};

use crate::library::call::{Call, Failure};
use crate::library::formula::Num;
use crate::library::special::{HALF_LOG_TWO_PI, lchoose, log_phi};

/// ((y - mu) / sigma)^2, with a single sigma outside of what is computed for each of several rows.
pub(super) fn squared_distance<'s>(y: &Num<'s>, mu: &Num<'s>, sigma: &Num<'s>) -> Num<'s> {
    let difference = y - mu;
    let scale = sigma.recip();
    if sigma.len() == 1 && difference.len() > 1 {
        difference.square() * scale.square()
    } else {
        (difference * scale).square()
    }
}

/// A uniform number between 0 and 1, both excluded.
pub(in crate::library) fn unit(rng: &mut ChaCha8Rng) -> f64 {
    Open01.sample(rng)
}

/// Terms of the log mass of outcomes y (0 or 1) with log odds eta.
pub(super) fn bernoulli_logit_terms<'s>(y: &Num<'s>, eta: &Num<'s>) -> Vec<Num<'s>> {
    if eta.len() < y.len() {
        return vec![y * eta, -eta.log1p_exp()];
    }
    vec![-((1.0 - 2.0 * y) * eta).log1p_exp()]
}

/// Terms of the log mass of n successes in so many trials with log odds eta each.
pub(super) fn binomial_logit_terms<'s>(
    n: &Num<'s>,
    trials: &Num<'s>,
    eta: &Num<'s>,
) -> Vec<Num<'s>> {
    at_most_trials(n, trials);
    vec![
        n * eta,
        -(trials * eta.log1p_exp()),
        trials.known_pair(n, lchoose),
    ]
}

pub(super) fn at_most_trials(n: &Num, trials: &Num) {
    n.at_most(trials)
        .or_reject("Successes variable must be in the interval [0, Population size parameter]");
}

/// Terms of the log mass of counts n with log rate eta.
pub(super) fn poisson_log_terms<'s>(n: &Num<'s>, eta: &Num<'s>) -> Vec<Num<'s>> {
    // A log rate of -inf allows a count of zero; one that depends on parameters is finite.
    let product = if eta.known().is_some() {
        n.zero_times(eta)
    } else {
        n * eta
    };
    vec![product, -eta.exp(), -(n + 1.0).lgamma()]
}

/// Terms of the log mass of counts n that are negative binomial of shape phi, log_odds being log(mean / phi).
pub(super) fn neg_binomial_2_log_terms<'s>(
    n: &Num<'s>,
    log_odds: &Num<'s>,
    phi: &Num<'s>,
) -> Vec<Num<'s>> {
    vec![
        n * log_odds,
        -(log_odds.log1p_exp() * (n + phi)),
        phi.log_rising(n),
        -(n + 1.0).lgamma(),
    ]
}

/// Terms of the log density of a normal distribution.
pub(super) fn normal_terms<'s>(y: &Num<'s>, mu: &Num<'s>, sigma: &Num<'s>) -> Vec<Num<'s>> {
    vec![
        squared_distance(y, mu, sigma) * -0.5,
        -sigma.log(),
        y.constant(-HALF_LOG_TWO_PI),
    ]
}

/// Shares of these logs, up to a factor made one.
pub(super) fn softmax(logs: &[f64]) -> Vec<f64> {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shares: Vec<f64> = logs.iter().map(|x| (x - largest).exp()).collect();
    let total: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / total).collect()
}

/// Fails unless the first two arguments are as long.
pub(super) fn same_length(call: &Call, left: &str, right: &str) -> Result<(), Failure> {
    let (m, n) = (call.dims(0)[0], call.dims(1)[0]);
    if m == n {
        return Ok(());
    }
    Err(Failure::Wrong(format!(
        "{}: sizes {m} and {n} do not match ({left} and {right})",
        call.name
    )))
}

/// log of a standard normal distribution's mass below z.
///
/// Above -10 by erfc. Below, by the asymptotic series of the Mills ratio, ten terms of which are exact to 1e-12 there.
/// The two are joined as a sum in which each is constant where the other holds.
pub(super) fn log_normal_mass<'s>(z: &Num<'s>) -> Num<'s> {
    z.known_or(log_phi, |z| {
        const JOINT: f64 = -10.0;
        let joint = z.constant(JOINT);
        let near = (z.binary(Binary::Max, &joint) * -FRAC_1_SQRT_2)
            .erfc()
            .log()
            - LN_2;
        let far = |z: &Num<'s>| {
            let u = z.square().recip();
            let term = |series: Num<'s>, k| (series + 1.0) * &u * (1.0 - 2.0 * f64::from(k));
            let series = (1..=10).rev().fold(z.constant(0.0), term);
            series.log1p() - z.square() * 0.5 - (-z).log()
        };
        near + (far(&z.binary(Binary::Min, &joint)) - far(&joint))
    })
}
