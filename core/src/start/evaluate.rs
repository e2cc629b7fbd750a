//! The target as the start service sees it: log densities and scores on the host.

use faer::{Mat, MatRef};
use thiserror::Error;

use super::bytes::{StateReader, StateWriter};
use crate::inference::{InferenceError, StepError};
use crate::placement::{from_mat, to_host};
use crate::target::{Batch, Target, TargetError};

/// Evaluates points `[D, S]`, one a column.
pub type Evaluate<'a> = dyn FnMut(MatRef<'_, f64>) -> Result<Evaluated, StartError> + 'a;

/// Why no start was found.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum StartError {
    /// The target could not be evaluated at all.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// None of the points tried has a finite log density and score.
    #[error("none of {draws} draws has a finite log density and score")]
    NoValidDraw {
        /// How many were tried.
        draws: usize,
    },
}

impl StartError {
    /// Whether the search was asked to end: what it has found by then may do.
    pub(super) fn is_interruption(&self) -> bool {
        matches!(self, StartError::Target(TargetError::Interrupted))
    }
}

/// The target on a batch of its data, as a function of points on the host.
pub fn evaluator<'a>(
    target: &'a dyn Target,
    batch: &'a Batch,
) -> impl FnMut(MatRef<'_, f64>) -> Result<Evaluated, StartError> + 'a {
    move |points| {
        let theta = from_mat(points.transpose(), target.placement());
        let at = target.log_density_and_score(&theta, batch)?;
        let score = to_host(&at.score);
        let dimension = points.nrows();
        Ok(Evaluated {
            log_density: to_host(&at.log_density),
            score: Mat::from_fn(dimension, points.ncols(), |d, s| score[s * dimension + d]),
            valid: at.valid,
        })
    }
}

impl From<StartError> for StepError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Target(error) => error.into(),
            // Another Gaussian, or other draws, may have valid draws again.
            StartError::NoValidDraw { .. } => StepError::Recoverable(error.to_string()),
        }
    }
}

/// Log densities and scores of S points.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// `[S]`; minus infinity where invalid.
    pub log_density: Vec<f64>,
    /// `[D, S]`; zero where invalid.
    pub score: Mat<f64>,
    /// `[S]`.
    pub valid: Vec<bool>,
}

impl Evaluated {
    /// As part of the state of an algorithm.
    pub fn save(&self, writer: StateWriter) -> StateWriter {
        let valid: Vec<u8> = self.valid.iter().map(|&valid| valid.into()).collect();
        writer
            .numbers(&self.log_density)
            .matrix(&self.score)
            .blob(&valid)
    }

    /// Reads what [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// If that is not what comes next.
    pub fn restore(reader: &mut StateReader<'_>) -> Result<Self, InferenceError> {
        Ok(Self {
            log_density: reader.numbers()?,
            score: reader.matrix()?,
            valid: reader.blob()?.iter().map(|&valid| valid != 0).collect(),
        })
    }

    /// S.
    pub fn draws(&self) -> usize {
        self.valid.len()
    }

    /// How many draws are valid.
    pub fn valid_count(&self) -> usize {
        self.valid.iter().filter(|&&valid| valid).count()
    }

    /// Mean log density of the valid draws, and its standard error.
    pub fn mean_log_density(&self) -> (f64, f64) {
        let values = self.log_density.iter().zip(&self.valid);
        mean_and_error(values.filter_map(|(&value, &valid)| valid.then_some(value)))
    }
}

/// Mean and its standard error.
pub(super) fn mean_and_error(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    (mean, (variance / count).sqrt())
}
