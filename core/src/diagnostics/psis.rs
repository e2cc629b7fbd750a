//! Pareto-smoothed importance sampling: whether importance weights can be used, and weights that can.
//!
//! Vehtari, Simpson, Gelman, Yao and Gabry (2024), arXiv 1507.02646; the generalised Pareto distribution is fitted as
//! in Zhang and Stephens (2009), with the weakly informative prior of the former's appendix.

/// Relative difference of ratios below which they are the same: far above the rounding of log densities, far below
/// what matters.
const SAME: f64 = 1e-9;

/// Smoothed importance weights and what they say about themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Smoothed {
    /// The log weights, `[S]`, normalised to sum to one.
    pub log_weights: Vec<f64>,
    /// The shape of the tail of the raw ratios: below 0.5 their variance is finite, above 0.7 they are of no use, and
    /// from 1 on their mean is infinite. Infinite when the tail could not be fitted.
    pub k_hat: f64,
    /// The effective sample size of the smoothed weights, `1 / sum w^2`.
    pub effective: f64,
}

/// Smooths importance ratios given by their logs; minus infinity is a ratio of zero.
pub fn smooth(log_ratios: &[f64]) -> Smoothed {
    let count = log_ratios.len();
    let largest = log_ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return Smoothed {
            log_weights: vec![-(count as f64).ln(); count],
            k_hat: f64::INFINITY,
            effective: 0.0,
        };
    }
    let mut log_weights: Vec<f64> = log_ratios.iter().map(|ratio| ratio - largest).collect();
    let k_hat = smooth_tail(&mut log_weights);
    let normaliser = log_sum_exp(&log_weights);
    log_weights.iter_mut().for_each(|w| *w -= normaliser);
    let squares: f64 = log_weights.iter().map(|w| (2.0 * w).exp()).sum();
    Smoothed {
        log_weights,
        k_hat,
        effective: 1.0 / squares,
    }
}

/// Replaces the largest of the log weights, whose maximum is zero, by the quantiles of a fitted tail; gives its shape.
fn smooth_tail(log_weights: &mut [f64]) -> f64 {
    let count = log_weights.len();
    let tail = (0.2 * count as f64).min(3.0 * (count as f64).sqrt()).ceil() as usize;
    if tail < 5 || tail >= count {
        return f64::INFINITY;
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| log_weights[a].total_cmp(&log_weights[b]));
    let (body, tail) = order.split_at(count - tail);
    let cutoff = log_weights[body[body.len() - 1]].max(f64::MIN_POSITIVE.ln());
    let excess: Vec<f64> = tail
        .iter()
        .map(|&i| log_weights[i].exp() - cutoff.exp())
        .collect();
    if excess[excess.len() - 1] <= SAME {
        // All ratios are the same, up to rounding: there is no tail.
        return f64::NEG_INFINITY;
    }
    let positive: Vec<f64> = excess.iter().copied().filter(|&x| x > 0.0).collect();
    if positive.len() < 5 {
        return f64::INFINITY;
    }
    let pareto = Pareto::fit(&positive);
    if pareto.shape.is_finite() {
        let size = tail.len() as f64;
        for (rank, &i) in tail.iter().enumerate() {
            let quantile = pareto.quantile((rank as f64 + 0.5) / size);
            log_weights[i] = (quantile + cutoff.exp()).ln().min(0.0);
        }
    }
    pareto.shape
}

/// A generalised Pareto distribution on the positive numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pareto {
    shape: f64,
    scale: f64,
}

impl Pareto {
    /// Fits it to values in rising order, all positive.
    fn fit(values: &[f64]) -> Pareto {
        let count = values.len() as f64;
        let points = 30 + count.sqrt().floor() as usize;
        let quartile = values[(count / 4.0 + 0.5).floor() as usize - 1];
        let inverse_largest = 1.0 / values[values.len() - 1];
        // A grid over b = -shape / scale, and the profile log likelihood on it.
        let grid: Vec<f64> = (1..=points)
            .map(|j| {
                let spread = 1.0 - (points as f64 / (j as f64 - 0.5)).sqrt();
                inverse_largest + spread / (3.0 * quartile)
            })
            .collect();
        let shape_at = |b: f64| values.iter().map(|x| (-b * x).ln_1p()).sum::<f64>() / count;
        let likelihood: Vec<f64> = grid
            .iter()
            .map(|&b| {
                let shape = shape_at(b);
                count * ((-b / shape).ln() - shape - 1.0)
            })
            .collect();
        let normaliser = log_sum_exp(&likelihood);
        let b: f64 = grid
            .iter()
            .zip(&likelihood)
            .map(|(b, l)| b * (l - normaliser).exp())
            .sum();
        let shape = shape_at(b);
        // The prior counts as ten observations of shape one half.
        Pareto {
            shape: (count * shape + 10.0 * 0.5) / (count + 10.0),
            scale: -shape / b,
        }
    }

