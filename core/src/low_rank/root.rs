//! A square root of a low-rank covariance, and its inverse.

use faer::{Mat, MatRef, Side};

use super::LowRank;
use crate::family::FamilyError;

/// The square root `L = S (I + W W')^(1/2)` of the covariance `S (I + W W') S`, with S diagonal and the symmetric root between the
/// brackets. With `W'W = E diag(e) E'`,
///
/// ```text
/// (I + W W')^(1/2)  = I + W E diag(1 / (1 + r)) E'W',       r = (1 + e)^(1/2),
/// (I + W W')^(-1/2) = I - W E diag(1 / (r (1 + r))) E'W',
/// ```
///
/// so that nothing costs more than a product with W, and no eigenvalue is divided by.
#[derive(Clone, Debug)]
pub struct LowRankRoot {
    /// The diagonal of S.
    scale: Vec<f64>,
    /// W E, `[D, R]`.
    basis: Mat<f64>,
    /// 1 / (1 + r).
    grown: Vec<f64>,
    /// 1 / (r (1 + r)).
    shrunk: Vec<f64>,
    log_scale: f64,
}

impl LowRankRoot {
    /// Of a covariance.
    ///
    /// # Errors
    /// [`FamilyError::NotPositiveDefinite`], also when an entry is not finite.
    pub fn new(covariance: &LowRank) -> Result<Self, FamilyError> {
        covariance.check()?;
        let scale: Vec<f64> = covariance.diagonal.iter().map(|d| d.sqrt()).collect();
        let w = Mat::from_fn(covariance.dimension(), covariance.rank(), |i, k| {
            covariance.factor[(i, k)] / scale[i]
        });
        let eigen = (w.transpose() * &w)
            .self_adjoint_eigen(Side::Lower)
            .map_err(|_| FamilyError::NotPositiveDefinite)?;
        let values = || (0..w.ncols()).map(|k| (1.0 + eigen.S()[k].max(0.0)).sqrt());
        let log_scale =
            scale.iter().map(|s| s.ln()).sum::<f64>() + values().map(|r| r.ln()).sum::<f64>();
        if !log_scale.is_finite() {
            return Err(FamilyError::NotPositiveDefinite);
        }
        Ok(Self {
            basis: &w * eigen.U(),
            grown: values().map(|r| 1.0 / (1.0 + r)).collect(),
            shrunk: values().map(|r| 1.0 / (r * (1.0 + r))).collect(),
            scale,
            log_scale,
        })
    }

    /// The logarithm of its determinant: half that of the covariance.
    pub fn log_scale(&self) -> f64 {
        self.log_scale
    }

    /// `L x` for every column.
    pub fn times(&self, columns: MatRef<'_, f64>) -> Mat<f64> {
        scaled(&(columns + self.along(columns, &self.grown)), |i| {
            self.scale[i]
        })
    }

    /// `L' x` for every column.
    pub fn transposed_times(&self, columns: MatRef<'_, f64>) -> Mat<f64> {
        let columns = scaled(&columns.to_owned(), |i| self.scale[i]);
        let along = self.along(columns.as_ref(), &self.grown);
        columns + along
    }

    /// `L^-1 x` for every column.
    pub fn solve(&self, columns: MatRef<'_, f64>) -> Mat<f64> {
        let columns = scaled(&columns.to_owned(), |i| 1.0 / self.scale[i]);
        let along = self.along(columns.as_ref(), &self.shrunk);
        columns - along
    }

    /// `W E diag(weights) E'W' x`.
    fn along(&self, columns: MatRef<'_, f64>, weights: &[f64]) -> Mat<f64> {
        let inner = scaled(&(self.basis.transpose() * columns), |k| weights[k]);
        &self.basis * inner
    }
}

fn scaled(columns: &Mat<f64>, by: impl Fn(usize) -> f64) -> Mat<f64> {
    Mat::from_fn(columns.nrows(), columns.ncols(), |i, n| {
        by(i) * columns[(i, n)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::mat;

    #[test]
    fn the_root_squares_to_the_covariance_and_its_solve_undoes_it() {
        let covariance = LowRank {
            diagonal: vec![1.0, 0.01, 4.0],
            // Of rank one: an eigenvalue is zero.
            factor: mat![[2.0, 4.0], [0.1, 0.2], [-1.0, -2.0]],
        };
        let root = LowRankRoot::new(&covariance).unwrap();
        let identity = Mat::<f64>::identity(3, 3);
        let whole = root.times(identity.as_ref());
        let dense = covariance.dense();
        assert!((&whole * whole.transpose() - &dense).norm_max() < 1e-12);
        let transposed = root.transposed_times(identity.as_ref());
        assert!((transposed - whole.transpose()).norm_max() < 1e-13);
        assert!((root.solve(whole.as_ref()) - identity).norm_max() < 1e-12);
        let log_determinant = dense.determinant().ln();
        assert!((2.0 * root.log_scale() - log_determinant).abs() < 1e-12);
    }
}
