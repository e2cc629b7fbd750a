//! Generalised linear models: a density of y given intercepts and coefficients of a matrix of predictors.

use firebrand_graph::{Expr, sigmoid};

use super::terms::{
    bernoulli_logit_terms, binomial_logit_terms, neg_binomial_2_log_terms, normal_terms,
    poisson_log_terms, unit,
};
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{Argument, binary, finite, nonnegative, positive_finite};
use crate::library::density::{known, total_of};
use crate::types::Type;
use crate::value::{Ints, Value};

pub(in crate::library) const TABLE: &[Function] = &[
    Function::listed("normal_id_glm_lpdf", NORMAL, normal_id),
    Function::listed("bernoulli_logit_glm_lpmf", INTS, bernoulli_logit),
    Function::listed("bernoulli_logit_glm_rng", RANDOM, bernoulli_logit_rng),
    Function::listed("binomial_logit_glm_lpmf", BINOMIAL, binomial_logit),
    Function::listed("poisson_log_glm_lpmf", INTS, poisson_log),
    Function::listed(
        "neg_binomial_2_log_glm_lpmf",
        NEG_BINOMIAL,
        neg_binomial_2_log,
    ),
];

const NORMAL: &[&str] = &[
    "real(vector, matrix, real, vector, real)",
    "real(vector, matrix, vector, vector, real)",
    "real(vector, matrix, real, vector, vector)",
    "real(vector, matrix, vector, vector, vector)",
    "real(real, matrix, real, vector, real)",
    "real(real, matrix, vector, vector, real)",
    "real(real, matrix, real, vector, vector)",
    "real(real, matrix, vector, vector, vector)",
    "real(vector, row_vector, real, vector, real)",
    "real(vector, row_vector, vector, vector, real)",
    "real(vector, row_vector, real, vector, vector)",
    "real(vector, row_vector, vector, vector, vector)",
];
const INTS: &[&str] = &[
    "real(array[] int, matrix, real, vector)",
    "real(array[] int, matrix, vector, vector)",
    "real(int, matrix, real, vector)",
    "real(int, matrix, vector, vector)",
    "real(array[] int, row_vector, real, vector)",
    "real(array[] int, row_vector, vector, vector)",
];
const RANDOM: &[&str] = &[
    "array[] int(matrix, vector, vector)",
    "array[] int(row_vector, vector, vector)",
];
const BINOMIAL: &[&str] = &[
    "real(array[] int, array[] int, matrix, real, vector)",
    "real(array[] int, array[] int, matrix, vector, vector)",
    "real(int, array[] int, matrix, real, vector)",
    "real(int, array[] int, matrix, vector, vector)",
    "real(array[] int, int, matrix, real, vector)",
    "real(array[] int, int, matrix, vector, vector)",
    "real(int, int, matrix, real, vector)",
    "real(int, int, matrix, vector, vector)",
    "real(array[] int, array[] int, row_vector, real, vector)",
    "real(array[] int, array[] int, row_vector, vector, vector)",
];
const NEG_BINOMIAL: &[&str] = &[
    "real(array[] int, matrix, real, vector, real)",
    "real(array[] int, matrix, vector, vector, real)",
    "real(array[] int, matrix, real, vector, vector)",
    "real(array[] int, matrix, vector, vector, vector)",
    "real(int, matrix, real, vector, real)",
    "real(int, matrix, vector, vector, real)",
    "real(int, matrix, real, vector, vector)",
    "real(int, matrix, vector, vector, vector)",
    "real(array[] int, row_vector, real, vector, real)",
    "real(array[] int, row_vector, vector, vector, real)",
    "real(array[] int, row_vector, real, vector, vector)",
    "real(array[] int, row_vector, vector, vector, vector)",
];

fn normal_id(call: &mut Call) -> Result<Value, Failure> {
    let Rows { rows, y, eta } = rows(call, finite("Vector of dependent variables"))?;
    let sigma = row_argument(call, 4, rows, positive_finite("Scale vector"))?;
    total_of(call, rows, |sheet| {
        normal_terms(&sheet.num(y), &sheet.num(eta), &sheet.num(sigma))
    })
}

fn bernoulli_logit(call: &mut Call) -> Result<Value, Failure> {
    let Rows { rows, y, eta } = rows(call, binary("Vector of dependent variables"))?;
    total_of(call, rows, |sheet| {
        bernoulli_logit_terms(&sheet.num(y), &sheet.num(eta))
    })
}

fn binomial_logit(call: &mut Call) -> Result<Value, Failure> {
    let Rows { rows, y, eta } =
        linear_predictors(call, nonnegative("Successes variable"), 2, Some(3), 4)?;
    let trials = row_argument(call, 1, rows, nonnegative("Population size parameter"))?;
    total_of(call, rows, |sheet| {
        binomial_logit_terms(&sheet.num(y), &sheet.num(trials), &sheet.num(eta))
    })
}

