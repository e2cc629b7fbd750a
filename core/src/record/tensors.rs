//! Files of numbers: safetensors, with the rest of a record as RON in the file's metadata, and a checksum over both.
//!
//! So numbers and what is said of them are one file, which is there as a whole or not at all.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use crc32fast::Hasher;
use faer::Mat;
use safetensors::tensor::{SafeTensorError, SafeTensors, View};
use safetensors::{Dtype, serialize_to_file};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::WriteError;
use super::atomic::replace_atomically;

/// The keys of the metadata.
const RECORD: &str = "firebrand";
const CHECKSUM: &str = "crc32";

/// Numbers to be written; they become bytes one tensor at a time.
pub(super) enum Numbers<'a> {
    Bytes(&'a [u8]),
    Counts(Vec<u64>),
    Reals(Cow<'a, [f64]>),
}

/// A tensor to be written.
pub(super) struct Tensor<'a> {
    shape: Vec<usize>,
    numbers: Numbers<'a>,
}

impl<'a> Tensor<'a> {
    /// `[N]`.
    pub fn vector(numbers: Numbers<'a>) -> Self {
        let length = match &numbers {
            Numbers::Bytes(bytes) => bytes.len(),
            Numbers::Counts(counts) => counts.len(),
            Numbers::Reals(reals) => reals.len(),
        };
        Tensor {
            shape: vec![length],
            numbers,
        }
    }

    /// A matrix, row by row.
    pub fn matrix(matrix: &Mat<f64>) -> Self {
        let rows = (0..matrix.nrows()).flat_map(|i| matrix.row(i).iter().copied());
        Tensor {
            shape: vec![matrix.nrows(), matrix.ncols()],
            numbers: Numbers::Reals(rows.collect()),
        }
    }

    /// Rows of `columns` numbers each.
    pub fn rows(values: Vec<f64>, columns: usize) -> Self {
        Tensor {
            shape: vec![values.len() / columns.max(1), columns],
            numbers: Numbers::Reals(values.into()),
        }
    }
}

impl View for &Tensor<'_> {
    fn dtype(&self) -> Dtype {
        match self.numbers {
            Numbers::Bytes(_) => Dtype::U8,
            Numbers::Counts(_) => Dtype::U64,
            Numbers::Reals(_) => Dtype::F64,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match &self.numbers {
            Numbers::Bytes(bytes) => Cow::Borrowed(bytes),
            Numbers::Counts(counts) => counts.iter().flat_map(|c| c.to_le_bytes()).collect(),
            Numbers::Reals(reals) => reals.iter().flat_map(|r| r.to_le_bytes()).collect(),
        }
    }

    fn data_len(&self) -> usize {
        let width = match self.numbers {
            Numbers::Bytes(_) => 1,
            Numbers::Counts(_) | Numbers::Reals(_) => 8,
        };
        width * self.shape.iter().product::<usize>()
    }
}

