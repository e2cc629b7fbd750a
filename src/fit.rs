//! A fit from a target to draws and a verdict: the plugins chosen, the iteration run, the result checked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use firebrand_core::diagnostics::{
    Diagnosis, DiagnosisError, DiagnosisOptions, Verdict, diagnose, judge,
};
use firebrand_core::record::{PluginRecord, Request};
use firebrand_core::{
    Batches, Checkpoint, ChoiceError, Chosen, Counted, Counters, Draws, Ended, Family, Fit,
    FitOptions, Inference, InferenceError, Keeper, Moment, Stop, Surroundings, Target, TargetError,
    fit_within, registry,
};
use thiserror::Error;

use crate::defaults;
use crate::fitted::Fitted;
use crate::reported::Reported;

/// Begins a fit of `target`. Everything has a default.
pub fn fit(target: &dyn Target) -> Fitting<'_> {
    Fitting {
        target,
        inference: defaults::INFERENCE.into(),
        family: None,
        options: FitOptions::default(),
        diagnosis: DiagnosisOptions::default(),
        draws: None,
    }
}

/// A fit that is being described. [`run`](Fitting::run) runs it.
#[must_use = "a fit does nothing until it is run"]
#[derive(Clone)]
pub struct Fitting<'a> {
    target: &'a dyn Target,
    inference: String,
    family: Option<String>,
    options: FitOptions,
    diagnosis: DiagnosisOptions,
    draws: Option<usize>,
}

/// Why a fit did not come to a result.
#[derive(Debug, Error)]
pub enum FitError {
    /// There is no such plugin, or its options are wrong.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// The plugins do not fit together, or no start was found.
    #[error(transparent)]
    Inference(#[from] InferenceError),
}

impl<'a> Fitting<'a> {
    /// The algorithm, by name and with options in RON: `advi`, `bam(batch: 32)`.
    pub fn inference(mut self, text: impl Into<String>) -> Self {
        self.inference = text.into();
        self
    }

    /// The family, by name and with options in RON; by default the one that suits the algorithm.
    pub fn family(mut self, text: impl Into<String>) -> Self {
        self.family = Some(text.into());
        self
    }

    /// The seed: one seed gives one result.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// How many draws to take of the result; by default [`defaults::draws`].
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = Some(draws);
        self
    }

    /// Seed, limits, and the search for a start.
    pub fn options(mut self, options: FitOptions) -> Self {
        self.options = options;
        self
    }

    /// How the result is checked.
    pub fn diagnosis(mut self, diagnosis: DiagnosisOptions) -> Self {
        self.diagnosis = diagnosis;
        self
    }

    /// Chooses the plugins.
    ///
    /// # Errors
    /// Names and options that are wrong, and a family that lacks what the algorithm needs.
    pub fn choose(self) -> Result<Ready<'a>, FitError> {
        let inference = registry::inference(&self.inference)?;
        let family = self
            .family
            .unwrap_or_else(|| defaults::family(&*inference.plugin, self.target.dimension()));
        let family = registry::family(&family)?;
        inference.plugin.requires().check(
            inference.name,
            family.name,
            &family.plugin.capabilities(),
        )?;
        Ok(Ready {
            target: self.target,
            inference,
            family,
            options: self.options,
            diagnosis: self.diagnosis,
            draws: self
                .draws
                .unwrap_or_else(|| defaults::draws(self.target.dimension())),
        })
    }

    /// Runs the fit.
    ///
    /// # Errors
    /// What [`choose`](Fitting::choose) refuses, and a posterior in which no start is found. A fit that fails later is not an error:
    /// see [`Fitted::verdict`].
    pub fn run(self) -> Result<Fitted, FitError> {
        let never = AtomicBool::new(false);
        Ok(self.choose()?.run(&never, &mut |_| {})?)
    }
}

/// A check may take so long however short the fit was: enough for all but targets that are slow, so that its result does not depend on the
/// clock.
const LEAST_CHECK_SECONDS: f64 = 30.0;

/// A fit whose plugins are chosen.
pub struct Ready<'a> {
    target: &'a dyn Target,
    inference: Chosen<dyn Inference>,
    family: Chosen<dyn Family>,
    options: FitOptions,
    diagnosis: DiagnosisOptions,
    draws: usize,
}

/// What a fit is doing.
pub enum Event<'a> {
    /// It seeks a start, or has tried a step.
    Step(&'a Moment<'a>),
    /// It checks the result.
    Checking,
    /// It draws from the result.
    Drawing,
}

/// What a run goes on from, and who keeps what it takes to go on.
#[derive(Default)]
pub struct Keeping<'a> {
    /// A run of the same target with the same plugins, options and seed; limits may be wider.
    pub resume: Option<Checkpoint>,
    /// Told of checkpoints.
    pub keeper: Option<&'a mut dyn Keeper>,
}

