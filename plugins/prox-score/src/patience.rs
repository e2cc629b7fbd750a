//! How far a step may go: eta, adapted to how the steps turn out.

use firebrand_core::start::{StateReader, StateWriter};
use firebrand_core::{InferenceError, StepError};

/// Eta and what it was last judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct Patience {
    eta: f64,
    /// The largest eta allowed.
    limit: f64,
    /// What becomes of the limit with every epoch.
    tightening: f64,
    last_divergence: f64,
    /// Running mean of the noise in the score divergence.
    noise: f64,
    /// Draws in a batch, per dimension.
    draws_per_dimension: f64,
    /// The share of `1 / noise` that eta may be, where steps see other rows of the data each.
    on_batches: Option<f64>,
    /// Whether it is of one coordinate of very many, whose means explore.
    explores: bool,
    /// How far a log standard deviation goes in a step then, however much noise there is.
    spreading: f64,
}

/// A step is not linear in the scores, so their noise becomes a bias of the covariance, about 1.3 eta times the noise's
/// divergence per draw and dimension: this keeps it near one percent.
const BIAS: f64 = 0.01;
/// The share of a new divergence in the running mean.
const SHARE: f64 = 0.1;
/// On batches of rows, what a divergence may be of the usual one without a say in its own step.
const UNUSUAL: f64 = 100.0;

/// What eta times the noise's divergence may be on batches of rows, where mean and covariance take steps of their own: the variance of the
/// means about the fixed point, in variances of the approximation.
pub const WANDERING: f64 = 0.05;
/// The same where both take one step, whose noise in the mean widens the covariance by as much.
pub const WIDENING: f64 = 0.01;

/// The same in very many dimensions, where means [take strides](crate::strides::Strides).
const EXPLORING: f64 = 1.0;
/// The change of a log standard deviation in a step there at first: it does not turn back where it has gone too far.
const SPREADING: f64 = 0.04;
/// What becomes of that with every epoch.
const SLOWING: f64 = 0.5;
/// What eta may be there at most: deviations that begin small then grow by two percent a step, not at once.
const EXPLORING_LIMIT: f64 = 0.01;

/// A score divergence this many times the last one means that the last step went too far.
const WORSE: f64 = 1.5;
const GROWTH: f64 = 1.5;
/// Of an iteration that begins with caution: eta at most, at first, and in the first epoch.
const CAUTIOUS_START: f64 = 0.02;
const CAUTIOUS_LIMIT: f64 = 0.25;
const SMALLEST: f64 = 1e-4;

/// Steps of an eta after which what came before is forgotten, several times over: an epoch that is shorter says nothing.
pub fn memory(eta: f64) -> f64 {
    // Near the fixed point a step covers 4 eta / (1 + 4 eta) of the way to it.
    4.0 * (1.0 + 0.25 / eta)
}

impl Patience {
    pub fn new(eta: f64, batch: usize, dimension: usize) -> Self {
        Self {
            eta,
            limit: 8.0 * eta.max(1.0),
            tightening: 0.5,
            last_divergence: f64::INFINITY,
            noise: 0.0,
            draws_per_dimension: batch as f64 / dimension as f64,
            on_batches: None,
            explores: false,
            spreading: 0.0,
        }
    }

    /// For steps that see other rows of the data each. Their noise is the same in all draws of a step, so that more draws do not make
    /// it less, and it is no sign of a step that went too far: eta follows from the size of the noise alone, of which it is at most `share`
    /// by `1 / noise`.
    pub fn on_batches(self, share: f64) -> Self {
        Self {
            on_batches: Some(share),
            ..self
        }
    }

    /// For the deviation of one coordinate of very many, where steps see other rows of the data each. Nothing is known of how far it is to the
    /// fixed point, so eta stays as large as noise allows, and larger while means explore.
    pub fn exploring(eta: f64) -> Self {
        Self {
            limit: EXPLORING_LIMIT * eta,
            tightening: 1.0,
            explores: true,
            spreading: SPREADING,
            ..Self::new(eta, 1, 1).on_batches(EXPLORING)
        }
    }

