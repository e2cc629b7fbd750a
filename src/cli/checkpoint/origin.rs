//! What a run was asked for, and the files that it depends on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use firebrand::core::boundary;
use firebrand::core::record::{WriteError, write_atomically};
use firebrand::core::registry;
use firebrand::core::{Block, Parameter, Target};
use firebrand::dsl::Model;
use serde::{Deserialize, Serialize};

use super::content::Content;
use crate::cli::Failure;
use crate::cli::libraries::warn;
use crate::cli::run_file::RunFile;
use crate::cli::sources::Sources;

/// A run as it began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The version of this program: another one may compute other bits.
    version: String,
    /// The working folder; the paths of the plan are relative to it.
    folder: PathBuf,
    /// What was asked for, with the algorithm and the family in full.
    pub plan: RunFile,
    /// The checkout of PosteriorDB, if there was one.
    posteriordb: Option<PathBuf>,
    /// The parameters that were inferred, as the data of the run size them.
    pub parameters: Vec<Parameter>,
    /// The files that decide the result.
    files: Vec<Fingerprint>,
}

/// A file as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Fingerprint {
    what: Used,
    path: PathBuf,
    content: Content,
}

/// What a run uses a file for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Used {
    /// As its model, or a text that the model includes.
    Model,
    /// As its data.
    Data,
    /// As a library with plugins.
    Plugin,
}

impl Used {
    fn noun(self) -> &'static str {
        match self {
            Used::Model => "model",
            Used::Data => "data",
            Used::Plugin => "plugin",
        }
    }
}

impl Origin {
    /// A run that begins in this working folder.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn new(
        plan: RunFile,
        posteriordb: Option<PathBuf>,
        target: &dyn Target,
        files: &[(Used, PathBuf)],
    ) -> Result<Self, Failure> {
        let unreadable = |path: &Path, error: &io::Error| {
            Failure::Usage(format!("cannot read {}: {error}", path.display()))
        };
        let folder = std::env::current_dir().map_err(|error| unreadable(Path::new("."), &error))?;
        let libraries = libraries(&plan);
        let libraries = libraries.into_iter().map(|path| (Used::Plugin, path));
        let files = files.iter().cloned().chain(libraries);
        let fingerprints = files.map(|(what, path)| {
            let path = folder.join(path);
            let content = Content::of(&path).map_err(|error| unreadable(&path, &error))?;
            Ok(Fingerprint {
                what,
                path,
                content,
            })
        });
        Ok(Origin {
            version: env!("CARGO_PKG_VERSION").into(),
            parameters: inferred(target),
            files: fingerprints.collect::<Result<_, Failure>>()?,
            posteriordb: posteriordb.map(|path| folder.join(path)),
            folder,
            plan,
        })
    }

    /// Reads what [`write`](Origin::write) wrote; `None` if there is no such file.
    ///
    /// # Errors
    /// A file that says something else.
    pub fn read(path: &Path) -> Result<Option<Self>, Failure> {
        let unusable = |because: &dyn std::fmt::Display| {
            Failure::Usage(format!("the run's `{}` {because}", path.display()))
        };
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|error| unusable(&format!("cannot be read: {error}")))?,
        };
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        let damaged = |error| unusable(&format!("is damaged: {error}"));
        let Version { version } = ron::from_str(&text).map_err(damaged)?;
        let ours = env!("CARGO_PKG_VERSION");
        ron::from_str(&text).map(Some).map_err(|error| {
            if version == ours {
                return damaged(error);
            }
            unusable(&format!(
                "was written by firebrand {version}, and this is {ours}, which cannot read it"
            ))
        })
    }

    /// Checks that this program computes the bits that the run's did.
    ///
    /// # Errors
    /// If it is of another version.
    pub fn check_version(&self) -> Result<(), Failure> {
        let (version, ours) = (&self.version, env!("CARGO_PKG_VERSION"));
        if version == ours {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "cannot resume: the run began with firebrand {version}, and this is {ours}, whose bits may differ: resume with that version"
        )))
    }

    /// Writes it, as RON.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        write_atomically(path, |out| {
            let text = ron::ser::to_string_pretty(self, ron::ser::PrettyConfig::default());
            out.write_all(text.map_err(io::Error::other)?.as_bytes())
        })
    }

    /// The working folder of the run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where models that are named are read from.
    pub fn sources(&self) -> Sources {
        Sources::with_posteriordb(self.posteriordb.clone())
    }

    /// Checks that the files are what they were.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check_files(&self) -> Result<(), Failure> {
        match self.changed(|_| true).next() {
            None => Ok(()),
            Some(changed) => Err(Failure::Usage(format!(
                "cannot resume: {changed}. Put back what it was, or begin the run anew"
            ))),
        }
    }

    /// Says of each file, of those that are asked about, what has become of it if it is not what it was.
    pub fn changed(&self, is_asked: impl Fn(Used) -> bool) -> impl Iterator<Item = String> {
        let files = self.files.iter().filter(move |file| is_asked(file.what));
        files.filter_map(
            |Fingerprint {
                 what,
                 path,
                 content,
             }| {
                let changed = match Content::of(path) {
                    Ok(now) if now == *content => return None,
                    Ok(_) => "has changed since the run began".to_string(),
                    Err(error) => format!("cannot be read: {error}"),
                };
                let (noun, name) = (what.noun(), path.display());
                Some(format!("the {noun} file `{name}` {changed}"))
            },
        )
    }

    /// Loads the libraries with plugins that are not there yet.
    pub fn load_libraries(&self) {
        let present = from_libraries(|_| true);
        for file in self.files.iter().filter(|file| file.what == Used::Plugin) {
            let is_present = present.iter().any(|known| same_file(known, &file.path));
            if !is_present {
                warn(&[boundary::load(&file.path)]);
            }
        }
    }
}

/// The parameters that a target is inferred in, without what is computed of them.
pub fn inferred(target: &dyn Target) -> Vec<Parameter> {
    let parameters = target.parameters().iter();
    let inferred = parameters.filter(|parameter| parameter.block == Block::Parameters);
    inferred.cloned().collect()
}

/// The model's file and those of the texts that it includes.
pub fn texts(path: &Path, model: &Model) -> Vec<(Used, PathBuf)> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let included = model.sources().files().skip(1);
    let included = included.map(|(_, file)| folder.join(&file.name));
    std::iter::once(path.into())
        .chain(included)
        .map(|path| (Used::Model, path))
        .collect()
}

/// The libraries that a plan takes plugins from.
fn libraries(plan: &RunFile) -> Vec<PathBuf> {
    let texts = [
        Some(plan.inference.as_str()),
        plan.family.as_deref(),
        plan.model.strip_prefix("target:"),
    ];
    let names: Vec<&str> = texts
        .iter()
        .flatten()
        .map(|text| text.split('(').next().unwrap_or(text).trim())
        .collect();
    from_libraries(|name| names.contains(&name))
}

/// The libraries of the plugins with such names, each once.
fn from_libraries(is_asked: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let families = registry::families().into_iter().map(|p| (p.name, p.source));
    let inferences = registry::inferences();
    let inferences = inferences.into_iter().map(|p| (p.name, p.source));
    let targets = registry::targets().into_iter().map(|p| (p.name, p.source));
    let mut files: Vec<PathBuf> = families
        .chain(inferences)
        .chain(targets)
        .filter(|(name, source)| *source != "linked" && is_asked(name))
        .map(|(_, source)| source.into())
        .collect();
    files.sort();
    files.dedup();
    files
}

fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}
