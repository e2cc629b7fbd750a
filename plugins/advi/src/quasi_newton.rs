//! Quasi-Newton ascent over Gaussians with independent coordinates.
//!
//! Natural gradients fail here: they move every mean as if the others stood still, which diverges on a correlated target.
//! L-BFGS solves for all of them together. Its coordinates are whitened by the start's dense covariance where there is one, so
//! that the means are well conditioned however correlated the target is.

use faer::linalg::triangular_inverse::invert_lower_triangular;
use faer::{Mat, Par, Side};
use firebrand_core::start::{
    Evaluate, Evaluated, Lbfgs, LbfgsOptions, Start, StateReader, StateWriter, evaluator,
};
use firebrand_core::{
    Approximation, Covariance, InferenceError, Progress, Running, StepContext, StepError,
    StepReport,
};

use crate::rounds::Rounds;

/// One step is one whole round: the maximum of the ELBO on its draws.
pub struct QuasiNewton {
    approximation: Box<dyn Approximation>,
    mean: Vec<f64>,
    log_deviation: Vec<f64>,
    whitening: Whitening,
    rounds: Rounds,
}

/// The linear map from whitened shifts of the means to shifts.
enum Whitening {
    /// `[D, D]`.
    Dense(Mat<f64>),
    /// `[D]`; where a dense one would be too large.
    Diagonal(Vec<f64>),
}

impl Whitening {
    fn times(&self, vector: &[f64]) -> Vec<f64> {
        match self {
            Whitening::Dense(matrix) => {
                let column = matrix * Mat::from_fn(vector.len(), 1, |d, _| vector[d]);
                column.col(0).iter().copied().collect()
            }
            Whitening::Diagonal(scale) => scale.iter().zip(vector).map(|(s, v)| s * v).collect(),
        }
    }

    fn transposed_times(&self, vector: &[f64]) -> Vec<f64> {
        match self {
            Whitening::Dense(matrix) => {
                let column = matrix.transpose() * Mat::from_fn(vector.len(), 1, |d, _| vector[d]);
                column.col(0).iter().copied().collect()
            }
            Whitening::Diagonal(_) => self.times(vector),
        }
    }

    fn save(&self, writer: StateWriter) -> StateWriter {
        match self {
            Whitening::Dense(matrix) => writer.count(1).matrix(matrix),
            Whitening::Diagonal(scale) => writer.count(0).numbers(scale),
        }
    }

    fn restore(reader: &mut StateReader<'_>) -> Result<Self, InferenceError> {
        Ok(match reader.count()? {
            0 => Whitening::Diagonal(reader.numbers()?),
            _ => Whitening::Dense(reader.matrix()?),
        })
    }
}

/// The ELBO on fixed draws, as a function of whitened shifts of the mean and changes of the log standard deviations.
struct Objective<'a> {
    mean: &'a [f64],
    log_deviation: &'a [f64],
    whitening: &'a Whitening,
    noise: &'a Mat<f64>,
}

/// Minus the ELBO up to a constant, its gradient in the coordinates, and the evaluation behind both.
struct Value {
    value: f64,
    gradient: Vec<f64>,
    at: Evaluated,
}

impl Objective<'_> {
    fn dimension(&self) -> usize {
        self.mean.len()
    }

    /// Mean and log standard deviations at a point of the coordinates `[2 D]`.
    fn gaussian(&self, point: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (shift, widening) = point.split_at(self.dimension());
        let shift = self.whitening.times(shift);
        let mean = self.mean.iter().zip(&shift).map(|(m, shift)| m + shift);
        let log_deviation = self.log_deviation.iter().zip(widening).map(|(l, w)| l + w);
        (mean.collect(), log_deviation.collect())
    }

    fn at(&self, point: &[f64], evaluate: &mut Evaluate<'_>) -> Result<Value, StepError> {
        let dimension = self.dimension();
        let (mean, log_deviation) = self.gaussian(point);
        let deviation: Vec<f64> = log_deviation.iter().map(|l| l.exp()).collect();
        let draws = Mat::from_fn(dimension, self.noise.ncols(), |d, s| {
            mean[d] + deviation[d] * self.noise[(d, s)]
        });
        let at = evaluate(draws.as_ref())?;
        let count = at.valid_count() as f64;
        // A step that loses draws is worse than any that does not.
        if at.valid_count() < at.draws() {
            return Ok(Value {
                value: f64::INFINITY,
                gradient: vec![f64::NAN; point.len()],
                at,
            });
        }
        let score: Vec<f64> = (0..dimension)
            .map(|d| at.score.row(d).iter().sum::<f64>() / count)
            .collect();
        let pulled = self.whitening.transposed_times(&score);
        let mut gradient: Vec<f64> = pulled.iter().map(|p| -p).collect();
        gradient.extend((0..dimension).map(|d| {
            let along: f64 = at
                .score
                .row(d)
                .iter()
                .zip(self.noise.row(d).iter())
                .map(|(s, e)| s * e)
                .sum();
            -(along * deviation[d] / count + 1.0)
        }));
        let value = -at.mean_log_density().0 - log_deviation.iter().sum::<f64>();
        Ok(Value {
            value,
            gradient,
            at,
        })
    }

    /// What a Newton step would change, in standard deviations: the curvature is about one in the whitened means and two in
    /// the log standard deviations.
    fn residual(&self, gradient: &[f64], log_deviation: &[f64]) -> (f64, f64) {
        let dimension = self.dimension();
        let shift = self.whitening.times(&gradient[..dimension]);
        let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
        let mean = largest(&mut (0..dimension).map(|d| shift[d].abs() / log_deviation[d].exp()));
        let spread = largest(&mut gradient[dimension..].iter().map(|g| 0.5 * g.abs()));
        (mean, spread)
    }
}

