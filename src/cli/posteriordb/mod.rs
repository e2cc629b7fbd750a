//! `firebrand posteriordb`: what a checkout of PosteriorDB has, and fits of many of its posteriors.

mod attempts;
mod list;
mod one;
mod options;
mod progress;
mod results;
mod selection;
mod show;
mod sweep;
mod tables;
mod watch;

use clap::{Args, Subcommand};

use super::Failure;

/// List, show and fit posteriors of PosteriorDB.
#[derive(Args)]
#[command(after_help = "\
Examples:
  export FIREBRAND_POSTERIORDB=~/posteriordb          # a clone of https://github.com/stan-dev/posteriordb
  firebrand posteriordb list --reference-only
  firebrand posteriordb show eight_schools-eight_schools_noncentered
  firebrand posteriordb sweep --reference-only --out sweep
  firebrand fit posteriordb:eight_schools-eight_schools_noncentered")]
pub struct PosteriorDbArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    List(list::ListArgs),
    Show(show::ShowArgs),
    Sweep(sweep::SweepArgs),
}

/// Runs the subcommand.
pub fn run(args: &PosteriorDbArgs) -> Result<(), Failure> {
    match &args.command {
        Command::List(args) => list::run(args),
        Command::Show(args) => show::run(args),
        Command::Sweep(args) => sweep::run(args),
    }
}
