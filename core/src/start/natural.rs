//! Natural-gradient ascent of the ELBO over all Gaussians, on fixed whitened draws.
//!
//! In the coordinates `z = mean + factor * eps` the ELBO's gradient is the mean of the whitened score
//! `s = factor' d log p(z) / dz` and, by Stein's identity, the expected Hessian is `E[eps s']`. The natural
//! gradient step of size rho moves the whitened precision to `(1 - rho) I - rho E[eps s']` and the mean
//! by `rho` times the new covariance times `E[s]` (Khan and Rue 2023, arXiv 2107.04562, section 3). On a Gaussian target
//! one step of size 1 is exact. On fixed draws the ELBO is a deterministic function, so that a line
//! search can guard every step (Giordano, Ingram and Broderick 2024, arXiv 2304.05527).

use faer::{Mat, MatRef, Side};

use super::evaluate::{Evaluate, Evaluated, StartError};
use super::factored::FactoredGaussian;

/// Whitened precisions are held in this range within one step: a factor of 2 wider in
/// standard deviation, 100 narrower.
const PRECISION_RANGE: (f64, f64) = (0.25, 1e4);
/// Sufficient increase asked of a step, as a fraction of the linear prediction.
const ARMIJO: f64 = 1e-3;
/// The longest step, in units of the natural-gradient step that is exact on a Gaussian target.
const LONGEST_STEP: f64 = 8.0;
/// Halvings of the step after which it is given up.
const MAX_HALVINGS: usize = 14;

/// First and second moments of the target's whitened score over draws from a Gaussian.
#[derive(Clone, Debug)]
pub struct ScoreMoments {
    /// `E[s]`: zero at the best Gaussian. `[D]`.
    pub mean: Vec<f64>,
    /// The symmetric part of `-E[eps s']`: the identity at the best Gaussian. `[D, D]`.
    pub precision: Mat<f64>,
}

impl ScoreMoments {
    /// Averages over the valid draws.
    pub fn new(gaussian: &FactoredGaussian, noise: &Mat<f64>, at: &Evaluated) -> Self {
        let dimension = gaussian.dimension();
        let whitened = gaussian.factor.transpose() * &at.score;
        let count = at.valid_count().max(1) as f64;
        // Invalid draws have score zero, so they drop out of both sums.
        let outer = noise * whitened.transpose();
        let mean = (0..dimension)
            .map(|d| whitened.row(d).iter().sum::<f64>() / count)
            .collect();
        let precision = Mat::from_fn(dimension, dimension, |i, j| {
            -0.5 * (outer[(i, j)] + outer[(j, i)]) / count
        });
        Self { mean, precision }
    }

    /// What one full step would change to first order, in standard deviations of each parameter: the largest shift
    /// of a mean and the largest relative change of a standard deviation.
    pub fn residual(&self, gaussian: &FactoredGaussian) -> (f64, f64) {
        let dimension = gaussian.dimension();
        let shift = Mat::from_fn(dimension, 1, |d, _| self.mean[d]);
        let shift = &gaussian.factor * shift;
        let stretched = &gaussian.factor * &self.precision;
        let (mut worst_mean, mut worst_deviation) = (0.0_f64, 0.0_f64);
        for (d, deviation) in gaussian.deviations().into_iter().enumerate() {
            worst_mean = worst_mean.max(shift[(d, 0)].abs() / deviation);
            let variance: f64 = (0..dimension)
                .map(|k| stretched[(d, k)] * gaussian.factor[(d, k)])
                .sum();
            let relative = variance / (deviation * deviation) - 1.0;
            worst_deviation = worst_deviation.max(0.5 * relative.abs());
        }
        (worst_mean, worst_deviation)
    }
}

/// What one step of [`NaturalAscent`] did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Climb {
    /// The size of the step; 1 is exact on a Gaussian target; zero if no step increased the ELBO.
    pub step: f64,
    /// The increase of the ELBO on the fixed draws.
    pub gain: f64,
    /// Trial steps that were rejected.
    pub rejected: usize,
}

/// An ascent in progress: a Gaussian and fixed draws from it, evaluated.
#[derive(Clone, Debug)]
pub struct NaturalAscent {
    gaussian: FactoredGaussian,
    log_scale: f64,
    noise: Mat<f64>,
    at: Evaluated,
    moments: ScoreMoments,
    step: f64,
}

impl NaturalAscent {
    /// Evaluates the target on draws from `gaussian` by the whitened `noise` `[D, S]`.
    ///
    /// # Errors
    /// If the target cannot be evaluated, or no draw is valid.
    pub fn new(
        gaussian: FactoredGaussian,
        noise: Mat<f64>,
        evaluate: &mut Evaluate<'_>,
    ) -> Result<Self, StartError> {
        let at = evaluate(gaussian.draws(noise.as_ref()).as_ref())?;
        if at.valid_count() == 0 {
            return Err(StartError::NoValidDraw { draws: at.draws() });
        }
        Ok(Self::evaluated_at(gaussian, noise, at))
    }

