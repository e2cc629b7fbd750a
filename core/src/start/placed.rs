//! Gaussians with independent coordinates, and averages of them, whose numbers stay where a placement says.
//!
//! They are to [`IndependentGaussian`] and [`LambdaAverage`] what a device is to the host: the same iteration in the precision of the run, of
//! which the host sees a few numbers a step.

use std::f64::consts::PI;

use burn::tensor::Tensor;

use super::bytes::{StateReader, StateWriter};
use super::independent::IndependentGaussian;
use super::lambda_average::{LambdaAverage, LambdaEpoch};
use crate::family::Approximation;
use crate::inference::InferenceError;
use crate::placement::{Placement, to_host};

/// A Gaussian with independent coordinates on a device.
#[derive(Clone, Debug)]
pub struct PlacedGaussian {
    mean: Tensor<2>,
    deviation: Tensor<2>,
    log_scale: f64,
}

impl PlacedGaussian {
    /// From means and standard deviations `[1, D]`; `None` if a mean is not finite, or a variance or its inverse overflows.
    pub fn new(mean: Tensor<2>, deviation: Tensor<2>) -> Option<Self> {
        let variance = deviation.clone() * deviation.clone();
        // Zero times a finite number is zero, and NaN times any other.
        let checked = (variance.clone().recip() + variance + mean.clone()) * 0.0;
        let log_scale = deviation.clone().log().sum();
        let reduced = Tensor::cat(vec![checked.sum(), log_scale], 0);
        match to_host(&reduced)[..] {
            [0.0, log_scale] if log_scale.is_finite() => Some(Self {
                mean,
                deviation,
                log_scale,
            }),
            _ => None,
        }
    }

    /// Means and deviations of an approximation, where it is.
    ///
    /// # Errors
    /// If it is not a Gaussian, or its numbers are out of the precision's range.
    pub fn of(approximation: &dyn Approximation) -> Result<Self, InferenceError> {
        let placement = approximation.placement();
        let gaussian = IndependentGaussian::of(approximation)?;
        Self::place(gaussian, placement).ok_or_else(|| {
            let bits = placement.precision.bits();
            InferenceError::Start(format!("its numbers are out of the range of {bits} bits"))
        })
    }

    /// A Gaussian of the host, where `placement` says; `None` where its numbers are out of the precision's range.
    pub fn place(gaussian: IndependentGaussian, placement: &Placement) -> Option<Self> {
        let shape = [1, gaussian.dimension()];
        let IndependentGaussian { mean, deviation } = gaussian;
        let mean = placement.matrix(mean, shape);
        Self::new(mean, placement.matrix(deviation, shape))
    }

    /// The same on the host.
    pub fn to_host(&self) -> IndependentGaussian {
        IndependentGaussian {
            mean: to_host(&self.mean),
            deviation: to_host(&self.deviation),
        }
    }

    /// D.
    pub fn dimension(&self) -> usize {
        self.mean.dims()[1]
    }

    /// The means, `[1, D]`.
    pub fn mean(&self) -> &Tensor<2> {
        &self.mean
    }

    /// The standard deviations, `[1, D]`.
    pub fn deviation(&self) -> &Tensor<2> {
        &self.deviation
    }

    /// `mean + deviation * noise` for noise `[S, D]`.
    pub fn draws(&self, noise: &Tensor<2>) -> Tensor<2> {
        noise.clone() * self.deviation.clone() + self.mean.clone()
    }

    /// Half the log determinant of the covariance.
    pub fn log_scale(&self) -> f64 {
        self.log_scale
    }

    /// The entropy.
    pub fn entropy(&self) -> f64 {
        self.log_scale + 0.5 * (1.0 + (2.0 * PI).ln()) * self.dimension() as f64
    }

    /// Its state.
    pub fn save(&self, writer: StateWriter) -> StateWriter {
        writer.row(&self.mean).row(&self.deviation)
    }

    /// What [`save`](Self::save) wrote, where `placement` says.
    ///
    /// # Errors
    /// If it was not written by one that can be there.
    pub fn restored(
        reader: &mut StateReader<'_>,
        placement: &Placement,
    ) -> Result<Self, InferenceError> {
        let (mean, deviation) = (reader.any_row(placement)?, reader.any_row(placement)?);
        let is_paired = mean.dims() == deviation.dims();
        let placed = is_paired.then(|| Self::new(mean, deviation));
        placed.flatten().ok_or_else(|| {
            InferenceError::Restore("means and deviations are those of no Gaussian".into())
        })
    }
}

/// Running averages of means and logarithms of standard deviations over the present epoch, on a device.
#[derive(Clone, Debug)]
pub struct PlacedAverage {
    /// Of no parameters: it counts.
    epochs: LambdaAverage,
    mean: Tensor<2>,
    log_deviation: Tensor<2>,
}

impl PlacedAverage {
    /// Begins with an epoch of `length` iterates like this one.
    pub fn new(like: &PlacedGaussian, length: u64) -> Self {
        Self {
            epochs: LambdaAverage::new(0, length),
            mean: like.mean.zeros_like(),
            log_deviation: like.mean.zeros_like(),
        }
    }

