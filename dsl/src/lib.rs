//! The Stan language: model text and its data become a batched tensor graph, and so a target.
//!
//! The stages, in order: [`syntax`] (text to tree), `check` (tree to checked program), `data` (files to typed
//! arrays, and their agreement with the model), `stage` (the program run once with its data known) and
//! [`Posterior`] (the graph differentiated and compiled).

mod check;
mod data;
pub mod diagnostics;
mod generated;
pub mod hir;
pub mod library;
mod model;
mod plate;
mod posterior;
mod stage;
mod stager;
pub mod syntax;
mod transform;
pub mod types;
mod validity;
pub mod value;

pub use data::{Data, DataError};
pub use generated::First;
pub use model::{CompileError, Model, Report};
pub use posterior::{Posterior, Size};
