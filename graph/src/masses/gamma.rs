//! The regularised incomplete gamma functions (DLMF 8.7.1, 8.9.2), on the log scale.

use super::dual::Number;
use super::stirling::log_gamma_kernel;
use super::{MOST_TERMS, continued_fraction, log1m_exp};

pub(super) fn log_lower<T: Number>(a: T, x: T) -> T {
    match at_ends(a, x) {
        Some((lower, _)) => lower,
        None if x.value() < a.value() + 1.0 => log_series(a, x),
        None => log1m_exp(log_fraction(a, x)),
    }
}

pub(super) fn log_upper<T: Number>(a: T, x: T) -> T {
    match at_ends(a, x) {
        Some((_, upper)) => upper,
        None if x.value() < a.value() + 1.0 => log1m_exp(log_series(a, x)),
        None => log_fraction(a, x),
    }
}

/// Logs of the lower and the upper mass where there is nothing to add up.
fn at_ends<T: Number>(a: T, x: T) -> Option<(T, T)> {
    let (nothing, all) = (T::from(f64::NEG_INFINITY), T::from(0.0));
    match (a.value(), x.value()) {
        (shape, _) if !(shape > 0.0 && shape.is_finite()) => {
            Some((f64::NAN.into(), f64::NAN.into()))
        }
        // Exponential: it is the one whose upper mass has a finite slope other than 0 there.
        (1.0, 0.0) => Some((nothing, -x)),
        (_, 0.0) => Some((nothing, all)),
        (_, f64::INFINITY) => Some((all, nothing)),
        (_, x) if x < 0.0 => Some((f64::NAN.into(), f64::NAN.into())),
        _ => None,
    }
}

/// The lower mass: `x^a exp(-x) / Gamma(a + 1)` times `1 + x / (a + 1) + x^2 / ((a + 1) (a + 2)) + ...`
fn log_series<T: Number>(a: T, x: T) -> T {
    let (mut term, mut sum) = (T::from(1.0), T::from(1.0));
    for k in 1..MOST_TERMS {
        term = term * x / a.plus(k as f64);
        sum = sum + term;
        if term.size() < 1e-17 * sum.value() {
            return log_gamma_kernel(a, x) - a.ln() + sum.ln();
        }
    }
    f64::NAN.into()
}

/// The upper mass, by Legendre's continued fraction.
fn log_fraction<T: Number>(a: T, x: T) -> T {
    let fraction = continued_fraction(|k| {
        let before = k as f64 - 1.0;
        let above = if k == 1 {
            T::from(1.0)
        } else {
            (a.plus(-before)).scale(before)
        };
        (above, x.plus(2.0 * before + 1.0) - a)
    });
    log_gamma_kernel(a, x) + fraction.ln()
}
