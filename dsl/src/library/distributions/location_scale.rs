//! Distributions over all reals: a location, a scale, and a shape for some.

use std::f64::consts::{LN_2, PI};

use firebrand_graph::Binary;
use rand_distr::{ChiSquared, Distribution, StandardNormal};

use super::terms::{log_normal_mass, normal_terms, squared_distance, unit};
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{Argument, finite, not_nan, positive, positive_finite, probability};
use crate::library::density::{density, draw};
use crate::library::signature::Scalar::{self, Real};
use crate::library::special::HALF_LOG_TWO_PI;
use crate::value::Value;

const R1: &[Scalar] = &[Real; 1];
const R2: &[Scalar] = &[Real; 2];
const R3: &[Scalar] = &[Real; 3];
const R4: &[Scalar] = &[Real; 4];

pub(in crate::library) const TABLE: &[Function] = &[
    Function::density("normal_lpdf", R3, normal),
    Function::random("normal_rng", Real, R2, normal_rng),
    Function::density("std_normal_lpdf", R1, std_normal),
    Function::listed("std_normal_rng", &["real()"], std_normal_rng),
    Function::density("student_t_lpdf", R4, student_t),
    Function::random("student_t_rng", Real, R3, student_t_rng),
    Function::density("cauchy_lpdf", R3, cauchy),
    Function::random("cauchy_rng", Real, R2, cauchy_rng),
    Function::density("logistic_lpdf", R3, logistic),
    Function::random("logistic_rng", Real, R2, logistic_rng),
    Function::density("double_exponential_lpdf", R3, double_exponential),
    Function::random("double_exponential_rng", Real, R2, double_exponential_rng),
    Function::density("gumbel_lpdf", R3, gumbel),
    Function::random("gumbel_rng", Real, R2, gumbel_rng),
    Function::density("skew_normal_lpdf", R4, skew_normal),
    Function::random("skew_normal_rng", Real, R3, skew_normal_rng),
    Function::density("exp_mod_normal_lpdf", R4, exp_mod_normal),
    Function::random("exp_mod_normal_rng", Real, R3, exp_mod_normal_rng),
    Function::density("skew_double_exponential_lpdf", R4, skew_double_exponential),
    Function::random(
        "skew_double_exponential_rng",
        Real,
        R3,
        skew_double_exponential_rng,
    ),
];

const Y: Argument = not_nan("Random variable");
const FINITE_Y: Argument = finite("Random variable");
const LOCATION: Argument = finite("Location parameter");
const SCALE: Argument = positive_finite("Scale parameter");

fn normal(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [Y, LOCATION, positive("Scale parameter")],
        |[y, mu, sigma]| normal_terms(&y, &mu, &sigma),
    )
}

fn normal_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(
        call,
        [LOCATION, positive_finite("Scale parameter")],
        |rng, [mu, sigma]| {
            let z: f64 = StandardNormal.sample(rng);
            mu + sigma * z
        },
    )
}

fn std_normal(call: &mut Call) -> Result<Value, Failure> {
    density(call, [Y], |[y]| {
        vec![y.square() * -0.5, y.constant(-HALF_LOG_TWO_PI)]
    })
}

fn std_normal_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [], |rng, []| StandardNormal.sample(rng))
}

fn student_t(call: &mut Call) -> Result<Value, Failure> {
    let freedom = positive_finite("Degrees of freedom parameter");
    density(call, [Y, freedom, LOCATION, SCALE], |[y, nu, mu, sigma]| {
        let half = &nu * 0.5;
        let spread = &sigma * nu.sqrt();
        vec![
            -(squared_distance(&y, &mu, &spread).log1p() * (&half + 0.5)),
            half.log_rising(&half.constant(0.5)) - nu.log() * 0.5,
            -sigma.log(),
            y.constant(-0.5 * PI.ln()),
        ]
    })
}

fn student_t_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(
        call,
        [
            positive_finite("Degrees of freedom parameter"),
            LOCATION,
            SCALE,
        ],
        |rng, [nu, mu, sigma]| {
            let z: f64 = StandardNormal.sample(rng);
            let Ok(chi_square) = ChiSquared::new(nu) else {
                return f64::NAN;
            };
            let c: f64 = chi_square.sample(rng);
            mu + sigma * z * (nu / c).sqrt()
        },
    )
}

fn cauchy(call: &mut Call) -> Result<Value, Failure> {
    density(call, [Y, LOCATION, SCALE], |[y, mu, sigma]| {
        vec![
            -squared_distance(&y, &mu, &sigma).log1p(),
            -sigma.log(),
            y.constant(-PI.ln()),
        ]
    })
}

fn cauchy_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [LOCATION, SCALE], |rng, [mu, sigma]| {
        mu + sigma * (PI * (unit(rng) - 0.5)).tan()
    })
}

