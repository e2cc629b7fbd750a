//! `firebrand plugins check`: measures what every plugin has to fulfil.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use firebrand::core::boundary::{self, Loaded};
use firebrand::core::registry::{self, Registered};
use firebrand::core::{Family, Inference, OptionsError, Panic, caught, nearest};
use firebrand_conformance::{Check, Report, family, inference, target};
use serde::Serialize;

use super::super::Failure;
use super::super::table::table;
use super::listed::all;

/// Measure how far a plugin is from each identity that it should fulfil.
#[derive(Args)]
#[command(after_help = "\
Examples:
  firebrand plugins check full-rank
  firebrand plugins check libstudent_t.so
  firebrand plugins check 'mixture(components: 3)' --json

An algorithm is tried with every linked family that it takes, and with its default; Gaussian targets are for those that have every Gaussian.
Residuals are relative errors, standard errors or numbers of differences, as their tolerances are: see `firebrand_conformance`. What a plugin need
not fulfil, but users want to know, is `ok` or `no`. The status is 3 if a plugin fails.")]
pub struct CheckArgs {
    /// A family, an algorithm or a target by its name, with its options if any; or a shared library, for all that it has.
    #[arg(value_name = "FILE_OR_NAME")]
    plugin: String,
}

/// A plugin with its report.
#[derive(Serialize)]
struct Checked {
    kind: &'static str,
    name: String,
    source: &'static str,
    /// The family that an algorithm was tried with.
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<&'static str>,
    passed: bool,
    checks: Vec<Measured>,
}

/// One identity.
#[derive(Serialize)]
struct Measured {
    identity: &'static str,
    /// `null` where it is infinite: nothing could be measured.
    residual: f64,
    tolerance: f64,
    required: bool,
    passed: bool,
    detail: String,
}

/// Runs the subcommand.
pub fn run(args: &CheckArgs, json: bool, loaded: &[Loaded]) -> Result<(), Failure> {
    let plugins = chosen(&args.plugin, loaded)?;
    let mut out = io::stdout().lock();
    let mut checked = Vec::new();
    for (kind, name) in plugins {
        let measured = check(kind, &name)?;
        if measured.is_empty() && !json {
            writeln!(out, "{kind} {name}: no identities are measured of a {kind}")?;
        }
        for one in measured {
            if !json {
                print(&mut out, &one)?;
            }
            checked.push(one);
        }
    }
    if json {
        serde_json::to_writer_pretty(&mut out, &checked).map_err(io::Error::from)?;
        writeln!(out)?;
    }
    let failed: Vec<String> = checked
        .iter()
        .filter(|one| !one.passed)
        .map(|one| format!("{} `{}`", one.kind, one.name))
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::Conformance(failed.join(", ")))
}

/// Kind and name of what is to be checked: all that a file has, or all that has this name.
fn chosen(plugin: &str, loaded: &[Loaded]) -> Result<Vec<(&'static str, String)>, Failure> {
    let path = Path::new(plugin);
    if path.is_file() {
        return of_file(path, loaded);
    }
    let name = plugin.split('(').next().unwrap_or(plugin).trim();
    let all = all();
    let found = all.iter().filter(|listed| listed.name == name);
    let found: Vec<_> = found
        .map(|listed| (listed.kind, plugin.to_string()))
        .collect();
    if found.is_empty() {
        let nearest = nearest(name, all.iter().map(|listed| listed.name));
        let nearest = nearest.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"));
        return Err(Failure::Usage(format!(
            "there is no plugin or file `{name}`{nearest}; `firebrand plugins list` has all plugins"
        )));
    }
    Ok(found)
}

fn of_file(path: &Path, loaded: &[Loaded]) -> Result<Vec<(&'static str, String)>, Failure> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| PathBuf::from(path));
    // It may be on the path of plugins too; a second time its names would be taken.
    let known = loaded.iter().find(|one| real(&one.file) == real(path));
    let library = known.cloned().unwrap_or_else(|| boundary::load(path));
    let refused = library.refusals().into_iter().next();
    if let Some(refusal) = refused {
        let file = path.display();
        return Err(Failure::Usage(format!("{file} is refused: {refusal}")));
    }
    let plugins = library.plugins.into_iter().flatten();
    Ok(plugins.map(|plugin| (plugin.kind, plugin.name)).collect())
}

