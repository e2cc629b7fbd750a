//! Gaussians with independent coordinates.

use std::iter::repeat_n;
use std::sync::OnceLock;

use burn::tensor::Tensor;
use faer::Mat;
use firebrand_core::{
    Approximation, Covariance, Family, FamilyCapabilities, FamilyError, Gaussian, GaussianStart,
    OptionsError, Placement, Plugin, Sample, SampleCotangent, Structure, to_host,
};

use crate::HALF_LOG_TWO_PI;
use crate::full_rank::{check_finite, check_size};

/// The family of Gaussians with independent coordinates. Its parameters are the D means, then the D logarithms of the
/// standard deviations.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanField;

impl Plugin for MeanField {
    type Options = ();
    const NAME: &'static str = "mean-field";
    const DOC: &'static str = "Gaussian with independent coordinates";

    fn new((): ()) -> Result<Self, OptionsError> {
        Ok(MeanField)
    }
}

impl Family for MeanField {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn capabilities(&self) -> FamilyCapabilities {
        FamilyCapabilities {
            gaussian: Some(Structure::Diagonal),
            score: true,
        }
    }

    fn start(
        &self,
        dimension: usize,
        gaussian: &GaussianStart,
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        check_size("the mean of the start", dimension, gaussian.dimension())?;
        let lambda = lambda_of(&gaussian.mean, &gaussian.covariance)?;
        Ok(Box::new(MeanFieldGaussian::of_lambda(lambda, placement)?))
    }
}

/// A Gaussian with independent coordinates.
#[derive(Clone, Debug)]
pub struct MeanFieldGaussian {
    /// D means, then D log standard deviations: the truth, in 64 bits.
    lambda: Vec<f64>,
    placement: Placement,
    /// What follows from lambda, made when it is first asked for: a member that is only kept, of very many dimensions, is lambda alone.
    rows: OnceLock<Rows>,
}

/// A member as tensors, `[1, D]` each.
#[derive(Clone, Debug)]
struct Rows {
    mean: Tensor<2>,
    deviation: Tensor<2>,
    inverse: Tensor<2>,
}

impl MeanFieldGaussian {
    /// From means and the logarithms of the standard deviations.
    ///
    /// # Errors
    /// If a number is not finite, or a standard deviation overflows or vanishes.
    pub fn new(
        mut mean: Vec<f64>,
        log_deviation: Vec<f64>,
        placement: &Placement,
    ) -> Result<Self, FamilyError> {
        check_size(
            "the log standard deviations",
            mean.len(),
            log_deviation.len(),
        )?;
        mean.reserve_exact(log_deviation.len());
        mean.extend(log_deviation);
        Self::of_lambda(mean, placement)
    }

    /// From means and then the logarithms of the standard deviations, in one.
    fn of_lambda(lambda: Vec<f64>, placement: &Placement) -> Result<Self, FamilyError> {
        let (mean, log_deviation) = lambda.split_at(lambda.len() / 2);
        check_finite("the mean", mean)?;
        check_finite("the log standard deviations", log_deviation)?;
        let usable = |s: f64| s.is_finite() && s != 0.0;
        let positive = |l: &f64| usable(l.exp()) && usable((-l).exp());
        if !log_deviation.iter().all(positive) {
            return Err(FamilyError::NotPositiveDefinite);
        }
        Ok(Self {
            lambda,
            placement: placement.clone(),
            rows: OnceLock::new(),
        })
    }

    fn rows(&self) -> &Rows {
        self.rows.get_or_init(|| {
            let (mean, log_deviation) = self.lambda.split_at(self.dimension());
            let row = |values: Vec<f64>| self.placement.matrix(values, [1, mean.len()]);
            Rows {
                mean: row(mean.to_vec()),
                deviation: row(log_deviation.iter().map(|l| l.exp()).collect()),
                inverse: row(log_deviation.iter().map(|l| (-l).exp()).collect()),
            }
        })
    }

    /// `(theta - mean) / deviation`: `[S, D]`.
    fn standardised(&self, theta: &Tensor<2>) -> Tensor<2> {
        let Rows { mean, inverse, .. } = self.rows();
        (theta.clone() - mean.clone()) * inverse.clone()
    }

    /// The derivative in lambda from those in mean and log standard deviation, each summed over draws.
    fn pulled(&self, mean: Tensor<2>, log_deviation: Tensor<2>) -> Tensor<1> {
        let dimension = self.dimension();
        let sum = |t: Tensor<2>| t.sum_dim(0).reshape([dimension]);
        Tensor::cat(vec![sum(mean), sum(log_deviation)], 0)
    }
}

impl Approximation for MeanFieldGaussian {
    fn family(&self) -> &str {
        MeanField::NAME
    }

    fn dimension(&self) -> usize {
        self.lambda.len() / 2
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }

    fn lambda(&self) -> Tensor<1> {
        self.placement.vector(&self.lambda)
    }

    /// The deviations for the means, and one for their logarithms.
    fn parameter_scales(&self) -> Option<Vec<f64>> {
        let dimension = self.dimension();
        let deviations = self.lambda[dimension..].iter().map(|l| l.exp());
        Some(deviations.chain(repeat_n(1.0, dimension)).collect())
    }

