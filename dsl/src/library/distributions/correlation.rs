//! Distributions of correlation matrices and of their Cholesky factors, and of covariances made of them.

use firebrand_graph::{Array, Binary, Index, Unary};

use super::bounded::draw_beta;
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{finite, positive, positive_finite};
use crate::library::density::{known, total_of};
use crate::library::formula::Num;
use crate::library::functions::{diagonal, factor, half_log_determinant, square, take};
use crate::library::special::HALF_LOG_TWO_PI;
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
    Function::listed("lkj_corr_lpdf", &["real(matrix, real)"], lkj_corr),
    Function::listed("lkj_corr_rng", &["matrix(int, real)"], |call| {
        let factor = lkj_corr_cholesky_rng(call)?.to_reals();
        let transposed = call.graph.transpose(&factor);
        Ok(Value::Real(call.graph.matmul(&factor, &transposed)))
    }),
    Function::listed(
        "lkj_cov_lpdf",
        &["real(matrix, vector, vector, real)"],
        lkj_cov,
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
        vec![
            (&logs * sheet.num(ranks)).sum(1),
            logs.sum(1) * ((&eta - 1.0) * 2.0),
            normaliser(&eta, n),
        ]
    })
}

/// Less the logarithm of the integral of `det(R)^(eta - 1)` over the correlation matrices of `n` variables.
fn normaliser<'s>(eta: &Num<'s>, n: usize) -> Num<'s> {
    let last = (n - 1) as f64;
    (1..n).fold((eta + 0.5 * last).lgamma() * last, |sum, k| {
        sum - (eta + 0.5 * (last - k as f64)).lgamma() - 0.5 * k as f64 * std::f64::consts::PI.ln()
    })
}

/// log of det(R)^(eta - 1) over its integral.
fn lkj_corr(call: &mut Call) -> Result<Value, Failure> {
    let n = square(call, 0)?;
    let (matrix, eta) = (call.real(0), call.real(1));
    call.check(&eta, positive("Shape parameter"));
    let ones = diagonal(call.graph, &matrix);
    let off = call.graph.add_scalar(&ones, -1.0);
    let off = call.graph.unary(Unary::Abs, &off);
    let met = call
        .graph
        .binary(Binary::LessEqual, &off, &DIAGONAL_TOLERANCE.into());
    let name = call.name;
    call.require(met, || {
        format!("{name}: Correlation matrix has a diagonal element that is not 1")
    });
    let factor = factor(call, &matrix, "Correlation matrix");
    if n < 2 {
        return Ok(Value::real(0.0));
    }
    let half = half_log_determinant(call, &factor);
    total_of(call, 1, |sheet| {
        let eta = sheet.num(eta);
        vec![sheet.num(half) * ((&eta - 1.0) * 2.0), normaliser(&eta, n)]
    })
}

/// Lognormal standard deviations, and correlations by their own density.
fn lkj_cov(call: &mut Call) -> Result<Value, Failure> {
    let n = square(call, 0)?;
    for i in [1, 2] {
        if call.dims(i)[0] != n {
            return Err(Failure::Wrong(format!(
                "{}: sizes {n} and {} do not match (rows of the matrix, and parameters of its scales)",
                call.name,
                call.dims(i)[0]
            )));
        }
    }
    let [matrix, mu, sigma, eta] = [0, 1, 2, 3].map(|i| call.real(i));
    call.check(&mu, finite("Location parameter"));
    call.check(&sigma, positive_finite("Scale parameter"));
    call.check(&eta, positive("Shape parameter"));
    let factor = factor(call, &matrix, "Covariance matrix");
    if n == 0 {
        return Ok(Value::real(0.0));
    }
    let half = half_log_determinant(call, &factor);
    let variances = diagonal(call.graph, &matrix);
    total_of(call, 1, |sheet| {
        let logs = sheet.num(variances).log() * 0.5;
        let (mu, sigma, eta) = (sheet.num(mu), sheet.num(sigma), sheet.num(eta));
        let lognormal = ((&logs - mu) / &sigma).square() * -0.5 - sigma.log() - &logs;
        let total = logs.sum(1);
        vec![
            (lognormal - HALF_LOG_TWO_PI).sum(1),
            (sheet.num(half) - total) * ((&eta - 1.0) * 2.0),
            normaliser(&eta, n),
        ]
    })
}

/// How far the diagonal of a correlation matrix may be from one, as far as single precision can tell.
const DIAGONAL_TOLERANCE: f64 = 1e-5;

/// By independent canonical partial correlations.
fn lkj_corr_cholesky_rng(call: &mut Call) -> Result<Value, Failure> {
    let n = usize::try_from(call.uniform_int(0)?)
        .map_err(|_| Failure::Wrong("lkj_corr_cholesky_rng: a negative size".to_string()))?;
    let eta = call.real(1);
    call.check(&eta, positive("Shape parameter"));
    let eta = known(call, &eta)?;
    let lanes = call.lanes;
    let random = call.random()?;
    let mut data = vec![0.0; lanes * n * n];
    for lane in 0..lanes {
        let rng = random.of(lane);
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
