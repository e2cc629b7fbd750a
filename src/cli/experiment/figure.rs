//! The figures of an experiment: which numbers are drawn.

use std::fs;
use std::path::Path;

use super::results::{Row, cannot_write};
use super::statistics::{Band, algorithms, bands, metrics};
use super::{Experiment, noise, plot};
use crate::cli::Failure;

/// Writes `SETTING.svg` for each setting, and for noise one over all variances.
pub fn write(folder: &Path, experiment: &Experiment, rows: &[Row]) -> Result<(), Failure> {
    for setting in &experiment.settings {
        let metrics = metrics(rows, &setting.name);
        let algorithms = algorithms(rows, &setting.name);
        let panels = metrics.iter().map(|&metric| plot::Panel {
            vertical: metric.replace('_', " "),
            horizontal: "score evaluations".into(),
            curves: algorithms
                .iter()
                .map(|&algorithm| {
                    let bands = bands(rows, &setting.name, algorithm, metric);
                    bands
                        .into_iter()
                        .map(|(at, band)| (at as f64, band))
                        .collect()
                })
                .collect(),
        });
        save(folder, &setting.name, &algorithms, panels.collect())?;
    }
    if experiment.name == noise::NAME {
        over_variances(folder, experiment, rows)?;
    }
    Ok(())
}

/// Where runs end, over the variance of noise.
fn over_variances(folder: &Path, experiment: &Experiment, rows: &[Row]) -> Result<(), Failure> {
    let variances: Vec<(f64, &str)> = experiment
        .settings
        .iter()
        .filter_map(|setting| {
            let variance = setting.name.strip_prefix(noise::PREFIX)?.parse().ok()?;
            Some((variance, setting.name.as_str()))
        })
        .collect();
    let Some((_, first)) = variances.first() else {
        return Ok(());
    };
    let algorithms = algorithms(rows, first);
    let curve = |algorithm: &str, metric: &str| -> Vec<(f64, Band)> {
        variances
            .iter()
            .filter_map(|&(variance, setting)| {
                Some((variance, bands(rows, setting, algorithm, metric).last()?.1))
            })
            .collect()
    };
    let panels = metrics(rows, first).into_iter().map(|metric| plot::Panel {
        vertical: metric.replace('_', " "),
        horizontal: "variance of the noise in each score".into(),
        curves: algorithms
            .iter()
            .map(|algorithm| curve(algorithm, metric))
            .collect(),
    });
    save(folder, "noise", &algorithms, panels.collect())
}

fn save(
    folder: &Path,
    name: &str,
    algorithms: &[&str],
    panels: Vec<plot::Panel>,
) -> Result<(), Failure> {
    let file = folder.join(format!("{name}.svg"));
    fs::write(file, plot::draw(name, algorithms, &panels))
        .map_err(|error| cannot_write(folder, &error))
}
