//! A member of a family as a target: one that the family can reach exactly.

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::Tensor;
use firebrand_core::{
    Approximation, Batch, Constrained, Evaluation, FamilyError, Parameter, Placement, Target,
    TargetError, to_host,
};

/// The density of an approximation, normalised.
pub struct Member {
    member: Mutex<Box<dyn Approximation>>,
    placement: Placement,
    dimension: usize,
}

impl Member {
    /// A copy of the member.
    pub fn new(member: &dyn Approximation) -> Self {
        Member {
            member: Mutex::new(member.clone_box()),
            placement: member.placement().clone(),
            dimension: member.dimension(),
        }
    }

    fn member(&self) -> MutexGuard<'_, Box<dyn Approximation>> {
        self.member.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Target for Member {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        _: &Batch,
    ) -> Result<Evaluation, TargetError> {
        let member = self.member();
        let failed = |error: FamilyError| TargetError::Model(error.to_string());
        Ok(Evaluation {
            log_density: member.log_prob(theta).map_err(failed)?,
            score: member.score(theta).map_err(failed)?,
            valid: vec![true; theta.dims()[0]],
        })
    }

    fn parameters(&self) -> &[Parameter] {
        &[]
    }

    fn constrain(&self, theta: &Tensor<2>, _: u64) -> Result<Constrained, TargetError> {
        Ok(Constrained {
            columns: vec![],
            values: to_host(theta),
        })
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }
}
