//! One proximal objective: draws that do not move, and the target's scores there.

use burn::tensor::Tensor;
use faer::{Mat, Side};
use firebrand_core::{
    Approximation, FamilyError, Placement, StepContext, StepError, Stream, from_mat, to_host,
    to_mat,
};

/// A square root F of the metric, M = F F'.
enum Metric {
    /// `[D, D]`
    Dense(Tensor<2>),
    /// The diagonal alone, `[1, D]`.
    Diagonal(Tensor<2>),
}

impl Metric {
    /// x F for rows x.
    fn whiten(&self, rows: Tensor<2>) -> Tensor<2> {
        match self {
            Metric::Dense(root) => rows.matmul(root.clone()),
            Metric::Diagonal(root) => rows * root.clone(),
        }
    }

    /// x F' for rows x.
    fn whiten_transposed(&self, rows: Tensor<2>) -> Tensor<2> {
        match self {
            Metric::Dense(root) => rows.matmul(root.clone().transpose()),
            Metric::Diagonal(root) => rows * root.clone(),
        }
    }
}

/// Frozen draws with all that the objective needs of them.
pub struct Frozen {
    /// `[S, D]`.
    theta: Tensor<2>,
    /// The target's score at the draws, `[S, D]`.
    score: Tensor<2>,
    /// `[S]`: the weight of each draw, summing to one; zero for invalid ones.
    weight: Vec<f64>,
    metric: Metric,
    /// The weight of the scores against staying near.
    pub eta: f64,
    /// The parameters at which the draws were taken.
    pub origin: Vec<f64>,
    /// The gradient of the cross entropy there.
    tilt: Vec<f64>,
}

impl Frozen {
    /// Fresh draws of `q`.
    ///
    /// # Errors
    /// A recoverable one where fewer than half of them are valid.
    pub fn new(
        q: &dyn Approximation,
        batch: usize,
        context: &StepContext<'_>,
    ) -> Result<Self, StepError> {
        let noise = context.noise(Stream::Draws, q.noise_shape(batch));
        let sample = q.sample(&noise)?;
        let at = context
            .target
            .log_density_and_score(&sample.theta, context.batch)?;
        let draws = at.valid.len();
        let valid = at.valid.iter().filter(|&&valid| valid).count();
        if 2 * valid < draws {
            let message = format!("only {valid} of {draws} draws are valid");
            return Err(StepError::Recoverable(message));
        }
        let log_weight = sample
            .log_weight
            .map_or_else(|| vec![0.0; draws], |weights| to_host(&weights));
        let weight: Vec<f64> = log_weight
            .iter()
            .zip(&at.valid)
            .map(|(weight, &valid)| if valid { weight.exp() } else { 0.0 })
            .collect();
        let total: f64 = weight.iter().sum();
        let weight: Vec<f64> = weight.iter().map(|w| w / total).collect();
        let metric = covariance_metric(&to_mat(&sample.theta), &weight, q.placement());
        let mut frozen = Self {
            metric,
            theta: sample.theta,
            score: at.score,
            weight,
            eta: 1.0,
            origin: to_host(&q.lambda()),
            tilt: Vec::new(),
        };
        frozen.tilt = frozen.cross_entropy_gradient(q)?;
        Ok(frozen)
    }

    /// The Kullback-Leibler divergence from where the draws were taken, up to a constant, and its gradient.
    ///
    /// Over finitely many draws the cross entropy has its minimum elsewhere: it would pull q towards the moments that the draws
    /// happen to have. Its gradient at the origin has mean zero and is subtracted, so that the minimum is where it belongs.
    fn divergence_from_origin(
        &self,
        q: &dyn Approximation,
        lambda: &[f64],
    ) -> Result<(f64, Vec<f64>), FamilyError> {
        let log_q = to_host(&q.log_prob(&self.theta)?);
        let terms = log_q.iter().zip(&self.weight).filter(|(_, w)| **w > 0.0);
        let cross_entropy = -terms.map(|(l, w)| w * l).sum::<f64>();
        let moved = lambda.iter().zip(&self.origin).zip(&self.tilt);
        let tilted = moved.map(|((l, o), t)| (l - o) * t).sum::<f64>();
        let gradient = self.cross_entropy_gradient(q)?;
        let gradient = gradient.iter().zip(&self.tilt).map(|(g, t)| g - t);
        Ok((cross_entropy - tilted, gradient.collect()))
    }

    fn cross_entropy_gradient(&self, q: &dyn Approximation) -> Result<Vec<f64>, FamilyError> {
        let cotangent: Vec<f64> = self.weight.iter().map(|w| -w).collect();
        let cotangent = q.placement().vector(&cotangent);
        Ok(to_host(&q.pull_log_prob(&self.theta, &cotangent)?))
    }

    /// `E |F'(score_q - s)|^2`, and `w F'(score_q - s)` row by row.
    pub fn mismatch(&self, q: &dyn Approximation) -> Result<(f64, Tensor<2>), FamilyError> {
        let difference = q.score(&self.theta)? - self.score.clone();
        let whitened = self.metric.whiten(difference);
        let draws = self.weight.len();
        let column: Tensor<2> = q.placement().matrix(self.weight.clone(), [draws, 1]);
        let weighted = whitened.clone() * column;
        let divergence: f64 = to_host(&(whitened * weighted.clone())).iter().sum();
        Ok((divergence, weighted))
    }

    /// The objective and its gradient in lambda.
    pub fn objective(
        &self,
        q: &dyn Approximation,
        lambda: &[f64],
    ) -> Result<(f64, Vec<f64>), FamilyError> {
        let (mismatch, weighted) = self.mismatch(q)?;
        let cotangent = self.metric.whiten_transposed(weighted) * 2.0;
        let from_score = to_host(&q.pull_score(&self.theta, &cotangent)?);
        let (divergence, from_density) = self.divergence_from_origin(q, lambda)?;
        let gradient = from_score.iter().zip(&from_density);
        let gradient = gradient.map(|(a, b)| a + b / self.eta).collect();
        Ok((mismatch + divergence / self.eta, gradient))
    }
}

/// The draws' weighted covariance: dense where there are more than twice as many draws as dimensions, else its diagonal.
/// `draws` is `[S, D]`.
fn covariance_metric(draws: &Mat<f64>, weight: &[f64], placement: &Placement) -> Metric {
    let (count, dimension) = (draws.nrows(), draws.ncols());
    let mean: Vec<f64> = (0..dimension)
        .map(|d| (0..count).map(|s| weight[s] * draws[(s, d)]).sum())
        .collect();
    let centred = Mat::from_fn(count, dimension, |s, d| {
        weight[s].sqrt() * (draws[(s, d)] - mean[d])
    });
    if count > 2 * dimension {
        let covariance = centred.transpose() * &centred;
        if let Ok(factor) = covariance.llt(Side::Lower) {
            return Metric::Dense(from_mat(factor.L(), placement));
        }
    }
    let deviations = (0..dimension).map(|d| centred.col(d).norm_l2()).collect();
    Metric::Diagonal(placement.matrix(deviations, [1, dimension]))
}
