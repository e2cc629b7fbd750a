//! Gaussians with any covariance.

use burn::tensor::Tensor;
use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::{Mat, Par};
use firebrand_core::{
    Approximation, Covariance, Family, FamilyCapabilities, FamilyError, Gaussian, GaussianStart,
    OptionsError, Placement, Plugin, Sample, SampleCotangent, Structure, from_mat, to_host, to_mat,
};

use crate::HALF_LOG_TWO_PI;
use crate::mean_field::bytes_to_numbers;

/// The family of all Gaussians. Its parameters are the D means, then the lower Cholesky factor of the covariance row by
/// row, with logarithms on its diagonal.
#[derive(Clone, Copy, Debug, Default)]
pub struct FullRank;

impl Plugin for FullRank {
    type Options = ();
    const NAME: &'static str = "full-rank";
    const DOC: &'static str = "Gaussian with any covariance";

    fn new((): ()) -> Result<Self, OptionsError> {
        Ok(FullRank)
    }
}

impl Family for FullRank {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn capabilities(&self) -> FamilyCapabilities {
        FamilyCapabilities {
            gaussian: Some(Structure::Dense),
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
        let factor = gaussian.covariance.cholesky()?;
        let member = FullRankGaussian::new(gaussian.mean.clone(), factor, placement)?;
        Ok(Box::new(member))
    }
}

/// A Gaussian with any covariance.
#[derive(Clone, Debug)]
pub struct FullRankGaussian {
    /// Mean and lower Cholesky factor: the truth, in 64 bits. The tensors follow from them.
    mean: Vec<f64>,
    factor: Mat<f64>,
    placement: Placement,
    /// `[1, D]`.
    mean_row: Tensor<2>,
    /// The transposed factor, `[D, D]`.
    upper: Tensor<2>,
    /// The inverse of the factor, `[D, D]`.
    inverse: Tensor<2>,
    /// The logarithm of the factor's determinant.
    log_scale: f64,
}

impl FullRankGaussian {
    /// From the mean and the lower Cholesky factor of the covariance.
    ///
    /// # Errors
    /// If a number is not finite or the factor's diagonal is not positive.
    pub fn new(
        mean: Vec<f64>,
        factor: Mat<f64>,
        placement: &Placement,
    ) -> Result<Self, FamilyError> {
        let dimension = mean.len();
        check_size("the factor of the covariance", dimension, factor.nrows())?;
        check_finite("the mean", &mean)?;
        for j in 0..dimension {
            check_finite("the factor of the covariance", factor.col_as_slice(j))?;
            if factor[(j, j)] <= 0.0 {
                return Err(FamilyError::NotPositiveDefinite);
            }
        }
        let mut inverse = Mat::zeros(dimension, dimension);
        invert_lower_triangular(inverse.as_mut(), factor.as_ref(), Par::Seq);
        if !inverse.norm_max().is_finite() {
            return Err(FamilyError::NotPositiveDefinite);
        }
        Ok(Self {
            mean_row: placement.matrix(mean.clone(), [1, dimension]),
            upper: from_mat(factor.transpose(), placement),
            inverse: from_mat(inverse.as_ref(), placement),
            log_scale: (0..dimension).map(|i| factor[(i, i)].ln()).sum(),
            mean,
            factor,
            placement: placement.clone(),
        })
    }

    fn from_lambda(
        lambda: &[f64],
        dimension: usize,
        placement: &Placement,
    ) -> Result<Self, FamilyError> {
        check_size("lambda", lambda_size(dimension), lambda.len())?;
        let (mean, packed) = lambda.split_at(dimension);
        let mut packed = packed.iter();
        let mut factor = Mat::zeros(dimension, dimension);
        for i in 0..dimension {
            for (j, &value) in (0..=i).zip(packed.by_ref()) {
                factor[(i, j)] = if i == j { value.exp() } else { value };
            }
        }
        Self::new(mean.to_vec(), factor, placement)
    }

    fn packed(&self) -> Vec<f64> {
        let mut lambda = self.mean.clone();
        lambda.extend(lower(&self.factor, |_, value| value.ln()));
        lambda
    }

    /// `factor^-1 (theta - mean)`, one draw a row: `[S, D]`.
    fn standardised(&self, theta: &Tensor<2>) -> Tensor<2> {
        self.solved(theta.clone() - self.mean_row.clone())
    }

    /// `factor^-1` times every row.
    fn solved(&self, rows: Tensor<2>) -> Tensor<2> {
        rows.matmul(self.inverse.clone().transpose())
    }

    /// `factor'^-1` times every row.
    fn solved_transposed(&self, rows: Tensor<2>) -> Tensor<2> {
        rows.matmul(self.inverse.clone())
    }

    /// The derivative in lambda from that in the mean, one row a draw, and that in the whole factor.
    ///
    /// `constant` is added for every logarithm on the diagonal.
    fn pulled(&self, mean: Tensor<2>, factor: Tensor<2>, constant: f64) -> Tensor<1> {
        let dimension = self.mean.len();
        let mut lambda = to_host(&mean.sum_dim(0).reshape([dimension]));
        let factor = to_mat(&factor);
        lambda.extend(lower(&factor, |i, value| {
            value * self.factor[(i, i)] + constant
        }));
        self.placement.vector(&lambda)
    }
}

/// The lower triangle row by row; `on_diagonal` maps row and value.
fn lower(matrix: &Mat<f64>, on_diagonal: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    let mut packed = Vec::with_capacity(matrix.nrows() * (matrix.nrows() + 1) / 2);
    for i in 0..matrix.nrows() {
        packed.extend((0..i).map(|j| matrix[(i, j)]));
        packed.push(on_diagonal(i, matrix[(i, i)]));
    }
    packed
}

fn lambda_size(dimension: usize) -> usize {
    dimension + dimension * (dimension + 1) / 2
}

impl Approximation for FullRankGaussian {
    fn family(&self) -> &str {
        FullRank::NAME
    }

