//! Rounds of fixed draws, each of twice as many as the one before.

use faer::Mat;
use firebrand_core::start::{StateReader, StateWriter, enough_draws, whitened};
use firebrand_core::{InferenceError, Progress, Stream, normals};

use crate::plugin::AdviOptions;

/// Which round it is, and of how many draws.
#[derive(Clone, Debug, PartialEq)]
pub struct Rounds {
    round: u64,
    draws: usize,
    max_draws: usize,
    tolerance: f64,
}

impl Rounds {
    pub fn new(dimension: usize, options: &AdviOptions) -> Self {
        let draws = options.draws.unwrap_or(enough_draws(dimension, 256));
        Self {
            round: 0,
            draws,
            max_draws: options.max_draws.max(draws),
            tolerance: options.tolerance,
        }
    }

    pub fn draws(&self) -> usize {
        self.draws
    }

    pub fn is_first(&self) -> bool {
        self.round == 0
    }

    /// The noise of this round, the same at every call.
    pub fn noise(&self, seed: u64, dimension: usize) -> Mat<f64> {
        let numbers = dimension * self.draws.div_ceil(2);
        whitened(
            &normals(seed, Stream::Draws, self.round, numbers),
            dimension,
            self.draws,
        )
    }

    /// Whether a change of this size, in standard deviations, still matters.
    pub fn matters(&self, (shift, spread): (f64, f64)) -> bool {
        // Not a number matters.
        !(shift < self.tolerance && spread < self.tolerance)
    }

    /// Whether a change of this size still matters to the solution on the present draws, which is held to a tenth of the
    /// tolerance so that what fresh draws ask for is their own doing.
    pub fn matters_within(&self, (shift, spread): (f64, f64)) -> bool {
        !(shift < 0.1 * self.tolerance && spread < 0.1 * self.tolerance)
    }

    /// Ends the round: goes on to more draws, or says that there are no more.
    ///
    /// `asked` is what the draws of this round asked for while they were fresh.
    pub fn end(&mut self, asked: (f64, f64)) -> Progress {
        if !self.is_first() && !self.matters(asked) {
            return Progress::Converged(format!(
                "{} fresh draws asked for changes of at most {:.4} standard deviations",
                self.draws,
                asked.0.max(asked.1)
            ));
        }
        if !self.is_first() && self.draws >= self.max_draws {
            return Progress::Converged(format!(
                "the ELBO is at its maximum on {} draws, the most allowed; fresh draws asked for changes of {:.4} standard \
                 deviations",
                self.draws,
                asked.0.max(asked.1)
            ));
        }
        self.round += 1;
        self.draws = (2 * self.draws).min(self.max_draws);
        Progress::Continue
    }

    pub fn save(&self, writer: StateWriter) -> StateWriter {
        writer.count(self.round).count(self.draws as u64)
    }

    pub fn restore(&mut self, reader: &mut StateReader<'_>) -> Result<(), InferenceError> {
        self.round = reader.count()?;
        self.draws = reader.count()? as usize;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds() -> Rounds {
        let options = AdviOptions {
            draws: Some(4),
            max_draws: 8,
            ..AdviOptions::default()
        };
        Rounds::new(2, &options)
    }

    #[test]
    fn the_first_round_never_converges_for_nothing_was_fresh_yet() {
        assert_eq!(rounds().end((0.0, 0.0)), Progress::Continue);
    }

    #[test]
    fn fresh_draws_that_ask_for_little_end_the_run() {
        let mut rounds = rounds();
        rounds.end((1.0, 1.0));
        assert!(
            matches!(rounds.end((0.001, 0.002)), Progress::Converged(why) if why.contains("0.0020"))
        );
    }

    #[test]
    fn the_most_draws_allowed_end_the_run() {
        let mut rounds = rounds();
        rounds.end((1.0, 1.0));
        assert_eq!(rounds.draws(), 8);
        assert!(
            matches!(rounds.end((1.0, 0.0)), Progress::Converged(why) if why.contains("the most allowed"))
        );
    }

    #[test]
    fn a_change_that_is_not_a_number_matters() {
        assert!(rounds().matters((f64::NAN, 0.0)));
    }
}
