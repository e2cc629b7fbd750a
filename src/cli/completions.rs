//! `firebrand completions`: what makes a shell complete this program's arguments.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Cli, Failure};

/// Print the completions of a shell.
#[derive(Args)]
#[command(after_help = "\
Example:
  firebrand completions bash > ~/.local/share/bash-completion/completions/firebrand")]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the subcommand.
pub fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    // The generator ends the process when it cannot write; so it writes to memory.
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "firebrand", &mut script);
    Ok(io::stdout().write_all(&script)?)
}
