//! Covariances that are a diagonal plus a matrix of low rank: correlations at a cost that is linear in the dimension.

mod nearest;
mod root;

pub use nearest::{PATCHED, nearest};
pub use root::LowRankRoot;

use faer::{Mat, MatRef};

use crate::family::FamilyError;
use crate::randomness::{Stream, normals};

/// The squared length of a faint column of the factor, in standard deviations: no direction's variance changes by more than about
/// this share.
const FAINT: f64 = 1e-3;

/// `diag(diagonal) + factor factor'`.
#[derive(Clone, Debug, PartialEq)]
pub struct LowRank {
    /// `[D]`, positive.
    pub diagonal: Vec<f64>,
    /// `[D, R]`.
    pub factor: Mat<f64>,
}

impl LowRank {
    /// Independent coordinates with these variances, but for a faint factor: at a factor of zero the derivatives in it vanish, and
    /// nothing that follows them would ever find a correlation.
    pub fn from_variances(variances: &[f64], rank: usize) -> Self {
        Self::with_faint(variances, Mat::zeros(variances.len(), 0), rank)
    }

    /// The same variances with a factor of `rank` columns, no fewer than it has; those that are added are faint.
    pub fn widened(self, rank: usize) -> Self {
        if self.rank() >= rank {
            return self;
        }
        Self::with_faint(&self.variances(), self.factor, rank)
    }

    fn with_faint(variances: &[f64], factor: Mat<f64>, rank: usize) -> Self {
        let (dimension, given) = (variances.len(), factor.ncols());
        let scale = (FAINT / dimension as f64).sqrt();
        let direction = normals(0, Stream::Other(0), 0, dimension * (rank - given));
        let mut diagonal: Vec<f64> = (0..dimension)
            .map(|i| variances[i] - factor.row(i).squared_norm_l2())
            .collect();
        // A share of what is left to the diagonal, so that it stays positive.
        let factor = Mat::from_fn(dimension, rank, |i, k| {
            if k < given {
                factor[(i, k)]
            } else {
                scale
                    * diagonal[i].sqrt()
                    * direction[i * (rank - given) + k - given].clamp(-3.0, 3.0)
            }
        });
        for (i, left) in diagonal.iter_mut().enumerate() {
            let added: f64 = (given..rank).map(|k| factor[(i, k)].powi(2)).sum();
            *left = (*left - added).max(0.5 * *left);
        }
        LowRank { diagonal, factor }
    }

    /// D.
    pub fn dimension(&self) -> usize {
        self.diagonal.len()
    }

    /// R, the number of columns of the factor.
    pub fn rank(&self) -> usize {
        self.factor.ncols()
    }

    /// The variances, `[D]`.
    pub fn variances(&self) -> Vec<f64> {
        let diagonal = self.diagonal.iter().enumerate();
        diagonal
            .map(|(i, d)| d + self.factor.row(i).squared_norm_l2())
            .collect()
    }

    /// The covariance times columns `[D, N]`.
    pub fn multiply(&self, columns: MatRef<'_, f64>) -> Mat<f64> {
        let mut product = &self.factor * (self.factor.transpose() * columns);
        for n in 0..columns.ncols() {
            for (i, d) in self.diagonal.iter().enumerate() {
                product[(i, n)] += d * columns[(i, n)];
            }
        }
        product
    }

    /// The whole matrix, `[D, D]`.
    pub fn dense(&self) -> Mat<f64> {
        let mut matrix = &self.factor * self.factor.transpose();
        for (i, d) in self.diagonal.iter().enumerate() {
            matrix[(i, i)] += d;
        }
        matrix
    }

    /// Checks that the diagonal is positive and all entries are finite: then the covariance is positive definite.
    ///
    /// # Errors
    /// [`FamilyError::NotPositiveDefinite`].
    pub fn check(&self) -> Result<(), FamilyError> {
        let positive = self.diagonal.iter().all(|d| d.is_finite() && *d > 0.0);
        if positive && self.factor.is_all_finite() {
            return Ok(());
        }
        Err(FamilyError::NotPositiveDefinite)
    }

    /// A lower triangular square root, `[D, D]`, which exists whatever the rounding.
    pub fn lower_root(&self) -> Mat<f64> {
        let (dimension, rank) = (self.dimension(), self.rank());
        // The rows of R in [diag(d)^(1/2), U]' = Q R are the columns of the root.
        let stacked = Mat::from_fn(dimension + rank, dimension, |i, j| {
            if i >= dimension {
                self.factor[(j, i - dimension)]
            } else if i == j {
                self.diagonal[j].sqrt()
            } else {
                0.0
            }
        });
        let qr = stacked.qr();
        let r = qr.thin_R();
        Mat::from_fn(dimension, dimension, |i, j| {
            if j <= i {
                r[(j, i)] * r[(j, j)].signum()
            } else {
                0.0
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::mat;

    fn example() -> LowRank {
        LowRank {
            diagonal: vec![1.0, 0.01, 4.0],
            factor: mat![[2.0, 0.0], [0.1, -0.3], [0.0, 5.0]],
        }
    }

    #[test]
    fn variances_products_and_roots_are_those_of_the_whole_matrix() {
        let (covariance, dense) = (example(), example().dense());
        for (i, variance) in covariance.variances().into_iter().enumerate() {
            assert!((variance - dense[(i, i)]).abs() < 1e-14);
        }
        let columns = mat![[1.0, 0.3], [-2.0, 4.0], [0.5, 0.0]];
        let product = covariance.multiply(columns.as_ref());
        assert!((product - &dense * columns).norm_max() < 1e-13);
        let lower = covariance.lower_root();
        assert_eq!(
            (lower[(0, 1)], lower[(0, 2)], lower[(1, 2)]),
            (0.0, 0.0, 0.0)
        );
        assert!((0..3).all(|i| lower[(i, i)] > 0.0));
        assert!((&lower * lower.transpose() - dense).norm_max() < 1e-13);
    }

    #[test]
    fn independent_coordinates_keep_their_variances_and_gain_a_faint_factor() {
        let variances = [1e-6, 1.0, 1e6, 4.0];
        let covariance = LowRank::from_variances(&variances, 2);
        for (found, expected) in covariance.variances().iter().zip(variances) {
            assert!((found / expected - 1.0).abs() < 1e-14);
        }
        let dense = covariance.dense();
        for i in 0..4 {
            for k in 0..2 {
                assert!(covariance.factor[(i, k)] != 0.0);
            }
            for j in 0..i {
                let correlation = dense[(i, j)] / (variances[i] * variances[j]).sqrt();
                assert!(correlation.abs() < 10.0 * FAINT, "{correlation}");
            }
        }
    }

    #[test]
    fn a_wider_factor_holds_the_same_variances() {
        let wide = example().widened(3);
        assert_eq!(wide.factor.subcols(0, 2), example().factor);
        for (found, expected) in wide.variances().iter().zip(example().variances()) {
            assert!((found / expected - 1.0).abs() < 1e-14);
        }
    }

    #[test]
    fn what_is_not_positive_or_not_finite_is_refused() {
        assert_eq!(example().check(), Ok(()));
        let flat = LowRank {
            diagonal: vec![1.0, 0.0, 4.0],
            ..example()
        };
        let mut infinite = example();
        infinite.factor[(1, 1)] = f64::INFINITY;
        for wrong in [flat, infinite] {
            assert_eq!(wrong.check(), Err(FamilyError::NotPositiveDefinite));
        }
    }
}
