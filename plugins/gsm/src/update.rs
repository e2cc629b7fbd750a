//! The Gaussian score matching update, in closed form.

use faer::Mat;

/// The mean and covariance after one step, averaged over the draws.
///
/// `draws` and `scores` are `[D, B]`, one draw a column. For a single draw the new Gaussian matches its score exactly and
/// is the closest in Kullback-Leibler divergence to the old one that does (Modi, Margossian, Yao, Gower, Blei and Saul 2023,
/// arXiv 2307.07849, theorem 3.1 and algorithm 1). The average over draws is symmetric, but need not be positive definite:
/// the caller checks.
pub fn update(
    mean: &[f64],
    covariance: &Mat<f64>,
    draws: &Mat<f64>,
    scores: &Mat<f64>,
) -> (Vec<f64>, Mat<f64>) {
    let (dimension, batch) = (draws.nrows(), draws.ncols());
    let pulled = covariance * scores;
    // Columns mu - z before the step and mu + dmu - z after it.
    let mut before = Mat::zeros(dimension, batch);
    let mut after = Mat::zeros(dimension, batch);
    let mut shift = vec![0.0; dimension];
    for b in 0..batch {
        let (mut along, mut curvature) = (0.0, 0.0);
        for d in 0..dimension {
            before[(d, b)] = mean[d] - draws[(d, b)];
            along += before[(d, b)] * scores[(d, b)];
            curvature += scores[(d, b)] * pulled[(d, b)];
        }
        // rho (1 + rho) = s' Sigma s + [(mu - z)' s]^2, in a form without cancellation for small right-hand sides.
        let right = curvature + along * along;
        let rho = 2.0 * right / (1.0 + (1.0 + 4.0 * right).sqrt());
        let eps = |d: usize| pulled[(d, b)] - before[(d, b)];
        let eps_along: f64 = (0..dimension).map(|d| scores[(d, b)] * eps(d)).sum();
        let correction = eps_along / (1.0 + rho + along);
        for d in 0..dimension {
            let step = (eps(d) - before[(d, b)] * correction) / (1.0 + rho);
            after[(d, b)] = before[(d, b)] + step;
            shift[d] += step / batch as f64;
        }
    }
    let change = (&before * before.transpose() - &after * after.transpose())
        * faer::Scale(1.0 / batch as f64);
    let mean = mean.iter().zip(&shift).map(|(m, s)| m + s).collect();
    (mean, covariance + change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::prelude::Solve;
    use faer::{Side, mat};

    fn setting() -> (Vec<f64>, Mat<f64>, Mat<f64>, Mat<f64>) {
        let covariance = mat![[2.0, 0.3, 0.0], [0.3, 1.0, -0.2], [0.0, -0.2, 0.5]];
        let draw = mat![[0.4], [-1.3], [2.0]];
        let score = mat![[0.7], [0.1], [-3.0]];
        (vec![0.5, -0.5, 1.0], covariance, draw, score)
    }

    #[test]
    fn after_a_step_on_one_draw_the_score_is_matched_exactly() {
        let (mean, covariance, draw, score) = setting();
        let (mean, covariance) = update(&mean, &covariance, &draw, &score);
        let away = Mat::from_fn(3, 1, |d, _| mean[d] - draw[(d, 0)]);
        let matched = covariance.llt(Side::Lower).unwrap().solve(&away);
        assert!((matched - score).norm_max() < 1e-12);
    }

    #[test]
    fn the_target_itself_is_a_fixed_point() {
        let (mean, covariance, draw, _) = setting();
        let away = Mat::from_fn(3, 1, |d, _| mean[d] - draw[(d, 0)]);
        let score = covariance.llt(Side::Lower).unwrap().solve(&away);
        let (new_mean, new_covariance) = update(&mean, &covariance, &draw, &score);
        for d in 0..3 {
            assert!((new_mean[d] - mean[d]).abs() < 1e-12);
        }
        assert!((new_covariance - covariance).norm_max() < 1e-12);
    }
}
