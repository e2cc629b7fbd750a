//! Log density, score and constrained values against what Stan computed.
//!
//! Set `FIREBRAND_POSTERIORDB` to a checkout of PosteriorDB and `FIREBRAND_ORACLE` to a folder of Stan's values
//! (one gzipped JSON file a posterior) to run over every posterior there; `FIREBRAND_ONLY` narrows it to names that
//! contain a text. The table is printed with `--nocapture`.
//!
//! `FIREBRAND_DEVICE=libtorch` (or `cuda:0`) and `FIREBRAND_PRECISION=f32` compare another device and precision; in 32 bits the table is
//! only printed, worst last, for what rounding makes of each is no mistake.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use firebrand::DeviceName;
use firebrand::core::{Batch, Located, Placement, Precision, Target, to_host};
use firebrand::dsl::{CompileError, Data, Model, Posterior};
use firebrand_posteriordb::Database;
use serde::Deserialize;

/// The largest difference from Stan, relative as the comparison defines it.
const TOLERANCE: f64 = 1e-9;

/// The tolerance that differential equations are solved with, and the largest difference then: errors of single steps add up, and
/// densities of many outputs multiply them.
const SOLVER_TOLERANCE: f64 = 1e-10;
const SOLVED_TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct Oracle {
    dim: usize,
    points: Vec<Point>,
}

#[derive(Deserialize)]
struct Point {
    theta: Vec<f64>,
    log_density: Option<f64>,
    score: Vec<Option<f64>>,
    constrained: Option<BTreeMap<String, Option<f64>>>,
    generated: Option<BTreeMap<String, Option<f64>>>,
}

/// What came of one posterior.
enum Outcome {
    /// The construct that is not supported.
    Unsupported(String),
    Errors(Errors),
}

#[derive(Default)]
struct Errors {
    solved: bool,
    density: f64,
    score: f64,
    constrained: f64,
    /// Points that are rejected in 32 bits, where Stan has a density in 64.
    rejected: usize,
    source_operations: usize,
    seconds: f64,
}

impl Errors {
    /// What stands for a comparison that did not come to its end.
    fn panicked() -> Self {
        Errors {
            density: f64::INFINITY,
            ..Errors::default()
        }
    }
}

/// Posteriors for which rounding decides what Stan computes: of this one's covariance matrix most eigenvalues differ by no more, and
/// Stan divides by their differences. In 40 digits, its score is off by a factor of 70 at one of the points compared.
const NOISE_IN_STAN: &[&str] = &["synthetic_grid_RBF_kernels-kronecker_gp"];

#[test]
fn posteriors_agree_with_stan() {
    let (Ok(checkout), Ok(oracle)) = (
        std::env::var("FIREBRAND_POSTERIORDB"),
        std::env::var("FIREBRAND_ORACLE"),
    ) else {
        eprintln!("FIREBRAND_POSTERIORDB and FIREBRAND_ORACLE are not set: nothing is compared");
        return;
    };
    let placement = placement();
    let database = Database::open(checkout.as_ref()).expect("a checkout");
    let only = std::env::var("FIREBRAND_ONLY").unwrap_or_default();
    let mut names: Vec<String> = std::fs::read_dir(&oracle)
        .expect("the oracle's folder")
        .filter_map(|file| {
            file.ok()?
                .file_name()
                .to_str()?
                .strip_suffix(".json.gz")
                .map(str::to_string)
        })
        .filter(|name| name.contains(&only))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no file in {oracle} to compare with");
    let (mut supported, mut wrong, mut rounded) = (0, Vec::new(), Vec::new());
    println!("{:?} in {:?}", placement.device, placement.precision);
    println!("| posterior | outcome | density | score | constrained | operations | seconds |");
    println!("|---|---|--:|--:|--:|--:|--:|");
    for name in &names {
        let oracle = read_oracle(&Path::new(&oracle).join(format!("{name}.json.gz")));
        let compared = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            compare(&database, name, &oracle, &placement)
        }));
        match compared.unwrap_or_else(|_| Outcome::Errors(Errors::panicked())) {
            Outcome::Unsupported(why) => println!("| {name} | {why} | | | | | |"),
            Outcome::Errors(errors) => {
                supported += 1;
                let worst = errors.density.max(errors.score);
                // Constrained values are what Stan's solvers give at the model's own tolerances, which may be coarse.
                let (worst, tolerance) = match errors.solved {
                    true => (worst, SOLVED_TOLERANCE),
                    false => (worst.max(errors.constrained), TOLERANCE),
                };
                let verdict = if worst <= tolerance {
                    "agrees"
                } else if placement.precision == Precision::F32 {
                    rounded.push((worst, errors.rejected, name.clone()));
                    "rounded"
                } else if NOISE_IN_STAN.contains(&name.as_str()) {
                    "Stan's is noise"
                } else {
                    "DIFFERS"
                };
                if verdict == "DIFFERS" {
                    wrong.push(name.clone());
                }
                println!(
                    "| {name} | {verdict} | {:.1e} | {:.1e} | {:.1e} | {} | {:.3} |",
                    errors.density,
                    errors.score,
                    errors.constrained,
                    errors.source_operations,
                    errors.seconds
                );
            }
        }
    }
    println!(
        "{supported} of {} supported, {} differ",
        names.len(),
        wrong.len()
    );
    rounded.sort_by(|a, b| (a.1, a.0).partial_cmp(&(b.1, b.0)).expect("numbers"));
    for (error, rejected, name) in &rounded {
        println!("{error:.1e}, {rejected} points rejected | {name}");
    }
    assert!(wrong.is_empty(), "these differ from Stan: {wrong:?}");
}

