//! The results of an experiment, on disk as they come.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::contest::Course;
use crate::cli::Failure;

/// One number, whatever its seed.
pub struct Row {
    pub setting: String,
    pub algorithm: String,
    /// Score evaluations, or rows that were learned from.
    pub at: u64,
    pub metric: &'static str,
    pub value: f64,
}

/// How one run ended.
pub struct End {
    pub setting: String,
    pub algorithm: String,
    pub how: &'static str,
}

/// All numbers so far, and the file that they are in.
pub struct Results {
    experiment: &'static str,
    csv: BufWriter<File>,
    rows: Vec<Row>,
    ends: Vec<End>,
}

impl Results {
    /// Begins `results.csv` in the folder, which is made if it is not there. `at` is what points of a course are counted in.
    pub fn create(folder: &Path, experiment: &'static str, at: &str) -> Result<Self, Failure> {
        let create = || {
            fs::create_dir_all(folder)?;
            let mut csv = BufWriter::new(File::create(folder.join("results.csv"))?);
            writeln!(csv, "experiment,setting,algorithm,seed,{at},metric,value")?;
            Ok(csv)
        };
        Ok(Results {
            experiment,
            csv: create().map_err(|error| cannot_write(folder, &error))?,
            rows: Vec::new(),
            ends: Vec::new(),
        })
    }

    /// Adds a run that is done.
    pub fn add(
        &mut self,
        setting: &str,
        algorithm: &str,
        seed: u64,
        course: Course,
    ) -> Result<(), Failure> {
        for (at, measured) in course.points {
            for (metric, value) in measured {
                let experiment = self.experiment;
                writeln!(
                    self.csv,
                    "{experiment},{},{},{seed},{at},{metric},{value:?}",
                    field(setting),
                    field(algorithm)
                )?;
                self.rows.push(Row {
                    setting: setting.into(),
                    algorithm: algorithm.into(),
                    at,
                    metric,
                    value,
                });
            }
        }
        self.ends.push(End {
            setting: setting.into(),
            algorithm: algorithm.into(),
            how: course.ended,
        });
        Ok(self.csv.flush()?)
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub fn ends(&self) -> &[End] {
        &self.ends
    }
}

/// A field of a CSV file, in quotes where it has what separates fields (RFC 4180): options have commas.
fn field(text: &str) -> String {
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.into(),
    }
}

/// A folder that cannot be written to.
pub fn cannot_write(folder: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("cannot write to {}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_with_commas_and_quotes_stay_one_field() {
        assert_eq!(field("advi"), "advi");
        assert_eq!(
            field("bam(batch: 4, decay: true)"),
            "\"bam(batch: 4, decay: true)\""
        );
        assert_eq!(field("a(b: \"c\")"), "\"a(b: \"\"c\"\")\"");
    }
}
