//! Models and fits on libtorch's CPU beside Burn's own. Only where libtorch is compiled in: `cargo test --workspace --features tch --test libtorch`.
//! With `FIREBRAND_CUDA` set to a device's number, that device is compared too.

#![cfg(feature = "tch")]

use std::path::{Path, PathBuf};

use firebrand::core::{Batch, Precision, to_host};
use firebrand::{Data, DeviceName, Model, Placement, Posterior, Target, fit};

/// The devices to compare, in 64 bits.
fn devices() -> Vec<Placement> {
    let cuda = std::env::var("FIREBRAND_CUDA").ok();
    let cuda = cuda.map(|index| format!("cuda:{index}").parse::<DeviceName>().unwrap());
    [Some(DeviceName::Libtorch), cuda]
        .into_iter()
        .flatten()
        .map(|name| Placement {
            device: name.device().unwrap(),
            precision: Precision::F64,
        })
        .collect()
}

/// Every example that has a model and data of the same name.
fn examples() -> Vec<(PathBuf, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let inside = entry.unwrap().path();
        let files = std::fs::read_dir(&inside).into_iter().flatten();
        for file in files.filter_map(Result::ok) {
            let (model, data) = (file.path(), file.path().with_extension("json"));
            if model.extension().is_some_and(|e| e == "stan") && data.exists() {
                found.push((model, data));
            }
        }
    }
    found.sort();
    found
}

fn compiled((model, data): &(PathBuf, PathBuf), placement: &Placement) -> Posterior {
    let model = Model::from_file(model).unwrap();
    let data = Data::from_file(data).unwrap();
    model.compile(&data, placement).unwrap()
}

/// Log densities and scores at points near zero, one after another.
fn evaluated(posterior: &Posterior) -> Vec<f64> {
    let (draws, dimension) = (3, posterior.dimension());
    let numbers = (0..draws * dimension).map(|i| 0.3 * (i as f64 * 12.9898).sin());
    let theta = posterior
        .placement()
        .matrix(numbers.collect(), [draws, dimension]);
    let at = posterior
        .log_density_and_score(&theta, &Batch::Full)
        .unwrap();
    [to_host(&at.log_density), to_host(&at.score)].concat()
}

/// The largest difference, relative to the largest number.
fn difference(found: &[f64], expected: &[f64]) -> f64 {
    let scale = expected.iter().fold(1.0_f64, |a, b| a.max(b.abs()));
    let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    apart.fold(0.0, f64::max) / scale
}

#[test]
fn examples_have_the_densities_and_scores_that_they_have_on_the_cpu() {
    let examples = examples();
    assert!(examples.len() > 3, "{examples:?}");
    for placement in devices() {
        for example in &examples {
            let expected = evaluated(&compiled(example, &Placement::cpu()));
            // Sums of thousands of terms, added up in another order.
            let apart = difference(&evaluated(&compiled(example, &placement)), &expected);
            assert!(apart < 1e-11, "{example:?} in 64 bits: {apart:e}");
            let single = Placement {
                precision: Precision::F32,
                ..placement.clone()
            };
            let apart = difference(&evaluated(&compiled(example, &single)), &expected);
            assert!(apart < 1e-3, "{example:?} in 32 bits: {apart:e}");
        }
    }
}

#[test]
fn a_fit_has_the_result_that_it_has_on_the_cpu() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/eight_schools");
    let example = (
        folder.join("eight_schools.stan"),
        folder.join("eight_schools.json"),
    );
    let fitted = |placement: &Placement| {
        let posterior = compiled(&example, placement);
        let fitted = fit(&posterior).family("full-rank").seed(1).run().unwrap();
        let summary = fitted.summary.iter();
        summary.map(|quantity| quantity.mean).collect::<Vec<f64>>()
    };
    let expected = fitted(&Placement::cpu());
    for placement in devices() {
        // Rounding that differs moves iterates apart by far less than a run's tolerance.
        let apart = difference(&fitted(&placement), &expected);
        assert!(apart < 1e-6, "{apart:e}");
    }
}
