//! Distributions of one of several categories, ordered or not.

use firebrand_graph::{Array, Expr, Graph, Index};

use super::simplex::require_simplex;
use super::terms::unit;
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::density::{finite, known, sum_terms};
use crate::library::formula::Sheet;
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
    Function::listed("categorical_logit_rng", RANDOM, |call| {
        let beta = call.real(0);
        call.check(&beta, finite("Log odds parameter"));
        categorical_rng(call, softmax)
    }),
    Function::listed("ordered_logistic_lpmf", ORDERED, ordered_logistic),
    Function::listed(
        "ordered_logistic_rng",
        &["int(real, vector)"],
        ordered_logistic_rng,
    ),
];

const MASS: &[&str] = &["real(int, vector)", "real(array[] int, vector)"];
const RANDOM: &[&str] = &["int(vector)"];
const ORDERED: &[&str] = &[
    "real(int, real, vector)",
    "real(array[] int, vector, vector)",
    "real(array[] int, vector, array[] vector)",
];

fn categorical(call: &mut Call) -> Result<Value, Failure> {
    let theta = call.real(1);
    require_simplex(call, &theta, "Probabilities parameter");
    let logs = call.graph.log(&theta);
    chosen(call, &logs)
}

fn categorical_logit(call: &mut Call) -> Result<Value, Failure> {
    let beta = call.real(1);
    call.check(&beta, finite("log odds parameter"));
    let logs = log_softmax(call.graph, &beta);
    chosen(call, &logs)
}

/// The sum of the logs `[lanes|1, categories]` of the categories that argument 0 names, for each lane.
fn chosen(call: &mut Call, logs: &Expr) -> Result<Value, Failure> {
    let y = call.int(0);
    let categories = call.graph.shape(logs)[1];
    if !named(call, &y, categories) {
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
        let logs = take(call.graph, logs, 1, &present);
        let total = call.graph.matmul(&logs, &counts.into());
        let lanes = call.graph.shape(&total)[0];
        return Ok(Value::Real(call.graph.reshape(&total, &[lanes])));
    }
    let picked = pick(call.graph, logs, &y, 0);
    let total = if rows > 1 {
        call.graph.sum(&picked, 1)
    } else {
        picked
    };
    let lanes = call.graph.shape(&total)[0];
    Ok(Value::Real(call.graph.reshape(&total, &[lanes])))
}

/// Whether all of `y` are among 1 to `categories`; else no draw is valid.
fn named(call: &mut Call, y: &Ints, categories: usize) -> bool {
    let Some(bad) = y.data.iter().find(|y| **y < 1 || **y > categories as i64) else {
        return true;
    };
    let (name, bad) = (call.name, *bad);
    call.require(0.0.into(), || {
        format!("{name}: Random variable is {bad}, but must be in the interval [1, {categories}]")
    });
    false
}

