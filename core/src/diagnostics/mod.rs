//! Diagnostics: what a fitted approximation is worth, measured several ways, and a verdict in plain words.
//!
//! No single number decides. Importance weights (k-hat and the effective sample size) fail good fits in many dimensions
//! and pass bad ones whose missing mass no draw shows; so the verdict also rests on short Markov chains that start at
//! the approximation's draws, on Stein residuals, and on whether independent starts agree.

mod batches;
mod blocks;
mod drift;
mod moments;
mod psis;
mod stein;
mod verdict;
mod whitening;

pub use batches::SumOverBatches;
pub use drift::{Baseline, Drift, drift};
pub use moments::{MomentError, MomentErrors, Moments};
pub use psis::{Smoothed, smooth};
pub use stein::{ScoreComparison, compare_scores};
pub use verdict::{Verdict, judge};
pub use whitening::Whitening;

use burn::tensor::Tensor;
use faer::Mat;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::family::{Approximation, FamilyError};
use crate::minibatch::Batches;
use crate::panics::{Panic, caught};
use crate::placement::into_host;
use crate::resample::systematic;
use crate::stop::Stop;
use crate::target::{Counted, Counters, Target, TargetError};
use blocks::{BLOCK_NUMBERS, Block, Blocks, Drawn, compared};
use moments::errors_by_weights;

/// Numbers that all draws have together at most: targets of many dimensions are checked with fewer draws.
const MAX_NUMBERS: usize = 20_000_000;
/// Numbers in the positions of Markov chains at most, for the same reason.
const MAX_CHAIN_NUMBERS: usize = 1 << 21;
/// Fewer chains say nothing.
const FEWEST_CHAINS: usize = 16;
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
    /// Whether there was no time for more of them.
    #[serde(default)]
    pub is_cut: bool,
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
    /// For a fit on minibatches, what they say of the log density.
    #[serde(default)]
    pub batches: Option<SumOverBatches>,
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

/// Measures an approximation against its target; if it was fitted on minibatches, those too. The same seed gives the same numbers, unless
/// `stop` ends draws or Markov chains: then those that there are by then are judged.
///
/// # Errors
/// If either cannot be evaluated at all, or panics.
pub fn diagnose(
    target: &dyn Target,
    approximation: &dyn Approximation,
    options: &DiagnosisOptions,
    batches: Option<&Batches>,
    stop: Stop<'_>,
    seed: u64,
) -> Result<Diagnosis, DiagnosisError> {
    let work = || measure(target, approximation, options, batches, stop, seed);
    caught(work, DiagnosisError::from)
}

fn measure(
    target: &dyn Target,
    approximation: &dyn Approximation,
    options: &DiagnosisOptions,
    batches: Option<&Batches>,
    stop: Stop<'_>,
    seed: u64,
) -> Result<Diagnosis, DiagnosisError> {
    let batches = batches
        .map(|batches| SumOverBatches::measure(target, approximation, batches, seed))
        .transpose()?;
    let dimension = target.dimension().max(1);
    let wanted = options.draws.min(MAX_NUMBERS / dimension);
    let blocks = Blocks {
        approximation,
        seed,
        draws: wanted.max(FEWEST_DRAWS),
        at_once: BLOCK_NUMBERS / dimension,
    };
    let whitening = blocks.whitening()?;
    let compared = compared(dimension, blocks.draws);
    let mut all = Drawn::default();
    let mut is_cut = false;
    let mut starts = Mat::new();
    for number in 0..blocks.count() {
        let Block { theta, log_base } = blocks.sample(number)?;
        let wanted = log_base.len();
        let at = all.add(target, approximation, &theta, log_base, stop)?;
        is_cut =
            at.valid.len() < wanted || (stop.reason().is_some() && number + 1 < blocks.count());
        let valid: Vec<usize> = (0..at.valid.len()).filter(|&s| at.valid[s]).collect();
        let difference = columns(at.score - at.own_score, &valid);
        let difference = whitening.pull_score_columns(difference);
        all.differences.push(&difference, &compared);
        drop(difference);
        let theta = columns(theta, &valid);
        if number == 0 {
            // Draws of one block are like those of any other.
            let chains = options.chains.min(MAX_CHAIN_NUMBERS / dimension);
            let weights: Vec<f64> = valid.iter().map(|&s| all.log_base[s].exp()).collect();
            let chosen = match chains.min(valid.len()) {
                few if few < FEWEST_CHAINS => Vec::new(),
                many => systematic(&weights, many),
            };
            starts = Mat::from_fn(chosen.len(), dimension, |s, d| theta[(d, chosen[s])]);
        }
        let whitened = whitening.whiten_columns(theta);
        all.whitened.push(&whitened, &compared);
        if is_cut {
            all.share_weight();
            break;
        }
    }
    let Drawn {
        log_base,
        log_ratios,
        constrained,
        valid,
        differences,
        whitened,
    } = all;
    let constrained = constrained.finish()?;
    let draws = log_ratios.len();
    let base: Vec<f64> = log_base.iter().map(|w| w.exp()).collect();
    let (elbo, elbo_error) = lower_bound(&log_ratios, &base);
    let weighted: Vec<f64> = log_ratios
        .iter()
        .zip(&log_base)
        .map(|(r, w)| r + w)
        .collect();
    let smoothed = smooth(&weighted);
    let importance: Vec<f64> = smoothed.log_weights.iter().map(|w| w.exp()).collect();
    let by_weights = errors_by_weights(&constrained, &base, &importance);
    let scores = compare_scores(differences.matrix(), whitened.matrix());
    let baseline = Baseline {
        draws: &constrained,
        weights: &base,
    };
    // Chains say something of quantities, and of the weights of networks there are none.
    let drift = match constrained.columns.is_empty() {
        true => None,
        false => drift(
            &Counted::new(target, &Counters::default()).until(stop),
            &whitening,
            &starts,
            &baseline,
            seed,
            options.chain_gradients,
        )?,
    };
    Ok(Diagnosis {
        draws,
        is_cut,
        invalid: 1.0 - valid as f64 / draws as f64,
        elbo,
        elbo_error,
        k_hat: smoothed.k_hat,
        effective: smoothed.effective,
        by_weights,
        scores,
        drift,
        batches,
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

/// Some rows of points `[S, D]`, each a column.
fn columns(points: Tensor<2>, which: &[usize]) -> Mat<f64> {
    let dimension = points.dims()[1];
    let values = into_host(points);
    Mat::from_fn(dimension, which.len(), |d, s| {
        values[which[s] * dimension + d]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop::StopReason;
    use crate::target::GaussianTarget;
    use crate::testing::Independent;

    fn diagnosis(q: &Independent) -> Diagnosis {
        let target = GaussianTarget::standard(3);
        diagnose(
            &target,
            q,
            &DiagnosisOptions::default(),
            None,
            Stop::never(),
            1,
        )
        .unwrap()
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

    #[test]
    fn where_there_is_no_time_the_first_draws_are_judged() {
        let target = GaussianTarget::standard(3);
        let q = Independent::new(&[0.5, 0.0, 0.0], &[0.8, 1.0, 1.0]);
        let over = || Some(StopReason::Time);
        let stop = Stop::asking(&over);
        let options = DiagnosisOptions::default();
        let out = diagnose(&target, &q, &options, None, stop, 1).unwrap();
        assert!(out.is_cut && out.draws == 64);
        let divergence = 0.5 * (0.25 + 0.64 - 1.0) - 0.8_f64.ln();
        assert!(
            (out.elbo + divergence).abs() < 4.0 * out.elbo_error,
            "{out:?}"
        );
    }
}
