//! Linear Gaussian state-space models, their states integrated out by a Kalman filter.

use firebrand_graph::{Array, Expr, Graph, System, Unary};

use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{finite, nonnegative};
use crate::library::functions::{factor, half_log_determinant, square};
use crate::library::special::HALF_LOG_TWO_PI;
use crate::types::Type;
use crate::value::Value;

const DLM: &[&str] = &[
    "real(matrix, matrix, matrix, matrix, matrix, vector, matrix)",
    "real(matrix, matrix, matrix, vector, matrix, vector, matrix)",
];

pub(in crate::library) const TABLE: &[Function] = &[Function::listed(
    "gaussian_dlm_obs_lpdf",
    DLM,
    dynamic_linear,
)];

/// Observations `y` (a column for each time) are `F' theta + N(0, V)`, states `theta = G theta_before + N(0, W)`, the state before
/// the first one `N(m0, C0)`. A vector V is a diagonal.
fn dynamic_linear(call: &mut Call) -> Result<Value, Failure> {
    let names = ["y", "F", "G", "V", "W", "m0", "C0"];
    let dims: [_; 7] = std::array::from_fn(|i| call.dims(i));
    let (variables, times, states) = (dims[0][0], dims[0][1], dims[2][0]);
    let independent = call.types[3] == Type::Vector;
    for matrix in [2, 4, 6] {
        square(call, matrix)?;
    }
    let spread = if independent {
        vec![variables]
    } else {
        vec![variables; 2]
    };
    let wanted: [(usize, &[usize]); 5] = [
        (1, &[states, variables]),
        (3, &spread),
        (4, &[states; 2]),
        (5, &[states]),
        (6, &[states; 2]),
    ];
    for (i, wanted) in wanted {
        if dims[i].as_slice() != wanted {
            let (name, what, found) = (call.name, names[i], &dims[i]);
            let message = format!("{name}: {what} has sizes {found:?}, not {wanted:?}");
            return Err(Failure::Wrong(message));
        }
    }
    for (i, name) in names.into_iter().enumerate() {
        let x = call.real(i);
        call.check(&x, finite(name));
    }
    let arguments: [Expr; 7] = std::array::from_fn(|i| call.real(i));
    let lanes = arguments
        .iter()
        .map(|x| call.graph.shape(x)[0])
        .max()
        .unwrap_or(1);
    let [y, f, g, v, w, m0, c0] = arguments;
    let v = if independent {
        call.check(&v, nonnegative("V"));
        let own = call.graph.shape(&v)[0];
        let column = call.graph.reshape(&v, &[own, variables, 1]);
        let places = (0..variables * variables)
            .map(|k| f64::from(k / variables == k % variables))
            .collect();
        let places = Array::new([1, variables, variables], places);
        call.graph.mul(&column, &places.into())
    } else {
        v
    };
    let [v, w, c0] = [v, w, c0].map(|x| symmetrised(call.graph, &x));
    let (f_turned, g_turned) = (call.graph.transpose(&f), call.graph.transpose(&g));
    let m0 = call.graph.broadcast_to(&m0, &[lanes, states]);
    let mut mean = call.graph.reshape(&m0, &[lanes, states, 1]);
    let mut covariance = c0;
    let mut terms: Vec<Expr> = Vec::with_capacity(2 * times);
    for time in 0..times {
        let graph = &mut *call.graph;
        mean = graph.matmul(&g, &mean);
        let moved = graph.matmul(&g, &covariance);
        let moved = graph.matmul(&moved, &g_turned);
        covariance = graph.add(&moved, &w);
        let seen = graph.slice(&y, 2, time, 1);
        let forecast = graph.matmul(&f_turned, &mean);
        let error = graph.sub(&seen, &forecast);
        let gain = graph.matmul(&covariance, &f);
        let spread = graph.matmul(&f_turned, &gain);
        let spread = graph.add(&spread, &v);
        // Products of three matrices are symmetric but for rounding.
        let spread = symmetrised(graph, &spread);
        let lower = factor(call, &spread, "the forecast's covariance");
        let half_log = half_log_determinant(call, &lower);
        let graph = &mut *call.graph;
        let whitened = graph.linear_solve(System::Lower, &lower, &error);
        let gain = graph.transpose(&gain);
        let gain = graph.linear_solve(System::Lower, &lower, &gain);
        let gain_turned = graph.transpose(&gain);
        let change = graph.matmul(&gain_turned, &whitened);
        mean = graph.add(&mean, &change);
        let known = graph.matmul(&gain_turned, &gain);
        covariance = graph.sub(&covariance, &known);
        let squares = graph.unary(Unary::Square, &whitened);
        let squares = graph.sum(&squares, 1);
        let own = graph.shape(&squares)[0];
        let squares = graph.reshape(&squares, &[own]);
        terms.push(graph.scale(&squares, -0.5));
        terms.push(graph.neg(&half_log));
    }
    let constant = -HALF_LOG_TWO_PI * (variables * times) as f64;
    let total = terms
        .into_iter()
        .fold(Expr::from(Array::full([lanes], constant)), |sum, term| {
            call.graph.add(&sum, &term)
        });
    Ok(Value::Real(total))
}

/// The mean of a matrix and its transpose.
fn symmetrised(graph: &mut Graph, x: &Expr) -> Expr {
    let mirrored = graph.transpose(x);
    let sum = graph.add(x, &mirrored);
    graph.scale(&sum, 0.5)
}
