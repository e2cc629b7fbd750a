//! Posteriors whose fit ends the whole program, as one does that needs more memory than there is.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::results::write_json;
use crate::cli::Failure;

/// Times that a posterior is begun: once more than it takes to see that it was not the machine that went down.
const ATTEMPTS: u32 = 2;

/// A file that is there while a posterior is being fitted. If it is there before, the program did not come to the end of that one.
pub struct Attempts {
    file: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Begun {
    posterior: String,
    times: u32,
}

impl Attempts {
    /// Of the sweep in a folder.
    pub fn of(folder: &Path) -> Self {
        Attempts {
            file: folder.join("begun.json"),
        }
    }

    /// Notes that a posterior begins; `false` if it was begun too often already, and never ended.
    pub fn begin(&self, posterior: &str) -> Result<bool, Failure> {
        let before = fs::read(&self.file).unwrap_or_default();
        // What cannot be read says nothing.
        let before: Option<Begun> = serde_json::from_slice(&before).ok();
        let before = before.filter(|begun| begun.posterior == posterior);
        let times = before.map_or(0, |begun| begun.times);
        if times >= ATTEMPTS {
            return Ok(false);
        }
        let begun = Begun {
            posterior: posterior.into(),
            times: times + 1,
        };
        write_json(&self.file, &begun)?;
        Ok(true)
    }

    /// Notes that it ended, however that was.
    pub fn end(&self) -> Result<(), Failure> {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::Usage(format!(
                "cannot remove `{}`: {error}",
                self.file.display()
            ))),
            _ => Ok(()),
        }
    }
}
