//! Diagnostics: what a fitted approximation is worth, measured several ways, and a verdict in plain words.
//!
//! No single number decides. Importance weights (k-hat and the effective sample size) fail good fits in many dimensions
//! and pass bad ones whose missing mass no draw shows; so the verdict also rests on short Markov chains that start at
//! the approximation's draws, on Stein residuals, and on whether independent starts agree.

mod drift;
mod moments;
mod psis;
mod stein;
mod verdict;
mod whitening;

pub use drift::{Baseline, Drift, drift};
pub use moments::{MomentError, MomentErrors, Moments};
pub use psis::{Smoothed, smooth};
pub use stein::{ScoreComparison, compare_scores};
pub use verdict::{Verdict, judge};
pub use whitening::Whitening;

use faer::Mat;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::family::{Approximation, FamilyError};
use crate::panics::{Panic, caught};
use crate::placement::{to_host, to_mat};
use crate::randomness::{Stream, noise};
use crate::resample::systematic;
use crate::target::{Batch, Target, TargetError};
use moments::errors_by_weights;

/// Numbers in a table of draws at most: targets of many dimensions are checked with fewer draws.
const MAX_NUMBERS: usize = 20_000_000;
/// Numbers in the positions of Markov chains at most, for the same reason.
const MAX_CHAIN_NUMBERS: usize = 1 << 22;
/// Draws at least, whatever was asked for.
const FEWEST_DRAWS: usize = 10;

crate::options! {
    /// How a fit is checked.
    pub struct DiagnosisOptions {
        /// Draws whose scores and importance weights are computed.
        draws: usize = 4000,
        /// Markov chains that start at draws.
        chains: usize = 512,
        /// Evaluations of the score that the chains may take.
        chain_gradients: u64 = 60_000,
        /// Seconds at most; by default as long as the fit took, and at least 30.
        max_seconds: Option<f64> = None,
    }
}

/// What was measured of an approximation q of a target p.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Draws of q that were used.
    pub draws: usize,
    /// Of those, the fraction outside the support of p, or rejected by it.
    pub invalid: f64,
    /// The evidence lower bound, E_q[log p - log q], over valid draws.
    #[serde(with = "crate::record::number")]
    pub elbo: f64,
    /// Its Monte-Carlo standard error.
    #[serde(with = "crate::record::number")]
    pub elbo_error: f64,
    /// The tail shape of the importance ratios.
    #[serde(with = "crate::record::number")]
    pub k_hat: f64,
    /// The effective sample size of the smoothed importance weights.
    #[serde(with = "crate::record::number")]
    pub effective: f64,
    /// Errors of q's moments by its importance weights; to be believed when `k_hat` is below 0.7.
    pub by_weights: MomentErrors,
    /// How the scores of q and p differ; `None` if too few draws are valid.
    pub scores: Option<ScoreComparison>,
    /// What Markov chains found that start at draws of q; `None` if their budget did not allow any.
    pub drift: Option<Drift>,
}

/// Why a fit could not be checked.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum DiagnosisError {
    /// The target failed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The approximation failed.
    #[error(transparent)]
    Family(#[from] FamilyError),
    /// A plugin panicked.
    #[error("{0}")]
    Panicked(String),
}

impl From<Panic> for DiagnosisError {
    fn from(panic: Panic) -> Self {
        DiagnosisError::Panicked(panic.to_string())
    }
}

/// Measures an approximation against its target. The same seed gives the same numbers.
///
/// # Errors
/// If either cannot be evaluated at all, or panics.
pub fn diagnose(
    target: &dyn Target,
    approximation: &dyn Approximation,
    options: &DiagnosisOptions,
    seed: u64,
) -> Result<Diagnosis, DiagnosisError> {
    let work = || measure(target, approximation, options, seed);
    caught(work, DiagnosisError::from)
}

