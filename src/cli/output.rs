//! The folder that `--out` names: draws, trace, approximation and record of one run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use firebrand::Fitted;
use firebrand::core::record::{
    CsvHeader, Request, RunRecord, SavedApproximation, WriteError, is_temporary_of,
    write_atomically, write_draws, write_trace,
};

use super::Failure;
use super::checkpoint;
use super::sources::named;

const RECORD: &str = "run.json";
const DRAWS: &str = "draws.csv";
const TRACE: &str = "trace.csv";
/// What is written to see whether anything can be.
pub const PROBE: &str = ".firebrand";

/// A folder that can be written to.
pub struct Output {
    folder: PathBuf,
}

impl Output {
    /// Makes the folder, or takes one that is empty or holds an earlier run, whose files will be replaced.
    ///
    /// # Errors
    /// A folder that holds something else, or that cannot be written to: better known before a long run than after.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        let name = folder.display();
        let unusable = |why: &dyn std::fmt::Display| {
            Failure::Usage(format!("cannot write results to `{name}`: {why}"))
        };
        fs::create_dir_all(folder).map_err(|error| unusable(&error))?;
        let has_record = folder.join(RECORD).exists();
        let checkpoint = folder.join(checkpoint::FOLDER);
        if !has_record && checkpoint.join(checkpoint::STATE).exists() {
            return Err(unusable(&format!(
                "it holds a run that is not finished; go on with it by `firebrand fit --resume {name}`, or remove `{}` first",
                checkpoint.display()
            )));
        }
        let holds_a_run = has_record
            || folder.join(checkpoint::ORIGIN).exists()
            || checkpoint.join(checkpoint::LOCK).exists();
        let mut entries = fs::read_dir(folder).map_err(|error| unusable(&error))?;
        let mut nothing = left_behind(folder, &[PROBE, checkpoint::ORIGIN]);
        nothing.push(folder.join(PROBE));
        let is_empty =
            entries.all(|entry| entry.is_ok_and(|entry| nothing.contains(&entry.path())));
        if !holds_a_run && !is_empty {
            return Err(unusable(
                &"it holds files that are no earlier run's; choose another folder, or empty it",
            ));
        }
        Self::reopen(folder)
    }

    /// The folder of a run that goes on.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn reopen(folder: &Path) -> Result<Self, Failure> {
        let unusable = |why: &dyn std::fmt::Display| {
            Failure::Usage(format!(
                "cannot write results to `{}`: {why}",
                folder.display()
            ))
        };
        check_writable(folder).map_err(|error| unusable(&error))?;
        Ok(Output {
            folder: folder.into(),
        })
    }

    /// A new folder among the temporary files, for a failed run whose record would be lost otherwise.
    pub fn temporary(request: &Request) -> Result<Self, Failure> {
        let name = format!(
            "firebrand-failed-{}-{}",
            stem(&request.model),
            std::process::id()
        );
        Self::open(&std::env::temp_dir().join(name))
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a run that took steps. Each file is whole or not there, and the record comes last: a folder with a record has all of
    /// its run.
    /// `approximation` is absent if it could not be had.
    pub fn write(
        &self,
        record: &RunRecord,
        fitted: &Fitted,
        approximation: Option<&SavedApproximation>,
    ) -> Result<(), Failure> {
        self.try_write(record, fitted, approximation)
            .map_err(unwritten)
    }

    /// Writes the record of a run that did not take a step.
    pub fn write_record(&self, record: &RunRecord) -> Result<(), Failure> {
        self.clear()
            .and_then(|()| record.write(&self.folder.join(RECORD)))
            .map_err(unwritten)
    }

    fn try_write(
        &self,
        record: &RunRecord,
        fitted: &Fitted,
        approximation: Option<&SavedApproximation>,
    ) -> Result<(), WriteError> {
        self.clear()?;
        let request = &record.request;
        let header = CsvHeader {
            model: stem(&request.model),
            method: format!(
                "{}{} with {}{}",
                request.inference.name,
                request.inference.options,
                request.family.name,
                request.family.options
            ),
            seed: request.options.seed,
        };
        write_atomically(&self.folder.join(DRAWS), |out| {
            write_draws(out, &header, &fitted.draws)
        })?;
        write_atomically(&self.folder.join(TRACE), |out| {
            write_trace(out, &fitted.fit.trace)
        })?;
        if let Some(approximation) = approximation {
            approximation.write(&self.folder)?;
        }
        record.write(&self.folder.join(RECORD))
    }

    /// Removes an earlier run, its record first.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn replace(&self) -> Result<(), Failure> {
        self.clear().map_err(unwritten)
    }

    fn clear(&self) -> Result<(), WriteError> {
        let files = [
            RECORD,
            DRAWS,
            TRACE,
            SavedApproximation::RON,
            SavedApproximation::TENSORS,
        ];
        let mut temporary = files.to_vec();
        temporary.extend([PROBE, checkpoint::ORIGIN]);
        files
            .into_iter()
            .map(|name| self.folder.join(name))
            .chain(left_behind(&self.folder, &temporary))
            .try_for_each(|path| removed(&path).map_err(|source| WriteError { path, source }))
    }
}

/// The temporary files in a folder that killed processes have left of these.
pub fn left_behind(folder: &Path, files: &[&str]) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let name = entry.file_name();
            let of = |file: &&str| {
                name.to_str()
                    .is_some_and(|name| is_temporary_of(file, name))
            };
            files.iter().any(of)
        })
        .map(|entry| entry.path())
        .collect()
}

/// Removes a file, if it is there.
pub fn removed(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Writes a file to the folder, and removes it again.
pub fn check_writable(folder: &Path) -> io::Result<()> {
    let probe = folder.join(PROBE);
    write_atomically(&probe, |_| Ok(())).map_err(|error| error.source)?;
    fs::remove_file(&probe)
}

/// The record in a folder of results, if there is one.
///
/// # Errors
/// A record that cannot be read.
pub fn read_record(folder: &Path) -> Result<Option<RunRecord>, Failure> {
    let path = folder.join(RECORD);
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::Usage(format!("cannot read `{}`: {error}", path.display()))
    };
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&error)),
        Ok(text) => serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| unreadable(&error)),
    }
}

/// The model's name in its source, or its file without folders and extension: tools that read draws make files of that name.
pub fn stem(model: &str) -> String {
    if let Some((_, name)) = named(model) {
        // The options of a target are no part of its name.
        return name.split('(').next().unwrap_or(name).into();
    }
    let stem = Path::new(model).file_stem();
    stem.unwrap_or_default().to_string_lossy().into_owned()
}

fn unwritten(error: WriteError) -> Failure {
    Failure::Usage(error.to_string())
}
