//! The folder of a run's checkpoints, and when they are written.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use firebrand::core::record::ReadCheckpointError;
use firebrand::core::{Checkpoint, Keeper};

use super::{FOLDER, ORIGIN, Origin};
use crate::cli::Failure;
use crate::cli::output::{Output, removed};

/// A checkpoint may take this share of a run's time at most; where it takes longer to write, there are fewer.
const SHARE: f64 = 0.05;

/// Held by the one process that is at work in the folder. The system lets go of it when the process ends, however it does.
pub const LOCK: &str = "lock";

/// Checkpoints of one run, in a folder.
pub struct Kept {
    folder: PathBuf,
    seconds: f64,
    written: Instant,
    cost: Duration,
    has_start: bool,
    has_warned: bool,
    _lock: File,
}

impl Kept {
    /// Begins checkpoints of a run in the folder of its results, in place of an earlier run's and of its results.
    ///
    /// # Errors
    /// A folder that cannot be written to, or in which another process is at work.
    pub fn begin(output: &Output, origin: &Origin) -> Result<Self, Failure> {
        let results = output.folder();
        let kept = Self::open(results, origin)?;
        // Without what it was asked for, nothing that is left can be taken for a part of the new run.
        removed(&results.join(ORIGIN)).map_err(|error| kept.unusable(&error))?;
        kept.clear(|name| name != LOCK)?;
        output.replace()?;
        kept.describe(results, origin)
    }

    /// Goes on with those that are there.
    ///
    /// # Errors
    /// As of [`begin`](Kept::begin).
    pub fn go_on(results: &Path, origin: &Origin) -> Result<Self, Failure> {
        let kept = Self::open(results, origin)?;
        kept.clear(|name| name.contains(".tmp"))?;
        kept.describe(results, origin)
    }

    fn open(results: &Path, origin: &Origin) -> Result<Self, Failure> {
        let folder = results.join(FOLDER);
        let unusable = |error: &dyn std::fmt::Display| unusable(&folder, error);
        fs::create_dir_all(&folder).map_err(|error| unusable(&error))?;
        let lock = File::create(folder.join(LOCK)).map_err(|error| unusable(&error))?;
        // Not every file system has locks; then nothing guards against a second process.
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            return Err(unusable(&"another process is at work there"));
        }
        Ok(Kept {
            seconds: origin.plan.checkpoint_seconds,
            written: Instant::now(),
            cost: Duration::ZERO,
            has_start: false,
            has_warned: false,
            _lock: lock,
            folder,
        })
    }

    fn unusable(&self, error: &dyn std::fmt::Display) -> Failure {
        unusable(&self.folder, error)
    }

    fn describe(self, results: &Path, origin: &Origin) -> Result<Self, Failure> {
        let written = origin.write(&results.join(ORIGIN));
        written.map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(self)
    }

    /// Removes the files with such names.
    fn clear(&self, is_gone: impl Fn(&str) -> bool) -> Result<(), Failure> {
        let entries = fs::read_dir(&self.folder).map_err(|error| self.unusable(&error))?;
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(&is_gone) {
                removed(&entry.path()).map_err(|error| self.unusable(&error))?;
            }
        }
        Ok(())
    }

    /// The last one; `None` if the run ended while it sought a start, which it then seeks again.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn read(&mut self) -> Result<Option<Checkpoint>, Failure> {
        let checkpoint = match Checkpoint::read(&self.folder) {
            Ok(checkpoint) => Some(checkpoint),
            Err(ReadCheckpointError::None) => None,
            Err(error) => {
                return Err(Failure::Usage(format!(
                    "cannot resume: {error}; begin the run anew, without `--resume`"
                )));
            }
        };
        self.has_start = checkpoint.is_some();
        Ok(checkpoint)
    }

    /// Removes them all: the run is finished. What cannot be removed is in nobody's way.
    pub fn remove(self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn unusable(folder: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::Usage(format!(
        "cannot keep checkpoints in `{}`: {error}",
        folder.display()
    ))
}

impl Keeper for Kept {
    fn is_due(&self) -> bool {
        let rest = self.cost.as_secs_f64() / SHARE;
        self.written.elapsed().as_secs_f64() >= self.seconds.max(rest)
    }

    fn keep(&mut self, checkpoint: &Checkpoint) {
        let began = Instant::now();
        match checkpoint.write(&self.folder, !self.has_start) {
            Ok(()) => self.has_start = true,
            Err(error) if !self.has_warned => {
                self.has_warned = true;
                eprintln!(
                    "warning: the run goes on, but `--resume` will not have all of it: {error}"
                );
            }
            Err(_) => {}
        }
        self.written = Instant::now();
        self.cost = self.written - began;
    }
}
