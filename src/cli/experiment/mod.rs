//! `firebrand experiment`: what the algorithms need to get where they get, on targets whose answer is known.
//!
//! An experiment is a list of [`Setting`](contest::Setting)s. In each one every algorithm begins from the same approximation, without
//! the search for a start that a fit has, and is measured at the same numbers of score evaluations, for several seeds.

mod contest;
mod figure;
mod gaussian;
mod idx;
mod measures;
mod mixture;
mod mnist;
mod networks;
mod noise;
mod plot;
mod posteriordb;
mod results;
mod statistics;
mod summary;
mod targets;
mod uci;

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, Subcommand};
use indicatif::ProgressBar;

use super::Failure;
use super::progress::{catch_interrupts, style};
use contest::{Setting, compete};
use results::Results;

/// Compare the algorithms by the score evaluations that they need.
#[derive(Args)]
#[command(after_help = "\
Examples:
  firebrand experiment gaussian --out gaussian
  firebrand experiment noise --seeds 3 --out noise
  firebrand experiment posteriordb --posteriordb ~/posteriordb --out posteriordb
  firebrand experiment mnist --data mnist --out mnist-mlp

But for the two on networks, mnist and uci, all algorithms begin from the same approximation, N(0, I) where nothing else is said, without the search for a start that `firebrand fit`
has, and take their default options. DIR gets results.csv, a figure for each setting, and summary.md.")]
pub struct ExperimentArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Gaussian targets in 4 to 256 dimensions, also from an approximation that is narrow in some directions.
    #[command(after_help = "\
Examples:
  firebrand experiment gaussian --out gaussian
  firebrand experiment gaussian --seeds 3 --only dimension-64 --out gaussian-64")]
    Gaussian(RunArgs),
    /// Mixtures of Gaussians, approximated by mixtures and by Gaussians.
    #[command(after_help = "\
Examples:
  firebrand experiment mixture --out mixture
  firebrand experiment mixture --quick --out look")]
    Mixture(RunArgs),
    /// Gaussian targets whose scores have noise of rising variance.
    #[command(after_help = "\
Examples:
  firebrand experiment noise --out noise
  firebrand experiment noise --quick --out look")]
    Noise(RunArgs),
    #[command(name = "posteriordb")]
    PosteriorDb(posteriordb::PosteriorDbArgs),
    Mnist(mnist::MnistArgs),
    Uci(uci::UciArgs),
}

/// How an experiment is run, whichever it is.
#[derive(Args)]
struct RunArgs {
    /// The folder for results, which is made if it is not there. Results of an earlier run are replaced.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How many seeds; the first is 1. A seed decides the target too, where it is random.
    #[arg(long, value_name = "N", default_value = "10")]
    seeds: NonZeroU64,
    /// Small targets and few evaluations: a look at what an experiment gives.
    #[arg(long)]
    quick: bool,
    /// Only settings whose name contains this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// Which experiment it is, and what its tables and figures say of it.
struct Experiment {
    /// As in the first column of the table.
    name: &'static str,
    settings: Vec<Setting>,
    /// The value of the first metric at which a run has arrived.
    arrived: f64,
}

/// Runs the subcommand.
pub fn run(args: &ExperimentArgs) -> Result<(), Failure> {
    match &args.command {
        Command::Gaussian(args) => gaussian::experiment(args.quick).run(args),
        Command::Mixture(args) => mixture::experiment(args.quick).run(args),
        Command::Noise(args) => noise::experiment(args.quick).run(args),
        Command::PosteriorDb(args) => posteriordb::experiment(args)?.run(&args.run),
        Command::Mnist(args) => mnist::run(args),
        Command::Uci(args) => uci::run(args),
    }
}

impl Experiment {
    fn run(mut self, args: &RunArgs) -> Result<(), Failure> {
        if let Some(part) = &args.only {
            self.settings.retain(|setting| setting.name.contains(part));
        }
        if self.settings.is_empty() {
            return Err(Failure::Usage("there is no setting of such a name".into()));
        }
        let interrupted = catch_interrupts()?;
        let mut results = Results::create(&args.out, self.name, "score_evaluations")?;
        let done = self.fill(&mut results, args.seeds.get(), interrupted)?;
        let summary = summary::write(&args.out, &self, results.rows(), results.ends())?;
        figure::write(&args.out, &self, results.rows())?;
        println!("{summary}");
        if !done {
            eprintln!(
                "the experiment was interrupted; what is written is of the runs that were done"
            );
        }
        eprintln!("the results are in {}", args.out.display());
        Ok(())
    }

    /// Runs everything, seed after seed, so that whoever ends it early has all algorithms. Whether it came to the end.
    fn fill(
        &self,
        results: &mut Results,
        seeds: u64,
        interrupted: &AtomicBool,
    ) -> Result<bool, Failure> {
        let runs: usize = self.settings.iter().map(|s| s.contestants.len()).sum();
        let bar = ProgressBar::new(runs as u64 * seeds).with_style(style(
            "{spinner} {bar:30} {pos} of {len} runs [{elapsed}] {msg}",
        ));
        for seed in 1..=seeds {
            for setting in &self.settings {
                let problem = (setting.problem)(seed).map_err(Failure::Model)?;
                for contestant in &setting.contestants {
                    let label = contestant.label();
                    bar.set_message(format!("{} {label}, seed {seed}", setting.name));
                    let course = compete(&problem, contestant, setting.budget, seed, interrupted)
                        .map_err(|because| {
                        Failure::Fit(format!("{label} on {}: {because}", setting.name))
                    })?;
                    if interrupted.load(Ordering::Relaxed) {
                        bar.finish_and_clear();
                        return Ok(false);
                    }
                    results.add(&setting.name, &label, seed, course)?;
                    bar.inc(1);
                }
            }
        }
        bar.finish_and_clear();
        Ok(true)
    }
}