    fn dimension(&self) -> usize {
        self.mean.len()
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }

    fn lambda(&self) -> Tensor<1> {
        self.placement.vector(&self.packed())
    }

    fn set_lambda(&mut self, lambda: &Tensor<1>) -> Result<(), FamilyError> {
        *self = Self::from_lambda(&to_host(lambda), self.dimension(), &self.placement)?;
        Ok(())
    }

    fn clone_box(&self) -> Box<dyn Approximation> {
        Box::new(self.clone())
    }

    fn sample(&self, noise: &Tensor<2>) -> Result<Sample, FamilyError> {
        Ok(Sample {
            theta: noise.clone().matmul(self.upper.clone()) + self.mean_row.clone(),
            log_weight: None,
        })
    }

    fn log_prob(&self, theta: &Tensor<2>) -> Result<Tensor<1>, FamilyError> {
        let draws = theta.dims()[0];
        let u = self.standardised(theta);
        let square = (u.clone() * u).sum_dim(1).reshape([draws]);
        let constant = self.log_scale + HALF_LOG_TWO_PI * self.dimension() as f64;
        Ok(square * -0.5 - constant)
    }

    fn score(&self, theta: &Tensor<2>) -> Result<Tensor<2>, FamilyError> {
        Ok(-self.solved_transposed(self.standardised(theta)))
    }

    fn pull_sample(
        &self,
        noise: &Tensor<2>,
        cotangent: &SampleCotangent,
    ) -> Result<Tensor<1>, FamilyError> {
        let theta = cotangent.theta.clone();
        let factor = theta.clone().transpose().matmul(noise.clone());
        Ok(self.pulled(theta, factor, 0.0))
    }

    fn pull_log_prob(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<1>,
    ) -> Result<Tensor<1>, FamilyError> {
        // With u = L^-1 (theta - mean) and w = L'^-1 u: the derivative of -u'u/2 is w in the mean, w u' in L.
        let u = self.standardised(theta);
        let weight = cotangent.clone().reshape([theta.dims()[0], 1]);
        let w = self.solved_transposed(u.clone()) * weight;
        let factor = w.clone().transpose().matmul(u);
        let total: f64 = to_host(cotangent).iter().sum();
        Ok(self.pulled(w, factor, -total))
    }

    fn pull_score(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<2>,
    ) -> Result<Tensor<1>, FamilyError> {
        // The score is -w with w = L'^-1 u, u = L^-1 (theta - mean). With v = L^-1 c and p = L'^-1 v, the derivative of
        // -c'w is p in the mean, w v' + p u' in L.
        let u = self.standardised(theta);
        let w = self.solved_transposed(u.clone());
        let v = self.solved(cotangent.clone());
        let p = self.solved_transposed(v.clone());
        let factor = w.transpose().matmul(v) + p.clone().transpose().matmul(u);
        Ok(self.pulled(p, factor, 0.0))
    }

    fn gaussian(&self) -> Option<&dyn Gaussian> {
        Some(self)
    }

    fn gaussian_mut(&mut self) -> Option<&mut dyn Gaussian> {
        Some(self)
    }

    /// The mean and the factor itself: logarithms of its diagonal would not survive the way to bytes and back.
    fn save(&self) -> Vec<u8> {
        let factor = lower(&self.factor, |_, value| value);
        let numbers = self.mean.iter().chain(&factor);
        numbers.flat_map(|value| value.to_le_bytes()).collect()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), FamilyError> {
        let dimension = self.dimension();
        check_size("the saved state", 8 * lambda_size(dimension), state.len())?;
        let numbers = bytes_to_numbers(state);
        let (mean, packed) = numbers.split_at(dimension);
        let factor = Mat::from_fn(dimension, dimension, |i, j| {
            if j <= i {
                packed[i * (i + 1) / 2 + j]
            } else {
                0.0
            }
        });
        *self = Self::new(mean.to_vec(), factor, &self.placement)?;
        Ok(())
    }
}

impl Gaussian for FullRankGaussian {
    fn structure(&self) -> Structure {
        Structure::Dense
    }

    fn mean(&self) -> Vec<f64> {
        self.mean.clone()
    }

    fn covariance(&self) -> Covariance {
        Covariance::Dense(&self.factor * self.factor.transpose())
    }

    fn scale(&self) -> Mat<f64> {
        self.factor.clone()
    }

    fn set(&mut self, mean: &[f64], covariance: &Covariance) -> Result<(), FamilyError> {
        check_size("the mean", self.dimension(), mean.len())?;
        check_size("the covariance", self.dimension(), covariance.dimension())?;
        *self = Self::new(mean.to_vec(), covariance.cholesky()?, &self.placement)?;
        Ok(())
    }
}

pub(crate) fn check_size(what: &str, expected: usize, found: usize) -> Result<(), FamilyError> {
    if expected == found {
        return Ok(());
    }
    Err(FamilyError::Size {
        what: what.into(),
        expected,
        found,
    })
}

pub(crate) fn check_finite(what: &str, values: &[f64]) -> Result<(), FamilyError> {
    if values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(FamilyError::NotFinite { what: what.into() })
}
