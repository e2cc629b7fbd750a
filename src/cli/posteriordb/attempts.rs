//! Posteriors whose fit ends the whole program, as one does that needs more memory than there is.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::results::write_json;
use crate::cli::Failure;

/// Times that a posterior is begun: once more than it takes to see that it was not the machine that went down.
const ATTEMPTS: u32 = 2;

/// A file with the posteriors that are being fitted. Those that are in it before, the program did not come to the end of; which of them
/// ended it, if there are several, it cannot say.
pub struct Attempts {
    file: PathBuf,
    /// How often each was begun.
    begun: Mutex<BTreeMap<String, u32>>,
}

impl Attempts {
    /// Of the sweep in a folder.
    pub fn of(folder: &Path) -> Self {
        let file = folder.join("begun.json");
        // What cannot be read says nothing.
        let begun = serde_json::from_slice(&fs::read(&file).unwrap_or_default());
        Attempts {
            file,
            begun: Mutex::new(begun.unwrap_or_default()),
        }
    }

    /// Notes that a posterior begins; `false` if it was begun too often already, and never ended.
    pub fn begin(&self, posterior: &str) -> Result<bool, Failure> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let times = begun.entry(posterior.into()).or_default();
        if *times >= ATTEMPTS {
            return Ok(false);
        }
        *times += 1;
        write_json(&self.file, &*begun)?;
        Ok(true)
    }

    /// Notes that it ended, however that was.
    pub fn end(&self, posterior: &str) -> Result<(), Failure> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.remove(posterior);
        if !begun.is_empty() {
            return write_json(&self.file, &*begun);
        }
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::Usage(format!(
                "cannot remove `{}`: {error}",
                self.file.display()
            ))),
            _ => Ok(()),
        }
    }
}
