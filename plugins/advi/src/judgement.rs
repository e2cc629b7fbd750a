//! What the end of an epoch says, wherever the iterates were.

use firebrand_core::start::{LambdaEpoch, Settling, StateReader, StateWriter};
use firebrand_core::{InferenceError, Progress};

/// A rise of the average ELBO, in nats, from one epoch to the next, above which steps stay as long as they are.
const WORTHWHILE: f64 = 0.1;
/// An epoch of fewer steps is too short to say that a run has converged: flows turn slowly.
const SHORTEST_JUDGED: u64 = 800;

/// Whether averages over epochs have settled.
#[derive(Clone, Debug)]
pub struct Judgement {
    tolerance: f64,
    /// What says that noisy scores have been averaged enough.
    settling: Option<Settling>,
}

impl Judgement {
    pub fn new(tolerance: f64) -> Self {
        Judgement {
            tolerance,
            settling: None,
        }
    }

    /// For steps that see other rows of the data each. Their ELBO is too noisy to say anything: the run has converged when the averages
    /// of the parameters have settled.
    pub fn on_batches(self) -> Self {
        Self {
            settling: Some(Settling::default()),
            ..self
        }
    }

    /// Ends an epoch, which the next is twice as long as: compares it with the last one. Says whether to go on, and whether steps have to become
    /// shorter. `scales` are the units of the parameters.
    pub fn end_epoch(
        &mut self,
        epoch: &LambdaEpoch,
        scales: &[f64],
        next_length: u64,
    ) -> (Progress, bool) {
        if let Some(settling) = &mut self.settling {
            return settling.end_epoch(&epoch.lambda, scales, self.tolerance);
        }
        let rise = epoch.last_objective.map(|last| epoch.objective - last);
        let settled = next_length >= 2 * SHORTEST_JUDGED;
        let progress = match rise {
            Some(rise) if settled && rise.abs() < self.tolerance => Progress::Converged(format!(
                "the average ELBO changed by {rise:.4} nats between two epochs"
            )),
            _ => Progress::Continue,
        };
        (progress, rise.is_none_or(|rise| rise < WORTHWHILE))
    }

    pub fn save(&self, writer: StateWriter) -> StateWriter {
        match &self.settling {
            Some(settling) => settling.save(writer),
            None => writer,
        }
    }

    pub fn restore(&mut self, reader: &mut StateReader<'_>) -> Result<(), InferenceError> {
        match &mut self.settling {
            Some(settling) => settling.restore(reader),
            None => Ok(()),
        }
    }
}
