//! Weights in PyTorch's own files, `.pt`, `.pth` or `.bin`: what `torch.save` writes of a state dict, of one inside a checkpoint, or
//! of a whole module.
//!
//! Such a file describes its tensors by a pickle, which Python would run as a program. `pytorch_reader` interprets the few
//! calls that rebuild tensors and runs nothing. What it would take any amount of memory for is refused here before.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use pytorch_reader::{DType, PytorchReader};
use zip::read::ZipReadOptions;
use zip::{CompressionMethod, ZipArchive};

use super::numbers::{KINDS, Precision};
use super::{Tensors, pickle};

/// How a file is made that can be read.
pub(super) const REMEDY: &str = "with `torch.save(model.state_dict(), \"weights.pt\")`";

/// Bytes of a file that say what it is: those of a `tar` archive have the farthest mark.
pub(super) const HEAD: u64 = 262;
/// How archives begin: with a member, or with none.
const ARCHIVES: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];
/// The number that older files begin with, as pickles write it.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// In an older file the number begins no later than this.
const MAGIC_WITHIN: usize = 64;
/// A `tar` archive says here that it is one.
const TAR: std::ops::Range<usize> = 257..262;
/// Pickles before the tensors of an older file: the number, a version, the machine, the object, the tensors' order.
const PICKLES: usize = 5;
/// In an archive, the member that is the pickle.
const PICKLE: &str = "data.pkl";
/// What the names of members with numbers have in them.
const NUMBERS: &str = "data/";

/// Whether a file with this beginning is an archive, as PyTorch writes since 1.6, or the stream of pickles from before that. Archives in `tar`
/// of before 0.1.10 are not known.
pub(super) fn begins(head: &[u8]) -> bool {
    is_archive(head) || is_stream(head)
}

fn is_archive(head: &[u8]) -> bool {
    ARCHIVES.iter().any(|archive| head.starts_with(archive))
}

fn is_stream(head: &[u8]) -> bool {
    let start = &head[..head.len().min(MAGIC_WITHIN)];
    let has_magic = start.windows(MAGIC.len()).any(|bytes| bytes == MAGIC);
    has_magic && head.get(TAR) != Some(b"ustar")
}

/// The tensors of a file that begins so. Their numbers are read when they are asked for.
///
/// # Errors
/// A sentence on what is wrong with the file, and what to do.
pub(super) fn open(path: &Path, head: &[u8]) -> Result<PytorchReader, String> {
    let file = path.display();
    let unusable = |problem: String| {
        format!(
            "{file} is not readable as a file of PyTorch's: {problem}. If it was cut short, get it again; else write the weights {REMEDY}"
        )
    };
    check(path, head).map_err(unusable)?;
    PytorchReader::new(path).map_err(|error| {
        let error = error.to_string();
        unusable(error.trim_end_matches('.').to_string())
    })
}

/// Refuses a file that says little and would have much made of it.
fn check(path: &Path, head: &[u8]) -> Result<(), String> {
    let mut file = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    if is_archive(head) {
        return check_archive(file);
    }
    (0..PICKLES).try_for_each(|_| pickle::check(&mut file))
}

fn check_archive(file: impl Read + Seek) -> Result<(), String> {
    let broken = |error: zip::result::ZipError| error.to_string();
    let mut archive = ZipArchive::new(file).map_err(broken)?;
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(broken)?;
        let name = member.name().map_err(broken)?;
        let (is_pickle, has_numbers) = (name.ends_with(PICKLE), name.contains(NUMBERS));
        // A tensor of two numbers can be the ends of what unpacks to a thousand times the file.
        if has_numbers && member.compression() != CompressionMethod::Stored {
            return Err("its numbers are compressed, which PyTorch's own are not".into());
        }
        drop(member);
        if is_pickle {
            // Checksums can be left out by PyTorch; the reader knows of that.
            let unchecked = ZipReadOptions::new().ignore_crc32(true);
            let member = archive.by_index_with_options(index, unchecked);
            let member = member.map_err(broken)?;
            pickle::check(&mut BufReader::new(member))?;
        }
    }
    Ok(())
}

impl Tensors for PytorchReader {
    fn names(&self) -> Vec<&str> {
        self.tensors().keys().map(String::as_str).collect()
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        Some(self.get(name)?.shape().to_vec())
    }

    fn numbers(&self, name: &str) -> Result<Vec<f64>, String> {
        let found = self.get(name).ok_or("is not there")?;
        let precision = match found.dtype() {
            DType::F64 => Precision::F64,
            DType::F32 => Precision::F32,
            DType::F16 => Precision::F16,
            DType::BF16 => Precision::BF16,
            other => return Err(format!("has numbers of the type {other:?}: {KINDS}")),
        };
        let mut bytes = found.read().map_err(|error| {
            format!("cannot be read: {error}; the file is damaged: write the weights anew {REMEDY}")
        })?;
        // They come in the order of this machine.
        if cfg!(target_endian = "big") {
            let size = found.dtype().size();
            bytes.chunks_mut(size).for_each(<[u8]>::reverse);
        }
        Ok(precision.numbers(&bytes))
    }
}