/// As [`firebrand::compile`] does, with differential equations solved more precisely than the models ask for.
fn compile(files: &Located, placement: &Placement) -> Result<Posterior, CompileError> {
    let model = Model::from_file(&files.model)?.with_solver_tolerance(SOLVER_TOLERANCE);
    let data = files.data.as_deref();
    let data = data.map_or_else(|| Ok(Data::empty()), Data::from_file)?;
    Ok(model.compile(&data, placement)?)
}

/// Where to compute: the CPU in 64 bits, unless the environment says otherwise.
fn placement() -> Placement {
    let set = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let device = set("FIREBRAND_DEVICE")
        .map_or_else(|| Ok(DeviceName::Cpu), |name| name.parse::<DeviceName>());
    let device = device.and_then(DeviceName::device);
    Placement {
        device: device.unwrap_or_else(|error| panic!("FIREBRAND_DEVICE: {error}")),
        precision: match set("FIREBRAND_PRECISION").as_deref() {
            Some("f32") => Precision::F32,
            None | Some("f64") => Precision::F64,
            Some(other) => panic!("FIREBRAND_PRECISION is f32 or f64, not {other}"),
        },
    }
}

fn compare(database: &Database, name: &str, oracle: &Oracle, placement: &Placement) -> Outcome {
    let started = std::time::Instant::now();
    let entry = database.entry(name).expect("a record");
    let files = database.locate(&entry).expect("a model and its data");
    let posterior = match compile(&files, placement) {
        Ok(posterior) => posterior,
        Err(why) => return Outcome::Unsupported(why.one_line().replace('|', "/")),
    };
    let mut errors = Errors {
        solved: posterior.size().equations > 0,
        source_operations: posterior.size().source_operations,
        seconds: started.elapsed().as_secs_f64(),
        ..Errors::default()
    };
    assert_eq!(posterior.dimension(), oracle.dim, "{name}: the dimension");
    let flat: Vec<f64> = oracle
        .points
        .iter()
        .flat_map(|point| point.theta.iter().copied())
        .collect();
    let theta = placement.matrix(flat, [oracle.points.len(), oracle.dim]);
    let evaluation = posterior
        .log_density_and_score(&theta, &Batch::Full)
        .expect("a density");
    let (densities, scores) = (to_host(&evaluation.log_density), to_host(&evaluation.score));
    for (i, point) in oracle.points.iter().enumerate() {
        let Some(expected) = point.log_density else {
            if evaluation.valid[i] {
                errors.density = f64::INFINITY;
            }
            continue;
        };
        if placement.precision == Precision::F32 && !evaluation.valid[i] {
            errors.rejected += 1;
            continue;
        }
        errors.density = errors
            .density
            .max((densities[i] - expected).abs() / expected.abs().max(1.0));
        let score = &scores[i * oracle.dim..(i + 1) * oracle.dim];
        let largest = point
            .score
            .iter()
            .flatten()
            .fold(0.0_f64, |a, b| a.max(b.abs()));
        let difference = score
            .iter()
            .zip(&point.score)
            .filter_map(|(found, expected)| expected.map(|expected| (found - expected).abs()))
            .fold(0.0_f64, f64::max);
        errors.score = errors.score.max(if largest > 0.0 {
            difference / largest
        } else {
            difference
        });
    }
    errors.constrained = constrained_error(&posterior, &oracle.points);
    Outcome::Errors(errors)
}

/// The largest relative difference of constrained values and deterministic generated quantities.
fn constrained_error(posterior: &Posterior, points: &[Point]) -> f64 {
    let placement = posterior.placement();
    let mut worst = 0.0_f64;
    for point in points.iter().filter(|point| point.constrained.is_some()) {
        let theta = placement.matrix(point.theta.clone(), [1, point.theta.len()]);
        let found = match posterior.constrain(&theta, 1) {
            Ok(found) => found,
            // Generated quantities may index by what has no value in 32 bits.
            Err(_) if placement.precision == Precision::F32 => return f64::INFINITY,
            Err(error) => panic!("constrain: {error}"),
        };
        let expected = point.constrained.iter().chain(&point.generated).flatten();
        for (name, value) in expected {
            let Some(value) = value else { continue };
            let ours = match name.split_once('.') {
                Some((name, indices)) => format!("{name}[{}]", indices.replace('.', ",")),
                None => name.clone(),
            };
            let Some(position) = found.position(&ours) else {
                panic!("there is no {ours}")
            };
            worst = worst.max((found.values[position] - value).abs() / value.abs().max(1.0));
        }
    }
    worst
}

fn read_oracle(path: &Path) -> Oracle {
    let mut text = String::new();
    let file = std::fs::File::open(path).expect("an oracle file");
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .expect("gzipped text");
    serde_json::from_str(&text).expect("an oracle file's JSON")
}
