//! The simplest algorithm: it moves the location along the scores, for any family.

use firebrand_core::start::Start;
use firebrand_core::{
    Approximation, FamilyError, Inference, InferenceError, OptionsError, Plugin, Progress,
    Requirements, Running, SampleCotangent, StepContext, StepError, StepReport, Stream, Target,
    to_host,
};

firebrand_core::options! {
    /// Options of `climb`.
    pub struct ClimbOptions {
        /// Draws per step.
        draws: usize = 256,
        /// What goes wrong: "nothing", "panic" or "nan".
        trouble: String = "nothing".into(),
    }
}

/// Ascends the expected log density of the draws, by gradients through them. The spread collapses in time, so it takes few steps.
pub struct Climb {
    options: ClimbOptions,
}

impl Plugin for Climb {
    type Options = ClimbOptions;
    const NAME: &'static str = "climb";
    const DOC: &'static str = "Ascends the expected log density.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn new(options: ClimbOptions) -> Result<Self, OptionsError> {
        if options.draws == 0 {
            let reason = "`draws` must be at least 1";
            return Err(OptionsError::invalid::<ClimbOptions>(Self::NAME, reason));
        }
        Ok(Climb { options })
    }
}

impl Inference for Climb {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn requires(&self) -> Requirements {
        Requirements::default()
    }

    fn max_steps(&self) -> u64 {
        3
    }

    fn begin(
        &self,
        approximation: Box<dyn Approximation>,
        _target: &dyn Target,
        _start: &Start,
    ) -> Result<Box<dyn Running>, InferenceError> {
        Ok(Box::new(Climbing {
            options: self.options.clone(),
            approximation,
        }))
    }
}

struct Climbing {
    options: ClimbOptions,
    approximation: Box<dyn Approximation>,
}

impl Running for Climbing {
    fn step(&mut self, context: &StepContext<'_>) -> Result<StepReport, StepError> {
        let q = &mut self.approximation;
        match self.options.trouble.as_str() {
            "panic" => panic!("the rope broke"),
            "nan" => q.set_lambda(&(q.lambda() * f64::NAN))?,
            _ => {}
        }
        let noise = context.noise(Stream::Draws, q.noise_shape(self.options.draws));
        let theta = q.sample(&noise)?.theta;
        let at = context
            .target
            .log_density_and_score(&theta, context.batch)?;
        let cotangent = SampleCotangent::from(at.score / self.options.draws as f64);
        let slope = q.pull_sample(&noise, &cotangent)?;
        let moved = q.lambda() + slope.clone() * 1e-3;
        q.set_lambda(&moved)?;
        let slope = to_host(&slope)
            .iter()
            .fold(0.0_f64, |most, s| most.max(s.abs()));
        if !slope.is_finite() {
            let what = "the slope".into();
            return Err(FamilyError::NotFinite { what }.into());
        }
        Ok(StepReport {
            diagnostics: vec![("slope", slope)],
            progress: Progress::Continue,
        })
    }

    fn approximation(&self) -> &dyn Approximation {
        self.approximation.as_ref()
    }

    fn save(&self) -> Vec<u8> {
        self.approximation.save()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), InferenceError> {
        Ok(self.approximation.restore(state)?)
    }
}
