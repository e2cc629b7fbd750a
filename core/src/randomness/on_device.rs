//! Noise that is made on the device where it is used: in very many dimensions it is not worth the way there.
//!
//! The numbers are others than [`Normals`](super::Normals) gives, of the same distribution, and others on each kind of device. On one device
//! they follow from (seed, stream, step) alone, as those of the host do.

use std::sync::{Mutex, PoisonError};

use burn::tensor::{Device, Distribution, Tensor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Stream, generator};
use crate::placement::Placement;

/// A device has one generator, which all threads share.
static GENERATOR: Mutex<()> = Mutex::new(());

/// What `work` makes of the numbers that a device's generator gives after this seed. Nobody else who asks here takes any of them, and
/// whatever was taken before makes no difference.
pub(crate) fn seeded<T>(device: &Device, seed: u64, work: impl FnOnce() -> T) -> T {
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(seed);
    work()
}

/// Standard normal numbers of one (seed, stream, step), made where a placement says. Each request has a seed of its own, so it is the
/// sequence of requests that the numbers follow from, and not their sum.
#[derive(Clone, Debug)]
pub struct DeviceNormals {
    seeds: ChaCha8Rng,
    placement: Placement,
}

impl DeviceNormals {
    /// Begins with the first.
    pub fn new(seed: u64, stream: Stream, step: u64, placement: &Placement) -> Self {
        DeviceNormals {
            seeds: generator(seed, stream, step),
            placement: placement.clone(),
        }
    }

    /// The next ones.
    pub fn take(&mut self, shape: [usize; 2]) -> Tensor<2> {
        let Placement { device, precision } = &self.placement;
        seeded(device, self.seeds.next_u64(), || {
            let standard = Distribution::Normal(0.0, 1.0);
            Tensor::random(shape, standard, (device, precision.dtype()))
        })
    }

    /// The next draws `[S, D]` of noise in antithetic pairs: the second half is the first with its signs turned. Of an odd number the last draw of
    /// the first half has no partner.
    pub fn take_pairs(&mut self, [draws, dimension]: [usize; 2]) -> Tensor<2> {
        let half = self.take([draws.div_ceil(2), dimension]);
        match draws / 2 {
            0 => half,
            partners => {
                let mirrored = half.clone().narrow(0, 0, partners).neg();
                Tensor::cat(vec![half, mirrored], 0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::to_host;

    fn normals(step: u64) -> DeviceNormals {
        DeviceNormals::new(7, Stream::Draws, step, &Placement::cpu())
    }

    #[test]
    fn numbers_follow_from_the_triple_whatever_else_is_drawn() {
        let expected = to_host(&normals(3).take([2, 50]));
        let others = to_host(&normals(4).take([2, 50]));
        assert!(expected.iter().zip(&others).all(|(a, b)| a != b));
        assert_eq!(to_host(&normals(3).take([2, 50])), expected);
    }

    #[test]
    fn requests_of_one_step_have_numbers_of_their_own() {
        let mut one = normals(3);
        let (first, second) = (to_host(&one.take([1, 8])), to_host(&one.take([1, 8])));
        assert!(first.iter().zip(&second).all(|(a, b)| a != b));
    }

    #[test]
    fn pairs_cancel() {
        for draws in [1, 2, 5, 6] {
            let noise = to_host(&normals(3).take_pairs([draws, 3]));
            assert_eq!(noise.len(), 3 * draws);
            let first = 3 * draws.div_ceil(2);
            for (i, mirrored) in noise[first..].iter().enumerate() {
                assert_eq!(*mirrored, -noise[i], "{draws} draws");
            }
        }
    }

    #[test]
    fn they_have_mean_zero_variance_one_and_the_kurtosis_of_a_normal() {
        let n = 100_000;
        let x = to_host(&normals(0).take([1, n]));
        // Six standard errors of each mean: the variances of x, x^2 and x^4 are 1, 2 and 96.
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (4, 3.0, 96.0)] {
            let mean = x.iter().map(|x| x.powi(power)).sum::<f64>() / n as f64;
            let error = (variance / n as f64).sqrt();
            assert!((mean - expected).abs() < 6.0 * error, "{power}: {mean}");
        }
    }
}
