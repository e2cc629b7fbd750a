//! `firebrand plugins`: what is available, from which file, with its options.

mod list;
mod listed;
mod show;

use clap::{Args, Subcommand};
use firebrand::core::boundary::Loaded;

use super::Failure;

/// List algorithms, families, targets and sources of targets, linked or from shared libraries.
#[derive(Args)]
#[command(after_help = "\
Examples:
  firebrand plugins
  firebrand plugins list --json
  firebrand plugins show bam
  firebrand plugins list --plugin-path libstudent_t.so

Shared libraries are found in the files and folders that `--plugin-path` and FIREBRAND_PLUGIN_PATH name, and in the user's folder, which is
~/.local/share/firebrand/plugins on Linux.")]
pub struct PluginsArgs {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    List(list::ListArgs),
    Show(show::ShowArgs),
}

/// Runs the subcommand.
pub fn run(args: &PluginsArgs, loaded: &[Loaded]) -> Result<(), Failure> {
    match &args.command {
        None | Some(Command::List(_)) => list::run(args.json, loaded),
        Some(Command::Show(show)) => show::run(show, args.json),
    }
}
