//! The Stan language: model text and its data become a batched tensor graph, and so a target.
//!
//! The stages, in order: [`syntax`] (text to tree), [`check`] (tree to checked program), [`data`] (files to typed
//! arrays), [`stage`] (checked program and data to a graph), and the compiled model that runs it.

pub mod diagnostics;
pub mod hir;
pub mod library;
pub mod stage;
pub mod syntax;
pub mod types;
pub mod value;
