//! The functions and distributions of the language: one table, one file for each group.
//!
//! An entry holds a function's name, its signatures and what it builds. To add one, write the entry in the file of
//! its group; to add a group, add its table to [`TABLES`].

mod call;
mod signature;

use std::collections::HashMap;
use std::sync::OnceLock;

pub use call::{Call, Evaluate, Failure};
pub use signature::Signature;

/// A function of the language.
#[derive(Debug)]
pub struct Function {
    /// The name in the source, suffix included: `normal_lpdf`.
    pub name: &'static str,
    /// The types that it takes and returns.
    pub signature: Signature,
    /// What it builds.
    pub evaluate: Evaluate,
}

/// Every table of functions.
const TABLES: &[&[Function]] = &[];

/// The function of this name.
pub fn lookup(name: &str) -> Option<&'static Function> {
    index().get(name).copied()
}

/// The names of all functions, sorted.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = index().keys().copied().collect();
    names.sort_unstable();
    names
}

fn index() -> &'static HashMap<&'static str, &'static Function> {
    static INDEX: OnceLock<HashMap<&'static str, &'static Function>> = OnceLock::new();
    INDEX.get_or_init(|| TABLES.iter().flat_map(|table| table.iter()).map(|f| (f.name, f)).collect())
}
