//! The source of targets that `posteriordb:NAME` names.

use std::path::{Path, PathBuf};

use firebrand_core::{Located, OptionsError, Plugin, Reference, SourceError, TargetSource};

use crate::database::Database;

/// The environment variable that names a checkout.
pub const VARIABLE: &str = "FIREBRAND_POSTERIORDB";

firebrand_core::options! {
    /// Options of `posteriordb`.
    pub struct PosteriorDbOptions {
        /// The checkout; by default the one that the environment variable `FIREBRAND_POSTERIORDB` names.
        path: Option<String> = None,
    }
}

/// Posteriors of a checkout of PosteriorDB. The checkout is opened when something is asked of it.
#[derive(Clone, Debug)]
pub struct PosteriorDb {
    options: PosteriorDbOptions,
}

impl PosteriorDb {
    /// The checkout.
    ///
    /// # Errors
    /// If none is named, with how to have one; a folder that is no checkout.
    pub fn database(&self) -> Result<Database, SourceError> {
        let named = self.options.path.as_ref().map(PathBuf::from);
        let named = named.or_else(|| Some(std::env::var_os(VARIABLE)?.into()));
        match named.filter(|folder| folder != Path::new("")) {
            Some(folder) => Database::open(&folder),
            None => Err(SourceError::Unavailable(format!(
                "no checkout of PosteriorDB is named: have one with `git clone --depth 1 \
                 https://github.com/stan-dev/posteriordb`, and name it with `--posteriordb posteriordb` or {VARIABLE}"
            ))),
        }
    }
}

impl Plugin for PosteriorDb {
    type Options = PosteriorDbOptions;
    const NAME: &'static str = "posteriordb";
    const DOC: &'static str =
        "PosteriorDB: posteriors with reference draws, from a checkout of the database.";

    fn new(options: PosteriorDbOptions) -> Result<Self, OptionsError> {
        Ok(PosteriorDb { options })
    }
}

impl TargetSource for PosteriorDb {
    fn locate(&self, name: &str) -> Result<Located, SourceError> {
        let database = self.database()?;
        database.locate(&database.entry(name)?)
    }

    fn reference(&self, name: &str) -> Result<Option<Reference>, SourceError> {
        let database = self.database()?;
        database.reference(&database.entry(name)?)
    }
}
