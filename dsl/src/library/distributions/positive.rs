//! Distributions over positive reals.

use std::f64::consts::LN_2;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, StandardNormal};

use super::terms::{squared_distance, unit};
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{Argument, finite, nonnegative, not_nan, positive, positive_finite};
use crate::library::density::{density, draw};
use crate::library::signature::Scalar::{self, Real};
use crate::library::special::HALF_LOG_TWO_PI;
use crate::value::Value;

const R1: &[Scalar] = &[Real; 1];
const R2: &[Scalar] = &[Real; 2];
const R3: &[Scalar] = &[Real; 3];
const R4: &[Scalar] = &[Real; 4];

pub(in crate::library) const TABLE: &[Function] = &[
    Function::density("gamma_lpdf", R3, gamma),
    Function::random("gamma_rng", Real, R2, gamma_rng),
    Function::density("inv_gamma_lpdf", R3, inv_gamma),
    Function::random("inv_gamma_rng", Real, R2, inv_gamma_rng),
    Function::density("exponential_lpdf", R2, exponential),
    Function::random("exponential_rng", Real, R1, exponential_rng),
    Function::density("lognormal_lpdf", R3, lognormal),
    Function::random("lognormal_rng", Real, R2, lognormal_rng),
    Function::density("weibull_lpdf", R3, weibull),
    Function::random("weibull_rng", Real, R2, weibull_rng),
    Function::density("frechet_lpdf", R3, frechet),
    Function::random("frechet_rng", Real, R2, frechet_rng),
    Function::density("chi_square_lpdf", R2, chi_square),
    Function::random("chi_square_rng", Real, R1, chi_square_rng),
    Function::density("inv_chi_square_lpdf", R2, inv_chi_square),
    Function::random("inv_chi_square_rng", Real, R1, inv_chi_square_rng),
    Function::density("scaled_inv_chi_square_lpdf", R3, scaled_inv_chi_square),
    Function::random(
        "scaled_inv_chi_square_rng",
        Real,
        R2,
        scaled_inv_chi_square_rng,
    ),
    Function::density("rayleigh_lpdf", R2, rayleigh),
    Function::random("rayleigh_rng", Real, R1, rayleigh_rng),
    Function::density("pareto_lpdf", R3, pareto),
    Function::random("pareto_rng", Real, R2, pareto_rng),
    Function::density("pareto_type_2_lpdf", R4, pareto_type_2),
    Function::random("pareto_type_2_rng", Real, R3, pareto_type_2_rng),
    Function::density("loglogistic_lpdf", R3, loglogistic),
    Function::random("loglogistic_rng", Real, R2, loglogistic_rng),
];

const Y: Argument = not_nan("Random variable");
const LOCATION: Argument = finite("Location parameter");
const SHAPE: Argument = positive_finite("Shape parameter");
const SCALE: Argument = positive_finite("Scale parameter");
const INVERSE_SCALE: Argument = positive_finite("Inverse scale parameter");
const FREEDOM: Argument = positive_finite("Degrees of freedom parameter");

fn gamma(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [positive_finite("Random variable"), SHAPE, INVERSE_SCALE],
        |[y, alpha, beta]| {
            vec![
                y.log() * (&alpha - 1.0),
                -(&y * &beta),
                &alpha * beta.log() - alpha.lgamma(),
            ]
        },
    )
}

fn gamma_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [SHAPE, INVERSE_SCALE], |rng, [alpha, beta]| {
        standard_gamma(rng, alpha) / beta
    })
}

fn inv_gamma(call: &mut Call) -> Result<Value, Failure> {
    density(call, [Y, SHAPE, SCALE], |[y, alpha, beta]| {
        let (y, outside) = y.within(&y.is_positive(), 1.0);
        vec![
            -(y.log() * (&alpha + 1.0)),
            -(y.recip() * &beta),
            &alpha * beta.log() - alpha.lgamma(),
            outside,
        ]
    })
}

fn inv_gamma_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [SHAPE, SCALE], |rng, [alpha, beta]| {
        beta / standard_gamma(rng, alpha)
    })
}

fn exponential(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [nonnegative("Random variable"), INVERSE_SCALE],
        |[y, beta]| vec![-(&y * &beta), beta.log()],
    )
}

fn exponential_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [INVERSE_SCALE], |rng, [beta]| -unit(rng).ln() / beta)
}

fn lognormal(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [nonnegative("Random variable"), LOCATION, SCALE],
        |[y, mu, sigma]| {
            let (y, outside) = y.within(&y.is_positive(), 1.0);
            let log_y = y.log();
            vec![
                squared_distance(&log_y, &mu, &sigma) * -0.5,
                -log_y,
                -sigma.log(),
                y.constant(-HALF_LOG_TWO_PI),
                outside,
            ]
        },
    )
}

fn lognormal_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [LOCATION, SCALE], |rng, [mu, sigma]| {
        let z: f64 = StandardNormal.sample(rng);
        (mu + sigma * z).exp()
    })
}

fn weibull(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [finite("Random variable"), SHAPE, SCALE],
        |[y, alpha, sigma]| {
            // At zero itself the density is finite or infinite, as the shape has it.
            let inside = if y.known().is_some() {
                y.constant(0.0).at_most(&y)
            } else {
                y.is_positive()
            };
            let (y, outside) = y.within(&inside, 1.0);
            let (log_y, log_sigma) = (y.log(), sigma.log());
            vec![
                -((&log_y - &log_sigma) * &alpha).exp(),
                (&alpha - 1.0).zero_times(&log_y),
                alpha.log() - &alpha * &log_sigma,
                outside,
            ]
        },
    )
}

