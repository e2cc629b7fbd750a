//! Random targets whose answer is known, each of which follows from a seed.

use burn::tensor::Tensor;
use faer::prelude::Solve;
use faer::{Mat, Side};
use firebrand::core::{
    Batch, Constrained, Evaluation, FnTarget, GaussianTarget, Parameter, Placement, Stream, Target,
    TargetError, cholesky, normals, to_host,
};

/// What the random numbers of targets are for; runs take other streams.
const MEANS: Stream = Stream::Other(101);
const DIRECTIONS: Stream = Stream::Other(102);
const NOISE: Stream = Stream::Other(103);
const DRAWS: Stream = Stream::Other(104);

/// A Gaussian with mean from N(0, I) and eigenvalues of the covariance spaced evenly in logarithm about 1, in random directions.
pub fn random_gaussian(dimension: usize, condition: f64, seed: u64) -> Option<GaussianTarget> {
    let mean = normals(seed, MEANS, 0, dimension);
    GaussianTarget::new(&mean, &random_covariance(dimension, condition, seed, 0))
}

/// A covariance of this condition number, whose determinant is 1.
fn random_covariance(dimension: usize, condition: f64, seed: u64, number: u64) -> Mat<f64> {
    let numbers = normals(seed, DIRECTIONS, number, dimension * dimension);
    let matrix = Mat::from_fn(dimension, dimension, |i, j| numbers[i * dimension + j]);
    let basis = matrix.qr().compute_thin_Q();
    let variances = spaced(dimension, condition);
    let scaled = Mat::from_fn(dimension, dimension, |i, j| basis[(i, j)] * variances[j]);
    let covariance = scaled * basis.transpose();
    // Symmetric to the last bit.
    Mat::from_fn(dimension, dimension, |i, j| {
        0.5 * (covariance[(i, j)] + covariance[(j, i)])
    })
}

/// Numbers from `condition^-1/2` to `condition^1/2`, evenly spaced in logarithm.
pub fn spaced(count: usize, condition: f64) -> Vec<f64> {
    let last = count.saturating_sub(1).max(1) as f64;
    (0..count)
        .map(|i| condition.powf(i as f64 / last - 0.5))
        .collect()
}

/// A mixture of Gaussians, normalised.
#[derive(Clone)]
pub struct MixtureOfGaussians {
    components: Vec<Component>,
}

#[derive(Clone)]
struct Component {
    weight: f64,
    mean: Vec<f64>,
    /// Lower triangular, of the covariance.
    factor: Mat<f64>,
    precision: Mat<f64>,
    /// Of weight times density at the mean.
    log_height: f64,
}

impl MixtureOfGaussians {
    /// `order` components of weights in proportion to 1, 2, ..., whose means are `radius` from the origin in random directions, and
    /// whose covariances have condition number 4. `None` only if rounding spoils a covariance.
    pub fn random(order: usize, dimension: usize, radius: f64, seed: u64) -> Option<Self> {
        let total = (order * (order + 1)) as f64 / 2.0;
        let component = |k: usize| {
            let direction = normals(seed, MEANS, k as u64, dimension);
            let length = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
            let covariance = random_covariance(dimension, 4.0, seed, k as u64);
            let factor = cholesky(&covariance).ok()?;
            let log_scale: f64 = (0..dimension).map(|i| factor[(i, i)].ln()).sum();
            let weight = (k + 1) as f64 / total;
            let log_two_pi = (2.0 * std::f64::consts::PI).ln();
            Some(Component {
                weight,
                mean: direction.iter().map(|x| radius * x / length).collect(),
                precision: inverse(&covariance)?,
                factor,
                log_height: weight.ln() - log_scale - 0.5 * dimension as f64 * log_two_pi,
            })
        };
        let components = (0..order).map(component).collect::<Option<_>>()?;
        Some(MixtureOfGaussians { components })
    }

    /// As a target.
    pub fn target(&self) -> impl Target + use<> {
        let mixture = self.clone();
        let dimension = mixture.components[0].mean.len();
        FnTarget::new(dimension, move |at: &[f64], score: &mut [f64]| {
            mixture.log_density_and_score(at, score)
        })
    }

    fn log_density_and_score(&self, at: &[f64], score: &mut [f64]) -> f64 {
        let dimension = at.len();
        let parts: Vec<(f64, Vec<f64>)> = self
            .components
            .iter()
            .map(|component| {
                let from: Vec<f64> = (0..dimension).map(|d| component.mean[d] - at[d]).collect();
                let pull: Vec<f64> = (0..dimension)
                    .map(|i| {
                        (0..dimension)
                            .map(|j| component.precision[(i, j)] * from[j])
                            .sum()
                    })
                    .collect();
                let square: f64 = from.iter().zip(&pull).map(|(a, b)| a * b).sum();
                (component.log_height - 0.5 * square, pull)
            })
            .collect();
        let most = parts
            .iter()
            .map(|part| part.0)
            .fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = parts.iter().map(|part| (part.0 - most).exp()).sum();
        score.fill(0.0);
        for (log, pull) in &parts {
            let share = (log - most).exp() / sum;
            for (score, pull) in score.iter_mut().zip(pull) {
                *score += share * pull;
            }
        }
        most + sum.ln()
    }

    /// The Gaussian that a mixture of one component is.
    #[cfg(test)]
    pub fn gaussian(&self) -> GaussianTarget {
        let [only] = self.components.as_slice() else {
            panic!("a mixture of several");
        };
        let covariance = &only.factor * only.factor.transpose();
        GaussianTarget::new(&only.mean, &covariance).expect("a covariance with a factor")
    }

