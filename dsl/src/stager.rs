//! The stages from a checked program and its data to a graph, in order.

use std::sync::Arc;

use firebrand_core::{Block, Parameter};
use firebrand_graph::{Expr, Graph, Index, Shape};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

#[cfg(test)]
use crate::data::{Data, bind};
use crate::diagnostics::Diagnostic;
#[cfg(test)]
use crate::hir;
use crate::hir::{Declaration, Element, Slot, Statement, StatementKind};
use crate::library::Requirement;
use crate::stage::{Built, Interpreter, StageError, Stop};
use crate::syntax::Span;
use crate::transform;
use crate::value::Value;

/// A program run with its data known.
pub(crate) struct Staged {
    pub graph: Graph,
    /// The unconstrained vector.
    pub theta: Expr,
    pub dimension: usize,
    /// A scalar.
    pub log_density: Expr,
    pub requirements: Vec<Requirement>,
    /// Parameters, then transformed parameters.
    pub parameters: Vec<Parameter>,
    /// Their values, joined: one vector, in the order of their columns.
    pub constrained: Expr,
    /// Data and transformed data.
    pub environment: Vec<(Slot, Value)>,
    pub networks: Networks,
    pub printed: Vec<String>,
}

/// The networks of a program, and where their weights are in the unconstrained vector.
#[derive(Clone, Debug, Default)]
pub(crate) struct Networks {
    pub built: Arc<Vec<Built>>,
    /// For each, its slot and the first of its weights.
    pub places: Vec<(Slot, usize)>,
}

impl Networks {
    /// The networks with their places.
    pub fn iter(&self) -> impl Iterator<Item = (&Built, Slot, usize)> {
        let places = self.places.iter();
        places
            .zip(&*self.built)
            .map(|((slot, first), built)| (built, *slot, *first))
    }
}

/// The seed of random numbers in transformed data: the same on every run, so that a model is one posterior.
const TRANSFORMED_DATA_SEED: u64 = 0;

/// Runs a program with its data known.
///
/// # Errors
/// Data that contradicts its declaration, and what is wrong or not supported with this data.
#[cfg(test)]
pub(crate) fn stage(program: &Arc<hir::Program>, data: &Data) -> Result<Staged, Vec<Diagnostic>> {
    stage_as(program, data, true)
}

/// [`stage`], with loops in lanes or one iteration after the other.
#[cfg(test)]
pub(crate) fn stage_as(
    program: &Arc<hir::Program>,
    data: &Data,
    in_lanes: bool,
) -> Result<Staged, Vec<Diagnostic>> {
    let mut interpreter = Interpreter::new(program);
    interpreter.in_lanes = in_lanes;
    bind(&mut interpreter, &program.data, data, &|_| false)?;
    let environment = run_data(&mut interpreter)?;
    interpreter.build_networks(data).map_err(one)?;
    stage_blocks(interpreter, environment, true)
}

/// Runs the blocks of a program whose data have been run, the model block if `with_model`; without it the log density is that of
/// the parameters' transforms alone.
pub(crate) fn stage_blocks(
    mut interpreter: Interpreter<'_>,
    environment: Vec<(Slot, Value)>,
    with_model: bool,
) -> Result<Staged, Vec<Diagnostic>> {
    let Unfolded {
        theta,
        dimension,
        parameters,
        values,
        networks,
    } = run_parameters(&mut interpreter, None)?;
    if with_model {
        let program = interpreter.program;
        interpreter.run(&program.model).map_err(from_error)?;
    }
    let log_density = interpreter.target();
    let requirements = interpreter.take_requirements();
    let printed = interpreter.take_printed();
    let mut graph = interpreter.graph;
    let constrained = joined(&mut graph, &values);
    Ok(Staged {
        graph,
        theta,
        dimension,
        log_density,
        requirements,
        parameters,
        constrained,
        environment,
        networks,
        printed,
    })
}

/// Runs transformed data; gives the values of data and transformed data.
pub(crate) fn run_data(
    interpreter: &mut Interpreter<'_>,
) -> Result<Vec<(Slot, Value)>, Vec<Diagnostic>> {
    let program = interpreter.program;
    interpreter.set_rng(ChaCha8Rng::seed_from_u64(TRANSFORMED_DATA_SEED));
    interpreter
        .run(&program.transformed_data)
        .map_err(from_error)?;
    check_block(interpreter, &program.transformed_data).map_err(one)?;
    if let Some(broken) = interpreter.take_requirements().first() {
        let span = program
            .transformed_data
            .first()
            .map(|statement| statement.span)
            .unwrap_or_default();
        let message = format!("transformed data: {}", broken.message);
        return Err(vec![Diagnostic::error(span, message)]);
    }
    interpreter.generators.clear();
    let known = program
        .data
        .iter()
        .map(|d| d.slot)
        .chain(declared_slots(&program.transformed_data));
    Ok(known
        .collect::<Vec<_>>()
        .into_iter()
        .filter_map(|slot| Some((slot, interpreter.get(slot)?)))
        .collect())
}

/// Parameters and transformed parameters, out of the unconstrained vector.
pub(crate) struct Unfolded {
    /// The unconstrained vector.
    pub theta: Expr,
    pub dimension: usize,
    /// Parameters, then transformed parameters.
    pub parameters: Vec<Parameter>,
    /// Their values, each a vector in the order of its columns.
    pub values: Vec<Expr>,
    pub networks: Networks,
}

