//! Quasi-Newton paths and the best Gaussian along each.

use faer::{Mat, MatRef};

use super::evaluate::{Evaluate, StartError, mean_and_error};
use super::initial::InitialPoint;
use super::inverse_hessian::PathGaussian;
use super::lbfgs::{Lbfgs, LbfgsOptions, PathEnd, Told};

/// Gaussians judged along one path, at least, where it has as many steps.
const KEPT: usize = 20;

/// What one path found.
#[derive(Clone, Debug)]
pub struct PathResult {
    /// The Gaussian of highest ELBO along the path; `None` if none had a finite ELBO.
    pub best: Option<PathGaussian>,
    /// Its ELBO and standard error.
    pub elbo: (f64, f64),
    /// Steps taken.
    pub iterations: usize,
    /// Why the path ended.
    pub end: PathEnd,
    /// The path's last point.
    pub last: Vec<f64>,
    /// The log density there.
    pub last_log_density: f64,
}

/// Follows a path from each point, all of them together: each round evaluates one point of every path that goes on.
/// Where the target is interrupted after the first steps, the paths end where they are.
///
/// # Errors
/// If the target cannot be evaluated.
pub fn follow(
    starts: Vec<InitialPoint>,
    options: LbfgsOptions,
    noise: MatRef<'_, f64>,
    evaluate: &mut Evaluate<'_>,
) -> Result<Vec<PathResult>, StartError> {
    let dimension = noise.nrows();
    let mut paths: Vec<Lbfgs> = starts
        .into_iter()
        .map(|start| {
            let gradient = start.score.iter().map(|s| -s).collect();
            Lbfgs::new(start.point, -start.log_density, gradient, options)
        })
        .collect();
    let mut kept: Vec<Thinned> = vec![Thinned::default(); paths.len()];
    loop {
        let active: Vec<usize> = (0..paths.len())
            .filter(|&i| paths[i].trial().is_some())
            .collect();
        if active.is_empty() {
            break;
        }
        let trials: Vec<&[f64]> = active.iter().filter_map(|&i| paths[i].trial()).collect();
        let points = Mat::from_fn(dimension, trials.len(), |d, s| trials[s][d]);
        let at = match evaluate(points.as_ref()) {
            Err(error) if error.is_interruption() && paths.iter().any(|p| p.iterations() > 0) => {
                break;
            }
            at => at?,
        };
        for (s, &i) in active.iter().enumerate() {
            let value = if at.valid[s] {
                -at.log_density[s]
            } else {
                f64::INFINITY
            };
            let gradient: Vec<f64> = at.score.col(s).iter().map(|g| -g).collect();
            if paths[i].tell(value, &gradient) == Told::Moved {
                kept[i].push(&paths[i]);
            }
        }
    }
    paths
        .iter()
        .zip(kept)
        .map(|(path, kept)| {
            let (best, elbo) = best_gaussian(kept.finish(path), noise, evaluate)?;
            Ok(PathResult {
                best,
                elbo,
                iterations: path.iterations(),
                end: path.end().unwrap_or(PathEnd::NoProgress),
                last: path.point().to_vec(),
                last_log_density: -path.value(),
            })
        })
        .collect()
}

/// The Gaussians of a path at evenly spaced steps, at most twice [`KEPT`] of them.
#[derive(Clone, Debug)]
struct Thinned {
    gaussians: Vec<PathGaussian>,
    stride: usize,
}

impl Default for Thinned {
    fn default() -> Self {
        Self {
            gaussians: Vec::new(),
            stride: 1,
        }
    }
}

impl Thinned {
    fn push(&mut self, path: &Lbfgs) {
        if !path.iterations().is_multiple_of(self.stride) {
            return;
        }
        self.gaussians.extend(PathGaussian::at(path));
        if self.gaussians.len() == 2 * KEPT {
            self.stride *= 2;
            let mut position = 0;
            self.gaussians.retain(|_| {
                position += 1;
                position % 2 == 0
            });
        }
    }

    /// What was kept, and in any case the Gaussian at the path's end.
    fn finish(mut self, path: &Lbfgs) -> Vec<PathGaussian> {
        if !path.iterations().is_multiple_of(self.stride) {
            self.gaussians.extend(PathGaussian::at(path));
        }
        self.gaussians
    }
}

/// The ELBO, and its error, of a Gaussian that nobody has judged.
const UNJUDGED: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
/// Numbers in the points that are evaluated at once: more only take memory.
const POINT_NUMBERS: usize = 1 << 21;

/// The Gaussian of highest ELBO, all judged on the same noise, several in one batch.
fn best_gaussian(
    mut gaussians: Vec<PathGaussian>,
    noise: MatRef<'_, f64>,
    evaluate: &mut Evaluate<'_>,
) -> Result<(Option<PathGaussian>, (f64, f64)), StartError> {
    let (dimension, draws) = (noise.nrows(), noise.ncols());
    let constant = 0.5 * dimension as f64 * (1.0 + (2.0 * std::f64::consts::PI).ln());
    let together = (POINT_NUMBERS / (dimension * draws)).max(1);
    let mut best: Option<(usize, (f64, f64))> = None;
    for first in (0..gaussians.len()).step_by(together) {
        let judged = &gaussians[first..gaussians.len().min(first + together)];
        let mut points = Mat::zeros(dimension, draws * judged.len());
        for (k, gaussian) in judged.iter().enumerate() {
            points
                .subcols_mut(k * draws, draws)
                .copy_from(gaussian.draws(noise));
        }
        let at = match evaluate(points.as_ref()) {
            // Unjudged, the last one is the most likely to be good.
            Err(error) if error.is_interruption() && best.is_none() => {
                return Ok((gaussians.pop(), UNJUDGED));
            }
            Err(error) if error.is_interruption() => break,
            at => at?,
        };
        for (k, gaussian) in judged.iter().enumerate() {
            let values = at.log_density[k * draws..(k + 1) * draws].iter().copied();
            let (mean, error) = mean_and_error(values);
            let elbo = mean + gaussian.log_scale() + constant;
            if elbo > best.map_or(f64::NEG_INFINITY, |(_, (elbo, _))| elbo) {
                best = Some((first + k, (elbo, error)));
            }
        }
    }
    Ok(match best {
        Some((k, elbo)) => (Some(gaussians.swap_remove(k)), elbo),
        None => (None, UNJUDGED),
    })
}
