//! The ordered logistic distribution.

use firebrand_graph::{Array, Expr};

use super::categorical::{named, pick};
use super::glm::{Rows, linear_predictors};
use super::terms::unit;
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{finite, not_nan};
use crate::library::density::{known, sum_terms};
use crate::library::formula::Sheet;
use crate::value::{Ints, Value};

pub(in crate::library) const TABLE: &[Function] = &[
    Function::listed("ordered_logistic_lpmf", MASS, ordered_logistic),
    Function::listed("ordered_logistic_glm_lpmf", GLM, ordered_logistic_glm),
    Function::listed(
        "ordered_logistic_rng",
        &["int(real, vector)"],
        ordered_logistic_rng,
    ),
];

const MASS: &[&str] = &[
    "real(int, real, vector)",
    "real(array[] int, vector, vector)",
    "real(array[] int, vector, array[] vector)",
];
const GLM: &[&str] = &[
    "real(int, row_vector, vector, vector)",
    "real(int, matrix, vector, vector)",
    "real(array[] int, row_vector, vector, vector)",
    "real(array[] int, matrix, vector, vector)",
];

fn ordered_logistic(call: &mut Call) -> Result<Value, Failure> {
    let eta = call.real(1);
    call.check(&eta, finite("Location parameter"));
    let (outcomes, locations) = (call.dims(0), call.dims(1));
    if outcomes != locations {
        return Err(Failure::Wrong(format!(
            "{}: sizes {outcomes:?} and {locations:?} do not match (integers and locations)",
            call.name
        )));
    }
    let lanes = call.graph.shape(&eta)[0];
    let rows = outcomes.iter().product();
    let eta = call.graph.reshape(&eta, &[lanes, rows]);
    mass(call, &eta, 2)
}

fn ordered_logistic_glm(call: &mut Call) -> Result<Value, Failure> {
    let Rows { eta, .. } = linear_predictors(call, not_nan("Random variable"), 1, None, 2)?;
    let shape = call.graph.shape(&eta);
    let rows = call.dims(0).iter().product();
    let eta = call.graph.broadcast_to(&eta, &[shape[0], rows]);
    mass(call, &eta, 3)
}

/// log of inv_logit(eta - c[y - 1]) - inv_logit(eta - c[y]), with c[0] = -inf and c[K] = inf.
/// The locations eta are `[lanes|1, rows]`; the cut points are argument `i`.
fn mass(call: &mut Call, eta: &Expr, i: usize) -> Result<Value, Failure> {
    let (y, cuts) = (call.int(0), call.real(i));
    let rows = call.graph.shape(eta)[1];
    let cut_dims = call.dims(i);
    let count = cut_dims[cut_dims.len() - 1];
    if !named(call, &y, count + 1) {
        return Ok(Value::real(f64::NEG_INFINITY));
    }
    require_ordered(call, &cuts);
    if rows == 0 {
        return Ok(Value::real(0.0));
    }
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
        let picked = pick(graph, &x, &index);
        if own {
            graph.reshape(&picked, &[1, rows])
        } else {
            picked
        }
    });
    let terms = Sheet::over(graph, |sheet| {
        let [eta, below, above] = [eta, &below, &above].map(|x| sheet.num(x.clone()));
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
    let random = call.random()?;
    let data = (0..lanes).map(|lane| {
        let at = |x: &Array| if x.shape()[0] == 1 { 0 } else { lane };
        let (eta, first) = (eta.data()[at(&eta)], at(&cuts) * n);
        // The category is one more than the number of cut points below a logistic draw around the location.
        let u = unit(random.of(lane));
        let latent = eta + (u / (1.0 - u)).ln();
        1 + cuts.data()[first..first + n]
            .iter()
            .filter(|cut| **cut < latent)
            .count() as i64
    });
    Ok(Value::Int(Ints::new([lanes], data.collect())))
}
