//! The folder that `--out` names: draws, measures and figure of one prediction.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use firebrand::core::Constrained;
use firebrand::core::record::{CsvHeader, WriteError, write_atomically, write_quantities};

use super::Printed;
use super::figure::Reliability;
use super::restored::Restored;
use crate::cli::Failure;
use crate::cli::output::{PROBE, check_writable, left_behind, removed, stem};

const DRAWS: &str = "predictions.csv";
const RECORD: &str = "prediction.json";
const FIGURE: &str = "reliability.svg";

/// A folder that can be written to.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder, or takes one that is empty or holds an earlier prediction, which is removed.
    ///
    /// # Errors
    /// A folder that holds something else, such as a run, or that cannot be written to.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let unusable = |why: &dyn std::fmt::Display| {
            Failure::Usage(format!(
                "cannot write predictions to `{}`: {why}",
                path.display()
            ))
        };
        fs::create_dir_all(path).map_err(|error| unusable(&error))?;
        let mut entries = fs::read_dir(path).map_err(|error| unusable(&error))?;
        let files = [DRAWS, RECORD, FIGURE, PROBE];
        let mut known = left_behind(path, &files);
        known.extend(files.map(|name| path.join(name)));
        let is_known = |entry: io::Result<fs::DirEntry>| {
            entry.is_ok_and(|entry| known.contains(&entry.path()))
        };
        if !entries.all(is_known) {
            return Err(unusable(
                &"it holds files that are no earlier prediction's; choose another folder, or empty it",
            ));
        }
        check_writable(path).map_err(|error| unusable(&error))?;
        for file in known {
            removed(&file).map_err(|error| unusable(&error))?;
        }
        Ok(Folder { path: path.into() })
    }

    /// Writes the draws.
    pub fn write_draws(&self, restored: &Restored, draws: &Constrained) -> Result<(), Failure> {
        let plan = &restored.origin.plan;
        let family = &restored.saved.family;
        let header = CsvHeader {
            model: stem(&plan.model),
            method: format!("{} with {}{}", plan.inference, family.name, family.options),
            seed: plan.seed,
        };
        let write = |out: &mut dyn io::Write| write_quantities(out, &header, draws);
        write_atomically(&self.path.join(DRAWS), write).map_err(unwritten)
    }

    /// Writes what was measured.
    pub fn write(&self, printed: &Printed<'_>, figure: Option<Reliability>) -> Result<(), Failure> {
        if let Some(figure) = figure {
            write_atomically(&self.path.join(FIGURE), |out| {
                out.write_all(figure.draw().as_bytes())
            })
            .map_err(unwritten)?;
        }
        write_atomically(&self.path.join(RECORD), |out| {
            serde_json::to_writer_pretty(&mut *out, printed)?;
            writeln!(out)
        })
        .map_err(unwritten)
    }
}

fn unwritten(error: WriteError) -> Failure {
    Failure::Usage(error.to_string())
}
