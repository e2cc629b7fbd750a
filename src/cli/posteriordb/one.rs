//! One fit of a sweep.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use firebrand::core::record::{Request, RunRecord};
use firebrand::core::{Located, Placement, Target};
use firebrand::dsl::{CompileError, Data, Model};
use firebrand::{DiagnosisOptions, Ended, Event, FitOptions, Fitted, Posterior};
use firebrand_posteriordb::{Database, Entry};

use super::options::SweepOptions;
use super::results::{ReferenceErrors, Row};
use super::selection::Chosen;
use crate::cli::ending::why_not_started;
use crate::cli::report::words;

/// What came of one posterior.
pub struct Outcome {
    pub row: Row,
    pub notes: Vec<String>,
    /// The record of its run, if it came to one.
    pub record: Option<RunRecord>,
}

impl Outcome {
    /// Of a posterior that came to no result.
    pub fn failed(posterior: &str, because: &str) -> Self {
        Outcome {
            row: Row {
                posterior: posterior.into(),
                ended: format!("error: {because}"),
                ..Row::default()
            },
            notes: Vec::new(),
            record: None,
        }
    }

    /// Compiles and fits a posterior, and compares it with its reference draws. What goes wrong is in the row. `stop` ends a phase of the
    /// fit, which `hear` is told of.
    pub fn of(
        database: &Database,
        chosen: &Chosen,
        options: &SweepOptions,
        placement: &Placement,
        stop: &AtomicBool,
        hear: &mut dyn FnMut(Event<'_>),
    ) -> Self {
        let mut outcome = Outcome::failed(&chosen.name, "");
        let filled = match &chosen.entry {
            Ok(entry) => outcome.fill(database, entry, options, placement, stop, hear),
            Err(error) => Err(error.to_string()),
        };
        if let Err(because) = filled {
            outcome.row.ended = format!("error: {because}");
        }
        outcome
    }

    /// The same, where it cannot have been the user who stopped a fit in the middle of a step.
    pub fn ended_by_the_clock(mut self) -> Self {
        if self.row.ended == how(&Ended::Interrupted) {
            self.row.ended = how(&Ended::OutOfTime);
        }
        self
    }

    fn fill(
        &mut self,
        database: &Database,
        entry: &Entry,
        options: &SweepOptions,
        placement: &Placement,
        stop: &AtomicBool,
        hear: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), String> {
        let began = Instant::now();
        let files = database.locate(entry).map_err(|error| error.to_string())?;
        let posterior = compile(&files, options, placement).map_err(|error| error.one_line())?;
        self.row.compile_seconds = Some(began.elapsed().as_secs_f64());
        self.row.dimension = Some(posterior.dimension());
        let (mut fitted, request) = fit(&posterior, entry, options, stop, hear)?;
        match database.reference(entry) {
            Ok(Some(reference)) => fitted.compare(&reference),
            Ok(None) => {}
            Err(error) => self.notes.push(format!("there is no comparison: {error}")),
        }
        self.row.seconds = Some(fitted.fit.seconds);
        self.row.gradients = Some(fitted.fit.counts.gradients);
        self.row.verdict = Some(words(&fitted.verdict).0.into());
        self.row.ended = how(&fitted.fit.ended);
        self.row.reference = fitted.reference.as_ref().map(|comparison| ReferenceErrors {
            mean: comparison.mean.clone(),
            sd: comparison.sd.clone(),
        });
        self.notes.append(&mut fitted.notes);
        self.record = Some(fitted.record(request));
        Ok(())
    }
}

fn compile(
    files: &Located,
    options: &SweepOptions,
    placement: &Placement,
) -> Result<Posterior, CompileError> {
    let model = options.computing.model(Model::from_file(&files.model)?);
    let data = files.data.as_deref();
    let data = data.map_or_else(|| Ok(Data::empty()), Data::from_file)?;
    Ok(model.compile(&data, placement)?)
}

fn fit(
    posterior: &Posterior,
    entry: &Entry,
    options: &SweepOptions,
    stop: &AtomicBool,
    hear: &mut dyn FnMut(Event<'_>),
) -> Result<(Fitted, Request), String> {
    let mut fitting = firebrand::fit(posterior)
        .inference(&options.inference)
        .options(FitOptions {
            seed: options.seed,
            max_seconds: options.time_limit,
            ..FitOptions::default()
        })
        .diagnosis(DiagnosisOptions {
            max_seconds: options.time_limit,
            ..DiagnosisOptions::default()
        });
    if let Some(family) = &options.family {
        fitting = fitting.family(family);
    }
    let ready = fitting.choose().map_err(|error| error.to_string())?;
    let request = ready.request(&format!("posteriordb:{}", entry.name), None);
    let fitted = ready.run(stop, hear);
    let fitted = fitted.map_err(|error| why_not_started(&error))?;
    Ok((fitted, request))
}

/// How a fit ended, in short: the record has the rest.
fn how(ended: &Ended) -> String {
    match ended {
        Ended::Converged { .. } => "converged".into(),
        Ended::OutOfSteps => "out of steps".into(),
        Ended::OutOfTime => "out of time".into(),
        Ended::Interrupted => "interrupted".into(),
        Ended::Failed { because } => format!("failed: {because}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_not_the_user() {
        let ended = |how: &str| {
            let mut outcome = Outcome::failed("eight", "");
            outcome.row.ended = how.into();
            outcome.ended_by_the_clock().row.ended
        };
        assert_eq!(ended("interrupted"), "out of time");
        assert_eq!(ended("converged"), "converged");
    }
}
