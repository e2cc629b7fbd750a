//! Gaussians with independent coordinates on the host, and the ascent of their ELBO: linear in the dimension.
//!
//! On fixed draws the ELBO is a deterministic function of means and log standard deviations (Giordano, Ingram and Broderick 2024, arXiv
//! 2304.05527), which L-BFGS climbs. Natural gradients would not do: without correlations they move every mean as if the others
//! stood still, which diverges on a correlated target.

use std::f64::consts::PI;

use faer::{Mat, MatRef};

use super::evaluate::{Evaluate, StartError};
use super::lbfgs::{Lbfgs, LbfgsOptions, Told};
use crate::family::Approximation;
use crate::inference::InferenceError;

/// The ascent ends where a step promises fewer nats than this: fixed draws are no more exact.
const NEGLIGIBLE_NATS: f64 = 0.01;
/// A run of L-BFGS that gained more than this is followed by another.
const WORTHWHILE_NATS: f64 = 0.1;
/// Pairs of differences that L-BFGS keeps.
const MEMORY: usize = 20;

/// A Gaussian with independent coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct IndependentGaussian {
    /// `[D]`.
    pub mean: Vec<f64>,
    /// Standard deviations, `[D]`.
    pub deviation: Vec<f64>,
}

impl IndependentGaussian {
    /// Means and deviations of an approximation, without its correlations.
    ///
    /// # Errors
    /// If it is not a Gaussian.
    pub fn of(approximation: &dyn Approximation) -> Result<Self, InferenceError> {
        let gaussian = approximation.gaussian().ok_or_else(|| {
            InferenceError::Start(format!("`{}` is not a Gaussian", approximation.family()))
        })?;
        let variances = gaussian.covariance().diagonal();
        Ok(IndependentGaussian {
            mean: gaussian.mean(),
            deviation: variances.iter().map(|v| v.sqrt()).collect(),
        })
    }

    /// From means, then logarithms of standard deviations, `[2 D]`.
    pub fn of_lambda(lambda: &[f64]) -> Self {
        let (mean, log_deviation) = lambda.split_at(lambda.len() / 2);
        IndependentGaussian {
            mean: mean.to_vec(),
            deviation: log_deviation.iter().map(|l| l.exp()).collect(),
        }
    }

    /// D.
    pub fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// `mean + deviation * noise` for noise `[D, S]`, one draw a column.
    pub fn draws(&self, noise: MatRef<'_, f64>) -> Mat<f64> {
        Mat::from_fn(noise.nrows(), noise.ncols(), |d, s| {
            self.mean[d] + self.deviation[d] * noise[(d, s)]
        })
    }

    /// Half the log determinant of the covariance.
    pub fn log_scale(&self) -> f64 {
        self.deviation.iter().map(|s| s.ln()).sum()
    }

    /// The entropy.
    pub fn entropy(&self) -> f64 {
        self.log_scale() + 0.5 * (1.0 + (2.0 * PI).ln()) * self.dimension() as f64
    }

    /// This Gaussian moved by standardised shifts of the means and changes of the log standard deviations, `[2 D]`.
    fn moved(&self, by: &[f64]) -> Self {
        let (shift, widening) = by.split_at(self.dimension());
        let mean = self.mean.iter().zip(&self.deviation).zip(shift);
        let deviation = self.deviation.iter().zip(widening);
        IndependentGaussian {
            mean: mean.map(|((m, s), shift)| m + s * shift).collect(),
            deviation: deviation.map(|(s, w)| s * w.exp()).collect(),
        }
    }
}

/// Where an ascent came to.
#[derive(Clone, Debug)]
pub struct Ascended {
    /// The Gaussian.
    pub gaussian: IndependentGaussian,
    /// Its ELBO on the fixed draws, and the standard error of that.
    pub elbo: (f64, f64),
}

/// Climbs the ELBO from `gaussian` on draws by the fixed `noise` `[D, S]`, in at most `max_iterations` quasi-Newton steps. A target that
/// is interrupted ends the climb where it is.
///
/// # Errors
/// If the target cannot be evaluated, or a draw is invalid at the first Gaussian.
pub fn ascend(
    gaussian: &IndependentGaussian,
    noise: MatRef<'_, f64>,
    max_iterations: usize,
    evaluate: &mut Evaluate<'_>,
) -> Result<Ascended, StartError> {
    let mut round = climb(gaussian, noise, max_iterations, evaluate)?;
    let mut left = max_iterations.saturating_sub(round.iterations);
    // Where the deviations have changed, so have the scales that the coordinates should have: from there L-BFGS gets on again.
    while left > 0 && !round.interrupted && round.gain > WORTHWHILE_NATS {
        let before = round.reached;
        round = match climb(&before.gaussian, noise, left, evaluate) {
            Ok(round) => round,
            Err(error) if error.is_interruption() => return Ok(before),
            Err(error) => return Err(error),
        };
        left = left.saturating_sub(round.iterations.max(1));
    }
    Ok(round.reached)
}

