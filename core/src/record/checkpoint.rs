//! Checkpoints as files: the start, which is written once, and all that changes.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::WriteError;
use super::tensors::{self, Numbers, Parts, Tensor, Tensors};
use crate::checkpoint::Checkpoint;
use crate::driver::Ended;
use crate::gaussian::{Covariance, GaussianStart};
use crate::low_rank::LowRank;
use crate::start::{Agreement, Candidate, Start};
use crate::target::Counts;
use crate::trace::{Trace, TraceRow};

/// The file of the start, in the folder of a checkpoint.
const START: &str = "start.safetensors";
/// The file of all else, which is there from the first checkpoint on.
pub const STATE: &str = "state.safetensors";

/// A checkpoint that could not be read.
#[derive(Debug, Error)]
pub enum ReadCheckpointError {
    /// There is none: the run had not found its start.
    #[error("there is no checkpoint yet")]
    None,
    /// A file cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error("`{path}` is damaged: {because}")]
    Damaged {
        /// The file.
        path: String,
        /// How it shows.
        because: String,
    },
}

/// What is said of the numbers of a start.
#[derive(Serialize, Deserialize)]
struct StartRecord {
    agreement: Agreement,
    candidates: Vec<CandidateRecord>,
}

#[derive(Serialize, Deserialize)]
struct CandidateRecord {
    elbo: f64,
    elbo_error: f64,
    covariance: Shape,
}

#[derive(Serialize, Deserialize)]
enum Shape {
    Diagonal,
    LowRank,
    Dense,
}

/// What is said of the numbers of a state.
#[derive(Serialize, Deserialize)]
struct StateRecord {
    start_counts: Counts,
    steps: u64,
    rejected: u64,
    counts: Counts,
    seconds: f64,
    ended: Option<Ended>,
    /// The columns of the trace.
    diagnostics: Vec<String>,
    /// The rows of the trace that are of rejected steps, and why those were.
    rejections: Vec<(usize, String)>,
}

impl Checkpoint {
    /// Writes it to a folder. The start, which never changes and can be large, is written only `with_start`, and first: what is read is
    /// always of one moment.
    pub fn write(&self, folder: &Path, with_start: bool) -> Result<(), WriteError> {
        if with_start {
            write_start(&folder.join(START), &self.start)?;
        }
        let Trace { names, rows } = &self.trace;
        let rejection = |(row, of): (usize, &TraceRow)| Some((row, of.rejected.clone()?));
        let record = StateRecord {
            start_counts: self.start_counts,
            steps: self.steps,
            rejected: self.rejected,
            counts: self.counts,
            seconds: self.seconds,
            ended: self.ended.clone(),
            diagnostics: names.clone(),
            rejections: rows.iter().enumerate().filter_map(rejection).collect(),
        };
        // Rows that are shorter are filled up, which is what they mean.
        let values = rows.iter().flat_map(|row| {
            (0..names.len()).map(|column| row.values.get(column).copied().unwrap_or(f64::NAN))
        });
        let steps = rows.iter().map(|row| row.step).collect();
        let seconds = rows.iter().map(|row| row.seconds).collect();
        let gradients = rows.iter().map(|row| row.gradients).collect();
        let tensors = [
            ("state", Tensor::vector(Numbers::Bytes(&self.state))),
            ("trace.step", Tensor::vector(Numbers::Counts(steps))),
            ("trace.seconds", Tensor::vector(Numbers::Reals(seconds))),
            (
                "trace.gradients",
                Tensor::vector(Numbers::Counts(gradients)),
            ),
            ("trace.values", Tensor::rows(values.collect(), names.len())),
        ];
        let tensors = tensors.map(|(name, tensor)| (name.to_string(), tensor));
        tensors::write(&folder.join(STATE), &record, &tensors)
    }

