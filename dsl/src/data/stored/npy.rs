//! NumPy's `.npy`: a header that is a Python dictionary, then the numbers.
//!
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use std::ops::Range;

use super::{Bytes, KINDS, Kind, Stored};

const MAGIC: &[u8] = b"\x93NUMPY";
/// Headers are padded to 64 bytes and seldom longer; one of more than this is not NumPy's.
const LONGEST_HEADER: usize = 1 << 16;

/// The array whose file is in this range of the bytes.
pub(super) fn array(bytes: Bytes, file: Range<usize>) -> Result<Stored, String> {
    let all = bytes.all().get(file.clone()).unwrap_or_default();
    let (header, length) = header(all)?;
    let kind = kind(value(header, "descr")?)?;
    let first_fastest = match value(header, "fortran_order")? {
        order if order.starts_with("True") => true,
        order if order.starts_with("False") => false,
        _ => return Err(broken("`fortran_order` is neither True nor False")),
    };
    let dims = shape(value(header, "shape")?)?;
    Stored::within(
        bytes,
        kind,
        dims,
        first_fastest,
        file.start + length..file.end,
    )
}

fn broken(what: &str) -> String {
    format!("it is no `.npy` file that NumPy writes: {what}")
}

/// The dictionary, and how many bytes come before the numbers.
fn header(bytes: &[u8]) -> Result<(&str, usize), String> {
    if !bytes.starts_with(MAGIC) {
        return Err(broken("it does not begin as one"));
    }
    let cut = || broken("its header is cut short");
    let field = |from: usize, to: usize| bytes.get(from..to).ok_or_else(cut);
    let (first, length) = match field(6, 8)?[0] {
        1 => {
            let length = field(8, 10)?;
            (10, usize::from(u16::from_le_bytes([length[0], length[1]])))
        }
        2 | 3 => {
            let length = field(8, 12)?;
            let length = [length[0], length[1], length[2], length[3]];
            (12, u32::from_le_bytes(length) as usize)
        }
        version => return Err(broken(&format!("its version is {version}"))),
    };
    if length > LONGEST_HEADER {
        return Err(broken(&format!("its header has {length} bytes")));
    }
    let text = field(first, first + length)?;
    let text = std::str::from_utf8(text).map_err(|_| broken("its header is no text"))?;
    Ok((text, first + length))
}

/// What follows a key of the dictionary.
fn value<'a>(header: &'a str, key: &str) -> Result<&'a str, String> {
    ['\'', '"']
        .iter()
        .find_map(|quote| header.split_once(&format!("{quote}{key}{quote}")))
        .and_then(|(_, rest)| rest.trim_start().strip_prefix(':'))
        .map(str::trim_start)
        .ok_or_else(|| broken(&format!("its header has no `{key}`")))
}

/// `'<f4'`: byte order, letter, bytes; and whether the largest byte comes first.
fn kind(value: &str) -> Result<(Kind, bool), String> {
    let quoted = |quote: char| value.strip_prefix(quote)?.split(quote).next();
    let text = quoted('\'').or_else(|| quoted('"'));
    let other = || {
        let found = text.unwrap_or("several columns");
        format!("its numbers are of type `{found}`: convert them to one of {KINDS}")
    };
    let (order, letters) = match text {
        Some(text) if text.is_ascii() && text.len() >= 3 => text.split_at(1),
        _ => return Err(other()),
    };
    let kind = match letters {
        "f4" => Kind::F32,
        "f8" => Kind::F64,
        "i1" => Kind::I8,
        "i2" => Kind::I16,
        "i4" => Kind::I32,
        "i8" => Kind::I64,
        "u1" => Kind::U8,
        "u2" => Kind::U16,
        "u4" => Kind::U32,
        "b1" => Kind::Bool,
        _ => return Err(other()),
    };
    match order {
        "<" | "|" => Ok((kind, false)),
        ">" => Ok((kind, true)),
        _ => Err(other()),
    }
}

/// `(3, 4)`, `(3,)` or `()`
fn shape(value: &str) -> Result<Vec<usize>, String> {
    let wrong = || broken("its `shape` is no list of sizes");
    let inside = value
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'));
    let (inside, _) = inside.ok_or_else(wrong)?;
    inside
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty())
        .map(|size| size.parse().map_err(|_| wrong()))
        .collect()
}
