//! Records that cross the boundary as JSON.

use serde::{Deserialize, Serialize};

use crate::gaussian::Structure;
use crate::inference::Requirements;
use crate::placement::Precision;
use crate::target::Parameter;

/// What a target says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AboutTarget {
    pub dimension: usize,
    pub precision: Precision,
    pub parameters: Vec<Parameter>,
}

/// What an approximation says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AboutApproximation {
    pub family: String,
    pub dimension: usize,
    #[serde(default)]
    pub gaussian: Option<Structure>,
}

/// What an algorithm says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AboutInference {
    #[serde(flatten)]
    pub requires: Requirements,
    pub default_family: String,
    pub max_steps: u64,
}

/// One plugin of a library.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub kind: Kind,
    pub name: String,
    pub doc: String,
    pub version: String,
    #[serde(default)]
    pub options: Vec<EntryOption>,
}

/// What kind of plugin it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Family,
    Inference,
    Target,
}

/// One option of a plugin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct EntryOption {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub default: String,
    pub doc: String,
}
