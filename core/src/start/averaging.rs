//! Averages of noisy iterates over epochs that double in length.
//!
//! An iteration driven by fresh draws does not settle: it ends up wandering about its fixed point. The average over an epoch
//! wanders less, by the square root of the epoch's length, and two epochs that agree say that the wandering is small.

use faer::Mat;

use super::bytes::{StateReader, StateWriter};
use crate::inference::InferenceError;

/// What a finished epoch says.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// The average of the means, `[D]`.
    pub mean: Vec<f64>,
    /// The average of the covariances, `[D, D]`.
    pub covariance: Mat<f64>,
    /// How far it is from the epoch before, in standard deviations of each parameter: the largest shift of a mean and the
    /// largest relative change of a standard deviation. `None` for the first epoch.
    pub change: Option<(f64, f64)>,
}

/// Sums over the present epoch, and the average over the last one.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochAverage {
    length: usize,
    count: usize,
    mean: Vec<f64>,
    covariance: Mat<f64>,
    last: Option<(Vec<f64>, Mat<f64>)>,
}

impl EpochAverage {
    /// Begins with an epoch of `length` iterates.
    pub fn new(dimension: usize, length: usize) -> Self {
        Self {
            length: length.max(1),
            count: 0,
            mean: vec![0.0; dimension],
            covariance: Mat::zeros(dimension, dimension),
            last: None,
        }
    }

    /// Iterates in the present epoch, once it is whole.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Adds an iterate; at the end of an epoch returns its average and begins one of twice the length.
    pub fn push(&mut self, mean: &[f64], covariance: &Mat<f64>) -> Option<Epoch> {
        self.count += 1;
        // A running mean: no sum grows, so no precision is lost.
        let weight = 1.0 / self.count as f64;
        for (average, value) in self.mean.iter_mut().zip(mean) {
            *average += weight * (value - *average);
        }
        let difference = covariance - &self.covariance;
        self.covariance += difference * faer::Scale(weight);
        if self.count < self.length {
            return None;
        }
        let dimension = mean.len();
        let mean = std::mem::replace(&mut self.mean, vec![0.0; dimension]);
        let covariance = std::mem::replace(&mut self.covariance, Mat::zeros(dimension, dimension));
        let change = self
            .last
            .as_ref()
            .map(|last| change(last, &mean, &covariance));
        self.last = Some((mean.clone(), covariance.clone()));
        self.length *= 2;
        self.count = 0;
        Some(Epoch {
            mean,
            covariance,
            change,
        })
    }

    pub(super) fn save(&self, writer: StateWriter) -> StateWriter {
        let writer = writer
            .count(self.length as u64)
            .count(self.count as u64)
            .numbers(&self.mean)
            .matrix(&self.covariance)
            .count(u64::from(self.last.is_some()));
        match &self.last {
            Some((mean, covariance)) => writer.numbers(mean).matrix(covariance),
            None => writer,
        }
    }

    pub(super) fn restore(&mut self, reader: &mut StateReader<'_>) -> Result<(), InferenceError> {
        self.length = reader.count()? as usize;
        self.count = reader.count()? as usize;
        self.mean = reader.numbers()?;
        self.covariance = reader.matrix()?;
        self.last = match reader.count()? {
            0 => None,
            _ => Some((reader.numbers()?, reader.matrix()?)),
        };
        Ok(())
    }
}

fn change(last: &(Vec<f64>, Mat<f64>), mean: &[f64], covariance: &Mat<f64>) -> (f64, f64) {
    let (mut shift, mut spread) = (0.0_f64, 0.0_f64);
    for d in 0..mean.len() {
        let deviation = covariance[(d, d)].sqrt();
        shift = shift.max((mean[d] - last.0[d]).abs() / deviation);
        spread = spread.max((last.1[(d, d)].sqrt() / deviation - 1.0).abs());
    }
    (shift, spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_double_and_average_what_is_in_them() {
        let mut average = EpochAverage::new(1, 2);
        let ends: Vec<_> = (1..=6)
            .map(|i| average.push(&[f64::from(i)], &faer::mat![[f64::from(i)]]))
            .collect();
        let first = ends[1].as_ref().unwrap();
        assert_eq!((first.mean[0], first.change), (1.5, None));
        let second = ends[5].as_ref().unwrap();
        assert_eq!((second.mean[0], second.covariance[(0, 0)]), (4.5, 4.5));
        let (shift, spread) = second.change.unwrap();
        assert!((shift - 3.0 / 4.5_f64.sqrt()).abs() < 1e-15);
        assert!((spread - (1.0 - (1.5_f64 / 4.5).sqrt())).abs() < 1e-15);
        assert!([0, 2, 3, 4].iter().all(|&i| ends[i].is_none()));
    }
}