    /// Iterates in the present epoch, once it is whole.
    pub fn length(&self) -> u64 {
        self.epochs.length()
    }

    /// Adds an iterate and its objective; at the end of an epoch returns its averages, which come to the host for it, and begins one of twice the
    /// length.
    pub fn push(&mut self, iterate: &PlacedGaussian, objective: f64) -> Option<LambdaEpoch> {
        let share = self.epochs.next_share();
        let towards = |average: &Tensor<2>, value: Tensor<2>| {
            (value - average.clone()) * share + average.clone()
        };
        self.mean = towards(&self.mean, iterate.mean.clone());
        self.log_deviation = towards(&self.log_deviation, iterate.deviation.clone().log());
        let mut epoch = self.epochs.push([], objective)?;
        epoch.lambda = to_host(&self.mean);
        epoch.lambda.extend(to_host(&self.log_deviation));
        self.mean = self.mean.zeros_like();
        self.log_deviation = self.log_deviation.zeros_like();
        Some(epoch)
    }

    /// Its state.
    pub fn save(&self, writer: StateWriter) -> StateWriter {
        self.epochs
            .save(writer)
            .row(&self.mean)
            .row(&self.log_deviation)
    }

    /// Sets the state to what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// If it was written in another dimension.
    pub fn restore(
        &mut self,
        reader: &mut StateReader<'_>,
        placement: &Placement,
    ) -> Result<(), InferenceError> {
        self.epochs.restore(reader)?;
        for average in [&mut self.mean, &mut self.log_deviation] {
            *average = reader.row(average, placement, "the averages have another dimension")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::Precision;

    fn placed(mean: &[f64], deviation: &[f64]) -> Option<PlacedGaussian> {
        let gaussian = IndependentGaussian {
            mean: mean.to_vec(),
            deviation: deviation.to_vec(),
        };
        PlacedGaussian::place(gaussian, &Placement::cpu())
    }

    #[test]
    fn draws_and_entropy_are_those_of_the_host() {
        let here = placed(&[1.0, -2.0], &[0.5, 3.0]).unwrap();
        let host = here.to_host();
        assert!((here.entropy() - host.entropy()).abs() < 1e-14);
        let noise = faer::mat![[0.3, -1.0], [2.0, 0.0]];
        let rows = Placement::cpu().matrix(vec![0.3, 2.0, -1.0, 0.0], [2, 2]);
        let (draws, expected) = (to_host(&here.draws(&rows)), host.draws(noise.as_ref()));
        for (i, draw) in draws.iter().enumerate() {
            assert!((draw - expected[(i % 2, i / 2)]).abs() < 1e-15);
        }
    }

    #[test]
    fn numbers_that_are_those_of_no_gaussian_make_none() {
        let nothing = [0.0, f64::NAN, f64::INFINITY, 1e-200, 1e200];
        for bad in nothing {
            assert!(placed(&[0.0, 0.0], &[1.0, bad]).is_none(), "{bad}");
        }
        assert!(placed(&[0.0, f64::NAN], &[1.0, 1.0]).is_none());
        assert!(placed(&[f64::INFINITY, 0.0], &[1.0, 1.0]).is_none());
    }

    #[test]
    fn averages_and_epochs_are_those_of_the_host() {
        let iterates = [[0.3, 1.0], [0.7, 2.0], [-0.2, 0.5], [0.1, 0.1]];
        let first = placed(&[0.0], &[1.0]).unwrap();
        let mut here = PlacedAverage::new(&first, 2);
        let mut host = LambdaAverage::new(2, 2);
        for [mean, deviation] in iterates {
            let lambda = [mean, f64::ln(deviation)];
            let expected = host.push(lambda, mean);
            let found = here.push(&placed(&[mean], &[deviation]).unwrap(), mean);
            assert_eq!(found.is_some(), expected.is_some());
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found.objective, expected.objective);
                for (a, b) in found.lambda.iter().zip(&expected.lambda) {
                    assert!((a - b).abs() < 1e-15, "{found:?} {expected:?}");
                }
            }
        }
        assert_eq!(here.length(), host.length());
    }

    #[test]
    fn a_state_in_single_precision_is_restored_bit_for_bit() {
        let placement = Placement {
            precision: Precision::F32,
            ..Placement::cpu()
        };
        let gaussian = IndependentGaussian {
            mean: vec![0.1, 1e7 / 3.0],
            deviation: vec![0.7, 1e-9],
        };
        let here = PlacedGaussian::place(gaussian, &placement).unwrap();
        let mut average = PlacedAverage::new(&here, 4);
        assert!(average.push(&here, 0.3).is_none());
        let written = average.save(here.save(StateWriter::default())).finish();

        let mut reader = StateReader::new(&written);
        let again = PlacedGaussian::restored(&mut reader, &placement).unwrap();
        let mut averaged = PlacedAverage::new(&again, 4);
        averaged.restore(&mut reader, &placement).unwrap();
        assert_eq!(
            averaged.save(again.save(StateWriter::default())).finish(),
            written
        );
        assert_eq!(again.entropy(), here.entropy());
    }
}
