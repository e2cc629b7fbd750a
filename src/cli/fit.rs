//! `firebrand fit`: from a model and its data to a posterior and a verdict.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use firebrand::core::Checkpoint;
use firebrand::core::record::PluginRecord;
use firebrand::core::{Batches, InferenceError, Minibatch, TargetError};
use firebrand::{
    DeviceError, DeviceName, Ended, Event, Fitted, Keeping, Ready, Target, spare_memory,
};

use super::Failure;
use super::checkpoint::{Kept, Origin, Resumed, Used, texts};
use super::ending::{because, finish, not_started};
use super::inputs::{Computing, PrecisionName, compile, read_model, usable_tolerance};
use super::output::Output;
use super::progress::{Progress, catch_interrupts};
use super::run_file::RunFile;
use super::sources::{Place, Sources, coded};

/// Fit a model to its data: a table of its parameters, and a verdict.
#[derive(Args)]
#[command(after_help = "\
Examples:
  firebrand fit eight_schools.stan --data eight_schools.json
  firebrand fit eight_schools.stan --data eight_schools.json --inference 'bam(batch: 32)' --seed 2 --out results
  firebrand fit eight_schools.ron --json
  firebrand fit posteriordb:arK-arK --posteriordb ~/posteriordb
  firebrand fit 'target:funnel(dimension: 3)' --plugin-path libfunnel.so

A run file says the same in RON, and more; its paths are relative to it:
  (model: \"eight_schools.stan\", data: \"eight_schools.json\", inference: \"bam(batch: 32)\", seed: 2, out: \"results\")

With --out a run keeps checkpoints as it goes. One that was killed, or interrupted, or whose steps or time ran out, goes on by
  firebrand fit --resume results
  firebrand fit --resume results --max-steps 5000
to the same result, bit for bit, as if it had not stopped.

Ctrl-C ends the iteration and keeps what was done. Exit status: 0 done, 1 the model or its data is wrong, 2 usage, 3 the fit failed
(its record is kept).")]
pub struct FitArgs {
    /// The model, in the Stan language; or a run file, `RUN.ron`; or `posteriordb:NAME` for a posterior of PosteriorDB, which is then
    /// also compared with its reference draws; or `target:NAME` for a target of a plugin.
    #[arg(
        value_name = "MODEL.stan|RUN.ron|posteriordb:NAME|target:NAME",
        required_unless_present = "resume"
    )]
    model: Option<PathBuf>,
    /// Go on with the run in this folder, which `--out` made, as it was asked for: only limits may be other ones.
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    resume: Option<PathBuf>,
    /// Its data: Stan's JSON, also inside a `.zip`.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// The algorithm, by name and with its options in RON: see `firebrand plugins`.
    #[arg(long, value_name = "NAME")]
    inference: Option<String>,
    /// The family, by name and with its options in RON.
    #[arg(long, value_name = "NAME")]
    family: Option<String>,
    /// The seed: one seed gives one result.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Draws of the result; by default 4000, and fewer above 1000 dimensions.
    #[arg(long, value_name = "N")]
    draws: Option<usize>,
    /// Write draws, trace, approximation and record to this folder; those of an earlier run in it are replaced.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Rows that each step sees, drawn anew from those that the data variable N counts.
    #[arg(long, value_name = "N=ROWS")]
    minibatch: Option<Minibatch>,
    /// Steps at most.
    #[arg(long, value_name = "N")]
    max_steps: Option<u64>,
    /// Seconds at most.
    #[arg(long, value_name = "SECONDS")]
    max_seconds: Option<f64>,
    /// With `--out`: seconds from one checkpoint to the next, 10 by default; zero for one after every step.
    #[arg(long, value_name = "SECONDS")]
    checkpoint_seconds: Option<f64>,
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    computing: Computing,
}

