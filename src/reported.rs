//! A target as it is reported: its draws on the model's scale, with or without generated quantities.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Tensor;
use firebrand_core::{
    Batch, Constrained, Density, Evaluation, Parameter, Placement, Target, TargetError,
};

/// Draws whose generated quantities are computed between two looks at a request to end.
const CHUNK: usize = 64;

/// Far apart from one chunk to the next: 2^64 divided by the golden ratio.
const SEED_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A target that says less of its draws, or gives up saying it.
pub(crate) enum Reported<'a> {
    /// Without generated quantities.
    Parameters(&'a dyn Target),
    /// With them, unless the flag is raised while they are computed.
    All(&'a dyn Target, &'a AtomicBool),
}

impl Reported<'_> {
    fn target(&self) -> &dyn Target {
        match self {
            Reported::Parameters(target) | Reported::All(target, _) => *target,
        }
    }
}

impl Target for Reported<'_> {
    fn dimension(&self) -> usize {
        self.target().dimension()
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        self.target().log_density_and_score(theta, batch)
    }

    fn log_density(&self, theta: &Tensor<2>, batch: &Batch) -> Result<Density, TargetError> {
        self.target().log_density(theta, batch)
    }

    fn parameters(&self) -> &[Parameter] {
        self.target().parameters()
    }

    fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError> {
        match self {
            Reported::Parameters(target) => target.constrain_parameters(theta),
            Reported::All(target, cancelled) => constrain_chunks(*target, theta, seed, cancelled),
        }
    }

    fn placement(&self) -> &Placement {
        self.target().placement()
    }
}

/// Generated quantities are run draw by draw, and may take far longer than the fit.
fn constrain_chunks(
    target: &dyn Target,
    theta: &Tensor<2>,
    seed: u64,
    cancelled: &AtomicBool,
) -> Result<Constrained, TargetError> {
    let draws = theta.dims()[0];
    let mut all = Constrained::default();
    for (chunk, start) in (0..draws).step_by(CHUNK).enumerate() {
        if cancelled.load(Ordering::Relaxed) {
            return Err(TargetError::Interrupted);
        }
        let rows = theta.clone().narrow(0, start, CHUNK.min(draws - start));
        let seed = seed.wrapping_add(SEED_STEP.wrapping_mul(chunk as u64));
        let Constrained { columns, values } = target.constrain(&rows, seed)?;
        all.columns = columns;
        all.values.extend(values);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Data, Model};

    #[test]
    fn chunks_have_their_own_random_numbers_and_the_same_ones_every_time() {
        let text = "parameters { real x; } model { x ~ std_normal(); }\n\
                    generated quantities { real y = normal_rng(0, 1); }";
        let model = Model::parse("m", text).expect("a model");
        let posterior = model.compile(&Data::empty(), &Placement::cpu());
        let posterior = posterior.expect("a posterior");
        let theta = Placement::cpu().zeros([3 * CHUNK + 1, 1]);
        let never = AtomicBool::new(false);
        let y = || {
            let draws = Reported::All(&posterior, &never).constrain(&theta, 5);
            draws.expect("draws").column(1)
        };
        assert_eq!(y(), y());
        let mut sorted = y();
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        assert_eq!(sorted.len(), 3 * CHUNK + 1);
    }

    #[test]
    fn a_raised_flag_ends_them() {
        let target = firebrand_core::GaussianTarget::standard(1);
        let theta = Placement::cpu().zeros([2, 1]);
        let raised = Reported::All(&target, &AtomicBool::new(true)).constrain(&theta, 5);
        assert_eq!(raised, Err(TargetError::Interrupted));
        let parameters = Reported::Parameters(&target).constrain(&theta, 5);
        assert_eq!(parameters.expect("draws").draws(), 2);
    }
}
