//! Distributions of ints given ints.

use rand_distr::{Distribution, Hypergeometric};

use super::terms::unit;
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{Argument, nonnegative, not_nan};
use crate::library::density::{draw_int, known_rows};
use crate::library::signature::Scalar::{self, Int};
use crate::library::special::lchoose;
use crate::value::Value;

const I2: &[Scalar] = &[Int; 2];
const I3: &[Scalar] = &[Int; 3];

pub(in crate::library) const TABLE: &[Function] = &[
    Function::density("discrete_range_lpmf", I3, |call| {
        discrete_range(call, |[y, lower, upper]| {
            if y < lower || y > upper {
                0.0
            } else {
                1.0 / size(lower, upper)
            }
        })
    }),
    Function::density("discrete_range_lcdf", I3, |call| {
        discrete_range(call, |[y, lower, upper]| {
            ((y - lower + 1.0) / size(lower, upper)).clamp(0.0, 1.0)
        })
    }),
    Function::density("discrete_range_lccdf", I3, |call| {
        discrete_range(call, |[y, lower, upper]| {
            ((upper - y) / size(lower, upper)).clamp(0.0, 1.0)
        })
    }),
    Function::density("discrete_range_cdf", I3, |call| {
        let log = discrete_range(call, |[y, lower, upper]| {
            ((y - lower + 1.0) / size(lower, upper)).clamp(0.0, 1.0)
        });
        let log = log?.to_reals();
        Ok(Value::Real(call.graph.exp(&log)))
    }),
    Function::random("discrete_range_rng", Int, I2, |call| {
        require_range(call, 0);
        draw_int(call, BOUNDS, |rng, [lower, upper]| {
            (lower + (unit(rng) * size(lower, upper)).floor()).min(upper)
        })
    }),
    Function::listed(
        "hypergeometric_lpmf",
        &["real(int, int, int, int)"],
        hypergeometric,
    ),
    Function::listed("hypergeometric_rng", &["int(int, int, int)"], |call| {
        draw_int(
            call,
            [nonnegative("Draws parameter"), FIRST, SECOND],
            |rng, [draws, first, second]| {
                let distribution =
                    Hypergeometric::new((first + second) as u64, first as u64, draws as u64);
                distribution.map_or(f64::NAN, |distribution| distribution.sample(rng) as f64)
            },
        )
    }),
];

const BOUNDS: [Argument; 2] = [
    not_nan("Lower bound parameter"),
    not_nan("Upper bound parameter"),
];
const FIRST: Argument = nonnegative("Successes in population parameter");
const SECOND: Argument = nonnegative("Failures in population parameter");

fn size(lower: f64, upper: f64) -> f64 {
    upper - lower + 1.0
}

/// Rejects every draw unless argument `i` is at most the next one.
fn require_range(call: &mut Call, i: usize) {
    let (lower, upper) = (call.real(i), call.real(i + 1));
    let (lower, upper) = call.aligned(&lower, &upper);
    // Sizes that do not match are told of where the arguments are used.
    let fits =
        firebrand_graph::broadcast_shape(&call.graph.shape(&lower), &call.graph.shape(&upper))
            .is_some();
    if fits {
        let met = call
            .graph
            .binary(firebrand_graph::Binary::LessEqual, &lower, &upper);
        let name = call.name;
        call.require(met, || {
            format!("{name}: Upper bound parameter must be greater than or equal to the lower one")
        });
    }
}

fn discrete_range(call: &mut Call, mass: fn([f64; 3]) -> f64) -> Result<Value, Failure> {
    require_range(call, 1);
    known_rows(
        call,
        [not_nan("Random variable"), BOUNDS[0], BOUNDS[1]],
        |row| mass(row).ln(),
    )
}

/// choose(first, n) choose(second, draws - n) / choose(first + second, draws)
fn hypergeometric(call: &mut Call) -> Result<Value, Failure> {
    let arguments = [
        nonnegative("Successes variable"),
        nonnegative("Draws parameter"),
        FIRST,
        SECOND,
    ];
    known_rows(call, arguments, |[n, draws, first, second]| {
        if n > first || n > draws || draws - n > second {
            return f64::NEG_INFINITY;
        }
        lchoose(first, n) + lchoose(second, draws - n) - lchoose(first + second, draws)
    })
}
