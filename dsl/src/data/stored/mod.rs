//! Arrays in files of their own, which a data file refers to: `{"file": "train.npz", "name": "x"}`.
//!
//! Files are mapped and numbers converted when they are asked for, so that of a large array only the rows that a batch takes are
//! ever in memory. Members of an `.npz` that are compressed are the exception: they are unpacked whole.

mod npy;
mod npz;
mod safetensors;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firebrand_core::boundary::MappedFile;

use super::Numbers;

/// What a data file says about a file beside it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reference {
    /// The file, relative to that of the data.
    pub file: PathBuf,
    /// Which of its arrays, for files that hold several; of a network's weights, what comes before their names.
    pub name: Option<String>,
}

/// The numbers of an array as they lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    Bool,
}

/// Kinds that are read, for messages.
const KINDS: &str =
    "float32, float64, bool, and integers of up to 64 bits with a sign or up to 32 without";

impl Kind {
    fn size(self) -> usize {
        match self {
            Kind::I8 | Kind::U8 | Kind::Bool => 1,
            Kind::I16 | Kind::U16 => 2,
            Kind::F32 | Kind::I32 | Kind::U32 => 4,
            Kind::F64 | Kind::I64 => 8,
        }
    }
}

/// The bytes of a file, or of a part that had to be unpacked.
#[derive(Clone)]
enum Bytes {
    Mapped(Arc<MappedFile>),
    Unpacked(Arc<Vec<u8>>),
}

impl Bytes {
    fn all(&self) -> &[u8] {
        match self {
            Bytes::Mapped(file) => file,
            Bytes::Unpacked(bytes) => bytes,
        }
    }
}

/// An array in a file.
#[derive(Clone)]
pub(crate) struct Stored {
    kind: Kind,
    big_endian: bool,
    dims: Vec<usize>,
    /// Whether the first index is the fastest.
    first_fastest: bool,
    bytes: Bytes,
    /// Where the numbers are in the bytes.
    range: Range<usize>,
}

impl fmt::Debug for Stored {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{:?} of {:?}", self.kind, self.dims)
    }
}

