//! A Gaussian on the host, by its mean and a factor of its covariance.

use faer::{Mat, MatRef, Side};

/// N(mean, factor factor'). The factor is square and nonsingular, not necessarily triangular.
#[derive(Clone, Debug, PartialEq)]
pub struct FactoredGaussian {
    /// `[D]`.
    pub mean: Vec<f64>,
    /// `[D, D]`.
    pub factor: Mat<f64>,
}

impl FactoredGaussian {
    /// From mean and covariance; `None` if the covariance is not numerically positive definite.
    pub fn from_covariance(mean: Vec<f64>, covariance: MatRef<'_, f64>) -> Option<Self> {
        let factor = covariance.llt(Side::Lower).ok()?.L().to_owned();
        let finite = (0..mean.len()).all(|i| mean[i].is_finite() && factor[(i, i)] > 0.0);
        finite.then_some(Self { mean, factor })
    }

    /// D.
    pub fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// The covariance `[D, D]`.
    pub fn covariance(&self) -> Mat<f64> {
        &self.factor * self.factor.transpose()
    }

    /// The standard deviation of every coordinate.
    pub fn deviations(&self) -> Vec<f64> {
        (0..self.dimension())
            .map(|i| self.factor.row(i).norm_l2())
            .collect()
    }

    /// `mean + factor * noise` for noise `[D, S]`, one draw a column.
    pub fn draws(&self, noise: MatRef<'_, f64>) -> Mat<f64> {
        let mut draws = &self.factor * noise;
        for s in 0..draws.ncols() {
            for (d, mean) in self.mean.iter().enumerate() {
                draws[(d, s)] += mean;
            }
        }
        draws
    }

    /// Log of the absolute determinant of the factor: half that of the covariance.
    pub fn log_scale(&self) -> f64 {
        let lu = self.factor.partial_piv_lu();
        let u = lu.U();
        (0..self.dimension()).map(|i| u[(i, i)].abs().ln()).sum()
    }

    /// The entropy.
    pub fn entropy(&self) -> f64 {
        let constant = 0.5 * (1.0 + (2.0 * std::f64::consts::PI).ln());
        self.log_scale() + constant * self.dimension() as f64
    }
}
