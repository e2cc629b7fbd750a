//! A small network on the regression sets of the UCI repository, on the splits that the literature shares.

use std::fmt::Write;
use std::fs;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use clap::Args;
use firebrand::core::start::StartOptions;
use firebrand::{Data, Model};
use indicatif::ProgressBar;
use serde_json::json;

use super::contest::Course;
use super::networks::{Lesson, absent};
use super::results::{Results, Row, cannot_write};
use super::statistics::algorithms;
use crate::cli::Failure;
use crate::cli::inputs::Computing;
use crate::cli::predict::log_mean_exp;
use crate::cli::progress::{catch_interrupts, style};

const MODEL: &str = include_str!("../../../examples/uci/regression.stan");

/// The folders of the repository, and how many splits each has.
const SETS: [(&str, usize); 9] = [
    ("bostonHousing", 20),
    ("concrete", 20),
    ("energy", 20),
    ("kin8nm", 20),
    ("naval-propulsion-plant", 20),
    ("power-plant", 20),
    ("protein-tertiary-structure", 5),
    ("wine-quality-red", 20),
    ("yacht", 20),
];

/// A network with 50 hidden units on the regression sets of UCI: RMSE and log-likelihood over the standard splits.
#[derive(Args)]
#[command(after_help = "\
Examples:
  scripts/uci.sh uci
  firebrand experiment uci --data uci --out results
  firebrand experiment uci --data uci --only yacht --splits 5 --out look

The data and their splits are those of Hernandez-Lobato and Adams (2015) and of Gal and Ghahramani (2016). DIR gets results.csv and summary.md:
means over splits, with their standard errors.")]
pub struct UciArgs {
    /// The folder with a folder for each set: `scripts/uci.sh` brings it.
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// The folder for results, which is made if it is not there. Results of an earlier run are replaced.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only sets whose name contains one of these.
    #[arg(long, value_delimiter = ',', value_name = "TEXT,..")]
    only: Vec<String>,
    /// Splits of each set, where it has so many.
    #[arg(long, value_name = "N", default_value = "20")]
    splits: NonZeroUsize,
    /// The algorithms, with their options.
    #[arg(
        long,
        value_delimiter = ';',
        value_name = "NAME;..",
        default_value = "prox-score;advi;map"
    )]
    algorithms: Vec<String>,
    /// Steps of each fit.
    #[arg(long, value_name = "N", default_value = "4088")]
    steps: NonZeroU64,
    /// Rows that each step sees.
    #[arg(long, value_name = "N", default_value = "128")]
    minibatch: NonZeroUsize,
    /// Draws to predict with.
    #[arg(long, value_name = "N", default_value = "200")]
    draws: NonZeroUsize,
    #[command(flatten)]
    computing: Computing,
}

/// A set of rows: inputs, and what is to be predicted.
struct Rows {
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
}

