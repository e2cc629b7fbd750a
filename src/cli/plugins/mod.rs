//! `firebrand plugins`: what is available, from which file, with its options; whether it fulfils what it should; and how to begin one.

mod check;
mod list;
mod listed;
mod new;
mod show;

use clap::{Args, Subcommand};
use firebrand::core::boundary::Loaded;

use super::Failure;

/// List, check and begin algorithms, families and targets, linked or from shared libraries.
#[derive(Args)]
#[command(after_help = "\
Examples:
  firebrand plugins
  firebrand plugins list --json
  firebrand plugins show bam
  firebrand plugins new cauchy --kind family
  firebrand plugins check libcauchy.so
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
    Check(check::CheckArgs),
    List(list::ListArgs),
    New(new::NewArgs),
    Show(show::ShowArgs),
}

/// Runs the subcommand.
pub fn run(args: &PluginsArgs, loaded: &[Loaded]) -> Result<(), Failure> {
    match &args.command {
        None | Some(Command::List(_)) => list::run(args.json, loaded),
        Some(Command::Check(check)) => check::run(check, args.json, loaded),
        Some(Command::New(new)) => new::run(new),
        Some(Command::Show(show)) => show::run(show, args.json),
    }
}
