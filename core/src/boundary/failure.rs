//! How errors and panics cross the boundary: as a status and a text.

use super::abi::{self, Status};
use super::sink::Giver;
use crate::family::FamilyError;
use crate::inference::{InferenceError, StepError};
use crate::options::OptionsError;
use crate::panics::{Panic, caught};
use crate::target::TargetError;

/// Why a call did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It said so, in its own words.
    Said(String),
    /// It panicked.
    Panicked(String),
    NotPositiveDefinite,
    /// What is not finite.
    NotFinite(String),
    /// A step was rejected, and the next one may work.
    Rejected(String),
    Interrupted,
    /// The other side does not keep to the boundary; a clause on how, whose subject is the plugin.
    Broken(String),
}

impl Failure {
    /// The failure that a status and a text stand for.
    pub fn read(status: Status, text: String) -> Self {
        match status {
            abi::FAILED => Failure::Said(text),
            abi::PANICKED => Failure::Panicked(text),
            abi::NOT_POSITIVE_DEFINITE => Failure::NotPositiveDefinite,
            abi::NOT_FINITE => Failure::NotFinite(text),
            abi::REJECTED => Failure::Rejected(text),
            abi::INTERRUPTED => Failure::Interrupted,
            other => Failure::Broken(format!("returned the unknown status {other}")),
        }
    }

    fn parts(self) -> (Status, String) {
        match self {
            Failure::Said(text) => (abi::FAILED, text),
            Failure::Panicked(text) => (abi::PANICKED, text),
            Failure::NotPositiveDefinite => (abi::NOT_POSITIVE_DEFINITE, String::new()),
            Failure::NotFinite(what) => (abi::NOT_FINITE, what),
            Failure::Rejected(text) => (abi::REJECTED, text),
            Failure::Interrupted => (abi::INTERRUPTED, String::new()),
            Failure::Broken(how) => (abi::FAILED, format!("what called it {how}")),
        }
    }

    /// A sentence, about the plugin of this name.
    pub fn sentence(&self, plugin: &str) -> String {
        match self {
            // It comes back from the other side, where it was told already.
            Failure::Said(text) if text.starts_with(&format!("`{plugin}` ")) => text.clone(),
            Failure::Said(text) | Failure::Rejected(text) => format!("`{plugin}` says: {text}"),
            Failure::Panicked(text) => format!("`{plugin}` panicked: {text}"),
            Failure::NotPositiveDefinite => FamilyError::NotPositiveDefinite.to_string(),
            Failure::NotFinite(what) => format!("{what} is not finite"),
            Failure::Interrupted => TargetError::Interrupted.to_string(),
            Failure::Broken(how) => format!("`{plugin}` {how}"),
        }
    }

    pub fn family(self, plugin: &str) -> FamilyError {
        match self {
            Failure::NotPositiveDefinite => FamilyError::NotPositiveDefinite,
            Failure::NotFinite(what) => FamilyError::NotFinite { what },
            other => FamilyError::Other(other.sentence(plugin)),
        }
    }

    pub fn target(self, plugin: &str) -> TargetError {
        match self {
            Failure::Interrupted => TargetError::Interrupted,
            other => TargetError::Model(other.sentence(plugin)),
        }
    }

    pub fn step(self, plugin: &str) -> StepError {
        match self {
            Failure::Rejected(text) => StepError::Recoverable(text),
            Failure::NotPositiveDefinite | Failure::NotFinite(_) => {
                StepError::Recoverable(self.sentence(plugin))
            }
            other => StepError::Fatal(other.sentence(plugin)),
        }
    }

    pub fn inference(self, plugin: &str) -> InferenceError {
        match self {
            Failure::Interrupted => TargetError::Interrupted.into(),
            other => self::FamilyError::Other(other.sentence(plugin)).into(),
        }
    }
}

impl From<Panic> for Failure {
    fn from(panic: Panic) -> Self {
        match panic {
            Panic::Told(sentence) => Failure::Said(sentence),
            Panic::Fault(message) => Failure::Panicked(message),
        }
    }
}

impl From<FamilyError> for Failure {
    fn from(error: FamilyError) -> Self {
        match error {
            FamilyError::NotPositiveDefinite => Failure::NotPositiveDefinite,
            FamilyError::NotFinite { what } => Failure::NotFinite(what),
            other => Failure::Said(other.to_string()),
        }
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Interrupted => Failure::Interrupted,
            other => Failure::Said(other.to_string()),
        }
    }
}

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Recoverable(text) => Failure::Rejected(text),
            StepError::Fatal(text) => Failure::Said(text),
        }
    }
}

impl From<InferenceError> for Failure {
    fn from(error: InferenceError) -> Self {
        match error {
            InferenceError::Target(error) => error.into(),
            InferenceError::Family(error) => error.into(),
            other => Failure::Said(other.to_string()),
        }
    }
}

/// The reason alone: the host knows the options, and says which there are.
impl From<OptionsError> for Failure {
    fn from(error: OptionsError) -> Self {
        Failure::Said(error.reason)
    }
}

/// Runs the body of a function that the other side called. Its error and its panic become a status and a text.
pub(super) fn guard(giver: Giver, body: impl FnOnce(Giver) -> Result<(), Failure>) -> Status {
    match caught(|| body(giver), Failure::from) {
        Ok(()) => abi::OK,
        Err(failure) => {
            let (status, text) = failure.parts();
            giver.text(text.as_bytes());
            status
        }
    }
}
