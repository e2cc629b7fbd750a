//! The proximal step of a Gaussian, solved exactly in whitened coordinates.
//!
//! Write draws as `z = m + L eps` with `eps` of mean zero and covariance exactly the identity, and let `s = L' d log p(z) / dz`. A
//! Gaussian whose whitened precision is A and whitened mean mu has the whitened score `b - A eps` with `b = A mu`, so that with the
//! metric `M = L L'` the objective is, up to a constant,
//!
//! ```text
//! |b - E[s]|^2 + |A - P|^2 + (tr A + b' A^-1 b - log det A) / (2 eta),    P = - sym E[eps s'].
//! ```
//!
//! It is jointly convex in (b, A), and its minimum is positive definite whatever P is: no step can leave the family.

use faer::{Mat, Side};

/// Alternations between mean and precision that may take.
const MAX_ALTERNATIONS: usize = 25;
/// Relative change at which they have settled.
const TOLERANCE: f64 = 1e-7;
/// Reductions of eta after which the step is given up.
const MAX_REDUCTIONS: usize = 10;

/// The solution of one proximal step, in whitened coordinates.
#[derive(Clone, Debug)]
pub struct ProximalStep {
    /// The new mean.
    pub shift: Vec<f64>,
    /// The symmetric square root of the new covariance, `[D, D]`.
    pub factor: Mat<f64>,
    /// The eta that the step was solved with.
    pub eta: f64,
}

/// Minimises the objective for the mean `[D]` of the whitened score, the symmetric `precision` P `[D, D]`, and `eta`.
///
/// Mean and precision are solved for in turn, each exactly. Far from the fixed point and with a large eta that may not settle;
/// then eta is quartered, for which it does. `None` if an entry is not finite.
pub fn proximal_step(mean_score: &[f64], precision: &Mat<f64>, eta: f64) -> Option<ProximalStep> {
    (0..=MAX_REDUCTIONS)
        .map(|reductions| eta * 0.25f64.powi(reductions as i32))
        .find_map(|eta| alternate(mean_score, precision, eta))
}

/// The solution for this eta; `None` where the alternation does not settle.
fn alternate(mean_score: &[f64], precision: &Mat<f64>, eta: f64) -> Option<ProximalStep> {
    let dimension = mean_score.len();
    let mut shift = vec![0.0; dimension];
    let (mut damping, mut last_change) = (1.0, f64::INFINITY);
    for _ in 0..MAX_ALTERNATIONS {
        // Given mu: A - A^-1 / (4 eta) = N with N = P - (I - mu mu') / (4 eta).
        let right = Mat::from_fn(dimension, dimension, |i, j| {
            let identity = if i == j { 1.0 } else { 0.0 };
            precision[(i, j)] - (identity - shift[i] * shift[j]) / (4.0 * eta)
        });
        let eigen = right.self_adjoint_eigen(Side::Lower).ok()?;
        let basis = eigen.U();
        let values: Vec<f64> = (0..dimension)
            .map(|i| positive_root(eigen.S()[i], 1.0 / (4.0 * eta)))
            .collect();
        if !values.iter().all(|v| v.is_finite() && *v > 0.0) {
            return None;
        }
        // Given A: (2 A + I / eta) mu = 2 E[s].
        let pull = Mat::from_fn(dimension, 1, |d, _| mean_score[d]);
        let mut pull = basis.transpose() * pull;
        for i in 0..dimension {
            pull[(i, 0)] *= 2.0 / (2.0 * values[i] + 1.0 / eta);
        }
        let wanted = basis * pull;
        let change = (0..dimension).fold(0.0_f64, |change, d| {
            change.max((wanted[(d, 0)] - shift[d]).abs())
        });
        if change < TOLERANCE * (1.0 + wanted.norm_max()) {
            let narrowed = Mat::from_fn(dimension, dimension, |i, j| {
                basis[(i, j)] / values[j].sqrt()
            });
            let factor = narrowed * basis.transpose();
            return Some(ProximalStep { shift, factor, eta });
        }
        // The two maps move against each other: where they begin to oscillate, shorter steps settle them.
        if change > 0.7 * last_change {
            damping *= 0.5;
        }
        last_change = change;
        for d in 0..dimension {
            shift[d] += damping * (wanted[(d, 0)] - shift[d]);
        }
    }
    None
}

