//! `firebrand plugins`: what is available, from where, with its options and their defaults.

use std::io::{self, Write};

use clap::Args;
use firebrand::core::OptionField;
use firebrand::core::registry::{self, Registered};
use serde::Serialize;

use super::Failure;

/// List inference algorithms, variational families and sources of targets with their options.
#[derive(Args)]
#[command(after_help = "\
Examples:
  firebrand plugins
  firebrand plugins --json

Options are given inline, in RON: --inference 'bam(batch: 32)'.")]
pub struct PluginsArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// One plugin, whatever its kind.
#[derive(Serialize)]
struct Listed {
    kind: &'static str,
    name: &'static str,
    source: &'static str,
    description: &'static str,
    options: Vec<OptionField>,
}

impl Listed {
    fn of<T: ?Sized>(kind: &'static str, plugin: &Registered<T>) -> Self {
        Listed {
            kind,
            name: plugin.name,
            source: plugin.source,
            description: plugin.doc,
            options: plugin.schema(),
        }
    }
}

/// Runs the subcommand.
pub fn run(args: &PluginsArgs) -> Result<(), Failure> {
    let inferences = registry::inferences()
        .into_iter()
        .map(|plugin| Listed::of("inference", plugin));
    let families = registry::families()
        .into_iter()
        .map(|plugin| Listed::of("family", plugin));
    let sources = registry::sources()
        .into_iter()
        .map(|plugin| Listed::of("source", plugin));
    let plugins: Vec<Listed> = inferences.chain(families).chain(sources).collect();
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &plugins).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    for plugin in plugins {
        writeln!(out, "{} {} ({})", plugin.kind, plugin.name, plugin.source)?;
        writeln!(out, "    {}", plugin.description)?;
        for OptionField {
            name,
            kind,
            default,
            doc,
        } in plugin.options
        {
            writeln!(out, "    {name}: {kind} = {default}")?;
            writeln!(out, "        {doc}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}
