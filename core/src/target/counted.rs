//! A target that counts what it is asked: the cost of a fit, in units that carry over between machines.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{Batch, Constrained, Density, Evaluation, Parameter, Plate, Target, TargetError};
use crate::placement::Placement;
use crate::stop::Stop;

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

/// Counts that go up, shared by every [`Counted`] view of a target.
#[derive(Debug, Default)]
pub struct Counters {
    gradients: AtomicU64,
    densities: AtomicU64,
    invalid: AtomicU64,
}

impl From<Counts> for Counters {
    /// Goes on from here.
    fn from(counts: Counts) -> Self {
        Counters {
            gradients: counts.gradients.into(),
            densities: counts.densities.into(),
            invalid: counts.invalid.into(),
        }
    }
}

impl Counters {
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

/// A view of a target that counts its evaluations, may refuse them once the run is asked to end, and may take some of the data for
/// all of it.
pub struct Counted<'a> {
    target: &'a dyn Target,
    counters: &'a Counters,
    stop: Option<Stop<'a>>,
    /// What is evaluated where all of the data is asked for.
    full: Batch,
}

impl<'a> Counted<'a> {
    /// Counts evaluations of `target` in `counters`.
    pub fn new(target: &'a dyn Target, counters: &'a Counters) -> Self {
        Counted {
            target,
            counters,
            stop: None,
            full: Batch::Full,
        }
    }

    /// Fails with [`TargetError::Interrupted`] once `stop` asks for it: for work that does not look itself.
    pub fn until(self, stop: Stop<'a>) -> Self {
        Counted {
            stop: Some(stop),
            ..self
        }
    }

    /// Evaluates `batch` where all of the data is asked for: for work that wants a density that stays the same, but not all of the
    /// data.
    pub fn on(self, batch: Batch) -> Self {
        Counted {
            full: batch,
            ..self
        }
    }

    fn instead<'b>(&'b self, batch: &'b Batch) -> &'b Batch {
        match batch {
            Batch::Full => &self.full,
            rows => rows,
        }
    }

    fn check(&self) -> Result<(), TargetError> {
        match self.stop.and_then(|stop| stop.reason()) {
            Some(_) => Err(TargetError::Interrupted),
            None => Ok(()),
        }
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
        self.check()?;
        let out = self
            .target
            .log_density_and_score(theta, self.instead(batch))?;
        self.counters.note(&self.counters.gradients, &out.valid);
        Ok(out)
    }

    fn log_density(&self, theta: &Tensor<2>, batch: &Batch) -> Result<Density, TargetError> {
        self.check()?;
        let out = self.target.log_density(theta, self.instead(batch))?;
        self.counters.note(&self.counters.densities, &out.valid);
        Ok(out)
    }

    fn plates(&self) -> Vec<Plate> {
        self.target.plates()
    }

    fn parameters(&self) -> &[Parameter] {
        self.target.parameters()
    }

    fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError> {
        self.target.constrain(theta, seed)
    }

    fn constrain_until(
        &self,
        theta: &Tensor<2>,
        seed: u64,
        cancelled: &AtomicBool,
    ) -> Result<Constrained, TargetError> {
        self.target.constrain_until(theta, seed, cancelled)
    }

    fn constrain_parameters(&self, theta: &Tensor<2>) -> Result<Constrained, TargetError> {
        self.target.constrain_parameters(theta)
    }

    fn propose_start(&self, seed: u64, point: &mut [f64]) {
        self.target.propose_start(seed, point);
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
        let counters = Counters::default();
        let counted = Counted::new(&target, &counters);
        let theta = target.placement().zeros([5, 2]);
        counted.log_density_and_score(&theta, &Batch::Full).unwrap();
        counted.log_density(&theta, &Batch::Full).unwrap();
        counted.log_density(&theta, &Batch::Full).unwrap();
        let expected = Counts {
            gradients: 5,
            densities: 10,
            invalid: 0,
        };
        assert_eq!(counters.counts(), expected);
    }

    #[test]
    fn a_run_that_is_cancelled_gets_no_more_evaluations() {
        let target = GaussianTarget::standard(2);
        let counters = Counters::default();
        let cancelled = AtomicBool::new(false);
        let counted = Counted::new(&target, &counters).until(Stop::new(&cancelled, None));
        let theta = target.placement().zeros([1, 2]);
        assert!(counted.log_density(&theta, &Batch::Full).is_ok());
        cancelled.store(true, Ordering::Relaxed);
        let error = counted.log_density(&theta, &Batch::Full).unwrap_err();
        assert_eq!(error, TargetError::Interrupted);
    }
}
