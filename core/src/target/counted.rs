//! A target that counts what it is asked: the cost of a fit, in units that carry over between machines.

use std::sync::atomic::{AtomicU64, Ordering};

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{Batch, Constrained, Density, Evaluation, Parameter, Target, TargetError};
use crate::placement::Placement;

/// How often a target was evaluated, per draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Draws whose log density and score were computed.
    pub gradients: u64,
    /// Draws whose log density alone was computed.
    pub densities: u64,
    /// Draws, of both kinds, that were invalid.
    pub invalid: u64,
}

impl Counts {
    /// What was spent since `earlier`.
    pub fn since(self, earlier: Counts) -> Counts {
        Counts {
            gradients: self.gradients - earlier.gradients,
            densities: self.densities - earlier.densities,
            invalid: self.invalid - earlier.invalid,
        }
    }
}

/// Wraps a target and counts its evaluations.
pub struct Counted<'a> {
    target: &'a dyn Target,
    gradients: AtomicU64,
    densities: AtomicU64,
    invalid: AtomicU64,
}

impl<'a> Counted<'a> {
    /// Starts at zero.
    pub fn new(target: &'a dyn Target) -> Self {
        Counted {
            target,
            gradients: AtomicU64::new(0),
            densities: AtomicU64::new(0),
            invalid: AtomicU64::new(0),
        }
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        Counts {
            gradients: self.gradients.load(Ordering::Relaxed),
            densities: self.densities.load(Ordering::Relaxed),
            invalid: self.invalid.load(Ordering::Relaxed),
        }
    }

    fn note(&self, counter: &AtomicU64, valid: &[bool]) {
        counter.fetch_add(valid.len() as u64, Ordering::Relaxed);
        let invalid = valid.iter().filter(|&&valid| !valid).count();
        self.invalid.fetch_add(invalid as u64, Ordering::Relaxed);
    }
}

impl Target for Counted<'_> {
    fn dimension(&self) -> usize {
        self.target.dimension()
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        let out = self.target.log_density_and_score(theta, batch)?;
        self.note(&self.gradients, &out.valid);
        Ok(out)
    }

    fn log_density(&self, theta: &Tensor<2>, batch: &Batch) -> Result<Density, TargetError> {
        let out = self.target.log_density(theta, batch)?;
        self.note(&self.densities, &out.valid);
        Ok(out)
    }

    fn parameters(&self) -> &[Parameter] {
        self.target.parameters()
    }

    fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError> {
        self.target.constrain(theta, seed)
    }

    fn placement(&self) -> &Placement {
        self.target.placement()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::GaussianTarget;

    #[test]
    fn draws_are_counted_by_what_was_asked_of_them() {
        let target = GaussianTarget::standard(2);
        let counted = Counted::new(&target);
        let theta = target.placement().zeros([5, 2]);
        counted.log_density_and_score(&theta, &Batch::Full).unwrap();
        counted.log_density(&theta, &Batch::Full).unwrap();
        counted.log_density(&theta, &Batch::Full).unwrap();
        assert_eq!(
            counted.counts(),
            Counts {
                gradients: 5,
                densities: 10,
                invalid: 0
            }
        );
    }
}
