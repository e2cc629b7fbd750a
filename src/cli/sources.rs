//! Models by name, `posteriordb:NAME`, and targets that are code, `target:NAME`, in place of a file.

use std::path::{Path, PathBuf};

use clap::Args;
use firebrand::core::{
    Located, Options, Plugin, Reference, SourceError, Target, TargetSource, registry,
};
use firebrand_posteriordb::{Database, PosteriorDb, PosteriorDbOptions};

use super::failure::Failure;

/// Where models that are named are read from.
#[derive(Args, Clone, Default)]
pub struct Sources {
    /// The checkout of PosteriorDB that `posteriordb:NAME` is read from; else the one that `FIREBRAND_POSTERIORDB` names.
    #[arg(long, value_name = "DIR")]
    posteriordb: Option<PathBuf>,
}

/// A model and its data, as files or in a source of targets.
pub struct Place {
    /// The files.
    pub files: Located,
    named: Option<(Box<dyn TargetSource>, String)>,
}

impl Sources {
    /// Those with this checkout of PosteriorDB.
    pub fn with_posteriordb(posteriordb: Option<PathBuf>) -> Self {
        Sources { posteriordb }
    }

    /// The checkout of PosteriorDB that is asked for, by argument or environment.
    pub fn posteriordb(&self) -> Option<PathBuf> {
        let named = std::env::var_os(firebrand_posteriordb::VARIABLE).map(PathBuf::from);
        self.posteriordb.clone().or(named)
    }

    /// Where `model` is: `SOURCE:NAME` if there is such a source, else a file.
    ///
    /// # Errors
    /// A name that the source does not have, and data for a model that has its own.
    pub fn place(&self, model: &Path, data: Option<&Path>) -> Result<Place, Failure> {
        let Some((source, name)) = model.to_str().and_then(named) else {
            let files = Located {
                model: model.into(),
                data: data.map(Path::to_path_buf),
            };
            return Ok(Place { files, named: None });
        };
        if data.is_some() {
            return Err(Failure::Usage(format!(
                "`{}` has its own data: leave `--data` out",
                model.display()
            )));
        }
        if source == CODE {
            return Err(Failure::Usage(format!(
                "`{}` is code and has no model: only `firebrand fit` takes it",
                model.display()
            )));
        }
        let options = match source == PosteriorDb::NAME {
            true => self.options().to_ron(),
            false => String::new(),
        };
        let chosen = registry::source(&format!("{source}{options}"))
            .map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(Place {
            files: chosen.plugin.locate(name)?,
            named: Some((chosen.plugin, name.into())),
        })
    }

    /// The checkout of PosteriorDB.
    ///
    /// # Errors
    /// If none is named, or the folder is none.
    pub fn database(&self) -> Result<Database, Failure> {
        let source = PosteriorDb::new(self.options());
        let source = source.map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(source.database()?)
    }

    fn options(&self) -> PosteriorDbOptions {
        let path = self.posteriordb.as_ref();
        PosteriorDbOptions {
            path: path.map(|path| path.display().to_string()),
        }
    }
}

impl Place {
    /// What is known of the posterior from elsewhere.
    pub fn reference(&self) -> Result<Option<Reference>, SourceError> {
        match &self.named {
            Some((source, name)) => source.reference(name),
            None => Ok(None),
        }
    }
}

/// What stands before the name of a target that is code.
const CODE: &str = "target";

/// Source and name, if the text is `SOURCE:NAME` with a source that there is, or `target:NAME`.
pub fn named(text: &str) -> Option<(&str, &str)> {
    let (source, name) = text.split_once(':')?;
    let known = source == CODE || registry::sources().iter().any(|known| known.name == source);
    known.then_some((source, name))
}

/// The target that `target:NAME` or `target:NAME(options)` names; `None` if the text is none such.
///
/// # Errors
/// A name that there is not, and options that are wrong.
pub fn coded(text: &str) -> Result<Option<Box<dyn Target>>, Failure> {
    match named(text) {
        Some((CODE, name)) => match registry::target(name) {
            Ok(chosen) => Ok(Some(chosen.plugin)),
            Err(error) => Err(Failure::Usage(error.to_string())),
        },
        _ => Ok(None),
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Unavailable(_) | SourceError::Unknown { .. } => {
                Failure::Usage(error.to_string())
            }
            SourceError::Broken { .. } => Failure::Model(error.to_string()),
        }
    }
}
