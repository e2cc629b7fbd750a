//! A score beside that of a baseline on the same rows.

use firebrand::core::record::number;
use serde::Serialize;

/// Standard errors that a difference may have by chance: with two of them, one time in twenty.
pub const STANDARD_ERRORS: f64 = 2.0;

/// The mean loss of a prediction and of a baseline, over the same rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scored {
    /// Of the prediction.
    #[serde(serialize_with = "number::serialize")]
    pub value: f64,
    /// Of the baseline.
    #[serde(serialize_with = "number::serialize")]
    pub baseline: f64,
    /// By how much the prediction is better.
    #[serde(serialize_with = "number::serialize")]
    pub gain: f64,
    /// The standard error of the gain. Rows are compared in pairs, so what is hard to predict for both is no part of it.
    #[serde(serialize_with = "number::serialize")]
    pub gain_error: f64,
}

/// How a prediction compares with its baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// By more than chance gives.
    Better,
    /// The difference may be chance.
    NoBetter,
    /// By more than chance gives.
    Worse,
}

impl Scored {
    /// Of losses, a pair for each row: the prediction's, the baseline's.
    pub fn of(losses: &[(f64, f64)]) -> Self {
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| {
            losses.iter().map(of).sum::<f64>() / losses.len() as f64
        };
        let gain = mean(&|(value, baseline)| baseline - value);
        let squares = mean(&|(value, baseline)| (baseline - value - gain).powi(2));
        Scored {
            value: mean(&|loss| loss.0),
            baseline: mean(&|loss| loss.1),
            gain,
            // Of a single row nothing is known of the spread.
            gain_error: match losses.len() {
                0 | 1 => f64::INFINITY,
                _ if gain.is_infinite() => 0.0,
                rows => (squares / (rows - 1) as f64).sqrt(),
            },
        }
    }

    /// The same for scores, of which more is better.
    pub fn negated(self) -> Self {
        Scored {
            value: -self.value,
            baseline: -self.baseline,
            ..self
        }
    }

    /// Whether the difference is more than chance.
    pub fn standing(&self) -> Standing {
        let chance = STANDARD_ERRORS * self.gain_error;
        match self.gain {
            gain if gain > chance => Standing::Better,
            gain if gain < -chance => Standing::Worse,
            _ => Standing::NoBetter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_has_the_standard_error_of_the_differences() {
        let scored = Scored::of(&[(1.0, 2.0), (2.0, 5.0)]);
        // Differences 1 and 3: mean 2, variance 2, of the mean 1.
        assert_eq!((scored.value, scored.baseline), (1.5, 3.5));
        assert_eq!((scored.gain, scored.gain_error), (2.0, 1.0));
        assert_eq!(scored.standing(), Standing::NoBetter);
    }

    #[test]
    fn a_difference_counts_once_it_is_more_than_chance() {
        let better = Scored::of(&[(1.0, 2.0), (2.0, 3.5)]);
        assert_eq!(better.standing(), Standing::Better);
        let worse = Scored::of(&[(2.0, 1.0), (3.5, 2.0)]);
        assert_eq!(worse.standing(), Standing::Worse);
        assert_eq!(Scored::of(&[(0.0, 9.0)]).standing(), Standing::NoBetter);
    }

    #[test]
    fn an_infinite_loss_is_worse_than_any() {
        let scored = Scored::of(&[(f64::INFINITY, 1.0), (0.0, 1.0)]);
        assert_eq!(scored.standing(), Standing::Worse);
        assert_eq!(scored.negated().value, f64::NEG_INFINITY);
    }
}
