//! Wishart and inverse Wishart distributions of covariance matrices, and of their Cholesky factors.

use std::f64::consts::{LN_2, PI};

use firebrand_graph::{Array, Expr, MatrixFunction, System, Unary};
use rand_distr::{ChiSquared, Distribution, StandardNormal};

use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::density::{known, total_of};
use crate::library::formula::Num;
use crate::library::functions::{diagonal, factor, half_log_determinant, require_factor, square};
use crate::value::Value;

const DENSITY: &[&str] = &["real(matrix, real, matrix)"];
const DRAW: &[&str] = &["matrix(real, matrix)"];

pub(in crate::library) const TABLE: &[Function] = &[
    Function::listed("wishart_lpdf", DENSITY, |call| {
        density(call, Of::Matrix, wishart)
    }),
    Function::listed("wishart_cholesky_lpdf", DENSITY, |call| {
        density(call, Of::Factor, wishart)
    }),
    Function::listed("inv_wishart_lpdf", DENSITY, |call| {
        density(call, Of::Matrix, inv_wishart)
    }),
    Function::listed("inv_wishart_cholesky_lpdf", DENSITY, |call| {
        density(call, Of::Factor, inv_wishart)
    }),
    Function::listed("wishart_rng", DRAW, |call| {
        let root = wishart_root(call, Of::Matrix)?;
        Ok(Value::Real(times_own_transpose(call, &root)))
    }),
    Function::listed("wishart_cholesky_rng", DRAW, |call| {
        Ok(Value::Real(wishart_root(call, Of::Factor)?))
    }),
    Function::listed("inv_wishart_rng", DRAW, |call| {
        let root = inv_wishart_root(call, Of::Matrix)?;
        Ok(Value::Real(times_own_transpose(call, &root)))
    }),
    Function::listed("inv_wishart_cholesky_rng", DRAW, |call| {
        let root = inv_wishart_root(call, Of::Factor)?;
        let drawn = times_own_transpose(call, &root);
        let kind = MatrixFunction::Cholesky;
        Ok(Value::Real(call.graph.matrix_function(kind, &drawn)))
    }),
];

/// What the arguments are: covariance matrices, or their Cholesky factors.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    Matrix,
    Factor,
}

impl Of {
    /// The Cholesky factor of argument `i`.
    fn factor(self, call: &mut Call, i: usize, what: &str) -> Expr {
        let x = call.real(i);
        match self {
            Of::Matrix => factor(call, &x, what),
            Of::Factor => {
                require_factor(call, &x, what);
                x
            }
        }
    }
}

/// The logarithms of two determinants, halved, and the squared size of one factor divided by the other.
struct Parts<'s> {
    /// The number of rows.
    rows: usize,
    nu: Num<'s>,
    outcome: Num<'s>,
    scale: Num<'s>,
    /// The trace of S^-1 W.
    trace: Num<'s>,
    /// The trace of S W^-1.
    inverse_trace: Num<'s>,
}

fn wishart<'s>(parts: Parts<'s>) -> Vec<Num<'s>> {
    let k = parts.rows as f64;
    vec![
        parts.outcome * (&parts.nu - (k + 1.0)),
        -(&parts.nu * parts.scale),
        parts.trace * -0.5,
        normaliser(&parts.nu, parts.rows),
    ]
}

fn inv_wishart<'s>(parts: Parts<'s>) -> Vec<Num<'s>> {
    let k = parts.rows as f64;
    vec![
        -(parts.outcome * (&parts.nu + (k + 1.0))),
        &parts.nu * parts.scale,
        parts.inverse_trace * -0.5,
        normaliser(&parts.nu, parts.rows),
    ]
}

/// `-nu k log(2) / 2` less the logarithm of the multivariate gamma function at nu / 2.
fn normaliser<'s>(nu: &Num<'s>, rows: usize) -> Num<'s> {
    let k = rows as f64;
    let gammas = (0..rows).fold(nu * (-0.5 * k * LN_2), |sum, j| {
        sum - ((nu - j as f64) * 0.5).lgamma()
    });
    gammas - 0.25 * k * (k - 1.0) * PI.ln()
}

