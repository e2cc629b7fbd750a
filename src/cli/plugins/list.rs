//! `firebrand plugins list`: every plugin, its file, and every file that was refused with the reason.

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use firebrand::core::boundary::Loaded;
use serde::Serialize;

use super::super::Failure;
use super::super::table::table;
use super::listed::{Listed, all};

/// List all plugins: name, kind, version, capabilities and file; and which files were refused, and why.
#[derive(Args)]
#[command(after_help = "\
Examples:
  firebrand plugins list
  firebrand plugins list --json")]
pub struct ListArgs {}

/// One entry of the JSON: a plugin, or a file or a plugin in it that is not used.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Used(Listed),
    Refused(Refused<'a>),
}

#[derive(Serialize)]
struct Refused<'a> {
    /// "file" for a whole file.
    kind: &'static str,
    name: String,
    source: &'a Path,
    /// Why.
    refused: String,
}

/// Runs the subcommand.
pub fn run(json: bool, loaded: &[Loaded]) -> Result<(), Failure> {
    let refused = loaded.iter().flat_map(refused);
    let mut out = io::stdout().lock();
    if json {
        let used = all().into_iter().map(Entry::Used);
        let entries: Vec<Entry<'_>> = used.chain(refused.map(Entry::Refused)).collect();
        serde_json::to_writer_pretty(&mut out, &entries).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    let mut table = table(&["name", "kind", "version", "capabilities", "file"], 5);
    for plugin in all() {
        table.add_row([
            plugin.name,
            plugin.kind,
            plugin.version,
            &plugin.capabilities.join(", "),
            plugin.source,
        ]);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    let refused: Vec<Refused<'_>> = refused.collect();
    if !refused.is_empty() {
        writeln!(out, "\nrefused:")?;
    }
    for Refused {
        kind,
        name,
        source,
        refused,
    } in refused
    {
        match kind {
            "file" => writeln!(out, "  {}: {refused}", source.display())?,
            _ => writeln!(out, "  {kind} `{name}` of {}: {refused}", source.display())?,
        }
    }
    Ok(())
}

fn refused(loaded: &Loaded) -> Vec<Refused<'_>> {
    let source = loaded.file.as_path();
    match &loaded.plugins {
        Err(refusal) => vec![Refused {
            kind: "file",
            name: source.display().to_string(),
            source,
            refused: refusal.to_string(),
        }],
        Ok(plugins) => plugins
            .iter()
            .filter_map(|plugin| {
                Some(Refused {
                    kind: plugin.kind,
                    name: plugin.name.clone(),
                    source,
                    refused: plugin.refused.as_ref()?.to_string(),
                })
            })
            .collect(),
    }
}
