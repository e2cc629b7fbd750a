//! A fitted approximation, as a file from which it can be made again.

use std::fmt::Display;
use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::tensors::{self, Numbers, Tensor, Tensors};
use super::{PluginRecord, WriteError, write_atomically};
use crate::family::{Approximation, FamilyError};
use crate::gaussian::GaussianStart;
use crate::panics::{Panic, caught};
use crate::placement::{Placement, into_host};
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

/// Parameters at most that are written as text.
const MOST_AS_TEXT: usize = 1_000_000;
/// The tensor of the parameters.
const LAMBDA: &str = "lambda";

/// What is said of the parameters, beside them.
#[derive(Serialize, Deserialize)]
struct Described {
    family: PluginRecord,
    dimension: usize,
}

impl SavedApproximation {
    /// The file of one with few parameters, as text.
    pub const RON: &str = "approximation.ron";
    /// The file of one with many.
    pub const TENSORS: &str = "approximation.safetensors";

    /// The numbers of an approximation that `family` made.
    ///
    /// # Errors
    /// If it panics, as one of a shared library does that cannot give them.
    pub fn of(
        approximation: &dyn Approximation,
        family: PluginRecord,
    ) -> Result<Self, FamilyError> {
        let lambda = || Ok(into_host(approximation.lambda()));
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

    /// Writes it to a folder: as [`RON`](Self::RON), or with more than a million parameters, for which text would take three times the
    /// room, as [`TENSORS`](Self::TENSORS).
    pub fn write(&self, folder: &Path) -> Result<(), WriteError> {
        self.write_within(folder, MOST_AS_TEXT)
    }

    fn write_within(&self, folder: &Path, most_as_text: usize) -> Result<(), WriteError> {
        if self.lambda.len() > most_as_text {
            let record = Described {
                family: self.family.clone(),
                dimension: self.dimension,
            };
            let lambda = Tensor::vector(Numbers::Reals(self.lambda.as_slice().into()));
            let tensors = [(LAMBDA.to_string(), lambda)];
            return tensors::write(&folder.join(Self::TENSORS), &record, &tensors);
        }
        write_atomically(&folder.join(Self::RON), |out| {
            out.write_all(self.to_ron().as_bytes())?;
            out.write_all(b"\n")
        })
    }

    /// Reads what [`write`](Self::write) wrote to a folder; `None` if there is nothing of it.
    ///
    /// # Errors
    /// The file, and what is wrong with it.
    pub fn read(folder: &Path) -> Result<Option<Self>, RestoreError> {
        let unreadable =
            |name: &str, error: &dyn Display| RestoreError::Unreadable(format!("{name}: {error}"));
        match fs::read_to_string(folder.join(Self::RON)) {
            Ok(text) => return Self::from_ron(&text).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable(Self::RON, &error)),
        }
        let file = match Tensors::read(&folder.join(Self::TENSORS)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(Self::TENSORS, &error)),
        };
        let parts = file.parts::<Described>();
        let read = parts.and_then(|(described, parts)| Ok((described, parts.reals(LAMBDA)?)));
        let (Described { family, dimension }, lambda) =
            read.map_err(|error| unreadable(Self::TENSORS, &error))?;
        Ok(Some(SavedApproximation {
            family,
            dimension,
            lambda,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::to_host;
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
    fn many_parameters_are_a_file_of_numbers_and_few_are_text() {
        let folder = tempfile::tempdir().unwrap();
        let read = || SavedApproximation::read(folder.path());
        assert_eq!(read(), Ok(None));
        saved().write_within(folder.path(), 3).unwrap();
        assert!(!folder.path().join(SavedApproximation::RON).exists());
        assert_eq!(read(), Ok(Some(saved())));
        fs::write(folder.path().join(SavedApproximation::TENSORS), "none").unwrap();
        assert!(
            matches!(read(), Err(RestoreError::Unreadable(why)) if why.contains("approximation.safetensors"))
        );
        saved().write(folder.path()).unwrap();
        assert!(folder.path().join(SavedApproximation::RON).exists());
        assert_eq!(read(), Ok(Some(saved())));
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
