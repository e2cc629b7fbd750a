//! Elementary functions of one f64 without branches or calls, so that a loop over them is vectorised by the compiler.
//!
//! Each is accurate to two units in the last place or better over the whole range and treats infinities, NaN and
//! subnormal numbers as the standard library does. `FMA` says that the surrounding code is compiled for a machine
//! that multiplies and adds in one instruction.

mod exp;
mod gamma;
mod log;
mod power;

pub(super) use exp::{exp, expm1, sigmoid, tanh};
pub(super) use gamma::{digamma, lgamma, trigamma};
use log::log_in_parts;
pub(super) use log::{log, log_add_exp, log1m_exp, log1p, log1p_exp};
pub(super) use power::pow;

/// a b + c
#[inline(always)]
pub(super) fn fma<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// The polynomial with the given coefficients, highest power first.
#[inline(always)]
fn polynomial<const FMA: bool, const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    let mut result = coefficients[0];
    for c in &coefficients[1..] {
        result = fma::<FMA>(result, x, *c);
    }
    result
}

const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

#[cfg(test)]
mod tests {
    use super::*;

    /// Points over the whole range of f64, dense where functions turn.
    fn points() -> Vec<f64> {
        let mut points = vec![
            0.0,
            -0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            f64::MIN_POSITIVE,
            5e-324,
            1e-310,
            f64::MAX,
            f64::MIN,
            709.782712893384,
            709.8,
            -745.13,
            -745.2,
            -708.5,
            1.0,
            -1.0,
            -1.0 + 1e-16,
        ];
        for i in -4000..4000 {
            let x = f64::from(i) * 0.0173 + 1e-4;
            points.extend([x, x * 10.0, x * 1e-3, x * 1e-9, 1.0 + x * 1e-5]);
            points.push(10f64.powf(f64::from(i) * 0.077));
        }
        points
    }

    fn check(name: &str, ulps: f64, ours: fn(f64) -> f64, exact: fn(f64) -> f64) {
        check_above(5e-324, name, ulps, ours, exact);
    }

    /// As above, with at least `floor` for a unit in the last place: what is far below it is of no consequence.
    fn check_above(floor: f64, name: &str, ulps: f64, ours: fn(f64) -> f64, exact: fn(f64) -> f64) {
        let mut worst: (f64, f64) = (0.0, 0.0);
        for x in points() {
            let (a, b) = (ours(x), exact(x));
            if a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) {
                continue;
            }
            let ulp = (b.abs().next_up() - b.abs()).max(floor);
            let error = (a - b).abs() / ulp;
            assert!(error.is_finite(), "{name}({x:e}) = {a:e}, exactly {b:e}");
            if error > worst.0 {
                worst = (error, x);
            }
        }
        assert!(worst.0 <= ulps, "{name}: {} ulp at {:e}", worst.0, worst.1);
    }

    #[test]
    fn exponentials_are_accurate_to_two_units_in_the_last_place() {
        // The comparison itself (libm) is off by up to one.
        check("exp", 1.0, exp::<true>, libm::exp);
        check("exp", 1.0, exp::<false>, libm::exp);
        check("expm1", 2.0, expm1::<true>, libm::expm1);
        check("expm1", 2.0, expm1::<false>, libm::expm1);
        check("tanh", 3.0, tanh::<true>, libm::tanh);
        check_above(1e-305, "sigmoid", 3.0, sigmoid::<true>, crate::sigmoid);
    }

    #[test]
    fn gamma_functions_are_accurate_to_a_few_parts_in_1e15() {
        for i in 1..40_000 {
            let x = f64::from(i) * 1e-3;
            for x in [x, x * 1e-6, x * 1e3, x * 1e9] {
                let check = |name: &str, a: f64, b: f64| {
                    assert!(
                        (a - b).abs() <= 6e-15 * b.abs().max(1.0),
                        "{name}({x}) = {a}, exactly {b}"
                    );
                };
                check("lgamma", lgamma::<true>(x), libm::lgamma(x));
                check("digamma", digamma::<true>(x), crate::digamma(x));
                check("trigamma", trigamma::<true>(x), crate::trigamma(x));
            }
        }
    }

    #[test]
    fn powers_are_accurate_to_some_units_in_the_last_place() {
        for i in 1..2_000 {
            let x = f64::from(i) * 0.0137;
            for y in [
                -30.0, -2.5, -1.0, -0.3, 0.0, 0.5, 1.0, 1.7, 2.0, 3.0, 11.0, 150.0,
            ] {
                let exact = libm::pow(x, y);
                let error = |ours: f64| {
                    if ours == exact {
                        0.0
                    } else {
                        ((ours - exact) / exact).abs()
                    }
                };
                // The logarithm's smaller part, below 0.35, is rounded a few times; the exponent has it y times.
                let rounded = 0.35 * f64::EPSILON * y.abs();
                assert!(error(pow::<true>(x, y)) < 1e-15 + rounded, "{x}^{y}");
                // One unit for each unit of the exponent y log x.
                assert!(
                    error(pow::<false>(x, y)) < 4e-16 * (y * x.ln()).abs().max(4.0),
                    "{x}^{y}"
                );
            }
        }
    }

    #[test]
    fn logarithms_are_accurate_to_two_units_in_the_last_place() {
        check("log", 1.0, log::<true>, libm::log);
        check("log", 1.0, log::<false>, libm::log);
        check("log1p", 2.0, log1p::<true>, libm::log1p);
        check("log1p", 2.0, log1p::<false>, libm::log1p);
        check_above(
            1e-305,
            "log1p_exp",
            3.0,
            log1p_exp::<true>,
            crate::log1p_exp,
        );
        check("log1m_exp", 3.0, log1m_exp::<true>, crate::log1m_exp);
    }
}
