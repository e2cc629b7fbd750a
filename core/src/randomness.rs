//! Randomness: every number follows from (seed, stream, step), so that the same seed gives the same bits
//! and a resumed run goes on exactly as it would have.
//!
//! Each triple keys a ChaCha8 generator of its own. Nothing is drawn from a shared, mutable source: how many
//! numbers one consumer takes cannot change what another one sees.

mod on_device;

pub use on_device::DeviceNormals;
pub(crate) use on_device::seeded;

use burn::tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::placement::Placement;

/// Independent uses of randomness. Two consumers that must not share numbers use two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Noise for the draws of an inference step.
    Draws,
    /// A second, independent set of draws within the same step, such as those that judge progress.
    Evaluation,
    /// Starting points and the paths from them.
    Start,
    /// Which rows a minibatch takes.
    Minibatch,
    /// The final draws that are reported.
    Output,
    /// Draws used by the diagnostics.
    Diagnostics,
    /// The Markov chains of a diagnostic.
    Chains,
    /// Generated quantities.
    Generated,
    /// The weights that networks begin with.
    Weights,
    /// Anything else; the number tells consumers apart.
    Other(u32),
}

impl Stream {
    /// A number for each stream, part of the generator's key. Changing one changes results.
    fn key(self) -> u64 {
        match self {
            Stream::Draws => 1,
            Stream::Evaluation => 2,
            Stream::Start => 3,
            Stream::Minibatch => 4,
            Stream::Output => 5,
            Stream::Diagnostics => 6,
            Stream::Generated => 7,
            Stream::Chains => 8,
            Stream::Weights => 9,
            Stream::Other(number) => (1 << 32) | u64::from(number),
        }
    }
}

/// The generator of one (seed, stream, step).
pub fn generator(seed: u64, stream: Stream, step: u64) -> ChaCha8Rng {
    generator_of(seed, stream.key(), step)
}

fn generator_of(seed: u64, stream: u64, step: u64) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&stream.to_le_bytes());
    key[16..24].copy_from_slice(&step.to_le_bytes());
    key[24..].copy_from_slice(b"firebrnd");
    ChaCha8Rng::from_seed(key)
}

/// Standard normal numbers of one (seed, stream, step), on the host. A shorter request is a prefix of a longer one.
pub fn normals(seed: u64, stream: Stream, step: u64, count: usize) -> Vec<f64> {
    normals_of(seed, stream.key(), step, count)
}

/// The same for a stream by its number.
pub(crate) fn normals_of(seed: u64, stream: u64, step: u64, count: usize) -> Vec<f64> {
    let mut rng = generator_of(seed, stream, step);
    StandardNormal.sample_iter(&mut rng).take(count).collect()
}

/// The numbers of [`normals`], some at a time: for those who have no room for all of them.
#[derive(Clone, Debug)]
pub struct Normals {
    generator: ChaCha8Rng,
}

impl Normals {
    /// Begins with the first.
    pub fn new(seed: u64, stream: Stream, step: u64) -> Self {
        Normals {
            generator: generator(seed, stream, step),
        }
    }

    /// The next ones.
    pub fn take(&mut self, count: usize) -> Vec<f64> {
        let numbers = StandardNormal.sample_iter(&mut self.generator);
        numbers.take(count).collect()
    }
}

/// Standard normal noise of the given shape, where `placement` says.
pub fn noise(
    seed: u64,
    stream: Stream,
    step: u64,
    shape: [usize; 2],
    placement: &Placement,
) -> Tensor<2> {
    placement.matrix(normals(seed, stream, step, shape[0] * shape[1]), shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_triple_gives_the_same_bits() {
        assert_eq!(
            normals(7, Stream::Draws, 3, 50),
            normals(7, Stream::Draws, 3, 50)
        );
    }

    #[test]
    fn numbers_are_the_same_some_at_a_time() {
        let mut some = Normals::new(7, Stream::Draws, 3);
        let parts = [some.take(3), some.take(0), some.take(8)].concat();
        assert_eq!(parts, normals(7, Stream::Draws, 3, 11));
    }

    #[test]
    fn every_part_of_the_triple_matters() {
        let base = normals(7, Stream::Draws, 3, 8);
        for other in [
            normals(8, Stream::Draws, 3, 8),
            normals(7, Stream::Start, 3, 8),
            normals(7, Stream::Other(1), 3, 8),
            normals(7, Stream::Draws, 4, 8),
        ] {
            assert!(base.iter().zip(&other).all(|(a, b)| a != b));
        }
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let n = 100_000;
        let x = normals(1, Stream::Draws, 0, n);
        let mean = x.iter().sum::<f64>() / n as f64;
        let variance = x.iter().map(|v| v * v).sum::<f64>() / n as f64;
        // Five standard errors: 1/sqrt(n) for the mean, sqrt(2/n) for the variance.
        assert!(mean.abs() < 5.0 / (n as f64).sqrt(), "mean {mean}");
        assert!(
            (variance - 1.0).abs() < 5.0 * (2.0 / n as f64).sqrt(),
            "variance {variance}"
        );
    }
}
