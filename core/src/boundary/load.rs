//! Loading libraries, and adding what they have to the registry.

use std::path::{Path, PathBuf};

use libloading::Library;

use super::abi::{Object, PluginTable, Sink, Status, Text};
use super::failure::Failure;
use super::import::{ForeignFamily, ForeignInference, ForeignTarget};
use super::object::nothing;
use super::records::{Entry, Kind};
use super::refusal::Refusal;
use super::sink::{call, lend};
use super::{host, symbols};
use crate::family::Family;
use crate::inference::Inference;
use crate::options::{OptionField, OptionsError};
use crate::registry::{self, Chosen, Registered};
use crate::target::Target;

/// What came of one file.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The file.
    pub file: PathBuf,
    /// What is in it, or why it is not used.
    pub plugins: Result<Vec<LoadedPlugin>, Refusal>,
}

/// One plugin of a file.
#[derive(Clone, Debug)]
pub struct LoadedPlugin {
    /// "family", "inference" or "target".
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Why it is not used, although the file is.
    pub refused: Option<Refusal>,
}

impl Loaded {
    /// Every refusal, of the file or of a plugin in it.
    pub fn refusals(&self) -> Vec<&Refusal> {
        match &self.plugins {
            Err(refusal) => vec![refusal],
            Ok(plugins) => plugins
                .iter()
                .filter_map(|plugin| plugin.refused.as_ref())
                .collect(),
        }
    }
}

/// Loads a library and adds its plugins to the registry of this program. Libraries are never unloaded: what they made may be anywhere.
///
/// The symbols and the version are read from the file before it is opened. After that its code runs with all rights that this program has:
/// load only what you trust.
pub fn load(file: &Path) -> Loaded {
    Loaded {
        file: file.into(),
        plugins: open(file).and_then(|library| library.register(file)),
    }
}

/// A library that was opened, and is never closed.
#[derive(Clone, Copy)]
struct Opened {
    table: &'static PluginTable,
}

fn open(file: &Path) -> Result<Opened, Refusal> {
    let symbol = symbols::table_symbol(file)?;
    let unopenable = |error: libloading::Error| Refusal::Unopenable(error.to_string());
    // A name without a folder would be looked for elsewhere.
    let path = file.canonicalize();
    let path = path.map_err(|error| Refusal::Unreadable(error.to_string()))?;
    // SAFETY: the file says that it is a plugin; the user chose to have its code run.
    let library = unsafe { Library::new(path) }.map_err(unopenable)?;
    let library: &'static Library = Box::leak(Box::new(library));
    // SAFETY: magic, version and size of the symbol were read from the file: it is a table of this version, and stays where it is.
    let table = unsafe {
        let table = library.get::<*const PluginTable>(symbol.as_bytes());
        &**table.map_err(unopenable)?
    };
    Ok(Opened { table })
}

impl Opened {
    fn register(self, file: &Path) -> Result<Vec<LoadedPlugin>, Refusal> {
        let faulty = |failure: Failure| Refusal::Faulty(failure.sentence(&file_name(file)));
        let absent = |function| Refusal::Faulty(format!("its table has no function `{function}`"));
        let load = self.table.load.ok_or_else(|| absent("load"))?;
        // SAFETY: the library's own function; the host's table lives as long as the program.
        call(|sink| unsafe { load(host::table(), sink) }).map_err(faulty)?;
        let entries = self.table.entries.ok_or_else(|| absent("entries"))?;
        // SAFETY: as above.
        let entries: Vec<Entry> = call(|sink| unsafe { entries(sink) })
            .and_then(|mut given| given.record("a list of plugins"))
            .map_err(faulty)?;
        let source: &'static str = String::leak(file.display().to_string());
        let register = |entry: Entry| LoadedPlugin {
            kind: match entry.kind {
                Kind::Family => "family",
                Kind::Inference => "inference",
                Kind::Target => "target",
            },
            name: entry.name.clone(),
            refused: self.register_one(entry, source).err(),
        };
        Ok(entries.into_iter().map(register).collect())
    }

    fn register_one(self, entry: Entry, source: &'static str) -> Result<(), Refusal> {
        let absent =
            |function: &str| Refusal::Faulty(format!("its table has no function `{function}`"));
        match entry.kind {
            Kind::Family => {
                let make = self.table.family.ok_or_else(|| absent("family"))?;
                registry::add(registered::<dyn Family, _>(
                    entry,
                    source,
                    make,
                    |made, name| {
                        // SAFETY: what was made is ours.
                        Ok(Box::new(unsafe { ForeignFamily::take(made, name) }?))
                    },
                ))
            }
            Kind::Inference => {
                let make = self.table.inference.ok_or_else(|| absent("inference"))?;
                registry::add(registered::<dyn Inference, _>(
                    entry,
                    source,
                    make,
                    |made, name| {
                        // SAFETY: what was made is ours.
                        Ok(Box::new(unsafe { ForeignInference::take(made, name) }?))
                    },
                ))
            }
            Kind::Target => {
                let make = self.table.target.ok_or_else(|| absent("target"))?;
                registry::add(registered::<dyn Target, _>(
                    entry,
                    source,
                    make,
                    |made, name| {
                        // SAFETY: what was made is ours.
                        Ok(Box::new(unsafe { ForeignTarget::take(made, name) }?))
                    },
                ))
            }
        }
    }
}

fn file_name(file: &Path) -> String {
    file.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// A function that makes a plugin.
type Make<O> = unsafe extern "C" fn(Text, Text, *mut Object<O>, *const Sink) -> Status;

/// The registration of a plugin of a library. Names and options live as long as the program, as those of linked plugins do.
fn registered<T: ?Sized + 'static, O: 'static>(
    entry: Entry,
    source: &'static str,
    make: Make<O>,
    import: fn(Object<O>, &str) -> Result<Box<T>, Failure>,
) -> Registered<T> {
    let name: &'static str = String::leak(entry.name);
    let schema: Vec<OptionField> = entry
        .options
        .into_iter()
        .map(|option| OptionField {
            name: String::leak(option.name),
            kind: String::leak(option.kind),
            default: option.default,
            doc: option.doc,
        })
        .collect();
    let known = schema.clone();
    let build = move |options: &str| -> Result<Chosen<T>, OptionsError> {
        let mut made = nothing();
        // SAFETY: the library's own function; texts are lent, and what was made is ours.
        let outcome = call(|sink| unsafe {
            make(
                lend(name.as_bytes()),
                lend(options.as_bytes()),
                &mut made,
                sink,
            )
        });
        let outcome = outcome.and_then(|mut given| {
            let plugin = import(made, name)?;
            let effective = given.bytes("its options")?;
            Ok((plugin, String::from_utf8_lossy(&effective).into_owned()))
        });
        let (plugin, options) = outcome.map_err(|failure| OptionsError {
            owner: name.into(),
            reason: match failure {
                Failure::Said(reason) => reason,
                failure => failure.sentence(name),
            },
            schema: schema.clone(),
        })?;
        Ok(Chosen {
            name,
            options,
            plugin,
        })
    };
    Registered::loaded(
        name,
        String::leak(entry.doc),
        String::leak(entry.version),
        source,
        known,
        build,
    )
}