/// Runs the subcommand.
pub fn run(args: &FitArgs) -> Result<(), Failure> {
    let resumed = args.resume.as_deref();
    let resumed = resumed
        .map(|folder| Resumed::open(folder, |before| plan(args, Some(before))))
        .transpose()?;
    let (plan, sources) = match &resumed {
        Some(Resumed { origin, .. }) => (origin.plan.clone(), origin.sources()),
        None => (plan(args, None)?, args.sources.clone()),
    };
    let computing = computing(&plan)?;
    let placement = computing.placement()?;
    let data = plan.data.as_deref().map(Path::new);
    let mut files: Vec<(Used, PathBuf)> = Vec::new();
    let (target, place): (Box<dyn Target>, Option<Place>) = match coded(&plan.model)? {
        Some(target) => {
            only_a_model_takes(data, computing)?;
            (target, None)
        }
        None => {
            let place = sources.place(&plan.model_path(), data)?;
            let model = computing.model(read_model(&place.files.model)?);
            let plate = plan
                .minibatch
                .as_ref()
                .map(|minibatch| minibatch.plate.as_str());
            let posterior = compile(&model, place.files.data.as_deref(), &placement, plate)?;
            files.extend(texts(&place.files.model, &model));
            files.extend(place.files.data.clone().map(|path| (Used::Data, path)));
            let arrays = posterior.data_files().iter();
            files.extend(arrays.map(|path| (Used::Data, path.clone())));
            (Box::new(posterior), Some(place))
        }
    };
    if target.dimension() == 0 {
        return Err(Failure::Model(
            "there is nothing to infer: the model has no parameters".into(),
        ));
    }
    spare_memory(target.dimension());
    let ready = choose(&*target, &plan)?;
    let (output, mut kept, checkpoint) = match &resumed {
        Some(resumed) => {
            let mut kept = Kept::go_on(&resumed.results, &resumed.origin)?;
            let checkpoint = kept.read()?;
            match &checkpoint {
                Some(checkpoint) => enough_steps(&plan, checkpoint)?,
                None => eprintln!(
                    "note: the run had ended before its first checkpoint, so it begins anew"
                ),
            }
            let output = Output::reopen(&resumed.results)?;
            (Some(output), Some(kept), checkpoint)
        }
        None => match plan.out.as_deref().map(Path::new) {
            Some(folder) => {
                let output = Output::open(folder)?;
                let plan = in_full(&plan, &ready);
                let origin = Origin::new(plan, sources.posteriordb(), &*target, &files)?;
                let kept = Kept::begin(&output, &origin)?;
                (Some(output), Some(kept), None)
            }
            None => (None, None, None),
        },
    };
    let request = ready.request(&plan.model, plan.data.clone());
    let cancelled = catch_interrupts()?;
    let mut progress = Progress::begin();
    let keeping = Keeping {
        resume: checkpoint,
        keeper: kept.as_mut().map(|kept| kept as _),
    };
    let result = ready.run_keeping(keeping, cancelled, &mut |event: Event<'_>| {
        progress.show(&event)
    });
    progress.finish();
    match result {
        Ok(mut fitted) => {
            if let Some(place) = &place {
                compare(&mut fitted, place);
            }
            let has_converged = matches!(fitted.fit.ended, Ended::Converged { .. });
            let done = finish(args.json, fitted, request, output);
            if let Some(kept) = kept.filter(|_| has_converged && done.is_ok()) {
                kept.remove();
            }
            done
        }
        // What there is of the run may still be resumed, once that which is wrong is not any more.
        Err(error) if resumed.is_some() => Err(Failure::Fit(because(&error, place.as_ref()))),
        Err(error) => {
            // One that was interrupted may go on, by seeking its start again.
            let goes_on = matches!(error, InferenceError::Target(TargetError::Interrupted));
            let done = not_started(args.json, because(&error, place.as_ref()), request, output);
            if let Some(kept) = kept.filter(|_| !goes_on) {
                kept.remove();
            }
            done
        }
    }
}

/// The run file, or the run of a model, or the one from `before`, with what the arguments say in its place.
fn plan(args: &FitArgs, before: Option<&RunFile>) -> Result<RunFile, Failure> {
    let before = before.cloned();
    let mut plan = match &args.model {
        None => before.unwrap_or_default(),
        Some(model) if RunFile::is_named_by(model) => RunFile::read(model)?,
        Some(model) => RunFile {
            model: model.display().to_string(),
            ..before.unwrap_or_default()
        },
    };
    let path = |path: &PathBuf| path.display().to_string();
    let computing = &args.computing;
    plan.data = args.data.as_ref().map(path).or(plan.data);
    plan.inference = args.inference.clone().unwrap_or(plan.inference);
    plan.family = args.family.clone().or(plan.family);
    plan.seed = args.seed.unwrap_or(plan.seed);
    plan.draws = args.draws.or(plan.draws);
    plan.out = args.out.as_ref().map(path).or(plan.out);
    plan.device = computing.device.map(String::from).or(plan.device);
    plan.precision = computing.precision.map(name).or(plan.precision);
    plan.solver_tolerance = computing.solver_tolerance.or(plan.solver_tolerance);
    plan.max_steps = args.max_steps.or(plan.max_steps);
    plan.max_seconds = args.max_seconds.or(plan.max_seconds);
    plan.checkpoint_seconds = args.checkpoint_seconds.unwrap_or(plan.checkpoint_seconds);
    plan.minibatch = args.minibatch.clone().or(plan.minibatch);
    if let Some(tolerance) = plan.solver_tolerance {
        usable_tolerance(tolerance).map_err(Failure::Usage)?;
    }
    if plan.draws == Some(0) {
        return Err(Failure::Usage("there must be at least one draw".into()));
    }
    if plan
        .max_seconds
        .is_some_and(|seconds| seconds.is_nan() || seconds <= 0.0)
    {
        return Err(Failure::Usage(
            "the limit of seconds must be positive".into(),
        ));
    }
    let is_limit = |seconds: f64| seconds >= 0.0;
    if !plan.check.max_seconds.is_none_or(is_limit) {
        return Err(Failure::Usage(
            "the check's limit of seconds, `max_seconds`, must not be negative".into(),
        ));
    }
    if plan.checkpoint_seconds.is_nan() || plan.checkpoint_seconds < 0.0 {
        return Err(Failure::Usage(
            "the seconds between checkpoints must not be negative".into(),
        ));
    }
    Ok(plan)
}

