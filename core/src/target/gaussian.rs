//! The target whose answer is known in closed form.

use burn::tensor::Tensor;
use faer::{Mat, Side, linalg::solvers::Llt, prelude::Solve};

use super::function::{checked_points, identity_constrain};
use super::{Batch, Constrained, Evaluation, Parameter, Target, TargetError};
use crate::placement::{Placement, to_host};

/// A normalised Gaussian density: every algorithm must reach it, and stay there.
#[derive(Clone, Debug)]
pub struct GaussianTarget {
    mean: Vec<f64>,
    covariance: Mat<f64>,
    precision_matrix: Mat<f64>,
    log_normaliser: f64,
    parameters: Vec<Parameter>,
    placement: Placement,
}

impl GaussianTarget {
    /// The Gaussian with this mean and covariance, or `None` if the covariance is not positive definite or its shape
    /// does not match.
    pub fn new(mean: &[f64], covariance: &Mat<f64>) -> Option<Self> {
        let dimension = mean.len();
        if covariance.nrows() != dimension || covariance.ncols() != dimension {
            return None;
        }
        let factor = Llt::new(covariance.as_ref(), Side::Lower).ok()?;
        let half_log_determinant: f64 = (0..dimension).map(|i| factor.L()[(i, i)].ln()).sum();
        let log_two_pi = (2.0 * std::f64::consts::PI).ln();
        Some(GaussianTarget {
            mean: mean.to_vec(),
            covariance: covariance.clone(),
            precision_matrix: factor.solve(Mat::<f64>::identity(dimension, dimension)),
            log_normaliser: -half_log_determinant - 0.5 * dimension as f64 * log_two_pi,
            parameters: vec![Parameter::vector("theta", dimension)],
            placement: Placement::cpu(),
        })
    }

    /// The standard Gaussian in `dimension` dimensions.
    pub fn standard(dimension: usize) -> Self {
        Self::new(&vec![0.0; dimension], &Mat::identity(dimension, dimension))
            .expect("the identity is positive definite")
    }

    /// The same target elsewhere: points and results live where `placement` says.
    pub fn placed(self, placement: Placement) -> Self {
        GaussianTarget { placement, ..self }
    }

    /// Its mean.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Its covariance.
    pub fn covariance(&self) -> &Mat<f64> {
        &self.covariance
    }
}

impl Target for GaussianTarget {
    fn dimension(&self) -> usize {
        self.mean.len()
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        let dimension = self.dimension();
        checked_points(theta, batch, dimension)?;
        let points = to_host(theta);
        let draws = theta.dims()[0];
        let centred = Mat::from_fn(draws, dimension, |s, d| {
            self.mean[d] - points[s * dimension + d]
        });
        let scores = &centred * &self.precision_matrix;
        let log_density: Vec<f64> = (0..draws)
            .map(|s| {
                let square: f64 = (0..dimension)
                    .map(|d| scores[(s, d)] * centred[(s, d)])
                    .sum();
                self.log_normaliser - 0.5 * square
            })
            .collect();
        let valid = log_density
            .iter()
            .map(|value| value.is_finite())
            .collect::<Vec<_>>();
        let mut score = Vec::with_capacity(draws * dimension);
        for (s, &valid) in valid.iter().enumerate() {
            score.extend((0..dimension).map(|d| if valid { scores[(s, d)] } else { 0.0 }));
        }
        let log_density: Vec<f64> = log_density
            .iter()
            .map(|&value| {
                if value.is_finite() {
                    value
                } else {
                    f64::NEG_INFINITY
                }
            })
            .collect();
        Ok(Evaluation {
            log_density: self.placement.vector(&log_density),
            score: self.placement.matrix(score, [draws, dimension]),
            valid,
        })
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn constrain(&self, theta: &Tensor<2>, _seed: u64) -> Result<Constrained, TargetError> {
        identity_constrain(theta, &self.parameters)
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn density_and_score_are_the_closed_form() {
        let covariance = faer::mat![[2.0, 0.5], [0.5, 1.0]];
        let target = GaussianTarget::new(&[1.0, -1.0], &covariance).unwrap();
        let theta = target.placement().matrix(vec![1., -1., 2., 0.], [2, 2]);
        let out = target.log_density_and_score(&theta, &Batch::Full).unwrap();
        let determinant: f64 = 2.0 * 1.0 - 0.25;
        let at_mean = -(2.0 * std::f64::consts::PI).ln() - 0.5 * determinant.ln();
        // Precision times (1, 1) is (0.5, 1.5) / determinant.
        let (a, b) = (0.5 / determinant, 1.5 / determinant);
        let expected = [at_mean, at_mean - 0.5 * (a + b)];
        for (found, expected) in to_host(&out.log_density).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-14);
        }
        for (found, expected) in to_host(&out.score).iter().zip([0.0, 0.0, -a, -b]) {
            assert!((found - expected).abs() < 1e-14);
        }
    }

    #[test]
    fn a_covariance_that_is_not_positive_definite_is_refused() {
        assert!(GaussianTarget::new(&[0.0, 0.0], &faer::mat![[1.0, 2.0], [2.0, 1.0]]).is_none());
    }
}
