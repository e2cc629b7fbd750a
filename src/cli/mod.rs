//! The command line: one file for each subcommand, and what they share.
//!
//! Every subcommand is a function from its arguments to `Result<(), Failure>`; [`Failure`] alone knows exit statuses. Results go
//! to standard output, everything else to standard error.

mod bench;
mod check;
mod checkpoint;
mod completions;
mod declared;
mod drawing;
mod ending;
mod experiment;
mod failure;
mod fit;
mod inputs;
mod libraries;
mod output;
mod plugins;
mod points;
mod posteriordb;
mod predict;
mod progress;
mod report;
mod run_file;
mod score;
mod sources;
mod table;
mod typical;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;
use libraries::Libraries;

const EXAMPLES: &str = "\
Examples:
  firebrand fit eight_schools.stan --data eight_schools.json
  firebrand fit eight_schools.ron --out results
  firebrand predict results --data new.json --observed y --predicted y_new
  firebrand check eight_schools.stan --data eight_schools.json
  firebrand score eight_schools.stan --data eight_schools.json --at points.txt
  firebrand bench eight_schools.stan --data eight_schools.json --draws 1,64,1024

Exit status: 0 done, 1 the model or its data is wrong, 2 usage, 3 the fit failed.";

/// Variational inference for models in the Stan language: a posterior with an honest verdict.
#[derive(Parser)]
#[command(name = "firebrand", version, about, after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    libraries: Libraries,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Fit(fit::FitArgs),
    Predict(predict::PredictArgs),
    Check(check::CheckArgs),
    Score(score::ScoreArgs),
    Bench(bench::BenchArgs),
    #[command(name = "posteriordb")]
    PosteriorDb(posteriordb::PosteriorDbArgs),
    Experiment(experiment::ExperimentArgs),
    Plugins(plugins::PluginsArgs),
    Completions(completions::CompletionsArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let Cli { libraries, command } = Cli::parse();
    let loaded = match command {
        Command::Completions(_) => Vec::new(),
        _ => libraries.load(),
    };
    if !matches!(command, Command::Plugins(_)) {
        libraries::warn(&loaded);
    }
    let done = match command {
        Command::Fit(args) => fit::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Score(args) => score::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::PosteriorDb(args) => posteriordb::run(&args),
        Command::Experiment(args) => experiment::run(&args),
        Command::Plugins(args) => plugins::run(&args, &loaded),
        Command::Completions(args) => completions::run(&args),
    };
    done.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}
