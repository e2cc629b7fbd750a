//! `firebrand posteriordb sweep`: fits of many posteriors.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use clap::Args;
use firebrand::core::{Placement, registry};
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
use crate::cli::inputs::Computing;
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
Ctrl-C ends a sweep; the posteriors that it was at are run again next time.

Without `--family` an algorithm takes its own, full-rank for most, up to 1000 dimensions, and mean-field above where it can.")]
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
    /// Posteriors that are fitted at the same time. Fits that share cores take longer, which a `--time-limit` counts.
    #[arg(long, value_name = "N", default_value = "1")]
    jobs: NonZeroUsize,
    /// The folder of the sweep.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    computing: Computing,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.trim().parse() {
        Ok(seconds) if seconds > 0.0 && Duration::try_from_secs_f64(GRACE * seconds).is_ok() => {
            Ok(seconds)
        }
        Ok(_) => Err("the limit of seconds must be positive".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// Runs the subcommand.
pub fn run(args: &SweepArgs) -> Result<(), Failure> {
    let options = options(args)?;
    let database = args.sources.database()?;
    let chosen = select(&database, args.only.as_deref(), args.reference_only)?;
    // A device that is not there is no fault of the posteriors.
    let placement = args.computing.placement()?;
    let mut results = Results::open(&args.out, &options)?;
    let sweep = Sweep {
        database: &database,
        options: &options,
        placement: &placement,
        attempts: Attempts::of(&args.out),
        progress: SweepProgress::begin(chosen.len()),
        interrupted: catch_interrupts()?,
    };
    let done = sweep.run(&chosen, &mut results, args.jobs)?;
    drop(sweep);
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
        computing: args.computing,
    })
}

/// Fit and check keep to the time limit themselves; what is still at work this many times later is ended.
const GRACE: f64 = 1.2;

/// What the fits of a sweep share.
struct Sweep<'a> {
    database: &'a Database,
    options: &'a SweepOptions,
    placement: &'a Placement,
    attempts: Attempts,
    progress: SweepProgress,
    interrupted: &'a AtomicBool,
}

impl Sweep<'_> {
    /// Fits what is not done yet, `jobs` at the same time. Whether it came to the end.
    fn run(
        &self,
        chosen: &[Chosen],
        results: &mut Results,
        jobs: NonZeroUsize,
    ) -> Result<bool, Failure> {
        let (done, left): (Vec<_>, Vec<_>) =
            chosen.iter().partition(|chosen| results.has(&chosen.name));
        done.iter().for_each(|_| self.progress.skip());
        let queue = Queue {
            left: &left,
            next: AtomicUsize::new(0),
            results: Mutex::new(results),
            broken: AtomicBool::new(false),
        };
        let jobs = jobs.get().min(left.len());
        thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs)
                .map(|_| scope.spawn(|| self.work(&queue)))
                .collect();
            workers.into_iter().try_for_each(|worker| {
                let panicked = |_| Err(Failure::Usage("a thread of the sweep panicked".into()));
                worker.join().unwrap_or_else(panicked)
            })
        })?;
        Ok(!self.interrupted.load(Ordering::Relaxed))
    }

    /// Fits one posterior of the queue after the other.
    fn work(&self, queue: &Queue<'_>) -> Result<(), Failure> {
        while let Some(chosen) = queue.take(self.interrupted) {
            let kept = self.fit_and_keep(chosen, queue);
            if kept.is_err() {
                queue.broken.store(true, Ordering::Relaxed);
            }
            kept?;
        }
        Ok(())
    }

    fn fit_and_keep(&self, chosen: &Chosen, queue: &Queue<'_>) -> Result<(), Failure> {
        self.progress.posterior(&chosen.name);
        let outcome = match self.attempts.begin(&chosen.name)? {
            true => self.fit(chosen),
            false => Outcome::failed(
                &chosen.name,
                "the program did not survive it; it may need more memory than there is",
            ),
        };
        self.attempts.end(&chosen.name)?;
        if self.interrupted.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.progress.done(&outcome.row);
        let mut results = queue.results.lock().unwrap_or_else(PoisonError::into_inner);
        results.keep(outcome.row, &outcome.notes, outcome.record.as_ref())
    }

    /// Fits one posterior, until its time is over or the user wants the sweep to end.
    fn fit(&self, chosen: &Chosen) -> Outcome {
        let limit = self.options.time_limit;
        let limit = limit.map(|seconds| Duration::from_secs_f64(GRACE * seconds));
        watched(limit, self.interrupted, |watch| {
            let mut hear = |event: Event<'_>| {
                watch.hear(&event);
                self.progress.show(&chosen.name, &event);
            };
            let (options, placement) = (self.options, self.placement);
            let stop = watch.flag();
            let outcome = Outcome::of(self.database, chosen, options, placement, stop, &mut hear);
            // The flag says that it is time to end, not who said so.
            match self.interrupted.load(Ordering::Relaxed) {
                true => outcome,
                false => outcome.ended_by_the_clock(),
            }
        })
        .unwrap_or_else(|panic| Outcome::failed(&chosen.name, &format!("it panicked: {panic}")))
    }
}

/// The posteriors that are left, and where their results go.
struct Queue<'a> {
    left: &'a [&'a Chosen],
    next: AtomicUsize,
    results: Mutex<&'a mut Results>,
    /// Raised where results cannot be kept: there is no use in going on.
    broken: AtomicBool,
}

impl<'a> Queue<'a> {
    /// The next posterior; `None` if there is none, or the sweep is to end.
    fn take(&self, interrupted: &AtomicBool) -> Option<&'a Chosen> {
        if interrupted.load(Ordering::Relaxed) || self.broken.load(Ordering::Relaxed) {
            return None;
        }
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.left.get(next).copied()
    }
}
