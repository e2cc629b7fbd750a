//! The iteration over Gaussians in so many dimensions that a dense matrix is too large: each step's objective is minimised by
//! L-BFGS.

use firebrand_core::start::{
    AveragedLambda, LambdaEpoch, Lbfgs, LbfgsOptions, StateReader, StateWriter,
};
use firebrand_core::{
    Approximation, InferenceError, Progress, Running, StepContext, StepError, StepReport,
};

use crate::frozen::Frozen;
use crate::patience::Patience;
use crate::plugin::ProxScoreOptions;

/// Steps in the first epoch.
const FIRST_EPOCH: u64 = 8;

/// One step minimises one proximal objective.
pub struct General {
    lambda: AveragedLambda,
    batch: usize,
    patience: Patience,
    inner_steps: usize,
    tolerance: f64,
}

impl General {
    pub fn new(
        approximation: Box<dyn Approximation>,
        batch: usize,
        patience: Patience,
        options: &ProxScoreOptions,
    ) -> Self {
        Self {
            lambda: AveragedLambda::new(approximation, FIRST_EPOCH),
            batch,
            patience,
            inner_steps: options.inner_steps,
            tolerance: options.tolerance,
        }
    }

    /// The parameters of least objective on the frozen draws.
    fn solve(&self, frozen: &Frozen) -> Result<Vec<f64>, StepError> {
        let lambda = frozen.origin.clone();
        let (value, gradient) = frozen.objective(self.lambda.iterate(), &lambda)?;
        if !value.is_finite() || gradient.iter().any(|g| !g.is_finite()) {
            return Err(StepError::Recoverable("the objective is not finite".into()));
        }
        let options = LbfgsOptions {
            max_iterations: self.inner_steps,
            ..LbfgsOptions::default()
        };
        let mut path = Lbfgs::new(lambda, value, gradient, options);
        let mut q = self.lambda.iterate().clone_box();
        while let Some(trial) = path.trial() {
            let moved = q.set_lambda(&q.placement().vector(trial));
            let outcome = moved.and_then(|()| frozen.objective(q.as_ref(), trial));
            match outcome {
                Ok((value, gradient)) => path.tell(value, &gradient),
                Err(error) if error.is_recoverable() => {
                    path.tell(f64::INFINITY, &vec![f64::NAN; frozen.origin.len()])
                }
                Err(error) => return Err(error.into()),
            };
        }
        Ok(path.point().to_vec())
    }

    fn end_epoch(&mut self, epoch: &LambdaEpoch) -> Progress {
        self.patience.tighten();
        let change = epoch
            .last_objective
            .map(|last| (epoch.objective - last).abs());
        match change {
            // The divergence is a mean square: changes of a given size in the draws have squares of that size.
            Some(change) if change < self.tolerance * epoch.objective.max(self.tolerance) => {
                Progress::Converged(format!(
                    "the score divergence stays at {:.4} per dimension over two epochs",
                    epoch.objective
                ))
            }
            _ => Progress::Continue,
        }
    }
}

impl Running for General {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let mut frozen = Frozen::new(self.lambda.iterate(), self.batch, context)?;
        let dimension = self.lambda.iterate().dimension() as f64;
        let divergence = frozen.mismatch(self.lambda.iterate())?.0 / dimension;
        self.patience.learn(divergence, divergence)?;
        frozen.eta = self.patience.eta();
        let outcome = self.solve(&frozen);
        if outcome.is_err() {
            self.patience.rejected();
        }
        let lambda = outcome?;
        let length = self.lambda.epoch_length() as f64;
        let progress = match self.lambda.advance(lambda, divergence)? {
            Some(epoch) => match self.end_epoch(&epoch) {
                Progress::Converged(_) if length < self.patience.memory() => Progress::Continue,
                progress => progress,
            },
            None => Progress::Continue,
        };
        Ok(StepReport {
            diagnostics: vec![("score_divergence", divergence), ("eta", frozen.eta)],
            progress,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.lambda.approximation()
    }

    fn save(&self) -> Vec<u8> {
        let writer = self.lambda.save(StateWriter::default());
        self.patience.save(writer).finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.lambda.restore(&mut reader)?;
        self.patience.restore(&mut reader)?;
        reader.finish()
    }
}
