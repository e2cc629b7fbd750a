//! Coordinates in which an approximation has mean zero and the identity as covariance.
//!
//! Diagnostics are taken in them, so that they do not depend on the scales of a model's parameters.

use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Mat, Par};

use crate::family::Approximation;
use crate::gaussian::{Covariance, cholesky};
use crate::low_rank::LowRankRoot;

/// Draws per dimension below which an estimated covariance is taken to be diagonal.
const DRAWS_PER_DIMENSION: usize = 10;

/// The map `theta = mean + L z`, with L L' the covariance of an approximation.
#[derive(Clone, Debug)]
pub struct Whitening {
    mean: Vec<f64>,
    root: Root,
}

#[derive(Clone, Debug)]
enum Root {
    Diagonal(Vec<f64>),
    LowRank(LowRankRoot),
    Lower(Mat<f64>),
}

impl Whitening {
    /// The whitening of `approximation`: its own moments if it is a Gaussian, those of its `draws` `[S, D]` under
    /// `weights` `[S]` otherwise.
    pub fn of(approximation: &dyn Approximation, draws: &Mat<f64>, weights: &[f64]) -> Self {
        Self::of_gaussian(approximation).unwrap_or_else(|| Self::estimated(draws, weights))
    }

    /// The whitening of an approximation by its own moments; `None` if it is no Gaussian.
    pub(super) fn of_gaussian(approximation: &dyn Approximation) -> Option<Self> {
        let gaussian = approximation.gaussian()?;
        let deviations = |variances: Vec<f64>| variances.into_iter().map(f64::sqrt).collect();
        Some(Whitening {
            mean: gaussian.mean(),
            root: match gaussian.covariance() {
                Covariance::Diagonal(variances) => Root::Diagonal(deviations(variances)),
                Covariance::LowRank(covariance) => match LowRankRoot::new(&covariance) {
                    Ok(root) => Root::LowRank(root),
                    Err(_) => Root::Diagonal(deviations(covariance.variances())),
                },
                Covariance::Dense(_) => Root::Lower(gaussian.scale()),
            },
        })
    }

    /// One whose coordinates are independent.
    pub(super) fn of_coordinates(mean: Vec<f64>, deviation: Vec<f64>) -> Self {
        Whitening {
            mean,
            root: Root::Diagonal(deviation),
        }
    }

    /// That of the moments of draws `[S, D]` under `weights` `[S]`.
    pub(super) fn estimated(draws: &Mat<f64>, weights: &[f64]) -> Self {
        let (count, dimension) = (draws.nrows(), draws.ncols());
        let mean: Vec<f64> = (0..dimension)
            .map(|d| (0..count).map(|s| weights[s] * draws[(s, d)]).sum())
            .collect();
        let scaled = Mat::from_fn(count, dimension, |s, d| {
            weights[s].sqrt() * (draws[(s, d)] - mean[d])
        });
        if count >= DRAWS_PER_DIMENSION * dimension
            && let Ok(lower) = cholesky(&(scaled.transpose() * &scaled))
        {
            return Whitening {
                mean,
                root: Root::Lower(lower),
            };
        }
        let sd = (0..dimension)
            .map(|d| scaled.col(d).squared_norm_l2().sqrt())
            .collect();
        Whitening {
            mean,
            root: Root::Diagonal(sd),
        }
    }

    /// Whitened points, `[S, D]`.
    pub fn whiten(&self, theta: &Mat<f64>) -> Mat<f64> {
        let columns = self.whiten_columns(theta.transpose().to_owned());
        columns.transpose().to_owned()
    }

    /// Whitened points, `[D, S]`: one a column, as they are best kept where they are few and very long.
    pub fn whiten_columns(&self, mut points: Mat<f64>) -> Mat<f64> {
        for point in points.col_iter_mut() {
            for (value, mean) in point.iter_mut().zip(&self.mean) {
                *value -= mean;
            }
        }
        match &self.root {
            Root::Diagonal(sd) => {
                for point in points.col_iter_mut() {
                    for (value, sd) in point.iter_mut().zip(sd) {
                        *value /= sd;
                    }
                }
                points
            }
            Root::LowRank(root) => root.solve(points.as_ref()),
            Root::Lower(lower) => {
                solve_lower_triangular_in_place(lower.as_ref(), points.as_mut(), Par::Seq);
                points
            }
        }
    }

