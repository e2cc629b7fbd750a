//! One Gaussian of the family, in closed form.
//!
//! With a diagonal matrix S of scales and a loading matrix W `[D, R]`, the covariance is `S (I + W W') S`, and draws are
//! `mean + S (e + W h)` of noise (e, h). Write `u = S^-1 (theta - mean)`, `A = (I + W W')^-1 = I - K W'` with `K = W M^-1` and
//! `M = I + W'W`. Then the log density is `-u'A u / 2 - log det S - log det M / 2` and a constant, and the score `-S^-1 A u`. What the
//! pullbacks take is read off `dA = -A d(W W') A` and `d log det M = 2 tr(K' dW)`.

use burn::tensor::Tensor;
use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use firebrand_core::{
    Approximation, Covariance, FamilyError, Gaussian, LowRank, Placement, Plugin, Sample,
    SampleCotangent, Structure, from_mat, to_host,
};

use crate::family::LowRankFamily;

/// Half the logarithm of two pi, which every dimension of a Gaussian's log density has.
const HALF_LOG_TWO_PI: f64 = 0.918_938_533_204_672_8;

/// A Gaussian whose covariance is a diagonal plus a matrix of low rank. Its parameters are the D means, the D logarithms of the scales,
/// and the loadings row by row, which have no unit.
#[derive(Clone, Debug)]
pub struct LowRankGaussian {
    /// D means, D log scales, D R loadings: the truth, in 64 bits. The tensors follow from it.
    lambda: Vec<f64>,
    dimension: usize,
    placement: Placement,
    /// `[1, D]`.
    mean: Tensor<2>,
    /// `[1, D]`.
    scale: Tensor<2>,
    /// One over the scale, `[1, D]`.
    inverse: Tensor<2>,
    /// W, `[D, R]`.
    loadings: Tensor<2>,
    /// K, `[D, R]`.
    gain: Tensor<2>,
    /// log det S + log det M / 2.
    log_scale: f64,
}

impl LowRankGaussian {
    /// From the parameters: D means, D log scales, and the loadings `[D, R]` row by row.
    ///
    /// # Errors
    /// If a number is not finite, or a variance overflows or vanishes.
    pub fn new(
        lambda: Vec<f64>,
        dimension: usize,
        placement: &Placement,
    ) -> Result<Self, FamilyError> {
        let rank = (lambda.len() / dimension).saturating_sub(2);
        check_size("lambda", dimension * (rank + 2), lambda.len())?;
        for (what, values) in ["the mean", "the log scales"]
            .into_iter()
            .zip(lambda.chunks(dimension))
        {
            check_finite(what, values)?;
        }
        check_finite("the loadings", &lambda[2 * dimension..])?;
        let (mean, rest) = lambda.split_at(dimension);
        let (log_scale, loadings) = rest.split_at(dimension);
        let scale: Vec<f64> = log_scale.iter().map(|l| l.exp()).collect();
        let inverse: Vec<f64> = log_scale.iter().map(|l| (-l).exp()).collect();
        let w = Mat::from_fn(dimension, rank, |i, k| loadings[i * rank + k]);
        let inner = w.transpose() * &w + Mat::<f64>::identity(rank, rank);
        let factor = inner
            .llt(Side::Lower)
            .map_err(|_| FamilyError::NotPositiveDefinite)?;
        let half_log_det: f64 = (0..rank).map(|k| factor.L()[(k, k)].ln()).sum();
        let gain = factor.solve(w.transpose()).transpose().to_owned();
        let positive = |s: &f64| s.is_finite() && *s > 0.0;
        let numbers = scale.iter().chain(&inverse);
        if !numbers.into_iter().all(positive) || !half_log_det.is_finite() || !gain.is_all_finite()
        {
            return Err(FamilyError::NotPositiveDefinite);
        }
        let row = |values: Vec<f64>| placement.matrix(values, [1, dimension]);
        Ok(Self {
            mean: row(mean.to_vec()),
            scale: row(scale),
            inverse: row(inverse),
            loadings: from_mat(w.as_ref(), placement),
            gain: from_mat(gain.as_ref(), placement),
            log_scale: log_scale.iter().sum::<f64>() + half_log_det,
            lambda,
            dimension,
            placement: placement.clone(),
        })
    }