    /// Reads what [`write`](Checkpoint::write) wrote last.
    pub fn read(folder: &Path) -> Result<Self, ReadCheckpointError> {
        let start = parsed(&folder.join(START), parse_start);
        let rest = parsed(&folder.join(STATE), parse_state)?;
        let start = start.map_err(|error| match error {
            // It is written before any state.
            ReadCheckpointError::None => ReadCheckpointError::Damaged {
                path: folder.join(START).display().to_string(),
                because: "it is not there".into(),
            },
            error => error,
        })?;
        Ok(Checkpoint { start, ..rest })
    }
}

/// Reads a file and makes something of it.
fn parsed<T>(
    path: &Path,
    parse: fn(&Tensors) -> Result<T, String>,
) -> Result<T, ReadCheckpointError> {
    let name = || path.display().to_string();
    let file = Tensors::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ReadCheckpointError::None,
        _ => ReadCheckpointError::Unreadable {
            path: name(),
            source,
        },
    })?;
    parse(&file).map_err(|because| ReadCheckpointError::Damaged {
        path: name(),
        because,
    })
}

fn write_start(path: &Path, start: &Start) -> Result<(), WriteError> {
    let mut tensors = Vec::new();
    let mut candidates = Vec::new();
    for (number, candidate) in start.candidates.iter().enumerate() {
        let GaussianStart { mean, covariance } = &candidate.gaussian;
        let mut add = |name: &str, tensor| tensors.push((format!("{number}.{name}"), tensor));
        let vector = |values: &'_ [f64]| Tensor::vector(Numbers::Reals(values.to_vec().into()));
        add("mean", vector(mean));
        let shape = match covariance {
            Covariance::Diagonal(variances) => {
                add("variances", vector(variances));
                Shape::Diagonal
            }
            Covariance::LowRank(LowRank { diagonal, factor }) => {
                add("diagonal", vector(diagonal));
                add("factor", Tensor::matrix(factor));
                Shape::LowRank
            }
            Covariance::Dense(matrix) => {
                add("covariance", Tensor::matrix(matrix));
                Shape::Dense
            }
        };
        candidates.push(CandidateRecord {
            elbo: candidate.elbo,
            elbo_error: candidate.elbo_error,
            covariance: shape,
        });
    }
    let record = StartRecord {
        agreement: start.agreement.clone(),
        candidates,
    };
    tensors::write(path, &record, &tensors)
}

fn parse_start(file: &Tensors) -> Result<Start, String> {
    let (record, parts) = file.parts::<StartRecord>()?;
    let candidates = record.candidates.into_iter().enumerate();
    let candidates = candidates.map(|(number, candidate)| {
        let name = |name: &str| format!("{number}.{name}");
        let covariance = match candidate.covariance {
            Shape::Diagonal => Covariance::Diagonal(parts.reals(&name("variances"))?),
            Shape::LowRank => Covariance::LowRank(LowRank {
                diagonal: parts.reals(&name("diagonal"))?,
                factor: parts.matrix(&name("factor"))?,
            }),
            Shape::Dense => Covariance::Dense(parts.matrix(&name("covariance"))?),
        };
        Ok(Candidate {
            gaussian: GaussianStart {
                mean: parts.reals(&name("mean"))?,
                covariance,
            },
            elbo: candidate.elbo,
            elbo_error: candidate.elbo_error,
        })
    });
    let candidates: Vec<Candidate> = candidates.collect::<Result<_, String>>()?;
    match candidates.is_empty() {
        true => Err("it has no candidate".into()),
        false => Ok(Start {
            candidates,
            agreement: record.agreement,
        }),
    }
}

/// All but the start.
fn parse_state(file: &Tensors) -> Result<Checkpoint, String> {
    let (record, parts) = file.parts::<StateRecord>()?;
    let trace = parse_trace(record.diagnostics, record.rejections, &parts)?;
    Ok(Checkpoint {
        start: Start::standard(1),
        start_counts: record.start_counts,
        steps: record.steps,
        rejected: record.rejected,
        trace,
        counts: record.counts,
        seconds: record.seconds,
        ended: record.ended,
        state: parts.bytes("state")?,
    })
}

