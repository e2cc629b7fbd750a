//! The search for a start, stage by stage.

use faer::Mat;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::evaluate::{Evaluate, StartError, evaluator};
use super::factored::FactoredGaussian;
use super::found::{Agreement, Candidate, Start};
use super::initial::{InitialPoint, first_point, initial_points};
use super::lbfgs::{LbfgsOptions, PathEnd};
use super::narrow::narrow_start;
use super::natural::NaturalAscent;
use super::noise::{enough_draws, whitened};
use super::paths::{PathResult, follow};
use super::wide::{independent, independent_start};
use crate::gaussian::{Covariance, GaussianStart};
use crate::inference::InferenceError;
use crate::randomness::{Stream, generator, normals};
use crate::target::{Batch, Target};

crate::options! {
    /// How starts are found.
    pub struct StartOptions {
        /// Independent starting points.
        starts: usize = 4,
        /// Quasi-Newton steps on each path, at most.
        path_steps: usize = 200,
        /// Draws that judge each Gaussian on a path.
        path_draws: usize = 16,
        /// Natural-gradient steps that improve each path's Gaussian, at most; 0 leaves it as the path found it.
        refine_steps: usize = 50,
        /// Draws that carry these steps, or twice the dimension if that is more.
        refine_draws: usize = 128,
        /// Above this dimension starts have independent coordinates.
        dense_limit: usize = 1000,
        /// Quasi-Newton steps that improve a Gaussian with independent coordinates, at most.
        wide_steps: usize = 200,
        /// Draws that carry these steps.
        wide_draws: usize = 32,
        /// Above this dimension nothing is searched for: a start is a narrow Gaussian about a point.
        path_limit: usize = 20_000,
    }
}

/// Shift of a mean and relative change of a standard deviation below which refinement stops.
const REFINED: f64 = 0.01;
/// Two starts agree if their means are within this many standard deviations in every coordinate ...
const SAME_PLACE: f64 = 0.5;
/// ... and their ELBOs within this many nats.
pub(super) const SAME_ELBO: f64 = 0.5;
/// Standard deviation of the Gaussian about a path's end where the path itself brought none.
pub(super) const FALLBACK_DEVIATION: f64 = 1e-3;

/// Finds Gaussians to start from: the best first, one for each place that the starts reached.
///
/// # Errors
/// [`InferenceError::Start`] if no point of finite density is found, or the target's error.
pub fn find_start(
    target: &dyn Target,
    seed: u64,
    options: &StartOptions,
) -> Result<Start, InferenceError> {
    let mut evaluate = evaluator(target, &Batch::Full);
    let propose = |number, point: &mut [f64]| {
        let seed = generator(seed, Stream::Weights, number).random();
        target.propose_start(seed, point);
    };
    let found = search(target.dimension(), seed, options, &propose, &mut evaluate);
    found.map_err(|error| match error {
        StartError::Target(error) => error.into(),
        StartError::NoValidDraw { .. } => InferenceError::Start(error.to_string()),
    })
}

/// Changes the point of this number where the target knows better than to start anywhere.
type Propose<'a> = dyn Fn(u64, &mut [f64]) + 'a;

/// A refined Gaussian and its ELBO on draws that are the same for all starts.
struct Reached {
    gaussian: FactoredGaussian,
    elbo: f64,
}

fn search(
    dimension: usize,
    seed: u64,
    options: &StartOptions,
    propose: &Propose<'_>,
    evaluate: &mut Evaluate<'_>,
) -> Result<Start, StartError> {
    let mut rng = generator(seed, Stream::Start, 0);
    let uniform = || rng.random_range(-1.0..1.0);
    let mut number = 0;
    let propose = |point: &mut [f64]| {
        propose(number, point);
        number += 1;
    };
    if dimension > options.path_limit {
        let point = first_point(dimension, uniform, propose, evaluate)?;
        let mut rng = generator(seed, Stream::Start, 1);
        return narrow_start(point, || StandardNormal.sample(&mut rng), evaluate);
    }
    let points = initial_points(dimension, options.starts.max(1), uniform, propose, evaluate)?;
    let paths = find_paths(points, dimension, seed, options, evaluate)?;
    match refined(&paths, dimension, seed, options, evaluate) {
        Err(error) if error.is_interruption() => Ok(unrefined(&paths, options.dense_limit)),
        start => start,
    }
}

/// The start from Gaussians that are improved from those of the paths.
fn refined(
    paths: &[PathResult],
    dimension: usize,
    seed: u64,
    options: &StartOptions,
    evaluate: &mut Evaluate<'_>,
) -> Result<Start, StartError> {
    if dimension > options.dense_limit {
        let noise = standard_noise(seed, 1, dimension, options.wide_draws.max(2));
        let iterations = options.wide_steps;
        return independent_start(paths, noise.as_ref(), iterations, evaluate);
    }
    let draws = enough_draws(dimension, options.refine_draws);
    let noise = standard_noise(seed, 1, dimension, draws);
    let mut places: Vec<Reached> = Vec::new();
    let mut visits: Vec<usize> = Vec::new();
    let mut summits: Vec<(usize, &PathResult)> = Vec::new();
    for path in paths {
        // A path that ended on a summit already climbed would be refined to the same Gaussian.
        let known = summits
            .iter()
            .find(|(place, summit)| same_summit(&places[*place].gaussian, summit, path));
        let place = if let Some(&(place, _)) = known {
            place
        } else {
            let reached = match refine(dense_gaussian(path), &noise, options, evaluate) {
                Ok(reached) => reached,
                Err(StartError::NoValidDraw { .. }) => continue,
                Err(error) => return Err(error),
            };
            let same = places.iter().position(|place| same_place(place, &reached));
            let place = same.unwrap_or_else(|| {
                places.push(reached);
                visits.push(0);
                places.len() - 1
            });
            if path.end == PathEnd::Converged {
                summits.push((place, path));
            }
            place
        };
        visits[place] += 1;
    }
    if places.is_empty() {
        return Err(StartError::NoValidDraw { draws });
    }
    judge(places, &visits, options.starts, seed, evaluate)
}

