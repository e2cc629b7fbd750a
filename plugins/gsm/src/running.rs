//! The algorithm around the update.

use faer::Scale;
use firebrand_core::start::{AveragedGaussian, Start, StateReader, StateWriter, enough_draws};
use firebrand_core::{
    Approximation, Inference, InferenceError, OptionsError, Plugin, Requirements, Running,
    StepContext, StepError, StepReport, Structure, Target,
};

use crate::update::update;

firebrand_core::options! {
    /// Options of `gsm`.
    pub struct GsmOptions {
        /// Draws per step; by default twice the dimension, and at least 32.
        batch: Option<usize> = None,
        /// The run has converged when averages over two epochs agree within this many standard deviations.
        tolerance: f64 = 0.02,
    }
}

/// Gaussian score matching.
pub struct Gsm {
    options: GsmOptions,
}

impl Plugin for Gsm {
    type Options = GsmOptions;
    const NAME: &'static str = "gsm";
    const DOC: &'static str =
        "Gaussian score matching: matches the target's score at its own draws";

    fn new(options: GsmOptions) -> Result<Self, OptionsError> {
        if options.batch == Some(0) {
            let reason = "`batch` must be at least 1";
            return Err(OptionsError::invalid::<GsmOptions>(Self::NAME, reason));
        }
        Ok(Gsm { options })
    }
}

impl Inference for Gsm {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn requires(&self) -> Requirements {
        Requirements {
            gaussian: Some(Structure::Dense),
            score: false,
        }
    }

    /// Eight epochs.
    fn max_steps(&self) -> u64 {
        2040
    }

    fn bias_on_batches(&self) -> Option<&str> {
        Some(
            "`gsm` takes the noise of minibatches for curvature, so that its covariance is too wide; `prox-score` does not",
        )
    }

    fn begin(
        &self,
        approximation: Box<dyn Approximation>,
        target: &dyn Target,
        _start: &Start,
    ) -> Result<Box<dyn Running>, InferenceError> {
        let batch = self.options.batch;
        Ok(Box::new(Matching {
            gaussian: AveragedGaussian::new(approximation, self.options.tolerance)?,
            batch: batch.unwrap_or_else(|| enough_draws(target.dimension(), 32)),
            damping: 1.0,
        }))
    }
}

struct Matching {
    gaussian: AveragedGaussian,
    batch: usize,
    /// The share of the update that is taken: one, except after a step that was rejected.
    damping: f64,
}

impl Running for Matching {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let drawn = self.gaussian.draw(context, self.batch)?;
        let mut diagnostics = self.gaussian.diagnostics(&drawn);
        diagnostics.push(("damping", self.damping));
        let old_mean = &self.gaussian.iterate().mean;
        let old_covariance = self.gaussian.covariance();
        let (mean, covariance) = update(old_mean, old_covariance, &drawn.draws, &drawn.at.score);
        let mean = old_mean
            .iter()
            .zip(&mean)
            .map(|(old, new)| old + self.damping * (new - old))
            .collect();
        let covariance = old_covariance + (covariance - old_covariance) * Scale(self.damping);
        let outcome = self.gaussian.accept(mean, covariance);
        let factor = if outcome.is_ok() { 2.0 } else { 0.5 };
        self.damping = (self.damping * factor).min(1.0);
        Ok(StepReport {
            diagnostics,
            progress: outcome?,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.gaussian.approximation()
    }

    fn save(&self) -> Vec<u8> {
        let writer = StateWriter::default().number(self.damping);
        self.gaussian.save(writer).finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.damping = reader.number()?;
        self.gaussian.restore(&mut reader)?;
        reader.finish()
    }
}