fn parse_trace(
    names: Vec<String>,
    rejections: Vec<(usize, String)>,
    parts: &Parts<'_>,
) -> Result<Trace, String> {
    let steps = parts.counts("trace.step")?;
    let seconds = parts.reals("trace.seconds")?;
    let gradients = parts.counts("trace.gradients")?;
    let values = parts.reals("trace.values")?;
    let sizes = [seconds.len(), gradients.len()];
    if sizes != [steps.len(); 2] || values.len() != steps.len() * names.len() {
        return Err("the columns of its trace differ in length".into());
    }
    let row = |row: usize| TraceRow {
        step: steps[row],
        seconds: seconds[row],
        gradients: gradients[row],
        rejected: None,
        values: values[row * names.len()..][..names.len()].to_vec(),
    };
    let mut rows: Vec<TraceRow> = (0..steps.len()).map(row).collect();
    for (row, because) in rejections {
        if let Some(row) = rows.get_mut(row) {
            row.rejected = Some(because);
        }
    }
    Ok(Trace { names, rows })
}

#[cfg(test)]
mod tests {
    use faer::mat;

    use super::*;
    use crate::inference::StepReport;

    fn checkpoint() -> Checkpoint {
        let covariances = [
            Covariance::Diagonal(vec![0.1, 2.0]),
            Covariance::LowRank(LowRank {
                diagonal: vec![1e-300, 3.0],
                factor: mat![[0.5], [-0.0]],
            }),
            Covariance::Dense(mat![[2.0, 0.3], [0.30000000000000004, 1.0]]),
        ];
        let candidates = covariances.into_iter().map(|covariance| Candidate {
            gaussian: GaussianStart {
                mean: vec![0.1, -7.0],
                covariance,
            },
            elbo: -1.0 / 3.0,
            elbo_error: f64::INFINITY,
        });
        let start = Start {
            candidates: candidates.collect(),
            agreement: Agreement {
                tried: 8,
                succeeded: 3,
                agreed: 1,
            },
        };
        let mut trace = Trace::default();
        trace.taken(0, 0.5, 8, &StepReport::going([("elbo", -1.0 / 3.0)]));
        trace.rejected(1, 0.75, 16, "\"NaN\", and more".into());
        Checkpoint {
            steps: 2,
            rejected: 1,
            trace,
            seconds: 1.0 / 3.0,
            ended: Some(Ended::Interrupted),
            state: vec![1, 2, 255],
            ..Checkpoint::of_start(start, Counts::default())
        }
    }

    /// A rejected row is read with the values that it lacks, as not being there: NaN, which equals nothing.
    fn printed(checkpoint: &Checkpoint) -> String {
        format!("{checkpoint:?}").replace("values: [NaN]", "values: []")
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoint = checkpoint();
        checkpoint.write(folder.path(), true).unwrap();
        let read = || Checkpoint::read(folder.path()).unwrap();
        assert_eq!(printed(&read()), printed(&checkpoint));
        checkpoint.steps += 1;
        checkpoint.state.clear();
        checkpoint.write(folder.path(), false).unwrap();
        assert_eq!(printed(&read()), printed(&checkpoint));
    }

    #[test]
    fn without_its_files_there_is_none_and_a_damaged_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let read = || Checkpoint::read(folder.path()).unwrap_err();
        assert!(matches!(read(), ReadCheckpointError::None));
        checkpoint().write(folder.path(), true).unwrap();
        std::fs::remove_file(folder.path().join(START)).unwrap();
        assert!(read().to_string().contains("it is not there"));
        std::fs::write(folder.path().join(START), "no numbers").unwrap();
        assert!(
            matches!(read(), ReadCheckpointError::Damaged { path, .. } if path.ends_with(START))
        );
    }
}
