//! Cumulative functions by incomplete gamma and beta functions.

use firebrand_graph::Mass;

use super::cumulative::{above_zero, exp_of};
use crate::library::Function;
use crate::library::checks::{
    Argument, finite, nonnegative, not_nan, open_unit, positive, positive_finite, probability,
};
use crate::library::density::density;
use crate::library::formula::Num;
use crate::library::signature::Scalar::{self, Int, Real};

/// Entries for each distribution: the log of the mass below and of the mass above, as terms of one row.
macro_rules! masses {
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
    below |[y, nu, mu, sigma]| vec![nu.mass(Mass::LogStudentT, [&((y - mu) * sigma.recip())])];
    above |[y, nu, mu, sigma]| vec![nu.mass(Mass::LogStudentT, [&((mu - y) * sigma.recip())])];

    "gamma" R3 [NONNEGATIVE_Y, SHAPE, INVERSE_SCALE];
    below |[y, alpha, beta]| lower(&alpha, &(beta * y));
    above |[y, alpha, beta]| upper(&alpha, &(beta * y));

    "inv_gamma" R3 [NONNEGATIVE_Y, SHAPE, SCALE];
    below |[y, alpha, beta]| inverse_upper(&y, &alpha, |y| beta / y);
    above |[y, alpha, beta]| above_zero(&y, |y| alpha.mass(Mass::LogGammaP, [&(beta / y)]));

    "chi_square" R2 [NONNEGATIVE_Y, FREEDOM];
    below |[y, nu]| lower(&(nu * 0.5), &(y * 0.5));
    above |[y, nu]| upper(&(nu * 0.5), &(y * 0.5));

    "inv_chi_square" R2 [NONNEGATIVE_Y, FREEDOM];
    below |[y, nu]| inverse_upper(&y, &(nu * 0.5), |y| 0.5 / y);
    above |[y, nu]| above_zero(&y, |y| (nu * 0.5).mass(Mass::LogGammaP, [&(0.5 / y)]));

    "scaled_inv_chi_square" R3 [NONNEGATIVE_Y, FREEDOM, SCALE];
    below |[y, nu, s]| inverse_upper(&y, &(&nu * 0.5), |y| &nu * 0.5 * s.square() / y);
    above |[y, nu, s]| above_zero(&y, |y| {
        (&nu * 0.5).mass(Mass::LogGammaP, [&(&nu * 0.5 * s.square() / y)])
    });

    "beta" R3 [UNIT_Y, positive("First shape parameter"), positive("Second shape parameter")];
    below |[y, alpha, beta]| vec![alpha.mass(Mass::LogBeta, [&beta, &y, &(1.0 - &y)])];
    above |[y, alpha, beta]| vec![beta.mass(Mass::LogBeta, [&alpha, &(1.0 - &y), &y])];

    "poisson" IR [not_nan("Random variable"), nonnegative("Rate parameter")];
    below |[n, lambda]| counted(&n, f64::NEG_INFINITY, |n| (n + 1.0).mass(Mass::LogGammaQ, [&lambda]));
    above |[n, lambda]| counted(&n, 0.0, |n| (n + 1.0).mass(Mass::LogGammaP, [&lambda]));

    "binomial" IIR [not_nan("Successes variable"), nonnegative("Population size parameter"), probability("Probability parameter")];
    below |[n, trials, p]| successes(&n, &trials, [f64::NEG_INFINITY, 0.0], |n| {
        (&trials - n).mass(Mass::LogBeta, [&(n + 1.0), &(1.0 - &p), &p])
    });
    above |[n, trials, p]| successes(&n, &trials, [0.0, f64::NEG_INFINITY], |n| {
        (n + 1.0).mass(Mass::LogBeta, [&(&trials - n), &p, &(1.0 - &p)])
    });

    "neg_binomial" IRR [not_nan("Random variable"), SHAPE, INVERSE_SCALE];
    below |[n, alpha, beta]| counted(&n, f64::NEG_INFINITY, |n| {
        let failure = (&beta + 1.0).recip();
        alpha.mass(Mass::LogBeta, [&(n + 1.0), &(&beta * &failure), &failure])
    });
    above |[n, alpha, beta]| counted(&n, 0.0, |n| {
        let failure = (&beta + 1.0).recip();
        (n + 1.0).mass(Mass::LogBeta, [&alpha, &failure, &(&beta * &failure)])
    });

    "neg_binomial_2" IRR [not_nan("Random variable"), positive("Location parameter"), positive("Precision parameter")];
    below |[n, mu, phi]| counted(&n, f64::NEG_INFINITY, |n| {
        let total = &mu + &phi;
        phi.mass(Mass::LogBeta, [&(n + 1.0), &(&phi / &total), &(&mu / &total)])
    });
    above |[n, mu, phi]| counted(&n, 0.0, |n| {
        let total = &mu + &phi;
        (n + 1.0).mass(Mass::LogBeta, [&phi, &(&mu / &total), &(&phi / &total)])
    });
};

