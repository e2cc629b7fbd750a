//! Runs that outlive their process: the folder `checkpoint` beside the results, and `firebrand fit --resume`.
//!
//! `origin.ron`, beside the folder, says what was asked for and of which files, before the run begins, and stays with the results;
//! `start.safetensors` has the start, once it is found; `state.safetensors` has all that changes, and is replaced as a whole. A run that
//! has converged needs these two no more.

mod content;
mod kept;
mod origin;
mod resumed;

pub use kept::{Kept, LOCK};
pub use origin::{Origin, Used, inferred, texts};
pub use resumed::Resumed;

/// The folder, in that of the results.
pub const FOLDER: &str = "checkpoint";
/// The file that says what was asked for, in the folder of the results.
pub const ORIGIN: &str = "origin.ron";
/// The file that there is from the first checkpoint on.
pub const STATE: &str = firebrand::core::record::CHECKPOINT_STATE;
