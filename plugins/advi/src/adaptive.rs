//! Adaptive stochastic steps for any family, with averaged parameters.
//!
//! The gradient goes through the draws alone: the derivative of the log density of q in its own parameters has mean zero and is left
//! out, so that the gradient's noise vanishes as q approaches the target (Roeder, Wu and Duvenaud 2017, arXiv 1703.09194). Steps are
//! [`Adam`]'s. Parameters are averaged over epochs that double in length; the step size halves with each that brings little, so that
//! the average settles.

use burn::tensor::Tensor;
use firebrand_core::start::{
    Adam, AveragedLambda, LambdaEpoch, Settling, StateReader, StateWriter, parameter_scales,
};
use firebrand_core::{
    Approximation, InferenceError, Progress, Running, SampleCotangent, StepContext, StepError,
    StepReport, Stream, Structure, into_host, to_host,
};

use crate::parts;
use crate::plugin::AdviOptions;

/// A rise of the average ELBO, in nats, from one epoch to the next, above which steps stay as long as they are.
const WORTHWHILE: f64 = 0.1;
/// An epoch of fewer steps is too short to say that a run has converged: flows turn slowly.
const SHORTEST_JUDGED: u64 = 800;
/// Draws per step: with a quarter of them, flows of splines do not settle.
const DRAWS: usize = 64;
/// In very many dimensions an evaluation costs as much as the rest of a step, and steps are averaged anyway.
const FEW_DRAWS: usize = 2;
/// Steps in the first epoch.
const FIRST_EPOCH: u64 = 100;
/// The same in very many dimensions, on batches of rows.
const FIRST_WIDE_EPOCH: u64 = 64;
/// Above this dimension, and with independent coordinates, units are not measured: probes of them cost more than many steps.
const WIDE: usize = 1000;
/// How far a mean may move there for one standard deviation of the draws elsewhere, if that is not more: narrow starts say nothing of where a
/// mean has to go, and at the usual step size this is what networks are trained with (Kingma and Ba 2015).
const WIDE_MEAN: f64 = 0.05;
/// The same of the logarithm of a standard deviation.
const WIDE_LOG_DEVIATION: f64 = 0.5;

/// One step is one stochastic gradient step.
pub struct Adaptive {
    lambda: AveragedLambda,
    adam: Adam,
    draws: usize,
    tolerance: f64,
    /// What says that noisy scores have been averaged enough.
    settling: Option<Settling>,
}

impl Adaptive {
    pub fn new(
        approximation: Box<dyn Approximation>,
        options: &AdviOptions,
    ) -> Result<Self, InferenceError> {
        let (scales, draws, epoch) = match wide_scales(approximation.as_ref()) {
            Some(scales) => (scales, FEW_DRAWS, FIRST_WIDE_EPOCH),
            None => (
                parameter_scales(approximation.as_ref())?,
                DRAWS,
                FIRST_EPOCH,
            ),
        };
        Ok(Self {
            lambda: AveragedLambda::new(approximation, epoch),
            adam: Adam::new(scales, options.step_size),
            draws: options.draws.unwrap_or(draws),
            tolerance: options.tolerance,
            settling: None,
        })
    }

    /// For steps that see other rows of the data each. Their ELBO is too noisy to say anything: the run has converged when the averages
    /// of the parameters have settled.
    pub fn on_batches(self) -> Self {
        Self {
            settling: Some(Settling::default()),
            ..self
        }
    }

    /// The ELBO on fresh draws and its gradient `[lambda]`.
    fn gradient(&self, context: &StepContext<'_>) -> Result<(f64, Vec<f64>), StepError> {
        match parts::gradient(self.lambda.iterate(), self.draws, context)? {
            Some(found) => Ok(found),
            None => self.gradient_at_once(context),
        }
    }

