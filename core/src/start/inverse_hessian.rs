//! The Gaussian that L-BFGS carries along: its inverse Hessian as a covariance.
//!
//! Pathfinder (Zhang, Carpenter, Gelman and Vehtari 2022, arXiv 2108.03782), algorithms 3 and 4:
//! the inverse Hessian is `diag(alpha) + beta gamma beta'` with `beta` of `2J` columns, so a draw costs
//! O(D J) and no `D x D` matrix is formed until one is asked for.

use faer::linalg::triangular_solve::solve_upper_triangular_in_place;
use faer::{Mat, MatRef, Par, Side};

use super::factored::FactoredGaussian;
use super::lbfgs::{Lbfgs, dot};

/// A Gaussian with covariance `A (I + Q (M - I) Q') A`, with `A` diagonal, `Q` orthonormal columns.
#[derive(Clone, Debug)]
pub struct PathGaussian {
    mean: Vec<f64>,
    /// Square roots of the diagonal.
    scale: Vec<f64>,
    /// `Q`: `[D, k]`.
    basis: Mat<f64>,
    /// The lower Cholesky factor of `M`: `[k, k]`.
    factor: Mat<f64>,
}

impl PathGaussian {
    /// The Gaussian at the path's current point: its mean is one quasi-Newton step away.
    ///
    /// `None` where rounding has made the inverse Hessian lose positive definiteness.
    pub fn at(path: &Lbfgs) -> Option<Self> {
        let dimension = path.point().len();
        let scale: Vec<f64> = path.diagonal().iter().map(|a| a.sqrt()).collect();
        let (basis, middle) = match path.pairs().len() {
            0 => (Mat::zeros(dimension, 0), Mat::zeros(0, 0)),
            _ => reduced(path, &scale),
        };
        let factor = if basis.ncols() == 0 {
            Mat::zeros(0, 0)
        } else {
            middle.llt(Side::Lower).ok()?.L().to_owned()
        };
        let mut gaussian = Self {
            mean: path.point().to_vec(),
            scale,
            basis,
            factor,
        };
        let descent = gaussian.covariance_times(path.gradient());
        for (mean, step) in gaussian.mean.iter_mut().zip(&descent) {
            *mean -= step;
        }
        let sound = gaussian.mean.iter().all(|m| m.is_finite())
            && gaussian.scale.iter().all(|s| s.is_finite() && *s > 0.0);
        sound.then_some(gaussian)
    }

    /// D.
    pub fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// The mean.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Half the log determinant of the covariance.
    pub fn log_scale(&self) -> f64 {
        let low_rank: f64 = (0..self.factor.nrows())
            .map(|i| self.factor[(i, i)].ln())
            .sum();
        self.scale.iter().map(|s| s.ln()).sum::<f64>() + low_rank
    }

    /// Draws `[D, S]` from noise `[D, S]`.
    pub fn draws(&self, noise: MatRef<'_, f64>) -> Mat<f64> {
        let mut draws = self.stretched(noise);
        for s in 0..draws.ncols() {
            for (d, mean) in self.mean.iter().enumerate() {
                draws[(d, s)] += mean;
            }
        }
        draws
    }

    /// The same Gaussian with a dense `D x D` factor.
    pub fn dense(&self) -> FactoredGaussian {
        let dimension = self.dimension();
        FactoredGaussian {
            mean: self.mean.clone(),
            factor: self.stretched(Mat::<f64>::identity(dimension, dimension).as_ref()),
        }
    }

    /// The variance of every coordinate.
    pub fn variances(&self) -> Vec<f64> {
        // Row d of A (I + Q (L - I) Q') has squared norm a_d^2 (1 + q_d' (M - I) q_d).
        let inner = &self.basis * &self.factor;
        (0..self.dimension())
            .map(|d| {
                let stretched = inner.row(d).squared_norm_l2();
                let removed = self.basis.row(d).squared_norm_l2();
                self.scale[d].powi(2) * (1.0 + stretched - removed)
            })
            .collect()
    }

    /// `A (I + Q (L - I) Q') noise`.
    fn stretched(&self, noise: MatRef<'_, f64>) -> Mat<f64> {
        let mut out = noise.to_owned();
        if self.basis.ncols() > 0 {
            let coordinates = self.basis.transpose() * noise;
            out += &self.basis * (&self.factor * &coordinates - &coordinates);
        }
        for s in 0..out.ncols() {
            for (d, scale) in self.scale.iter().enumerate() {
                out[(d, s)] *= scale;
            }
        }
        out
    }

    fn covariance_times(&self, vector: &[f64]) -> Vec<f64> {
        let scaled = Mat::from_fn(vector.len(), 1, |d, _| self.scale[d] * vector[d]);
        let mut out = scaled.clone();
        if self.basis.ncols() > 0 {
            let coordinates = self.basis.transpose() * &scaled;
            let stretched = &self.factor * (self.factor.transpose() * &coordinates);
            out += &self.basis * (stretched - coordinates);
        }
        (0..vector.len())
            .map(|d| self.scale[d] * out[(d, 0)])
            .collect()
    }
}

