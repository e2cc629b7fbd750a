//! Draws of a finished fit: what a reader of the posterior gets.

use burn::tensor::Tensor;

use crate::diagnostics::DiagnosisError;
use crate::family::{Approximation, FamilyError};
use crate::panics::{Panic, caught};
use crate::placement::{to_host, to_mat};
use crate::randomness::{Stream, noise};
use crate::resample::systematic;
use crate::target::{Batch, Constrained, Target};

/// Equally weighted draws of an approximation, on all scales.
#[derive(Clone, Debug)]
pub struct Draws {
    /// Unconstrained, `[S, D]`.
    pub theta: Tensor<2>,
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
        let work = || Self::taken(target, approximation, count, seed);
        caught(work, DiagnosisError::from)
    }

    fn taken(
        target: &dyn Target,
        approximation: &dyn Approximation,
        count: usize,
        seed: u64,
    ) -> Result<Self, DiagnosisError> {
        let theta = points(approximation, count, seed, 0)?;
        Ok(Draws {
            log_density: to_host(&target.log_density(&theta, &Batch::Full)?.log_density),
            log_q: to_host(&approximation.log_prob(&theta)?),
            constrained: target.constrain(&theta, seed)?,
            theta,
        })
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
        let target = GaussianTarget::standard(2);
        let draws = Draws::take(&target, &q, 3, 3).unwrap();
        assert_eq!(at(0), to_host(&draws.theta));
        assert!(at(0).iter().zip(at(1)).all(|(a, b)| *a != b));
    }

    #[test]
    fn draws_carry_both_densities_and_the_constrained_values() {
        let target = GaussianTarget::standard(2);
        let q = Independent::new(&[0.0, 0.0], &[1.0, 1.0]);
        let draws = Draws::take(&target, &q, 10, 3).unwrap();
        assert_eq!(draws.theta.dims(), [10, 2]);
        for (p, q) in draws.log_density.iter().zip(&draws.log_q) {
            assert!((p - q).abs() < 1e-12);
        }
        assert_eq!(draws.constrained.values, to_host(&draws.theta));
    }
}