/// The elements of `x`, `[lanes|1, categories]`, at `y + offset - 1`, where y is `[lanes|1, rows]` (or `[lanes|1]`):
/// `[lanes, rows]`.
fn pick(graph: &mut Graph, x: &Expr, y: &Ints, offset: usize) -> Expr {
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
            .map(move |y| (base * categories + *y as usize + offset - 1) as u32)
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
    let rng = call.rng()?;
    let data = (0..lanes).map(|lane| {
        let lane = if shared { 0 } else { lane };
        let weights = weights(&parameter.data()[lane * n..(lane + 1) * n]);
        invert(&weights, unit(rng))
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

fn softmax(logs: &[f64]) -> Vec<f64> {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logs.iter().map(|x| (x - largest).exp()).collect()
}

/// log of inv_logit(eta - c[y - 1]) - inv_logit(eta - c[y]), with c[0] = -inf and c[K] = inf.
fn ordered_logistic(call: &mut Call) -> Result<Value, Failure> {
    let y = call.int(0);
    let (eta, cuts) = (call.real(1), call.real(2));
    call.check(&eta, finite("Location parameter"));
    let rows: usize = y.dims().iter().product();
    if rows != call.dims(1).iter().product::<usize>() {
        let (left, right) = (call.dims(0), call.dims(1));
        return Err(Failure::Wrong(format!(
            "{}: sizes {left:?} and {right:?} do not match (integers and locations)",
            call.name
        )));
    }
    let cut_dims = call.dims(2);
    let count = cut_dims[cut_dims.len() - 1];
    if !named(call, &y, count + 1) {
        return Ok(Value::real(f64::NEG_INFINITY));
    }
    require_ordered(call, &cuts);
    if rows == 0 {
        return Ok(Value::real(0.0));
    }
    let shape = call.graph.shape(&eta);
    let eta = call.graph.reshape(&eta, &[shape[0], rows]);
    // Each row's own cut points, or those of all rows: as lanes, so that one index serves both.
    let own = cut_dims.len() == 2;
    let cut_lanes = call.graph.shape(&cuts)[0];
    if own && cut_dims[0] != rows {
        return Err(Failure::Wrong(format!(
            "{}: {} sets of cut points for {rows} rows",
            call.name, cut_dims[0]
        )));
    }
    if own && (cut_lanes > 1 || y.lanes() > 1) {
        return Err(Failure::Unsupported(format!(
            "{}: several sets of cut points in a loop",
            call.name
        )));
    }
    let sets = if own { rows } else { cut_lanes };
    let graph = &mut *call.graph;
    let cuts = graph.reshape(&cuts, &[sets, count]);
    let end = |sign: f64| Expr::Data(Array::full([sets, 1], sign * f64::INFINITY));
    let padded = graph.concat(&[end(-1.0), cuts, end(1.0)], 1);
    let below = graph.slice(&padded, 1, 0, count + 1);
    let above = graph.slice(&padded, 1, 1, count + 1);
    let gap = graph.sub(&below, &above);
    let gap = graph.unary(firebrand_graph::Unary::Log1mExp, &gap);
    let index = if own {
        Ints::new([rows, 1], y.data.to_vec())
    } else {
        y
    };
    let [below, above, gap] = [below, above, gap].map(|x| {
        let picked = pick(graph, &x, &index, 0);
        if own {
            graph.reshape(&picked, &[1, rows])
        } else {
            picked
        }
    });
    let terms = Sheet::over(graph, |sheet| {
        let [eta, below, above] = [&eta, &below, &above].map(|x| sheet.num(x.clone()));
        [-(&eta - above).log1p_exp(), -(below - eta).log1p_exp()].map(|term| term.expr().clone())
    });
    let [first, second] = terms;
    Ok(Value::Real(sum_terms(
        call.graph,
        &[first, second, gap],
        rows,
    )))
}

fn require_ordered(call: &mut Call, cuts: &Expr) {
    let shape = call.graph.shape(cuts);
    let axis = shape.len() - 1;
    call.check(cuts, finite("Cut-points"));
    if shape[axis] < 2 {
        return;
    }
    let smaller = call.graph.slice(cuts, axis, 0, shape[axis] - 1);
    let larger = call.graph.slice(cuts, axis, 1, shape[axis] - 1);
    let met = call.less(&smaller, &larger);
    let name = call.name;
    call.require(met, || {
        format!("{name}: Cut-points must be in ascending order")
    });
}

fn ordered_logistic_rng(call: &mut Call) -> Result<Value, Failure> {
    let (eta, cuts) = (call.real(0), call.real(1));
    call.check(&eta, finite("Location parameter"));
    require_ordered(call, &cuts);
    let (eta, cuts) = (known(call, &eta)?, known(call, &cuts)?);
    let (lanes, n) = (call.lanes, cuts.shape()[1]);
    let rng = call.rng()?;
    let data = (0..lanes).map(|lane| {
        let at = |x: &Array| if x.shape()[0] == 1 { 0 } else { lane };
        let (eta, first) = (eta.data()[at(&eta)], at(&cuts) * n);
        // The category is one more than the number of cut points below a logistic draw around the location.
        let u = unit(rng);
        let latent = eta + (u / (1.0 - u)).ln();
        1 + cuts.data()[first..first + n]
            .iter()
            .filter(|cut| **cut < latent)
            .count() as i64
    });
    Ok(Value::Int(Ints::new([lanes], data.collect())))
}