/// Those of which Stan has the logarithms only.
pub(in crate::library) const OTHERS: &[Function] = &[
    Function::density("beta_proportion_lcdf", R3, |call| {
        density(call, BETA_PROPORTION, |[y, mu, kappa]| {
            let (alpha, beta) = (&mu * &kappa, (1.0 - mu) * kappa);
            vec![alpha.mass(Mass::LogBeta, [&beta, &y, &(1.0 - &y)])]
        })
    }),
    Function::density("beta_proportion_lccdf", R3, |call| {
        density(call, BETA_PROPORTION, |[y, mu, kappa]| {
            let (alpha, beta) = (&mu * &kappa, (1.0 - mu) * kappa);
            vec![beta.mass(Mass::LogBeta, [&alpha, &(1.0 - &y), &y])]
        })
    }),
];

const BETA_PROPORTION: [Argument; 3] = [
    UNIT_Y,
    open_unit("Location parameter"),
    positive_finite("Precision parameter"),
];

fn lower<'s>(a: &Num<'s>, x: &Num<'s>) -> Vec<Num<'s>> {
    vec![a.mass(Mass::LogGammaP, [x])]
}

fn upper<'s>(a: &Num<'s>, x: &Num<'s>) -> Vec<Num<'s>> {
    vec![a.mass(Mass::LogGammaQ, [x])]
}

/// The upper mass at a number inverse to y; none where y is zero.
fn inverse_upper<'s>(
    y: &Num<'s>,
    a: &Num<'s>,
    inverse: impl FnOnce(&Num<'s>) -> Num<'s>,
) -> Vec<Num<'s>> {
    let (y, outside) = y.within(&y.is_positive(), 1.0);
    vec![a.mass(Mass::LogGammaQ, [&inverse(&y)]), outside]
}

/// The mass of a count; `outside` where it is negative.
fn counted<'s>(n: &Num<'s>, outside: f64, mass: impl FnOnce(&Num<'s>) -> Num<'s>) -> Vec<Num<'s>> {
    let zero = n.constant(0.0);
    let inside = zero.at_most(n);
    // Any count that has a mass stands where there is none.
    vec![inside.select(
        mass(&n.binary(firebrand_graph::Binary::Max, &zero)),
        outside,
    )]
}

/// The mass of a number of successes; `outside` where it is negative, and where it is not less than the trials.
fn successes<'s>(
    n: &Num<'s>,
    trials: &Num<'s>,
    [negative, all]: [f64; 2],
    mass: impl FnOnce(&Num<'s>) -> Num<'s>,
) -> Vec<Num<'s>> {
    let zero = n.constant(0.0);
    let inside = zero.at_most(n) * n.less(trials);
    if inside
        .known()
        .is_some_and(|inside| inside.data().iter().all(|x| *x == 0.0))
    {
        return vec![n.less(0.0).select(negative, all)];
    }
    let outside = n.less(0.0).select(negative, all);
    // Zero successes stand where there is no mass to compute; of no trials it is not used.
    let value = mass(&inside.select(n, 0.0));
    vec![inside.select(value, outside)]
}
