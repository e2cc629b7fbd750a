//! How far a step may go: eta, adapted to how the steps turn out.

use firebrand_core::InferenceError;
use firebrand_core::start::{StateReader, StateWriter};

/// Eta and what it was last judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct Patience {
    eta: f64,
    /// The largest eta allowed: halves with every epoch, so that noise in the scores averages out, over more and more
    /// steps, before the nonlinearity of a step can turn it into a bias.
    limit: f64,
    last_divergence: f64,
}

/// A score divergence this many times the last one means that the last step went too far.
const WORSE: f64 = 1.5;
const GROWTH: f64 = 1.5;
const SMALLEST: f64 = 1e-4;

impl Patience {
    pub fn new(eta: f64) -> Self {
        Self {
            eta,
            limit: 8.0 * eta.max(1.0),
            last_divergence: f64::INFINITY,
        }
    }

    pub fn eta(&self) -> f64 {
        self.eta
    }

    /// Learns the score divergence of the present approximation on fresh draws.
    pub fn learn(&mut self, divergence: f64) {
        if divergence > WORSE * self.last_divergence {
            self.eta = (0.5 * self.eta).max(SMALLEST);
        } else {
            self.eta = (GROWTH * self.eta).min(self.limit);
        }
        self.last_divergence = divergence;
    }

    /// A step was rejected.
    pub fn rejected(&mut self) {
        self.eta = (0.1 * self.eta).max(SMALLEST);
    }

    /// An epoch ended.
    pub fn tighten(&mut self) {
        self.limit *= 0.5;
        self.eta = self.eta.min(self.limit);
    }

    pub fn save(&self, writer: StateWriter) -> StateWriter {
        writer
            .number(self.eta)
            .number(self.limit)
            .number(self.last_divergence)
    }

    pub fn restore(&mut self, reader: &mut StateReader<'_>) -> Result<(), InferenceError> {
        self.eta = reader.number()?;
        self.limit = reader.number()?;
        self.last_divergence = reader.number()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eta_grows_while_the_divergence_falls_and_shrinks_when_it_jumps() {
        let mut patience = Patience::new(1.0);
        patience.learn(10.0);
        patience.learn(9.0);
        assert_eq!(patience.eta(), 2.25);
        patience.learn(20.0);
        assert_eq!(patience.eta(), 1.125);
    }

    #[test]
    fn no_eta_exceeds_the_limit_of_its_epoch() {
        let mut patience = Patience::new(1.0);
        for _ in 0..20 {
            patience.learn(1.0);
        }
        assert_eq!(patience.eta(), 8.0);
        patience.tighten();
        assert_eq!(patience.eta(), 4.0);
    }
}
