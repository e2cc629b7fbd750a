//! The iteration over Gaussians with any covariance, whose steps are solved exactly.

use faer::Mat;
use firebrand_core::start::{
    AveragedGaussian, Drawn, FactoredGaussian, ScoreMoments, StateReader, StateWriter,
};
use firebrand_core::{
    Approximation, InferenceError, Progress, Running, StepContext, StepError, StepReport,
};

use crate::gaussian::{mean_step, proximal_step};
use crate::noise::unexplained;
use crate::patience::Patience;

/// One step solves one proximal problem.
pub struct Exact {
    gaussian: AveragedGaussian,
    batch: usize,
    patience: Patience,
    /// Whether mean and covariance take steps of their own.
    apart: bool,
}

impl Exact {
    pub fn new(
        approximation: Box<dyn Approximation>,
        batch: usize,
        patience: Patience,
        tolerance: f64,
    ) -> Result<Self, InferenceError> {
        Ok(Self {
            gaussian: AveragedGaussian::new(approximation, tolerance)?,
            batch,
            patience,
            apart: false,
        })
    }

    /// For noisy scores, mean and covariance take steps of their own: in one step, what noise moves the mean by widens the covariance.
    /// Apart, the mean's step is linear in the scores, and the noise that all draws share drops out of the covariance's.
    pub fn apart(self) -> Self {
        Self {
            apart: true,
            ..self
        }
    }

    /// How much of the batch's score divergence is noise; `None` where that cannot be told, as with draws missing from the batch.
    fn noise(&self, drawn: &Drawn, moments: &ScoreMoments) -> Option<f64> {
        if self.apart || drawn.noise.ncols() != self.batch {
            return None;
        }
        let whitened = self.gaussian.iterate().factor.transpose() * &drawn.at.score;
        unexplained(&whitened, moments)
    }

    /// Mean and covariance after the step that these moments ask for.
    fn solve(&self, moments: &ScoreMoments) -> Option<(Vec<f64>, Mat<f64>)> {
        let FactoredGaussian { mean, factor } = self.gaussian.iterate();
        let dimension = mean.len();
        let eta = self.patience.eta();
        let (shift, narrowed) = if self.apart {
            let step = proximal_step(&vec![0.0; dimension], &moments.precision, eta)?;
            let shift = moments.mean.iter().map(|score| mean_step(*score, eta));
            (shift.collect(), step.factor)
        } else {
            let step = proximal_step(&moments.mean, &moments.precision, eta)?;
            (step.shift, step.factor)
        };
        let narrowed = factor * narrowed;
        let shift = factor * Mat::from_fn(dimension, 1, |d, _| shift[d]);
        let mean = (0..dimension).map(|d| mean[d] + shift[(d, 0)]).collect();
        Some((mean, &narrowed * narrowed.transpose()))
    }
}

impl Running for Exact {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let drawn = self.gaussian.draw(context, self.batch)?;
        let mut diagnostics = self.gaussian.diagnostics(&drawn);
        let moments = ScoreMoments::new(self.gaussian.iterate(), &drawn.noise, &drawn.at);
        let divergence = self.gaussian.score_divergence(&drawn);
        let noise = self.noise(&drawn, &moments).unwrap_or(divergence);
        self.patience.learn(divergence, noise.min(divergence))?;
        diagnostics.push(("eta", self.patience.eta()));
        let (epochs, length) = (self.gaussian.epochs(), self.gaussian.epoch_length());
        let outcome = match self.solve(&moments) {
            Some((mean, covariance)) => self.gaussian.accept(mean, covariance),
            None => Err(StepError::Recoverable("the step is not finite".into())),
        };
        if outcome.is_err() {
            self.patience.rejected();
        } else if self.gaussian.epochs() > epochs {
            self.patience.tighten();
        }
        let progress = match outcome? {
            Progress::Converged(_) if (length as f64) < self.patience.memory() => {
                Progress::Continue
            }
            progress => progress,
        };
        Ok(StepReport {
            diagnostics,
            progress,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.gaussian.approximation()
    }

    fn save(&self) -> Vec<u8> {
        let writer = self.patience.save(StateWriter::default());
        self.gaussian.save(writer).finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.patience.restore(&mut reader)?;
        self.gaussian.restore(&mut reader)?;
        reader.finish()
    }
}
