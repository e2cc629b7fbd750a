//! Cumulative functions by incomplete gamma and beta functions: of known arguments only.

use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{
    Argument, finite, nonnegative, not_nan, positive, positive_finite, probability,
};
use crate::library::density::known_rows;
use crate::library::signature::Scalar::{self, Int, Real};
use crate::library::special::{gamma_p, gamma_q, inc_beta};
use crate::value::Value;

/// Entries for each distribution: the mass below and above one value.
macro_rules! masses {
    ($($name:literal $scalars:ident $arguments:expr; below $below:expr; above $above:expr;)*) => {
        &[$(
            Function::density(concat!($name, "_lcdf"), $scalars, |call| log_sum(call, $arguments, $below)),
            Function::density(concat!($name, "_lccdf"), $scalars, |call| log_sum(call, $arguments, $above)),
            Function::density(concat!($name, "_cdf"), $scalars, |call| {
                let below = log_sum(call, $arguments, $below)?.to_reals();
                Ok(Value::Real(call.graph.exp(&below)))
            }),
        )*]
    };
}

const R2: &[Scalar] = &[Real; 2];
const R3: &[Scalar] = &[Real; 3];
const R4: &[Scalar] = &[Real; 4];
const IR: &[Scalar] = &[Int, Real];
const IIR: &[Scalar] = &[Int, Int, Real];
const IRR: &[Scalar] = &[Int, Real, Real];

const Y: Argument = not_nan("Random variable");
const NONNEGATIVE_Y: Argument = nonnegative("Random variable");
const UNIT_Y: Argument = probability("Random variable");
const LOCATION: Argument = finite("Location parameter");
const SCALE: Argument = positive_finite("Scale parameter");
const SHAPE: Argument = positive_finite("Shape parameter");
const INVERSE_SCALE: Argument = positive_finite("Inverse scale parameter");
const FREEDOM: Argument = positive_finite("Degrees of freedom parameter");

pub(in crate::library) const TABLE: &[Function] = masses! {
    "student_t" R4 [Y, FREEDOM, LOCATION, SCALE];
    below |[y, nu, mu, sigma]| student_t(nu, (y - mu) / sigma);
    above |[y, nu, mu, sigma]| student_t(nu, (mu - y) / sigma);

    "gamma" R3 [NONNEGATIVE_Y, SHAPE, INVERSE_SCALE];
    below |[y, alpha, beta]| gamma_p(alpha, beta * y);
    above |[y, alpha, beta]| gamma_q(alpha, beta * y);

    "inv_gamma" R3 [NONNEGATIVE_Y, SHAPE, SCALE];
    below |[y, alpha, beta]| gamma_q(alpha, beta / y);
    above |[y, alpha, beta]| gamma_p(alpha, beta / y);

    "chi_square" R2 [NONNEGATIVE_Y, FREEDOM];
    below |[y, nu]| gamma_p(0.5 * nu, 0.5 * y);
    above |[y, nu]| gamma_q(0.5 * nu, 0.5 * y);

    "inv_chi_square" R2 [NONNEGATIVE_Y, FREEDOM];
    below |[y, nu]| gamma_q(0.5 * nu, 0.5 / y);
    above |[y, nu]| gamma_p(0.5 * nu, 0.5 / y);

    "scaled_inv_chi_square" R3 [NONNEGATIVE_Y, FREEDOM, SCALE];
    below |[y, nu, s]| gamma_q(0.5 * nu, 0.5 * nu * s * s / y);
    above |[y, nu, s]| gamma_p(0.5 * nu, 0.5 * nu * s * s / y);

    "beta" R3 [UNIT_Y, positive("First shape parameter"), positive("Second shape parameter")];
    below |[y, alpha, beta]| inc_beta(alpha, beta, y);
    above |[y, alpha, beta]| inc_beta(beta, alpha, 1.0 - y);

    "poisson" IR [not_nan("Random variable"), nonnegative("Rate parameter")];
    below |[n, lambda]| if n < 0.0 { 0.0 } else { gamma_q(n + 1.0, lambda) };
    above |[n, lambda]| if n < 0.0 { 1.0 } else { gamma_p(n + 1.0, lambda) };

    "binomial" IIR [not_nan("Successes variable"), nonnegative("Population size parameter"), probability("Probability parameter")];
    below |[n, trials, p]| binomial(n, trials, p);
    above |[n, trials, p]| binomial(trials - n - 1.0, trials, 1.0 - p);

    "neg_binomial" IRR [not_nan("Random variable"), SHAPE, INVERSE_SCALE];
    below |[n, alpha, beta]| if n < 0.0 { 0.0 } else { inc_beta(alpha, n + 1.0, beta / (1.0 + beta)) };
    above |[n, alpha, beta]| if n < 0.0 { 1.0 } else { inc_beta(n + 1.0, alpha, 1.0 / (1.0 + beta)) };

    "neg_binomial_2" IRR [not_nan("Random variable"), positive("Location parameter"), positive("Precision parameter")];
    below |[n, mu, phi]| if n < 0.0 { 0.0 } else { inc_beta(phi, n + 1.0, phi / (phi + mu)) };
    above |[n, mu, phi]| if n < 0.0 { 1.0 } else { inc_beta(n + 1.0, phi, mu / (phi + mu)) };
};

/// The sum over rows of the logs of a mass.
fn log_sum<const N: usize>(
    call: &mut Call,
    arguments: [Argument; N],
    mass: fn([f64; N]) -> f64,
) -> Result<Value, Failure> {
    known_rows(call, arguments, |row| mass(row).ln())
}

/// The mass of the standard t distribution below t.
fn student_t(nu: f64, t: f64) -> f64 {
    let tail = 0.5 * (inc_beta(0.5 * nu, 0.5, nu / (nu + t * t)));
    if t < 0.0 { tail } else { 1.0 - tail }
}

/// The chance of at most n successes.
fn binomial(n: f64, trials: f64, p: f64) -> f64 {
    if n < 0.0 {
        0.0
    } else if n >= trials {
        1.0
    } else {
        inc_beta(trials - n, n + 1.0, 1.0 - p)
    }
}
