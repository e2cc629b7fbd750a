//! The iteration over Gaussians with any covariance.

use firebrand_core::start::{AveragedGaussian, StateReader, StateWriter};
use firebrand_core::{Approximation, InferenceError, Running, StepContext, StepError, StepReport};

use crate::strength::Strength;
use crate::{few_draws, update};

/// One step is one update.
pub struct Matching {
    gaussian: AveragedGaussian,
    batch: usize,
    strength: Strength,
}

impl Matching {
    pub fn new(
        approximation: Box<dyn Approximation>,
        batch: usize,
        strength: Strength,
        tolerance: f64,
    ) -> Result<Self, InferenceError> {
        Ok(Self {
            gaussian: AveragedGaussian::new(approximation, tolerance)?,
            batch,
            strength,
        })
    }
}

impl Running for Matching {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let drawn = self.gaussian.draw(context, self.batch)?;
        let mut diagnostics = self.gaussian.diagnostics(&drawn);
        self.strength.learn(self.gaussian.score_divergence(&drawn));
        let strength = self.strength.at(context.step);
        diagnostics.push(("strength", strength));
        // A matrix of B + 1 columns is decomposed, or one of D: both cost the cube of that.
        let (draws, dimension) = (drawn.draws.ncols(), drawn.draws.nrows());
        let updated = if 2 * (draws + 1) <= dimension {
            few_draws::update
        } else {
            update
        };
        let updated = updated(
            &self.gaussian.iterate().mean,
            self.gaussian.covariance(),
            &drawn.draws,
            &drawn.at.score,
            strength,
        );
        let outcome = match updated {
            Some((mean, covariance)) => self.gaussian.accept(mean, covariance),
            None => Err(StepError::Recoverable("the update is not finite".into())),
        };
        if outcome.is_err() {
            self.strength.rejected();
        }
        Ok(StepReport {
            diagnostics,
            progress: outcome?,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.gaussian.approximation()
    }

    fn save(&self) -> Vec<u8> {
        let writer = self.strength.save(StateWriter::default());
        self.gaussian.save(writer).finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.strength.restore(&mut reader)?;
        self.gaussian.restore(&mut reader)?;
        reader.finish()
    }
}