/// The whitened mean after a step in which the covariance stays: the minimiser of `(b - E[s])^2 + b^2 / (2 eta)`.
pub(crate) fn mean_step(mean_score: f64, eta: f64) -> f64 {
    mean_score * (2.0 * eta / (1.0 + 2.0 * eta))
}

/// The positive solution a of `a - c / a = n`, without cancellation for negative n.
pub(crate) fn positive_root(n: f64, c: f64) -> f64 {
    let root = (n * n + 4.0 * c).sqrt();
    if n >= 0.0 {
        0.5 * (n + root)
    } else {
        2.0 * c / (root - n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::mat;
    use faer::prelude::Solve;

    fn objective(shift: &[f64], a: &Mat<f64>, score: &[f64], p: &Mat<f64>, eta: f64) -> f64 {
        let d = shift.len();
        let mu = Mat::from_fn(d, 1, |i, _| shift[i]);
        let b = a * &mu;
        let fit: f64 = (0..d).map(|i| (b[(i, 0)] - score[i]).powi(2)).sum();
        let fit = fit + (a - p).squared_norm_l2();
        let factor = a.llt(Side::Lower).unwrap();
        let log_det: f64 = (0..d).map(|i| 2.0 * factor.L()[(i, i)].ln()).sum();
        let trace: f64 = (0..d).map(|i| a[(i, i)]).sum();
        let square = (b.transpose() * mu)[(0, 0)];
        fit + (trace + square - log_det) / (2.0 * eta)
    }

    #[test]
    fn no_neighbour_of_the_solution_is_better() {
        let p = mat![[0.6, 0.9], [0.9, -0.4]];
        let score = [1.5, -0.7];
        for eta in [0.05, 1.0, 30.0] {
            let step = proximal_step(&score, &p, eta).unwrap();
            let covariance = &step.factor * step.factor.transpose();
            let a = covariance
                .llt(Side::Lower)
                .unwrap()
                .solve(Mat::<f64>::identity(2, 2));
            let eta = step.eta;
            let best = objective(&step.shift, &a, &score, &p, eta);
            for (i, j, k) in [(0, 0, 0), (0, 1, 0), (1, 1, 1), (0, 0, 1)] {
                for sign in [-1.0, 1.0] {
                    let mut other = a.clone();
                    other[(i, j)] += sign * 1e-3;
                    other[(j, i)] = other[(i, j)];
                    let mut shift = step.shift.clone();
                    shift[k] += sign * 1e-3;
                    let changes = [
                        objective(&step.shift, &other, &score, &p, eta) - best,
                        objective(&shift, &a, &score, &p, eta) - best,
                    ];
                    assert!(changes.iter().all(|c| *c > 0.0), "eta {eta}: {changes:?}");
                }
            }
        }
    }

    #[test]
    fn at_the_fixed_point_nothing_moves() {
        let step = proximal_step(&[0.0, 0.0], &Mat::identity(2, 2), 3.0).unwrap();
        assert!((step.factor - Mat::<f64>::identity(2, 2)).norm_max() < 1e-12);
        assert_eq!(step.shift, [0.0, 0.0]);
    }

    #[test]
    fn a_large_eta_takes_the_whole_step_and_a_small_one_hardly_any() {
        let p = mat![[4.0, 0.0], [0.0, 0.25]];
        let whole = proximal_step(&[0.4, 0.1], &p, 1e9).unwrap();
        assert!((whole.factor[(0, 0)] - 0.5).abs() < 1e-6);
        assert!((whole.factor[(1, 1)] - 2.0).abs() < 1e-6);
        assert!((whole.shift[0] - 0.1).abs() < 1e-6 && (whole.shift[1] - 0.4).abs() < 1e-6);
        let hardly = proximal_step(&[0.4, 0.1], &p, 1e-6).unwrap();
        assert!((hardly.factor - Mat::<f64>::identity(2, 2)).norm_max() < 1e-4);
    }
}
