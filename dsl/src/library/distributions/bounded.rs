//! Distributions over an interval.

use std::f64::consts::{PI, TAU};

use firebrand_graph::Binary;
use rand_chacha::ChaCha8Rng;

use super::positive::standard_gamma;
use super::terms::unit;
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{
    Argument, finite, nonnegative, not_nan, open_unit, positive_finite, probability,
};
use crate::library::density::{density, draw};
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
    Function::density("von_mises_lpdf", R3, von_mises),
    Function::random("von_mises_rng", Real, R2, von_mises_rng),
];

const Y: Argument = probability("Random variable");
const FIRST: Argument = positive_finite("First shape parameter");
const SECOND: Argument = positive_finite("Second shape parameter");
const MEAN: Argument = open_unit("Location parameter");
const PRECISION: Argument = positive_finite("Precision parameter");
const LOWER: Argument = finite("Lower bound parameter");
const LOCATION: Argument = finite("Location parameter");
const CONCENTRATION: Argument = nonnegative("Scale parameter");
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
        -alpha.lbeta(beta),
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

fn von_mises(call: &mut Call) -> Result<Value, Failure> {
    let arguments = [finite("Random variable"), LOCATION, CONCENTRATION];
    density(call, arguments, |[y, mu, kappa]| {
        vec![
            // cos(d) - 1, for which the logarithm has no kappa: where that is large, both would be all but equal.
            ((&y - &mu) * 0.5).sin().square() * (&kappa * -2.0),
            -log_scaled_bessel_i0(&kappa),
            y.constant(-TAU.ln()),
        ]
    })
}

/// log of the modified Bessel function of the first kind and order zero, for x >= 0, less x.
///
/// Below 12 by its power series (DLMF 10.25.2). Above, by a polynomial in 1/x of its distance from the leading term
/// x - log(2 pi x) / 2, fitted at Chebyshev points to 3e-16. The two are joined as a sum in which each is constant
/// where the other holds.
fn log_scaled_bessel_i0<'s>(x: &Num<'s>) -> Num<'s> {
    const JOINT: f64 = 12.0;
    let joint = x.constant(JOINT);
    let series = |x: &Num<'s>| {
        let q = x.square() * 0.25;
        (1..=30)
            .rev()
            .fold(x.constant(1.0), |sum, k| {
                sum * &q * f64::from(k * k).recip() + 1.0
            })
            .log()
    };
    let large = x.binary(Binary::Max, &joint);
    let u = large.recip();
    let rest = I0_REST
        .iter()
        .rev()
        .fold(x.constant(0.0), |sum, c| (sum + *c) * &u);
    // Exactly zero where x is large.
    let linear = &large - x;
    series(&x.binary(Binary::Min, &joint)) - series(&joint)
        + (linear - large.log() * 0.5 + rest - 0.5 * TAU.ln())
}

/// Coefficients of log I0(x) - x + log(2 pi x) / 2, from the first power of 1/x.
const I0_REST: [f64; 14] = [
    0.125_000_000_000_004_58,
    0.062_499_999_978_472_074,
    0.065_104_183_338_767_83,
    0.101_557_445_894_457_74,
    0.210_364_176_525_869_6,
    0.462_397_611_767_678_26,
    6.066_407_325_491_274,
    -171.408_302_106_185_8,
    4_872.165_310_464_16,
    -90_840.495_244_098_63,
    1_149_762.208_671_495_8,
    -9_330_942.329_648_523,
    43_865_269.772_530_12,
    -89_704_461.496_516_6,
];

/// Within pi of zero (Best and Fisher 1979).
fn von_mises_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [LOCATION, CONCENTRATION], |rng, [mu, kappa]| {
        let wrap = |angle: f64| (angle + PI).rem_euclid(TAU) - PI;
        if kappa < 1e-8 {
            return wrap(TAU * unit(rng));
        }
        let tau = 1.0 + (1.0 + 4.0 * kappa * kappa).sqrt();
        let rho = (tau - (2.0 * tau).sqrt()) / (2.0 * kappa);
        let r = (1.0 + rho * rho) / (2.0 * rho);
        loop {
            let z = (PI * unit(rng)).cos();
            let f = (1.0 + r * z) / (r + z);
            let c = kappa * (r - f);
            let u = unit(rng);
            if c * (2.0 - c) > u || (c / u).ln() + 1.0 >= c {
                let angle = f.clamp(-1.0, 1.0).acos();
                return wrap(mu + if unit(rng) < 0.5 { angle } else { -angle });
            }
        }
    })
}

/// A draw of the beta distribution. Where both shapes are small, both gammas underflow: then on the log scale.
pub(super) fn draw_beta(rng: &mut ChaCha8Rng, alpha: f64, beta: f64) -> f64 {
    // log G(a) = log G(a + 1) + log(U) / a, in distribution.
    let mut log_gamma = |shape: f64| standard_gamma(rng, shape + 1.0).ln() + unit(rng).ln() / shape;
    let (a, b) = (log_gamma(alpha), log_gamma(beta));
    firebrand_graph::sigmoid(a - b)
}