    /// For one coordinate of very many, solved for as if the others stood still. Where they are correlated, that is stable for small
    /// steps alone, and how small shows only as they grow.
    pub fn cautious(eta: f64, batch: usize) -> Self {
        Self {
            limit: CAUTIOUS_LIMIT,
            ..Self::new(eta.min(CAUTIOUS_START), batch, 1)
        }
    }

    pub fn eta(&self) -> f64 {
        self.eta
    }

    /// Learns the score divergence of the present approximation on fresh draws, and how much of it is noise: all of it, where the
    /// two cannot be told apart.
    ///
    /// # Errors
    /// [`StepError::Recoverable`] where scores are so large that their squares are not finite, as 32 bits have it from 2e19 on: such
    /// draws say nothing of what is usual, and no step is taken by them.
    pub fn learn(&mut self, divergence: f64, noise: f64) -> Result<(), StepError> {
        if !(divergence.is_finite() && noise.is_finite()) {
            let message = "the squares of the scores are not finite";
            return Err(StepError::Recoverable(message.into()));
        }
        if let Some(share) = self.on_batches {
            if self.noise == 0.0 {
                self.noise = divergence;
            }
            let before = self.noise;
            self.noise += SHARE * (divergence - self.noise);
            // By the steps before this one: rows far out are seldom on both sides alike, and where they shorten their own steps the others
            // win. One coordinate of very many has no say, and what explores had better not go far by them.
            let usual = match self.explores {
                true => self.noise,
                false => before.max(divergence / UNUSUAL),
            };
            let (unbiased, least) = (share / usual, self.spreading / usual.sqrt());
            self.eta = self.limit.min(unbiased.max(least));
            return Ok(());
        }
        if divergence > WORSE * self.last_divergence {
            self.eta = (0.5 * self.eta).max(SMALLEST);
        } else {
            self.eta = (GROWTH * self.eta).min(self.limit);
        }
        self.noise += SHARE * (noise - self.noise);
        let unbiased = BIAS * self.draws_per_dimension / self.noise;
        self.eta = self.eta.min(unbiased.max(SMALLEST));
        self.last_divergence = divergence;
        Ok(())
    }

    /// [`memory`] of its eta.
    pub fn memory(&self) -> f64 {
        memory(self.eta)
    }

    /// A step was rejected.
    pub fn rejected(&mut self) {
        if self.on_batches.is_some() {
            self.limit = 0.5 * self.eta;
        }
        self.eta = (0.1 * self.eta).max(SMALLEST);
    }

    /// An epoch ended.
    pub fn tighten(&mut self) {
        self.limit *= self.tightening;
        self.spreading *= SLOWING;
        self.eta = self.eta.min(self.limit);
    }

    pub fn save(&self, writer: StateWriter) -> StateWriter {
        writer
            .number(self.eta)
            .number(self.limit)
            .number(self.last_divergence)
            .number(self.noise)
            .number(self.spreading)
    }

