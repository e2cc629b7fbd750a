//! The climb to the mode.

use firebrand_core::start::{Adam, LambdaAverage, Settling, StateReader, StateWriter};
use firebrand_core::{
    Approximation, Covariance, FamilyError, InferenceError, Progress, Running, StepContext,
    StepError, StepReport, to_host,
};

use crate::plugin::MapOptions;

/// Steps in the first epoch.
const FIRST_EPOCH: u64 = 64;
/// Standard deviation of what is shown: no function that anybody evaluates varies over it, and a log density of it is finite.
const POINT: f64 = 1e-8;

/// The way to the mode. Every step evaluates one point.
pub struct Climb {
    /// About the average over the last whole epoch; about the iterate while there is none.
    approximation: Box<dyn Approximation>,
    iterate: Vec<f64>,
    average: LambdaAverage,
    adam: Adam,
    settling: Settling,
    tolerance: f64,
}

impl Climb {
    /// From the mean of an approximation.
    ///
    /// # Errors
    /// If it is no Gaussian.
    pub fn new(
        approximation: Box<dyn Approximation>,
        options: &MapOptions,
    ) -> Result<Self, InferenceError> {
        let gaussian = approximation.gaussian().ok_or_else(|| {
            InferenceError::Start(format!("`{}` is not a Gaussian", approximation.family()))
        })?;
        let iterate = gaussian.mean();
        let dimension = iterate.len();
        let mut climb = Climb {
            average: LambdaAverage::new(dimension, FIRST_EPOCH),
            adam: Adam::new(vec![1.0; dimension], options.step_size),
            settling: Settling::default(),
            tolerance: options.tolerance,
            iterate,
            approximation,
        };
        climb.show(&climb.iterate.clone())?;
        Ok(climb)
    }

    fn show(&mut self, point: &[f64]) -> Result<(), FamilyError> {
        let narrow = Covariance::Diagonal(vec![POINT * POINT; point.len()]);
        match self.approximation.gaussian_mut() {
            Some(gaussian) => gaussian.set(point, &narrow),
            None => Err(FamilyError::Other("it is not a Gaussian".into())),
        }
    }
}

impl Running for Climb {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let placement = self.approximation.placement();
        let theta = placement.matrix(self.iterate.clone(), [1, self.iterate.len()]);
        let at = context
            .target
            .log_density_and_score(&theta, context.batch)?;
        let score = to_host(&at.score);
        if !at.valid[0] || score.iter().any(|s| !s.is_finite()) {
            self.adam.shrink(0.5);
            let reason = "there are no valid draws: the log density has no gradient at the point";
            return Err(StepError::Recoverable(reason.into()));
        }
        let log_density = to_host(&at.log_density)[0];
        self.adam.ascend(&mut self.iterate, &score);
        let epoch = self.average.push(self.iterate.iter().copied(), log_density);
        let progress = match epoch {
            Some(epoch) => {
                self.show(&epoch.lambda)?;
                let (progress, wanders) =
                    self.settling
                        .end_epoch(&epoch.lambda, self.adam.scales(), self.tolerance);
                if wanders {
                    self.adam.shrink(0.5);
                }
                progress
            }
            None => {
                if !self.average.has_epoch() {
                    self.show(&self.iterate.clone())?;
                }
                Progress::Continue
            }
        };
        Ok(StepReport {
            diagnostics: vec![
                ("log_density", log_density),
                ("step_size", self.adam.step_size()),
            ],
            progress,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.approximation.as_ref()
    }

    fn save(&self) -> Vec<u8> {
        let writer = StateWriter::default()
            .blob(&self.approximation.save())
            .numbers(&self.iterate);
        let writer = self.average.save(writer);
        let writer = self.adam.save(writer);
        self.settling.save(writer).finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.approximation.restore(reader.blob()?)?;
        self.iterate = reader.numbers()?;
        self.average.restore(&mut reader)?;
        self.adam.restore(&mut reader)?;
        self.settling.restore(&mut reader)?;
        reader.finish()
    }
}