/// `Q` and `M = I + R gamma R'`, where `Q R = diag(alpha)^(-1/2) beta`.
fn reduced(path: &Lbfgs, scale: &[f64]) -> (Mat<f64>, Mat<f64>) {
    let pairs: Vec<_> = path.pairs().collect();
    let (dimension, count) = (scale.len(), pairs.len());
    // R[i, j] = s_i' y_j for i <= j, and its inverse.
    let products = Mat::from_fn(count, count, |i, j| {
        if i <= j {
            dot(&pairs[i].step, &pairs[j].change)
        } else {
            0.0
        }
    });
    let mut inverse = Mat::<f64>::identity(count, count);
    solve_upper_triangular_in_place(products.as_ref(), inverse.as_mut(), Par::Seq);
    let weighted = Mat::from_fn(dimension, count, |d, j| scale[d] * pairs[j].change[d]);
    let mut corner = weighted.transpose() * &weighted;
    for i in 0..count {
        corner[(i, i)] += products[(i, i)];
    }
    let corner = inverse.transpose() * (&corner * &inverse);
    let gamma = Mat::from_fn(2 * count, 2 * count, |i, j| match (i < count, j < count) {
        (true, true) => 0.0,
        (true, false) => -inverse[(i, j - count)],
        (false, true) => -inverse[(j, i - count)],
        (false, false) => 0.5 * (corner[(i - count, j - count)] + corner[(j - count, i - count)]),
    });
    let beta = Mat::from_fn(dimension, 2 * count, |d, j| {
        if j < count {
            weighted[(d, j)]
        } else {
            pairs[j - count].step[d] / scale[d]
        }
    });
    let qr = beta.qr();
    let (basis, upper) = (qr.compute_thin_Q(), qr.thin_R());
    let mut middle = upper * &gamma * upper.transpose();
    for i in 0..middle.nrows() {
        middle[(i, i)] += 1.0;
    }
    let symmetric = Mat::from_fn(middle.nrows(), middle.nrows(), |i, j| {
        0.5 * (middle[(i, j)] + middle[(j, i)])
    });
    (basis, symmetric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::start::lbfgs::LbfgsOptions;

    /// A path some steps into a convex problem that is not quadratic.
    fn path(memory: usize, steps: usize) -> Lbfgs {
        let scale = [1.0, 30.0, 0.2, 5.0, 100.0];
        let f = |x: &[f64]| -> (f64, Vec<f64>) {
            let sum: f64 = x.iter().sum();
            let value = x
                .iter()
                .zip(scale)
                .map(|(x, s)| 0.5 * s * x * x + x.cosh())
                .sum::<f64>();
            let gradient = x.iter().zip(scale).map(|(x, s)| s * x + x.sinh() + sum);
            (value + 0.5 * sum * sum, gradient.collect())
        };
        let start = vec![1.0, -1.0, 2.0, 0.5, 0.3];
        let (value, gradient) = f(&start);
        let options = LbfgsOptions {
            memory,
            max_iterations: steps,
            tolerance: 0.0,
        };
        let mut path = Lbfgs::new(start, value, gradient, options);
        while let Some(trial) = path.trial() {
            let (value, gradient) = f(trial);
            path.tell(value, &gradient);
        }
        path
    }

    #[test]
    fn the_covariance_is_the_inverse_hessian_of_the_two_loop_recursion() {
        for (memory, steps) in [(8, 0), (8, 1), (2, 4), (3, 6), (8, 5)] {
            let path = path(memory, steps);
            let gaussian = PathGaussian::at(&path).unwrap();
            let covariance = gaussian.dense().covariance();
            for j in 0..5 {
                let unit = (0..5).map(|d| if d == j { 1.0 } else { 0.0 }).collect();
                let column = path.inverse_hessian_times(unit);
                for (i, expected) in column.iter().enumerate() {
                    let error = (covariance[(i, j)] - expected).abs();
                    let scale = (covariance[(i, i)] * covariance[(j, j)]).sqrt();
                    assert!(
                        error < 1e-8 * scale,
                        "memory {memory}, {steps} steps: ({i}, {j})"
                    );
                }
            }
        }
    }

    #[test]
    fn draws_variances_and_determinant_are_those_of_the_dense_factor() {
        let gaussian = PathGaussian::at(&path(3, 6)).unwrap();
        let dense = gaussian.dense();
        let noise = Mat::from_fn(5, 4, |d, s| ((7 * d + 3 * s) as f64).sin());
        let difference = gaussian.draws(noise.as_ref()) - dense.draws(noise.as_ref());
        assert!(difference.norm_max() < 1e-10);
        assert!((gaussian.log_scale() - dense.log_scale()).abs() < 1e-10);
        for (variance, deviation) in gaussian.variances().iter().zip(dense.deviations()) {
            assert!((variance - deviation * deviation).abs() < 1e-10 * variance);
        }
    }

    #[test]
    fn the_mean_is_one_quasi_newton_step_from_the_point() {
        let path = path(8, 5);
        let gaussian = PathGaussian::at(&path).unwrap();
        let step = path.inverse_hessian_times(path.gradient().to_vec());
        for ((mean, point), step) in gaussian.mean().iter().zip(path.point()).zip(&step) {
            assert!((mean - (point - step)).abs() < 1e-10);
        }
    }
}
