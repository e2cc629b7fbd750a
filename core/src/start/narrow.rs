//! Starts in so many dimensions that nothing is searched for: a narrow Gaussian about a point.

use faer::Mat;

use super::evaluate::{Evaluate, StartError};
use super::found::{Agreement, Candidate, Start};
use super::independent::IndependentGaussian;
use super::service::FALLBACK_DEVIATION;

/// The Gaussian with independent coordinates, all of the same small deviation, about `point`.
///
/// Its ELBO is estimated from two draws, of which each is the other's mirror image.
///
/// # Errors
/// If the target cannot be evaluated, or no draw is valid.
pub(super) fn narrow_start(
    point: Vec<f64>,
    mut normal: impl FnMut() -> f64,
    evaluate: &mut Evaluate<'_>,
) -> Result<Start, StartError> {
    let dimension = point.len();
    let mut draws = Mat::zeros(dimension, 2);
    for (d, at) in point.iter().enumerate() {
        let step = FALLBACK_DEVIATION * normal();
        draws[(d, 0)] = at + step;
        draws[(d, 1)] = at - step;
    }
    let at = evaluate(draws.as_ref())?;
    if at.valid_count() == 0 {
        return Err(StartError::NoValidDraw { draws: 2 });
    }
    let (mean, error) = at.mean_log_density();
    let normal_entropy = 0.5 * (2.0 * std::f64::consts::PI * std::f64::consts::E).ln();
    let entropy = dimension as f64 * (normal_entropy + FALLBACK_DEVIATION.ln());
    let gaussian = IndependentGaussian {
        deviation: vec![FALLBACK_DEVIATION; dimension],
        mean: point,
    };
    Ok(Start {
        candidates: vec![Candidate {
            gaussian: gaussian.into(),
            elbo: mean + entropy,
            elbo_error: error,
        }],
        agreement: Agreement {
            tried: 1,
            succeeded: 1,
            agreed: 1,
        },
    })
}
