//! Reading a library's file before it is opened: a library that is no plugin, or one that was built for another version, never runs.

use std::path::Path;

use object::{ExportTarget, File, Object, ObjectSection};

use super::abi::{MAGIC, PluginTable, SYMBOL, VERSION};
use super::refusal::Refusal;

/// Bytes of the table that are read: magic, version and size.
const HEAD: usize = 16;

/// The name of the symbol under which a file exports its table, if the table is one that this program can use.
///
/// # Errors
/// A file that cannot be read, is no shared library, or exports no such table.
pub(super) fn table_symbol(file: &Path) -> Result<String, Refusal> {
    let bytes = std::fs::read(file).map_err(|error| Refusal::Unreadable(error.to_string()))?;
    let library = File::parse(&*bytes).map_err(|error| Refusal::NotALibrary(error.to_string()))?;
    let not_a_library = |error: object::Error| Refusal::NotALibrary(error.to_string());
    let mut found = None;
    for export in library.exports().map_err(not_a_library)? {
        let export = export.map_err(not_a_library)?;
        if let (Some(name), ExportTarget::Address { address }) =
            (export.name().name(), export.target())
        {
            // Names begin with an underscore on some systems, which is not part of what is asked for.
            let name = name.strip_prefix(b"_").unwrap_or(name);
            if name.starts_with(SYMBOL.as_bytes()) {
                found = Some((String::from_utf8_lossy(name).into_owned(), address));
                break;
            }
        }
    }
    let (name, address) = found.ok_or(Refusal::NotAPlugin)?;
    let head = library.sections().find_map(|section| {
        let range = section.address()..section.address().saturating_add(section.size());
        match range.contains(&address) {
            true => section.data_range(address, HEAD as u64).ok().flatten(),
            false => None,
        }
    });
    check(head.unwrap_or_default(), library.is_little_endian())?;
    Ok(name)
}

/// Checks the first bytes of a table.
fn check(head: &[u8], little_endian: bool) -> Result<(), Refusal> {
    let Some((magic, rest)) = head.split_first_chunk::<8>() else {
        return Err(Refusal::Magic);
    };
    if *magic != MAGIC {
        return Err(Refusal::Magic);
    }
    let number = |bytes: &[u8; 4]| match little_endian {
        true => u32::from_le_bytes(*bytes),
        false => u32::from_be_bytes(*bytes),
    };
    let [version, size] = rest.as_chunks::<4>().0 else {
        return Err(Refusal::Magic);
    };
    check_numbers(number(version), number(size) as usize)
}

/// Checks the version first: all that follows in a table depends on it.
fn check_numbers(version: u32, size: usize) -> Result<(), Refusal> {
    let expected = size_of::<PluginTable>();
    match version {
        older if older < VERSION => Err(Refusal::Older { version }),
        newer if newer > VERSION => Err(Refusal::Newer { version }),
        _ if size < expected => Err(Refusal::CutShort { size, expected }),
        _ => Ok(()),
    }
}
