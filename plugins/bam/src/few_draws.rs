//! The batch-and-match update for fewer draws than dimensions.
//!
//! With B draws U = Q Q' has a rank of B + 1 at most, and the update is (arXiv 2402.14758, appendix)
//!
//! ```text
//! Sigma' = V - V Q (I/2 + (Q'V Q + I/4)^(1/2))^-2 Q'V.
//! ```
//!
//! V differs from the present covariance by as many columns. So nothing is decomposed but a matrix of that size, and a covariance enters
//! by its product with that many columns alone.

use faer::{Mat, Side};
use firebrand_core::Covariance;

/// What a batch says, in columns.
pub struct Batch {
    /// `[D]`.
    draw_mean: Vec<f64>,
    /// `[D]`.
    score_mean: Vec<f64>,
    /// Q, `[D, B + 1]`.
    curvature: Mat<f64>,
    /// R, `[D, B + 1]`: V is the present covariance plus R R'.
    spread: Mat<f64>,
    /// lambda / (1 + lambda)
    share: f64,
}

/// The new mean, and the new covariance as `present + plus plus' - minus minus'`.
pub struct Change {
    /// `[D]`.
    pub mean: Vec<f64>,
    /// `[D, B + 1]`.
    pub plus: Mat<f64>,
    /// `[D, B + 1]`.
    pub minus: Mat<f64>,
}

impl Batch {
    /// `draws` and `scores` are `[D, B]`, one draw a column; `mean` is the present one and `strength` is lambda.
    pub fn new(mean: &[f64], draws: &Mat<f64>, scores: &Mat<f64>, strength: f64) -> Self {
        let share = strength / (1.0 + strength);
        let (draw_mean, score_mean) = (means(draws), means(scores));
        let root = share.sqrt();
        let weight = (strength / draws.ncols() as f64).sqrt();
        Batch {
            curvature: columns(scores, &score_mean, weight, |i| root * score_mean[i]),
            spread: columns(draws, &draw_mean, weight, |i| {
                root * (mean[i] - draw_mean[i])
            }),
            draw_mean,
            score_mean,
            share,
        }
    }

    /// The step from N(`mean`, `covariance`), or `None` where a number is not finite.
    pub fn change(self, mean: &[f64], covariance: &Covariance) -> Option<Change> {
        let Batch {
            curvature: q,
            spread,
            share,
            ..
        } = self;
        // V Q and Q'V Q.
        let widened = covariance.multiply(q.as_ref()) + &spread * (spread.transpose() * &q);
        let inner = q.transpose() * &widened;
        if !inner.is_all_finite() {
            return None;
        }
        let eigen = inner.self_adjoint_eigen(Side::Lower).ok()?;
        let mut minus = widened * eigen.U();
        for k in 0..minus.ncols() {
            let value = eigen.S()[k].max(0.0);
            let scale = 2.0 / (1.0 + (1.0 + 4.0 * value).sqrt());
            for entry in minus.col_mut(k).iter_mut() {
                *entry *= scale;
            }
        }
        let score_mean = Mat::from_fn(mean.len(), 1, |i, _| self.score_mean[i]);
        let pull = covariance.multiply(score_mean.as_ref())
            + &spread * (spread.transpose() * &score_mean)
            - &minus * (minus.transpose() * &score_mean);
        let mean: Vec<f64> = (0..mean.len())
            .map(|i| (1.0 - share) * mean[i] + share * (pull[(i, 0)] + self.draw_mean[i]))
            .collect();
        let finite = mean.iter().all(|m| m.is_finite()) && minus.is_all_finite();
        finite.then_some(Change {
            mean,
            plus: spread,
            minus,
        })
    }
}

fn means(columns: &Mat<f64>) -> Vec<f64> {
    let count = columns.ncols() as f64;
    (0..columns.nrows())
        .map(|i| columns.row(i).iter().sum::<f64>() / count)
        .collect()
}

/// The centred columns times `weight`, and one more.
fn columns(columns: &Mat<f64>, mean: &[f64], weight: f64, last: impl Fn(usize) -> f64) -> Mat<f64> {
    let count = columns.ncols();
    Mat::from_fn(columns.nrows(), count + 1, |i, b| {
        if b < count {
            weight * (columns[(i, b)] - mean[i])
        } else {
            last(i)
        }
    })
}

/// The update of a dense covariance, at a cost of D^2 B.
pub fn update(
    mean: &[f64],
    covariance: &Mat<f64>,
    draws: &Mat<f64>,
    scores: &Mat<f64>,
    strength: f64,
) -> Option<(Vec<f64>, Mat<f64>)> {
    let present = Covariance::Dense(covariance.clone());
    let change = Batch::new(mean, draws, scores, strength).change(mean, &present)?;
    let added = &change.plus * change.plus.transpose();
    let taken = &change.minus * change.minus.transpose();
    Some((change.mean, covariance + added - taken))
}

#[cfg(test)]
mod tests {
    use super::*;
    use firebrand_core::{Stream, normals};

    fn random(rows: usize, columns: usize, seed: u64) -> Mat<f64> {
        let numbers = normals(seed, Stream::Other(1), 0, rows * columns);
        Mat::from_fn(rows, columns, |i, j| numbers[i * columns + j])
    }

    #[test]
    fn it_is_the_update_of_the_whole_matrices() {
        let dimension = 12;
        for (draws, strength) in [(1, 3.0), (3, 36.0), (5, 1e3), (11, 132.0), (20, 240.0)] {
            let root = random(dimension, dimension, 1);
            let covariance = &root * root.transpose() + Mat::<f64>::identity(dimension, dimension);
            let mean: Vec<f64> = (0..dimension).map(|i| i as f64 / 4.0).collect();
            let (at, scores) = (random(dimension, draws, 2), random(dimension, draws, 3));
            let few = update(&mean, &covariance, &at, &scores, strength).unwrap();
            let whole = crate::update(&mean, &covariance, &at, &scores, strength).unwrap();
            // What is taken away is up to the strength as large as what is left.
            let tolerance = 1e-13 * strength.max(10.0) * covariance.norm_max();
            assert!((few.1 - whole.1).norm_max() < tolerance, "{draws} draws");
            let close = |(a, b): (&f64, &f64)| (a - b).abs() < 10.0 * tolerance;
            assert!(few.0.iter().zip(&whole.0).all(close), "{draws} draws");
        }
    }

    #[test]
    fn scores_that_are_not_finite_give_no_step() {
        let mut scores = random(4, 2, 3);
        scores[(1, 1)] = f64::NAN;
        let identity = Mat::<f64>::identity(4, 4);
        assert!(update(&[0.0; 4], &identity, &random(4, 2, 2), &scores, 7.0).is_none());
    }
}
