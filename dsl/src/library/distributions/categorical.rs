//! Distributions of one of several categories, ordered or not.

use firebrand_graph::{Array, Expr, Graph, Index};

use super::simplex::require_simplex;
use super::terms::{softmax, unit};
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::finite;
use crate::library::density::known;
use crate::library::functions::{log_softmax, take};
use crate::value::{Ints, Value};

pub(in crate::library) const TABLE: &[Function] = &[
    Function::listed("categorical_lpmf", MASS, categorical),
    Function::listed("categorical_rng", RANDOM, |call| {
        let theta = call.real(0);
        require_simplex(call, &theta, "Probabilities parameter");
        categorical_rng(call, <[f64]>::to_vec)
    }),
    Function::listed("categorical_logit_lpmf", MASS, categorical_logit),
    Function::listed("categorical_logit_glm_lpmf", GLM, categorical_logit_glm),
    Function::listed("categorical_logit_rng", RANDOM, |call| {
        let beta = call.real(0);
        call.check(&beta, finite("Log odds parameter"));
        categorical_rng(call, softmax)
    }),
];

const MASS: &[&str] = &["real(int, vector)", "real(array[] int, vector)"];
const GLM: &[&str] = &[
    "real(int, row_vector, vector, matrix)",
    "real(int, matrix, vector, matrix)",
    "real(array[] int, row_vector, vector, matrix)",
    "real(array[] int, matrix, vector, matrix)",
];
const RANDOM: &[&str] = &["int(vector)"];

fn categorical(call: &mut Call) -> Result<Value, Failure> {
    let theta = call.real(1);
    require_simplex(call, &theta, "Probabilities parameter");
    // Logarithms of what is chosen only: other categories may have no chance at all.
    chosen(call, &call.int(0), &theta, Graph::log)
}

fn categorical_logit(call: &mut Call) -> Result<Value, Failure> {
    let beta = call.real(1);
    call.check(&beta, finite("log odds parameter"));
    let logs = log_softmax(call.graph, &beta);
    chosen(call, &call.int(0), &logs, as_they_are)
}

/// Log odds alpha + x beta, a row of them for each row of x.
fn categorical_logit_glm(call: &mut Call) -> Result<Value, Failure> {
    let y = call.int(0);
    let (x, alpha, beta) = (call.real(1), call.real(2), call.real(3));
    let (x_dims, beta_dims) = (call.dims(1), call.dims(3));
    let (rows, columns) = if x_dims.len() == 1 {
        (1, x_dims[0])
    } else {
        (x_dims[0], x_dims[1])
    };
    let outcomes: usize = y.dims().iter().product();
    if columns != beta_dims[0] || call.dims(2)[0] != beta_dims[1] || (rows > 1 && outcomes != rows)
    {
        return Err(Failure::Wrong(format!(
            "{}: {outcomes} outcomes, predictors {x_dims:?}, {} intercepts and weights {beta_dims:?} do not match",
            call.name,
            call.dims(2)[0]
        )));
    }
    call.check(&x, finite("Matrix of independent variables"));
    call.check(&alpha, finite("Intercept"));
    call.check(&beta, finite("Weight vector"));
    let graph = &mut *call.graph;
    if [&x, &alpha, &beta].iter().any(|x| graph.shape(x)[0] > 1) || y.lanes() > 1 {
        return Err(Failure::Unsupported(format!("{} in a loop", call.name)));
    }
    let x = graph.reshape(&x, &[rows, columns]);
    let beta = graph.reshape(&beta, &beta_dims);
    let product = graph.matmul(&x, &beta);
    let eta = graph.add(&product, &alpha);
    let logs = log_softmax(graph, &eta);
    if rows < outcomes {
        return chosen(call, &y, &logs, as_they_are);
    }
    // One outcome for each row, as lanes; then all of them.
    let each = Ints::new([outcomes], y.data.to_vec());
    let each = chosen(call, &each, &logs, as_they_are)?.to_reals();
    let total = call.graph.sum_all(&each);
    Ok(Value::Real(call.graph.reshape(&total, &[1])))
}

fn as_they_are(_: &mut Graph, logs: &Expr) -> Expr {
    logs.clone()
}

