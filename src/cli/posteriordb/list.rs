//! `firebrand posteriordb list`: what posteriors there are.

use std::io::{self, Write};

use clap::Args;
use firebrand_posteriordb::{Database, Entry};
use serde::Serialize;

use super::selection::select;
use crate::cli::Failure;
use crate::cli::sources::Sources;
use crate::cli::table::table;

/// List posteriors of PosteriorDB: dimension, reference draws, keywords.
#[derive(Args)]
#[command(after_help = "\
Examples:
  firebrand posteriordb list --reference-only
  firebrand posteriordb list 'kidiq*' --json

The dimension counts the quantities that the database describes a posterior by; `firebrand check posteriordb:NAME` gives the
unconstrained one.")]
pub struct ListArgs {
    /// Only names that match: `*` stands for any text, `?` for any character.
    #[arg(value_name = "GLOB")]
    pattern: Option<String>,
    /// Only posteriors with reference draws.
    #[arg(long)]
    reference_only: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sources: Sources,
}

/// A posterior in the list.
#[derive(Serialize)]
struct Listed {
    name: String,
    /// Entries of the quantities that describe it; null if the database does not say.
    dimension: Option<usize>,
    /// Whether the checkout has reference draws of it.
    reference: bool,
    keywords: Vec<String>,
}

impl Listed {
    fn new(database: &Database, entry: Entry) -> Self {
        Listed {
            dimension: entry.dimension(),
            reference: database.reference_file(&entry).is_some(),
            name: entry.name,
            keywords: entry.keywords,
        }
    }
}

/// Runs the subcommand.
pub fn run(args: &ListArgs) -> Result<(), Failure> {
    let database = args.sources.database()?;
    let mut listed = Vec::new();
    for chosen in select(&database, args.pattern.as_deref(), args.reference_only)? {
        match chosen.entry {
            Ok(entry) => listed.push(Listed::new(&database, entry)),
            Err(error) => eprintln!("note: {} is left out: {error}", chosen.name),
        }
    }
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &listed).map_err(io::Error::from)?;
        return Ok(writeln!(out)?);
    }
    let mut table = table(&["name", "keywords", "reference", "dimension"], 3);
    for Listed {
        name,
        dimension,
        reference,
        keywords,
    } in listed
    {
        let dimension = dimension.map_or_else(String::new, |dimension| dimension.to_string());
        let reference = if reference { "yes" } else { "" }.to_string();
        table.add_row([name, keywords.join(", "), reference, dimension]);
    }
    Ok(writeln!(out, "{}", table.trim_fmt())?)
}
