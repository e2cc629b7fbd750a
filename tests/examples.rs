//! Every example compiles with its data, has the right score, and fits by its run file.

use std::path::{Path, PathBuf};
use std::process::Command;

use firebrand::core::{Batch, to_host};
use firebrand::{Data, Model, Placement, Posterior, Target};

/// Posteriors of weights have many modes, and curved ones: what a Gaussian gets wrong in them is rightly found.
const NETWORKS: [&str; 1] = ["helmets"];

/// Names of the folders of examples, sorted.
fn examples() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        // Not crates, nor models whose data have to be brought first.
        .filter(|name| file(name, "ron").is_file())
        .collect();
    names.sort();
    assert!(names.len() >= 8, "{names:?}");
    names
}

fn file(name: &str, extension: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    folder.join(name).join(name).with_extension(extension)
}

fn posterior(name: &str) -> Posterior {
    let model = Model::from_file(&file(name, "stan")).unwrap();
    let warnings = model.warnings();
    assert!(warnings.diagnostics.is_empty(), "{name}: {warnings}");
    let data = Data::from_file(&file(name, "json")).unwrap();
    let compiled = model.compile(&data, &Placement::cpu());
    compiled.unwrap_or_else(|report| panic!("{name}: {report}"))
}

fn log_densities(posterior: &Posterior, points: &[Vec<f64>]) -> Vec<f64> {
    let theta = posterior
        .placement()
        .matrix(points.concat(), [points.len(), posterior.dimension()]);
    let density = posterior.log_density(&theta, &Batch::Full).unwrap();
    to_host(&density.log_density)
}

#[test]
fn scores_are_the_derivatives_of_log_densities() {
    // The five-point stencil: truncation of order STEP^4, rounding of order 1e-16 |log density| / STEP.
    const STEP: f64 = 1e-4;
    const STENCIL: [(f64, f64); 4] = [(-2.0, 1.0), (-1.0, -8.0), (1.0, 8.0), (2.0, -1.0)];
    for name in examples() {
        let posterior = posterior(&name);
        let dimension = posterior.dimension();
        let at: Vec<f64> = (0..dimension)
            .map(|i| 0.4 * (1.7 * i as f64 + 0.3).sin())
            .collect();
        let shifted: Vec<Vec<f64>> = (0..dimension)
            .flat_map(|i| {
                let at = &at;
                STENCIL.iter().map(move |(steps, _)| {
                    let mut point = at.clone();
                    point[i] += steps * STEP;
                    point
                })
            })
            .collect();
        let densities = log_densities(&posterior, &shifted);
        let expected = densities.chunks(STENCIL.len()).map(|values| {
            let terms = values
                .iter()
                .zip(STENCIL)
                .map(|(value, (_, weight))| weight * value);
            terms.sum::<f64>() / (12.0 * STEP)
        });
        let theta = posterior.placement().matrix(at.clone(), [1, dimension]);
        let found = posterior
            .log_density_and_score(&theta, &Batch::Full)
            .unwrap();
        assert!(found.valid[0], "{name}");
        let score = to_host(&found.score);
        let largest = score.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        for (i, (found, expected)) in score.iter().zip(expected).enumerate() {
            let error = (found - expected).abs() / largest;
            assert!(
                error < 1e-6,
                "{name}, component {i}: {found} and {expected}"
            );
        }
    }
}

#[test]
fn run_files_fit() {
    for name in examples() {
        let output = Command::new(env!("CARGO_BIN_EXE_firebrand"))
            .args(["fit", "--json"])
            .arg(file(&name, "ron"))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {errors}");
        let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        if !NETWORKS.contains(&name.as_str()) {
            assert_ne!(
                printed["verdict"], "do not trust",
                "{name}: {}",
                printed["because"]
            );
        }
        assert_eq!(printed["notes"].as_array().map(Vec::len), Some(0), "{name}");
    }
}
