//! Draws of a finished fit: what a reader of the posterior gets.

use burn::tensor::Tensor;
use rand::Rng;

use crate::diagnostics::DiagnosisError;
use crate::family::{Approximation, FamilyError};
use crate::panics::{Panic, caught};
use crate::placement::{to_host, to_mat};
use crate::randomness::{Stream, generator, noise};
use crate::resample::systematic;
use crate::target::{Batch, Constrained, Joined, Target};

/// Equally weighted draws of an approximation, and what the target says of them. On the unconstrained scale they are those of
/// [`points`].
#[derive(Clone, Debug)]
pub struct Draws {
    /// Unnormalised log density of the target, `[S]`; minus infinity outside its support.
    pub log_density: Vec<f64>,
    /// Log density of the approximation, `[S]`.
    pub log_q: Vec<f64>,
    /// On the model's scale, with generated quantities.
    pub constrained: Constrained,
}

impl Draws {
    /// Takes `count` draws. The same seed gives the same draws.
    ///
    /// # Errors
    /// If the target or the approximation cannot be evaluated, or panics.
    pub fn take(
        target: &dyn Target,
        approximation: &dyn Approximation,
        count: usize,
        seed: u64,
    ) -> Result<Self, DiagnosisError> {
        let block = block(target.dimension(), count);
        let work = || Self::in_blocks(target, approximation, count, seed, block);
        caught(work, DiagnosisError::from)
    }

    fn in_blocks(
        target: &dyn Target,
        approximation: &dyn Approximation,
        count: usize,
        seed: u64,
        block: usize,
    ) -> Result<Self, DiagnosisError> {
        let mut all = Draws {
            log_density: Vec::with_capacity(count),
            log_q: Vec::with_capacity(count),
            constrained: Constrained::default(),
        };
        let mut joined = Joined::default();
        for (step, first) in (0..count).step_by(block).enumerate() {
            let step = step as u64;
            let theta = points(approximation, block.min(count - first), seed, step)?;
            let density = target.log_density(&theta, &Batch::Full)?;
            all.log_density.extend(to_host(&density.log_density));
            all.log_q.extend(to_host(&approximation.log_prob(&theta)?));
            joined.push(target.constrain(&theta, seed_of_block(seed, step)))?;
        }
        all.constrained = joined.finish()?;
        Ok(all)
    }
}

/// Numbers that a block of draws holds, about.
const BLOCK_NUMBERS: usize = 1 << 24;

/// How many of some draws are made together, so that memory is not that of all of them in many dimensions. Blocks are [`points`] of
/// one step after the other.
fn block(dimension: usize, draws: usize) -> usize {
    (BLOCK_NUMBERS / dimension.max(1)).clamp(1, draws.max(1))
}

/// The seed of the random numbers that a target takes for a block of draws: the run's own for the first.
pub fn seed_of_block(seed: u64, step: u64) -> u64 {
    match step {
        0 => seed,
        step => generator(seed, Stream::Generated, step).next_u64(),
    }
}

/// Equally weighted draws of an approximation, `[S, D]`, on the unconstrained scale. Those of another `step` are independent of them;
/// those of step zero are the ones that [`Draws::take`] takes.
///
/// # Errors
/// If the approximation cannot be evaluated, or panics.
pub fn points(
    approximation: &dyn Approximation,
    count: usize,
    seed: u64,
    step: u64,
) -> Result<Tensor<2>, FamilyError> {
    let work = || sampled(approximation, count, seed, step);
    caught(work, |panic: Panic| FamilyError::Other(panic.to_string()))
}

fn sampled(
    approximation: &dyn Approximation,
    count: usize,
    seed: u64,
    step: u64,
) -> Result<Tensor<2>, FamilyError> {
    let shape = approximation.noise_shape(count);
    let placement = approximation.placement();
    let sample = approximation.sample(&noise(seed, Stream::Output, step, shape, placement))?;
    let Some(log_weight) = &sample.log_weight else {
        return Ok(sample.theta);
    };
    let weights: Vec<f64> = to_host(log_weight).iter().map(|w| w.exp()).collect();
    let chosen = systematic(&weights, count);
    let all = to_mat(&sample.theta);
    let values = chosen.iter().flat_map(|&s| all.row(s).iter().copied());
    let shape = [chosen.len(), all.ncols()];
    Ok(placement.matrix(values.collect(), shape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::GaussianTarget;
    use crate::testing::Independent;

    #[test]
    fn points_of_another_step_are_others() {
        let q = Independent::new(&[0.0, 0.0], &[1.0, 1.0]);
        let at = |step| to_host(&points(&q, 3, 3, step).unwrap());
        assert!(at(0).iter().zip(at(1)).all(|(a, b)| *a != b));
    }

    #[test]
    fn draws_carry_both_densities_and_the_constrained_values() {
        let target = GaussianTarget::standard(2);
        let q = Independent::new(&[0.0, 0.0], &[1.0, 1.0]);
        let draws = Draws::take(&target, &q, 10, 3).unwrap();
        assert_eq!(draws.log_density.len(), 10);
        for (p, q) in draws.log_density.iter().zip(&draws.log_q) {
            assert!((p - q).abs() < 1e-12);
        }
        assert_eq!(
            draws.constrained.values,
            to_host(&points(&q, 10, 3, 0).unwrap())
        );
    }

    #[test]
    fn draws_in_blocks_are_as_many_and_differ() {
        assert_eq!(block(2, 4000), 4000);
        assert_eq!(block(1 << 23, 100), 2);
        assert_eq!(block(300_000_000, 100), 1);
        let dimension = BLOCK_NUMBERS / 2;
        let target = GaussianTarget::standard(2);
        let q = Independent::new(&[0.0, 0.0], &[1.0, 1.0]);
        assert_eq!(block(dimension, 5), 2);
        let draws = Draws::in_blocks(&target, &q, 5, 3, 2).unwrap();
        assert_eq!((draws.log_q.len(), draws.constrained.draws()), (5, 5));
        assert_ne!(draws.constrained.row(0), draws.constrained.row(2));
    }
}