    /// The same of all draws at once, which may have weights.
    fn gradient_at_once(&self, context: &StepContext<'_>) -> Result<(f64, Vec<f64>), StepError> {
        let noise = context.noise(Stream::Draws, self.lambda.iterate().noise_shape(self.draws));
        let sample = self.lambda.iterate().sample(&noise)?;
        let at = context
            .target
            .log_density_and_score(&sample.theta, context.batch)?;
        let valid = at.valid.iter().filter(|&&valid| valid).count();
        if 2 * valid < at.valid.len() {
            let message = format!("only {valid} of {} draws are valid", at.valid.len());
            return Err(StepError::Recoverable(message));
        }
        let draws = at.valid.len();
        let uniform = -(draws as f64).ln();
        let log_weight = match &sample.log_weight {
            Some(log_weight) => to_host(log_weight),
            None => vec![uniform; draws],
        };
        let log_q = to_host(&self.lambda.iterate().log_prob(&sample.theta)?);
        let log_p = to_host(&at.log_density);
        // Weights of the valid draws; zero elsewhere.
        let weight: Vec<f64> = (0..draws)
            .map(|s| {
                if at.valid[s] {
                    log_weight[s].exp()
                } else {
                    0.0
                }
            })
            .collect();
        let total: f64 = weight.iter().sum();
        let gap = |s: usize| {
            if at.valid[s] {
                log_p[s] - log_q[s]
            } else {
                0.0
            }
        };
        let elbo = (0..draws).map(|s| weight[s] * gap(s)).sum::<f64>() / total;
        let placement = self.lambda.iterate().placement();
        let column: Tensor<2> = placement.matrix(weight.clone(), [draws, 1]);
        let difference = at.score - self.lambda.iterate().score(&sample.theta)?;
        let cotangent = SampleCotangent {
            theta: difference * column,
            log_weight: sample.log_weight.is_some().then(|| {
                // Against their average, so that draws that are not valid speak neither for their component nor against it.
                let term = |s: usize| {
                    if at.valid[s] {
                        weight[s] * (gap(s) - elbo)
                    } else {
                        0.0
                    }
                };
                placement.vector(&(0..draws).map(term).collect::<Vec<_>>())
            }),
        };
        let gradient = to_host(&self.lambda.iterate().pull_sample(&noise, &cotangent)?);
        if !elbo.is_finite() || gradient.iter().any(|g| !g.is_finite()) {
            return Err(StepError::Recoverable("the gradient is not finite".into()));
        }
        Ok((elbo, gradient))
    }

    /// Moves the iterate along Adam's direction; returns the averages of an epoch that ends with it.
    fn ascend(&mut self, gradient: &[f64], elbo: f64) -> Result<Option<LambdaEpoch>, StepError> {
        let mut lambda = into_host(self.lambda.iterate().lambda());
        self.adam.propose(&mut lambda, gradient);
        let epoch = self.lambda.advance(lambda, elbo)?;
        self.adam.learn(gradient);
        Ok(epoch)
    }

    /// Ends an epoch: compares its ELBO with the last epoch's.
    fn end_epoch(&mut self, epoch: &LambdaEpoch) -> Progress {
        let rise = epoch.last_objective.map(|last| epoch.objective - last);
        if let Some(settling) = &mut self.settling {
            let (progress, wanders) =
                settling.end_epoch(&epoch.lambda, self.adam.scales(), self.tolerance);
            if wanders {
                self.adam.shrink(0.5);
            }
            return progress;
        }
        if rise.is_none_or(|rise| rise < WORTHWHILE) {
            self.adam.shrink(0.5);
        }
        // The next epoch is twice as long as the one that ended.
        let settled = self.lambda.epoch_length() >= 2 * SHORTEST_JUDGED;
        match rise {
            Some(rise) if settled && rise.abs() < self.tolerance => Progress::Converged(format!(
                "the average ELBO changed by {rise:.4} nats between two epochs"
            )),
            _ => Progress::Continue,
        }
    }
}

/// The units of means and logarithms of standard deviations `[2 D]`, where there are very many.
fn wide_scales(approximation: &dyn Approximation) -> Option<Vec<f64>> {
    let dimension = approximation.dimension();
    let gaussian = approximation.gaussian()?;
    if dimension <= WIDE || gaussian.structure() != Structure::Diagonal {
        return None;
    }
    let variances = gaussian.covariance().diagonal();
    let means = variances.iter().map(|v| v.sqrt().max(WIDE_MEAN));
    let deviations = variances.iter().map(|_| WIDE_LOG_DEVIATION);
    Some(means.chain(deviations).collect())
}

impl Running for Adaptive {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let outcome = self.gradient(context);
        if outcome.is_err() {
            self.adam.shrink(0.7);
        }
        let (elbo, gradient) = outcome?;
        let epoch = self.ascend(&gradient, elbo)?;
        let diagnostics = vec![
            ("elbo", elbo),
            ("step_size", self.adam.step_size()),
            (
                "gradient",
                gradient.iter().map(|g| g * g).sum::<f64>().sqrt(),
            ),
        ];
        let progress = epoch.map_or(Progress::Continue, |epoch| self.end_epoch(&epoch));
        Ok(StepReport {
            diagnostics,
            progress,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.lambda.approximation()
    }

    fn save(&self) -> Vec<u8> {
        let writer = self.lambda.save(StateWriter::default());
        let writer = self.adam.save(writer);
        match &self.settling {
            Some(settling) => settling.save(writer),
            None => writer,
        }
        .finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.lambda.restore(&mut reader)?;
        self.adam.restore(&mut reader)?;
        if let Some(settling) = &mut self.settling {
            settling.restore(&mut reader)?;
        }
        reader.finish()
    }
}
