//! What iterations over Gaussians share: draws from the iterate, a check of every step, and averages that say when to stop.

use faer::Mat;

use super::averaging::{Epoch, EpochAverage};
use super::bytes::{StateReader, StateWriter};
use super::evaluate::{Evaluated, evaluator};
use super::factored::FactoredGaussian;
use super::noise::whitened;
use crate::family::Approximation;
use crate::gaussian::Covariance;
use crate::inference::{InferenceError, Progress, StepContext, StepError};
use crate::randomness::{Stream, normals};

/// Iterates in the first epoch.
const FIRST_EPOCH: usize = 8;

/// An iteration over Gaussians whose result is the average over its last whole epoch.
///
/// The iterate lives on the host; the approximation holds the average, or the iterate while there is no average yet.
pub struct AveragedGaussian {
    approximation: Box<dyn Approximation>,
    iterate: FactoredGaussian,
    covariance: Mat<f64>,
    average: EpochAverage,
    epochs: u64,
    tolerance: f64,
}

/// A batch of draws from the iterate, evaluated; only valid draws are in it.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The noise behind each draw, `[D, B]`.
    pub noise: Mat<f64>,
    /// The draws, `[D, B]`.
    pub draws: Mat<f64>,
    /// The target at the draws.
    pub at: Evaluated,
}

impl AveragedGaussian {
    /// Starts from a Gaussian approximation. Epochs that agree within `tolerance`, in standard deviations, end the run.
    ///
    /// # Errors
    /// If the approximation is not a Gaussian with a positive definite covariance.
    pub fn new(
        approximation: Box<dyn Approximation>,
        tolerance: f64,
    ) -> Result<Self, InferenceError> {
        let gaussian = approximation.gaussian().ok_or_else(|| {
            InferenceError::Start(format!("`{}` is not a Gaussian", approximation.family()))
        })?;
        let iterate = FactoredGaussian {
            mean: gaussian.mean(),
            factor: gaussian.scale(),
        };
        Ok(Self {
            covariance: iterate.covariance(),
            average: EpochAverage::new(iterate.dimension(), FIRST_EPOCH),
            iterate,
            approximation,
            epochs: 0,
            tolerance,
        })
    }

    /// The approximation.
    pub fn approximation(&self) -> &dyn Approximation {
        self.approximation.as_ref()
    }

    /// The iterate that the next step starts from.
    pub fn iterate(&self) -> &FactoredGaussian {
        &self.iterate
    }

    /// The iterate's covariance.
    pub fn covariance(&self) -> &Mat<f64> {
        &self.covariance
    }

    /// Whole epochs so far.
    pub fn epochs(&self) -> u64 {
        self.epochs
    }

    /// Iterates in the present epoch, once it is whole.
    pub fn epoch_length(&self) -> usize {
        self.average.length()
    }

    /// Draws from the iterate, with moments as exact as `batch` draws allow (see [`whitened`]), and evaluates the target.
    ///
    /// # Errors
    /// If the target fails, or fewer than half of the draws are valid.
    pub fn draw(&self, context: &StepContext<'_>, batch: usize) -> Result<Drawn, StepError> {
        let dimension = self.iterate.dimension();
        let numbers = dimension * batch.div_ceil(2);
        let normals = normals(context.seed, Stream::Draws, context.step, numbers);
        let noise = whitened(&normals, dimension, batch);
        let draws = self.iterate.draws(noise.as_ref());
        let at = evaluator(context.target, context.batch)(draws.as_ref())?;
        let valid: Vec<usize> = (0..batch).filter(|&b| at.valid[b]).collect();
        if 2 * valid.len() < batch {
            let message = format!("only {} of {batch} draws are valid", valid.len());
            return Err(StepError::Recoverable(message));
        }
        let chosen = |m: &Mat<f64>| Mat::from_fn(dimension, valid.len(), |d, b| m[(d, valid[b])]);
        Ok(Drawn {
            noise: chosen(&noise),
            draws: chosen(&draws),
            at: Evaluated {
                log_density: valid.iter().map(|&b| at.log_density[b]).collect(),
                score: chosen(&at.score),
                valid: vec![true; valid.len()],
            },
        })
    }

    /// What the trace is told about a batch: the ELBO it estimates, and the whitened score divergence.
    pub fn diagnostics(&self, drawn: &Drawn) -> Vec<(&'static str, f64)> {
        let elbo = drawn.at.mean_log_density().0 + self.iterate.entropy();
        vec![
            ("elbo", elbo),
            ("score_divergence", self.score_divergence(drawn)),
        ]
    }

    /// The mean over draws of the squared difference between the whitened scores of the iterate and of the target, per
    /// dimension: zero where they agree, two if the target's score is unrelated noise of the same size.
    pub fn score_divergence(&self, drawn: &Drawn) -> f64 {
        let whitened = self.iterate.factor.transpose() * &drawn.at.score + &drawn.noise;
        whitened.squared_norm_l2() / (whitened.nrows() * whitened.ncols()) as f64
    }

    /// Takes a new iterate, and at the end of an epoch its average.
    ///
    /// # Errors
    /// If the covariance is not positive definite; then nothing has changed.
    pub fn accept(&mut self, mean: Vec<f64>, covariance: Mat<f64>) -> Result<Progress, StepError> {
        let iterate = FactoredGaussian::from_covariance(mean, covariance.as_ref());
        let iterate = iterate.ok_or_else(|| {
            StepError::Recoverable("the covariance would not be positive definite".into())
        })?;
        let epoch = self.average.push(&iterate.mean, &covariance);
        let (mean, shown) = match (&epoch, self.epochs) {
            (Some(epoch), _) => (&epoch.mean, &epoch.covariance),
            (None, 0) => (&iterate.mean, &covariance),
            (None, _) => {
                (self.iterate, self.covariance) = (iterate, covariance);
                return Ok(Progress::Continue);
            }
        };
        let gaussian = self
            .approximation
            .gaussian_mut()
            .ok_or_else(|| StepError::Fatal("the approximation is not a Gaussian".into()))?;
        gaussian.set(mean, &Covariance::Dense(shown.clone()))?;
        (self.iterate, self.covariance) = (iterate, covariance);
        self.epochs += u64::from(epoch.is_some());
        Ok(epoch.map_or(Progress::Continue, |epoch| self.judge(&epoch)))
    }

    fn judge(&self, epoch: &Epoch) -> Progress {
        match epoch.change {
            Some((shift, spread)) if shift < self.tolerance && spread < self.tolerance => {
                Progress::Converged(format!(
                    "averages over two epochs agree: means within {shift:.3} standard deviations, standard deviations \
                     within {:.1}%",
                    100.0 * spread
                ))
            }
            _ => Progress::Continue,
        }
    }

    /// Its state.
    pub fn save(&self, writer: StateWriter) -> StateWriter {
        let writer = writer
            .blob(&self.approximation.save())
            .numbers(&self.iterate.mean)
            .matrix(&self.iterate.factor)
            .matrix(&self.covariance)
            .count(self.epochs);
        self.average.save(writer)
    }

    /// Sets the state to what [`save`](Self::save) wrote.
    pub fn restore(&mut self, reader: &mut StateReader<'_>) -> Result<(), InferenceError> {
        self.approximation.restore(reader.blob()?)?;
        self.iterate.mean = reader.numbers()?;
        self.iterate.factor = reader.matrix()?;
        self.covariance = reader.matrix()?;
        self.epochs = reader.count()?;
        self.average.restore(reader)
    }
}
