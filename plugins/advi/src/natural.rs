//! Natural-gradient ascent over Gaussians with any covariance.

use firebrand_core::start::{
    Evaluated, FactoredGaussian, NaturalAscent, StateReader, StateWriter, evaluator,
};
use firebrand_core::{
    Approximation, Covariance, InferenceError, Progress, Running, StepContext, StepError,
    StepReport,
};

use crate::rounds::Rounds;

/// One step is one guarded natural-gradient step on the draws of the round.
pub struct Natural {
    approximation: Box<dyn Approximation>,
    gaussian: FactoredGaussian,
    rounds: Rounds,
    next_step: f64,
    /// What the draws of this round asked for while they were fresh.
    asked: Option<(f64, f64)>,
    /// The ascent on the draws of the round; `None` before its first step.
    ascent: Option<NaturalAscent>,
    /// The evaluated draws of a state that was restored, from which its ascent goes on.
    restored: Option<Evaluated>,
}

impl Natural {
    pub fn new(
        approximation: Box<dyn Approximation>,
        rounds: Rounds,
    ) -> Result<Self, InferenceError> {
        let gaussian = approximation.gaussian().ok_or_else(|| {
            InferenceError::Start(format!("`{}` is not a Gaussian", approximation.family()))
        })?;
        Ok(Self {
            gaussian: FactoredGaussian {
                mean: gaussian.mean(),
                factor: gaussian.scale(),
            },
            approximation,
            rounds,
            next_step: 1.0,
            asked: None,
            ascent: None,
            restored: None,
        })
    }
}

impl Running for Natural {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let mut evaluate = evaluator(context.target, context.batch);
        let mut ascent = match self.ascent.take() {
            Some(ascent) => ascent,
            None => {
                let noise = self.rounds.noise(context.seed, self.gaussian.dimension());
                let gaussian = self.gaussian.clone();
                let ascent = match self.restored.take() {
                    Some(at) => NaturalAscent::evaluated_at(gaussian, noise, at),
                    None => NaturalAscent::new(gaussian, noise, &mut evaluate)?,
                };
                ascent.with_step(self.next_step)
            }
        };
        let asked = *self.asked.get_or_insert_with(|| ascent.residual());
        let climb = ascent.climb(&mut evaluate)?;
        let gaussian = ascent.gaussian();
        let covariance = Covariance::Dense(gaussian.covariance());
        self.approximation
            .gaussian_mut()
            .ok_or_else(|| StepError::Fatal("the approximation is not a Gaussian".into()))?
            .set(&gaussian.mean, &covariance)?;
        self.gaussian = gaussian.clone();
        self.next_step = ascent.next_step();

        let residual = ascent.residual();
        let (elbo, elbo_error) = ascent.elbo();
        let diagnostics = vec![
            ("elbo", elbo),
            ("elbo_error", elbo_error),
            ("draws", self.rounds.draws() as f64),
            ("step", climb.step),
            ("halvings", climb.rejected as f64),
            ("shift", residual.0),
            ("spread", residual.1),
        ];
        let solved = climb.step == 0.0 || !self.rounds.matters_within(residual);
        let progress = if solved {
            self.asked = None;
            self.next_step = 1.0;
            self.rounds.end(asked)
        } else {
            self.ascent = Some(ascent);
            Progress::Continue
        };
        Ok(StepReport {
            diagnostics,
            progress,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.approximation.as_ref()
    }

    fn save(&self) -> Vec<u8> {
        let asked = self
            .asked
            .map_or(vec![], |(shift, spread)| vec![shift, spread]);
        let writer = StateWriter::default()
            .blob(&self.approximation.save())
            .numbers(&self.gaussian.mean)
            .matrix(&self.gaussian.factor)
            .number(self.next_step)
            .numbers(&asked);
        let writer = self.rounds.save(writer);
        let at = self.ascent.as_ref().map(NaturalAscent::evaluated);
        match at.or(self.restored.as_ref()) {
            Some(at) => at.save(writer.count(1)).finish(),
            None => writer.count(0).finish(),
        }
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.approximation.restore(reader.blob()?)?;
        self.gaussian.mean = reader.numbers()?;
        self.gaussian.factor = reader.matrix()?;
        self.next_step = reader.number()?;
        self.asked = match reader.numbers()?.as_slice() {
            [shift, spread] => Some((*shift, *spread)),
            _ => None,
        };
        self.rounds.restore(&mut reader)?;
        self.ascent = None;
        self.restored = match reader.count()? {
            0 => None,
            _ => Some(Evaluated::restore(&mut reader)?),
        };
        reader.finish()
    }
}
