//! Why a file, or a plugin in it, is not used.

use thiserror::Error;

use super::abi::{SYMBOL, VERSION};

/// Why a file, or a plugin in it, is not used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// The file is not there, or not for us to read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// It is some other file.
    #[error("it is not a shared library: {0}")]
    NotALibrary(String),
    /// It is a library for something else. It was not opened.
    #[error(
        "it is a shared library, but not a plugin: it exports no symbol that begins with `{SYMBOL}`"
    )]
    NotAPlugin,
    /// It has the symbol, but not the table. It was not opened.
    #[error("its symbol `{SYMBOL}...` is not the table of a plugin: the first bytes are wrong")]
    Magic,
    /// Built for an older version of the boundary. It was not opened.
    #[error(
        "it was built for version {version} of the boundary, and this program has version {VERSION}: build it again with the \
         firebrand-core of this program"
    )]
    Older {
        /// Its version.
        version: u32,
    },
    /// Built for a newer version of the boundary. It was not opened.
    #[error(
        "it was built for version {version} of the boundary, and this program has version {VERSION}: use a newer firebrand, or build it \
         again with an older firebrand-core"
    )]
    Newer {
        /// Its version.
        version: u32,
    },
    /// Its table is smaller than this version has it. It was not opened.
    #[error("its table is cut short: {size} bytes, not {expected}")]
    CutShort {
        /// The size that it states.
        size: usize,
        /// The size that this version has.
        expected: usize,
    },
    /// The system does not open it: for another processor, or without a library that it needs.
    #[error("it cannot be opened: {0}")]
    Unopenable(String),
    /// It opens, but its own functions do not do what they should.
    #[error("{0}")]
    Faulty(String),
    /// One of its plugins has the name of another.
    #[error("there is a{} {kind} `{name}` already: {by}", if .kind.starts_with('i') { "n" } else { "" })]
    NameTaken {
        /// "family", "inference algorithm" or "target".
        kind: &'static str,
        /// The name.
        name: String,
        /// Where the other one is from.
        by: String,
    },
}
