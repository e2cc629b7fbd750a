//! `firebrand check`: is the model right, and what does it declare?

use std::io::{self, Write};

use clap::Args;
use comfy_table::Table;
use firebrand::core::{Parameter, Placement, Target};
use firebrand::dsl::hir::{Declaration, Statement, StatementKind};
use firebrand::dsl::{Model, Posterior};

use super::Failure;
use super::declared::type_text;
use super::inputs::{Source, compile, read_model};
use super::table::table;

/// Check a model, and its data if given, without fitting it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  firebrand check eight_schools.stan
  firebrand check eight_schools.stan --data eight_schools.json
  firebrand check posteriordb:arK-arK --posteriordb ~/posteriordb

Diagnostics go to standard error. If there are no errors, what the model declares follows.")]
pub struct CheckArgs {
    #[command(flatten)]
    source: Source,
}

/// Runs the subcommand.
pub fn run(args: &CheckArgs) -> Result<(), Failure> {
    let files = args.source.place()?.files;
    let model = read_model(&files.model)?;
    let posterior = match files.data.as_deref() {
        None if !model.program().data.is_empty() => None,
        data => Some(compile(&model, data, &Placement::cpu(), None)?),
    };
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{}",
        declarations(&model, posterior.as_ref()).trim_fmt()
    )?;
    writeln!(out)?;
    match posterior {
        Some(posterior) => {
            let size = posterior.size();
            writeln!(out, "unconstrained dimension: {}", posterior.dimension())?;
            writeln!(
                out,
                "tensor operations: {} in the source, {} in the program for log density and score",
                size.source_operations, size.nodes
            )?;
        }
        None => writeln!(
            out,
            "sizes follow from the data: add `--data FILE` to see them"
        )?,
    }
    Ok(())
}

/// What each block declares; with its shape where the sizes are known.
fn declarations(model: &Model, posterior: Option<&Posterior>) -> Table {
    let program = model.program();
    let data: Vec<&Declaration> = program.data.iter().collect();
    let parameters: Vec<&Declaration> = program.parameters.iter().collect();
    let blocks = [
        ("data", data),
        ("parameters", parameters),
        (
            "transformed parameters",
            declared(&program.transformed_parameters),
        ),
        (
            "generated quantities",
            declared(&program.generated_quantities),
        ),
    ];
    let mut headings = vec!["block", "name", "type"];
    if posterior.is_some() {
        headings.extend(["shape", "unconstrained"]);
    }
    let mut table = table(&headings, 4);
    for (block, declarations) in blocks {
        for declaration in declarations {
            let type_ = type_text(&declaration.type_, model.sources());
            let mut row = vec![block.to_string(), declaration.name.clone(), type_];
            let sized = posterior.and_then(|posterior| parameter(posterior, &declaration.name));
            if let Some(parameter) = sized {
                let unconstrained = if block == "parameters" {
                    parameter.unconstrained.to_string()
                } else {
                    String::new()
                };
                row.extend([shape(&parameter.shape), unconstrained]);
            }
            table.add_row(row);
        }
    }
    table
}

fn declared(statements: &[Statement]) -> Vec<&Declaration> {
    fn declaration(statement: &Statement) -> Option<&Declaration> {
        match &statement.kind {
            StatementKind::Declare(declaration, _) => Some(declaration),
            _ => None,
        }
    }
    statements.iter().filter_map(declaration).collect()
}

fn parameter<'a>(posterior: &'a Posterior, name: &str) -> Option<&'a Parameter> {
    posterior
        .parameters()
        .iter()
        .find(|parameter| parameter.name == name)
}

fn shape(sizes: &[usize]) -> String {
    match sizes {
        [] => "scalar".into(),
        sizes => sizes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" x "),
    }
}
