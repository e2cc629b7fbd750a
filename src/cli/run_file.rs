//! A run, as a file in RON: what the arguments of `firebrand fit` say, and the finer options.

use std::path::{Path, PathBuf};

use firebrand::core::start::StartOptions;
use firebrand::core::{Minibatch, Options};
use firebrand::{DiagnosisOptions, FitOptions, defaults};

use super::Failure;
use super::sources::named;

firebrand::core::options! {
    /// The fields of a run file.
    pub struct RunFile {
        /// The model, or "posteriordb:NAME"; paths are relative to this file.
        model: String = String::new(),
        /// Its data.
        data: Option<String> = None,
        /// The algorithm, by name and with its options, such as "bam(batch: 32)".
        inference: String = defaults::INFERENCE.into(),
        /// The family, by name and with its options; by default the one that suits the algorithm.
        family: Option<String> = None,
        /// The seed: one seed gives one result.
        seed: u64 = 1,
        /// Draws of the result; by default 4000, and fewer above 1000 dimensions.
        draws: Option<usize> = None,
        /// The folder for the results.
        out: Option<String> = None,
        /// "cpu", "libtorch", "cuda" or "cuda:1".
        device: Option<String> = None,
        /// "f64" or "f32".
        precision: Option<String> = None,
        /// The relative and absolute tolerance of differential equations; by default the model's own.
        solver_tolerance: Option<f64> = None,
        /// Steps at most; by default what the algorithm proposes.
        max_steps: Option<u64> = None,
        /// Seconds at most for the search of a start and the iteration; by default no limit.
        max_seconds: Option<f64> = None,
        /// Rows of the data that each step sees, such as "N=128"; by default all.
        minibatch: Option<Minibatch> = None,
        /// Rejected steps in a row after which the run has failed.
        max_rejections: u64 = FitOptions::default().max_rejections,
        /// With a folder for the results, seconds from one checkpoint to the next; zero for one after every step.
        checkpoint_seconds: f64 = 10.0,
        /// How starting points are found.
        start: StartOptions = StartOptions::default(),
        /// How the result is checked.
        check: DiagnosisOptions = DiagnosisOptions::default(),
    }
}

impl RunFile {
    /// Reads a run file; the paths in it become relative to the working folder.
    ///
    /// # Errors
    /// A file that cannot be read; a field that is not known or mistyped; no model.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::Usage(format!("cannot read {name}: {error}")))?;
        let mut file =
            Self::parse(&name, &text).map_err(|error| Failure::Usage(error.to_string()))?;
        if file.model.is_empty() {
            return Err(Failure::Usage(format!(
                "{name} names no model: add `model: \"FILE.stan\"`"
            )));
        }
        if named(&file.model).is_none() {
            file.model = beside(path, &file.model);
        }
        file.data = file.data.map(|data| beside(path, &data));
        file.out = file.out.map(|out| beside(path, &out));
        Ok(file)
    }

    /// Seed, limits and the search for a start.
    pub fn fit_options(&self) -> FitOptions {
        FitOptions {
            seed: self.seed,
            max_steps: self.max_steps,
            max_seconds: self.max_seconds,
            max_rejections: self.max_rejections,
            minibatch: self.minibatch.clone(),
            start: self.start.clone(),
        }
    }

    /// Whether a path is that of a run file.
    pub fn is_named_by(path: &Path) -> bool {
        path.extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("ron"))
    }

    /// The model's file.
    pub fn model_path(&self) -> PathBuf {
        PathBuf::from(&self.model)
    }
}

/// A path that is relative to the folder of `file`.
fn beside(file: &Path, inner: &str) -> String {
    let folder = file.parent().unwrap_or(Path::new(""));
    folder.join(inner).display().to_string()
}