fn logistic(call: &mut Call) -> Result<Value, Failure> {
    density(call, [FINITE_Y, LOCATION, SCALE], |[y, mu, sigma]| {
        let z = (&mu - &y) * sigma.recip();
        vec![z.log1p_exp() * -2.0, z, -sigma.log()]
    })
}

fn logistic_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [LOCATION, SCALE], |rng, [mu, sigma]| {
        let u = unit(rng);
        mu + sigma * (u / (1.0 - u)).ln()
    })
}

fn double_exponential(call: &mut Call) -> Result<Value, Failure> {
    density(call, [FINITE_Y, LOCATION, SCALE], |[y, mu, sigma]| {
        vec![
            -((&y - &mu).abs() * sigma.recip()),
            -sigma.log(),
            y.constant(-LN_2),
        ]
    })
}

fn double_exponential_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [LOCATION, SCALE], |rng, [mu, sigma]| {
        let u = unit(rng);
        mu + sigma
            * if u < 0.5 {
                (2.0 * u).ln()
            } else {
                -(2.0 * (1.0 - u)).ln()
            }
    })
}

fn gumbel(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [FINITE_Y, LOCATION, positive("Scale parameter")],
        |[y, mu, beta]| {
            let z = (&mu - &y) * beta.recip();
            vec![-z.exp(), z, -beta.log()]
        },
    )
}

fn gumbel_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(
        call,
        [LOCATION, positive("Scale parameter")],
        |rng, [mu, beta]| mu - beta * (-unit(rng).ln()).ln(),
    )
}

fn skew_normal(call: &mut Call) -> Result<Value, Failure> {
    let arguments = [
        Y,
        LOCATION,
        positive("Scale parameter"),
        finite("Shape parameter"),
    ];
    density(call, arguments, |[y, mu, sigma, alpha]| {
        let z = (&y - &mu) * sigma.recip();
        vec![
            log_normal_mass(&(&z * &alpha)),
            z.square() * -0.5,
            -sigma.log(),
            y.constant(LN_2 - HALF_LOG_TWO_PI),
        ]
    })
}

fn skew_normal_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(
        call,
        [LOCATION, SCALE, finite("Shape parameter")],
        |rng, [mu, sigma, alpha]| {
            // Azzalini (1985): the larger part of a folded normal, the rest of another.
            let (folded, other): (f64, f64) =
                (StandardNormal.sample(rng), StandardNormal.sample(rng));
            let share = alpha / (1.0 + alpha * alpha).sqrt();
            mu + sigma * (share * folded.abs() + (1.0 - share * share).sqrt() * other)
        },
    )
}

/// A normal variable plus an exponential one of rate lambda.
fn exp_mod_normal(call: &mut Call) -> Result<Value, Failure> {
    let arguments = [
        Y,
        LOCATION,
        SCALE,
        positive_finite("Inverse scale parameter"),
    ];
    density(call, arguments, |[y, mu, sigma, lambda]| {
        let difference = &y - &mu;
        let slope = &lambda * &sigma;
        vec![
            log_normal_mass(&(&difference * sigma.recip() - &slope)),
            -(difference * &lambda),
            slope.square() * 0.5 + lambda.log(),
        ]
    })
}

fn exp_mod_normal_rng(call: &mut Call) -> Result<Value, Failure> {
    let arguments = [LOCATION, SCALE, positive_finite("Inverse scale parameter")];
    draw(call, arguments, |rng, [mu, sigma, lambda]| {
        let z: f64 = StandardNormal.sample(rng);
        mu + sigma * z - unit(rng).ln() / lambda
    })
}

/// Of mass tau below mu: log 2 + log tau + log(1 - tau) - log sigma - 2 |y - mu| (1 - tau below mu, tau above) / sigma
fn skew_double_exponential(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [Y, LOCATION, SCALE, probability("Skewness parameter")],
        |[y, mu, sigma, tau]| {
            let z = (&y - &mu) * sigma.recip();
            let zero = y.constant(0.0);
            let above = z.binary(Binary::Max, &zero) * &tau;
            let below = z.binary(Binary::Min, &zero) * (1.0 - &tau);
            vec![
                (above - below) * -2.0,
                tau.log() + (-tau).log1p() - sigma.log(),
                y.constant(LN_2),
            ]
        },
    )
}

fn skew_double_exponential_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(
        call,
        [LOCATION, SCALE, probability("Skewness parameter")],
        |rng, [mu, sigma, tau]| {
            let u = unit(rng);
            if u < tau {
                mu + sigma * 0.5 / (1.0 - tau) * (u / tau).ln()
            } else {
                mu - sigma * 0.5 / tau * ((1.0 - u) / (1.0 - tau)).ln()
            }
        },
    )
}
