//! Gaussians on the host: the capability that a family may have, and the currency of starts.
//!
//! Linear algebra on a covariance is done here, in 64 bits, whatever the precision of the run.

use faer::linalg::solvers::Llt;
use faer::{Mat, MatRef, Side};
use serde::{Deserialize, Serialize};

use crate::family::{FamilyError, check_dense};
use crate::low_rank::LowRank;

/// Which covariances a Gaussian family can hold, from the narrowest to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structure {
    /// Independent coordinates.
    Diagonal,
    /// A diagonal plus a matrix of low rank.
    LowRank,
    /// Any positive definite matrix.
    Dense,
}

/// A covariance matrix.
#[derive(Clone, Debug, PartialEq)]
pub enum Covariance {
    /// The variances of independent coordinates, `[D]`.
    Diagonal(Vec<f64>),
    /// A diagonal plus a matrix of low rank.
    LowRank(LowRank),
    /// A symmetric matrix, `[D, D]`.
    Dense(Mat<f64>),
}

impl Covariance {
    /// D.
    pub fn dimension(&self) -> usize {
        match self {
            Covariance::Diagonal(variances) => variances.len(),
            Covariance::LowRank(covariance) => covariance.dimension(),
            Covariance::Dense(matrix) => matrix.nrows(),
        }
    }

    /// The variances.
    pub fn diagonal(&self) -> Vec<f64> {
        match self {
            Covariance::Diagonal(variances) => variances.clone(),
            Covariance::LowRank(covariance) => covariance.variances(),
            Covariance::Dense(matrix) => (0..matrix.nrows()).map(|i| matrix[(i, i)]).collect(),
        }
    }

    /// The whole matrix.
    pub fn dense(&self) -> Mat<f64> {
        match self {
            Covariance::Diagonal(variances) => diagonal_matrix(variances),
            Covariance::LowRank(covariance) => covariance.dense(),
            Covariance::Dense(matrix) => matrix.clone(),
        }
    }

    /// The covariance times columns `[D, N]`.
    pub fn multiply(&self, columns: MatRef<'_, f64>) -> Mat<f64> {
        match self {
            Covariance::Diagonal(variances) => {
                Mat::from_fn(columns.nrows(), columns.ncols(), |i, n| {
                    variances[i] * columns[(i, n)]
                })
            }
            Covariance::LowRank(covariance) => covariance.multiply(columns),
            Covariance::Dense(matrix) => matrix * columns,
        }
    }

    /// The lower Cholesky factor L, with L L' the covariance.
    ///
    /// # Errors
    /// [`FamilyError::NotPositiveDefinite`], also when an entry is not finite; [`FamilyError::TooLarge`].
    pub fn cholesky(&self) -> Result<Mat<f64>, FamilyError> {
        check_dense(self.dimension())?;
        match self {
            Covariance::Diagonal(variances) => {
                if !variances.iter().all(|v| v.is_finite() && *v > 0.0) {
                    return Err(FamilyError::NotPositiveDefinite);
                }
                let sds: Vec<f64> = variances.iter().map(|v| v.sqrt()).collect();
                Ok(diagonal_matrix(&sds))
            }
            Covariance::LowRank(covariance) => {
                covariance.check()?;
                Ok(covariance.lower_root())
            }
            Covariance::Dense(matrix) => cholesky(matrix),
        }
    }
}

fn diagonal_matrix(diagonal: &[f64]) -> Mat<f64> {
    Mat::from_fn(diagonal.len(), diagonal.len(), |i, j| {
        if i == j { diagonal[i] } else { 0.0 }
    })
}

/// The lower Cholesky factor of a symmetric matrix, of which only the lower triangle is read.
///
/// # Errors
/// [`FamilyError::NotPositiveDefinite`], also when an entry is not finite.
pub fn cholesky(matrix: &Mat<f64>) -> Result<Mat<f64>, FamilyError> {
    let factor =
        Llt::new(matrix.as_ref(), Side::Lower).map_err(|_| FamilyError::NotPositiveDefinite)?;
    let lower = factor.L().to_owned();
    // A NaN passes through a factorisation unnoticed, but always reaches the diagonal.
    if (0..lower.nrows()).all(|i| lower[(i, i)].is_finite() && lower[(i, i)] > 0.0) {
        Ok(lower)
    } else {
        Err(FamilyError::NotPositiveDefinite)
    }
}

/// What a Gaussian approximation can do beyond the rest.
pub trait Gaussian {
    /// Which covariances it can hold.
    fn structure(&self) -> Structure;

    /// The mean, `[D]`.
    fn mean(&self) -> Vec<f64>;

    /// The covariance.
    fn covariance(&self) -> Covariance;

    /// A square root of the covariance, `[D, D]`, lower triangular.
    fn scale(&self) -> Mat<f64>;

    /// Sets both. A family that cannot hold the covariance takes what it can: a diagonal one its variances, a low-rank one the
    /// nearest of its rank.
    ///
    /// # Errors
    /// [`FamilyError::NotPositiveDefinite`] or [`FamilyError::NotFinite`], and then nothing has changed.
    fn set(&mut self, mean: &[f64], covariance: &Covariance) -> Result<(), FamilyError>;
}

/// A Gaussian to start from.
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianStart {
    /// `[D]`.
    pub mean: Vec<f64>,
    /// `[D, D]`.
    pub covariance: Covariance,
}

impl GaussianStart {
    /// N(0, I) in `dimension` dimensions.
    pub fn standard(dimension: usize) -> Self {
        GaussianStart {
            mean: vec![0.0; dimension],
            covariance: Covariance::Diagonal(vec![1.0; dimension]),
        }
    }

    /// D.
    pub fn dimension(&self) -> usize {
        self.mean.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cholesky_factor_gives_the_covariance_back() {
        let matrix = faer::mat![[4.0, 2.0], [2.0, 3.0]];
        let lower = Covariance::Dense(matrix.clone()).cholesky().unwrap();
        assert_eq!(lower[(0, 1)], 0.0);
        let back = &lower * lower.transpose();
        assert!((back - matrix).norm_max() < 1e-15);
    }

    #[test]
    fn every_kind_of_covariance_multiplies_and_factors_as_its_matrix_does() {
        let columns = faer::mat![[1.0, -2.0], [0.5, 3.0]];
        for covariance in [
            Covariance::Diagonal(vec![2.0, 0.1]),
            Covariance::LowRank(LowRank {
                diagonal: vec![2.0, 0.1],
                factor: faer::mat![[1.0], [-0.7]],
            }),
            Covariance::Dense(faer::mat![[4.0, 2.0], [2.0, 3.0]]),
        ] {
            let dense = covariance.dense();
            let product = covariance.multiply(columns.as_ref());
            assert!((product - &dense * &columns).norm_max() < 1e-14);
            let lower = covariance.cholesky().unwrap();
            assert!((&lower * lower.transpose() - &dense).norm_max() < 1e-14);
            assert_eq!(covariance.diagonal(), [dense[(0, 0)], dense[(1, 1)]]);
        }
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        for covariance in [
            Covariance::Dense(faer::mat![[1.0, 2.0], [2.0, 1.0]]),
            Covariance::Dense(faer::mat![[1.0, f64::NAN], [f64::NAN, 1.0]]),
            Covariance::Diagonal(vec![1.0, 0.0]),
            Covariance::Diagonal(vec![1.0, f64::INFINITY]),
        ] {
            assert_eq!(
                covariance.cholesky().unwrap_err(),
                FamilyError::NotPositiveDefinite
            );
        }
    }
}