    /// N(0, I).
    pub(crate) fn standard(
        dimension: usize,
        rank: usize,
        placement: &Placement,
    ) -> Result<Self, FamilyError> {
        Self::new(vec![0.0; dimension * (rank + 2)], dimension, placement)
    }

    fn rank(&self) -> usize {
        self.lambda.len() / self.dimension - 2
    }

    fn low_rank(&self) -> LowRank {
        let (dimension, rank) = (self.dimension, self.rank());
        let (log_scale, loadings) = self.lambda[dimension..].split_at(dimension);
        let scale: Vec<f64> = log_scale.iter().map(|l| l.exp()).collect();
        LowRank {
            factor: Mat::from_fn(dimension, rank, |i, k| scale[i] * loadings[i * rank + k]),
            diagonal: scale.iter().map(|s| s * s).collect(),
        }
    }

    /// What of a covariance this family holds.
    fn taken(&self, covariance: &Covariance) -> Result<LowRank, FamilyError> {
        let rank = self.rank();
        let taken = match covariance {
            Covariance::Diagonal(variances) => {
                if !variances.iter().all(|v| *v > 0.0) {
                    return Err(FamilyError::NotPositiveDefinite);
                }
                LowRank::from_variances(variances, rank)
            }
            Covariance::LowRank(given) if given.rank() <= rank => given.clone().widened(rank),
            Covariance::LowRank(given) => given.narrowed(rank)?,
            Covariance::Dense(matrix) => LowRank::nearest_to_dense(matrix, rank)?,
        };
        taken.check()?;
        Ok(taken)
    }

    /// `u`, one draw a row: `[S, D]`.
    fn standardised(&self, theta: &Tensor<2>) -> Tensor<2> {
        (theta.clone() - self.mean.clone()) * self.inverse.clone()
    }

    /// A times every row, and W'A times it, `[S, R]`.
    fn solved(&self, rows: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let along = rows.clone().matmul(self.gain.clone());
        let solved = rows - along.clone().matmul(self.loadings.clone().transpose());
        (solved, along)
    }

    /// The derivative in lambda from those in mean and log scale, one row a draw, and that in the loadings.
    fn pulled(&self, mean: Tensor<2>, log_scale: Tensor<2>, loadings: Tensor<2>) -> Tensor<1> {
        let sum = |t: Tensor<2>| t.sum_dim(0).reshape([self.dimension]);
        let loadings = loadings.reshape([self.dimension * self.rank()]);
        Tensor::cat(vec![sum(mean), sum(log_scale), loadings], 0)
    }
}

impl Approximation for LowRankGaussian {
    fn family(&self) -> &str {
        LowRankFamily::NAME
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }

    fn lambda(&self) -> Tensor<1> {
        self.placement.vector(&self.lambda)
    }

    fn set_lambda(&mut self, lambda: &Tensor<1>) -> Result<(), FamilyError> {
        let lambda = to_host(lambda);
        check_size("lambda", self.lambda.len(), lambda.len())?;
        *self = Self::new(lambda, self.dimension, &self.placement)?;
        Ok(())
    }

    fn clone_box(&self) -> Box<dyn Approximation> {
        Box::new(self.clone())
    }

    /// The D numbers e, then the R numbers h.
    fn noise_shape(&self, draws: usize) -> [usize; 2] {
        [draws, self.dimension + self.rank()]
    }

    fn sample(&self, noise: &Tensor<2>) -> Result<Sample, FamilyError> {
        let own = noise.clone().narrow(1, 0, self.dimension);
        let common = noise.clone().narrow(1, self.dimension, self.rank());
        let u = own + common.matmul(self.loadings.clone().transpose());
        Ok(Sample {
            theta: u * self.scale.clone() + self.mean.clone(),
            log_weight: None,
        })
    }

    fn log_prob(&self, theta: &Tensor<2>) -> Result<Tensor<1>, FamilyError> {
        let draws = theta.dims()[0];
        let u = self.standardised(theta);
        let square = (self.solved(u.clone()).0 * u).sum_dim(1).reshape([draws]);
        let constant = self.log_scale + HALF_LOG_TWO_PI * self.dimension as f64;
        Ok(square * -0.5 - constant)
    }

    fn score(&self, theta: &Tensor<2>) -> Result<Tensor<2>, FamilyError> {
        let (w, _) = self.solved(self.standardised(theta));
        Ok(-(w * self.inverse.clone()))
    }