    /// The points of whitened ones, `[S, D]`.
    pub fn unwhiten(&self, z: &Mat<f64>) -> Mat<f64> {
        let moved = match &self.root {
            Root::Diagonal(sd) => Mat::from_fn(z.nrows(), z.ncols(), |s, d| sd[d] * z[(s, d)]),
            Root::LowRank(root) => root.times(z.transpose()).transpose().to_owned(),
            Root::Lower(lower) => z * lower.transpose(),
        };
        Mat::from_fn(z.nrows(), z.ncols(), |s, d| moved[(s, d)] + self.mean[d])
    }

    /// Scores `[S, D]` with respect to the whitened coordinates: `L' score`.
    pub fn pull_score(&self, score: &Mat<f64>) -> Mat<f64> {
        let columns = self.pull_score_columns(score.transpose().to_owned());
        columns.transpose().to_owned()
    }

    /// The same for scores `[D, S]`, one a column.
    pub fn pull_score_columns(&self, mut score: Mat<f64>) -> Mat<f64> {
        match &self.root {
            Root::Diagonal(sd) => {
                for column in score.col_iter_mut() {
                    for (value, sd) in column.iter_mut().zip(sd) {
                        *value *= sd;
                    }
                }
                score
            }
            Root::LowRank(root) => root.transposed_times(score.as_ref()),
            Root::Lower(lower) => lower.transpose() * score,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::low_rank::LowRank;
    use crate::randomness::{Stream, normals};
    use crate::testing::Independent;
    use faer::prelude::Solve;

    #[test]
    fn whitening_takes_a_gaussian_to_the_standard_one_and_back() {
        let q = Independent::new(&[1.0, -3.0], &[2.0, 0.5]);
        let theta = faer::mat![[3.0, -3.5], [1.0, -3.0]];
        let whitening = Whitening::of(&q, &theta, &[0.5, 0.5]);
        let z = whitening.whiten(&theta);
        assert_eq!(z, faer::mat![[1.0, -1.0], [0.0, 0.0]]);
        assert_eq!(whitening.unwhiten(&z), theta);
        let score = faer::mat![[1.0, 1.0]];
        assert_eq!(whitening.pull_score(&score), faer::mat![[2.0, 0.5]]);
    }

    #[test]
    fn a_low_rank_root_whitens_and_goes_back_with_the_scores() {
        let covariance = LowRank {
            diagonal: vec![1.0, 0.25],
            factor: faer::mat![[2.0], [-1.0]],
        };
        let whitening = Whitening {
            mean: vec![1.0, -3.0],
            root: Root::LowRank(LowRankRoot::new(&covariance).unwrap()),
        };
        let theta = faer::mat![[3.0, -3.5], [1.0, -3.0]];
        let z = whitening.whiten(&theta);
        assert!((whitening.unwhiten(&z) - &theta).norm_max() < 1e-14);
        // z'z is the distance in the covariance, and the score of N(mean, covariance) becomes that of N(0, I).
        let centred = faer::mat![[2.0], [-0.5]];
        let solved = covariance.dense().partial_piv_lu().solve(&centred);
        let distance = (centred.transpose() * &solved)[(0, 0)];
        assert!((z.row(0).squared_norm_l2() - distance).abs() < 1e-13);
        let pulled = whitening.pull_score(&(-solved.transpose()).to_owned());
        assert!((pulled + z.subrows(0, 1)).norm_max() < 1e-13);
    }

    #[test]
    fn estimated_moments_whiten_the_draws_they_come_from() {
        let noise = normals(5, Stream::Diagnostics, 0, 600);
        let draws = Mat::from_fn(300, 2, |s, d| {
            let (a, b) = (noise[2 * s], noise[2 * s + 1]);
            if d == 0 { 10.0 * a } else { a + 0.1 * b - 4.0 }
        });
        let weights = vec![1.0 / 300.0; 300];
        let z = Whitening::estimated(&draws, &weights).whiten(&draws);
        let second = z.transpose() * &z * faer::Scale(1.0 / 300.0);
        assert!((second - Mat::<f64>::identity(2, 2)).norm_max() < 1e-10);
    }
}