    /// [`new`](Self::new) where the draws were evaluated before.
    pub fn evaluated_at(gaussian: FactoredGaussian, noise: Mat<f64>, at: Evaluated) -> Self {
        Self {
            log_scale: gaussian.log_scale(),
            moments: ScoreMoments::new(&gaussian, &noise, &at),
            gaussian,
            noise,
            at,
            step: 1.0,
        }
    }

    /// Continues an ascent whose next step was to be of the given size.
    pub fn with_step(mut self, step: f64) -> Self {
        self.step = step;
        self
    }

    /// The size that the next step is to be tried at; one at first.
    pub fn next_step(&self) -> f64 {
        self.step
    }

    /// The current Gaussian.
    pub fn gaussian(&self) -> &FactoredGaussian {
        &self.gaussian
    }

    /// The evaluated draws.
    pub fn evaluated(&self) -> &Evaluated {
        &self.at
    }

    /// The score's moments over the current draws.
    pub fn moments(&self) -> &ScoreMoments {
        &self.moments
    }

    /// What one more full step would change to first order; see [`ScoreMoments::residual`].
    pub fn residual(&self) -> (f64, f64) {
        self.moments.residual(&self.gaussian)
    }

    /// The ELBO on the fixed draws, with its standard error.
    pub fn elbo(&self) -> (f64, f64) {
        let (mean, error) = self.at.mean_log_density();
        (mean + self.gaussian.entropy(), error)
    }

    /// Takes one guarded step.
    ///
    /// # Errors
    /// If the target cannot be evaluated.
    pub fn climb(&mut self, evaluate: &mut Evaluate<'_>) -> Result<Climb, StartError> {
        let moments = &self.moments;
        let dimension = self.gaussian.dimension();
        let Ok(eigen) = moments.precision.self_adjoint_eigen(Side::Lower) else {
            return Ok(Climb {
                step: 0.0,
                gain: 0.0,
                rejected: 1,
            });
        };
        let basis = eigen.U();
        let curvature: Vec<f64> = (0..dimension).map(|i| eigen.S()[i]).collect();
        let pull = Mat::from_fn(dimension, 1, |d, _| moments.mean[d]);
        let pull = basis.transpose() * pull;
        let before = self.at.mean_log_density().0 + self.log_scale;
        let mut step = self.step;
        for rejected in 0..MAX_HALVINGS {
            let precision: Vec<f64> = curvature
                .iter()
                .map(|a| (1.0 + step * (a - 1.0)).clamp(PRECISION_RANGE.0, PRECISION_RANGE.1))
                .collect();
            let shift: Vec<f64> = (0..dimension)
                .map(|i| step * pull[(i, 0)] / precision[i])
                .collect();
            let predicted: f64 = (0..dimension)
                .map(|i| {
                    let widening = precision[i].sqrt().recip() - 1.0;
                    pull[(i, 0)] * shift[i] + (1.0 - curvature[i]) * widening
                })
                .sum();
            let trial = self.moved(basis, &precision, &shift);
            let log_scale = trial.log_scale();
            let at = evaluate(trial.draws(self.noise.as_ref()).as_ref())?;
            let gain = at.mean_log_density().0 + log_scale - before;
            // Rounding of the mean log density hides gains below this.
            let rounding = 1e-13 * before.abs();
            if at.valid_count() >= self.at.valid_count() && gain >= ARMIJO * predicted - rounding {
                self.gaussian = trial;
                self.log_scale = log_scale;
                self.at = at;
                self.moments = ScoreMoments::new(&self.gaussian, &self.noise, &self.at);
                let slope = self.slope_behind(basis, &precision, &shift);
                self.step = secant(step, predicted, slope);
                return Ok(Climb {
                    step,
                    gain,
                    rejected,
                });
            }
            step *= 0.5;
        }
        Ok(Climb {
            step: 0.0,
            gain: 0.0,
            rejected: MAX_HALVINGS,
        })
    }

    /// The derivative of the ELBO at the present Gaussian along the move that led to it.
    fn slope_behind(&self, basis: MatRef<'_, f64>, precision: &[f64], shift: &[f64]) -> f64 {
        let dimension = shift.len();
        let moments = &self.moments;
        let pull = Mat::from_fn(dimension, 1, |d, _| moments.mean[d]);
        let pull = basis.transpose() * pull;
        let rotated = &moments.precision * basis;
        (0..dimension)
            .map(|i| {
                let root = precision[i].sqrt();
                let curvature: f64 = (0..dimension)
                    .map(|d| basis[(d, i)] * rotated[(d, i)])
                    .sum();
                root * pull[(i, 0)] * shift[i] + (1.0 - root) * (1.0 - curvature)
            })
            .sum()
    }

    /// The Gaussian with these whitened precisions and this whitened shift, both in the eigenbasis.
    fn moved(&self, basis: MatRef<'_, f64>, precision: &[f64], shift: &[f64]) -> FactoredGaussian {
        let dimension = precision.len();
        let shift = Mat::from_fn(dimension, 1, |i, _| shift[i]);
        let shift = &self.gaussian.factor * (basis * shift);
        let narrowed = Mat::from_fn(dimension, dimension, |i, j| {
            basis[(i, j)] / precision[j].sqrt()
        });
        FactoredGaussian {
            mean: (0..dimension)
                .map(|d| self.gaussian.mean[d] + shift[(d, 0)])
                .collect(),
            factor: &self.gaussian.factor * (narrowed * basis.transpose()),
        }
    }
}