/// Runs parameters and transformed parameters, of the unconstrained vector `theta` or of a new input.
pub(crate) fn run_parameters(
    interpreter: &mut Interpreter<'_>,
    theta: Option<&Expr>,
) -> Result<Unfolded, Vec<Diagnostic>> {
    let program = interpreter.program;
    let root = interpreter.root();
    let mut sizes = Vec::new();
    for parameter in &program.parameters {
        let dims = interpreter.dims_of(&parameter.type_, &root).map_err(one)?;
        let size = transform::unconstrained_size(interpreter, parameter, &dims).map_err(one)?;
        sizes.push((dims, size));
    }
    let dimension = sizes.iter().map(|(_, size)| size).sum();
    let theta = match theta {
        Some(theta) => theta.clone(),
        None => interpreter.graph.input(dimension, true),
    };
    let mut parameters = Vec::new();
    let mut values = Vec::new();
    let mut places = Vec::new();
    let mut start = 0;
    for (parameter, (dims, size)) in program.parameters.iter().zip(&sizes) {
        if let Element::Weights(_) = parameter.type_.element {
            let weights = interpreter.graph.slice(&theta, 0, start, *size);
            let weights = interpreter.graph.reshape(&weights, &[1, *size]);
            interpreter.set(parameter.slot, Value::Real(weights));
            parameters.push(Parameter::weights(&parameter.name, *size));
            places.push((parameter.slot, start));
            start += size;
            continue;
        }
        let part = slice(&mut interpreter.graph, &theta, start, *size);
        start += size;
        let constrained =
            transform::constrain(interpreter, parameter, dims, &part, &root).map_err(one)?;
        if let Some(log_jacobian) = constrained.log_jacobian {
            let log_jacobian = Value::Real(log_jacobian);
            interpreter.add_value_to_target(&log_jacobian, Span::default(), &root);
        }
        values.push(by_columns(&mut interpreter.graph, &constrained.value));
        interpreter.set(parameter.slot, Value::Real(constrained.value));
        parameters.push(Parameter {
            name: parameter.name.clone(),
            shape: dims.to_vec(),
            block: Block::Parameters,
            unconstrained: *size,
            weights: false,
        });
    }
    interpreter
        .run(&program.transformed_parameters)
        .map_err(from_error)?;
    check_block(interpreter, &program.transformed_parameters).map_err(one)?;
    for declaration in declarations(&program.transformed_parameters) {
        let Some(value) = interpreter.get(declaration.slot) else {
            continue;
        };
        let shape = value.dims(&interpreter.graph).to_vec();
        values.push(by_columns(&mut interpreter.graph, &value.to_reals()));
        parameters.push(Parameter {
            name: declaration.name.clone(),
            shape,
            block: Block::TransformedParameters,
            unconstrained: 0,
            weights: false,
        });
    }
    Ok(Unfolded {
        theta,
        dimension,
        parameters,
        values,
        networks: Networks {
            built: Arc::clone(&interpreter.networks),
            places,
        },
    })
}

/// Vectors as one.
pub(crate) fn joined(graph: &mut Graph, values: &[Expr]) -> Expr {
    match values {
        [] => firebrand_graph::Array::vector(Vec::new()).into(),
        values => graph.concat(values, 0),
    }
}

pub(crate) fn one(stop: Stop) -> Vec<Diagnostic> {
    vec![diagnostic(stop)]
}

pub(crate) fn from_error(error: StageError) -> Vec<Diagnostic> {
    vec![error_diagnostic(error)]
}

/// Rejects what breaks the constraints of a block's own variables.
fn check_block(interpreter: &mut Interpreter, statements: &[Statement]) -> Result<(), Stop> {
    declarations(statements).try_for_each(|declaration| interpreter.check_constraint(declaration))
}

/// The declarations at the top of a block.
pub(crate) fn declarations(statements: &[Statement]) -> impl Iterator<Item = &Declaration> {
    statements
        .iter()
        .filter_map(|statement| match &statement.kind {
            StatementKind::Declare(declaration, _) => Some(&**declaration),
            _ => None,
        })
}

fn declared_slots(statements: &[Statement]) -> impl Iterator<Item = Slot> {
    declarations(statements).map(|declaration| declaration.slot)
}

fn slice(graph: &mut Graph, theta: &Expr, start: usize, size: usize) -> Expr {
    if size == 0 {
        return firebrand_graph::Array::vector(Vec::new()).into();
    }
    let index: Index = (start as u32..(start + size) as u32).collect();
    graph.gather(theta, &index)
}

/// The elements of a value of one lane as a vector, the first index fastest, as in Stan's output.
fn by_columns(graph: &mut Graph, value: &Expr) -> Expr {
    let shape: Shape = graph.shape(value);
    let own: Shape = shape[1..].iter().copied().collect();
    let count: usize = own.iter().product();
    let value = graph.reshape(value, &own);
    let axes: Vec<usize> = (0..own.len()).rev().collect();
    let value = graph.permute(&value, &axes);
    graph.reshape(&value, &[count])
}

pub(crate) fn diagnostic(stop: Stop) -> Diagnostic {
    match stop {
        Stop::Error(error) => error_diagnostic(error),
        Stop::Dependence(..) => unreachable!("every loop takes its own remedies"),
        Stop::Interrupted => unreachable!("only generated quantities are interrupted"),
    }
}

pub(crate) fn error_diagnostic(error: StageError) -> Diagnostic {
    let label = if error.unsupported {
        "not supported yet"
    } else {
        "here"
    };
    Diagnostic::error(error.span, error.message).label(label)
}
