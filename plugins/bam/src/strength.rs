//! How much a batch is trusted.

use firebrand_core::InferenceError;
use firebrand_core::start::{StateReader, StateWriter};

/// The least that caution makes of the strength.
const SMALLEST_CAUTION: f64 = 1e-6;

/// Lambda, the weight of a batch against the present Gaussian, and the caution that it is taken with.
pub struct Strength {
    strength: f64,
    decay: bool,
    /// A factor of the strength: one, except where steps turn out badly.
    caution: f64,
    /// The score divergence that the last step started from.
    last_divergence: f64,
}

impl Strength {
    /// `decay` makes it fall as 1 / (t + 1) with the step t.
    pub fn new(strength: f64, decay: bool) -> Self {
        Self {
            strength,
            decay,
            caution: 1.0,
            last_divergence: f64::INFINITY,
        }
    }

    /// Trusts the batch less after a step that made the score divergence jump, as heavy tails of the score do.
    pub fn learn(&mut self, divergence: f64) {
        let factor = if divergence > 2.0 * self.last_divergence {
            0.1
        } else {
            1.5
        };
        self.caution = (self.caution * factor).clamp(SMALLEST_CAUTION, 1.0);
        self.last_divergence = divergence;
    }

    /// A step was rejected.
    pub fn rejected(&mut self) {
        self.caution = (0.1 * self.caution).max(SMALLEST_CAUTION);
    }

    pub fn at(&self, step: u64) -> f64 {
        let steps = if self.decay { (step + 1) as f64 } else { 1.0 };
        self.caution * self.strength / steps
    }

    pub fn save(&self, writer: StateWriter) -> StateWriter {
        writer.number(self.caution).number(self.last_divergence)
    }

    pub fn restore(&mut self, reader: &mut StateReader<'_>) -> Result<(), InferenceError> {
        self.caution = reader.number()?;
        self.last_divergence = reader.number()?;
        Ok(())
    }
}