/// The start from the paths' own Gaussians, when there is no time for more. Whether they agree, nobody has looked.
fn unrefined(paths: &[PathResult], dense_limit: usize) -> Start {
    let candidates: Vec<Candidate> = paths
        .iter()
        .map(|path| Candidate {
            gaussian: if path.last.len() > dense_limit {
                independent(path).into()
            } else {
                let gaussian = dense_gaussian(path);
                GaussianStart {
                    covariance: Covariance::Dense(gaussian.covariance()),
                    mean: gaussian.mean,
                }
            },
            elbo: path.elbo.0,
            elbo_error: path.elbo.1,
        })
        .collect();
    Start {
        agreement: Agreement {
            tried: paths.len(),
            succeeded: candidates.len(),
            agreed: 1,
        },
        candidates,
    }
}

/// The paths, by falling ELBO of their best Gaussian.
fn find_paths(
    points: Vec<InitialPoint>,
    dimension: usize,
    seed: u64,
    options: &StartOptions,
    evaluate: &mut Evaluate<'_>,
) -> Result<Vec<PathResult>, StartError> {
    let noise = standard_noise(seed, 2, dimension, options.path_draws.max(2));
    let lbfgs = LbfgsOptions {
        max_iterations: options.path_steps,
        ..LbfgsOptions::default()
    };
    let mut paths = follow(points, lbfgs, noise.as_ref(), evaluate)?;
    paths.sort_by(|a, b| b.elbo.0.total_cmp(&a.elbo.0));
    Ok(paths)
}

fn standard_noise(seed: u64, step: u64, dimension: usize, draws: usize) -> Mat<f64> {
    let numbers = normals(seed, Stream::Start, step, dimension * draws.div_ceil(2));
    whitened(&numbers, dimension, draws)
}

fn dense_gaussian(path: &PathResult) -> FactoredGaussian {
    match &path.best {
        Some(gaussian) => gaussian.dense(),
        None => {
            let dimension = path.last.len();
            FactoredGaussian {
                mean: path.last.clone(),
                factor: Mat::<f64>::identity(dimension, dimension)
                    * faer::Scale(FALLBACK_DEVIATION),
            }
        }
    }
}

/// Climbs the ELBO until a step would change little.
fn refine(
    gaussian: FactoredGaussian,
    noise: &Mat<f64>,
    options: &StartOptions,
    evaluate: &mut Evaluate<'_>,
) -> Result<Reached, StartError> {
    let mut ascent = NaturalAscent::new(gaussian, noise.clone(), evaluate)?;
    for _ in 0..options.refine_steps {
        let (shift, spread) = ascent.residual();
        if (shift < REFINED && spread < REFINED) || ascent.climb(evaluate)?.step == 0.0 {
            break;
        }
    }
    Ok(Reached {
        elbo: ascent.elbo().0,
        gaussian: ascent.gaussian().clone(),
    })
}

/// Whether a path converged where an earlier one did.
fn same_summit(gaussian: &FactoredGaussian, summit: &PathResult, path: &PathResult) -> bool {
    let near = gaussian
        .deviations()
        .iter()
        .zip(summit.last.iter().zip(&path.last))
        .all(|(deviation, (a, b))| (a - b).abs() < 0.1 * deviation);
    path.end == PathEnd::Converged
        && near
        && (summit.last_log_density - path.last_log_density).abs() < 0.1
}

fn same_place(a: &Reached, b: &Reached) -> bool {
    let near = a
        .gaussian
        .deviations()
        .iter()
        .zip(a.gaussian.mean.iter().zip(&b.gaussian.mean))
        .all(|(deviation, (a, b))| (a - b).abs() < SAME_PLACE * deviation);
    near && (a.elbo - b.elbo).abs() < SAME_ELBO
}

/// Orders the places by their ELBO on fresh draws, which nothing was fitted to.
fn judge(
    places: Vec<Reached>,
    visits: &[usize],
    tried: usize,
    seed: u64,
    evaluate: &mut Evaluate<'_>,
) -> Result<Start, StartError> {
    let mut judged = Vec::with_capacity(places.len());
    for (place, &visits) in places.into_iter().zip(visits) {
        let dimension = place.gaussian.dimension();
        let noise = standard_noise(seed, 3, dimension, enough_draws(dimension, 256));
        let ascent = NaturalAscent::new(place.gaussian, noise, evaluate)?;
        let (elbo, elbo_error) = ascent.elbo();
        let gaussian = GaussianStart {
            mean: ascent.gaussian().mean.clone(),
            covariance: Covariance::Dense(ascent.gaussian().covariance()),
        };
        judged.push((
            Candidate {
                gaussian,
                elbo,
                elbo_error,
            },
            visits,
        ));
    }
    judged.sort_by(|a, b| b.0.elbo.total_cmp(&a.0.elbo));
    let agreement = Agreement {
        tried,
        succeeded: visits.iter().sum(),
        agreed: judged[0].1,
    };
    Ok(Start {
        candidates: judged.into_iter().map(|(candidate, _)| candidate).collect(),
        agreement,
    })
}

#[cfg(test)]
mod tests;