/// Runs the experiment.
///
/// # Errors
/// Data that is not there, a folder that cannot be written to, and a fit that fails.
pub fn run(args: &UciArgs) -> Result<(), Failure> {
    let is_asked = |name: &str| {
        args.only.is_empty() || args.only.iter().any(|part| name.contains(part.as_str()))
    };
    let sets: Vec<(&str, usize)> = SETS
        .iter()
        .filter(|(name, _)| is_asked(name))
        .map(|&(name, splits)| (name, splits.min(args.splits.get())))
        .collect();
    if sets.is_empty() {
        return Err(Failure::Usage("there is no set of such a name".into()));
    }
    let model = Model::parse("examples/uci/regression.stan", MODEL)?;
    let placement = args.computing.placement()?;
    let cancelled = catch_interrupts()?;
    let mut results = Results::create(&args.out, "uci", "training_rows")?;
    let fits: usize = sets
        .iter()
        .map(|(_, splits)| splits * args.algorithms.len())
        .sum();
    let bar = ProgressBar::new(fits as u64).with_style(style(
        "{spinner} {bar:30} {pos} of {len} fits [{elapsed}] {msg}",
    ));
    'all: for (name, splits) in sets {
        for split in 0..splits {
            let split_of = |part| {
                rows(&args.data, name, part, split)
                    .map_err(|because| absent(name, &args.data, "scripts/uci.sh", &because))
            };
            let (train, test) = (split_of("train")?, split_of("test")?);
            let (train_data, test_data) = (data(&train, &train)?, data(&test, &train)?);
            for algorithm in &args.algorithms {
                bar.set_message(format!("{algorithm}, {name}, split {split}"));
                let lesson = Lesson {
                    model: &model,
                    train: &train_data,
                    test: &test_data,
                    inference: algorithm,
                    rows: args.minibatch.get().min(train.y.len()),
                    max_steps: args.steps.get(),
                    seed: split as u64 + 1,
                    start: StartOptions {
                        starts: 1,
                        dense_limit: 0,
                        ..StartOptions::default()
                    },
                    draws: args.draws.get(),
                    placement: &placement,
                };
                let Some(learned) = lesson.take(cancelled)? else {
                    eprintln!(
                        "the experiment was interrupted; what is written is of the runs that were done"
                    );
                    break 'all;
                };
                let (mu, log_lik) = (learned.column("mu[1]")?, learned.column("log_lik[1]")?);
                let (rmse, log_likelihood) = scores(&learned.predicted, mu, log_lik, &test.y);
                let course = Course {
                    points: vec![(
                        train.y.len() as u64,
                        vec![
                            ("rmse", rmse),
                            ("log_likelihood", log_likelihood),
                            ("seconds", learned.seconds),
                        ],
                    )],
                    ended: learned.ended,
                };
                results.add(name, algorithm, split as u64, course)?;
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    let summary = table(results.rows());
    fs::write(args.out.join("summary.md"), &summary)
        .map_err(|error| cannot_write(&args.out, &error))?;
    println!("{summary}");
    eprintln!("the results are in {}", args.out.display());
    Ok(())
}

/// The root mean squared error of the mean, and the mean over rows of the log of the likelihood's mean over draws.
fn scores(
    draws: &firebrand::core::Constrained,
    mu: usize,
    log_lik: usize,
    truth: &[f64],
) -> (f64, f64) {
    let rows = truth.len() as f64;
    let (mut squares, mut logs) = (0.0, 0.0);
    for (row, y) in truth.iter().enumerate() {
        let predicted = draws.column(mu + row);
        let mean = predicted.iter().sum::<f64>() / predicted.len() as f64;
        squares += (y - mean).powi(2);
        logs += log_mean_exp(&draws.column(log_lik + row));
    }
    ((squares / rows).sqrt(), logs / rows)
}

/// The rows of one part of a split.
fn rows(folder: &Path, set: &str, part: &str, split: usize) -> Result<Rows, String> {
    let folder = folder.join(set).join("data");
    let read = |name: &str| -> Result<Vec<Vec<f64>>, String> {
        let text = fs::read_to_string(folder.join(name)).map_err(|e| format!("{name}: {e}"))?;
        let line = |line: &str| -> Result<Vec<f64>, _> {
            line.split_whitespace().map(str::parse).collect()
        };
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let lines: Result<Vec<Vec<f64>>, std::num::ParseFloatError> = lines.map(line).collect();
        lines.map_err(|error| format!("{name}: {error}"))
    };
    let numbers = |name: &str| -> Result<Vec<usize>, String> {
        let lines = read(name)?;
        Ok(lines.into_iter().flatten().map(|n| n as usize).collect())
    };
    let all = read("data.txt")?;
    let features = numbers("index_features.txt")?;
    let target = numbers("index_target.txt")?;
    let chosen = numbers(&format!("index_{part}_{split}.txt"))?;
    let cell = |row: usize, column: usize| {
        let cell = all.get(row).and_then(|row| row.get(column)).copied();
        cell.ok_or_else(|| format!("data.txt has no column {column} in row {row}"))
    };
    let target = *target.first().ok_or("index_target.txt is empty")?;
    let mut rows = Rows {
        x: Vec::with_capacity(chosen.len()),
        y: Vec::with_capacity(chosen.len()),
    };
    for row in chosen {
        let x: Result<Vec<f64>, String> = features.iter().map(|&c| cell(row, c)).collect();
        rows.x.push(x?);
        rows.y.push(cell(row, target)?);
    }
    match rows.y.is_empty() {
        true => Err(format!("its split {split} has no rows to {part}")),
        false => Ok(rows),
    }
}

/// The model's data for some rows, standardised by those that are learned from.
fn data(rows: &Rows, train: &Rows) -> Result<Data, Failure> {
    let columns = 0..train.x[0].len();
    let of = |column: usize| moments(train.x.iter().map(move |row| row[column]));
    let (x_mean, x_sd): (Vec<f64>, Vec<f64>) = columns.map(of).unzip();
    let (y_mean, y_sd) = moments(train.y.iter().copied());
    let text = json!({
        "N": rows.y.len(), "inputs": x_mean.len(), "x": rows.x, "y": rows.y,
        "x_mean": x_mean, "x_sd": x_sd, "y_mean": y_mean, "y_sd": y_sd,
    });
    Ok(Data::from_json(&text.to_string())?)
}

/// Mean and standard deviation; one for numbers that are all the same.
fn moments(numbers: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = numbers.clone().count() as f64;
    let mean = numbers.clone().sum::<f64>() / count;
    let variance = numbers.map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
}

/// Means over splits, with their standard errors.
fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| set | splits | algorithm | RMSE | log-likelihood |\n| --- | ---: | --- | ---: | ---: |\n",
    );
    for (set, _) in SETS {
        for algorithm in algorithms(rows, set) {
            let values = |metric: &str| -> Vec<f64> {
                rows.iter()
                    .filter(|row| row.setting == set && row.algorithm == algorithm)
                    .filter(|row| row.metric == metric)
                    .map(|row| row.value)
                    .collect()
            };
            let (rmse, log_likelihood) = (values("rmse"), values("log_likelihood"));
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "| {set} | {} | {algorithm} | {} | {} |",
                rmse.len(),
                with_error(&rmse),
                with_error(&log_likelihood)
            );
        }
    }
    text
}

fn with_error(values: &[f64]) -> String {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    // Of one split nothing is known of the spread.
    let error = match values.len() {
        0 | 1 => return format!("{mean:.3}"),
        _ => (squares / (count - 1.0) / count).sqrt(),
    };
    match mean.abs() < 0.1 {
        true => format!("{mean:.5} ± {error:.5}"),
        false => format!("{mean:.3} ± {error:.3}"),
    }
}
