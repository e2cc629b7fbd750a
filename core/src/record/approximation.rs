//! A fitted approximation, as a file from which it can be made again.

use std::path::Path;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{PluginRecord, WriteError, write_atomically};
use crate::family::{Approximation, FamilyError};
use crate::gaussian::GaussianStart;
use crate::panics::{Panic, caught};
use crate::placement::{Placement, to_host};
use crate::registry::{self, ChoiceError};

/// An approximation as numbers: its family with options, and its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedApproximation {
    /// The family and its options.
    pub family: PluginRecord,
    /// D, the dimension of its draws.
    pub dimension: usize,
    /// Lambda.
    pub lambda: Vec<f64>,
}

/// Why a saved approximation could not be made again.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum RestoreError {
    /// The file is not one.
    #[error("this is not a saved approximation: {0}")]
    Unreadable(String),
    /// Its family is not here, or no longer has these options.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// The family does not take these parameters.
    #[error(transparent)]
    Family(#[from] FamilyError),
}

impl SavedApproximation {
    /// The numbers of an approximation that `family` made.
    ///
    /// # Errors
    /// If it panics, as one of a shared library does that cannot give them.
    pub fn of(
        approximation: &dyn Approximation,
        family: PluginRecord,
    ) -> Result<Self, FamilyError> {
        let lambda = || Ok(to_host(&approximation.lambda()));
        let panicked = |panic: Panic| FamilyError::Other(panic.to_string());
        Ok(SavedApproximation {
            family,
            dimension: approximation.dimension(),
            lambda: caught(lambda, panicked)?,
        })
    }

    /// Makes it again, at `placement`.
    pub fn restore(&self, placement: &Placement) -> Result<Box<dyn Approximation>, RestoreError> {
        let text = format!("{}{}", self.family.name, self.family.options);
        let family = registry::family(&text)?;
        let start = GaussianStart::standard(self.dimension);
        let mut approximation = family.plugin.start(self.dimension, &start, placement)?;
        let expected = approximation.lambda().dims()[0];
        if self.lambda.len() != expected {
            return Err(FamilyError::Size {
                what: "the saved lambda".into(),
                expected,
                found: self.lambda.len(),
            }
            .into());
        }
        approximation.set_lambda(&placement.vector(&self.lambda))?;
        Ok(approximation)
    }

    /// As RON, which keeps every bit of the numbers.
    pub fn to_ron(&self) -> String {
        ron::ser::to_string_pretty(self, ron::ser::PrettyConfig::default())
            .unwrap_or_else(|error| format!("/* {error} */"))
    }

    /// Reads what [`to_ron`](SavedApproximation::to_ron) gave.
    pub fn from_ron(text: &str) -> Result<Self, RestoreError> {
        ron::from_str(text).map_err(|error| RestoreError::Unreadable(error.to_string()))
    }

    /// Writes it as RON.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        write_atomically(path, |out| {
            out.write_all(self.to_ron().as_bytes())?;
            out.write_all(b"\n")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Independent;

    fn saved() -> SavedApproximation {
        let q = Independent::new(&[0.1, -1e-300], &[2.0, 1.0]);
        let family = registry::family("independent").unwrap();
        SavedApproximation::of(&q, (&family).into()).unwrap()
    }

    #[test]
    fn an_approximation_survives_the_way_to_text_and_back() {
        let back = SavedApproximation::from_ron(&saved().to_ron()).unwrap();
        assert_eq!(back, saved());
        let restored = back.restore(&Placement::cpu()).unwrap();
        assert_eq!(to_host(&restored.lambda()), saved().lambda);
    }

    #[test]
    fn a_family_that_is_not_here_and_a_lambda_of_the_wrong_size_are_refused() {
        let message = |saved: &SavedApproximation| {
            let error = saved.restore(&Placement::cpu()).err();
            error.map(|error| error.to_string()).unwrap_or_default()
        };
        let mut elsewhere = saved();
        elsewhere.family.name = "spline".into();
        assert!(message(&elsewhere).starts_with("there is no family `spline`"));
        let mut short = saved();
        short.lambda.pop();
        assert_eq!(
            message(&short),
            "the saved lambda has size 3, but 4 was expected"
        );
    }
}
