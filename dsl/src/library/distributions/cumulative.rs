//! Cumulative distribution functions with closed forms: log of the mass below, log of the mass above, mass below.

use std::f64::consts::FRAC_1_PI;

use firebrand_graph::Binary;

use super::terms::log_normal_mass;
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{
    Argument, finite, nonnegative, not_nan, positive, positive_finite, probability,
};
use crate::library::density::density;
use crate::library::formula::Num;
use crate::library::signature::Scalar::{self, Int, Real};
use crate::value::Value;

/// Entries for each distribution: the log of the mass below and of the mass above, as terms of one row.
macro_rules! cumulative {
    ($($name:literal $scalars:ident $arguments:expr; below $below:expr; above $above:expr;)*) => {
        &[$(
            Function::density(concat!($name, "_lcdf"), $scalars, |call| density(call, $arguments, $below)),
            Function::density(concat!($name, "_lccdf"), $scalars, |call| density(call, $arguments, $above)),
            Function::density(concat!($name, "_cdf"), $scalars, |call| {
                let below = density(call, $arguments, $below);
                exp_of(call, below)
            }),
        )*]
    };
}

const R1: &[Scalar] = &[Real; 1];
const R2: &[Scalar] = &[Real; 2];
const R3: &[Scalar] = &[Real; 3];
const R4: &[Scalar] = &[Real; 4];
const IR: &[Scalar] = &[Int, Real];

const Y: Argument = not_nan("Random variable");
const NONNEGATIVE_Y: Argument = nonnegative("Random variable");
const POSITIVE_Y: Argument = positive("Random variable");
const LOCATION: Argument = finite("Location parameter");
const SCALE: Argument = positive_finite("Scale parameter");
const SHAPE: Argument = positive_finite("Shape parameter");
const INVERSE_SCALE: Argument = positive_finite("Inverse scale parameter");

pub(in crate::library) const TABLE: &[Function] = cumulative! {
    "normal" R3 [Y, LOCATION, SCALE];
    below |[y, mu, sigma]| vec![log_normal_mass(&standard(&y, &mu, &sigma))];
    above |[y, mu, sigma]| vec![log_normal_mass(&-standard(&y, &mu, &sigma))];

    "std_normal" R1 [Y];
    below |[y]| vec![log_normal_mass(&y)];
    above |[y]| vec![log_normal_mass(&-y)];

    "lognormal" R3 [NONNEGATIVE_Y, LOCATION, SCALE];
    below |[y, mu, sigma]| {
        let (y, outside) = y.within(&y.is_positive(), 1.0);
        vec![log_normal_mass(&standard(&y.log(), &mu, &sigma)), outside]
    };
    above |[y, mu, sigma]| {
        above_zero(&y, |y| log_normal_mass(&-standard(&y.log(), &mu, &sigma)))
    };

    "logistic" R3 [Y, LOCATION, SCALE];
    below |[y, mu, sigma]| vec![-(-standard(&y, &mu, &sigma)).log1p_exp()];
    above |[y, mu, sigma]| vec![-standard(&y, &mu, &sigma).log1p_exp()];

    "cauchy" R3 [Y, LOCATION, SCALE];
    below |[y, mu, sigma]| vec![log_cauchy_mass(&standard(&y, &mu, &sigma))];
    above |[y, mu, sigma]| vec![log_cauchy_mass(&-standard(&y, &mu, &sigma))];

    "double_exponential" R3 [Y, LOCATION, SCALE];
    below |[y, mu, sigma]| log_laplace_mass(&standard(&y, &mu, &sigma));
    above |[y, mu, sigma]| log_laplace_mass(&-standard(&y, &mu, &sigma));

    "gumbel" R3 [Y, LOCATION, positive("Scale parameter")];
    below |[y, mu, beta]| vec![-(-standard(&y, &mu, &beta)).exp()];
    above |[y, mu, beta]| vec![log1m_exp_exp(&standard(&y, &mu, &beta))];

    "exponential" R2 [NONNEGATIVE_Y, INVERSE_SCALE];
    below |[y, beta]| vec![(-(y * beta)).log1m_exp()];
    above |[y, beta]| vec![-(y * beta)];

    "weibull" R3 [NONNEGATIVE_Y, SHAPE, SCALE];
    below |[y, alpha, sigma]| {
        let (y, outside) = y.within(&y.is_positive(), 1.0);
        vec![log1m_exp_exp(&-log_ratio(&y, &alpha, &sigma)), outside]
    };
    above |[y, alpha, sigma]| above_zero(&y, |y| -log_ratio(y, &alpha, &sigma).exp());

    "frechet" R3 [POSITIVE_Y, SHAPE, SCALE];
    below |[y, alpha, sigma]| vec![-(-log_ratio(&y, &alpha, &sigma)).exp()];
    above |[y, alpha, sigma]| vec![log1m_exp_exp(&log_ratio(&y, &alpha, &sigma))];

    "rayleigh" R2 [NONNEGATIVE_Y, positive("Scale parameter")];
    below |[y, sigma]| vec![((y * sigma.recip()).square() * -0.5).log1m_exp()];
    above |[y, sigma]| vec![(y * sigma.recip()).square() * -0.5];

    "pareto" R3 [NONNEGATIVE_Y, SCALE, SHAPE];
    below |[y, least, alpha]| {
        let (ratio, outside) = log_ratio(&y, &alpha, &least).within(&least.at_most(&y), 1.0);
        vec![(-ratio).log1m_exp(), outside]
    };
    // Below the least value there is no mass: the ratio's logarithm is at least 0.
    above |[y, least, alpha]| vec![-log_ratio(&y, &alpha, &least).binary(Binary::Max, &y.constant(0.0))];

    "pareto_type_2" R4 [NONNEGATIVE_Y, LOCATION, SCALE, SHAPE];
    below |[y, mu, lambda, alpha]| vec![(-(standard(&y, &mu, &lambda).log1p() * alpha)).log1m_exp()];
    above |[y, mu, lambda, alpha]| vec![-(standard(&y, &mu, &lambda).log1p() * alpha)];

    "bernoulli" IR [not_nan("n"), probability("Probability parameter")];
    below |[n, p]| {
        // 1 - p below 1, nothing below 0, all from 1 on.
        let none = n.less(0.0).select(f64::NEG_INFINITY, 0.0);
        vec![n.less(1.0).times_log1m(&p), none]
    };
    above |[n, p]| {
        let none = n.less(1.0).select(0.0, f64::NEG_INFINITY);
        vec![(n.constant(0.0).at_most(&n) * n.less(1.0)).times_log(&p), none]
    };
};

