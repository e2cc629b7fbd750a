//! Shared libraries with plugins, which are loaded before a command begins.

use std::path::PathBuf;

use clap::Args;
use firebrand::core::boundary::{self, Loaded};

/// Where shared libraries are.
#[derive(Args)]
pub struct Libraries {
    /// A shared library with plugins, or a folder of such; may be repeated. Its code runs with all your rights.
    #[arg(long, value_name = "PATH", global = true, help_heading = "Plugins")]
    plugin_path: Vec<PathBuf>,
}

impl Libraries {
    /// Loads them all.
    pub fn load(&self) -> Vec<Loaded> {
        boundary::load_all(&self.plugin_path)
    }
}

/// Says on standard error what was refused.
pub fn warn(loaded: &[Loaded]) {
    for library in loaded {
        for refusal in library.refusals() {
            eprintln!("warning: {} is refused: {refusal}", library.file.display());
        }
    }
}
