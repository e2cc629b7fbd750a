//! The folder of a sweep: the options that it was begun with, a file for each posterior that is done, and the tables.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use firebrand::core::Spread;
use firebrand::core::record::{RunRecord, WriteError, write_atomically};
use serde::{Deserialize, Serialize};

use super::options::{SweepOptions, same_options};
use super::tables::{csv, markdown};
use crate::cli::Failure;

const OPTIONS: &str = "sweep.json";
const RESULTS: &str = "results";
const CSV: &str = "table.csv";
const MARKDOWN: &str = "table.md";

/// What came of one posterior: a row of the table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub posterior: String,
    /// Unconstrained; `None` if it did not compile.
    pub dimension: Option<usize>,
    /// From files to a program.
    pub compile_seconds: Option<f64>,
    /// Of the fit.
    pub seconds: Option<f64>,
    pub gradients: Option<u64>,
    pub verdict: Option<String>,
    /// How far it is from reference draws, where there are any.
    pub reference: Option<ReferenceErrors>,
    /// Why the fit ended, or why there is none.
    pub ended: String,
}

/// Errors against reference draws.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReferenceErrors {
    /// Of means, in standard deviations of the reference.
    pub mean: Spread,
    /// Of standard deviations: how far their ratio is from 1.
    pub sd: Spread,
}

/// The file of one posterior.
#[derive(Serialize)]
struct ResultFile<'a> {
    row: &'a Row,
    notes: &'a [String],
    /// The record of its run, if it came to one.
    record: Option<&'a RunRecord>,
}

/// The part of a [`ResultFile`] that a sweep goes on from.
#[derive(Deserialize)]
struct ResultRow {
    row: Row,
}

/// A folder with the results of a sweep.
pub struct Results {
    folder: PathBuf,
    rows: BTreeMap<String, Row>,
}

impl Results {
    /// Makes the folder, or goes on with one that holds a sweep with the same options.
    ///
    /// # Errors
    /// A folder that holds something else, or a sweep with other options, or that cannot be written to.
    pub fn open(folder: &Path, options: &SweepOptions) -> Result<Self, Failure> {
        fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
        let path = folder.join(OPTIONS);
        match fs::read_to_string(&path) {
            Ok(text) => same_options(&text, options).map_err(|why| unusable(folder, &why))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut files = fs::read_dir(folder).map_err(|error| unusable(folder, &error))?;
                if files.next().is_some() {
                    let why = "it holds files that are no earlier sweep's; choose another folder, or empty it";
                    return Err(unusable(folder, &why));
                }
                write_json(&path, options)?;
            }
            Err(error) => return Err(unusable(folder, &error)),
        }
        let mut results = Results {
            folder: folder.into(),
            rows: BTreeMap::new(),
        };
        results.read().map_err(|error| unusable(folder, &error))?;
        results.write_tables()?;
        Ok(results)
    }

    /// The posteriors that are done.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// Whether a posterior is done.
    pub fn has(&self, posterior: &str) -> bool {
        self.rows.contains_key(posterior)
    }

    /// Where the tables are.
    pub fn table(&self) -> PathBuf {
        self.folder.join(MARKDOWN)
    }

    /// Keeps what came of one posterior. Its file is whole or not there; the tables have its row.
    pub fn keep(
        &mut self,
        row: Row,
        notes: &[String],
        record: Option<&RunRecord>,
    ) -> Result<(), Failure> {
        let path = self
            .folder
            .join(format!("{RESULTS}/{}.json", row.posterior));
        let file = ResultFile {
            row: &row,
            notes,
            record,
        };
        write_json(&path, &file)?;
        self.rows.insert(row.posterior.clone(), row);
        self.write_tables()
    }

    /// Reads the rows of earlier results. One that cannot be read is not done.
    fn read(&mut self) -> io::Result<()> {
        let folder = self.folder.join(RESULTS);
        fs::create_dir_all(&folder)?;
        for file in fs::read_dir(folder)? {
            let path = file?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = fs::read_to_string(&path)?;
            match serde_json::from_str::<ResultRow>(&text) {
                Ok(ResultRow { row }) => {
                    self.rows.insert(row.posterior.clone(), row);
                }
                Err(error) => eprintln!("note: {} is run again: {error}", path.display()),
            }
        }
        Ok(())
    }

    fn write_tables(&self) -> Result<(), Failure> {
        let rows: Vec<&Row> = self.rows().collect();
        for (name, text) in [(CSV, csv(&rows)), (MARKDOWN, markdown(&rows))] {
            write_atomically(&self.folder.join(name), |out| {
                out.write_all(text.as_bytes())
            })
            .map_err(unwritten)?;
        }
        Ok(())
    }
}

fn unusable(folder: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::Usage(format!("cannot sweep to `{}`: {why}", folder.display()))
}

/// Writes a file that is whole or not there.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    write_atomically(path, |out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        out.write_all(b"\n")
    })
    .map_err(unwritten)
}

fn unwritten(error: WriteError) -> Failure {
    Failure::Usage(error.to_string())
}