/// The sum of the logs, made by `log` of `x`, `[lanes|1, categories]`, of the categories that y names, for each lane.
fn chosen(
    call: &mut Call,
    y: &Ints,
    x: &Expr,
    log: fn(&mut Graph, &Expr) -> Expr,
) -> Result<Value, Failure> {
    let categories = call.graph.shape(x)[1];
    if !named(call, y, categories) {
        return Ok(Value::real(f64::NEG_INFINITY));
    }
    let rows: usize = y.dims().iter().product();
    // Many rows that share their logs are as many as each category has of them.
    if y.lanes() == 1 && rows > 1 {
        let mut counts = vec![0.0; categories];
        y.data.iter().for_each(|y| counts[*y as usize - 1] += 1.0);
        let present: Index = (0..categories as u32)
            .filter(|k| counts[*k as usize] > 0.0)
            .collect();
        let counts = Array::new(
            [present.len(), 1],
            present.iter().map(|k| counts[*k as usize]).collect(),
        );
        let present = take(call.graph, x, 1, &present);
        let logs = log(call.graph, &present);
        let total = call.graph.matmul(&logs, &counts.into());
        let lanes = call.graph.shape(&total)[0];
        return Ok(Value::Real(call.graph.reshape(&total, &[lanes])));
    }
    let picked = pick(call.graph, x, y);
    let picked = log(call.graph, &picked);
    let total = if rows > 1 {
        call.graph.sum(&picked, 1)
    } else {
        picked
    };
    let lanes = call.graph.shape(&total)[0];
    Ok(Value::Real(call.graph.reshape(&total, &[lanes])))
}

/// Whether all of `y` are among 1 to `categories`; else no draw is valid.
pub(super) fn named(call: &mut Call, y: &Ints, categories: usize) -> bool {
    let Some(bad) = y.data.iter().find(|y| **y < 1 || **y > categories as i64) else {
        return true;
    };
    let (name, bad) = (call.name, *bad);
    call.require(0.0.into(), || {
        format!("{name}: Random variable is {bad}, but must be in the interval [1, {categories}]")
    });
    false
}

/// The elements of `x`, `[lanes|1, categories]`, that y, `[lanes|1, rows]` or `[lanes|1]`, names: `[lanes, rows]`.
pub(super) fn pick(graph: &mut Graph, x: &Expr, y: &Ints) -> Expr {
    let shape = graph.shape(x);
    let (lanes, categories) = (shape[0].max(y.lanes()), shape[1]);
    let rows: usize = y.dims().iter().product();
    let row = |lane: usize| {
        let (from, base) = (
            if y.lanes() == 1 { 0 } else { lane },
            if shape[0] == 1 { 0 } else { lane },
        );
        y.data[from * rows..(from + 1) * rows]
            .iter()
            .map(move |y| (base * categories + *y as usize - 1) as u32)
    };
    let index: Index = (0..lanes).flat_map(row).collect();
    let flat = graph.reshape(x, &[shape[0] * categories]);
    let picked = graph.gather(&flat, &index);
    graph.reshape(&picked, &[lanes, rows])
}

/// Random categories by inversion, of weights that `weights` makes of the argument.
fn categorical_rng(call: &mut Call, weights: fn(&[f64]) -> Vec<f64>) -> Result<Value, Failure> {
    let parameter = known(call, &call.real(0))?;
    let n = parameter.shape()[1];
    let lanes = call.lanes;
    let shared = parameter.shape()[0] == 1;
    let random = call.random()?;
    let data = (0..lanes).map(|lane| {
        let row = if shared { 0 } else { lane };
        let weights = weights(&parameter.data()[row * n..(row + 1) * n]);
        invert(&weights, unit(random.of(lane)))
    });
    Ok(Value::Int(Ints::new([lanes], data.collect())))
}

/// The category, from 1, in which a share `u` of the sum of all weights is reached.
pub(super) fn invert(weights: &[f64], u: f64) -> i64 {
    let goal = u * weights.iter().sum::<f64>();
    let mut sum = 0.0;
    let reached = weights.iter().position(|weight| {
        sum += weight;
        sum >= goal && *weight > 0.0
    });
    reached.unwrap_or(weights.len().saturating_sub(1)) as i64 + 1
}
