//! Scalar functions that the standard library lacks, in f64.

/// log |Gamma(x)|.
pub fn lgamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// The derivative of [`lgamma`], by recurrence and asymptotic series (Abramowitz and Stegun 6.3.5, 6.3.7, 6.3.18).
pub fn digamma(x: f64) -> f64 {
    if x <= 0.0 {
        if x == x.floor() {
            return f64::NAN;
        }
        return digamma(1.0 - x) - std::f64::consts::PI / (std::f64::consts::PI * x).tan();
    }
    if x.is_infinite() {
        return x;
    }
    let (mut x, mut shift) = (x, 0.0);
    while x < 12.0 {
        shift -= 1.0 / x;
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = y
        * (1.0 / 12.0
            - y * (1.0 / 120.0
                - y * (1.0 / 252.0
                    - y * (1.0 / 240.0 - y * (1.0 / 132.0 - y * (691.0 / 32760.0 - y / 12.0))))));
    shift + x.ln() - 0.5 / x - series
}

/// The second derivative of [`lgamma`] (Abramowitz and Stegun 6.4.6, 6.4.7, 6.4.12).
pub fn trigamma(x: f64) -> f64 {
    if x <= 0.0 {
        if x == x.floor() {
            return f64::INFINITY;
        }
        let sine = (std::f64::consts::PI * x).sin();
        return (std::f64::consts::PI / sine).powi(2) - trigamma(1.0 - x);
    }
    let (mut x, mut shift) = (x, 0.0);
    while x < 12.0 {
        shift += 1.0 / (x * x);
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = y
        * (1.0 / 6.0
            - y * (1.0 / 30.0
                - y * (1.0 / 42.0 - y * (1.0 / 30.0 - y * (5.0 / 66.0 - y * 691.0 / 2730.0)))));
    shift + 1.0 / x + 0.5 * y + series / x
}

/// The derivative of [`digamma`] of the given order, for x > 0 (Abramowitz and Stegun 6.4.6, 6.4.11); NaN elsewhere
/// for orders above 1.
pub fn polygamma(order: u8, x: f64) -> f64 {
    /// Bernoulli numbers B_2, B_4, ...
    const BERNOULLI: [f64; 10] = [
        1.0 / 6.0,
        -1.0 / 30.0,
        1.0 / 42.0,
        -1.0 / 30.0,
        5.0 / 66.0,
        -691.0 / 2730.0,
        7.0 / 6.0,
        -3617.0 / 510.0,
        43867.0 / 798.0,
        -174611.0 / 330.0,
    ];
    match order {
        0 => return digamma(x),
        1 => return trigamma(x),
        _ if x <= 0.0 || x.is_nan() => return f64::NAN,
        _ => {}
    }
    let n = i32::from(order);
    let factorial: f64 = (1..n).map(f64::from).product();
    let (mut x, mut shift) = (x, 0.0);
    while x < 20.0 + f64::from(n) {
        shift += f64::from(n) * factorial * x.powi(-n - 1);
        x += 1.0;
    }
    let mut series = factorial * x.powi(-n) + 0.5 * f64::from(n) * factorial * x.powi(-n - 1);
    // The k-th term is B_2k (2k + n - 1)! / ((2k)! x^(2k + n)).
    let mut ratio = factorial;
    for (k, bernoulli) in (1..).zip(BERNOULLI) {
        let m = 2 * k + n;
        ratio *= f64::from((m - 1) * (m - 2)) / f64::from(2 * k * (2 * k - 1));
        series += bernoulli * ratio * x.powi(-m);
    }
    let sign = if order % 2 == 1 { 1.0 } else { -1.0 };
    sign * (shift + series)
}

/// 1 / (1 + exp(-x)), without overflow.
pub fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// log(1 + exp(x)), without overflow.
pub fn log1p_exp(x: f64) -> f64 {
    if x > 0.0 {
        x + (-x).exp().ln_1p()
    } else {
        x.exp().ln_1p()
    }
}

/// log(1 - exp(x)) for x <= 0, accurate at both ends (Maechler 2012).
pub fn log1m_exp(x: f64) -> f64 {
    if x > -std::f64::consts::LN_2 {
        (-x.exp_m1()).ln()
    } else {
        (-x.exp()).ln_1p()
    }
}

/// log(exp(x) + exp(y)), without overflow.
pub fn log_add_exp(x: f64, y: f64) -> f64 {
    if x == f64::NEG_INFINITY {
        return y;
    }
    if y == f64::NEG_INFINITY {
        return x;
    }
    if x == f64::INFINITY || y == f64::INFINITY {
        return if x.is_nan() || y.is_nan() {
            f64::NAN
        } else {
            f64::INFINITY
        };
    }
    let (large, small) = if x > y { (x, y) } else { (y, x) };
    large + (small - large).exp().ln_1p()
}

/// x log(y), and 0 where both are 0.
pub fn multiply_log(x: f64, y: f64) -> f64 {
    if x == 0.0 && y == 0.0 {
        0.0
    } else {
        x * y.ln()
    }
}