fn bernoulli_logit_rng(call: &mut Call) -> Result<Value, Failure> {
    let rows = call.dims(1)[0];
    let x_dims = call.dims(0);
    let x_rows = if call.types[0] == Type::RowVector {
        rows
    } else {
        x_dims[0]
    };
    let columns = x_dims[x_dims.len() - 1];
    if rows != x_rows || call.dims(2)[0] != columns {
        return Err(Failure::Wrong(format!(
            "{}: {rows} intercepts and {} coefficients for predictors {x_dims:?}",
            call.name,
            call.dims(2)[0]
        )));
    }
    let (x, alpha, beta) = (call.real(0), call.real(1), call.real(2));
    let graph = &mut *call.graph;
    let (x_lanes, beta_lanes) = (graph.shape(&x)[0], graph.shape(&beta)[0]);
    let x = graph.reshape(
        &x,
        &[
            x_lanes,
            x_dims.iter().product::<usize>() / columns.max(1),
            columns,
        ],
    );
    let beta = graph.reshape(&beta, &[beta_lanes, columns, 1]);
    let product = graph.matmul(&x, &beta);
    let shape = graph.shape(&product);
    let product = graph.reshape(&product, &shape[..2]);
    let eta = graph.add(&product, &alpha);
    let eta = known(call, &eta)?.broadcast_to(&[call.lanes, rows]);
    let (lanes, random) = (call.lanes, call.random()?);
    let data = eta
        .data()
        .iter()
        .enumerate()
        .map(|(i, eta)| i64::from(unit(random.of(i / rows)) < sigmoid(*eta)))
        .collect();
    Ok(Value::Int(Ints::new([lanes, rows], data)))
}

fn poisson_log(call: &mut Call) -> Result<Value, Failure> {
    let Rows { rows, y, eta } = rows(call, nonnegative("Vector of dependent variables"))?;
    total_of(call, rows, |sheet| {
        poisson_log_terms(&sheet.num(y), &sheet.num(eta))
    })
}

fn neg_binomial_2_log(call: &mut Call) -> Result<Value, Failure> {
    let Rows { rows, y, eta } = rows(call, nonnegative("Failures variables"))?;
    let phi = row_argument(call, 4, rows, positive_finite("Precision parameter"))?;
    total_of(call, rows, |sheet| {
        let [y, eta, phi] = [y, eta, phi].map(|x| sheet.num(x));
        let log_odds = eta - phi.log();
        neg_binomial_2_log_terms(&y, &log_odds, &phi)
    })
}

/// Rows of outcomes and their linear predictors, `[lanes|1, rows|1]` each.
pub(super) struct Rows {
    pub(super) rows: usize,
    pub(super) y: Expr,
    pub(super) eta: Expr,
}

/// Outcomes (argument 0), predictors (1), intercepts (2) and coefficients (3).
fn rows(call: &mut Call, outcome: Argument) -> Result<Rows, Failure> {
    linear_predictors(call, outcome, 1, Some(2), 3)
}

/// Predictors alpha + x beta: the numbers of the arguments that hold x, alpha (if there is one) and beta.
pub(super) fn linear_predictors(
    call: &mut Call,
    outcome: Argument,
    x: usize,
    alpha: Option<usize>,
    beta: usize,
) -> Result<Rows, Failure> {
    let x_dims = call.dims(x);
    let shared_row = call.types[x] == Type::RowVector;
    let (x_rows, columns) = if shared_row {
        (1, x_dims[0])
    } else {
        (x_dims[0], x_dims[1])
    };
    let rows = if shared_row {
        call.dims(0).first().copied().unwrap_or(1)
    } else {
        x_rows
    };
    let coefficients = call.dims(beta)[0];
    if coefficients != columns {
        return Err(Failure::Wrong(format!(
            "{}: {coefficients} coefficients for {columns} columns of predictors",
            call.name
        )));
    }
    let y = row_argument(call, 0, rows, outcome)?;
    let alpha = match alpha {
        Some(alpha) => row_argument(call, alpha, rows, finite("Intercept"))?,
        None => 0.0.into(),
    };
    let (x, beta) = (call.real(x), call.real(beta));
    call.check(&x, finite("Matrix of independent variables"));
    call.check(&beta, finite("Weight vector"));
    let graph = &mut *call.graph;
    let (x_lanes, beta_lanes) = (graph.shape(&x)[0], graph.shape(&beta)[0]);
    let x = graph.reshape(&x, &[x_lanes, x_rows, columns]);
    let beta = graph.reshape(&beta, &[beta_lanes, columns, 1]);
    let product = graph.matmul(&x, &beta);
    let product = graph.reshape(&product, &[x_lanes.max(beta_lanes), x_rows]);
    let eta = graph.add(&product, &alpha);
    Ok(Rows { rows, y, eta })
}

/// Argument `i`, one for each row or one for all: `[lanes|1, rows|1]`.
fn row_argument(
    call: &mut Call,
    i: usize,
    rows: usize,
    argument: Argument,
) -> Result<Expr, Failure> {
    let x = call.real(i);
    match call.dims(i).as_slice() {
        [] => {}
        [n] if *n == rows => {}
        [n] => {
            let what = argument.what.to_lowercase();
            return Err(Failure::Wrong(format!(
                "{}: sizes {n} and {rows} do not match ({what} and rows)",
                call.name
            )));
        }
        _ => {
            return Err(Failure::Wrong(format!(
                "{}: {} has too many axes",
                call.name, argument.what
            )));
        }
    }
    call.check(&x, argument);
    let shape = call.graph.shape(&x);
    Ok(call
        .graph
        .reshape(&x, &[shape[0], shape.get(1).copied().unwrap_or(1)]))
}
