//! The iteration over Gaussians of low rank, linear in the dimension.

use faer::Mat;
use firebrand_core::start::{Evaluated, StateReader, StateWriter, evaluator, whitened};
use firebrand_core::{
    Approximation, Covariance, InferenceError, LowRankRoot, Progress, Running, StepContext,
    StepError, StepReport, Stream, normals,
};

use crate::average::{LowRankAverage, LowRankMoments};
use crate::patch::patched_update;
use crate::strength::Strength;

/// One step is one patched update.
pub struct Patched {
    /// The average over the last whole epoch; the iterate while there is none.
    approximation: Box<dyn Approximation>,
    iterate: LowRankMoments,
    average: LowRankAverage,
    batch: usize,
    strength: Strength,
    tolerance: f64,
}

/// Valid draws, evaluated; one a column.
struct Drawn {
    noise: Mat<f64>,
    draws: Mat<f64>,
    at: Evaluated,
}

impl Patched {
    /// Starts from an approximation whose covariance is of low rank.
    pub fn new(
        approximation: Box<dyn Approximation>,
        batch: usize,
        strength: Strength,
        tolerance: f64,
    ) -> Result<Self, InferenceError> {
        let moments = approximation
            .gaussian()
            .map(|gaussian| (gaussian.mean(), gaussian.covariance()));
        let Some((mean, Covariance::LowRank(covariance))) = moments else {
            let family = approximation.family();
            let message = format!("`{family}` has no covariance of low rank");
            return Err(InferenceError::Start(message));
        };
        Ok(Self {
            approximation,
            iterate: LowRankMoments { mean, covariance },
            average: LowRankAverage::new(),
            batch,
            strength,
            tolerance,
        })
    }

    fn draw(&self, context: &StepContext<'_>, root: &LowRankRoot) -> Result<Drawn, StepError> {
        let (dimension, batch) = (self.iterate.mean.len(), self.batch);
        let numbers = dimension * batch.div_ceil(2);
        let normals = normals(context.seed, Stream::Draws, context.step, numbers);
        let noise = whitened(&normals, dimension, batch);
        let away = root.times(noise.as_ref());
        let draws = Mat::from_fn(dimension, batch, |d, b| self.iterate.mean[d] + away[(d, b)]);
        let at = evaluator(context.target, context.batch)(draws.as_ref())?;
        if at.valid_count() == batch {
            return Ok(Drawn { noise, draws, at });
        }
        let valid: Vec<usize> = (0..batch).filter(|&b| at.valid[b]).collect();
        if 2 * valid.len() < batch {
            let message = format!("only {} of {batch} draws are valid", valid.len());
            return Err(StepError::Recoverable(message));
        }
        let chosen = |m: &Mat<f64>| Mat::from_fn(dimension, valid.len(), |d, b| m[(d, valid[b])]);
        Ok(Drawn {
            noise: chosen(&noise),
            draws: chosen(&draws),
            at: Evaluated {
                log_density: valid.iter().map(|&b| at.log_density[b]).collect(),
                score: chosen(&at.score),
                valid: vec![true; valid.len()],
            },
        })
    }

    /// Takes a new iterate, and at the end of an epoch its average.
    fn accept(&mut self, iterate: LowRankMoments) -> Result<Progress, StepError> {
        let epoch = self.average.push(&iterate);
        let shown = match &epoch {
            Some(epoch) => Some(&epoch.moments),
            None if !self.average.has_epoch() => Some(&iterate),
            None => None,
        };
        if let Some(LowRankMoments { mean, covariance }) = shown {
            self.approximation
                .gaussian_mut()
                .ok_or_else(|| StepError::Fatal("the approximation is not a Gaussian".into()))?
                .set(mean, &Covariance::LowRank(covariance.clone()))?;
        }
        self.iterate = iterate;
        Ok(match epoch.and_then(|epoch| epoch.change) {
            Some((shift, spread)) if shift < self.tolerance && spread < self.tolerance => {
                Progress::Converged(format!(
                    "averages over two epochs agree: means within {shift:.3} standard deviations, standard deviations \
                     within {:.1}%",
                    100.0 * spread
                ))
            }
            _ => Progress::Continue,
        })
    }
}

impl Running for Patched {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let root = LowRankRoot::new(&self.iterate.covariance)?;
        let drawn = self.draw(context, &root)?;
        let dimension = self.iterate.mean.len();
        let entropy =
            root.log_scale() + 0.5 * dimension as f64 * (1.0 + (2.0 * std::f64::consts::PI).ln());
        let mismatch = root.transposed_times(drawn.at.score.as_ref()) + &drawn.noise;
        let count = (mismatch.nrows() * mismatch.ncols()) as f64;
        let divergence = mismatch.squared_norm_l2() / count;
        self.strength.learn(divergence);
        let strength = self.strength.at(context.step);
        let diagnostics = vec![
            ("elbo", drawn.at.mean_log_density().0 + entropy),
            ("score_divergence", divergence),
            ("strength", strength),
        ];
        let LowRankMoments { mean, covariance } = &self.iterate;
        let updated = patched_update(mean, covariance, &drawn.draws, &drawn.at.score, strength);
        let outcome = match updated {
            Some((mean, covariance)) => self.accept(LowRankMoments { mean, covariance }),
            None => Err(StepError::Recoverable("the update is not finite".into())),
        };
        if outcome.is_err() {
            self.strength.rejected();
        }
        Ok(StepReport {
            diagnostics,
            progress: outcome?,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.approximation.as_ref()
    }

    fn save(&self) -> Vec<u8> {
        let writer = StateWriter::default().blob(&self.approximation.save());
        let writer = self.strength.save(self.iterate.save(writer));
        self.average.save(writer).finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.approximation.restore(reader.blob()?)?;
        self.iterate = LowRankMoments::restore(&mut reader)?;
        self.strength.restore(&mut reader)?;
        self.average = LowRankAverage::restore(&mut reader)?;
        reader.finish()
    }
}
