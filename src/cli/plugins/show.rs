//! `firebrand plugins show`: one plugin, with its options.

use std::io::{self, Write};

use clap::Args;
use firebrand::core::nearest;

use super::super::Failure;
use super::listed::{Listed, all};

/// Show a plugin: what it is, and its options with their types, defaults and documentation.
#[derive(Args)]
#[command(after_help = "\
Examples:
  firebrand plugins show bam
  firebrand plugins show full-rank --json

Options are given inline, in RON: --inference 'bam(batch: 32)'.")]
pub struct ShowArgs {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,
}

/// Runs the subcommand.
pub fn run(args: &ShowArgs, json: bool) -> Result<(), Failure> {
    let all = all();
    // A family and an algorithm may have the same name.
    let found: Vec<&Listed> = all
        .iter()
        .filter(|plugin| plugin.name == args.name)
        .collect();
    if found.is_empty() {
        let nearest = nearest(&args.name, all.iter().map(|plugin| plugin.name));
        let nearest = nearest.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"));
        return Err(Failure::Usage(format!(
            "there is no plugin `{}`{nearest}; `firebrand plugins list` has them all",
            args.name
        )));
    }
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &found).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    for plugin in found {
        show(&mut out, plugin)?;
    }
    Ok(())
}

fn show(out: &mut impl Write, plugin: &Listed) -> io::Result<()> {
    let Listed {
        kind,
        name,
        version,
        source,
        description,
        capabilities,
        options,
    } = plugin;
    writeln!(out, "{kind} {name} {version} ({source})")?;
    writeln!(out, "    {description}")?;
    if !capabilities.is_empty() {
        writeln!(out, "    {}", capabilities.join(", "))?;
    }
    for option in options {
        writeln!(out, "    {option}")?;
        writeln!(out, "        {}", option.doc)?;
    }
    Ok(())
}
