//! Points where a fit would evaluate a posterior.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use firebrand::core::start::{StartOptions, find_start};
use firebrand::core::{Batch, Counted, Counters, Stop, Stream, Target, normals};

use super::Failure;

/// The seed of the points: the same ones every time.
const SEED: u64 = 1;
/// Points at most that are tried for each that is wanted.
const TRIES: usize = 8;
/// Time after which the search for a typical place takes what it has found: some posteriors take seconds for one gradient.
const SEARCH: Duration = Duration::from_secs(20);

/// `count` points of finite density near a typical draw, one after another: draws from the Gaussian of one quasi-Newton path.
///
/// # Errors
/// A posterior in which no such points are found.
pub fn typical_points(target: &dyn Target, count: usize) -> Result<Vec<f64>, Failure> {
    let dimension = target.dimension();
    if dimension == 0 {
        return Ok(Vec::new());
    }
    let options = StartOptions {
        starts: 1,
        refine_steps: 0,
        ..StartOptions::default()
    };
    let (never, counters) = (AtomicBool::new(false), Counters::default());
    let limited = Counted::new(target, &counters)
        .until(Stop::new(&never, Instant::now().checked_add(SEARCH)));
    let start =
        find_start(&limited, SEED, &options).map_err(|error| Failure::Model(error.to_string()))?;
    let gaussian = &start.best().gaussian;
    let deviations: Vec<f64> = gaussian
        .covariance
        .diagonal()
        .iter()
        .map(|variance| variance.sqrt())
        .collect();
    let mut points = Vec::with_capacity(count * dimension);
    for attempt in 0..TRIES as u64 {
        let noise = normals(SEED, Stream::Evaluation, attempt, count * dimension);
        let drawn: Vec<f64> = noise
            .iter()
            .enumerate()
            .map(|(i, z)| gaussian.mean[i % dimension] + deviations[i % dimension] * z)
            .collect();
        let theta = target.placement().matrix(drawn.clone(), [count, dimension]);
        let valid = target
            .log_density(&theta, &Batch::Full)
            .map_err(|error| Failure::Model(error.to_string()))?
            .valid;
        let rows = drawn
            .chunks_exact(dimension)
            .zip(valid)
            .filter(|(_, valid)| *valid);
        points.extend(rows.flat_map(|(row, _)| row.iter().copied()));
        if points.len() >= count * dimension {
            points.truncate(count * dimension);
            return Ok(points);
        }
    }
    Err(Failure::Model(
        "almost no point near the mode has a finite log density".into(),
    ))
}
