//! The algorithm: stochastic ascent of the ELBO, to be replaced by yours.

use burn::tensor::Tensor;
use firebrand_core::start::{Start, StateReader, StateWriter, parameter_scales};
use firebrand_core::{
    Approximation, FamilyError, Inference, InferenceError, OptionsError, Plugin, Progress,
    Requirements, Running, SampleCotangent, StepContext, StepError, StepReport, Stream, Target,
    to_host,
};

firebrand_core::options! {
    /// Options of the algorithm: `NAME(draws: 128)` on the command line.
    pub struct TemplateOptions {
        /// Draws per step.
        draws: usize = 64,
        /// The share of the way to the optimum that the first steps go.
        rate: f64 = 0.1,
        /// The run has converged when a step moves no parameter by more than this share of its scale.
        tolerance: f64 = 1e-3,
    }
}

/// The algorithm.
pub struct Template {
    options: TemplateOptions,
}

impl Plugin for Template {
    type Options = TemplateOptions;
    const NAME: &'static str = "template";
    const DOC: &'static str = "Stochastic ascent of the ELBO";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn new(options: TemplateOptions) -> Result<Self, OptionsError> {
        if options.draws == 0 {
            let reason = "`draws` must be at least 1";
            return Err(OptionsError::invalid::<TemplateOptions>(Self::NAME, reason));
        }
        Ok(Template { options })
    }
}

impl Inference for Template {
    fn name(&self) -> &str {
        Self::NAME
    }

    /// Families that lack this are refused before the first step.
    fn requires(&self) -> Requirements {
        Requirements {
            gaussian: None,
            score: true,
        }
    }

    fn max_steps(&self) -> u64 {
        5000
    }

    /// `approximation` is the member nearest to the best of the Gaussians in `start`: take it as it is.
    fn begin(
        &self,
        approximation: Box<dyn Approximation>,
        _target: &dyn Target,
        _start: &Start,
    ) -> Result<Box<dyn Running>, InferenceError> {
        Ok(Box::new(Ascent {
            scales: parameter_scales(approximation.as_ref())?,
            options: self.options.clone(),
            approximation,
        }))
    }
}

/// A run: what the next step needs, and no more.
struct Ascent {
    options: TemplateOptions,
    approximation: Box<dyn Approximation>,
    /// How far each parameter may move.
    scales: Vec<f64>,
}

impl Ascent {
    /// The gradient of the ELBO through the draws, without the score of q in lambda: its mean is zero, and so is the rest where q is the
    /// target (Roeder, Wu and Duvenaud 2017, arXiv 1703.09194).
    fn gradient(&self, context: &StepContext<'_>) -> Result<Vec<f64>, StepError> {
        let q = self.approximation.as_ref();
        let draws = self.options.draws;
        // All randomness comes from the context: then one seed gives one result.
        let noise = context.noise(Stream::Draws, q.noise_shape(draws));
        let sample = q.sample(&noise)?;
        if sample.log_weight.is_some() {
            let reason = "draws with weights are more than this algorithm can use";
            return Err(StepError::Fatal(reason.into()));
        }
        let at = context
            .target
            .log_density_and_score(&sample.theta, context.batch)?;
        let valid: Vec<f64> = at.valid.iter().map(|&v| f64::from(u8::from(v))).collect();
        let count: f64 = valid.iter().sum();
        if count == 0.0 {
            // The driver counts this step as rejected, and tries again with other draws.
            let reason = format!("none of {draws} draws has a finite log density and score");
            return Err(StepError::Recoverable(reason));
        }
        let weight: Tensor<2> = q.placement().matrix(valid, [draws, 1]) / count;
        let difference = (at.score - q.score(&sample.theta)?) * weight;
        let gradient = to_host(&q.pull_sample(&noise, &SampleCotangent::from(difference))?);
        if gradient.iter().all(|value| value.is_finite()) {
            return Ok(gradient);
        }
        let what = "the gradient".into();
        Err(FamilyError::NotFinite { what }.into())
    }
}

impl Running for Ascent {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let gradient = self.gradient(context)?;
        let rate = self.options.rate / (1.0 + context.step as f64 / 100.0);
        let mut lambda = to_host(&self.approximation.lambda());
        let mut largest = 0.0_f64;
        for ((lambda, slope), scale) in lambda.iter_mut().zip(gradient).zip(&self.scales) {
            let step = rate * scale * slope;
            largest = largest.max(step.abs());
            *lambda += step * scale;
        }
        let lambda = self.approximation.placement().vector(&lambda);
        self.approximation.set_lambda(&lambda)?;
        let progress = if largest < self.options.tolerance {
            Progress::Converged(format!(
                "a step moved no parameter by more than {largest:.1e} of its scale"
            ))
        } else {
            Progress::Continue
        };
        // These numbers go into the trace.
        Ok(StepReport {
            diagnostics: vec![("rate", rate), ("step", largest)],
            progress,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.approximation.as_ref()
    }

    fn save(&self) -> Vec<u8> {
        StateWriter::default()
            .numbers(&self.scales)
            .numbers(&to_host(&self.approximation.lambda()))
            .finish()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        let mut reader = StateReader::new(state);
        let scales = reader.numbers()?;
        let lambda = reader.numbers()?;
        reader.finish()?;
        let lambda = self.approximation.placement().vector(&lambda);
        self.approximation.set_lambda(&lambda)?;
        self.scales = scales;
        Ok(())
    }
}
