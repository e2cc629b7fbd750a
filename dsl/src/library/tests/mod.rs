//! Tests of the table: against values computed elsewhere, and against each other.

mod containers;
mod densities;
mod edges;
mod factors;
mod functions;
mod integrals;
mod known_numbers;
mod linear;
mod random;
mod scores;
mod signatures;

use firebrand_graph::{Array, Expr, Graph, NodeId, Program};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{Call, Failure, Requirement, Streams, lookup};
use crate::types::Type;
use crate::value::{Ints, Value};

/// A row of a fixture. NaN and the infinities are written as text.
#[derive(Deserialize)]
struct Row {
    name: String,
    arguments: Vec<serde_json::Value>,
    value: serde_json::Value,
    gradient: Option<Vec<f64>>,
}

fn fixture(name: &str) -> Vec<Row> {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// An argument with its type.
#[derive(Clone, Debug)]
struct Argument(Value, Type);

fn int(x: i64) -> Argument {
    Argument(Value::Int(Ints::scalar(x)), Type::Int)
}

fn real(x: f64) -> Argument {
    Argument(Value::real(x), Type::Real)
}

fn ints(x: &[i64]) -> Argument {
    Argument(
        Value::Int(Ints::new([1, x.len()], x.to_vec())),
        Type::Int.array(),
    )
}

fn vector(x: &[f64]) -> Argument {
    Argument(
        Value::Real(Array::new([1, x.len()], x.to_vec()).into()),
        Type::Vector,
    )
}

fn row_vector(x: &[f64]) -> Argument {
    Argument(vector(x).0, Type::RowVector)
}

fn reals(x: &[f64]) -> Argument {
    Argument(vector(x).0, Type::Real.array())
}

fn matrix(rows: usize, columns: usize, x: &[f64]) -> Argument {
    Argument(
        Value::Real(Array::new([1, rows, columns], x.to_vec()).into()),
        Type::Matrix,
    )
}

/// One number for each lane.
fn lanes(x: &[f64]) -> Argument {
    Argument(
        Value::Real(Array::new([x.len()], x.to_vec()).into()),
        Type::Real,
    )
}

/// What a call gave and asked for.
#[derive(Debug)]
struct Outcome {
    value: Value,
    returns: Type,
    requirements: Vec<Requirement>,
}

fn call_in(
    graph: &mut Graph,
    name: &str,
    arguments: &[Argument],
    lanes: usize,
    rng: Option<&mut ChaCha8Rng>,
) -> Result<Outcome, Failure> {
    let function = lookup(name).unwrap_or_else(|| panic!("no function {name}"));
    let (values, types): (Vec<_>, Vec<_>) = arguments
        .iter()
        .map(|Argument(value, type_)| (value.clone(), type_.clone()))
        .unzip();
    let returns = function
        .signature
        .returns(&types)
        .unwrap_or_else(|| panic!("{name} of {types:?}"));
    let mut requirements = Vec::new();
    let mut call = Call {
        graph,
        name: function.name,
        arguments: &values,
        types: &types,
        requirements: &mut requirements,
        random: rng.map(Streams::shared),
        lanes,
    };
    let value = (function.evaluate)(&mut call)?;
    let rank = value.dims(graph).len();
    assert_eq!(rank, returns.rank(), "axes of {name}");
    assert_eq!(
        matches!(value, Value::Int(_)),
        returns.scalar() == Type::Int,
        "scalars of {name}"
    );
    Ok(Outcome {
        value,
        returns,
        requirements,
    })
}

/// The numbers of a function of known arguments, which must not reject.
fn evaluate(name: &str, arguments: &[Argument]) -> Vec<f64> {
    let outcome = call_in(&mut Graph::new(), name, arguments, 1, None).unwrap();
    assert!(
        outcome.requirements.is_empty(),
        "{name}: {:?}",
        outcome.requirements
    );
    outcome.value.to_reals().as_data().unwrap().data().to_vec()
}

/// The one number of a function of known arguments.
fn scalar(name: &str, arguments: &[Argument]) -> f64 {
    let numbers = evaluate(name, arguments);
    assert_eq!(numbers.len(), 1, "{name}");
    numbers[0]
}

/// Value, whether the draw is rejected, and gradient with respect to all reals, when they are parameters.
fn differentiate(name: &str, arguments: &[Argument]) -> (f64, bool, Vec<f64>) {
    let mut graph = Graph::new();
    let numbers: Vec<f64> = arguments
        .iter()
        .filter_map(|Argument(value, _)| match value {
            Value::Int(_) => None,
            Value::Real(x) => Some(x.as_data().unwrap().data().to_vec()),
        })
        .flatten()
        .collect();
    let input = graph.input(numbers.len(), true);
    let mut used = 0;
    let nodes: Vec<Argument> = arguments
        .iter()
        .map(|Argument(value, type_)| match value {
            Value::Int(_) => Argument(value.clone(), type_.clone()),
            Value::Real(x) => {
                let known = x.as_data().unwrap();
                let part = graph.slice(&input, 0, used, known.len());
                used += known.len();
                Argument(
                    Value::Real(graph.reshape(&part, known.shape())),
                    type_.clone(),
                )
            }
        })
        .collect();
    let outcome = call_in(&mut graph, name, &nodes, 1, None).unwrap();
    let total = graph.sum_all(&outcome.value.to_reals());
    let output = graph.node_of(&total);
    let mut outputs = vec![output, graph.gradient_of(output, &input)];
    for requirement in &outcome.requirements {
        outputs.push(graph.flat_node(&requirement.met));
    }
    let results = Program::interpret(&graph, &outputs).run_host(&[&numbers], 1);
    let rejected = results[2..].iter().flatten().any(|met| *met == 0.0);
    let mut gradient = results[1].clone();
    gradient.resize(numbers.len(), 0.0);
    (results[0][0], rejected, gradient)
}

trait Outputs {
    fn gradient_of(&mut self, output: NodeId, input: &Expr) -> NodeId;
    fn flat_node(&mut self, x: &Expr) -> NodeId;
}

impl Outputs for Graph {
    fn gradient_of(&mut self, output: NodeId, input: &Expr) -> NodeId {
        let gradient = self.gradient(output, &[input.as_node().unwrap()]).remove(0);
        self.node_of(&gradient)
    }

    fn flat_node(&mut self, x: &Expr) -> NodeId {
        let count = self.shape(x).iter().product();
        let flat = self.reshape(x, &[count]);
        self.node_of(&flat)
    }
}

/// An argument of a fixture: an int where it is written as one; a list is a vector or an array of ints, a list of lists
/// a matrix.
fn argument(x: &serde_json::Value) -> Argument {
    let Some(elements) = x.as_array() else {
        return x.as_i64().map_or_else(|| real(number(x)), int);
    };
    match elements[0].as_array() {
        Some(first) => {
            let numbers: Vec<f64> = elements
                .iter()
                .flat_map(|row| row.as_array().unwrap())
                .map(number)
                .collect();
            matrix(elements.len(), first.len(), &numbers)
        }
        None if elements.iter().all(|x| x.is_i64()) => ints(
            &elements
                .iter()
                .map(|x| x.as_i64().unwrap())
                .collect::<Vec<_>>(),
        ),
        None => vector(&elements.iter().map(number).collect::<Vec<_>>()),
    }
}

/// Sentences on the rows of a fixture whose values, or gradients when reals are parameters, are not those written.
fn wrong_rows(file: &str, value_tolerance: f64, gradient_tolerance: f64) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in fixture(file) {
        let arguments: Vec<_> = row.arguments.iter().map(argument).collect();
        let want = number(&row.value);
        let got = scalar(&row.name, &arguments);
        let place = format!(
            "{}({})",
            row.name,
            serde_json::Value::from(row.arguments.clone())
        );
        if !close(got, want, value_tolerance) {
            wrong.push(format!("{place} of data: {got}, not {want}"));
        }
        let Some(gradient) = row.gradient.filter(|gradient| !gradient.is_empty()) else {
            continue;
        };
        let (got, rejected, slopes) = differentiate(&row.name, &arguments);
        if rejected || !close(got, want, value_tolerance) {
            wrong.push(format!("{place} of parameters: {got}, not {want}"));
        }
        let same = slopes
            .iter()
            .zip(&gradient)
            .all(|(got, want)| close(*got, *want, gradient_tolerance));
        if !same || slopes.len() != gradient.len() {
            wrong.push(format!("{place}: gradient {slopes:?}, not {gradient:?}"));
        }
    }
    wrong
}

fn number(x: &serde_json::Value) -> f64 {
    match x.as_str() {
        Some(text) => text.parse().unwrap(),
        None => x.as_f64().unwrap(),
    }
}

fn close(got: f64, want: f64, tolerance: f64) -> bool {
    got == want
        || (got.is_nan() && want.is_nan())
        || (got - want).abs() <= tolerance * (1.0 + want.abs())
}