fn measure(
    target: &dyn Target,
    approximation: &dyn Approximation,
    options: &DiagnosisOptions,
    seed: u64,
) -> Result<Diagnosis, DiagnosisError> {
    let most = MAX_NUMBERS / target.dimension().max(1);
    let draws = options.draws.min(most).max(FEWEST_DRAWS);
    let noise = noise(
        seed,
        Stream::Diagnostics,
        0,
        approximation.noise_shape(draws),
        approximation.placement(),
    );
    let sample = approximation.sample(&noise)?;
    let draws = sample.theta.dims()[0];
    let log_base = match &sample.log_weight {
        Some(log_weight) => to_host(log_weight),
        None => vec![-(draws as f64).ln(); draws],
    };
    let base: Vec<f64> = log_base.iter().map(|w| w.exp()).collect();
    let evaluated = target.log_density_and_score(&sample.theta, &Batch::Full)?;
    let log_q = to_host(&approximation.log_prob(&sample.theta)?);
    let log_ratios: Vec<f64> = to_host(&evaluated.log_density)
        .iter()
        .zip(&log_q)
        .map(|(p, q)| {
            if p.is_finite() {
                p - q
            } else {
                f64::NEG_INFINITY
            }
        })
        .collect();

    let (elbo, elbo_error) = lower_bound(&log_ratios, &base);
    let weighted: Vec<f64> = log_ratios
        .iter()
        .zip(&log_base)
        .map(|(r, w)| r + w)
        .collect();
    let smoothed = smooth(&weighted);
    let constrained = target.constrain_parameters(&sample.theta)?;
    let importance: Vec<f64> = smoothed.log_weights.iter().map(|w| w.exp()).collect();
    let by_weights = errors_by_weights(&constrained, &base, &importance);

    let theta = to_mat(&sample.theta);
    let whitening = Whitening::of(approximation, &theta, &base);
    let valid: Vec<usize> = (0..draws).filter(|&s| evaluated.valid[s]).collect();
    let difference = to_mat(&evaluated.score) - to_mat(&approximation.score(&sample.theta)?);
    let scores = compare_scores(
        &whitening.pull_score(&rows(&difference, &valid)),
        &whitening.whiten(&rows(&theta, &valid)),
    );
    let valid_weights: Vec<f64> = valid.iter().map(|&s| base[s]).collect();
    let chains = options
        .chains
        .min(MAX_CHAIN_NUMBERS / target.dimension().max(1));
    let starts: Vec<usize> = systematic(&valid_weights, chains.min(valid.len()))
        .into_iter()
        .map(|i| valid[i])
        .collect();
    let baseline = Baseline {
        draws: &constrained,
        weights: &base,
    };
    let drift = drift(
        target,
        &whitening,
        &rows(&theta, &starts),
        &baseline,
        seed,
        options.chain_gradients,
    )?;
    Ok(Diagnosis {
        draws,
        invalid: 1.0 - valid.len() as f64 / draws as f64,
        elbo,
        elbo_error,
        k_hat: smoothed.k_hat,
        effective: smoothed.effective,
        by_weights,
        scores,
        drift,
    })
}

/// The weighted mean of finite log ratios and its standard error; minus infinity if there are none.
fn lower_bound(log_ratios: &[f64], weights: &[f64]) -> (f64, f64) {
    let finite = || {
        log_ratios
            .iter()
            .zip(weights)
            .filter(|(ratio, _)| ratio.is_finite())
    };
    let total: f64 = finite().map(|(_, w)| w).sum();
    if total <= 0.0 {
        return (f64::NEG_INFINITY, f64::INFINITY);
    }
    let mean = finite().map(|(ratio, w)| ratio * w).sum::<f64>() / total;
    let square = finite()
        .map(|(ratio, w)| ((ratio - mean) * w / total).powi(2))
        .sum::<f64>();
    (mean, square.sqrt())
}

/// Some rows of a matrix.
fn rows(matrix: &Mat<f64>, which: &[usize]) -> Mat<f64> {
    Mat::from_fn(which.len(), matrix.ncols(), |i, j| matrix[(which[i], j)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::GaussianTarget;
    use crate::testing::Independent;

    fn diagnosis(q: &Independent) -> Diagnosis {
        let target = GaussianTarget::standard(3);
        diagnose(&target, q, &DiagnosisOptions::default(), 1).unwrap()
    }

    #[test]
    fn an_exact_approximation_has_no_fault() {
        let out = diagnosis(&Independent::new(&[0.0; 3], &[1.0; 3]));
        // The target is normalised, so its evidence is one.
        assert!(out.elbo.abs() < 1e-12 && out.elbo_error < 1e-12, "{out:?}");
        assert!((out.effective - out.draws as f64).abs() < 1e-6);
        assert!(out.scores.unwrap().divergence < 1e-20);
        assert!(out.by_weights.mean() < 1e-12);
    }

    #[test]
    fn the_lower_bound_is_short_of_the_evidence_by_the_divergence() {
        let out = diagnosis(&Independent::new(&[0.5, 0.0, 0.0], &[0.8, 1.0, 1.0]));
        let divergence = 0.5 * (0.25 + 0.64 - 1.0) - 0.8_f64.ln();
        assert!(
            (out.elbo + divergence).abs() < 4.0 * out.elbo_error,
            "{out:?}"
        );
        // Both estimates see the shift and the scale.
        for errors in [&out.by_weights, &out.drift.as_ref().unwrap().errors] {
            assert!((errors.mean() - 0.5).abs() < 0.2, "{errors:?}");
            assert!((errors.log_sd() + 0.8_f64.ln()).abs() < 0.12, "{errors:?}");
        }
    }
}
