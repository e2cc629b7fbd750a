//! Data files, and their agreement with the model's declarations.

mod bind;
mod json;
mod nans;
mod stored;
mod weights;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

pub(crate) use bind::{Bound, bind, rows_of};
pub(crate) use stored::{Reference, Stored};
pub(crate) use weights::read_weights;

/// The variables of a data file, by name.
#[derive(Clone, Debug, Default)]
pub struct Data {
    pub(crate) variables: BTreeMap<String, Entry>,
}

/// One variable of a data file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    /// Numbers, the last index fastest.
    Numbers { dims: Vec<usize>, numbers: Numbers },
    /// What is in a file of its own: an array, or the weights of a network.
    File(Reference),
    /// Something that no data block can declare: what it is.
    Other(String),
}

impl Entry {
    /// Sizes and numbers, also of an array in a file; else what it is, or why the file cannot be read.
    fn numbers(&self) -> Result<(Vec<usize>, Numbers), String> {
        match self {
            Entry::Numbers { dims, numbers } => Ok((dims.clone(), numbers.clone())),
            Entry::File(reference) => {
                let stored = Stored::open(reference)?;
                Ok((stored.dims().to_vec(), stored.all()))
            }
            Entry::Other(what) => Err(what.clone()),
        }
    }

    /// How many numbers there are; `None` where there are none to read.
    fn count(&self) -> Option<usize> {
        match self {
            Entry::Numbers { dims, .. } => Some(dims.iter().product()),
            Entry::File(reference) => {
                let stored = Stored::open(reference).ok()?;
                Some(stored.dims().iter().product())
            }
            Entry::Other(_) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Numbers {
    Ints(Vec<i64>),
    Reals(Vec<f64>),
}

/// Why a data file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file cannot be opened or read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is there, but is not what it should be.
    #[error("{path} is not Stan data in JSON: {problem}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong, and where.
        problem: String,
    },
}

impl Data {
    /// No variables: for models that declare no data.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Stan's JSON: an object of numbers and nested arrays of numbers. In place of an array may stand where it is:
    /// `{"file": "train.npz", "name": "x"}` for an array in an `.npy` (without a name), `.npz` or `.safetensors` file. Its path is relative to
    /// the data file, or for a text to the working folder.
    ///
    /// # Errors
    /// Text that is no such object.
    pub fn from_json(text: &str) -> Result<Self, DataError> {
        Self::from_reader(text.as_bytes(), "the text")
    }

