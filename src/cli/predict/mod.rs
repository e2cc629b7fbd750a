//! `firebrand predict`: the generated quantities of a finished run's model, for new data, and how well they predict.
//!
//! [`restored`] finds the run and compiles its model with the new data, [`draws`] draws, [`question`] says what is the prediction
//! and what the truth, [`classification`] and [`regression`] measure.

mod classification;
mod draws;
mod figure;
mod files;
mod quality;
mod question;
mod regression;
mod report;
mod restored;
mod scored;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use firebrand::{Quantity, summarize};
use serde::Serialize;

pub use classification::Classification;
pub use regression::log_mean_exp;

use super::Failure;
use super::inputs::Computing;
use super::progress::catch_interrupts;
use super::report::summary_table;
use draws::Drawn;
use files::Folder;
use quality::{Quality, Verdict};
use question::{Asked, Question};
use restored::Restored;

/// Apply a finished run to new data: draws of its generated quantities, and how well they predict.
#[derive(Args)]
#[command(group = ArgGroup::new("prediction").args(["probabilities", "predicted"]), after_help = "\
Examples:
  firebrand fit iris.stan --data iris.json --out results
  firebrand predict results --data iris_test.json --out predictions
  firebrand predict results --data iris_test.json --observed species --probabilities probability
  firebrand predict results --data test.json --observed y --predicted y_new --log-likelihood log_lik --json

The file has all data that the model declares, of the new rows. What the model computes of its data, such as means to centre by, is
then computed of these. Only what no parameter is sized by may have another size.

With --observed, the predictions are measured: for classes by error, NLL, Brier score (Brier 1950: summed over classes, 0 to 2) and ECE
(Guo et al. 2017: of the most probable class, 15 bins of equal width); for numbers by RMSE, coverage of central intervals and, with
--log-likelihood, log-likelihood. The verdict compares with what is predicted without a model, by frequencies of the classes or mean
and sd of the observed rows, and says whether probabilities are calibrated within their sampling error.

DIR gets predictions.csv (the draws), prediction.json (summary, measures, verdict) and reliability.svg. Ctrl-C ends the drawing and
keeps the draws that are whole; prediction.json then has under `interrupted_of` how many there were to be.")]
pub struct PredictArgs {
    /// The folder of a run, which `firebrand fit --out` made.
    #[arg(value_name = "RUN_DIR")]
    run: PathBuf,
    /// The new data: Stan's JSON, also inside a `.zip`.
    #[arg(long, value_name = "TEST.json")]
    data: PathBuf,
    /// Draws; by default as many as the run's.
    #[arg(long, value_name = "N")]
    draws: Option<NonZeroUsize>,
    /// Write draws, summary and measures to this folder; those of an earlier prediction in it are replaced.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    asked: Asked,
    #[command(flatten)]
    computing: Computing,
}

/// Runs the subcommand.
pub fn run(args: &PredictArgs) -> Result<(), Failure> {
    let restored = Restored::open(&args.run, &args.data, args.computing)?;
    let question = Question::of(&args.asked, &restored, &args.data)?;
    let folder = args.out.as_deref().map(Folder::open).transpose()?;
    let count = args.draws.map(NonZeroUsize::get);
    let count = count.or(restored.origin.plan.draws);
    let count = count.unwrap_or_else(|| firebrand::defaults::draws(restored.dimension()));
    let Drawn {
        table: draws,
        interrupted_of,
    } = draws::draw(&restored, count, catch_interrupts()?)?;
    let drawn = folder
        .as_ref()
        .map_or(Ok(()), |folder| folder.write_draws(&restored, &draws));
    let summary = summarize(&draws);
    // What cannot be measured has been drawn all the same, and is written before that is said.
    let (quality, wrong) = match question.map(|question| question.answer(&draws)) {
        None => (None, None),
        Some(Ok(quality)) => (Some(quality), None),
        Some(Err(wrong)) => (None, Some(wrong)),
    };
    let mut printed = Printed {
        verdict: quality.as_ref().map(Quality::verdict),
        quality: quality.as_ref(),
        draws: draws.draws(),
        interrupted_of,
        summary: &summary,
        out: args.out.as_deref(),
    };
    let written = drawn.and_then(|()| match &folder {
        Some(folder) => folder.write(&printed, quality.as_ref().map(Quality::figure)),
        None => Ok(()),
    });
    if let Some(wrong) = wrong {
        return written.and(Err(wrong));
    }
    if written.is_err() {
        printed.out = None;
    }
    // What cannot be written is shown all the same.
    let shown = show(args, &printed);
    written.and(shown)
}

fn show(args: &PredictArgs, printed: &Printed<'_>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, printed).map_err(io::Error::from)?;
        return Ok(writeln!(out)?);
    }
    let text = match printed.quality {
        Some(quality) => report::report(quality, printed.draws, printed.interrupted_of),
        None => summary_table(printed.summary, None),
    };
    out.write_all(text.as_bytes())?;
    if let Some(folder) = printed.out {
        eprintln!("predictions are in {}", folder.display());
    }
    Ok(())
}

/// What `--json` prints, and `prediction.json` has.
#[derive(Serialize)]
struct Printed<'a> {
    /// Null if there is nothing to compare with.
    verdict: Option<Verdict>,
    quality: Option<&'a Quality>,
    draws: usize,
    /// How many draws were asked for, if Ctrl-C ended the drawing before they were there; else null.
    interrupted_of: Option<usize>,
    summary: &'a [Quantity],
    out: Option<&'a Path>,
}
