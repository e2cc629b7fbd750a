//! Whether averages over epochs have settled, for Gaussians with independent coordinates.

use firebrand_core::start::{StateReader, StateWriter};
use firebrand_core::{InferenceError, Progress};

use crate::settings::EVERY_COORDINATE;

/// The averages over the last whole epoch, which those over the next are held against.
#[derive(Clone, Debug)]
pub struct LastEpoch {
    /// Means, then logarithms of standard deviations, `[2 D]`; none before the first epoch has ended.
    lambda: Option<Vec<f64>>,
    tolerance: f64,
}

impl LastEpoch {
    /// Before the first epoch; averages have settled once they differ by no more than so many standard deviations.
    pub fn none(tolerance: f64) -> Self {
        LastEpoch {
            lambda: None,
            tolerance,
        }
    }

    /// The averages `[2 D]`, once there are any.
    pub fn lambda(&self) -> Option<&[f64]> {
        self.lambda.as_deref()
    }

    /// Takes the averages `[2 D]` over an epoch, which may say that the run has converged if it was long `enough`.
    pub fn end(&mut self, lambda: Vec<f64>, enough: bool) -> Progress {
        let change = self.lambda.as_ref().map(|last| change(last, &lambda));
        self.lambda = Some(lambda);
        match change {
            Some((shift, spread))
                if enough && shift < self.tolerance && spread < self.tolerance =>
            {
                Progress::Converged(format!(
                    "averages over two epochs agree: means within {shift:.3} standard deviations, standard deviations within \
                     {:.1}%",
                    100.0 * spread
                ))
            }
            _ => Progress::Continue,
        }
    }

    pub fn save(&self, writer: StateWriter) -> StateWriter {
        writer.numbers(self.lambda().unwrap_or_default())
    }

    pub fn restore(&mut self, reader: &mut StateReader<'_>) -> Result<(), InferenceError> {
        self.lambda = Some(reader.numbers()?).filter(|lambda| !lambda.is_empty());
        Ok(())
    }
}

/// How far means and log standard deviations `[2 D]` have moved, in standard deviations: the largest, or in many dimensions the root
/// mean square.
fn change(last: &[f64], now: &[f64]) -> (f64, f64) {
    let dimension = now.len() / 2;
    let size = |changes: &mut dyn Iterator<Item = f64>| {
        if dimension <= EVERY_COORDINATE {
            changes.fold(0.0, |worst: f64, change| worst.max(change.abs()))
        } else {
            (changes.map(|change| change * change).sum::<f64>() / dimension as f64).sqrt()
        }
    };
    let deviation = |d: usize| now[dimension + d].exp();
    (
        size(&mut (0..dimension).map(|d| (now[d] - last[d]) / deviation(d))),
        size(&mut (dimension..2 * dimension).map(|d| now[d] - last[d])),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_have_settled_when_two_long_epochs_agree_in_standard_deviations() {
        let mut last = LastEpoch::none(0.01);
        let deviation = 1e-3_f64;
        let lambda = |mean: f64| vec![mean, deviation.ln()];
        assert_eq!(last.end(lambda(1.0), true), Progress::Continue);
        assert_eq!(last.end(lambda(1.001), true), Progress::Continue);
        assert_eq!(last.end(lambda(1.001), false), Progress::Continue);
        let end = last.end(lambda(1.001 + 0.005 * deviation), true);
        assert!(matches!(end, Progress::Converged(_)), "{end:?}");
    }
}
