//! The batch-and-match update, in closed form.

use faer::{Mat, Side};

/// Mean and covariance after one step, or `None` where rounding has broken positive definiteness.
///
/// `draws` and `scores` are `[D, B]`, one draw a column; `strength` is lambda, the weight of the batch against the present
/// Gaussian. Minimises the score divergence on the batch plus 2 / lambda times the Kullback-Leibler divergence from the present
/// Gaussian (Cai, Modi, Pillaud-Vivien, Margossian, Gower, Blei and Saul 2024, arXiv 2402.14758, algorithm 1). Their
/// Sigma' = 2 V (I + (I + 4 U V)^(1/2))^-1 is computed as 2 L (I + (I + 4 L'UL)^(1/2))^-1 L' with V = L L': symmetric
/// throughout, and with eigenvalues of at least one under the root.
pub fn update(
    mean: &[f64],
    covariance: &Mat<f64>,
    draws: &Mat<f64>,
    scores: &Mat<f64>,
    strength: f64,
) -> Option<(Vec<f64>, Mat<f64>)> {
    let dimension = mean.len();
    let share = strength / (1.0 + strength);
    let (draw_mean, draw_covariance) = moments(draws);
    let (score_mean, score_covariance) = moments(scores);
    let u = Mat::from_fn(dimension, dimension, |i, j| {
        strength * score_covariance[(i, j)] + share * score_mean[i] * score_mean[j]
    });
    let away = |i: usize| mean[i] - draw_mean[i];
    let v = Mat::from_fn(dimension, dimension, |i, j| {
        covariance[(i, j)] + strength * draw_covariance[(i, j)] + share * away(i) * away(j)
    });
    let factor = v.llt(Side::Lower).ok()?.L().to_owned();
    let inner = symmetric(factor.transpose() * (u * &factor));
    let eigen = inner.self_adjoint_eigen(Side::Lower).ok()?;
    // L Q diag(sqrt(2 / (1 + sqrt(1 + 4 e)))) is a square root of the new covariance.
    let mut root = &factor * eigen.U();
    for j in 0..dimension {
        let value = eigen.S()[j].max(0.0);
        let scale = (2.0 / (1.0 + (1.0 + 4.0 * value).sqrt())).sqrt();
        for i in 0..dimension {
            root[(i, j)] *= scale;
        }
    }
    let new_covariance = &root * root.transpose();
    let pull = Mat::from_fn(dimension, 1, |d, _| score_mean[d]);
    let pull = &new_covariance * pull;
    let new_mean: Vec<f64> = (0..dimension)
        .map(|d| (1.0 - share) * mean[d] + share * (pull[(d, 0)] + draw_mean[d]))
        .collect();
    let finite = new_mean.iter().all(|m| m.is_finite()) && new_covariance.norm_max().is_finite();
    finite.then_some((new_mean, new_covariance))
}

/// Mean and covariance over the columns, the latter with 1 / B.
fn moments(columns: &Mat<f64>) -> (Vec<f64>, Mat<f64>) {
    let count = columns.ncols() as f64;
    let mean: Vec<f64> = (0..columns.nrows())
        .map(|d| columns.row(d).iter().sum::<f64>() / count)
        .collect();
    let centred = Mat::from_fn(columns.nrows(), columns.ncols(), |d, b| {
        columns[(d, b)] - mean[d]
    });
    let covariance = (&centred * centred.transpose()) * faer::Scale(1.0 / count);
    (mean, covariance)
}

fn symmetric(matrix: Mat<f64>) -> Mat<f64> {
    Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
        0.5 * (matrix[(i, j)] + matrix[(j, i)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::mat;
    use faer::prelude::Solve;

    fn covariance() -> Mat<f64> {
        mat![[2.0, 0.3, 0.0], [0.3, 1.0, -0.2], [0.0, -0.2, 0.5]]
    }

    const MEAN: [f64; 3] = [0.5, -0.5, 1.0];

    fn batch() -> (Mat<f64>, Mat<f64>) {
        let draws = mat![
            [0.4, 1.0, -0.3, 0.8],
            [-1.3, 0.2, 0.9, -0.1],
            [2.0, 0.4, 1.1, -1.0]
        ];
        let scores = mat![
            [0.7, -1.0, 0.2, 0.3],
            [0.1, 0.8, -0.5, 2.0],
            [-3.0, 0.6, 1.5, 0.9]
        ];
        (draws, scores)
    }

    #[test]
    fn the_new_covariance_solves_the_quadratic_equation_of_the_method() {
        // Sigma' U Sigma' + Sigma' = V, equation 10 of the paper.
        let (draws, scores) = batch();
        let strength = 12.0;
        let share = strength / (1.0 + strength);
        let (_, new) = update(&MEAN, &covariance(), &draws, &scores, strength).unwrap();
        let (draw_mean, c) = moments(&draws);
        let (score_mean, gamma) = moments(&scores);
        let u = Mat::from_fn(3, 3, |i, j| {
            strength * gamma[(i, j)] + share * score_mean[i] * score_mean[j]
        });
        let v = Mat::from_fn(3, 3, |i, j| {
            let away = (MEAN[i] - draw_mean[i]) * (MEAN[j] - draw_mean[j]);
            covariance()[(i, j)] + strength * c[(i, j)] + share * away
        });
        assert!((&new * u * &new + &new - v).norm_max() < 1e-10);
    }

    #[test]
    fn one_draw_with_unlimited_strength_has_its_score_matched() {
        let (draws, scores) = batch();
        let (draw, score) = (
            draws.subcols(1, 1).to_owned(),
            scores.subcols(1, 1).to_owned(),
        );
        let (mean, covariance) = update(&MEAN, &covariance(), &draw, &score, 1e9).unwrap();
        let away = Mat::from_fn(3, 1, |d, _| mean[d] - draw[(d, 0)]);
        let matched = covariance.llt(Side::Lower).unwrap().solve(&away);
        assert!((matched - score).norm_max() < 1e-5);
    }

    #[test]
    fn the_target_itself_is_a_fixed_point() {
        let (draws, _) = batch();
        let away = Mat::from_fn(3, 4, |d, b| MEAN[d] - draws[(d, b)]);
        let scores = covariance().llt(Side::Lower).unwrap().solve(&away);
        let (mean, new) = update(&MEAN, &covariance(), &draws, &scores, 7.0).unwrap();
        assert!((new - covariance()).norm_max() < 1e-12);
        assert!(mean.iter().zip(MEAN).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    #[test]
    fn scores_that_are_not_finite_give_no_step() {
        let (draws, mut scores) = batch();
        scores[(1, 2)] = f64::NAN;
        assert!(update(&MEAN, &covariance(), &draws, &scores, 7.0).is_none());
    }
}