fn check(kind: &'static str, text: &str) -> Result<Vec<Checked>, Failure> {
    let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
    let checked = |family, report| checked(kind, text, family, report);
    match kind {
        "family" => {
            let made = registry::family(text).map_err(|error| usage(&error))?;
            Ok(vec![checked(
                None,
                measured(|| family::report(made.plugin.as_ref())),
            )])
        }
        "target" => {
            let made = registry::target(text).map_err(|error| usage(&error))?;
            Ok(vec![checked(
                None,
                measured(|| target::report(made.plugin.as_ref())),
            )])
        }
        "inference" => {
            let made = registry::inference(text).map_err(|error| usage(&error))?;
            let algorithm = made.plugin.as_ref();
            let families = taken_by(algorithm).map_err(|error| usage(&error))?;
            let report = |(name, family): Named| {
                let report = || inference::report(algorithm, family.as_ref());
                checked(Some(name), measured(report))
            };
            Ok(families.into_iter().map(report).collect())
        }
        // A source of targets only finds files. What networks fulfil depends on their sizes, which have no small defaults: their crate's
        // own tests look at it.
        _ => Ok(Vec::new()),
    }
}

/// A report; of a plugin that panics instead, one that says so.
fn measured(report: impl FnOnce() -> Report) -> Report {
    let panicked = |panic: Panic| {
        let mut report = Report::default();
        report.add([Check::impossible("no function panics", panic)]);
        report
    };
    caught(|| Ok(report()), panicked).unwrap_or_else(|report| report)
}

/// A family with its name in the registry.
type Named = (&'static str, Box<dyn Family>);

/// The linked families that an algorithm takes, and the one that it names as its default wherever that is from.
fn taken_by(algorithm: &dyn Inference) -> Result<Vec<Named>, OptionsError> {
    let mut taken = Vec::new();
    for family in registry::families() {
        let made = family.build("")?.plugin;
        let known = family.source == "linked" || family.name == algorithm.default_family();
        let missing = algorithm.requires().missing(&made.capabilities());
        if known && missing.is_none() {
            taken.push((family.name, made));
        }
    }
    Ok(taken)
}

fn checked(
    kind: &'static str,
    text: &str,
    family: Option<&'static str>,
    report: Report,
) -> Checked {
    let name = text.split('(').next().unwrap_or(text).trim();
    let source = match kind {
        "family" => source(&registry::families(), name),
        "target" => source(&registry::targets(), name),
        _ => source(&registry::inferences(), name),
    };
    let passed = report.failures().next().is_none();
    let measured = report.checks.into_iter().map(|check| Measured {
        identity: check.identity,
        residual: check.residual,
        tolerance: check.tolerance,
        required: check.required,
        passed: check.passed(),
        detail: check.detail,
    });
    Checked {
        kind,
        name: text.into(),
        source,
        family,
        passed,
        checks: measured.collect(),
    }
}

fn source<T: ?Sized>(plugins: &[&'static Registered<T>], name: &str) -> &'static str {
    let plugin = plugins.iter().find(|plugin| plugin.name == name);
    plugin.map_or("linked", |plugin| plugin.source)
}

fn print(out: &mut impl Write, checked: &Checked) -> io::Result<()> {
    let Checked {
        kind, name, source, ..
    } = checked;
    let with = checked
        .family
        .map_or_else(String::new, |family| format!(" with {family}"));
    writeln!(out, "{kind} {name}{with} ({source})")?;
    let mut table = table(&["  identity", "", "residual", "tolerance"], 2);
    for one in &checked.checks {
        let verdict = match (one.passed, one.required) {
            (true, _) => "ok",
            (false, true) => "FAILED",
            (false, false) => "no",
        };
        table.add_row([
            format!("  {}", one.identity),
            verdict.into(),
            format!("{:.1e}", one.residual),
            format!("{:.1e}", one.tolerance),
        ]);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    for one in checked.checks.iter().filter(|one| !one.passed) {
        writeln!(out, "  {}: {}", one.identity, one.detail)?;
    }
    writeln!(out)
}