/// The step at which the slope along the last move would have vanished, were it linear: where steps overshoot, the next is
/// shorter, where they fall short, longer (Barzilai and Borwein 1988).
fn secant(step: f64, slope_before: f64, slope_behind: f64) -> f64 {
    let bend = slope_before - slope_behind;
    let ideal = if bend > 0.0 && slope_before > 0.0 {
        step * slope_before / bend
    } else {
        LONGEST_STEP
    };
    ideal.clamp(0.25 * step, 4.0 * step).min(LONGEST_STEP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::randomness::{Stream, normals};
    use crate::start::evaluate::evaluator;
    use crate::start::noise::whitened;
    use crate::target::{Batch, FnTarget, GaussianTarget, Target};

    fn noise(dimension: usize, draws: usize) -> Mat<f64> {
        let numbers = normals(3, Stream::Start, 0, dimension * draws / 2);
        whitened(&numbers, dimension, draws)
    }

    fn standard(dimension: usize) -> FactoredGaussian {
        FactoredGaussian {
            mean: vec![0.0; dimension],
            factor: Mat::identity(dimension, dimension),
        }
    }

    fn climb_all(target: &dyn Target, start: FactoredGaussian, steps: usize) -> NaturalAscent {
        let mut evaluate = evaluator(target, &Batch::Full);
        let noise = noise(target.dimension(), 200);
        let mut ascent = NaturalAscent::new(start, noise, &mut evaluate).unwrap();
        for _ in 0..steps {
            let before = ascent.elbo().0;
            let climb = ascent.climb(&mut evaluate).unwrap();
            let gain = ascent.elbo().0 - before;
            assert!((gain - climb.gain).abs() < 1e-9 * before.abs().max(1.0));
            assert!(
                gain > -1e-9 * before.abs().max(1.0),
                "the ELBO fell by {gain}"
            );
        }
        ascent
    }

    #[test]
    fn one_step_is_exact_on_a_gaussian_target_within_the_range_of_precisions() {
        let covariance = faer::mat![[0.5, 0.2, 0.0], [0.2, 0.4, -0.1], [0.0, -0.1, 2.0]];
        let target = GaussianTarget::new(&[1.0, -2.0, 0.5], &covariance).unwrap();
        let ascent = climb_all(&target, standard(3), 1);
        let found = ascent.gaussian();
        assert!((found.covariance() - covariance).norm_max() < 1e-10);
        for (found, expected) in found.mean.iter().zip(target.mean()) {
            assert!((found - expected).abs() < 1e-10);
        }
        // The target is normalised, so its ELBO is zero where q is the target.
        assert!(ascent.elbo().0.abs() < 1e-9);
    }

    #[test]
    fn scales_that_are_powers_of_ten_off_are_found() {
        let covariance = Mat::from_fn(3, 3, |i, j| if i == j { [1e-8, 1.0, 1e10][i] } else { 0.0 });
        let target = GaussianTarget::new(&[1e-3, 3.0, -1e5], &covariance).unwrap();
        let ascent = climb_all(&target, standard(3), 30);
        assert!(ascent.residual().0 < 1e-6);
        for (deviation, expected) in ascent.gaussian().deviations().iter().zip([1e-4, 1.0, 1e5]) {
            assert!(
                (deviation / expected - 1.0).abs() < 1e-6,
                "{deviation} for {expected}"
            );
        }
    }

    #[test]
    fn the_maximum_on_a_gamma_target_has_zero_mean_score_and_unit_whitened_precision() {
        // x = log of a gamma variable of shape 3: log density 3 x - exp(x).
        let target = FnTarget::new(1, |x: &[f64], score: &mut [f64]| {
            score[0] = 3.0 - x[0].exp();
            3.0 * x[0] - x[0].exp()
        });
        let ascent = climb_all(&target, standard(1), 25);
        let (shift, spread) = ascent.residual();
        assert!(shift < 1e-6 && spread < 1e-6, "{shift}, {spread}");
        // The optimum has E[exp(x)] = 3 and variance 1/3, up to the error of 200 antithetic draws.
        let gaussian = ascent.gaussian();
        assert!((gaussian.factor[(0, 0)].powi(2) - 1.0 / 3.0).abs() < 0.02);
        assert!((gaussian.mean[0] - (3.0_f64.ln() - 1.0 / 6.0)).abs() < 0.02);
    }

    #[test]
    fn a_target_that_is_nowhere_finite_is_an_error_that_says_so() {
        let target = FnTarget::new(1, |_: &[f64], _: &mut [f64]| f64::NEG_INFINITY);
        let mut evaluate = evaluator(&target, &Batch::Full);
        let error = NaturalAscent::new(standard(1), noise(1, 8), &mut evaluate).unwrap_err();
        assert_eq!(error, StartError::NoValidDraw { draws: 8 });
    }
}