/// Those that have no logarithmic form in Stan.
pub(in crate::library) const OTHERS: &[Function] = &[
    Function::density("loglogistic_cdf", R3, |call| {
        let below = density(call, [NONNEGATIVE_Y, SCALE, SHAPE], |[y, alpha, beta]| {
            vec![-(-log_ratio(&y, &beta, &alpha)).log1p_exp()]
        });
        exp_of(call, below)
    }),
    Function::density("uniform_cdf", R3, |call| {
        let below = uniform(call, |y, lower, _| y - lower, f64::NEG_INFINITY);
        exp_of(call, below)
    }),
    Function::density("uniform_lcdf", R3, |call| {
        uniform(call, |y, lower, _| y - lower, f64::NEG_INFINITY)
    }),
    Function::density("uniform_lccdf", R3, |call| {
        uniform(call, |y, _, upper| upper - y, 0.0)
    }),
];

pub(super) fn exp_of(call: &mut Call, value: Result<Value, Failure>) -> Result<Value, Failure> {
    let logs = value?.to_reals();
    Ok(Value::Real(call.graph.exp(&logs)))
}

/// As Stan has it, outside the interval on either side: no mass below, or all of it above.
fn uniform(
    call: &mut Call,
    part: impl for<'s> Fn(&Num<'s>, &Num<'s>, &Num<'s>) -> Num<'s>,
    outside: f64,
) -> Result<Value, Failure> {
    let arguments = [
        Y,
        finite("Lower bound parameter"),
        finite("Upper bound parameter"),
    ];
    density(call, arguments, |[y, lower, upper]| {
        lower
            .less(&upper)
            .or_reject("Upper bound parameter must be greater than the lower one");
        let inside = lower.at_most(&y) * y.at_most(&upper);
        let share = part(&y, &lower, &upper) / (&upper - &lower);
        let (share, _) = share.within(&inside, 1.0);
        vec![share.log(), inside.select(0.0, outside)]
    })
}

fn standard<'s>(y: &Num<'s>, mu: &Num<'s>, sigma: &Num<'s>) -> Num<'s> {
    (y - mu) * sigma.recip()
}

/// alpha log(y / sigma)
fn log_ratio<'s>(y: &Num<'s>, alpha: &Num<'s>, sigma: &Num<'s>) -> Num<'s> {
    (y.log() - sigma.log()) * alpha
}

/// The mass above y, all of it where y is zero.
pub(super) fn above_zero<'s>(y: &Num<'s>, mass: impl FnOnce(&Num<'s>) -> Num<'s>) -> Vec<Num<'s>> {
    let inside = y.is_positive();
    let (y, _) = y.within(&inside, 1.0);
    vec![inside.select(mass(&y), 0.0)]
}

/// log(1 - exp(-exp(-z))), which is -z where exp(-z) is too small for a number.
fn log1m_exp_exp<'s>(z: &Num<'s>) -> Num<'s> {
    let joint = z.constant(600.0);
    let near = (-(-z.binary(Binary::Min, &joint)).exp()).log1m_exp();
    near - (z.binary(Binary::Max, &joint) - joint)
}

/// log of a standard Laplace distribution's mass below z
fn log_laplace_mass<'s>(z: &Num<'s>) -> Vec<Num<'s>> {
    let zero = z.constant(0.0);
    vec![
        z.binary(Binary::Min, &zero),
        ((-z.binary(Binary::Max, &zero)).exp() * -0.5).log1p(),
    ]
}

/// log of a standard Cauchy distribution's mass below z: log(1/2 + atan(z) / pi)
fn log_cauchy_mass<'s>(z: &Num<'s>) -> Num<'s> {
    // In the lower half, atan(-1/z) has the digits that the difference would lose; atan2 is both.
    z.constant(1.0).binary(Binary::Atan2, &-z).log() + FRAC_1_PI.ln()
}
