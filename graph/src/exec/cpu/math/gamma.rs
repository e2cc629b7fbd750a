//! The gamma function's logarithm and its derivatives, for x > 0: a shift by eight where x is small, then the asymptotic
//! series (Abramowitz and Stegun 6.1.41, 6.3.18, 6.4.12).
//!
//! Errors are absolute where the functions cross zero: a few 1e-15.

use super::{fma, log, polynomial};

/// Below it, the argument is raised.
const LARGE: f64 = 8.0;

/// y, with which the product of x + k over k = 0..8 is y (y + 6) (y + 10) (y + 12).
#[inline(always)]
fn paired<const FMA: bool>(x: f64) -> f64 {
    fma::<FMA>(x, x, 7.0 * x)
}

#[inline(always)]
pub(in crate::exec::cpu) fn lgamma<const FMA: bool>(x: f64) -> f64 {
    let small = x < LARGE;
    let y = paired::<FMA>(x);
    let product = if small {
        y * (y + 6.0) * (y + 10.0) * (y + 12.0)
    } else {
        1.0
    };
    let z = if small { x + LARGE } else { x };
    let recip = 1.0 / z;
    let series = polynomial::<FMA, 8>(
        recip * recip,
        [
            -3617.0 / 122_400.0,
            1.0 / 156.0,
            -691.0 / 360_360.0,
            1.0 / 1188.0,
            -1.0 / 1680.0,
            1.0 / 1260.0,
            -1.0 / 360.0,
            1.0 / 12.0,
        ],
    );
    const HALF_LOG_TWO_PI: f64 = 0.918_938_533_204_672_7;
    let rest = fma::<FMA>(series, recip, HALF_LOG_TWO_PI) - log::<FMA>(product);
    // Log and factor apart, so that infinity less infinity does not occur.
    let result = fma::<FMA>(z - 0.5, log::<FMA>(z) - 1.0, rest - 0.5);
    if x == f64::INFINITY { x } else { result }
}

#[inline(always)]
pub(in crate::exec::cpu) fn digamma<const FMA: bool>(x: f64) -> f64 {
    let small = x < LARGE;
    let y = paired::<FMA>(x);
    let (a, b) = (y * (y + 6.0), (y + 10.0) * (y + 12.0));
    // The derivative of the logarithm of the product.
    let slope = fma::<FMA>(2.0 * y + 6.0, b, a * (2.0 * y + 22.0));
    let shift = if small {
        (2.0 * x + 7.0) * slope / (a * b)
    } else {
        0.0
    };
    let z = if small { x + LARGE } else { x };
    let recip = 1.0 / z;
    let square = recip * recip;
    let series = polynomial::<FMA, 9>(
        square,
        [
            43867.0 / 14_364.0,
            -3617.0 / 8_160.0,
            1.0 / 12.0,
            -691.0 / 32_760.0,
            1.0 / 132.0,
            -1.0 / 240.0,
            1.0 / 252.0,
            -1.0 / 120.0,
            1.0 / 12.0,
        ],
    );
    log::<FMA>(z) - fma::<FMA>(square, series, fma::<FMA>(0.5, recip, shift))
}

#[inline(always)]
pub(in crate::exec::cpu) fn trigamma<const FMA: bool>(x: f64) -> f64 {
    let small = x < LARGE;
    let mut shift = 0.0;
    for k in 0..8 {
        let recip = 1.0 / (x + f64::from(k));
        shift = fma::<FMA>(recip, recip, shift);
    }
    let shift = if small { shift } else { 0.0 };
    let z = if small { x + LARGE } else { x };
    let recip = 1.0 / z;
    let square = recip * recip;
    let series = polynomial::<FMA, 9>(
        square,
        [
            43867.0 / 798.0,
            -3617.0 / 510.0,
            7.0 / 6.0,
            -691.0 / 2730.0,
            5.0 / 66.0,
            -1.0 / 30.0,
            1.0 / 42.0,
            -1.0 / 30.0,
            1.0 / 6.0,
        ],
    );
    shift + fma::<FMA>(square * recip, series, fma::<FMA>(0.5, square, recip))
}
