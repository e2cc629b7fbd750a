//! NumPy's `.npz`: `.npy` files in a zip archive.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use zip::{CompressionMethod, ZipArchive};

use super::{Bytes, Stored, choose, npy};

/// A member whose numbers say that they take more than so many times what is there of it is no array.
const MOST_COMPRESSION: u64 = 2000;

/// The array of that name; mapped if it is not compressed.
pub(super) fn array(path: &Path, bytes: Bytes, name: Option<&str>) -> Result<Stored, String> {
    let broken = |error: &dyn std::fmt::Display| format!("it is no `.npz` file: {error}");
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| broken(&error))?;
    let members: Vec<String> = archive
        .file_names()
        .filter_map(|member| Some(member.ok()?.into_owned()))
        .collect();
    let names: Vec<&str> = members
        .iter()
        .filter_map(|member| member.strip_suffix(".npy"))
        .collect();
    let member = format!("{}.npy", choose(&names, name)?);
    let mut member = archive.by_name(&member).map_err(|error| broken(&error))?;
    if member.compression() == CompressionMethod::Stored
        && let Some(start) = member.data_start()
    {
        let start = usize::try_from(start).map_err(|error| broken(&error))?;
        let size = usize::try_from(member.size()).map_err(|error| broken(&error))?;
        return npy::array(bytes, start..start.saturating_add(size));
    }
    let (size, packed) = (member.size(), member.compressed_size());
    if size / MOST_COMPRESSION > packed {
        return Err(broken(&format!(
            "{packed} bytes are said to unpack to {size}"
        )));
    }
    let mut unpacked = Vec::new();
    // No more than was announced.
    let mut limited = (&mut member).take(size);
    limited
        .read_to_end(&mut unpacked)
        .map_err(|error| broken(&error))?;
    let whole = 0..unpacked.len();
    npy::array(Bytes::Unpacked(Arc::new(unpacked)), whole)
}