    fn quantile(&self, probability: f64) -> f64 {
        let exponential = -(-probability).ln_1p();
        if self.shape.abs() < 1e-12 {
            self.scale * exponential
        } else {
            self.scale * (self.shape * exponential).exp_m1() / self.shape
        }
    }
}

fn log_sum_exp(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return largest;
    }
    largest + values.iter().map(|v| (v - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::randomness::{Stream, normals};

    /// Quantiles of a Pareto law with density exponent 1/k + 1: ratios whose tail shape is k.
    fn pareto_log_ratios(k: f64, count: usize) -> Vec<f64> {
        (0..count)
            .map(|i| -k * (1.0 - (i as f64 + 0.5) / count as f64).ln())
            .collect()
    }

    #[test]
    fn ratios_that_differ_by_rounding_have_no_tail() {
        let ratios: Vec<f64> = (0..1000).map(|i| -5.0 + 1e-14 * f64::from(i % 7)).collect();
        let smoothed = smooth(&ratios);
        assert_eq!(smoothed.k_hat, f64::NEG_INFINITY);
        assert!((smoothed.effective - 1000.0).abs() < 1e-6);
    }

    #[test]
    fn the_shape_of_a_pareto_tail_is_found() {
        for k in [0.3, 0.5, 0.7, 1.0] {
            let found = smooth(&pareto_log_ratios(k, 20_000)).k_hat;
            // A tail of 425 quantiles: far below the sampling error 1/sqrt(425) (1 + k) of random draws.
            assert!((found - k).abs() < 0.05, "{k}: {found}");
        }
    }

    #[test]
    fn gaussian_ratios_have_the_shape_that_theory_gives() {
        // For q = N(0, 1) and p = N(0, v) the ratio exceeds r with probability of order r^(-1/k), k = 1 - 1/v.
        let x = normals(1, Stream::Diagnostics, 0, 100_000);
        for (variance, k) in [(1.5, 1.0 / 3.0), (4.0, 0.75)] {
            let log_ratios: Vec<f64> = x
                .iter()
                .map(|x| 0.5 * x * x * (1.0 - 1.0 / variance))
                .collect();
            let found = smooth(&log_ratios).k_hat;
            // A tail of 949 has a sampling error of (1 + k)/sqrt(949), below 0.06; logarithmic corrections bias it down.
            assert!((found - k).abs() < 0.2, "{k}: {found}");
        }
    }

    #[test]
    fn equal_ratios_are_perfect() {
        let out = smooth(&[3.0; 1000]);
        assert_eq!(out.k_hat, f64::NEG_INFINITY);
        assert!((out.effective - 1000.0).abs() < 1e-9);
    }

    #[test]
    fn weights_sum_to_one_and_keep_their_order() {
        let log_ratios = pareto_log_ratios(0.6, 2000);
        let out = smooth(&log_ratios);
        let total: f64 = out.log_weights.iter().map(|w| w.exp()).sum();
        assert!((total - 1.0).abs() < 1e-12);
        assert!(
            out.log_weights
                .windows(2)
                .all(|pair| pair[0] <= pair[1] + 1e-12)
        );
    }

    #[test]
    fn one_dominant_ratio_is_no_evidence() {
        let mut log_ratios = normals(2, Stream::Diagnostics, 0, 1000);
        log_ratios[17] = 500.0;
        let out = smooth(&log_ratios);
        assert!(out.k_hat > 0.7, "{}", out.k_hat);
    }

    #[test]
    fn ratios_that_are_all_zero_have_no_effective_draws() {
        let out = smooth(&[f64::NEG_INFINITY; 100]);
        assert_eq!((out.k_hat, out.effective), (f64::INFINITY, 0.0));
    }
}
