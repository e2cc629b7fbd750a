//! Adaptive stochastic steps for any family, with averaged parameters.
//!
//! The gradient goes through the draws alone: the derivative of the log density of q in its own parameters has mean zero and is left
//! out, so that the gradient's noise vanishes as q approaches the target (Roeder, Wu and Duvenaud 2017, arXiv 1703.09194). Steps are
//! [`Adam`]'s. Parameters are averaged over epochs that double in length; the step size halves with each that brings little, so that
//! the average settles.

use burn::tensor::Tensor;
use firebrand_core::start::{
    Adam, AveragedLambda, LambdaEpoch, StateReader, StateWriter, parameter_scales,
};
use firebrand_core::{
    Approximation, InferenceError, Progress, Running, SampleCotangent, StepContext, StepError,
    StepReport, Stream, Structure, into_host, to_host,
};

use crate::judgement::Judgement;
use crate::plugin::AdviOptions;
use crate::{parts, wide};

/// Draws per step: with a quarter of them, flows of splines do not settle.
const DRAWS: usize = 64;
/// Steps in the first epoch.
const FIRST_EPOCH: u64 = 100;

/// One step is one stochastic gradient step.
pub struct Adaptive {
    lambda: AveragedLambda,
    adam: Adam,
    draws: usize,
    judgement: Judgement,
}

impl Adaptive {
    pub fn new(
        approximation: Box<dyn Approximation>,
        options: &AdviOptions,
    ) -> Result<Self, InferenceError> {
        let (scales, draws, epoch) = match wide_scales(approximation.as_ref()) {
            Some(scales) => (scales, wide::FEW_DRAWS, wide::FIRST_EPOCH),
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
            judgement: Judgement::new(options.tolerance),
        })
    }

    /// For steps that see other rows of the data each.
    pub fn on_batches(self) -> Self {
        Self {
            judgement: self.judgement.on_batches(),
            ..self
        }
    }

    /// The ELBO on fresh draws and its gradient `[lambda]`.
    pub(crate) fn gradient(&self, context: &StepContext<'_>) -> Result<(f64, Vec<f64>), StepError> {
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

    /// Ends an epoch.
    fn end_epoch(&mut self, epoch: &LambdaEpoch) -> Progress {
        let length = self.lambda.epoch_length();
        let (progress, shorter) = self.judgement.end_epoch(epoch, self.adam.scales(), length);
        if shorter {
            self.adam.shrink(0.5);
        }
        progress
    }
}

/// The units of means and logarithms of standard deviations `[2 D]`, where there are very many.
fn wide_scales(approximation: &dyn Approximation) -> Option<Vec<f64>> {
    let dimension = approximation.dimension();
    let gaussian = approximation.gaussian()?;
    if dimension <= wide::WIDE || gaussian.structure() != Structure::Diagonal {
        return None;
    }
    let variances = gaussian.covariance().diagonal();
    let means = variances.iter().map(|v| wide::mean_unit(v.sqrt()));
    let deviations = variances.iter().map(|_| wide::LOG_DEVIATION_UNIT);
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
        self.judgement.save(self.adam.save(writer)).finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.lambda.restore(&mut reader)?;
        self.adam.restore(&mut reader)?;
        self.judgement.restore(&mut reader)?;
        reader.finish()
    }
}
