//! Records of runs: everything that says how a result came about, and the result itself, as files.

mod approximation;
mod atomic;
mod checkpoint;
mod csv;
pub mod number;
mod tensors;

pub use approximation::{RestoreError, SavedApproximation};
pub use atomic::{WriteError, is_temporary_of, write_atomically};
pub use checkpoint::{ReadCheckpointError, STATE as CHECKPOINT_STATE};
pub use csv::{CsvHeader, write_draws, write_quantities, write_trace};

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::diagnostics::{Diagnosis, Verdict};
use crate::driver::{Ended, Fit, FitOptions};
use crate::placement::{Placement, Precision};
use crate::reference::Comparison;
use crate::registry::Chosen;
use crate::start::Agreement;
use crate::target::Counts;

/// A plugin as it was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRecord {
    /// The name it is registered under.
    pub name: String,
    /// All of its options, defaults included, in RON.
    pub options: String,
}

impl<T: ?Sized> From<&Chosen<T>> for PluginRecord {
    fn from(chosen: &Chosen<T>) -> Self {
        PluginRecord {
            name: chosen.name.into(),
            options: chosen.options.clone(),
        }
    }
}

/// What a run was asked to do: enough to do it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The version of this program.
    pub version: String,
    /// The model, as a path or a name.
    pub model: String,
    /// Its data, as a path or a name, if it has any.
    pub data: Option<String>,
    /// The device, as Burn names it.
    pub device: String,
    /// The precision.
    pub precision: Precision,
    /// The algorithm.
    pub inference: PluginRecord,
    /// The family.
    pub family: PluginRecord,
    /// Seed, limits and the search for a start.
    pub options: FitOptions,
}

impl Request {
    /// The request of a run with these parts, by this version.
    pub fn new(
        model: impl Into<String>,
        data: Option<String>,
        placement: &Placement,
        inference: PluginRecord,
        family: PluginRecord,
        options: &FitOptions,
    ) -> Self {
        Request {
            version: env!("CARGO_PKG_VERSION").into(),
            model: model.into(),
            data,
            device: placement.device_name(),
            precision: placement.precision,
            inference,
            family,
            options: options.clone(),
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did not get as far as the first step.
    NotStarted {
        /// Why, in a sentence.
        because: String,
    },
    /// It took steps.
    Ran(Box<Course>),
}

/// A run that took steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// Why it ended.
    pub ended: Ended,
    /// Steps tried.
    pub steps: u64,
    /// Of those, the ones that were rejected.
    pub rejected: u64,
    /// Evaluations of the target during the fit.
    pub counts: Counts,
    /// Of those, the ones that the search for a start took.
    pub start_counts: Counts,
    /// Wall time of the fit.
    pub seconds: f64,
    /// Whether independent starts reached the same place.
    pub starts: Agreement,
    /// What was measured of the result; `None` if it could not be evaluated.
    pub diagnosis: Option<Diagnosis>,
    /// Whether it can be relied upon.
    pub verdict: Verdict,
    /// How far the result is from what is known of the posterior, where something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Comparison>,
}

impl Course {
    /// The course of a fit that was diagnosed and judged, and compared with no reference.
    pub fn new(fit: &Fit, diagnosis: Option<Diagnosis>, verdict: Verdict) -> Self {
        Course {
            ended: fit.ended.clone(),
            steps: fit.steps,
            rejected: fit.rejected,
            counts: fit.counts,
            start_counts: fit.start_counts,
            seconds: fit.seconds,
            starts: fit.start.agreement.clone(),
            diagnosis,
            verdict,
            reference: None,
        }
    }
}

/// The record of a run: what was asked, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// What was asked.
    pub request: Request,
    /// What came of it.
    pub outcome: Outcome,
}

impl RunRecord {
    /// As JSON. Numbers that are not finite are the strings `"nan"`, `"inf"` and `"-inf"`.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_else(|error| format!("\"{error}\""))
    }

    /// As RON.
    pub fn to_ron(&self) -> String {
        ron::ser::to_string_pretty(self, ron::ser::PrettyConfig::default())
            .unwrap_or_else(|error| format!("/* {error} */"))
    }

    /// Writes it as JSON.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        write_atomically(path, |out| {
            out.write_all(self.to_json().as_bytes())?;
            out.write_all(b"\n")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::{DiagnosisOptions, diagnose, judge};
    use crate::registry;
    use crate::stop::Stop;
    use crate::target::GaussianTarget;

    fn record() -> RunRecord {
        let target = GaussianTarget::standard(2);
        let inference = registry::inference("nudge").unwrap();
        let family = registry::family("independent").unwrap();
        let options = FitOptions {
            max_steps: Some(3),
            ..FitOptions::default()
        };
        let fit = crate::fit(&target, &*inference.plugin, &*family.plugin, &options).unwrap();
        let few = DiagnosisOptions {
            draws: 100,
            chains: 0,
            ..DiagnosisOptions::default()
        };
        let mut diagnosis = diagnose(
            &target,
            fit.approximation.as_ref(),
            &few,
            None,
            Stop::never(),
            1,
        )
        .unwrap();
        diagnosis.k_hat = f64::NEG_INFINITY;
        let verdict = judge(&fit.ended, &fit.start.agreement, &diagnosis);
        RunRecord {
            request: Request::new(
                "model.stan",
                None,
                &Placement::cpu(),
                (&inference).into(),
                (&family).into(),
                &options,
            ),
            outcome: Outcome::Ran(Box::new(Course::new(&fit, Some(diagnosis), verdict))),
        }
    }

    #[test]
    fn a_record_survives_ron_exactly_and_json_with_its_infinities() {
        let record = record();
        assert_eq!(
            ron::from_str::<RunRecord>(&record.to_ron()).unwrap(),
            record
        );
        let back: RunRecord = serde_json::from_str(&record.to_json()).unwrap();
        let (Outcome::Ran(course), Outcome::Ran(before)) = (back.outcome, record.outcome) else {
            panic!("the run was started");
        };
        assert_eq!(course.diagnosis.unwrap().k_hat, f64::NEG_INFINITY);
        assert_eq!(course.verdict, before.verdict);
        assert_eq!(back.request, record.request);
    }

    #[test]
    fn a_record_names_version_seed_and_every_option() {
        let json = record().to_json();
        for part in [
            "\"version\"",
            "\"seed\": 1",
            "(draws:8,trouble:",
            "\"verdict\"",
        ] {
            assert!(json.contains(part), "{part} is missing from {json}");
        }
    }
}
