//! The regularised incomplete beta function (DLMF 8.17.22), on the log scale, and Student's t distribution.

use std::f64::consts::LN_2;

use super::dual::Number;
use super::stirling::log_beta_kernel;
use super::{MOST_TERMS, continued_fraction, log1m_exp};

pub(super) fn log_incomplete<T: Number>(a: T, b: T, x: T, y: T) -> T {
    let (p, q) = (x.value(), y.value());
    let shapes = [a.value(), b.value()];
    if shapes.iter().any(|a| !(*a > 0.0 && a.is_finite())) || !(p >= 0.0 && q >= 0.0) {
        return f64::NAN.into();
    }
    if p == 0.0 {
        return f64::NEG_INFINITY.into();
    }
    if q == 0.0 {
        return 0.0.into();
    }
    // Of the two, the smaller has all digits.
    let logs = if p < q {
        [x.ln(), (-x).ln_1p()]
    } else {
        [(-y).ln_1p(), y.ln()]
    };
    log_with([a, b], [x, y], logs)
}

/// The same, with the logarithms of x and y.
fn log_with<T: Number>([a, b]: [T; 2], [x, y]: [T; 2], [log_x, log_y]: [T; 2]) -> T {
    let middle = (a.value() + 1.0) / (a.value() + b.value() + 2.0);
    if x.value() <= middle {
        log_fraction([a, b], [x, y], [log_x, log_y])
    } else {
        log1m_exp(log_fraction([b, a], [y, x], [log_y, log_x]))
    }
}

fn log_fraction<T: Number>([a, b]: [T; 2], [x, y]: [T; 2], logs: [T; 2]) -> T {
    let sum = a + b;
    let fraction = continued_fraction(|k| {
        let one = T::from(1.0);
        if k == 1 {
            return (one, one);
        }
        let (n, m) = (k - 1, ((k - 1) / 2) as f64);
        let twice = a.plus(2.0 * m);
        let above = if n % 2 == 0 {
            x * b.plus(-m).scale(m) / (twice.plus(-1.0) * twice)
        } else {
            -(x * a.plus(m) * sum.plus(m) / (twice * twice.plus(1.0)))
        };
        (above, one)
    });
    log_beta_kernel([a, b], [x, y], logs) - a.ln() + fraction.ln()
}

/// log of the mass of Student's t distribution below t.
pub(super) fn log_student_t<T: Number>(nu: T, t: T) -> T {
    if !(nu.value() > 0.0 && nu.value().is_finite()) {
        return f64::NAN.into();
    }
    match t.value() {
        f64::INFINITY => return 0.0.into(),
        f64::NEG_INFINITY => return f64::NEG_INFINITY.into(),
        _ => {}
    }
    if t.value().abs() < 1.0 {
        return central(nu, t).plus(0.5).ln();
    }
    let half = [nu.scale(0.5), T::from(0.5)];
    // t^2 / nu, which may be too large for a number.
    let log_ratio = (t * T::from(t.value().signum())).ln().scale(2.0) - nu.ln();
    let ratio = t / nu * t;
    let log_x = if log_ratio.value() > 40.0 {
        -log_ratio
    } else {
        -ratio.ln_1p()
    };
    let x = log_x.exp();
    let y = T::from(1.0) / (T::from(1.0) + (-log_ratio).exp());
    let log_y = -(-log_ratio).exp().ln_1p();
    let tail = log_with(half, [x, y], [log_x, log_y]).plus(-LN_2);
    if t.value() < 0.0 {
        tail
    } else {
        log1m_exp(tail)
    }
}

/// The mass between 0 and t: t times the density, times `2F1(1, (nu + 1) / 2; 3 / 2; t^2 / (nu + t^2))`.
fn central<T: Number>(nu: T, t: T) -> T {
    let (half, square) = (nu.plus(1.0).scale(0.5), t * t);
    let y = square / (nu + square);
    let (mut term, mut sum) = (T::from(1.0), T::from(1.0));
    for k in 0..MOST_TERMS {
        term = term * y * half.plus(k as f64) / T::from(k as f64 + 1.5);
        sum = sum + term;
        if term.size() < 1e-17 * sum.value() {
            let one = T::from(1.0);
            // Gamma((nu + 1) / 2) / (Gamma(nu / 2) sqrt(pi)) is 1 / Beta(nu / 2, 1 / 2).
            let log_norm = log_beta_kernel(
                [nu.scale(0.5), 0.5.into()],
                [one, 0.0.into()],
                [0.0.into(); 2],
            );
            let log_density = log_norm - nu.ln().scale(0.5) - half * (square / nu).ln_1p();
            return t * log_density.exp() * sum;
        }
    }
    f64::NAN.into()
}
