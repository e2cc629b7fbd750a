//! Starts in so many dimensions that a dense matrix is too large: Gaussians with independent coordinates.

use faer::MatRef;

use super::evaluate::{Evaluate, StartError};
use super::found::{Agreement, Candidate, Start};
use super::independent::{Ascended, IndependentGaussian, ascend};
use super::paths::PathResult;
use super::service::{FALLBACK_DEVIATION, SAME_ELBO};
use crate::gaussian::{Covariance, GaussianStart};

/// Deviations are narrowed by this much where a draw is invalid ...
const NARROWING: f64 = 0.1;
/// ... so many times at most.
const MAX_NARROWINGS: usize = 4;

/// The Gaussians of the paths without their correlations, each improved by at most `iterations` quasi-Newton steps on the draws that
/// `noise` `[D, S]` makes.
///
/// # Errors
/// If the target cannot be evaluated, or is interrupted before one is improved, or none of the Gaussians has valid draws.
pub(super) fn independent_start(
    paths: &[PathResult],
    noise: MatRef<'_, f64>,
    iterations: usize,
    evaluate: &mut Evaluate<'_>,
) -> Result<Start, StartError> {
    let mut candidates = Vec::with_capacity(paths.len());
    for path in paths {
        match refine(independent(path), noise, iterations, evaluate) {
            Ok(reached) => candidates.push(candidate(reached)),
            Err(StartError::NoValidDraw { .. }) => {}
            Err(error) if error.is_interruption() && !candidates.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    if candidates.is_empty() {
        return Err(StartError::NoValidDraw {
            draws: noise.ncols(),
        });
    }
    candidates.sort_by(|a, b| b.elbo.total_cmp(&a.elbo));
    let best = candidates[0].elbo;
    let near =
        |candidate: &&Candidate| best - candidate.elbo < 3.0 * candidate.elbo_error.max(SAME_ELBO);
    let agreement = Agreement {
        tried: paths.len(),
        succeeded: candidates.len(),
        agreed: candidates.iter().filter(near).count(),
    };
    Ok(Start {
        candidates,
        agreement,
    })
}

fn refine(
    mut gaussian: IndependentGaussian,
    noise: MatRef<'_, f64>,
    iterations: usize,
    evaluate: &mut Evaluate<'_>,
) -> Result<Ascended, StartError> {
    let mut outcome = ascend(&gaussian, noise, iterations, evaluate);
    for _ in 0..MAX_NARROWINGS {
        if !matches!(outcome, Err(StartError::NoValidDraw { .. })) {
            break;
        }
        for deviation in &mut gaussian.deviation {
            *deviation *= NARROWING;
        }
        outcome = ascend(&gaussian, noise, iterations, evaluate);
    }
    outcome
}

/// The Gaussian of a path without its correlations.
pub(super) fn independent(path: &PathResult) -> IndependentGaussian {
    match &path.best {
        Some(gaussian) => IndependentGaussian {
            mean: gaussian.mean().to_vec(),
            deviation: gaussian.variances().iter().map(|v| v.sqrt()).collect(),
        },
        None => IndependentGaussian {
            mean: path.last.clone(),
            deviation: vec![FALLBACK_DEVIATION; path.last.len()],
        },
    }
}

impl From<IndependentGaussian> for GaussianStart {
    fn from(gaussian: IndependentGaussian) -> Self {
        let variances = gaussian.deviation.iter().map(|s| s * s).collect();
        GaussianStart {
            mean: gaussian.mean,
            covariance: Covariance::Diagonal(variances),
        }
    }
}

fn candidate(reached: Ascended) -> Candidate {
    Candidate {
        gaussian: reached.gaussian.into(),
        elbo: reached.elbo.0,
        elbo_error: reached.elbo.1,
    }
}
