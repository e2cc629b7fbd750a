//! Functions of known numbers that neither the standard library nor the graph has.

use firebrand_graph::{Unary, inv_phi, lgamma};

/// log of a standard normal's normalising constant: log(2 pi) / 2
pub(crate) const HALF_LOG_TWO_PI: f64 = 0.918_938_533_204_672_8;

/// lgamma(x) less Stirling's approximation of it, for x >= 10 (DLMF 5.11.1).
fn stirling_rest(x: f64) -> f64 {
    let y = 1.0 / (x * x);
    (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y * (1.0 / 1680.0 - y / 1188.0)))) / x
}

/// log Beta(a, b), without cancellation where an argument is large.
pub(crate) fn lbeta(a: f64, b: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    let sum = small + large;
    if large < 10.0 || !sum.is_finite() {
        return lgamma(small) + lgamma(large) - lgamma(sum);
    }
    let rest = stirling_rest(large) - stirling_rest(sum);
    let share = large * (-small / sum).ln_1p();
    if small < 10.0 {
        let half = -0.5 * (-small / sum).ln_1p();
        return lgamma(small) + rest + share + half + small * (1.0 - sum.ln());
    }
    HALF_LOG_TWO_PI + stirling_rest(small) + rest + (small - 0.5) * (small / sum).ln() + share
        - 0.5 * large.ln()
}

/// log of the binomial coefficient of real n >= k >= 0.
pub(crate) fn lchoose(n: f64, k: f64) -> f64 {
    if k == 0.0 || k == n {
        return 0.0;
    }
    -lbeta(n - k + 1.0, k + 1.0) - n.ln_1p()
}

/// log of a standard normal distribution's mass below z.
pub(crate) fn log_phi(z: f64) -> f64 {
    use std::f64::consts::FRAC_1_SQRT_2;
    if z > 0.0 {
        return (-0.5 * Unary::Erfc.apply(z * FRAC_1_SQRT_2)).ln_1p();
    }
    if z > -10.0 {
        return (0.5 * Unary::Erfc.apply(-z * FRAC_1_SQRT_2)).ln();
    }
    if z == f64::NEG_INFINITY {
        return z;
    }
    // The continued fraction of the Mills ratio (DLMF 7.9.3); forty levels are exact to rounding here.
    let fraction = (1..=40).rev().fold(-z, |rest, k| -z + f64::from(k) / rest);
    -0.5 * z * z - HALF_LOG_TWO_PI - fraction.ln()
}

/// The standard normal's quantile of the probability exp(x).
pub(crate) fn std_normal_log_quantile(x: f64) -> f64 {
    if x > -std::f64::consts::LN_2 {
        return -inv_phi(-x.exp_m1());
    }
    if x > -500.0 || !x.is_finite() {
        return inv_phi(x.exp());
    }
    // Newton's steps from the leading term; the slope is the density over the mass.
    (0..20).fold(-(-2.0 * x).sqrt(), |z, _| {
        let log_mass = log_phi(z);
        z - (log_mass - x) * (log_mass + 0.5 * z * z + HALF_LOG_TWO_PI).exp()
    })
}
