//! The iteration over families that are no Gaussians: a few stochastic gradient steps down each objective.
//!
//! Minimised exactly, the objective of one batch of draws is met by parameters that fit these draws and no others: a mixture of three
//! Gaussians, or a flow, then diverges on a curved target. Short steps see many batches before they have gone far. No gradient flows through the draws, so that noise in the
//! target's scores leaves the gradient unbiased.

use firebrand_core::start::{
    Adam, AveragedLambda, LambdaEpoch, Settling, StateReader, StateWriter, parameter_scales,
};
use firebrand_core::{
    Approximation, InferenceError, Progress, Running, StepContext, StepError, StepReport,
};

use crate::frozen::Frozen;
use crate::plugin::ProxScoreOptions;

/// Steps in the first epoch; five epochs are within the steps that are proposed.
const FIRST_EPOCH: u64 = 60;
/// The average over an epoch of this many steps, or fewer, is too noisy to say that a run has converged.
const SHORTEST_JUDGED: u64 = 240;
/// The share by which an epoch must lower the score divergence for steps to stay as long as they are.
const WORTHWHILE: f64 = 0.2;

/// One step takes some gradient steps on one batch of draws.
pub struct Stochastic {
    lambda: AveragedLambda,
    adam: Adam,
    batch: usize,
    eta: f64,
    gradient_steps: usize,
    tolerance: f64,
    /// What says that noisy scores have been averaged enough.
    settling: Option<Settling>,
}

impl Stochastic {
    pub fn new(
        approximation: Box<dyn Approximation>,
        batch: usize,
        options: &ProxScoreOptions,
    ) -> Result<Self, InferenceError> {
        let scales = parameter_scales(approximation.as_ref())?;
        Ok(Self {
            lambda: AveragedLambda::new(approximation, FIRST_EPOCH),
            adam: Adam::new(scales, options.step_size),
            batch,
            eta: options.eta,
            gradient_steps: options.gradient_steps,
            tolerance: options.tolerance,
            settling: None,
        })
    }

    /// For steps that see other rows of the data each. Their noise is most of the score divergence, which then says nothing: the run has
    /// converged when the averages of the parameters have settled.
    pub fn on_batches(self) -> Self {
        Self {
            settling: Some(Settling::default()),
            ..self
        }
    }

    /// Takes the gradient steps, and the score divergence on the draws before them.
    fn descend(&self, context: &StepContext<'_>) -> Result<(Vec<f64>, Adam, f64), StepError> {
        let mut frozen = Frozen::new(self.lambda.iterate(), self.batch, context)?;
        frozen.eta = self.eta;
        let mut q = self.lambda.iterate().clone_box();
        let mut adam = self.adam.clone();
        let mut lambda = frozen.origin.clone();
        let divergence = frozen.mismatch(q.as_ref())?.0 / q.dimension() as f64;
        for _ in 0..self.gradient_steps {
            let (value, gradient) = frozen.objective(q.as_ref(), &lambda)?;
            if !value.is_finite() || gradient.iter().any(|g| !g.is_finite()) {
                return Err(StepError::Recoverable("the objective is not finite".into()));
            }
            let down: Vec<f64> = gradient.iter().map(|g| -g).collect();
            adam.ascend(&mut lambda, &down);
            q.set_lambda(&q.placement().vector(&lambda))?;
        }
        Ok((lambda, adam, divergence))
    }

    fn end_epoch(&mut self, epoch: &LambdaEpoch) -> Progress {
        let fall = epoch
            .last_objective
            .map(|last| (last - epoch.objective) / last);
        if let Some(settling) = &mut self.settling {
            let (progress, wanders) =
                settling.end_epoch(&epoch.lambda, self.adam.scales(), self.tolerance);
            if wanders {
                self.adam.shrink(0.5);
            }
            return progress;
        }
        if fall.is_none_or(|fall| fall < WORTHWHILE) {
            self.adam.shrink(0.5);
        }
        // The next epoch is twice as long as the one that ended.
        let settled = self.lambda.epoch_length() >= 2 * SHORTEST_JUDGED;
        let stays = settled && fall.is_some_and(|fall| fall.abs() < self.tolerance);
        if stays || epoch.objective < self.tolerance.powi(2) {
            return Progress::Converged(format!(
                "the score divergence stays at {:.4} per dimension over two epochs",
                epoch.objective
            ));
        }
        Progress::Continue
    }
}

impl Running for Stochastic {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let outcome = self.descend(context);
        if outcome.is_err() {
            self.adam.shrink(0.7);
        }
        let (lambda, adam, divergence) = outcome?;
        let epoch = self.lambda.advance(lambda, divergence)?;
        self.adam = adam;
        let progress = epoch.map_or(Progress::Continue, |epoch| self.end_epoch(&epoch));
        Ok(StepReport {
            diagnostics: vec![
                ("score_divergence", divergence),
                ("step_size", self.adam.step_size()),
            ],
            progress,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.lambda.approximation()
    }

    fn save(&self) -> Vec<u8> {
        let writer = self.lambda.save(StateWriter::default());
        let writer = self.adam.save(writer);
        match &self.settling {
            Some(settling) => settling.save(writer),
            None => writer,
        }
        .finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.lambda.restore(&mut reader)?;
        self.adam.restore(&mut reader)?;
        if let Some(settling) = &mut self.settling {
            settling.restore(&mut reader)?;
        }
        reader.finish()
    }
}