    fn pull_sample(
        &self,
        noise: &Tensor<2>,
        cotangent: &SampleCotangent,
    ) -> Result<Tensor<1>, FamilyError> {
        let theta = cotangent.theta.clone();
        let own = noise.clone().narrow(1, 0, self.dimension);
        let common = noise.clone().narrow(1, self.dimension, self.rank());
        let u = own + common.clone().matmul(self.loadings.clone().transpose());
        let scaled = theta.clone() * self.scale.clone();
        let loadings = scaled.clone().transpose().matmul(common);
        Ok(self.pulled(theta, scaled * u, loadings))
    }

    fn pull_log_prob(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<1>,
    ) -> Result<Tensor<1>, FamilyError> {
        // With w = A u, the derivative of -u'A u / 2 is S^-1 w in the mean, u w in the log scales, and w (W'w)' in the loadings.
        let u = self.standardised(theta);
        let (w, along) = self.solved(u.clone());
        let weight = cotangent.clone().reshape([theta.dims()[0], 1]);
        let weighted = w.clone() * weight.clone();
        let mean = weighted.clone() * self.inverse.clone();
        let log_scale = weighted.clone() * u - weight;
        let total: f64 = to_host(cotangent).iter().sum();
        let loadings = weighted.transpose().matmul(along) - self.gain.clone() * total;
        Ok(self.pulled(mean, log_scale, loadings))
    }

    fn pull_score(
        &self,
        theta: &Tensor<2>,
        cotangent: &Tensor<2>,
    ) -> Result<Tensor<1>, FamilyError> {
        // With w = A u, b = S^-1 c and v = A b, the derivative of -b'A u is S^-1 v in the mean, u v + b w in the log scales, and
        // v (W'w)' + w (W'v)' in the loadings.
        let u = self.standardised(theta);
        let b = cotangent.clone() * self.inverse.clone();
        let (w, along_w) = self.solved(u.clone());
        let (v, along_v) = self.solved(b.clone());
        let mean = v.clone() * self.inverse.clone();
        let log_scale = v.clone() * u + b * w.clone();
        let loadings = v.transpose().matmul(along_w) + w.transpose().matmul(along_v);
        Ok(self.pulled(mean, log_scale, loadings))
    }

    fn gaussian(&self) -> Option<&dyn Gaussian> {
        Some(self)
    }

    fn gaussian_mut(&mut self) -> Option<&mut dyn Gaussian> {
        Some(self)
    }

    fn save(&self) -> Vec<u8> {
        let numbers = self.lambda.iter();
        numbers.flat_map(|value| value.to_le_bytes()).collect()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), FamilyError> {
        check_size("the saved state", 8 * self.lambda.len(), state.len())?;
        let (chunks, _) = state.as_chunks::<8>();
        let lambda = chunks.iter().map(|chunk| f64::from_le_bytes(*chunk));
        *self = Self::new(lambda.collect(), self.dimension, &self.placement)?;
        Ok(())
    }
}

impl Gaussian for LowRankGaussian {
    fn structure(&self) -> Structure {
        Structure::LowRank
    }

    fn mean(&self) -> Vec<f64> {
        self.lambda[..self.dimension].to_vec()
    }

    fn covariance(&self) -> Covariance {
        Covariance::LowRank(self.low_rank())
    }

    fn scale(&self) -> Mat<f64> {
        self.low_rank().lower_root()
    }

    fn set(&mut self, mean: &[f64], covariance: &Covariance) -> Result<(), FamilyError> {
        check_size("the mean", self.dimension, mean.len())?;
        check_size("the covariance", self.dimension, covariance.dimension())?;
        let LowRank { diagonal, factor } = self.taken(covariance)?;
        let mut lambda = mean.to_vec();
        lambda.extend(diagonal.iter().map(|d| 0.5 * d.ln()));
        for (i, d) in diagonal.iter().enumerate() {
            lambda.extend(factor.row(i).iter().map(|entry| entry / d.sqrt()));
        }
        *self = Self::new(lambda, self.dimension, &self.placement)?;
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

fn check_finite(what: &str, values: &[f64]) -> Result<(), FamilyError> {
    if values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(FamilyError::NotFinite { what: what.into() })
}
