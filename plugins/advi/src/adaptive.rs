//! Adaptive stochastic steps for any family, with averaged parameters.
//!
//! The gradient goes through the draws alone: the derivative of the log density of q in its own parameters has mean zero and is left
//! out, so that the gradient's noise vanishes as q approaches the target (Roeder, Wu and Duvenaud 2017, arXiv 1703.09194). Steps are
//! [`Adam`]'s. Parameters are averaged over epochs that double in length; the step size halves with each that brings little, so that
//! the average settles.

use burn::tensor::Tensor;
use firebrand_core::start::{
    Adam, LambdaAverage, LambdaEpoch, StateReader, StateWriter, parameter_scales,
};
use firebrand_core::{
    Approximation, InferenceError, Progress, Running, SampleCotangent, StepContext, StepError,
    StepReport, Stream, to_host,
};

use crate::plugin::AdviOptions;

/// A rise of the average ELBO, in nats, from one epoch to the next, above which steps stay as long as they are.
const WORTHWHILE: f64 = 0.1;
/// An epoch of fewer steps is too short to say that a run has converged: flows turn slowly.
const SHORTEST_JUDGED: u64 = 800;
/// Draws per step: with a quarter of them, flows of splines do not settle.
const DRAWS: usize = 64;
/// Steps in the first epoch.
const FIRST_EPOCH: u64 = 100;

/// One step is one stochastic gradient step.
pub struct Adaptive {
    /// The average over the last whole epoch; the iterate while there is none.
    approximation: Box<dyn Approximation>,
    iterate: Box<dyn Approximation>,
    average: LambdaAverage,
    adam: Adam,
    draws: usize,
    tolerance: f64,
}

impl Adaptive {
    pub fn new(
        approximation: Box<dyn Approximation>,
        options: &AdviOptions,
    ) -> Result<Self, InferenceError> {
        let scales = parameter_scales(approximation.as_ref())?;
        Ok(Self {
            iterate: approximation.clone_box(),
            approximation,
            average: LambdaAverage::new(scales.len(), FIRST_EPOCH),
            adam: Adam::new(scales, options.step_size),
            draws: options.draws.unwrap_or(DRAWS),
            tolerance: options.tolerance,
        })
    }

    /// The ELBO on fresh draws and its gradient `[lambda]`.
    fn gradient(&self, context: &StepContext<'_>) -> Result<(f64, Vec<f64>), StepError> {
        let noise = context.noise(Stream::Draws, self.iterate.noise_shape(self.draws));
        let sample = self.iterate.sample(&noise)?;
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
        let log_q = to_host(&self.iterate.log_prob(&sample.theta)?);
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
        let placement = self.iterate.placement();
        let column: Tensor<2> = placement.matrix(weight.clone(), [draws, 1]);
        let difference = at.score - self.iterate.score(&sample.theta)?;
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
        let gradient = to_host(&self.iterate.pull_sample(&noise, &cotangent)?);
        if !elbo.is_finite() || gradient.iter().any(|g| !g.is_finite()) {
            return Err(StepError::Recoverable("the gradient is not finite".into()));
        }
        Ok((elbo, gradient))
    }

    /// Moves the iterate along Adam's direction.
    fn ascend(&mut self, gradient: &[f64]) -> Result<(), StepError> {
        let mut lambda = to_host(&self.iterate.lambda());
        let mut adam = self.adam.clone();
        adam.ascend(&mut lambda, gradient);
        let placement = self.iterate.placement().clone();
        self.iterate.set_lambda(&placement.vector(&lambda))?;
        self.adam = adam;
        Ok(())
    }

    /// Ends an epoch: shows its average, and compares its ELBO with the last epoch's.
    fn end_epoch(&mut self, epoch: &LambdaEpoch) -> Result<Progress, StepError> {
        let placement = self.approximation.placement().clone();
        self.approximation
            .set_lambda(&placement.vector(&epoch.lambda))?;
        let rise = epoch.last_objective.map(|last| epoch.objective - last);
        if rise.is_none_or(|rise| rise < WORTHWHILE) {
            self.adam.shrink(0.5);
        }
        // The next epoch is twice as long as the one that ended.
        let settled = self.average.length() >= 2 * SHORTEST_JUDGED;
        Ok(match rise {
            Some(rise) if settled && rise.abs() < self.tolerance => Progress::Converged(format!(
                "the average ELBO changed by {rise:.4} nats between two epochs"
            )),
            _ => Progress::Continue,
        })
    }
}

impl Running for Adaptive {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let outcome = self.gradient(context);
        if outcome.is_err() {
            self.adam.shrink(0.7);
        }
        let (elbo, gradient) = outcome?;
        self.ascend(&gradient)?;
        let epoch = self.average.push(&to_host(&self.iterate.lambda()), elbo);
        let diagnostics = vec![
            ("elbo", elbo),
            ("step_size", self.adam.step_size()),
            (
                "gradient",
                gradient.iter().map(|g| g * g).sum::<f64>().sqrt(),
            ),
        ];
        let progress = match epoch {
            Some(epoch) => self.end_epoch(&epoch)?,
            None => {
                if !self.average.has_epoch() {
                    self.approximation.set_lambda(&self.iterate.lambda())?;
                }
                Progress::Continue
            }
        };
        Ok(StepReport {
            diagnostics,
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
        self.average.save(self.adam.save(writer)).finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.approximation.restore(reader.blob()?)?;
        self.iterate.restore(reader.blob()?)?;
        self.adam.restore(&mut reader)?;
        self.average.restore(&mut reader)?;
        reader.finish()
    }
}
