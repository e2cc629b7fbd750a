//! Targets with known answers.

use std::sync::atomic::{AtomicU64, Ordering};

use burn::tensor::Tensor;
use faer::Mat;
use firebrand_core::{
    Batch, Constrained, Evaluation, FnTarget, GaussianTarget, LowRank, Parameter, Placement,
    Stream, Target, TargetError, normals,
};
use rand::RngExt;

/// A Gaussian whose dimension, location, scales and correlations all follow from `seed`: up to `largest` dimensions, means of
/// a few standard deviations, standard deviations from 1e-3 to 1e3, correlations with condition number up to 100.
pub fn random_gaussian(seed: u64, largest: usize) -> GaussianTarget {
    let mut rng = firebrand_core::generator(seed, Stream::Other(1), 0);
    let dimension = rng.random_range(1..=largest);
    let numbers = normals(seed, Stream::Other(2), 0, dimension * dimension + dimension);
    let basis = Mat::from_fn(dimension, dimension, |i, j| numbers[i * dimension + j]);
    let basis = basis.qr().compute_Q();
    let spectrum: Vec<f64> = (0..dimension)
        .map(|_| 10f64.powf(rng.random_range(-1.0..1.0)))
        .collect();
    let scale: Vec<f64> = (0..dimension)
        .map(|_| 10f64.powf(rng.random_range(-3.0..3.0)))
        .collect();
    let covariance = Mat::from_fn(dimension, dimension, |i, j| {
        let sum: f64 = (0..dimension)
            .map(|k| basis[(i, k)] * spectrum[k] * basis[(j, k)])
            .sum();
        scale[i] * scale[j] * sum
    });
    let mean: Vec<f64> = (0..dimension)
        .map(|d| 3.0 * scale[d] * numbers[dimension * dimension + d])
        .collect();
    GaussianTarget::new(&mean, &covariance).expect("the spectrum is positive")
}

/// A Gaussian in `dimension` dimensions whose covariance is a diagonal plus a matrix of this rank: standard deviations from about 0.01
/// to 100 over the coordinates, about as much in common as of their own, and means of a standard deviation.
pub fn low_rank_gaussian(seed: u64, dimension: usize, rank: usize) -> GaussianTarget {
    let numbers = normals(seed, Stream::Other(4), 0, dimension * (rank + 2));
    let scale = |i: usize| 10f64.powi(i as i32 % 5 - 2);
    let covariance = LowRank {
        diagonal: (0..dimension)
            .map(|i| (scale(i) * (0.5 + numbers[i].abs())).powi(2))
            .collect(),
        factor: Mat::from_fn(dimension, rank, |i, k| {
            scale(i) * numbers[dimension * (k + 2) + i]
        }),
    };
    let mean: Vec<f64> = (0..dimension)
        .map(|i| scale(i) * numbers[dimension + i])
        .collect();
    GaussianTarget::new(&mean, &covariance.dense()).expect("the diagonal is positive")
}

/// A skewed, correlated target in two dimensions: `x_0` and `x_1 - x_0 / 2` are logarithms of gamma variables of shapes 2 and 3.
pub fn skewed() -> impl Target {
    FnTarget::new(2, |x: &[f64], score: &mut [f64]| {
        let rest = x[1] - 0.5 * x[0];
        let (a, b) = (x[0].exp(), rest.exp());
        score[1] = 3.0 - b;
        score[0] = 2.0 - a - 0.5 * score[1];
        2.0 * x[0] - a + 3.0 * rest - b
    })
}

/// A target whose scores carry independent Gaussian noise, new at every call: what minibatches do to it.
pub struct NoisyScores<T> {
    target: T,
    deviation: f64,
    calls: AtomicU64,
}

impl<T: Target> NoisyScores<T> {
    /// Adds noise of this standard deviation to every entry of the score.
    pub fn new(target: T, deviation: f64) -> Self {
        Self {
            target,
            deviation,
            calls: AtomicU64::new(0),
        }
    }
}

impl<T: Target> Target for NoisyScores<T> {
    fn dimension(&self) -> usize {
        self.target.dimension()
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        let at = self.target.log_density_and_score(theta, batch)?;
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let [draws, dimension] = theta.dims();
        let noise = normals(call, Stream::Other(3), 0, draws * dimension);
        let noise = self.placement().matrix(noise, [draws, dimension]);
        Ok(Evaluation {
            score: at.score + noise * self.deviation,
            ..at
        })
    }

    fn parameters(&self) -> &[Parameter] {
        self.target.parameters()
    }

    fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError> {
        self.target.constrain(theta, seed)
    }

    fn placement(&self) -> &Placement {
        self.target.placement()
    }
}

/// A target that stops working: after some calls every draw is invalid.
pub struct Failing<T> {
    target: T,
    limit: u64,
    calls: AtomicU64,
}

impl<T: Target> Failing<T> {
    /// Works for this many calls.
    pub fn after(target: T, calls: u64) -> Self {
        Self {
            target,
            limit: calls,
            calls: AtomicU64::new(0),
        }
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl<T: Target> Target for Failing<T> {
    fn dimension(&self) -> usize {
        self.target.dimension()
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        if self.calls.fetch_add(1, Ordering::Relaxed) < self.limit {
            return self.target.log_density_and_score(theta, batch);
        }
        let [draws, dimension] = theta.dims();
        Ok(Evaluation {
            log_density: self.placement().vector(&vec![f64::NEG_INFINITY; draws]),
            score: self.placement().zeros([draws, dimension]),
            valid: vec![false; draws],
        })
    }

    fn parameters(&self) -> &[Parameter] {
        self.target.parameters()
    }

    fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError> {
        self.target.constrain(theta, seed)
    }

    fn placement(&self) -> &Placement {
        self.target.placement()
    }
}
