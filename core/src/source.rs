//! Sources of targets: places that have models, with their data, by name.

use std::path::PathBuf;

use thiserror::Error;

use crate::reference::Reference;

/// A place that has models with their data, such as a database of posteriors. It knows where things are, and no model language: who
/// asks compiles what it names.
pub trait TargetSource: Send + Sync {
    /// Where the model of that name, and its data, are.
    ///
    /// # Errors
    /// A place that cannot be reached, a name that it does not have, a record in it that is broken.
    fn locate(&self, name: &str) -> Result<Located, SourceError>;

    /// What is known of the posterior of that name from elsewhere, if anything is.
    ///
    /// # Errors
    /// As [`locate`](TargetSource::locate).
    fn reference(&self, name: &str) -> Result<Option<Reference>, SourceError>;
}

/// The files of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The model's text.
    pub model: PathBuf,
    /// Its data; `None` if it has none.
    pub data: Option<PathBuf>,
}

/// Why a source has not what it was asked for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SourceError {
    /// The source itself cannot be used: why, and what to do.
    #[error("{0}")]
    Unavailable(String),
    /// There is nothing of that name.
    #[error("{place} has no `{name}`{}", did_you_mean(.suggestion))]
    Unknown {
        /// The source, as errors name it.
        place: String,
        /// What was asked for.
        name: String,
        /// The nearest name there is.
        suggestion: Option<String>,
    },
    /// A file of the source is not what it should be, or not there.
    #[error("cannot read {}: {problem}", .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion
        .as_ref()
        .map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}
