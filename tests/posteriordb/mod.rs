//! A checkout of PosteriorDB, as its folders are laid out.

use std::path::{Path, PathBuf};

use firebrand::{Data, Model, Placement, Posterior};
use serde::Deserialize;

/// A checkout.
pub struct Database {
    root: PathBuf,
}

/// The record of a posterior.
#[derive(Deserialize)]
pub struct Entry {
    pub model_name: String,
    pub data_name: String,
    /// Reference draws, where there are any.
    #[allow(dead_code)] // Each test program uses a part of this module.
    #[serde(default)]
    pub reference_posterior_name: Option<String>,
}

impl Database {
    /// The checkout that `FIREBRAND_POSTERIORDB` names.
    pub fn from_environment() -> Option<Self> {
        let root = std::env::var("FIREBRAND_POSTERIORDB").ok()?;
        Some(Database {
            root: Path::new(&root).join("posterior_database"),
        })
    }

    /// A posterior's record.
    pub fn entry(&self, name: &str) -> Entry {
        let path = self.root.join(format!("posteriors/{name}.json"));
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The posterior, compiled; or the first thing that is in the way, in a line.
    pub fn compile(&self, entry: &Entry) -> Result<Posterior, String> {
        let first_line = |text: String| text.lines().next().unwrap_or_default().replace('|', "/");
        let model = self
            .root
            .join(format!("models/stan/{}.stan", entry.model_name));
        let model = Model::from_file(&model).map_err(|error| first_line(error.to_string()))?;
        let data = self
            .root
            .join(format!("data/data/{}.json.zip", entry.data_name));
        let data = Data::from_file(&data).map_err(|error| first_line(error.to_string()))?;
        model
            .compile(&data, &Placement::cpu())
            .map_err(|report| report.lines().first().cloned().unwrap_or_default())
    }

    /// The names of all posteriors, sorted.
    #[allow(dead_code)]
    pub fn names(&self) -> Vec<String> {
        let folder = self.root.join("posteriors");
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .filter_map(|file| {
                file.ok()?
                    .file_name()
                    .to_str()?
                    .strip_suffix(".json")
                    .map(str::to_string)
            })
            .collect();
        names.sort();
        names
    }

    /// The path of a posterior's reference draws.
    #[allow(dead_code)]
    pub fn reference(&self, name: &str) -> PathBuf {
        self.root
            .join(format!("reference_posteriors/draws/draws/{name}.json.zip"))
    }
}
