//! The table of an experiment, in Markdown.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::Experiment;
use super::results::{End, Row, cannot_write};
use super::statistics::{Band, algorithms, bands, metrics};
use crate::cli::Failure;

/// Writes `summary.md`, and gives its text.
pub fn write(
    folder: &Path,
    experiment: &Experiment,
    rows: &[Row],
    ends: &[End],
) -> Result<String, Failure> {
    let mut text = String::new();
    for setting in &experiment.settings {
        section(&mut text, experiment, &setting.name, rows, ends);
    }
    fs::write(folder.join("summary.md"), &text).map_err(|error| cannot_write(folder, &error))?;
    Ok(text)
}

fn section(text: &mut String, experiment: &Experiment, setting: &str, rows: &[Row], ends: &[End]) {
    let metrics = metrics(rows, setting);
    let Some(first) = metrics.first() else {
        return;
    };
    let columns = metrics.join(" | ");
    let rule = " ---: |".repeat(metrics.len());
    let arrived = experiment.arrived;
    // Writing to a string does not fail.
    let _ = writeln!(text, "### {setting}\n");
    let _ = writeln!(
        text,
        "| algorithm | evaluations to {first} below {arrived} | {columns} | runs |"
    );
    let _ = writeln!(text, "| --- | ---: |{rule} --- |");
    for algorithm in algorithms(rows, setting) {
        let band = |metric| bands(rows, setting, algorithm, metric);
        let reached = band(first)
            .iter()
            .find(|(_, band)| band.median < arrived)
            .map(|(at, _)| *at);
        let reached = reached.map_or_else(|| "never".into(), |at| at.to_string());
        let last = metrics
            .iter()
            .filter_map(|&metric| Some(shown(band(metric).last()?.1)));
        let last = last.collect::<Vec<_>>().join(" | ");
        let how = how_ended(ends, setting, algorithm);
        let _ = writeln!(text, "| {algorithm} | {reached} | {last} | {how} |");
    }
    text.push('\n');
}

/// The median, and the outer tenths.
pub fn shown(Band { low, median, high }: Band) -> String {
    format!("{} ({} to {})", short(median), short(low), short(high))
}

/// Two significant digits.
fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if !(1e-3..1e4).contains(&size) => format!("{value:.1e}"),
        size if size < 0.1 => format!("{value:.4}"),
        size if size < 10.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}

/// How many runs ended in which way.
fn how_ended(ends: &[End], setting: &str, algorithm: &str) -> String {
    let of: Vec<&str> = ends
        .iter()
        .filter(|end| end.setting == setting && end.algorithm == algorithm)
        .map(|end| end.how)
        .collect();
    ["converged", "out of evaluations", "failed"]
        .into_iter()
        .map(|how| (of.iter().filter(|one| **one == how).count(), how))
        .filter(|(count, _)| *count > 0)
        .map(|(count, how)| format!("{count} {how}"))
        .collect::<Vec<_>>()
        .join(", ")
}