/// Writes a record and its tensors as one file, atomically.
pub(super) fn write<R: Serialize>(
    path: &Path,
    record: &R,
    tensors: &[(String, Tensor<'_>)],
) -> Result<(), WriteError> {
    let unwritable = |error: &dyn std::fmt::Display| WriteError {
        path: path.into(),
        source: io::Error::other(error.to_string()),
    };
    let record = ron::to_string(record).map_err(|error| unwritable(&error))?;
    let views = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
    let mut by_name: Vec<_> = views.clone().collect();
    by_name.sort_by_key(|(name, _)| *name);
    let parts = by_name.iter().map(|(_, tensor)| tensor.data());
    let checksum = checksum(&record, parts);
    let metadata = HashMap::from([
        (RECORD.to_string(), record),
        (CHECKSUM.to_string(), checksum),
    ]);
    replace_atomically(path, |temporary| {
        serialize_to_file(views, Some(metadata), temporary).map_err(|error| match error {
            SafeTensorError::IoError(error) => error,
            error => io::Error::other(error.to_string()),
        })
    })
}

/// Of the record and the bytes of all tensors in the order of their names.
fn checksum(record: &str, parts: impl Iterator<Item = impl AsRef<[u8]>>) -> String {
    let mut hasher = Hasher::new();
    hasher.update(record.as_bytes());
    parts.for_each(|part| hasher.update(part.as_ref()));
    format!("{:08x}", hasher.finalize())
}

/// A file that [`write`] wrote.
pub(super) struct Tensors {
    bytes: Vec<u8>,
}

impl Tensors {
    /// Reads a file.
    pub fn read(path: &Path) -> io::Result<Self> {
        fs::read(path).map(|bytes| Tensors { bytes })
    }

    /// Its record and its tensors.
    ///
    /// # Errors
    /// How it shows that the file is not what was written.
    pub fn parts<R: DeserializeOwned>(&self) -> Result<(R, Parts<'_>), String> {
        let bytes = &self.bytes;
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        let of_key = |key: &str| {
            let found = header.metadata().as_ref().and_then(|data| data.get(key));
            found.ok_or_else(|| format!("it has no `{key}`"))
        };
        let record = of_key(RECORD)?;
        let mut by_name = tensors.tensors();
        by_name.sort_by(|(a, _), (b, _)| a.cmp(b));
        let parts = by_name.iter().map(|(_, tensor)| tensor.data());
        if checksum(record, parts) != *of_key(CHECKSUM)? {
            return Err("its checksum is wrong".into());
        }
        let record = ron::from_str(record).map_err(|error| error.to_string())?;
        Ok((record, Parts { tensors }))
    }
}

/// The tensors of a file.
pub(super) struct Parts<'a> {
    tensors: SafeTensors<'a>,
}

impl Parts<'_> {
    fn of_type(&self, name: &str, dtype: Dtype) -> Result<(&[u8], Vec<usize>), String> {
        let missing = || format!("it has no tensor `{name}`");
        let tensor = self.tensors.tensor(name).map_err(|_| missing())?;
        match tensor.dtype() == dtype {
            true => Ok((tensor.data(), tensor.shape().to_vec())),
            false => Err(format!("`{name}` is of another type")),
        }
    }

    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, String> {
        Ok(self.of_type(name, Dtype::U8)?.0.to_vec())
    }

    pub fn counts(&self, name: &str) -> Result<Vec<u64>, String> {
        let (data, _) = self.of_type(name, Dtype::U64)?;
        Ok(eights(data).map(u64::from_le_bytes).collect())
    }

    pub fn reals(&self, name: &str) -> Result<Vec<f64>, String> {
        let (data, _) = self.of_type(name, Dtype::F64)?;
        Ok(eights(data).map(f64::from_le_bytes).collect())
    }

    pub fn matrix(&self, name: &str) -> Result<Mat<f64>, String> {
        let (_, shape) = self.of_type(name, Dtype::F64)?;
        let [rows, columns] = shape[..] else {
            return Err(format!("`{name}` is not a matrix"));
        };
        let values = self.reals(name)?;
        Ok(Mat::from_fn(rows, columns, |i, j| values[i * columns + j]))
    }
}

fn eights(data: &[u8]) -> impl Iterator<Item = [u8; 8]> {
    data.as_chunks::<8>().0.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_any_bit_changed_or_cut_anywhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.safetensors");
        let state = [1, 2, 3];
        let tensors = [
            ("b".to_string(), Tensor::vector(Numbers::Bytes(&state))),
            ("a".to_string(), Tensor::rows(vec![0.1, f64::NAN], 2)),
        ];
        write(&path, &"what they are", &tensors).unwrap();
        let whole = fs::read(&path).unwrap();
        let read = |bytes: Vec<u8>| {
            let file = Tensors { bytes };
            let (record, parts) = file.parts::<String>()?;
            Ok::<_, String>((record, parts.bytes("b")?, parts.reals("a")?[0]))
        };
        let expected = ("what they are".to_string(), state.to_vec(), 0.1);
        assert_eq!(read(whole.clone()), Ok(expected.clone()));
        for length in 0..whole.len() {
            assert!(read(whole[..length].to_vec()).is_err(), "cut to {length}");
        }
        for bit in 0..8 * whole.len() {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // What changes nothing that is read, such as one blank for another, may pass.
            let found = read(bytes);
            assert!(found.is_err() || found == Ok(expected.clone()), "bit {bit}");
        }
    }
}
