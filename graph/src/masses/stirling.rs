//! Powers over gamma functions, without the cancellation of large logarithms.

use super::HALF_LOG_TWO_PI;
use super::dual::Number;

/// From here on Stirling's series is exact to rounding.
const LARGE: f64 = 10.0;

/// log Gamma(x) less Stirling's approximation of it, for x >= 10 (DLMF 5.11.1).
fn rest<T: Number>(x: T) -> T {
    const COEFFICIENTS: [f64; 7] = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
    ];
    let reciprocal = T::from(1.0) / x;
    let square = reciprocal * reciprocal;
    let series = COEFFICIENTS
        .iter()
        .rev()
        .fold(T::from(0.0), |sum, c| (sum * square).plus(*c));
    series * reciprocal
}

/// log(1 + x) - x
fn log1p_less<T: Number>(x: T) -> T {
    if x.value().abs() > 0.5 {
        return x.ln_1p() - x;
    }
    // 2 atanh(r) for r = x / (2 + x), of which the first term is x - x r.
    let r = x / x.plus(2.0);
    let square = r * r;
    let series = (0..24).rev().fold(T::from(0.0), |sum, k| {
        (sum * square).plus(1.0 / f64::from(2 * k + 3))
    });
    (r * square * series).scale(2.0) - x * r
}

/// log(x^a exp(-x) / Gamma(a))
pub(super) fn log_gamma_kernel<T: Number>(a: T, x: T) -> T {
    if a.value() < LARGE || x.value() > 1e3 * a.value() || x.value() < 1e-3 * a.value() {
        return a * x.ln() - x - a.log_gamma(0);
    }
    a * log1p_less((x - a) / a) + (a.ln()).scale(0.5).plus(-HALF_LOG_TWO_PI) - rest(a)
}

/// log(x^a y^b / Beta(a, b)), where x + y = 1; `logs` are those of x and y.
pub(super) fn log_beta_kernel<T: Number>([a, b]: [T; 2], [x, y]: [T; 2], logs: [T; 2]) -> T {
    let sum = a + b;
    let powers = a * logs[0] + b * logs[1];
    let (small, large) = if a.value() < b.value() {
        (a, b)
    } else {
        (b, a)
    };
    if large.value() < LARGE {
        return powers + sum.log_gamma(0) - a.log_gamma(0) - b.log_gamma(0);
    }
    if small.value() < LARGE {
        let share = (-(small / sum)).ln_1p();
        let log_beta = small.log_gamma(0) + rest(large) - rest(sum)
            + large.plus(-0.5) * share
            + small * (T::from(1.0) - sum.ln());
        return powers - log_beta;
    }
    let rests = rest(sum) - rest(a) - rest(b);
    let half = (a.ln() + b.ln() - sum.ln())
        .scale(0.5)
        .plus(-HALF_LOG_TWO_PI);
    let away = x * b - y * a;
    let (u, v) = (away / a, -(away / b));
    // Where a power is all but zero, what is subtracted from its logarithm is too.
    if u.value() > 1e3 || v.value() > 1e3 || u.value() < -0.999 || v.value() < -0.999 {
        let logs = powers - a * (a / sum).ln() - b * (b / sum).ln();
        return logs + half + rests;
    }
    a * log1p_less(u) + b * log1p_less(v) + half + rests
}
