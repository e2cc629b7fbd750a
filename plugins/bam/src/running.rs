//! The algorithm around the update.

use firebrand_core::start::{AveragedGaussian, Start, StateReader, StateWriter, enough_draws};
use firebrand_core::{
    Approximation, Inference, InferenceError, OptionsError, Plugin, Requirements, Running,
    StepContext, StepError, StepReport, Structure, Target,
};

use crate::update::update;

firebrand_core::options! {
    /// Options of `bam`.
    pub struct BamOptions {
        /// Draws per step; by default twice the dimension, and at least 32.
        batch: Option<usize> = None,
        /// Lambda, the weight of a batch against the present Gaussian; by default batch times dimension.
        strength: Option<f64> = None,
        /// Whether the strength falls as 1 / (t + 1) with the step t, which helps far from Gaussian targets.
        decay: bool = false,
        /// The run has converged when averages over two epochs agree within this many standard deviations.
        tolerance: f64 = 0.02,
    }
}

/// The least that caution makes of the strength.
const SMALLEST_CAUTION: f64 = 1e-6;

/// Batch and match.
pub struct Bam {
    options: BamOptions,
}

impl Plugin for Bam {
    type Options = BamOptions;
    const NAME: &'static str = "bam";
    const DOC: &'static str = "Batch and match: least score divergence on batches of its own draws";

    fn new(options: BamOptions) -> Result<Self, OptionsError> {
        let invalid = |reason| Err(OptionsError::invalid::<BamOptions>(Self::NAME, reason));
        if options.batch.is_some_and(|batch| batch < 2) {
            return invalid("`batch` must be at least 2");
        }
        if options
            .strength
            .is_some_and(|s| !(s.is_finite() && s > 0.0))
        {
            return invalid("`strength` must be positive");
        }
        Ok(Bam { options })
    }
}

impl Inference for Bam {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn requires(&self) -> Requirements {
        Requirements {
            gaussian: Some(Structure::Dense),
            score: false,
        }
    }

    /// Eight epochs.
    fn max_steps(&self) -> u64 {
        2040
    }

    fn begin(
        &self,
        approximation: Box<dyn Approximation>,
        target: &dyn Target,
        _start: &Start,
    ) -> Result<Box<dyn Running>, InferenceError> {
        let dimension = target.dimension();
        let batch = self.options.batch;
        let batch = batch.unwrap_or_else(|| enough_draws(dimension, 32));
        let strength = self.options.strength;
        Ok(Box::new(Matching {
            gaussian: AveragedGaussian::new(approximation, self.options.tolerance)?,
            batch,
            strength: strength.unwrap_or((batch * dimension) as f64),
            decay: self.options.decay,
            caution: 1.0,
            last_divergence: f64::INFINITY,
        }))
    }
}

struct Matching {
    gaussian: AveragedGaussian,
    batch: usize,
    strength: f64,
    decay: bool,
    /// A factor of the strength: one, except where steps turn out badly.
    caution: f64,
    /// The score divergence that the last step started from.
    last_divergence: f64,
}

impl Matching {
    /// Trusts the batch less after a step that made the score divergence jump, as heavy tails of the score do.
    fn learn(&mut self, divergence: f64) {
        let factor = if divergence > 2.0 * self.last_divergence {
            0.1
        } else {
            1.5
        };
        self.caution = (self.caution * factor).clamp(SMALLEST_CAUTION, 1.0);
        self.last_divergence = divergence;
    }

    fn strength(&self, step: u64) -> f64 {
        let steps = if self.decay { (step + 1) as f64 } else { 1.0 };
        self.caution * self.strength / steps
    }
}

impl Running for Matching {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let drawn = self.gaussian.draw(context, self.batch)?;
        let mut diagnostics = self.gaussian.diagnostics(&drawn);
        self.learn(self.gaussian.score_divergence(&drawn));
        let strength = self.strength(context.step);
        diagnostics.push(("strength", strength));
        let updated = update(
            &self.gaussian.iterate().mean,
            self.gaussian.covariance(),
            &drawn.draws,
            &drawn.at.score,
            strength,
        );
        let outcome = match updated {
            Some((mean, covariance)) => self.gaussian.accept(mean, covariance),
            None => Err(StepError::Recoverable("the update is not finite".into())),
        };
        if outcome.is_err() {
            self.caution = (0.1 * self.caution).max(SMALLEST_CAUTION);
        }
        Ok(StepReport {
            diagnostics,
            progress: outcome?,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.gaussian.approximation()
    }

    fn save(&self) -> Vec<u8> {
        let writer = StateWriter::default()
            .number(self.caution)
            .number(self.last_divergence);
        self.gaussian.save(writer).finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        self.caution = reader.number()?;
        self.last_divergence = reader.number()?;
        self.gaussian.restore(&mut reader)?;
        reader.finish()
    }
}
