//! Targets with known answers.

use std::sync::atomic::{AtomicU64, Ordering};

use burn::tensor::Tensor;
use faer::Mat;
use firebrand_core::{
    Batch, Constrained, Evaluation, FnTarget, GaussianTarget, LowRank, Parameter, Placement, Plate,
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

/// The mean of rows from a normal distribution with covariance I, and a standard normal prior: a Gaussian with mean `sum / (rows + 1)`
/// and covariance `I / (rows + 1)`. Its plate is `N`.
pub struct NormalRows {
    /// `[N, D]`, row by row.
    values: Vec<f64>,
    full: GaussianTarget,
    dimension: usize,
}

impl NormalRows {
    /// So many rows, which follow from `seed`.
    ///
    /// # Panics
    /// For dimension zero.
    pub fn new(seed: u64, rows: usize, dimension: usize) -> Self {
        let values = normals(seed, Stream::Other(5), 0, rows * dimension);
        let precision = rows as f64 + 1.0;
        let total = |d| values.iter().skip(d).step_by(dimension).sum::<f64>();
        let mean: Vec<f64> = (0..dimension).map(|d| total(d) / precision).collect();
        let covariance = Mat::<f64>::identity(dimension, dimension) * faer::Scale(1.0 / precision);
        NormalRows {
            full: GaussianTarget::new(&mean, &covariance).expect("a precision of at least one"),
            values,
            dimension,
        }
    }

    fn rows(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// The mean of the posterior.
    pub fn mean(&self) -> Vec<f64> {
        let precision = self.rows() as f64 + 1.0;
        let total = |d| {
            self.values
                .iter()
                .skip(d)
                .step_by(self.dimension)
                .sum::<f64>()
        };
        (0..self.dimension).map(|d| total(d) / precision).collect()
    }
}

impl Target for NormalRows {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        let at = self.full.log_density_and_score(theta, &Batch::Full)?;
        let Batch::Rows { plate, rows } = batch else {
            return Ok(at);
        };
        if plate != "N" || rows.is_empty() || rows.iter().any(|row| *row >= self.rows()) {
            return Err(TargetError::Batch {
                plate: plate.clone(),
                because: format!("its plate is `N`, with {} rows", self.rows()),
            });
        }
        // The log density is linear in the sums of rows and of their squares: the batch's, scaled up, in place of all of them.
        let scale = self.rows() as f64 / rows.len() as f64;
        let row = |row: usize| &self.values[row * self.dimension..(row + 1) * self.dimension];
        let mut sums: Vec<f64> = (0..self.dimension)
            .map(|d| {
                -self
                    .values
                    .iter()
                    .skip(d)
                    .step_by(self.dimension)
                    .sum::<f64>()
            })
            .collect();
        let mut squares = -self.values.iter().map(|x| x * x).sum::<f64>();
        for value in rows.iter().map(|at| row(*at)) {
            sums.iter_mut()
                .zip(value)
                .for_each(|(sum, x)| *sum += scale * x);
            squares += scale * value.iter().map(|x| x * x).sum::<f64>();
        }
        // The full density is normalised, up to which squares do not matter; here they do, to batches' averages.
        let placement = self.full.placement();
        let change = placement.matrix(sums.clone(), [1, self.dimension]);
        let products = theta.clone() * change.clone();
        let log_density = at.log_density + products.sum_dim(1).squeeze_dim::<1>(1) - 0.5 * squares;
        Ok(Evaluation {
            log_density,
            score: at.score + change,
            valid: at.valid,
        })
    }

    fn plates(&self) -> Vec<Plate> {
        vec![Plate {
            name: "N".into(),
            rows: self.rows(),
        }]
    }

    fn parameters(&self) -> &[Parameter] {
        self.full.parameters()
    }

    fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError> {
        self.full.constrain(theta, seed)
    }

    fn placement(&self) -> &Placement {
        self.full.placement()
    }
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
