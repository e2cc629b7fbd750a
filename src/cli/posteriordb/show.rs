//! `firebrand posteriordb show`: one posterior, with its files.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use firebrand_posteriordb::{Database, Info, Sizes};
use serde::Serialize;

use crate::cli::Failure;
use crate::cli::sources::Sources;

/// Show one posterior of PosteriorDB: what it is, and where its files are.
#[derive(Args)]
#[command(after_help = "\
Example:
  firebrand posteriordb show eight_schools-eight_schools_noncentered --json")]
pub struct ShowArgs {
    /// The name, or an alias of the database.
    name: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sources: Sources,
}

#[derive(Serialize)]
struct Shown {
    name: String,
    keywords: Vec<String>,
    /// Entries of the quantities that describe it; null if the database does not say.
    dimension: Option<usize>,
    dimensions: Option<BTreeMap<String, Sizes>>,
    model: Part,
    data: Part,
    /// The file of its reference draws, where the checkout has them.
    reference: Option<PathBuf>,
}

/// A model or data.
#[derive(Serialize)]
struct Part {
    name: String,
    #[serde(flatten)]
    info: Info,
    /// The file.
    path: Option<PathBuf>,
}

impl Shown {
    fn new(database: &Database, name: &str) -> Result<Self, Failure> {
        let entry = database.entry(name)?;
        let files = database.locate(&entry)?;
        let (model, data) = database.describe(&entry)?;
        Ok(Shown {
            dimension: entry.dimension(),
            reference: database.reference_file(&entry),
            name: entry.name,
            keywords: entry.keywords,
            dimensions: entry.dimensions,
            model: Part {
                name: entry.model_name,
                info: model,
                path: Some(files.model),
            },
            data: Part {
                name: entry.data_name,
                info: data,
                path: files.data,
            },
        })
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let sizes = self.dimensions.iter().flatten();
        let sizes: Vec<String> = sizes
            .map(|(name, sizes)| format!("{name} {}", sizes_text(sizes)))
            .collect();
        let dimension = self.dimension.map_or_else(
            || "the database does not say".into(),
            |dimension| format!("{dimension} ({})", sizes.join(", ")),
        );
        let mut lines = vec![("name", self.name.clone())];
        if !self.keywords.is_empty() {
            lines.push(("keywords", self.keywords.join(", ")));
        }
        lines.push(("dimension", dimension));
        for (label, part) in [("model", &self.model), ("data", &self.data)] {
            let title = part.info.title.as_ref();
            let title = title.map_or_else(String::new, |title| format!(": {title}"));
            lines.push((label, format!("{}{title}", part.name)));
            lines.extend(
                part.path
                    .iter()
                    .map(|path| ("", path.display().to_string())),
            );
        }
        let reference = self.reference.as_ref();
        let reference = reference.map(|path| path.display().to_string());
        lines.push(("reference draws", reference.unwrap_or("none".into())));
        lines
    }
}

fn sizes_text(sizes: &Sizes) -> String {
    match sizes {
        Sizes::One(size) => size.to_string(),
        Sizes::Several(sizes) => {
            let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
            sizes.join(" x ")
        }
    }
}

/// Runs the subcommand.
pub fn run(args: &ShowArgs) -> Result<(), Failure> {
    let shown = Shown::new(&args.sources.database()?, &args.name)?;
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &shown).map_err(io::Error::from)?;
        return Ok(writeln!(out)?);
    }
    for (label, text) in shown.lines() {
        writeln!(out, "{label:<16} {text}")?;
    }
    Ok(())
}