    /// A `.json` file, or the first `.json` file in a `.zip`.
    ///
    /// # Errors
    /// A file that cannot be read, or that is no such object.
    pub fn from_file(path: &Path) -> Result<Self, DataError> {
        let name = path.display().to_string();
        let unreadable = |source| DataError::Unreadable {
            path: name.clone(),
            source,
        };
        let file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(unreadable(std::io::Error::other("it is a folder")));
        }
        let zipped = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("zip"));
        let data = if zipped {
            Self::from_zip(file, &name)?
        } else {
            Self::from_reader(BufReader::new(file), &name)?
        };
        Ok(data.beside(path))
    }

    /// The files that variables are in, beside the data file itself, each once.
    pub fn files(&self) -> Vec<PathBuf> {
        let entries = self.variables.values();
        let files = entries.filter_map(|entry| match entry {
            Entry::File(reference) => Some(reference.file.clone()),
            _ => None,
        });
        let mut files: Vec<PathBuf> = files.collect();
        files.sort();
        files.dedup();
        files
    }

    /// With paths of referred files relative to the folder of the data file.
    fn beside(self, path: &Path) -> Self {
        let folder = path.parent().unwrap_or(Path::new(""));
        let beside = |entry| match entry {
            Entry::File(reference) => Entry::File(reference.beside(folder)),
            entry => entry,
        };
        let variables = self.variables.into_iter();
        Data {
            variables: variables
                .map(|(name, entry)| (name, beside(entry)))
                .collect(),
        }
    }

    fn from_zip(file: File, name: &str) -> Result<Self, DataError> {
        let malformed = |problem: String| DataError::Malformed {
            path: name.to_string(),
            problem,
        };
        let mut archive =
            zip::ZipArchive::new(BufReader::new(file)).map_err(|e| malformed(e.to_string()))?;
        let inside = archive
            .file_names()
            .filter_map(|inside| inside.ok().map(|inside| inside.into_owned()))
            .find(|inside| inside.ends_with(".json") && !inside.starts_with("__MACOSX"))
            .ok_or_else(|| malformed("the archive holds no .json file".into()))?;
        let member = archive
            .by_name(&inside)
            .map_err(|e| malformed(e.to_string()))?;
        Self::from_reader(BufReader::new(member), &format!("{name}/{inside}"))
    }

    fn from_reader(reader: impl Read, name: &str) -> Result<Self, DataError> {
        match serde_json::from_reader(reader) {
            Ok(variables) => Ok(Data { variables }),
            Err(error) if error.is_io() => Err(DataError::Unreadable {
                path: name.to_string(),
                source: error.into(),
            }),
            Err(error) if error.is_eof() && error.line() <= 1 && error.column() == 0 => {
                Err(DataError::Malformed {
                    path: name.to_string(),
                    problem: "it is empty".into(),
                })
            }
            Err(error) => Err(DataError::Malformed {
                path: name.to_string(),
                problem: error.to_string(),
            }),
        }
    }

    /// The file that a variable is in; none where the variable is not there.
    ///
    /// # Errors
    /// What the variable is, if it is in no file.
    pub(crate) fn file(&self, name: &str) -> Result<Option<&Reference>, String> {
        match self.variables.get(name) {
            None => Ok(None),
            Some(Entry::File(reference)) => Ok(Some(reference)),
            Some(Entry::Numbers { .. }) => Err("numbers".into()),
            Some(Entry::Other(what)) => Err(what.clone()),
        }
    }

    /// Sizes and numbers of a variable, the last index fastest, also of one in a file of its own.
    ///
    /// # Errors
    /// What the variable is, if it is no numbers, or why its file cannot be read.
    pub fn numbers(&self, name: &str) -> Result<(Vec<usize>, Vec<f64>), String> {
        let entry = self.variables.get(name).ok_or("not there")?;
        let (dims, numbers) = entry.numbers()?;
        let numbers = match numbers {
            Numbers::Ints(ints) => ints.into_iter().map(|int| int as f64).collect(),
            Numbers::Reals(reals) => reals,
        };
        Ok((dims, numbers))
    }

    /// The names of the variables, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(json: &str) -> Entry {
        Data::from_json(&format!("{{\"x\": {json}}}"))
            .unwrap()
            .variables["x"]
            .clone()
    }

    #[test]
    fn nested_arrays_keep_their_shape() {
        let numbers = Numbers::Ints(vec![1, 2, 3, 4, 5, 6]);
        assert_eq!(
            entry("[[1, 2, 3], [4, 5, 6]]"),
            Entry::Numbers {
                dims: vec![2, 3],
                numbers
            }
        );
    }

    #[test]
    fn numbers_are_asked_for_by_name() {
        let data = Data::from_json(r#"{"x": [[1, 2]], "y": 0.5, "z": null}"#).unwrap();
        assert_eq!(data.numbers("x"), Ok((vec![1, 2], vec![1.0, 2.0])));
        assert_eq!(data.numbers("y"), Ok((vec![], vec![0.5])));
        assert_eq!(data.numbers("z"), Err("null".into()));
        assert_eq!(data.numbers("w"), Err("not there".into()));
    }

    #[test]
    fn one_real_makes_all_real() {
        let numbers = Numbers::Reals(vec![1.0, 2.5]);
        assert_eq!(
            entry("[1, 2.5]"),
            Entry::Numbers {
                dims: vec![2],
                numbers
            }
        );
    }

    #[test]
    fn reals_are_read_to_the_last_bit() {
        let bits = (1..2000_u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1);
        let written = bits
            .map(f64::from_bits)
            .filter(|x| x.is_finite())
            .collect::<Vec<_>>();
        let text = format!("{written:?}");
        let dims = vec![written.len()];
        let numbers = Numbers::Reals(written);
        assert_eq!(entry(&text), Entry::Numbers { dims, numbers });
    }

    #[test]
    fn stan_spells_what_json_lacks_as_text() {
        let numbers = Numbers::Reals(vec![f64::INFINITY, f64::NEG_INFINITY]);
        assert_eq!(
            entry("[\"Inf\", \"-Infinity\"]"),
            Entry::Numbers {
                dims: vec![2],
                numbers
            }
        );
    }

    #[test]
    fn ragged_arrays_and_text_are_kept_as_what_they_are() {
        assert_eq!(
            entry("[[1], [2, 3]]"),
            Entry::Other("an array whose rows differ in length".into())
        );
        assert_eq!(entry("\"blue\""), Entry::Other("the text \"blue\"".into()));
        assert_eq!(entry("null"), Entry::Other("null".into()));
    }

    #[test]
    fn what_is_no_object_is_refused_with_its_place() {
        let error = Data::from_json("[1, 2]").unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
        assert!(
            Data::from_json("")
                .unwrap_err()
                .to_string()
                .contains("empty")
        );
    }
}
