//! How the scores of an approximation and its target differ: in size, and in the moments that Stein's identity fixes.

use faer::MatRef;
use serde::{Deserialize, Serialize};

/// The median of the square of a standard normal number.
const MEDIAN_CHI_SQUARED: f64 = 0.454_936_423_119_572_7;

/// Comparison of scores over draws from an approximation q of a target p, in coordinates that whiten q.
///
/// With u = L'(score of p - score of q) and z the whitened draw, Stein's identity gives `E[u]` = 0 and `E[u z']` = 0
/// when p = q. For a Gaussian p, `E[u]` is the error of the mean and `E[u z']` that of the precision.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreComparison {
    /// `E_q |u|^2 / D`: zero at p = q, and about the relative error of the precision otherwise.
    #[serde(with = "crate::record::number")]
    pub divergence: f64,
    /// The same with the mean over draws replaced by a scaled median in each direction: few extreme draws do not move it.
    #[serde(with = "crate::record::number")]
    pub robust_divergence: f64,
    /// The largest entry of `E[u]`, in absolute value.
    #[serde(with = "crate::record::number")]
    pub mean_residual: f64,
    /// The largest ratio of an entry of `E[u]` to its Monte-Carlo error.
    #[serde(with = "crate::record::number")]
    pub mean_significance: f64,
    /// The largest diagonal entry of `E[u z']`, in absolute value.
    #[serde(with = "crate::record::number")]
    pub scale_residual: f64,
    /// The largest ratio of a diagonal entry of `E[u z']` to its Monte-Carlo error.
    #[serde(with = "crate::record::number")]
    pub scale_significance: f64,
}

/// Compares scores from `difference`, u, and `whitened`, z, both `[S, D]`; `None` without draws.
pub fn compare_scores(
    difference: MatRef<'_, f64>,
    whitened: MatRef<'_, f64>,
) -> Option<ScoreComparison> {
    let (draws, dimension) = (difference.nrows(), difference.ncols());
    if draws < 2 || dimension == 0 {
        return None;
    }
    let mut out = ScoreComparison {
        divergence: 0.0,
        robust_divergence: 0.0,
        mean_residual: 0.0,
        mean_significance: 0.0,
        scale_residual: 0.0,
        scale_significance: 0.0,
    };
    for d in 0..dimension {
        let u: Vec<f64> = difference.col(d).iter().copied().collect();
        let mut squares: Vec<f64> = u.iter().map(|u| u * u).collect();
        out.divergence += squares.iter().sum::<f64>() / draws as f64 / dimension as f64;
        let middle = draws / 2;
        let (_, median, _) = squares.select_nth_unstable_by(middle, f64::total_cmp);
        out.robust_divergence += *median / MEDIAN_CHI_SQUARED / dimension as f64;

        let (mean, error) = mean_and_error(&u);
        out.mean_residual = out.mean_residual.max(mean.abs());
        out.mean_significance = out.mean_significance.max(ratio(mean, error));

        let z = whitened.col(d);
        let products: Vec<f64> = u.iter().zip(z.iter()).map(|(u, z)| u * z).collect();
        let (mean, error) = mean_and_error(&products);
        out.scale_residual = out.scale_residual.max(mean.abs());
        out.scale_significance = out.scale_significance.max(ratio(mean, error));
    }
    Some(out)
}

/// The mean of some numbers and its standard error.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, (squares / (count - 1.0).max(1.0) / count).sqrt())
}

/// How many errors a residual is; zero for differences at the level of rounding.
fn ratio(residual: f64, error: f64) -> f64 {
    const ROUNDING: f64 = 1e-10;
    if residual.abs() < ROUNDING {
        0.0
    } else {
        residual.abs() / error.max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use faer::Mat;

    use super::*;
    use crate::randomness::{Stream, normals};

    /// Whitened draws of q, and u for p = N(shift, 1 / precision) in each coordinate: u = -precision (z - shift) + z.
    fn gaussian_case(shift: f64, precision: f64) -> ScoreComparison {
        let draws = 20_000;
        let noise = normals(3, Stream::Diagnostics, 0, 2 * draws);
        let z = Mat::from_fn(draws, 2, |s, d| noise[2 * s + d]);
        let u = Mat::from_fn(draws, 2, |s, d| z[(s, d)] - precision * (z[(s, d)] - shift));
        compare_scores(u.as_ref(), z.as_ref()).unwrap()
    }

    #[test]
    fn nothing_differs_where_the_target_is_the_approximation() {
        let out = gaussian_case(0.0, 1.0);
        assert_eq!((out.divergence, out.mean_significance), (0.0, 0.0));
    }

    #[test]
    fn a_shifted_mean_is_measured_in_standard_deviations() {
        let out = gaussian_case(0.5, 1.0);
        assert!((out.divergence - 0.25).abs() < 1e-12);
        assert!((out.mean_residual - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_wrong_scale_shows_in_the_second_identity_alone() {
        // E[u z] = 1 - precision; its Monte-Carlo error is |1 - precision| sqrt(2 / S) = 0.005.
        let out = gaussian_case(0.0, 1.5);
        assert!((out.scale_residual - 0.5).abs() < 0.025, "{out:?}");
        assert!(out.scale_significance > 20.0);
        assert!(out.mean_significance < 4.0);
        assert!(
            (out.robust_divergence - out.divergence).abs() < 0.02,
            "{out:?}"
        );
    }

    #[test]
    fn one_extreme_draw_moves_the_divergence_but_not_the_robust_one() {
        let z = Mat::<f64>::zeros(1001, 1);
        let u = Mat::from_fn(1001, 1, |s, _| if s == 0 { 1e4 } else { 0.1 });
        let out = compare_scores(u.as_ref(), z.as_ref()).unwrap();
        assert!(out.divergence > 1e4 && out.robust_divergence < 0.03);
    }
}
