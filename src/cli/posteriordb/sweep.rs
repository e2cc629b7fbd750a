//! `firebrand posteriordb sweep`: fits of many posteriors, one after the other.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use firebrand::core::registry;
use firebrand::{Event, defaults};
use firebrand_posteriordb::Database;

use super::attempts::Attempts;
use super::one::Outcome;
use super::options::SweepOptions;
use super::progress::SweepProgress;
use super::results::Results;
use super::selection::{Chosen, select};
use super::tables::summary;
use super::watch::watched;
use crate::cli::Failure;
use crate::cli::progress::catch_interrupts;
use crate::cli::sources::Sources;

/// Fit many posteriors of PosteriorDB, and write a table of how it went.
#[derive(Args)]
#[command(after_help = "\
Examples:
  firebrand posteriordb sweep --reference-only --out sweep
  firebrand posteriordb sweep --only 'kidiq*' --inference bam --family full-rank --time-limit 60 --out kidiq

DIR gets table.csv and table.md, which are there after every posterior, and results/NAME.json with the record of each run. The same
command goes on where a sweep was ended: posteriors that have a result are not run again. To run one again, remove its result.
Ctrl-C ends a sweep; the posterior that it was at is run again next time.")]
pub struct SweepArgs {
    /// The algorithm, by name and with its options in RON: see `firebrand plugins`.
    #[arg(long, value_name = "NAME", default_value = defaults::INFERENCE)]
    inference: String,
    /// The family; by default the one that suits algorithm and dimension.
    #[arg(long, value_name = "NAME")]
    family: Option<String>,
    /// Only names that match: `*` stands for any text, `?` for any character.
    #[arg(long, value_name = "GLOB")]
    only: Option<String>,
    /// Only posteriors with reference draws.
    #[arg(long)]
    reference_only: bool,
    /// The seed of every fit.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Seconds at most for each fit, as many again for its check, and as many for its draws; what was done until then is kept.
    #[arg(long, value_name = "SECONDS", value_parser = positive)]
    time_limit: Option<f64>,
    /// The folder of the sweep.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    sources: Sources,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.trim().parse() {
        Ok(seconds) if seconds > 0.0 && Duration::try_from_secs_f64(seconds).is_ok() => Ok(seconds),
        Ok(_) => Err("the limit of seconds must be positive".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// Runs the subcommand.
pub fn run(args: &SweepArgs) -> Result<(), Failure> {
    let options = options(args)?;
    let database = args.sources.database()?;
    let chosen = select(&database, args.only.as_deref(), args.reference_only)?;
    let mut results = Results::open(&args.out, &options)?;
    let sweep = Sweep {
        database: &database,
        options: &options,
        attempts: Attempts::of(&args.out),
        interrupted: catch_interrupts()?,
    };
    let done = sweep.run(&chosen, &mut results)?;
    let mut out = io::stdout().lock();
    let rows: Vec<_> = results.rows().collect();
    writeln!(out, "{}", summary(&rows))?;
    if !done {
        eprintln!("the sweep was interrupted; the same command goes on with it");
    }
    eprintln!("the table is in {}", results.table().display());
    Ok(())
}

/// The options in full, so that a sweep is not gone on with when a default has changed.
fn options(args: &SweepArgs) -> Result<SweepOptions, Failure> {
    let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
    let inference = registry::inference(&args.inference).map_err(|error| usage(&error))?;
    let family = args.family.as_deref().map(registry::family).transpose();
    let family = family.map_err(|error| usage(&error))?;
    if let Some(family) = &family {
        let capabilities = family.plugin.capabilities();
        inference
            .plugin
            .requires()
            .check(inference.name, family.name, &capabilities)
            .map_err(|error| usage(&error))?;
    }
    Ok(SweepOptions {
        inference: format!("{}{}", inference.name, inference.options),
        family: family.map(|family| format!("{}{}", family.name, family.options)),
        seed: args.seed,
        time_limit: args.time_limit,
    })
}

/// What the fits of a sweep share.
struct Sweep<'a> {
    database: &'a Database,
    options: &'a SweepOptions,
    attempts: Attempts,
    interrupted: &'a AtomicBool,
}

impl Sweep<'_> {
    /// Fits what is not done yet. Whether it came to the end.
    fn run(&self, chosen: &[Chosen], results: &mut Results) -> Result<bool, Failure> {
        let mut progress = SweepProgress::begin(chosen.len());
        for chosen in chosen {
            if results.has(&chosen.name) {
                progress.skip();
                continue;
            }
            progress.posterior(&chosen.name);
            let outcome = match self.attempts.begin(&chosen.name)? {
                true => self.fit(chosen, &progress),
                false => Outcome::failed(
                    &chosen.name,
                    "the program did not survive it; it may need more memory than there is",
                ),
            };
            self.attempts.end()?;
            if self.interrupted.load(Ordering::Relaxed) {
                return Ok(false);
            }
            progress.done(&outcome.row);
            results.keep(outcome.row, &outcome.notes, outcome.record.as_ref())?;
        }
        Ok(true)
    }

    /// Fits one posterior, until its time is over or the user wants the sweep to end.
    fn fit(&self, chosen: &Chosen, progress: &SweepProgress) -> Outcome {
        let limit = self.options.time_limit.map(Duration::from_secs_f64);
        watched(limit, self.interrupted, |watch| {
            let mut hear = |event: Event<'_>| {
                watch.hear(&event);
                progress.show(&event);
            };
            Outcome::of(self.database, chosen, self.options, watch.flag(), &mut hear)
        })
        .unwrap_or_else(|panic| Outcome::failed(&chosen.name, &format!("it panicked: {panic}")))
    }
}
