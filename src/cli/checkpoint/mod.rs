//! Runs that outlive their process: the folder `checkpoint` beside the results, and `firebrand fit --resume`.
//!
//! `run.ron` says what was asked for and of which files, before the run begins; `start.safetensors` has the start, once it is found;
//! `state.safetensors` has all that changes, and is replaced as a whole. A run that has converged needs none of them any more.

mod kept;
mod origin;
mod resumed;

pub use kept::Kept;
pub use origin::{Origin, Used, texts};
pub use resumed::Resumed;

/// The folder, in that of the results.
pub const FOLDER: &str = "checkpoint";
/// The file that says what was asked for.
pub const RUN: &str = "run.ron";
/// The file that there is from the first checkpoint on.
pub const STATE: &str = firebrand::core::record::CHECKPOINT_STATE;
