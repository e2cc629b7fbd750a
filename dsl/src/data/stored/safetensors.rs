//! Hugging Face's `.safetensors`: a header in JSON, then the numbers of all arrays.

use safetensors::{Dtype, SafeTensors};

use super::{Bytes, KINDS, Kind, Stored, choose};

/// Bytes before the header: its length.
const LENGTH: usize = 8;

/// The array of that name.
pub(super) fn array(bytes: Bytes, name: Option<&str>) -> Result<Stored, String> {
    let broken = |error| format!("it is no `.safetensors` file, or cut short: {error}");
    let (header, metadata) = SafeTensors::read_metadata(bytes.all()).map_err(broken)?;
    let tensors = metadata.tensors();
    let mut names: Vec<&str> = tensors.keys().map(String::as_str).collect();
    names.sort_unstable();
    let info = tensors[choose(&names, name)?];
    let kind = match info.dtype {
        Dtype::F32 => Kind::F32,
        Dtype::F64 => Kind::F64,
        Dtype::I8 => Kind::I8,
        Dtype::I16 => Kind::I16,
        Dtype::I32 => Kind::I32,
        Dtype::I64 => Kind::I64,
        Dtype::U8 => Kind::U8,
        Dtype::U16 => Kind::U16,
        Dtype::U32 => Kind::U32,
        Dtype::BOOL => Kind::Bool,
        other => {
            return Err(format!(
                "its numbers are of type {other:?}: convert them to one of {KINDS}"
            ));
        }
    };
    let numbers = LENGTH + header;
    let numbers = numbers + info.data_offsets.0..numbers + info.data_offsets.1;
    let dims = info.shape.clone();
    Stored::within(bytes, (kind, false), dims, false, numbers)
}
