//! Networks that learn from some rows and are measured on others: fits, as `firebrand fit` and `firebrand predict` make them.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use firebrand::core::start::StartOptions;
use firebrand::core::{
    Constrained, Ended, Minibatch, Surroundings, TargetError, fit_within, points, registry,
};
use firebrand::{Data, FitOptions, Model, Placement, Target};

use crate::cli::Failure;

/// One fit, and what is predicted with it.
pub struct Lesson<'a> {
    pub model: &'a Model,
    pub train: &'a Data,
    pub test: &'a Data,
    /// As the registry has it.
    pub inference: &'a str,
    /// Of the data variable `N`, the rows that each step sees.
    pub rows: usize,
    pub max_steps: u64,
    pub seed: u64,
    pub start: StartOptions,
    /// Draws to predict with.
    pub draws: usize,
    pub placement: &'a Placement,
}

/// What came of it.
pub struct Learned {
    /// Draws of what the model computes of the test rows.
    pub predicted: Constrained,
    /// How the fit ended, in a word.
    pub ended: &'static str,
    /// Its wall time.
    pub seconds: f64,
}

impl Lesson<'_> {
    /// Fits a Gaussian with independent coordinates, and draws; `None` if it was interrupted.
    ///
    /// # Errors
    /// A model that does not compile, and a fit that fails.
    pub fn take(&self, cancelled: &AtomicBool) -> Result<Option<Learned>, Failure> {
        let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
        let inference = registry::inference(self.inference).map_err(|e| usage(&e))?;
        let family = registry::family("mean-field").map_err(|e| usage(&e))?;
        let posterior = self
            .model
            .compile_with_plate(self.train, self.placement, "N")?;
        let minibatch: Minibatch = format!("N={}", self.rows)
            .parse()
            .map_err(|error: String| Failure::Usage(error))?;
        let options = FitOptions {
            seed: self.seed,
            max_steps: Some(self.max_steps),
            minibatch: Some(minibatch),
            start: self.start.clone(),
            ..FitOptions::default()
        };
        let mut surroundings = Surroundings {
            cancelled,
            progress: &mut |_| {},
            resume: None,
            keeper: None,
        };
        let failed = |error: &dyn std::fmt::Display| Failure::Fit(error.to_string());
        let fit = fit_within(
            &posterior,
            &*inference.plugin,
            &*family.plugin,
            &options,
            &mut surroundings,
        )
        .map_err(|error| failed(&error))?;
        let ended = match fit.ended {
            Ended::Converged { .. } => "converged",
            Ended::OutOfSteps => "out of steps",
            Ended::OutOfTime | Ended::Interrupted => return Ok(None),
            Ended::Failed { because } => {
                return Err(Failure::Fit(format!("{}: {because}", self.inference)));
            }
        };
        let theta = points(fit.approximation.as_ref(), self.draws, self.seed, 0)
            .map_err(|error| failed(&error))?;
        drop(posterior);
        let test = self.model.compile(self.test, self.placement)?;
        let predicted = match test.constrain_until(&theta, self.seed, cancelled) {
            Ok(predicted) => predicted,
            Err(TargetError::Interrupted) => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        Ok(Some(Learned {
            predicted,
            ended,
            seconds: fit.seconds,
        }))
    }
}

impl Learned {
    /// The column of this name.
    ///
    /// # Errors
    /// If the model has none.
    pub fn column(&self, name: &str) -> Result<usize, Failure> {
        let position = self.predicted.position(name);
        position.ok_or_else(|| Failure::Model(format!("the model computes no `{name}`")))
    }
}

/// A folder that lacks what it should have.
pub fn absent(what: &str, folder: &Path, script: &str, because: &dyn std::fmt::Display) -> Failure {
    Failure::Usage(format!(
        "{what} cannot be read from {}: {because}; `{script} FOLDER` brings it there",
        folder.display()
    ))
}
