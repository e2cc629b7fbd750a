//! What the host does for plugins, and what a plugin knows of its host.

use std::sync::OnceLock;

use super::abi::{HostTable, Object, Sink, Status, Text};
use super::failure::{Failure, guard};
use super::import::ForeignFamily;
use super::numbers::Lent;
use super::object::{nothing, put};
use super::sink::{Giver, call, lend, string};
use super::{abi, export};
use crate::family::Family;
use crate::randomness;
use crate::registry;

static TABLE: HostTable = HostTable {
    size: size_of::<HostTable>(),
    noise: Some(noise),
    family: Some(family),
};

/// This program, as the libraries that it loads see it.
pub(super) fn table() -> &'static HostTable {
    &TABLE
}

unsafe extern "C" fn noise(
    seed: u64,
    stream: u64,
    step: u64,
    rows: u64,
    columns: u64,
    sink: *const Sink,
) -> Status {
    let body = |out: Giver| {
        let count = rows
            .checked_mul(columns)
            .and_then(|n| usize::try_from(n).ok());
        let count = count.filter(|&count| count <= isize::MAX as usize / size_of::<f64>());
        let count = count.ok_or_else(|| Failure::Said("that is too much noise".into()))?;
        let numbers = randomness::normals_of(seed, stream, step, count);
        out.lent(&Lent::slice(&numbers, &[rows as usize, columns as usize]));
        Ok(())
    };
    // SAFETY: the sink may be used until this returns.
    unsafe { guard(Giver::new(sink), body) }
}

unsafe extern "C" fn family(
    text: Text,
    made: *mut Object<abi::FamilyTable>,
    sink: *const Sink,
) -> Status {
    let body = |_: Giver| {
        // SAFETY: the text is lent, and the object may be written to.
        let text = unsafe { string(text) }?;
        let chosen = registry::family(&text).map_err(|error| Failure::Said(error.to_string()))?;
        unsafe { put(made, export::family(chosen.plugin)) }
    };
    // SAFETY: as above.
    unsafe { guard(Giver::new(sink), body) }
}

/// The host that loaded the library which this code is in.
static HOST: OnceLock<HostTable> = OnceLock::new();

/// Remembers the host.
///
/// # Safety
/// The table is null, or may be read, and its functions may be called from now on.
pub(super) unsafe fn remember(host: *const HostTable) -> Result<(), Failure> {
    // SAFETY: the caller vouches for it; the size is read first.
    let whole = !host.is_null() && unsafe { (*host).size } >= size_of::<HostTable>();
    let table = whole.then(|| unsafe { *host });
    let table = table.filter(|table| table.missing().is_none());
    let table =
        table.ok_or_else(|| Failure::Broken("has a host's table that is cut short".into()))?;
    HOST.get_or_init(|| table);
    Ok(())
}

/// A family of the host, if this code is in a library that a host has loaded.
///
/// # Errors
/// What the host says.
pub(crate) fn family_of_host(name: &str, options: &str) -> Option<Result<Box<dyn Family>, String>> {
    let host = HOST.get()?;
    let text = format!("{name}{options}");
    let mut made = nothing();
    let family = call(|sink| match host.family {
        // SAFETY: the host's own function; the text is lent, and what was made is ours.
        Some(family) => unsafe { family(lend(text.as_bytes()), &mut made, sink) },
        None => abi::FAILED,
    })
    .and_then(|_| unsafe { ForeignFamily::take(made, name) });
    Some(match family {
        Ok(family) => Ok(Box::new(family)),
        Err(Failure::Said(why)) => Err(why),
        Err(failure) => Err(failure.sentence(name)),
    })
}
