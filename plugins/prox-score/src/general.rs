//! The iteration over any family: each step's objective is minimised by L-BFGS in the family's parameters.

use burn::tensor::Tensor;
use faer::{Mat, Side};
use firebrand_core::start::{
    LambdaAverage, LambdaEpoch, Lbfgs, LbfgsOptions, StateReader, StateWriter,
};
use firebrand_core::{
    Approximation, FamilyError, InferenceError, Placement, Progress, Running, StepContext,
    StepError, StepReport, Stream, from_mat, to_host, to_mat,
};

use crate::patience::Patience;
use crate::plugin::ProxScoreOptions;

/// Steps in the first epoch.
const FIRST_EPOCH: u64 = 8;

/// One step minimises one proximal objective.
pub struct General {
    /// The average over the last whole epoch; the iterate while there is none.
    approximation: Box<dyn Approximation>,
    iterate: Box<dyn Approximation>,
    average: LambdaAverage,
    batch: usize,
    patience: Patience,
    inner_steps: usize,
    tolerance: f64,
}

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
struct Frozen {
    /// `[S, D]`.
    theta: Tensor<2>,
    /// The target's score at the draws, `[S, D]`.
    score: Tensor<2>,
    /// `[S]`: the weight of each draw, summing to one; zero for invalid ones.
    weight: Vec<f64>,
    metric: Metric,
    eta: f64,
    /// The parameters at which the draws were taken.
    origin: Vec<f64>,
    /// The gradient of the cross entropy there.
    tilt: Vec<f64>,
}

impl Frozen {
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
    fn mismatch(&self, q: &dyn Approximation) -> Result<(f64, Tensor<2>), FamilyError> {
        let difference = q.score(&self.theta)? - self.score.clone();
        let whitened = self.metric.whiten(difference);
        let draws = self.weight.len();
        let column: Tensor<2> = q.placement().matrix(self.weight.clone(), [draws, 1]);
        let weighted = whitened.clone() * column;
        let divergence: f64 = to_host(&(whitened * weighted.clone())).iter().sum();
        Ok((divergence, weighted))
    }

    /// The objective and its gradient in lambda.
    fn objective(
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

impl General {
    pub fn new(
        approximation: Box<dyn Approximation>,
        batch: usize,
        patience: Patience,
        options: &ProxScoreOptions,
    ) -> Self {
        Self {
            iterate: approximation.clone_box(),
            average: LambdaAverage::new(approximation.lambda().dims()[0], FIRST_EPOCH),
            approximation,
            batch,
            patience,
            inner_steps: options.inner_steps,
            tolerance: options.tolerance,
        }
    }

    fn freeze(&self, context: &StepContext<'_>) -> Result<Frozen, StepError> {
        let noise = context.noise(Stream::Draws, self.iterate.noise_shape(self.batch));
        let sample = self.iterate.sample(&noise)?;
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
        let metric = covariance_metric(&to_mat(&sample.theta), &weight, self.iterate.placement());
        let mut frozen = Frozen {
            metric,
            theta: sample.theta,
            score: at.score,
            weight,
            eta: self.patience.eta(),
            origin: to_host(&self.iterate.lambda()),
            tilt: Vec::new(),
        };
        frozen.tilt = frozen.cross_entropy_gradient(self.iterate.as_ref())?;
        Ok(frozen)
    }

    /// The parameters of least objective on the frozen draws.
    fn solve(&self, frozen: &Frozen) -> Result<Vec<f64>, StepError> {
        let lambda = frozen.origin.clone();
        let (value, gradient) = frozen.objective(self.iterate.as_ref(), &lambda)?;
        if !value.is_finite() || gradient.iter().any(|g| !g.is_finite()) {
            return Err(StepError::Recoverable("the objective is not finite".into()));
        }
        let options = LbfgsOptions {
            max_iterations: self.inner_steps,
            ..LbfgsOptions::default()
        };
        let mut path = Lbfgs::new(lambda, value, gradient, options);
        let mut q = self.iterate.clone_box();
        while let Some(trial) = path.trial() {
            let moved = q.set_lambda(&q.placement().vector(trial));
            let outcome = moved.and_then(|()| frozen.objective(q.as_ref(), trial));
            match outcome {
                Ok((value, gradient)) => path.tell(value, &gradient),
                Err(error) if error.is_recoverable() => {
                    path.tell(f64::INFINITY, &vec![f64::NAN; frozen.origin.len()])
                }
                Err(error) => return Err(error.into()),
            };
        }
        Ok(path.point().to_vec())
    }

    fn end_epoch(&mut self, epoch: &LambdaEpoch) -> Result<Progress, StepError> {
        let placement = self.approximation.placement().clone();
        self.approximation
            .set_lambda(&placement.vector(&epoch.lambda))?;
        self.patience.tighten();
        let change = epoch
            .last_objective
            .map(|last| (epoch.objective - last).abs());
        Ok(match change {
            // The divergence is a mean square: changes of a given size in the draws have squares of that size.
            Some(change) if change < self.tolerance * epoch.objective.max(self.tolerance) => {
                Progress::Converged(format!(
                    "the score divergence stays at {:.4} per dimension over two epochs",
                    epoch.objective
                ))
            }
            _ => Progress::Continue,
        })
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

impl Running for General {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let mut frozen = self.freeze(context)?;
        let dimension = self.iterate.dimension() as f64;
        let divergence = frozen.mismatch(self.iterate.as_ref())?.0 / dimension;
        self.patience.learn(divergence);
        frozen.eta = self.patience.eta();
        let outcome = self.solve(&frozen);
        if outcome.is_err() {
            self.patience.rejected();
        }
        let lambda = outcome?;
        let placement = self.iterate.placement().clone();
        self.iterate.set_lambda(&placement.vector(&lambda))?;
        let length = self.average.length() as f64;
        let progress = match self.average.push(&lambda, divergence) {
            Some(epoch) => match self.end_epoch(&epoch)? {
                Progress::Converged(_) if length < self.patience.memory() => Progress::Continue,
                progress => progress,
            },
            None => {
                if !self.average.has_epoch() {
                    self.approximation.set_lambda(&self.iterate.lambda())?;
                }
                Progress::Continue
            }
        };
        Ok(StepReport {
            diagnostics: vec![("score_divergence", divergence), ("eta", frozen.eta)],
            progress,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.approximation.as_ref()
    }

    fn save(&self) -> Vec<u8> {
        let writer = StateWriter::default()
            .blob(&self.approximation.save())
            .blob(&self.iterate.save());
        let writer = self.patience.save(writer);
        self.average.save(writer).finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.approximation.restore(reader.blob()?)?;
        self.iterate.restore(reader.blob()?)?;
        self.patience.restore(&mut reader)?;
        self.average.restore(&mut reader)?;
        reader.finish()
    }
}
