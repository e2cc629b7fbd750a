//! What a library exports: a table of everything that is registered in it.

use super::abi::{
    FamilyTable, HostTable, InferenceTable, MAGIC, Object, PluginTable, Sink, Status, TargetTable,
    Text, VERSION,
};
use super::failure::{Failure, guard};
use super::object::put;
use super::records::{Entry, EntryOption, Kind};
use super::sink::{Giver, string};
use super::{export, host};
use crate::registry::{self, Chosen, FamilyPlugin, InferencePlugin, Registered, TargetPlugin};

/// The table of what is linked into this library. [`export_plugins!`](crate::export_plugins!) exports it.
pub const fn plugin_table() -> PluginTable {
    PluginTable {
        magic: MAGIC,
        version: VERSION,
        size: size_of::<PluginTable>() as u32,
        load: Some(load),
        entries: Some(entries),
        family: Some(family),
        inference: Some(inference),
        target: Some(target),
    }
}

/// Makes a crate a shared library that `firebrand` loads: all that the crate registers is in it.
///
/// The crate is built as one with `crate-type = ["cdylib", "rlib"]`; as an `rlib` it can still be linked, also beside others that export
/// their own.
#[macro_export]
macro_rules! export_plugins {
    () => {
        #[allow(unsafe_code)]
        const _: () = {
            // SAFETY: the name has the crate's own in it, so that it is nobody else's.
            #[unsafe(export_name = concat!("firebrand_plugin_", env!("CARGO_CRATE_NAME")))]
            pub static PLUGIN: $crate::boundary::abi::PluginTable =
                $crate::boundary::plugin_table();
        };
    };
}

// SAFETY, of all that follow: the boundary has the caller pass pointers that may be read, or written to where they are not const, until
// the function returns; the host's table may be used from then on.

unsafe extern "C" fn load(table: *const HostTable, sink: *const Sink) -> Status {
    unsafe { guard(Giver::new(sink), |_| host::remember(table)) }
}

unsafe extern "C" fn entries(sink: *const Sink) -> Status {
    let body = |out: Giver| {
        let families = inventory::iter::<FamilyPlugin>().map(|plugin| entry(Kind::Family, plugin));
        let inferences =
            inventory::iter::<InferencePlugin>().map(|plugin| entry(Kind::Inference, plugin));
        let targets = inventory::iter::<TargetPlugin>().map(|plugin| entry(Kind::Target, plugin));
        let mut all: Vec<Entry> = families.chain(inferences).chain(targets).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        out.record(&all)
    };
    unsafe { guard(Giver::new(sink), body) }
}

fn entry<T: ?Sized>(kind: Kind, plugin: &Registered<T>) -> Entry {
    let option = |option: registry::OptionField| EntryOption {
        name: option.name.into(),
        kind: option.kind.into(),
        default: option.default,
        doc: option.doc,
    };
    Entry {
        kind,
        name: plugin.name.into(),
        doc: plugin.doc.into(),
        version: plugin.version.into(),
        options: plugin.schema().into_iter().map(option).collect(),
    }
}

/// Makes the plugin of that name, and hands it out.
///
/// # Safety
/// Texts and sink may be read, and `made` written to, until this returns.
unsafe fn make<T: ?Sized, O>(
    name: Text,
    options: Text,
    made: *mut Object<O>,
    sink: *const Sink,
    hand_out: impl FnOnce(Box<T>) -> Object<O>,
) -> Status
where
    Registered<T>: inventory::Collect,
{
    let body = |out: Giver| {
        // SAFETY: the caller vouches for all of them.
        let (name, options) = unsafe { (string(name)?, string(options)?) };
        let plugin = inventory::iter::<Registered<T>>().find(|plugin| plugin.name == name);
        let plugin = plugin.ok_or_else(|| Failure::Said(format!("there is no `{name}` in it")))?;
        let Chosen {
            options, plugin, ..
        } = plugin.build(&options)?;
        out.text(options.as_bytes());
        unsafe { put(made, hand_out(plugin)) }
    };
    unsafe { guard(Giver::new(sink), body) }
}

unsafe extern "C" fn family(
    name: Text,
    options: Text,
    made: *mut Object<FamilyTable>,
    sink: *const Sink,
) -> Status {
    unsafe { make(name, options, made, sink, export::family) }
}

unsafe extern "C" fn inference(
    name: Text,
    options: Text,
    made: *mut Object<InferenceTable>,
    sink: *const Sink,
) -> Status {
    unsafe { make(name, options, made, sink, export::inference) }
}

unsafe extern "C" fn target(
    name: Text,
    options: Text,
    made: *mut Object<TargetTable>,
    sink: *const Sink,
) -> Status {
    unsafe { make(name, options, made, sink, export::target) }
}
