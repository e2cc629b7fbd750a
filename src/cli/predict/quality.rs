//! How well rows are predicted that the fit has not seen.

use serde::Serialize;

use super::classification::Classification;
use super::figure::Reliability;
use super::regression::Regression;
use super::scored::{Scored, Standing};

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Quality {
    /// Of probabilities of classes.
    Classification(Classification),
    /// Of draws of numbers.
    Regression(Regression),
}

/// Whether probabilities are what they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// As far as so many rows can tell.
    Calibrated,
    /// Surer than is right.
    OverConfident,
    /// Less sure than would be right.
    UnderConfident,
    /// So few rows or draws cannot tell.
    Unknown,
}

/// With fewer rows nothing is said of calibration.
pub const FEWEST_ROWS: usize = 10;
/// Nor where chance moves what is measured by more than this.
pub const MOST_CHANCE: f64 = 0.25;

/// The density of rows that a baseline without a spread is of, in words.
pub const POINT: &str = "infinity, since the rows are all the same";

/// What a reader needs to know.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether anything is gained over a prediction without a model.
    pub standing: Standing,
    /// Whether probabilities are what they say.
    pub calibration: Calibration,
    /// Both, with their numbers.
    pub sentence: String,
}

impl Quality {
    /// The verdict, whose parts are decided by what chance gives.
    pub fn verdict(&self) -> Verdict {
        match self {
            Quality::Classification(measured) => measured.verdict(),
            Quality::Regression(measured) => measured.verdict(),
        }
    }

    /// How often what is predicted comes true.
    pub fn figure(&self) -> Reliability {
        match self {
            Quality::Classification(measured) => measured.figure(),
            Quality::Regression(measured) => measured.figure(),
        }
    }
}

impl Verdict {
    /// `measure` is what `scored` is called, `baseline` what it compares with, and `calibrated` says why calibration is what it is.
    pub fn new(
        (measure, scored): (&str, &Scored),
        baseline: &str,
        calibration: Calibration,
        calibrated: &str,
    ) -> Self {
        let standing = scored.standing();
        let compared = match standing {
            Standing::Better => "better than",
            Standing::NoBetter => "no better, within sampling error, than",
            Standing::Worse => "worse than",
        };
        let agree = (standing == Standing::Better) == (calibration == Calibration::Calibrated);
        let conjunction = if agree { "and" } else { "but" };
        let value = scored.value;
        let without = match scored.baseline.is_finite() {
            true => format!("{:.3}", scored.baseline),
            false => POINT.into(),
        };
        Verdict {
            standing,
            calibration,
            sentence: format!(
                "predicts {compared} {baseline} ({measure} {value:.3} against {without}), {conjunction} {calibrated}"
            ),
        }
    }
}
