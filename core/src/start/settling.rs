//! Whether averages of noisy iterates have settled, for iterations whose objective is too noisy to say.

use super::bytes::{StateReader, StateWriter};
use crate::inference::{InferenceError, Progress};

/// The average over the last epoch, and how it differed from that over the epoch before, in units of the parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settling {
    last: Vec<f64>,
    change: Vec<f64>,
}

impl Settling {
    /// Takes the average over an epoch. Says whether the run has converged, and whether averages wander: whether this change turns back on the
    /// last one, so that more of the same steps lead nowhere.
    ///
    /// `scales` are the units of the parameters. Averages that differ by less than `tolerance` of them, in the mean square, have
    /// converged once they wander.
    pub fn end_epoch(
        &mut self,
        average: &[f64],
        scales: &[f64],
        tolerance: f64,
    ) -> (Progress, bool) {
        let last = std::mem::replace(&mut self.last, average.to_vec());
        if last.is_empty() {
            return (Progress::Continue, false);
        }
        let moved = average.iter().zip(&last).zip(scales);
        let change: Vec<f64> = moved
            .map(|((now, last), unit)| (now - last) / unit)
            .collect();
        let before = std::mem::replace(&mut self.change, change);
        let wanders = !before.is_empty() && product(&before, &self.change) <= 0.0;
        let size = (product(&self.change, &self.change) / self.change.len().max(1) as f64).sqrt();
        let progress = if wanders && size < tolerance {
            Progress::Converged(format!(
                "averages of the parameters over two epochs agree within {size:.3} of what moves draws by a standard deviation"
            ))
        } else {
            Progress::Continue
        };
        (progress, wanders)
    }

    /// Its state.
    pub fn save(&self, writer: StateWriter) -> StateWriter {
        writer.numbers(&self.last).numbers(&self.change)
    }

    /// Sets the state to what [`save`](Self::save) wrote.
    pub fn restore(&mut self, reader: &mut StateReader<'_>) -> Result<(), InferenceError> {
        self.last = reader.numbers()?;
        self.change = reader.numbers()?;
        Ok(())
    }
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_that_go_on_in_one_direction_have_not_settled_however_slowly() {
        let mut settling = Settling::default();
        for step in 0..5 {
            let average = [1e-6 * f64::from(step), 3.0];
            let (progress, wanders) = settling.end_epoch(&average, &[1.0, 1.0], 0.01);
            assert_eq!((progress, wanders), (Progress::Continue, false));
        }
    }

    #[test]
    fn averages_that_turn_back_have_settled_when_they_are_near_in_units_of_the_parameters() {
        let ends = |scale: f64| {
            let mut settling = Settling::default();
            let ends = [0.0, 0.3, 0.1].map(|x| settling.end_epoch(&[x], &[scale], 0.01));
            ends.map(|(progress, wanders)| (progress != Progress::Continue, wanders))
        };
        assert_eq!(ends(1.0), [(false, false), (false, false), (false, true)]);
        assert_eq!(ends(100.0), [(false, false), (false, false), (true, true)]);
    }
}