impl Ready<'_> {
    /// The record of what is asked for. `model` and `data` are names or paths.
    pub fn request(&self, model: &str, data: Option<String>) -> Request {
        let placement = self.target.placement();
        Request::new(
            model,
            data,
            placement,
            (&self.inference).into(),
            (&self.family).into(),
            &self.options,
        )
    }

    /// The algorithm, by name and with all its options.
    pub fn inference(&self) -> PluginRecord {
        (&self.inference).into()
    }

    /// The family, by name and with all its options.
    pub fn family(&self) -> PluginRecord {
        (&self.family).into()
    }

    /// Draws that will be taken of the result.
    pub fn draws(&self) -> usize {
        self.draws
    }

    /// Runs the fit. Once `cancelled` is raised the iteration ends, what was done is kept, and the flag is lowered; raised again, it
    /// ends the check of the result, and then the computation of generated quantities.
    ///
    /// # Errors
    /// If the fit does not get as far as the first step.
    pub fn run(
        &self,
        cancelled: &AtomicBool,
        watch: &mut dyn FnMut(Event<'_>),
    ) -> Result<Fitted, InferenceError> {
        self.run_keeping(Keeping::default(), cancelled, watch)
    }

    /// [`run`](Ready::run) from a checkpoint, or with checkpoints.
    ///
    /// # Errors
    /// If the fit does not get as far as the first step.
    pub fn run_keeping(
        &self,
        keeping: Keeping<'_>,
        cancelled: &AtomicBool,
        watch: &mut dyn FnMut(Event<'_>),
    ) -> Result<Fitted, InferenceError> {
        let mut progress = |moment: &Moment<'_>| watch(Event::Step(moment));
        let mut surroundings = Surroundings {
            cancelled,
            progress: &mut progress,
            resume: keeping.resume,
            keeper: keeping.keeper.map(|keeper| keeper as _),
        };
        let (inference, family) = (&*self.inference.plugin, &*self.family.plugin);
        let mut fit = fit_within(
            self.target,
            inference,
            family,
            &self.options,
            &mut surroundings,
        )?;
        cancelled.store(false, Ordering::Relaxed);
        watch(Event::Checking);
        let (diagnosis, mut verdict) = self.check(&mut fit, cancelled);
        if let Some(caveat) = inference.caveat() {
            verdict = Verdict::DoNotTrust {
                because: vec![caveat.into()],
            };
        }
        cancelled.store(false, Ordering::Relaxed);
        watch(Event::Drawing);
        if let (Some(_), Some(bias)) = (&self.options.minibatch, inference.bias_on_batches()) {
            verdict = verdict.with_care(bias);
        }
        let (draws, notes) = self.draw(&mut fit, cancelled);
        Ok(Fitted::new(fit, diagnosis, verdict, draws, notes))
    }

    /// The check of the result. A plugin that panics at it has failed the run, whose record is kept.
    fn check(&self, fit: &mut Fit, cancelled: &AtomicBool) -> (Option<Diagnosis>, Verdict) {
        let counters = Counters::default();
        // A check may take as long as the fit did: what it has found by then is judged.
        let seconds = match self.diagnosis.max_seconds {
            Some(seconds) => seconds,
            None => fit.seconds.max(LEAST_CHECK_SECONDS),
        };
        let limit = Duration::try_from_secs_f64(seconds).ok();
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let stop = Stop::new(cancelled, deadline);
        let target = Counted::new(self.target, &counters).until(Stop::new(cancelled, None));
        let seed = self.options.seed;
        // A fit has run on these: they can be drawn.
        let minibatch = self.options.minibatch.as_ref();
        let batches = minibatch.and_then(|minibatch| Batches::of(&target, minibatch, seed).ok());
        match diagnose(
            &target,
            fit.approximation.as_ref(),
            &self.diagnosis,
            batches.as_ref(),
            stop,
            seed,
        ) {
            Ok(diagnosis) => {
                let verdict = judge(&fit.ended, &fit.start.agreement, &diagnosis);
                (Some(diagnosis), verdict)
            }
            Err(error) => {
                failed_at(fit, &error);
                (None, unchecked(&fit.ended, &error))
            }
        }
    }

    /// Draws of the result: without generated quantities if those fail or are interrupted, and none if the model itself fails.
    fn draw(&self, fit: &mut Fit, cancelled: &AtomicBool) -> (Draws, Vec<String>) {
        let take = |target: Reported<'_>, fit: &Fit| {
            let approximation = fit.approximation.as_ref();
            Draws::take(&target, approximation, self.draws, self.options.seed)
        };
        let failed = match take(Reported::All(self.target, cancelled), fit) {
            Ok(draws) => return (draws, Vec::new()),
            Err(error) => error,
        };
        match take(Reported::Parameters(self.target), fit) {
            Ok(draws) => (
                draws,
                vec![format!("generated quantities are left out: {failed}")],
            ),
            Err(error) => {
                failed_at(fit, &error);
                let none = Draws {
                    log_density: Vec::new(),
                    log_q: Vec::new(),
                    constrained: Default::default(),
                };
                (none, vec![format!("there are no draws: {error}")])
            }
        }
    }
}

/// Has the run fail if a plugin panicked, and it has not failed before.
fn failed_at(fit: &mut Fit, error: &DiagnosisError) {
    if let (DiagnosisError::Panicked(because), false) =
        (error, matches!(fit.ended, Ended::Failed { .. }))
    {
        fit.ended = Ended::Failed {
            because: because.clone(),
        };
    }
}

/// The verdict on a fit that could not be checked.
fn unchecked(ended: &Ended, error: &DiagnosisError) -> Verdict {
    let mut because = Vec::new();
    if let Ended::Failed { because: why } = ended {
        because.push(format!("the run failed: {why}"));
    }
    match error {
        DiagnosisError::Target(TargetError::Interrupted) => {
            because.push("it was not checked: the check was interrupted".into());
        }
        // The run has failed of it.
        DiagnosisError::Panicked(_) => {}
        error => because.push(format!("it could not be checked: {error}")),
    }
    Verdict::DoNotTrust { because }
}