/// What one run of L-BFGS came to.
struct Round {
    reached: Ascended,
    /// How many nats higher than where it began.
    gain: f64,
    iterations: usize,
    interrupted: bool,
}

/// One run of L-BFGS in coordinates that `gaussian` standardises.
fn climb(
    gaussian: &IndependentGaussian,
    noise: MatRef<'_, f64>,
    max_iterations: usize,
    evaluate: &mut Evaluate<'_>,
) -> Result<Round, StartError> {
    let origin = vec![0.0; 2 * gaussian.dimension()];
    let first = negative_elbo(gaussian, &origin, noise, evaluate)?;
    if !first.value.is_finite() {
        return Err(StartError::NoValidDraw {
            draws: noise.ncols(),
        });
    }
    let options = LbfgsOptions {
        memory: MEMORY,
        max_iterations,
        tolerance: NEGLIGIBLE_NATS,
    };
    let (mut error, mut interrupted) = (first.error, false);
    let mut path = Lbfgs::new(origin, first.value, first.gradient, options);
    while let Some(trial) = path.trial() {
        match negative_elbo(gaussian, trial, noise, evaluate) {
            Ok(here) => {
                if path.tell(here.value, &here.gradient) == Told::Moved {
                    error = here.error;
                }
            }
            Err(error) if error.is_interruption() => {
                interrupted = true;
                break;
            }
            Err(error) => return Err(error),
        }
    }
    let reached = gaussian.moved(path.point());
    let constant = reached.entropy() - reached.log_scale();
    Ok(Round {
        reached: Ascended {
            gaussian: reached,
            elbo: (constant - path.value(), error),
        },
        gain: first.value - path.value(),
        iterations: path.iterations(),
        interrupted,
    })
}

/// Minus the ELBO up to a constant, and its gradient `[2 D]`.
struct Descent {
    value: f64,
    gradient: Vec<f64>,
    error: f64,
}

fn negative_elbo(
    gaussian: &IndependentGaussian,
    point: &[f64],
    noise: MatRef<'_, f64>,
    evaluate: &mut Evaluate<'_>,
) -> Result<Descent, StartError> {
    let dimension = gaussian.dimension();
    let moved = gaussian.moved(point);
    let at = evaluate(moved.draws(noise).as_ref())?;
    // A step that loses draws is worse than any that does not.
    if at.valid_count() < at.draws() {
        return Ok(Descent {
            value: f64::INFINITY,
            gradient: vec![f64::NAN; point.len()],
            error: f64::INFINITY,
        });
    }
    let count = at.draws() as f64;
    let mut gradient = vec![-1.0; 2 * dimension];
    for d in 0..dimension {
        let (mut along_mean, mut along_deviation) = (0.0, 0.0);
        for s in 0..at.draws() {
            along_mean += at.score[(d, s)];
            along_deviation += at.score[(d, s)] * noise[(d, s)];
        }
        gradient[d] = -gaussian.deviation[d] * along_mean / count;
        gradient[dimension + d] -= moved.deviation[d] * along_deviation / count;
    }
    let (mean, error) = at.mean_log_density();
    Ok(Descent {
        value: -mean - moved.log_scale(),
        gradient,
        error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::randomness::{Stream, normals};
    use crate::start::evaluator;
    use crate::start::whitened;
    use crate::target::{Batch, GaussianTarget};

    #[test]
    fn the_ascent_of_a_correlated_target_ends_at_its_conditional_variances() {
        // Precision of unit-variance coordinates of correlation 0.95: 1 / (1 - 0.95^2) on the diagonal.
        let covariance = faer::mat![[1.0, 0.95], [0.95, 1.0]];
        let target = GaussianTarget::new(&[5.0, -5.0], &covariance).unwrap();
        let start = IndependentGaussian {
            mean: vec![0.0, 0.0],
            deviation: vec![3.0, 0.01],
        };
        // Whitened draws make averages of quadratic functions exact, so that the optimum is too.
        let noise = whitened(&normals(1, Stream::Start, 0, 2 * 8), 2, 16);
        let mut evaluate = evaluator(&target, &Batch::Full);
        let reached = ascend(&start, noise.as_ref(), 200, &mut evaluate).unwrap();
        let conditional = (1.0 - 0.95_f64 * 0.95).sqrt();
        for d in 0..2 {
            let shift = reached.gaussian.mean[d] - [5.0, -5.0][d];
            // Within a few hundredths of a nat of the optimum, of which a shift of 0.3 along the direction of sd 1.4 costs 0.02, and a
            // deviation that is off by 0.15 as much.
            assert!(shift.abs() < 0.3, "{reached:?}");
            let ratio = reached.gaussian.deviation[d] / conditional;
            assert!((ratio - 1.0).abs() < 0.15, "{reached:?}");
        }
        // The target is normalised: minus its divergence, which is log of the ratio of volumes.
        let best = 0.5 * (1.0 - 0.95_f64 * 0.95).ln();
        assert!((reached.elbo.0 - best).abs() < 0.05, "{reached:?}");
    }
}
