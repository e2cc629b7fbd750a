//! Distributions of Cholesky factors of correlation matrices.

use firebrand_graph::{Array, Index};

use super::bounded::draw_beta;
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::positive;
use crate::library::density::{known, total_of};
use crate::library::functions::{diagonal, square, take};
use crate::value::Value;

pub(in crate::library) const TABLE: &[Function] = &[
    Function::listed(
        "lkj_corr_cholesky_lpdf",
        &["real(matrix, real)"],
        lkj_corr_cholesky,
    ),
    Function::listed(
        "lkj_corr_cholesky_rng",
        &["matrix(int, real)"],
        lkj_corr_cholesky_rng,
    ),
];

/// log of prod_k L_kk^(K - k + 2 eta - 2) over its integral (Lewandowski, Kurowicka and Joe 2009).
fn lkj_corr_cholesky(call: &mut Call) -> Result<Value, Failure> {
    let n = square(call, 0)?;
    let (factor, eta) = (call.real(0), call.real(1));
    call.check(&eta, positive("Shape parameter"));
    if n < 2 {
        return Ok(Value::real(0.0));
    }
    let diagonal = diagonal(call.graph, &factor);
    let below_first: Index = (1..n as u32).collect();
    let diagonal = take(call.graph, &diagonal, 1, &below_first);
    total_of(call, 1, |sheet| {
        let (logs, eta) = (sheet.num(diagonal).log(), sheet.num(eta));
        let ranks = Array::new([1, n - 1], (1..n).map(|k| (n - 1 - k) as f64).collect());
        let last = (n - 1) as f64;
        let normaliser = (1..n).fold((&eta + 0.5 * last).lgamma() * last, |sum, k| {
            sum - (&eta + 0.5 * (last - k as f64)).lgamma()
                - 0.5 * k as f64 * std::f64::consts::PI.ln()
        });
        vec![
            (&logs * sheet.num(ranks)).sum(1),
            logs.sum(1) * ((eta - 1.0) * 2.0),
            normaliser,
        ]
    })
}

/// By independent canonical partial correlations.
fn lkj_corr_cholesky_rng(call: &mut Call) -> Result<Value, Failure> {
    let n = usize::try_from(call.uniform_int(0)?)
        .map_err(|_| Failure::Wrong("lkj_corr_cholesky_rng: a negative size".to_string()))?;
    let eta = call.real(1);
    call.check(&eta, positive("Shape parameter"));
    let eta = known(call, &eta)?;
    let lanes = call.lanes;
    let rng = call.rng()?;
    let mut data = vec![0.0; lanes * n * n];
    for lane in 0..lanes {
        let eta = eta.data()[if eta.len() == 1 { 0 } else { lane }];
        let factor = &mut data[lane * n * n..(lane + 1) * n * n];
        for row in 0..n {
            let mut rest = 1.0_f64;
            for column in 0..row {
                let shape = eta + 0.5 * (n - 2 - column) as f64;
                let partial = 2.0 * draw_beta(rng, shape, shape) - 1.0;
                factor[row * n + column] = partial * rest.sqrt();
                rest *= 1.0 - partial * partial;
            }
            factor[row * n + row] = rest.sqrt();
        }
    }
    Ok(Value::Real(Array::new([lanes, n, n], data).into()))
}
