//! `firebrand fit`: from a model and its data to a posterior and a verdict.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use firebrand::core::record::{Outcome, Request, RunRecord};
use firebrand::core::{InferenceError, TargetError};
use firebrand::{Ended, Event, Fitted, Ready, Target};
use serde::Serialize;

use super::Failure;
use super::inputs::{Computing, DeviceName, PrecisionName, compile, read_model, usable_tolerance};
use super::output::Output;
use super::progress::{Progress, catch_interrupts};
use super::report::{report, words};
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

Ctrl-C ends the iteration and keeps what was done. Exit status: 0 done, 1 the model or its data is wrong, 2 usage, 3 the fit failed
(its record is kept).")]
pub struct FitArgs {
    /// The model, in the Stan language; or a run file, `RUN.ron`; or `posteriordb:NAME` for a posterior of PosteriorDB, which is then
    /// also compared with its reference draws; or `target:NAME` for a target of a plugin.
    #[arg(value_name = "MODEL.stan|RUN.ron|posteriordb:NAME|target:NAME")]
    model: PathBuf,
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
    /// Steps at most.
    #[arg(long, value_name = "N")]
    max_steps: Option<u64>,
    /// Seconds at most.
    #[arg(long, value_name = "SECONDS")]
    max_seconds: Option<f64>,
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    computing: Computing,
}

/// Runs the subcommand.
pub fn run(args: &FitArgs) -> Result<(), Failure> {
    let plan = plan(args)?;
    let computing = computing(args, &plan)?;
    let placement = computing.placement()?;
    let data = plan.data.as_deref().map(Path::new);
    let (target, place): (Box<dyn Target>, Option<Place>) = match coded(&plan.model)? {
        Some(target) => {
            only_a_model_takes(data, computing)?;
            (target, None)
        }
        None => {
            let place = args.sources.place(&plan.model_path(), data)?;
            let model = computing.model(read_model(&place.files.model)?);
            let posterior = compile(&model, place.files.data.as_deref(), &placement)?;
            (Box::new(posterior), Some(place))
        }
    };
    if target.dimension() == 0 {
        return Err(Failure::Model(
            "there is nothing to infer: the model has no parameters".into(),
        ));
    }
    let ready = choose(&*target, &plan)?;
    let output = plan
        .out
        .as_deref()
        .map(|folder| Output::open(Path::new(folder)))
        .transpose()?;
    let request = ready.request(&plan.model, plan.data.clone());
    let cancelled = catch_interrupts()?;
    let mut progress = Progress::begin();
    let result = ready.run(cancelled, &mut |event: Event<'_>| progress.show(&event));
    progress.finish();
    match result {
        Ok(mut fitted) => {
            if let Some(place) = &place {
                compare(&mut fitted, place);
            }
            finish(args, fitted, request, output)
        }
        Err(error) => not_started(args, why_not_started(&error), request, output),
    }
}

/// The run file, or the run of a model, with what the arguments say in its place.
fn plan(args: &FitArgs) -> Result<RunFile, Failure> {
    let mut plan = match RunFile::is_named_by(&args.model) {
        true => RunFile::read(&args.model)?,
        false => RunFile::of_model(&args.model),
    };
    let path = |path: &PathBuf| path.display().to_string();
    plan.data = args.data.as_ref().map(path).or(plan.data);
    plan.inference = args.inference.clone().unwrap_or(plan.inference);
    plan.family = args.family.clone().or(plan.family);
    plan.seed = args.seed.unwrap_or(plan.seed);
    plan.draws = args.draws.or(plan.draws);
    plan.out = args.out.as_ref().map(path).or(plan.out);
    plan.max_steps = args.max_steps.or(plan.max_steps);
    plan.max_seconds = args.max_seconds.or(plan.max_seconds);
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
    Ok(plan)
}

fn computing(args: &FitArgs, plan: &RunFile) -> Result<Computing, Failure> {
    Ok(Computing {
        device: args
            .computing
            .device
            .or(named::<DeviceName>("device", plan.device.as_deref())?),
        precision: args.computing.precision.or(named::<PrecisionName>(
            "precision",
            plan.precision.as_deref(),
        )?),
        solver_tolerance: args.computing.solver_tolerance.or(plan.solver_tolerance),
    })
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

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    /// "trustworthy", "use with care", "do not trust", or null if there is no result.
    verdict: Option<&'static str>,
    because: &'a [String],
    summary: &'a [firebrand::Quantity],
    notes: &'a [String],
    /// The folder with the results.
    out: Option<&'a Path>,
    record: &'a RunRecord,
}

fn finish(
    args: &FitArgs,
    fitted: Fitted,
    request: Request,
    output: Option<Output>,
) -> Result<(), Failure> {
    let record = fitted.record(request);
    let failed = match &fitted.fit.ended {
        Ended::Failed { because } => Some(because.clone()),
        _ => None,
    };
    let output = kept(output, failed.is_some(), &record.request)?;
    if let Some(output) = &output {
        output.write(&record, &fitted)?;
    }
    for note in &fitted.notes {
        eprintln!("note: {note}");
    }
    let folder = output.as_ref().map(Output::folder);
    if args.json {
        let (verdict, because) = words(&fitted.verdict);
        let Fitted { summary, notes, .. } = &fitted;
        print_json(&Printed {
            verdict: Some(verdict),
            because,
            summary,
            notes,
            out: folder,
            record: &record,
        })?;
    } else {
        io::stdout().write_all(report(&record.request, &fitted).as_bytes())?;
    }
    if let (Some(folder), false) = (folder, args.json) {
        eprintln!("results are in {}", folder.display());
    }
    failed.map_or(Ok(()), |because| Err(Failure::Fit(because)))
}

fn not_started(
    args: &FitArgs,
    because: String,
    request: Request,
    output: Option<Output>,
) -> Result<(), Failure> {
    let outcome = Outcome::NotStarted {
        because: because.clone(),
    };
    let record = RunRecord { request, outcome };
    let output = kept(output, true, &record.request)?;
    if let Some(output) = &output {
        output.write_record(&record)?;
        eprintln!("the record of the run is in {}", output.folder().display());
    }
    if args.json {
        let out = output.as_ref().map(Output::folder);
        let because = std::slice::from_ref(&because);
        print_json(&Printed {
            verdict: None,
            because,
            summary: &[],
            notes: &[],
            out,
            record: &record,
        })?;
    }
    Err(Failure::Fit(because))
}

/// Why a run did not get as far as its first step, in a sentence.
pub fn why_not_started(error: &InferenceError) -> String {
    match error {
        InferenceError::Target(TargetError::Interrupted) => {
            "the run was interrupted, or out of time, before a start was found".into()
        }
        error => error.to_string(),
    }
}

/// The folder that was asked for; for a failed run a temporary one if none was.
fn kept(
    output: Option<Output>,
    failed: bool,
    request: &Request,
) -> Result<Option<Output>, Failure> {
    match output {
        None if failed => Output::temporary(request).map(Some),
        output => Ok(output),
    }
}

fn print_json(printed: &Printed<'_>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, printed).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}