    fn set_lambda(&mut self, lambda: &Tensor<1>) -> Result<(), FamilyError> {
        let lambda = to_host(lambda);
        check_size("lambda", self.lambda.len(), lambda.len())?;
        *self = Self::of_lambda(lambda, &self.placement)?;
        Ok(())
    }

    fn clone_box(&self) -> Box<dyn Approximation> {
        Box::new(self.clone())
    }

    fn sample(&self, noise: &Tensor<2>) -> Result<Sample, FamilyError> {
        Ok(Sample {
            theta: noise.clone() * self.rows().deviation.clone() + self.rows().mean.clone(),
            log_weight: None,
        })
    }

    fn log_prob(&self, theta: &Tensor<2>) -> Result<Tensor<1>, FamilyError> {
        let draws = theta.dims()[0];
        let u = self.standardised(theta);
        let square = (u.clone() * u).sum_dim(1).reshape([draws]);
        let dimension = self.dimension();
        let log_scale: f64 = self.lambda[dimension..].iter().sum();
        Ok(square * -0.5 - (log_scale + HALF_LOG_TWO_PI * dimension as f64))
    }

    fn score(&self, theta: &Tensor<2>) -> Result<Tensor<2>, FamilyError> {
        Ok(-(self.standardised(theta) * self.rows().inverse.clone()))
    }

    fn pull_sample(
        &self,
        noise: &Tensor<2>,
        cotangent: &SampleCotangent,
    ) -> Result<Tensor<1>, FamilyError> {
        let theta = cotangent.theta.clone();
        let log_deviation = theta.clone() * noise.clone() * self.rows().deviation.clone();
        Ok(self.pulled(theta, log_deviation))
    }

    fn pull_log_prob(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<1>,
    ) -> Result<Tensor<1>, FamilyError> {
        let u = self.standardised(theta);
        let c = cotangent.clone().reshape([theta.dims()[0], 1]);
        let mean = u.clone() * self.rows().inverse.clone() * c.clone();
        let log_deviation = (u.clone() * u - 1.0) * c;
        Ok(self.pulled(mean, log_deviation))
    }

    fn pull_score(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<2>,
    ) -> Result<Tensor<1>, FamilyError> {
        // The score is -u / s with u = (theta - mean) / s.
        let scaled = cotangent.clone() * self.rows().inverse.clone();
        let mean = scaled.clone() * self.rows().inverse.clone();
        let log_deviation = self.standardised(theta) * scaled * 2.0;
        Ok(self.pulled(mean, log_deviation))
    }

    fn gaussian(&self) -> Option<&dyn Gaussian> {
        Some(self)
    }

    fn gaussian_mut(&mut self) -> Option<&mut dyn Gaussian> {
        Some(self)
    }

    fn save(&self) -> Vec<u8> {
        self.lambda
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), FamilyError> {
        check_size("the saved state", 8 * self.lambda.len(), state.len())?;
        let lambda = bytes_to_numbers(state);
        *self = Self::of_lambda(lambda, &self.placement)?;
        Ok(())
    }
}

impl Gaussian for MeanFieldGaussian {
    fn structure(&self) -> Structure {
        Structure::Diagonal
    }

    fn mean(&self) -> Vec<f64> {
        self.lambda[..self.dimension()].to_vec()
    }

    fn covariance(&self) -> Covariance {
        let log_deviations = &self.lambda[self.dimension()..];
        Covariance::Diagonal(log_deviations.iter().map(|l| (2.0 * l).exp()).collect())
    }

    fn scale(&self) -> Mat<f64> {
        let dimension = self.dimension();
        Mat::from_fn(dimension, dimension, |i, j| {
            if i == j {
                self.lambda[dimension + i].exp()
            } else {
                0.0
            }
        })
    }

    fn set(&mut self, mean: &[f64], covariance: &Covariance) -> Result<(), FamilyError> {
        check_size("the mean", self.dimension(), mean.len())?;
        *self = Self::of_lambda(lambda_of(mean, covariance)?, &self.placement)?;
        Ok(())
    }
}

/// Means, then the logarithms of the standard deviations.
fn lambda_of(mean: &[f64], covariance: &Covariance) -> Result<Vec<f64>, FamilyError> {
    check_size("the covariance", mean.len(), covariance.dimension())?;
    let mut lambda = Vec::with_capacity(2 * mean.len());
    lambda.extend(mean);
    let mut push = |variances: &[f64]| {
        if !variances.iter().all(|v| *v > 0.0) {
            return Err(FamilyError::NotPositiveDefinite);
        }
        lambda.extend(variances.iter().map(|v| 0.5 * v.ln()));
        Ok(())
    };
    match covariance {
        Covariance::Diagonal(variances) => push(variances)?,
        other => push(&other.diagonal())?,
    }
    Ok(lambda)
}

/// Little-endian 64-bit numbers; a remainder of fewer than eight bytes is ignored.
pub(crate) fn bytes_to_numbers(bytes: &[u8]) -> Vec<f64> {
    bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|chunk| f64::from_le_bytes(*chunk))
        .collect()
}
