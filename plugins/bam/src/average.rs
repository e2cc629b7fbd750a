//! Averages of Gaussians of low rank over epochs that double in length.
//!
//! What [`EpochAverage`](firebrand_core::start::EpochAverage) is for dense covariances. An average of many covariances of low rank is of
//! no low rank; so after each iterate it is brought back to the nearest one.

use firebrand_core::start::{StateReader, StateWriter};
use firebrand_core::{InferenceError, LowRank};

use crate::patch::mixed;

/// Iterates in the first epoch.
const FIRST_EPOCH: u64 = 8;

/// A Gaussian.
#[derive(Clone, Debug, PartialEq)]
pub struct LowRankMoments {
    /// `[D]`.
    pub mean: Vec<f64>,
    pub covariance: LowRank,
}

impl LowRankMoments {
    fn towards(&self, other: &Self, weight: f64) -> Option<Self> {
        let mean = self.mean.iter().zip(&other.mean);
        Some(Self {
            mean: mean.map(|(a, b)| a + weight * (b - a)).collect(),
            covariance: mixed(&self.covariance, &other.covariance, weight)?,
        })
    }

    /// How far `self` is from `last`, in standard deviations: the largest shift of a mean and the largest relative change of a
    /// standard deviation.
    fn change(&self, last: &Self) -> (f64, f64) {
        let (now, then) = (self.covariance.variances(), last.covariance.variances());
        let (mut shift, mut spread) = (0.0_f64, 0.0_f64);
        for (d, variance) in now.iter().enumerate() {
            let deviation = variance.sqrt();
            shift = shift.max((self.mean[d] - last.mean[d]).abs() / deviation);
            spread = spread.max((then[d].sqrt() / deviation - 1.0).abs());
        }
        (shift, spread)
    }

    pub fn save(&self, writer: StateWriter) -> StateWriter {
        writer
            .numbers(&self.mean)
            .numbers(&self.covariance.diagonal)
            .matrix(&self.covariance.factor)
    }

    pub fn restore(reader: &mut StateReader<'_>) -> Result<Self, InferenceError> {
        Ok(Self {
            mean: reader.numbers()?,
            covariance: LowRank {
                diagonal: reader.numbers()?,
                factor: reader.matrix()?,
            },
        })
    }
}

/// What a finished epoch says.
pub struct LowRankEpoch {
    pub moments: LowRankMoments,
    /// How far it is from the epoch before, in standard deviations; `None` for the first.
    pub change: Option<(f64, f64)>,
}

/// The average over the present epoch, and over the last one.
pub struct LowRankAverage {
    length: u64,
    count: u64,
    average: Option<LowRankMoments>,
    last: Option<LowRankMoments>,
}

impl LowRankAverage {
    pub fn new() -> Self {
        Self {
            length: FIRST_EPOCH,
            count: 0,
            average: None,
            last: None,
        }
    }

    /// Whether an epoch has ended yet.
    pub fn has_epoch(&self) -> bool {
        self.last.is_some()
    }

    /// Adds an iterate; at the end of an epoch returns its average and begins one of twice the length. An iterate that cannot be
    /// averaged with the others is left out.
    pub fn push(&mut self, iterate: &LowRankMoments) -> Option<LowRankEpoch> {
        self.count += 1;
        let averaged = match &self.average {
            Some(average) => average.towards(iterate, 1.0 / self.count as f64),
            None => Some(iterate.clone()),
        };
        self.average = averaged.or_else(|| self.average.take());
        if self.count < self.length {
            return None;
        }
        let moments = self.average.take()?;
        let change = self.last.as_ref().map(|last| moments.change(last));
        self.last = Some(moments.clone());
        self.length *= 2;
        self.count = 0;
        Some(LowRankEpoch { moments, change })
    }

    pub fn save(&self, writer: StateWriter) -> StateWriter {
        let writer = writer.count(self.length).count(self.count);
        [&self.average, &self.last]
            .into_iter()
            .fold(writer, |writer, moments| match moments {
                Some(moments) => moments.save(writer.count(1)),
                None => writer.count(0),
            })
    }

    pub fn restore(reader: &mut StateReader<'_>) -> Result<Self, InferenceError> {
        let (length, count) = (reader.count()?, reader.count()?);
        let mut moments = || match reader.count()? {
            0 => Ok(None),
            _ => LowRankMoments::restore(reader).map(Some),
        };
        Ok(Self {
            length,
            count,
            average: moments()?,
            last: moments()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_double_and_average_what_is_in_them() {
        let mut average = LowRankAverage::new();
        let iterate = |i: u32| LowRankMoments {
            mean: vec![f64::from(i), 0.0],
            covariance: LowRank {
                diagonal: vec![f64::from(i), 1.0],
                factor: faer::mat![[0.1], [0.1]],
            },
        };
        let ends: Vec<_> = (1..=24).map(|i| average.push(&iterate(i))).collect();
        let ended: Vec<usize> = (0..24).filter(|&i| ends[i].is_some()).collect();
        assert_eq!(ended, [7, 23]);
        let (first, second) = (ends[7].as_ref().unwrap(), ends[23].as_ref().unwrap());
        assert!((first.moments.mean[0] - 4.5).abs() < 1e-12 && first.change.is_none());
        assert!((second.moments.mean[0] - 16.5).abs() < 1e-12);
        let variance = second.moments.covariance.variances()[0];
        assert!((variance / 16.51 - 1.0).abs() < 0.01, "{variance}");
        let (shift, _) = second.change.unwrap();
        assert!((shift - 12.0 / variance.sqrt()).abs() < 1e-12);
    }
}