impl Stored {
    /// Finds the array that is referred to.
    ///
    /// # Errors
    /// What is wrong, where, and what to do about it, in a sentence.
    pub fn open(reference: &Reference) -> Result<Self, String> {
        let path = &reference.file;
        let at = |problem: String| format!("{}: {problem}", path.display());
        let file = MappedFile::open(path).map_err(|error| at(error.to_string()))?;
        let bytes = Bytes::Mapped(Arc::new(file));
        let extension = path.extension().and_then(|extension| extension.to_str());
        let name = reference.name.as_deref();
        let found = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("npy") => match name {
                None => {
                    let whole = 0..bytes.all().len();
                    npy::array(bytes, whole)
                }
                Some(_) => {
                    Err("an `.npy` file holds one array, without a name: leave `name` out".into())
                }
            },
            Some("npz") => npz::array(path, bytes, name),
            Some("safetensors") => safetensors::array(bytes, name),
            Some("pt" | "pth" | "bin") => Err(
                "arrays are read from `.npy`, `.npz` and `.safetensors` files, and from PyTorch's own only the weights of networks: \
                 write it with `numpy.save(\"x.npy\", x.numpy())`"
                    .into(),
            ),
            _ => Err("arrays are read from `.npy`, `.npz` and `.safetensors` files".into()),
        };
        found.map_err(at)
    }

    /// An array of this form whose numbers begin where this range of the bytes does.
    ///
    /// # Errors
    /// If the range ends before it does.
    fn within(
        bytes: Bytes,
        (kind, big_endian): (Kind, bool),
        dims: Vec<usize>,
        first_fastest: bool,
        numbers: Range<usize>,
    ) -> Result<Self, String> {
        let Range { start, end: last } = numbers;
        let size = dims
            .iter()
            .try_fold(kind.size(), |size, dim| size.checked_mul(*dim))
            .and_then(|size| Some((size, start.checked_add(size)?)));
        let held = last.saturating_sub(start);
        match size {
            Some((_, end)) if end <= last && last <= bytes.all().len() => Ok(Stored {
                kind,
                big_endian,
                first_fastest: first_fastest && dims.len() > 1,
                dims,
                bytes,
                range: start..end,
            }),
            Some((size, _)) => Err(format!(
                "an array of shape {dims:?} takes {size} bytes, but {held} are there: the file is cut short; write it again"
            )),
            None => Err(format!(
                "no file holds an array of shape {dims:?}: its header is broken"
            )),
        }
    }

    /// The sizes of its axes.
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// Whether it holds integers.
    pub fn is_int(&self) -> bool {
        !matches!(self.kind, Kind::F32 | Kind::F64)
    }

    /// All numbers, the last index fastest.
    pub fn all(&self) -> Numbers {
        match self.dims.first() {
            Some(rows) => self.rows(&(0..*rows).collect::<Vec<_>>()),
            None => self.numbers(std::iter::once(0)),
        }
    }

    /// The numbers at positions along the first axis, the last index fastest.
    ///
    /// # Panics
    /// At positions that there are not.
    pub fn rows(&self, rows: &[usize]) -> Numbers {
        let length: usize = self.dims.iter().skip(1).product();
        if !self.first_fastest {
            return self.numbers(rows.iter().flat_map(|row| row * length..(row + 1) * length));
        }
        // Offsets of the elements of the first row, in the order of the last index fastest.
        let mut offsets = vec![0];
        let mut stride = self.dims[0];
        for dim in &self.dims[1..] {
            offsets = offsets
                .iter()
                .flat_map(|offset| (0..*dim).map(move |i| offset + i * stride))
                .collect();
            stride *= dim;
        }
        self.numbers(
            rows.iter()
                .flat_map(|row| offsets.iter().map(move |offset| row + offset)),
        )
    }

    /// The numbers at these positions in the file.
    fn numbers(&self, positions: impl Iterator<Item = usize>) -> Numbers {
        let bytes = &self.bytes.all()[self.range.clone()];
        macro_rules! read {
            ($number:ty, $to:ty) => {
                positions
                    .map(|position| {
                        const SIZE: usize = size_of::<$number>();
                        let mut number = [0; SIZE];
                        number.copy_from_slice(&bytes[position * SIZE..(position + 1) * SIZE]);
                        let number = match self.big_endian {
                            true => <$number>::from_be_bytes(number),
                            false => <$number>::from_le_bytes(number),
                        };
                        number as $to
                    })
                    .collect()
            };
        }
        match self.kind {
            Kind::F32 => Numbers::Reals(read!(f32, f64)),
            Kind::F64 => Numbers::Reals(read!(f64, f64)),
            Kind::I8 => Numbers::Ints(read!(i8, i64)),
            Kind::I16 => Numbers::Ints(read!(i16, i64)),
            Kind::I32 => Numbers::Ints(read!(i32, i64)),
            Kind::I64 => Numbers::Ints(read!(i64, i64)),
            Kind::U8 => Numbers::Ints(read!(u8, i64)),
            Kind::U16 => Numbers::Ints(read!(u16, i64)),
            Kind::U32 => Numbers::Ints(read!(u32, i64)),
            Kind::Bool => Numbers::Ints(
                positions
                    .map(|position| i64::from(bytes[position] != 0))
                    .collect(),
            ),
        }
    }
}

impl Reference {
    /// Relative to a folder.
    pub fn beside(self, folder: &Path) -> Self {
        Reference {
            file: folder.join(self.file),
            ..self
        }
    }
}

/// Which names there are, when one is missing or another asked for.
fn choose<'a>(names: &[&'a str], wanted: Option<&str>) -> Result<&'a str, String> {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let quoted = quoted.join(", ");
    match (wanted, names) {
        (_, []) => Err("it holds no array".into()),
        (None, [only]) => Ok(only),
        (None, _) => Err(format!("it holds {quoted}: say which with `\"name\"`")),
        (Some(wanted), names) => names
            .iter()
            .find(|name| **name == wanted)
            .copied()
            .ok_or_else(|| format!("it holds no array `{wanted}`, but {quoted}")),
    }
}
