//! A checkout, as its folders are laid out.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use firebrand_core::{Located, Reference, SourceError, nearest};

use crate::draws::read_reference;
use crate::entry::{DataRecord, Entry, Info, ModelRecord};
use crate::files::read_json;

/// The folder of a checkout that has everything.
const FOLDER: &str = "posterior_database";

/// A checkout of PosteriorDB.
#[derive(Clone, Debug)]
pub struct Database {
    /// The folder `posterior_database`.
    root: PathBuf,
}

impl Database {
    /// The checkout in a folder, or in the folder `posterior_database` of one.
    ///
    /// # Errors
    /// A folder that is no checkout.
    pub fn open(folder: &Path) -> Result<Self, SourceError> {
        let inside = folder.join(FOLDER);
        let mut roots = [inside.as_path(), folder].into_iter();
        let root = roots.find(|root| root.join("posteriors").is_dir());
        root.map(|root| Database { root: root.into() })
            .ok_or_else(|| {
                SourceError::Unavailable(format!(
                    "`{}` is no checkout of PosteriorDB: it has no folder `{FOLDER}/posteriors`",
                    folder.display()
                ))
            })
    }

    /// The names of all posteriors, sorted.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn names(&self) -> Result<Vec<String>, SourceError> {
        let folder = self.root.join("posteriors");
        let broken = |error: std::io::Error| SourceError::Broken {
            path: folder.clone(),
            problem: error.to_string(),
        };
        let mut names = Vec::new();
        for file in fs::read_dir(&folder).map_err(broken)? {
            let file = file.map_err(broken)?.file_name();
            let name = file.to_str().and_then(|file| file.strip_suffix(".json"));
            names.extend(name.map(str::to_string));
        }
        names.sort();
        Ok(names)
    }

    /// The record of the posterior of that name or alias.
    ///
    /// # Errors
    /// A name that is not there, which is answered with the nearest; a record that is broken.
    pub fn entry(&self, name: &str) -> Result<Entry, SourceError> {
        let names = self.names()?;
        let has = |name: &str| names.iter().any(|known| known == name);
        let aliases = self.aliases();
        let name = match aliases.get(name) {
            Some(meant) if !has(name) => meant,
            _ => name,
        };
        if !has(name) {
            let known = names.iter().chain(aliases.keys()).map(String::as_str);
            return Err(SourceError::Unknown {
                place: "PosteriorDB".into(),
                name: name.into(),
                suggestion: nearest(name, known).map(str::to_string),
            });
        }
        read_json(&self.root.join(format!("posteriors/{name}.json")))
    }

    /// Other names of posteriors, for names that are well known; none if the file of them cannot be read.
    fn aliases(&self) -> BTreeMap<String, String> {
        read_json(&self.root.join("alias/posteriors.json")).unwrap_or_default()
    }

    /// Where the model and the data of a posterior are.
    ///
    /// # Errors
    /// A record of the model or of the data that is not there or broken, a model that is not there in Stan, a file that is missing.
    pub fn locate(&self, entry: &Entry) -> Result<Located, SourceError> {
        let model = self.model(entry)?;
        let Some(stan) = model.model_implementations.stan else {
            return Err(SourceError::Broken {
                path: self.model_record(entry),
                problem: "the model is not there in Stan".into(),
            });
        };
        let model = self.root.join(stan.model_code);
        let data = self.data(entry)?.data_file;
        let data = self.existing(&data).map_err(|error| match error {
            SourceError::Broken { path, problem } => SourceError::Broken {
                path,
                problem: format!(
                    "{problem}; or else fit {} to data of your own, with `--data FILE`",
                    model.display()
                ),
            },
            error => error,
        })?;
        Ok(Located {
            model,
            data: Some(data),
        })
    }

    /// What the database says of the model of a posterior, and of its data.
    ///
    /// # Errors
    /// A record that is not there or broken.
    pub fn describe(&self, entry: &Entry) -> Result<(Info, Info), SourceError> {
        Ok((self.model(entry)?.info, self.data(entry)?.info))
    }

    /// The file of a posterior's reference draws; `None` if the checkout has none.
    pub fn reference_file(&self, entry: &Entry) -> Option<PathBuf> {
        let name = entry.reference_posterior_name.as_ref()?;
        let file = format!("reference_posteriors/draws/draws/{name}.json");
        self.existing(&file).ok()
    }

    /// The moments of a posterior's reference draws; `None` if the checkout has none.
    ///
    /// # Errors
    /// Draws that cannot be read.
    pub fn reference(&self, entry: &Entry) -> Result<Option<Reference>, SourceError> {
        let file = self.reference_file(entry);
        file.map(|file| read_reference(&file)).transpose()
    }

    fn model_record(&self, entry: &Entry) -> PathBuf {
        self.root
            .join(format!("models/info/{}.info.json", entry.model_name))
    }

    fn model(&self, entry: &Entry) -> Result<ModelRecord, SourceError> {
        read_json(&self.model_record(entry))
    }

    fn data(&self, entry: &Entry) -> Result<DataRecord, SourceError> {
        read_json(
            &self
                .root
                .join(format!("data/info/{}.info.json", entry.data_name)),
        )
    }

    /// A file below the root, zipped or as it is.
    fn existing(&self, file: &str) -> Result<PathBuf, SourceError> {
        let path = self.root.join(file);
        let zipped = self.root.join(format!("{file}.zip"));
        let found = [&zipped, &path].into_iter().find(|path| path.is_file());
        match found {
            Some(found) if is_pointer(found) => Err(SourceError::Broken {
                path: found.clone(),
                problem: "the checkout has only a pointer to it: fetch it with `git lfs pull`".into(),
            }),
            Some(found) => Ok(found.clone()),
            None if [&zipped, &path].iter().any(|path| path.is_symlink()) => {
                Err(SourceError::Broken {
                    path: zipped,
                    problem: "it is a link to a file that is not there: fetch it with `git annex get`"
                        .into(),
                })
            }
            None => Err(SourceError::Broken {
                path: zipped,
                problem: "the checkout does not have it: get it from https://github.com/stan-dev/posteriordb, and put it there"
                    .into(),
            }),
        }
    }
}

/// Whether a file is what Git LFS leaves in the place of one that it has not fetched.
fn is_pointer(path: &Path) -> bool {
    const BEGINNING: &[u8] = b"version https://git-lfs.github.com/spec/";
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| {
        file.take(BEGINNING.len() as u64)
            .read_to_end(&mut beginning)
    });
    read.is_ok() && beginning == BEGINNING
}
