//! The end of a fit: its results written and shown, or why there are none.

use std::io::{self, Write};
use std::path::Path;

use firebrand::core::record::{Outcome, Request, RunRecord, SavedApproximation};
use firebrand::core::{InferenceError, TargetError};
use firebrand::{Data, Ended, Fitted};
use serde::Serialize;

use super::Failure;
use super::output::Output;
use super::report::{report, words};
use super::sources::Place;

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    /// "trustworthy", "use with care", "do not trust", or null if there is no result.
    verdict: Option<&'static str>,
    because: &'a [String],
    summary: &'a [firebrand::Quantity],
    notes: &'a [String],
    /// The folder with the results.
    out: Option<&'a Path>,
    record: &'a RunRecord,
}

/// Writes and shows a run that took steps.
///
/// # Errors
/// A run that failed, and results that cannot be written: these are shown all the same.
pub fn finish(
    json: bool,
    mut fitted: Fitted,
    request: Request,
    output: Option<Output>,
) -> Result<(), Failure> {
    let approximation = saved(&mut fitted, &request);
    let record = fitted.record(request);
    let failed = match &fitted.fit.ended {
        Ended::Failed { because } => Some(because.clone()),
        _ => None,
    };
    let write = |output: &Output| output.write(&record, &fitted, approximation.as_ref());
    let written = written(output, failed.is_some(), &record.request, write);
    let folder = written.as_ref().ok().and_then(Option::as_ref);
    // What cannot be written is shown all the same.
    let shown = show(json, &fitted, &record, folder.map(Output::folder));
    let wrong = match (failed, written) {
        (None, Ok(_)) => return shown,
        (Some(because), Ok(_)) => Failure::Fit(because),
        (Some(because), Err(error)) => Failure::Fit(format!(
            "{because}; and the results are not written: {error}"
        )),
        (None, Err(error)) => Failure::Usage(format!(
            "the results are not written: {error}; once they can be, `firebrand fit --resume` with the folder goes on from the last checkpoint"
        )),
    };
    Err(wrong)
}

/// Shows a result.
fn show(
    json: bool,
    fitted: &Fitted,
    record: &RunRecord,
    folder: Option<&Path>,
) -> Result<(), Failure> {
    for note in &fitted.notes {
        eprintln!("note: {note}");
    }
    if json {
        let (verdict, because) = words(&fitted.verdict);
        return print_json(&Printed {
            verdict: Some(verdict),
            because,
            summary: &fitted.summary,
            notes: &fitted.notes,
            out: folder,
            record,
        });
    }
    io::stdout().write_all(report(&record.request, fitted).as_bytes())?;
    if let Some(folder) = folder {
        eprintln!("results are in {}", folder.display());
    }
    Ok(())
}

/// The approximation as it is written. A library that fails to give it has failed the run, whose record is kept.
fn saved(fitted: &mut Fitted, request: &Request) -> Option<SavedApproximation> {
    let approximation = fitted.fit.approximation.as_ref();
    match SavedApproximation::of(approximation, request.family.clone()) {
        Ok(saved) => Some(saved),
        Err(error) => {
            if !matches!(fitted.fit.ended, Ended::Failed { .. }) {
                fitted.fit.ended = Ended::Failed {
                    because: format!("the approximation cannot be written: {error}"),
                };
            }
            None
        }
    }
}

/// Writes and shows that a run did not get as far as its first step: always an error.
pub fn not_started(
    json: bool,
    because: String,
    request: Request,
    output: Option<Output>,
) -> Result<(), Failure> {
    let outcome = Outcome::NotStarted {
        because: because.clone(),
    };
    let record = RunRecord { request, outcome };
    let write = |output: &Output| output.write_record(&record);
    let written = written(output, true, &record.request, write);
    let out = written.as_ref().ok().and_then(Option::as_ref);
    let out = out.map(Output::folder);
    if let Some(folder) = out {
        eprintln!("the record of the run is in {}", folder.display());
    }
    if json {
        let because = std::slice::from_ref(&because);
        print_json(&Printed {
            verdict: None,
            because,
            summary: &[],
            notes: &[],
            out,
            record: &record,
        })?;
    }
    Err(Failure::Fit(match written {
        Ok(_) => because,
        Err(error) => format!("{because}; and its record is not written: {error}"),
    }))
}

/// Why a run did not get as far as its first step, in a sentence.
pub fn why_not_started(error: &InferenceError) -> String {
    match error {
        InferenceError::Target(TargetError::Interrupted) => {
            "the run was interrupted, or out of time, before a start was found".into()
        }
        error => error.to_string(),
    }
}

/// [`why_not_started`], with what in the data may be the reason.
pub fn because(error: &InferenceError, place: Option<&Place>) -> String {
    let why = why_not_started(error);
    let data = place.and_then(|place| place.files.data.as_deref());
    let nans = match (error, data) {
        (InferenceError::Start(_), Some(path)) => {
            Data::from_file(path).map_or(Vec::new(), |data| data.nans())
        }
        _ => Vec::new(),
    };
    match nans.is_empty() {
        true => why,
        false => format!(
            "{why}; in the data {} is NaN, and so is every density of it: leave such rows out, or have parameters in their place",
            nans.join("; ")
        ),
    }
}

/// Writes to the folder that was asked for, or for a failed run to a temporary one if none was; gives the folder, or what is wrong with it
/// in a sentence.
fn written(
    output: Option<Output>,
    failed: bool,
    request: &Request,
    write: impl FnOnce(&Output) -> Result<(), Failure>,
) -> Result<Option<Output>, String> {
    let work = || {
        let output = match output {
            None if failed => Some(Output::temporary(request)?),
            output => output,
        };
        output.as_ref().map_or(Ok(()), write)?;
        Ok(output)
    };
    work().map_err(Failure::sentence)
}

fn print_json(printed: &Printed<'_>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, printed).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}
