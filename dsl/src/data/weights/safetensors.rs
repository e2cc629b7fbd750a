//! Weights in Hugging Face's `.safetensors`.

use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use super::Tensors;
use super::numbers::{KINDS, Precision};

/// Bytes before the header: its length.
const LENGTH: usize = 8;

/// Whether a file with this beginning may be one: its header is an object of JSON.
pub(super) fn begins(head: &[u8]) -> bool {
    head.get(LENGTH) == Some(&b'{')
}

/// The tensors that these bytes of a file are.
///
/// # Errors
/// A sentence on why they are none.
pub(super) fn open<'b>(path: &Path, bytes: &'b [u8]) -> Result<SafeTensors<'b>, String> {
    SafeTensors::deserialize(bytes)
        .map_err(|error| format!("{} is not readable as safetensors: {error}", path.display()))
}

impl Tensors for SafeTensors<'_> {
    fn names(&self) -> Vec<&str> {
        self.names()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let found = self.tensor(name).ok()?;
        Some(found.shape().to_vec())
    }

    fn numbers(&self, name: &str) -> Result<Vec<f64>, String> {
        let found = self
            .tensor(name)
            .map_err(|error| format!("cannot be read: {error}"))?;
        let precision = match found.dtype() {
            Dtype::F64 => Precision::F64,
            Dtype::F32 => Precision::F32,
            Dtype::F16 => Precision::F16,
            Dtype::BF16 => Precision::BF16,
            other => return Err(format!("has numbers of the type {other:?}: {KINDS}")),
        };
        Ok(precision.numbers(found.data()))
    }
}