    pub fn restore(&mut self, reader: &mut StateReader<'_>) -> Result<(), InferenceError> {
        self.eta = reader.number()?;
        self.limit = reader.number()?;
        self.last_divergence = reader.number()?;
        self.noise = reader.number()?;
        self.spreading = reader.number()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience() -> Patience {
        Patience::new(1.0, 1000, 1)
    }

    #[test]
    fn eta_grows_while_the_divergence_falls_and_shrinks_when_it_jumps() {
        let mut patience = patience();
        patience.learn(1.0, 1.0).unwrap();
        patience.learn(0.9, 0.9).unwrap();
        assert_eq!(patience.eta(), 2.25);
        patience.learn(2.0, 2.0).unwrap();
        assert_eq!(patience.eta(), 1.125);
    }

    #[test]
    fn distance_that_is_no_noise_does_not_keep_eta_small() {
        let mut patience = Patience::new(1.0, 64, 6);
        for _ in 0..20 {
            patience.learn(1e4, 1e-9).unwrap();
        }
        assert_eq!(patience.eta(), 8.0);
    }

    #[test]
    fn caution_starts_small_and_stays_below_its_limit() {
        let mut patience = Patience::cautious(1.0, 1000);
        patience.learn(1.0, 1.0).unwrap();
        assert_eq!(patience.eta(), 0.03);
        (0..20).for_each(|_| patience.learn(1.0, 1.0).unwrap());
        assert_eq!(patience.eta(), 0.25);
    }

    #[test]
    fn no_eta_exceeds_the_limit_of_its_epoch() {
        let mut patience = patience();
        for _ in 0..20 {
            patience.learn(1.0, 1.0).unwrap();
        }
        assert_eq!(patience.eta(), 8.0);
        patience.tighten();
        assert_eq!(patience.eta(), 4.0);
    }

    #[test]
    fn exploration_begins_carefully_and_is_never_tightened() {
        let mut patience = Patience::exploring(1.0);
        patience.learn(1.0, 1.0).unwrap();
        assert_eq!(patience.eta(), 0.01);
        patience.tighten();
        (0..200).for_each(|_| patience.learn(1000.0, 1000.0).unwrap());
        assert!((patience.eta() - 1e-3).abs() < 1e-9);
        (0..200).for_each(|_| patience.learn(1.0, 1.0).unwrap());
        assert_eq!(patience.eta(), 0.01);
    }

    #[test]
    fn however_much_noise_there_is_exploring_deviations_go_as_far_and_less_far_with_every_epoch() {
        for noise in [1e4, 1e6] {
            let mut patience = Patience::exploring(1.0);
            patience.learn(noise, noise).unwrap();
            let change = patience.eta() * noise.sqrt();
            assert!((change - SPREADING).abs() < 1e-9);
            patience.tighten();
            patience.learn(noise, noise).unwrap();
            let change = patience.eta() * noise.sqrt();
            assert!((change - 0.5 * SPREADING).abs() < 1e-9);
        }
    }

    #[test]
    fn on_batches_eta_follows_the_noise_and_no_jump_of_it() {
        let mut patience = patience().on_batches(0.05);
        patience.learn(100.0, 100.0).unwrap();
        assert_eq!(patience.eta(), 0.05 / 100.0);
        patience.learn(300.0, 300.0).unwrap();
        assert_eq!(patience.eta(), 0.05 / 100.0);
        patience.learn(120.0, 120.0).unwrap();
        assert_eq!(patience.eta(), 0.05 / 120.0);
        patience.rejected();
        patience.learn(120.0, 120.0).unwrap();
        assert_eq!(patience.eta(), 0.5 * 0.05 / 120.0);
    }

    #[test]
    fn on_batches_a_step_has_no_say_in_its_own_eta_unless_it_is_most_unusual() {
        for (divergence, usual) in [(0.0, 100.0), (9e3, 100.0), (3e4, 300.0)] {
            let mut patience = patience().on_batches(0.05);
            patience.learn(100.0, 100.0).unwrap();
            patience.learn(divergence, divergence).unwrap();
            assert_eq!(patience.eta(), 0.05 / usual);
        }
    }

    #[test]
    fn a_divergence_that_remains_keeps_eta_small() {
        let mut patience = Patience::new(1.0, 64, 6);
        for _ in 0..100 {
            patience.learn(14.0, 14.0).unwrap();
        }
        assert!((patience.eta() - 0.01 * 64.0 / 6.0 / 14.0).abs() < 1e-6);
        assert!(patience.memory() > 100.0);
    }

    #[test]
    fn squares_that_are_not_finite_are_an_error_after_which_all_is_as_before() {
        for mut patience in [patience(), patience().on_batches(0.05)] {
            patience.learn(3.0, 3.0).unwrap();
            let before = patience.clone();
            assert!(patience.learn(f64::INFINITY, f64::INFINITY).is_err());
            assert!(patience.learn(f64::NAN, f64::NAN).is_err());
            assert_eq!(patience, before);
        }
    }
}