impl QuasiNewton {
    pub fn new(
        approximation: Box<dyn Approximation>,
        rounds: Rounds,
        start: &Start,
    ) -> Result<Self, InferenceError> {
        let gaussian = approximation.gaussian().ok_or_else(|| {
            InferenceError::Start(format!("`{}` is not a Gaussian", approximation.family()))
        })?;
        let mean = gaussian.mean();
        let dimension = mean.len();
        let variances = gaussian.covariance().diagonal();
        let mut log_deviation: Vec<f64> = variances.iter().map(|v| 0.5 * v.ln()).collect();
        let deviation = log_deviation.iter().map(|l| l.exp()).collect();
        let mut whitening = Whitening::Diagonal(deviation);
        if let Covariance::Dense(covariance) = &start.best().gaussian.covariance
            && let Ok(factor) = covariance.llt(Side::Lower)
        {
            let factor = factor.L().to_owned();
            // The best independent Gaussian has the target's conditional variances, not the marginal ones.
            let mut inverse = Mat::zeros(dimension, dimension);
            invert_lower_triangular(inverse.as_mut(), factor.as_ref(), Par::Seq);
            for (d, log_deviation) in log_deviation.iter_mut().enumerate() {
                *log_deviation = -inverse.col(d).norm_l2().ln();
            }
            whitening = Whitening::Dense(factor);
        }
        Ok(Self {
            approximation,
            mean,
            log_deviation,
            whitening,
            rounds,
        })
    }
}

impl Running for QuasiNewton {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let mut evaluate = evaluator(context.target, context.batch);
        let dimension = self.mean.len();
        let noise = self.rounds.noise(context.seed, dimension);
        let objective = Objective {
            mean: &self.mean,
            log_deviation: &self.log_deviation,
            whitening: &self.whitening,
            noise: &noise,
        };
        let origin = vec![0.0; 2 * dimension];
        let first = objective.at(&origin, &mut evaluate)?;
        if !first.value.is_finite() {
            let valid = first.at.valid_count();
            let message = format!("only {valid} of {} draws are valid", first.at.draws());
            return Err(StepError::Recoverable(message));
        }
        let asked = objective.residual(&first.gradient, &self.log_deviation);
        let options = LbfgsOptions {
            memory: 20,
            ..LbfgsOptions::default()
        };
        let mut path = Lbfgs::new(origin, first.value, first.gradient, options);
        let mut error = first.at.mean_log_density().1;
        let mut evaluations = 1.0;
        while let Some(trial) = path.trial() {
            let here = objective.at(trial, &mut evaluate)?;
            path.tell(here.value, &here.gradient);
            error = here.at.mean_log_density().1;
            evaluations += 1.0;
            let (_, log_deviation) = objective.gaussian(path.point());
            let residual = objective.residual(path.gradient(), &log_deviation);
            if context.interrupted() || !self.rounds.matters_within(residual) {
                break;
            }
        }
        let (mean, log_deviation) = objective.gaussian(path.point());
        let (shift, spread) = objective.residual(path.gradient(), &log_deviation);
        let variances = log_deviation.iter().map(|l| (2.0 * l).exp()).collect();
        self.approximation
            .gaussian_mut()
            .ok_or_else(|| StepError::Fatal("the approximation is not a Gaussian".into()))?
            .set(&mean, &Covariance::Diagonal(variances))?;
        let constant = 0.5 * dimension as f64 * (1.0 + (2.0 * std::f64::consts::PI).ln());
        let diagnostics = vec![
            ("elbo", constant - path.value()),
            ("elbo_error", error),
            ("draws", self.rounds.draws() as f64),
            ("evaluations", evaluations),
            ("shift", shift),
            ("spread", spread),
        ];
        // A round that was cut short is shown, but a run that goes on takes it from its beginning.
        let progress = if context.interrupted() {
            Progress::Continue
        } else {
            (self.mean, self.log_deviation) = (mean, log_deviation);
            self.rounds.end(asked)
        };
        Ok(StepReport {
            diagnostics,
            progress,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.approximation.as_ref()
    }

    fn save(&self) -> Vec<u8> {
        let writer = StateWriter::default()
            .blob(&self.approximation.save())
            .numbers(&self.mean)
            .numbers(&self.log_deviation);
        let writer = self.whitening.save(writer);
        self.rounds.save(writer).finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.approximation.restore(reader.blob()?)?;
        self.mean = reader.numbers()?;
        self.log_deviation = reader.numbers()?;
        self.whitening = Whitening::restore(&mut reader)?;
        self.rounds.restore(&mut reader)?;
        reader.finish()
    }
}
