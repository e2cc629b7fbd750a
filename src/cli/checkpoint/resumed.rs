//! `--resume DIR`: which run goes on, and whether it still can.

use std::io;
use std::path::{Path, PathBuf};

use firebrand::Ended;
use firebrand::core::record::{Course, Outcome, RunRecord};
use firebrand::core::registry;
use serde_json::Value;

use super::{FOLDER, ORIGIN, Origin};
use crate::cli::Failure;
use crate::cli::output::read_record;
use crate::cli::run_file::RunFile;
use crate::cli::sources::named;

/// A run that is to go on.
pub struct Resumed {
    /// Where its results are, as an absolute path.
    pub results: PathBuf,
    /// What it was asked for, with the limits that it has now.
    pub origin: Origin,
}

/// The options that leave a result what it is, however often they change.
const FREE: [&str; 4] = ["max_steps", "max_seconds", "checkpoint_seconds", "out"];

impl Resumed {
    /// The run in a folder, in whose working folder this process is from here on. `ask` is what is asked for now, on top of what was.
    ///
    /// # Errors
    /// If there is none, it is finished, its files have changed, or something else is asked for than before.
    pub fn open(
        results: &Path,
        ask: impl FnOnce(&RunFile) -> Result<RunFile, Failure>,
    ) -> Result<Self, Failure> {
        let name = results.display();
        let refused = |because: &dyn std::fmt::Display| {
            Failure::Usage(format!("cannot resume `{name}`: {because}"))
        };
        let path = results.canonicalize().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => refused(&"there is no such folder"),
            _ => refused(&error),
        })?;
        let record = read_record(&path)?;
        let origin = Origin::read(&path.join(ORIGIN))?;
        let checkpoints = path.join(FOLDER);
        let Some(mut origin) = origin else {
            return Err(match record {
                Some(record) => refused(&finished(&record)),
                None => refused(&"there is no run in it"),
            });
        };
        if !checkpoints.is_dir() {
            return Err(match record {
                Some(record) if needs_no_checkpoint(&record) => refused(&finished(&record)),
                _ => refused(&format!(
                    "its checkpoints, `{}`, are not there any more; begin it anew",
                    checkpoints.display()
                )),
            });
        }
        origin.check_version()?;
        origin.load_libraries();
        let before = comparable(&origin.plan, origin.folder())?;
        let here = std::env::current_dir().map_err(|error| refused(&error))?;
        let asked = comparable(&ask(&before)?, &here)?;
        agree(&before, &asked)?;
        if let Some(record) = &record
            && !goes_on(record, &asked)
        {
            return Err(refused(&finished(record)));
        }
        origin.check_files()?;
        std::env::set_current_dir(origin.folder()).map_err(|error| {
            let folder = origin.folder().display();
            refused(&format!("its working folder `{folder}`: {error}"))
        })?;
        origin.plan = RunFile {
            max_steps: asked.max_steps,
            max_seconds: asked.max_seconds,
            checkpoint_seconds: asked.checkpoint_seconds,
            ..origin.plan
        };
        Ok(Resumed {
            results: path,
            origin,
        })
    }
}

/// Whether a run whose record is written can go on within these limits.
fn goes_on(record: &RunRecord, asked: &RunFile) -> bool {
    let Outcome::Ran(course) = &record.outcome else {
        return true;
    };
    match course.ended {
        Ended::Converged { .. } => false,
        Ended::OutOfSteps => asked.max_steps.is_some_and(|most| most > course.steps),
        Ended::OutOfTime => asked.max_seconds.is_none_or(|most| most > course.seconds),
        Ended::Interrupted | Ended::Failed { .. } => true,
    }
}

/// Whether a run has removed its checkpoints itself.
fn needs_no_checkpoint(record: &RunRecord) -> bool {
    match &record.outcome {
        Outcome::NotStarted { .. } => true,
        Outcome::Ran(course) => matches!(course.ended, Ended::Converged { .. }),
    }
}

/// Why there is nothing to resume, and what can be done.
fn finished(record: &RunRecord) -> String {
    let Outcome::Ran(course) = &record.outcome else {
        return "it ended before its first checkpoint; begin it anew".into();
    };
    let Course {
        ended,
        steps,
        seconds,
        ..
    } = course.as_ref();
    match ended {
        Ended::Converged { because } => {
            format!("the run is finished: it has converged, since {because}")
        }
        Ended::OutOfSteps => format!(
            "the run is finished: it has taken all of its {steps} steps; `--max-steps` with more goes on"
        ),
        Ended::OutOfTime => format!(
            "the run is finished: it has taken all of its time, {seconds:.0} seconds; `--max-seconds` with more goes on"
        ),
        Ended::Interrupted | Ended::Failed { .. } => "its checkpoint is not there any more".into(),
    }
}

/// A plan with absolute paths, and plugins with all their options: the same is said in the same words.
fn comparable(plan: &RunFile, folder: &Path) -> Result<RunFile, Failure> {
    let absolute = |path: &String| {
        let path = folder.join(path);
        path.canonicalize().unwrap_or(path).display().to_string()
    };
    let usage = |error: registry::ChoiceError| Failure::Usage(error.to_string());
    let inference = registry::inference(&plan.inference).map_err(usage)?;
    let family = plan.family.as_deref().map(registry::family).transpose();
    let family = family.map_err(usage)?;
    Ok(RunFile {
        model: match named(&plan.model) {
            Some(_) => plan.model.clone(),
            None => absolute(&plan.model),
        },
        data: plan.data.as_ref().map(absolute),
        inference: format!("{}{}", inference.name, inference.options),
        family: family.map(|family| format!("{}{}", family.name, family.options)),
        ..plan.clone()
    })
}

/// Checks that what is asked for now is what was.
fn agree(before: &RunFile, now: &RunFile) -> Result<(), Failure> {
    let fields = |plan| match serde_json::to_value(plan) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let before = fields(before);
    for (name, now) in fields(now) {
        let before = before.get(&name).unwrap_or(&Value::Null);
        let is_free = FREE.contains(&name.as_str()) || now.is_null();
        if !is_free && now != *before {
            let before = match before {
                Value::Null => "what it is by default".into(),
                before => before.to_string(),
            };
            return Err(Failure::Usage(format!(
                "a run goes on as it began: its `{name}` is {before}, and cannot become {now}; leave it out, or begin a run of its own"
            )));
        }
    }
    Ok(())
}