/// The plan with everything named that was chosen by default.
fn in_full(plan: &RunFile, ready: &Ready<'_>) -> RunFile {
    let text = |plugin: PluginRecord| format!("{}{}", plugin.name, plugin.options);
    RunFile {
        inference: text(ready.inference()),
        family: Some(text(ready.family())),
        draws: Some(ready.draws()),
        ..plan.clone()
    }
}

/// Refuses a limit that the run has long passed.
fn enough_steps(plan: &RunFile, checkpoint: &Checkpoint) -> Result<(), Failure> {
    match plan.max_steps {
        Some(most) if most < checkpoint.steps => Err(Failure::Usage(format!(
            "`--max-steps {most}`: the run has already taken {} steps",
            checkpoint.steps
        ))),
        _ => Ok(()),
    }
}

/// Where a run computes.
pub fn computing(plan: &RunFile) -> Result<Computing, Failure> {
    Ok(Computing {
        device: device(plan)?,
        precision: named::<PrecisionName>("precision", plan.precision.as_deref())?,
        solver_tolerance: plan.solver_tolerance,
    })
}

fn device(plan: &RunFile) -> Result<Option<DeviceName>, Failure> {
    let device = plan.device.as_deref().map(str::parse).transpose();
    device.map_err(|error: DeviceError| Failure::Usage(format!("`device`: {error}")))
}

/// What the command line and run files call a value.
fn name<T: ValueEnum>(value: T) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().into())
}

/// Refuses what a target that is code has no use for.
fn only_a_model_takes(data: Option<&Path>, computing: Computing) -> Result<(), Failure> {
    let Computing {
        device,
        precision,
        solver_tolerance,
    } = computing;
    let given = [
        ("data", data.is_some()),
        ("device", device.is_some()),
        ("precision", precision.is_some()),
        ("solver-tolerance", solver_tolerance.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((name, _)) => Err(Failure::Usage(format!(
            "`--{name}` is for models: a target that is code has options of its own, `target:NAME(option: value)`"
        ))),
    }
}

/// The value of that name in a run file.
fn named<T: ValueEnum>(field: &str, text: Option<&str>) -> Result<Option<T>, Failure> {
    let value = text.map(|text| T::from_str(text, false)).transpose();
    value.map_err(|_| {
        let names = T::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value);
        let names: Vec<String> = names
            .map(|name| format!("\"{}\"", name.get_name()))
            .collect();
        Failure::Usage(format!("`{field}` is one of {}", names.join(", ")))
    })
}

fn choose<'a>(target: &'a dyn Target, plan: &RunFile) -> Result<Ready<'a>, Failure> {
    if let Some(minibatch) = &plan.minibatch {
        let batches = Batches::of(target, minibatch, plan.seed);
        batches.map_err(|error| Failure::Usage(error.to_string()))?;
    }
    let mut fitting = firebrand::fit(target)
        .inference(&plan.inference)
        .options(plan.fit_options())
        .diagnosis(plan.check.clone());
    if let Some(draws) = plan.draws {
        fitting = fitting.draws(draws);
    }
    if let Some(family) = &plan.family {
        fitting = fitting.family(family);
    }
    fitting
        .choose()
        .map_err(|error| Failure::Usage(error.to_string()))
}

/// Compares with what is known of the posterior. That it cannot be read takes nothing from the fit.
fn compare(fitted: &mut Fitted, place: &Place) {
    match place.reference() {
        Ok(Some(reference)) => fitted.compare(&reference),
        Ok(None) => {}
        Err(error) => fitted.notes.push(format!(
            "there is no comparison with the reference draws: {error}"
        )),
    }
}