fn density(
    call: &mut Call,
    of: Of,
    formula: for<'s> fn(Parts<'s>) -> Vec<Num<'s>>,
) -> Result<Value, Failure> {
    let rows = sizes(call, 0, 2)?;
    let nu = freedom(call, 1, rows);
    let outcome = of.factor(call, 0, "random variable");
    let scale = of.factor(call, 2, "scale parameter");
    let [trace, inverse_trace] = [(&scale, &outcome), (&outcome, &scale)].map(|(left, right)| {
        let graph = &mut *call.graph;
        let quotient = graph.linear_solve(System::Lower, left, right);
        let squares = graph.unary(Unary::Square, &quotient);
        let squares = graph.sum(&squares, 2);
        graph.sum(&squares, 1)
    });
    // The Jacobian of L -> L L': of the k-th element of the diagonal the power k' = rows + 1 - k.
    let jacobian = (of == Of::Factor).then(|| {
        let pivots = diagonal(call.graph, &outcome);
        let powers = (0..rows).map(|k| (rows - k) as f64).collect();
        let logs = call.graph.log(&pivots);
        let logs = call.graph.mul(&logs, &Array::new([1, rows], powers).into());
        let total = call.graph.sum(&logs, 1);
        call.graph.add_scalar(&total, rows as f64 * LN_2)
    });
    let (outcome, scale) = (
        half_log_determinant(call, &outcome),
        half_log_determinant(call, &scale),
    );
    total_of(call, 1, |sheet| {
        let mut terms = formula(Parts {
            rows,
            nu: sheet.num(nu),
            outcome: sheet.num(outcome),
            scale: sheet.num(scale),
            trace: sheet.num(trace),
            inverse_trace: sheet.num(inverse_trace),
        });
        terms.extend(jacobian.map(|jacobian| sheet.num(jacobian)));
        terms
    })
}

/// The number of rows that both matrices have.
fn sizes(call: &Call, outcome: usize, scale: usize) -> Result<usize, Failure> {
    let (left, right) = (square(call, outcome)?, square(call, scale)?);
    if left != right {
        return Err(Failure::Wrong(format!(
            "{}: sizes {left} and {right} do not match (random variable and scale parameter)",
            call.name
        )));
    }
    Ok(left)
}

fn freedom(call: &mut Call, i: usize, rows: usize) -> Expr {
    let nu = call.real(i);
    let met = call.less(&(rows as f64 - 1.0).into(), &nu);
    let name = call.name;
    call.require(met, || {
        format!(
            "{name}: Degrees of freedom parameter must be greater than {}",
            rows as f64 - 1.0
        )
    });
    nu
}

/// A lower triangular matrix whose product with its transpose is Wishart with unit scale (Bartlett 1933); and the
/// factor of the scale.
fn standard_root(call: &mut Call, of: Of) -> Result<(Expr, Expr), Failure> {
    let rows = square(call, 1)?;
    let nu = freedom(call, 0, rows);
    let nu = known(call, &nu)?;
    let scale = of.factor(call, 1, "scale parameter");
    known(call, &scale)?;
    let lanes = call.lanes;
    let random = call.random()?;
    let mut data = vec![0.0; lanes * rows * rows];
    for lane in 0..lanes {
        let rng = random.of(lane);
        let nu = nu.data()[lane % nu.len()];
        for i in 0..rows {
            let row = &mut data[(lane * rows + i) * rows..][..=i];
            for cell in &mut row[..i] {
                *cell = StandardNormal.sample(rng);
            }
            row[i] = ChiSquared::new(nu - i as f64)
                .map_or(f64::NAN, |squares| squares.sample(rng).sqrt());
        }
    }
    Ok((Array::new([lanes, rows, rows], data).into(), scale))
}

fn wishart_root(call: &mut Call, of: Of) -> Result<Expr, Failure> {
    let (root, scale) = standard_root(call, of)?;
    Ok(call.graph.matmul(&scale, &root))
}

/// With a root A of unit scale: `L A^-T`.
fn inv_wishart_root(call: &mut Call, of: Of) -> Result<Expr, Failure> {
    let (root, scale) = standard_root(call, of)?;
    let graph = &mut *call.graph;
    let transposed = graph.transpose(&scale);
    let quotient = graph.linear_solve(System::Lower, &root, &transposed);
    Ok(graph.transpose(&quotient))
}

fn times_own_transpose(call: &mut Call, root: &Expr) -> Expr {
    let transposed = call.graph.transpose(root);
    call.graph.matmul(root, &transposed)
}