    /// Draws, `each` from every component, `[S, D]` row by row, with the weight of each in an average; the weights sum to one.
    pub fn draws(&self, each: usize, seed: u64) -> (Vec<f64>, Vec<f64>) {
        let (mut points, mut weights) = (Vec::new(), Vec::new());
        for (k, component) in self.components.iter().enumerate() {
            let dimension = component.mean.len();
            let noise = normals(seed, DRAWS, k as u64, each * dimension);
            for noise in noise.chunks_exact(dimension) {
                points.extend((0..dimension).map(|i| {
                    let offset: f64 = (0..=i).map(|j| component.factor[(i, j)] * noise[j]).sum();
                    component.mean[i] + offset
                }));
                weights.push(component.weight / each as f64);
            }
        }
        (points, weights)
    }
}

/// The inverse of a positive definite matrix.
fn inverse(matrix: &Mat<f64>) -> Option<Mat<f64>> {
    let factor = matrix.llt(Side::Lower).ok()?;
    Some(factor.solve(Mat::<f64>::identity(matrix.nrows(), matrix.nrows())))
}

/// A Gaussian whose scores have independent Gaussian noise, as those of minibatches have.
///
/// The noise at a point follows from its coordinates, so that evaluation remains a pure function; no two points share theirs.
pub struct NoisyGaussian {
    exact: GaussianTarget,
    sd: f64,
    seed: u64,
}

impl NoisyGaussian {
    /// Noise of this variance in each coordinate.
    pub fn new(exact: GaussianTarget, variance: f64, seed: u64) -> Self {
        NoisyGaussian {
            exact,
            sd: variance.sqrt(),
            seed,
        }
    }
}

impl Target for NoisyGaussian {
    fn dimension(&self) -> usize {
        self.exact.dimension()
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        let mut out = self.exact.log_density_and_score(theta, batch)?;
        let [draws, dimension] = theta.dims();
        let mut score = to_host(&out.score);
        let points = to_host(theta);
        for (draw, point) in points.chunks_exact(dimension.max(1)).enumerate() {
            let noise = normals(self.seed, NOISE, fingerprint(point), dimension);
            for (score, noise) in score[draw * dimension..].iter_mut().zip(noise) {
                if out.valid[draw] {
                    *score += self.sd * noise;
                }
            }
        }
        out.score = self.placement().matrix(score, [draws, dimension]);
        Ok(out)
    }

    fn parameters(&self) -> &[Parameter] {
        self.exact.parameters()
    }

    fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError> {
        self.exact.constrain(theta, seed)
    }

    fn placement(&self) -> &Placement {
        self.exact.placement()
    }
}

/// FNV-1a of the bytes of a point.
fn fingerprint(point: &[f64]) -> u64 {
    point
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_covariance_has_the_condition_number_that_was_asked_for() {
        let target = random_gaussian(6, 100.0, 3).unwrap();
        let eigen = target
            .covariance()
            .self_adjoint_eigenvalues(Side::Lower)
            .unwrap();
        let (least, most) = (eigen[0], eigen[5]);
        assert!((least - 0.1).abs() < 1e-10 && (most - 10.0).abs() < 1e-10);
    }

    #[test]
    fn the_score_of_a_mixture_is_the_derivative_of_its_log_density() {
        let mixture = MixtureOfGaussians::random(3, 2, 2.0, 5).unwrap();
        let (at, step) = ([0.3, -0.8], 1e-5);
        let mut score = [0.0; 2];
        mixture.log_density_and_score(&at, &mut score);
        for d in 0..2 {
            let value = |sign: f64| {
                let mut at = at;
                at[d] += sign * step;
                mixture.log_density_and_score(&at, &mut [0.0; 2])
            };
            let difference = (value(1.0) - value(-1.0)) / (2.0 * step);
            assert!(
                (difference - score[d]).abs() < 1e-8,
                "{difference} {}",
                score[d]
            );
        }
    }

    #[test]
    fn a_mixture_is_normalised() {
        // Importance weights against a wide Gaussian average to one, within five standard errors of what was measured.
        let mixture = MixtureOfGaussians::random(2, 2, 2.0, 1).unwrap();
        let count = 20_000;
        let ratios: Vec<f64> = normals(1, Stream::Other(0), 0, 2 * count)
            .chunks_exact(2)
            .map(|z| {
                let at = [3.0 * z[0], 3.0 * z[1]];
                let log_wide =
                    -0.5 * (z[0] * z[0] + z[1] * z[1]) - (2.0 * std::f64::consts::PI * 9.0).ln();
                (mixture.log_density_and_score(&at, &mut [0.0; 2]) - log_wide).exp()
            })
            .collect();
        let mean = ratios.iter().sum::<f64>() / count as f64;
        let variance = ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / count as f64;
        assert!(
            (mean - 1.0).abs() < 5.0 * (variance / count as f64).sqrt(),
            "{mean}"
        );
    }

    #[test]
    fn noise_has_its_variance_and_the_same_point_has_the_same() {
        let noisy = NoisyGaussian::new(GaussianTarget::standard(1), 4.0, 1);
        let count = 4000;
        let points = normals(1, Stream::Other(0), 0, count);
        let theta = noisy.placement().matrix(points.clone(), [count, 1]);
        let scores = || {
            to_host(
                &noisy
                    .log_density_and_score(&theta, &Batch::Full)
                    .unwrap()
                    .score,
            )
        };
        assert_eq!(scores(), scores());
        let noise = scores()
            .iter()
            .zip(&points)
            .map(|(s, x)| (s + x).powi(2))
            .sum::<f64>();
        // Five standard errors of a variance.
        assert!((noise / count as f64 / 4.0 - 1.0).abs() < 5.0 * (2.0 / count as f64).sqrt());
    }
}