fn weibull_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [SHAPE, SCALE], |rng, [alpha, sigma]| {
        sigma * (-unit(rng).ln()).powf(1.0 / alpha)
    })
}

fn frechet(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [positive("Random variable"), SHAPE, SCALE],
        |[y, alpha, sigma]| {
            let (log_y, log_sigma) = (y.log(), sigma.log());
            vec![
                -((&log_sigma - &log_y) * &alpha).exp(),
                -(&log_y * (&alpha + 1.0)),
                alpha.log() + &alpha * &log_sigma,
            ]
        },
    )
}

fn frechet_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [SHAPE, SCALE], |rng, [alpha, sigma]| {
        sigma * (-unit(rng).ln()).powf(-1.0 / alpha)
    })
}

fn chi_square(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [nonnegative("Random variable"), FREEDOM],
        |[y, nu]| {
            let half = &nu * 0.5;
            vec![
                (&half - 1.0).zero_times(&y.log()),
                &y * -0.5,
                -(&half * LN_2 + half.lgamma()),
            ]
        },
    )
}

fn chi_square_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [FREEDOM], |rng, [nu]| {
        2.0 * standard_gamma(rng, 0.5 * nu)
    })
}

fn inv_chi_square(call: &mut Call) -> Result<Value, Failure> {
    density(call, [Y, FREEDOM], |[y, nu]| {
        let (y, outside) = y.within(&y.is_positive(), 1.0);
        let half = &nu * 0.5;
        vec![
            -(y.log() * (&half + 1.0)),
            y.recip() * -0.5,
            -(&half * LN_2 + half.lgamma()),
            outside,
        ]
    })
}

fn inv_chi_square_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [FREEDOM], |rng, [nu]| {
        0.5 / standard_gamma(rng, 0.5 * nu)
    })
}

fn scaled_inv_chi_square(call: &mut Call) -> Result<Value, Failure> {
    density(call, [Y, FREEDOM, SCALE], |[y, nu, s]| {
        let (y, outside) = y.within(&y.is_positive(), 1.0);
        let half = &nu * 0.5;
        vec![
            -(y.log() * (&half + 1.0)),
            -(y.recip() * (&half * s.square())),
            &half * half.log() - half.lgamma(),
            &nu * s.log(),
            outside,
        ]
    })
}

fn scaled_inv_chi_square_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [FREEDOM, SCALE], |rng, [nu, s]| {
        0.5 * nu * s * s / standard_gamma(rng, 0.5 * nu)
    })
}

fn rayleigh(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [positive("Random variable"), positive("Scale parameter")],
        |[y, sigma]| {
            vec![
                squared_distance(&y, &y.constant(0.0), &sigma) * -0.5,
                y.log(),
                sigma.log() * -2.0,
            ]
        },
    )
}

fn rayleigh_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [positive("Scale parameter")], |rng, [sigma]| {
        sigma * (-2.0 * unit(rng).ln()).sqrt()
    })
}

fn pareto(call: &mut Call) -> Result<Value, Failure> {
    density(call, [Y, SCALE, SHAPE], |[y, least, alpha]| {
        let (y, outside) = y.within(&least.at_most(&y), 1.0);
        vec![
            -(y.log() * (&alpha + 1.0)),
            alpha.log(),
            &alpha * least.log(),
            outside,
        ]
    })
}

fn pareto_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [SCALE, SHAPE], |rng, [least, alpha]| {
        least * unit(rng).powf(-1.0 / alpha)
    })
}

fn pareto_type_2(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [Y, LOCATION, SCALE, SHAPE],
        |[y, mu, lambda, alpha]| {
            mu.at_most(&y).or_reject(
                "Random variable must be greater than or equal to the location parameter",
            );
            vec![
                -(((&y - &mu) * lambda.recip()).log1p() * (&alpha + 1.0)),
                alpha.log(),
                -lambda.log(),
            ]
        },
    )
}

fn pareto_type_2_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(
        call,
        [LOCATION, SCALE, SHAPE],
        |rng, [mu, lambda, alpha]| mu + lambda * (unit(rng).powf(-1.0 / alpha) - 1.0),
    )
}

fn loglogistic(call: &mut Call) -> Result<Value, Failure> {
    density(
        call,
        [nonnegative("Random variable"), SCALE, SHAPE],
        |[y, alpha, beta]| {
            let (log_y, log_alpha) = (y.log(), alpha.log());
            vec![
                ((&log_y - &log_alpha) * &beta).log1p_exp() * -2.0,
                (&beta - 1.0).zero_times(&log_y),
                beta.log() - &beta * &log_alpha,
            ]
        },
    )
}

fn loglogistic_rng(call: &mut Call) -> Result<Value, Failure> {
    draw(call, [SCALE, SHAPE], |rng, [alpha, beta]| {
        let u = unit(rng);
        alpha * (u / (1.0 - u)).powf(1.0 / beta)
    })
}

/// A draw of the gamma distribution of unit scale.
pub(super) fn standard_gamma(rng: &mut ChaCha8Rng, alpha: f64) -> f64 {
    Gamma::new(alpha, 1.0).map_or(f64::NAN, |gamma| gamma.sample(rng))
}
