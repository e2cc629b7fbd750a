//! Factors of matrices that need not be square: QR, singular values, generalised inverses.
//!
//! What is known is factored by reflections. Of parameters, thin factors are built of Cholesky factors and eigenvectors, and have
//! their derivatives.

use firebrand_graph::{Array, Expr, Graph, System, factors};

use super::definite::factor;
use super::exponential::identity;
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::density::known;
use crate::value::Value;

const MATRIX: &[&str] = &["matrix(matrix)"];

pub(in crate::library) const TABLE: &[Function] = &[
    Function::listed("qr_Q", MATRIX, |call| {
        let x = matrix_of(call)?;
        let x = known(call, &x)?;
        Ok(Value::Real(factors::qr(&x).0.into()))
    }),
    Function::listed("qr_R", MATRIX, |call| {
        let x = matrix_of(call)?;
        let x = known(call, &x)?;
        Ok(Value::Real(factors::qr(&x).1.into()))
    }),
    Function::listed("qr_thin_Q", MATRIX, |call| {
        let x = matrix_of(call)?;
        Ok(Value::Real(thin_qr(call, &x).0))
    }),
    Function::listed("qr_thin_R", MATRIX, |call| {
        let x = matrix_of(call)?;
        Ok(Value::Real(thin_qr(call, &x).1))
    }),
    Function::listed("singular_values", &["vector(matrix)"], |call| {
        let x = matrix_of(call)?;
        Ok(Value::Real(svd(call.graph, &x).1))
    }),
    Function::listed("svd_U", MATRIX, |call| {
        let x = matrix_of(call)?;
        Ok(Value::Real(svd(call.graph, &x).0))
    }),
    Function::listed("svd_V", MATRIX, |call| {
        let x = matrix_of(call)?;
        Ok(Value::Real(svd(call.graph, &x).2))
    }),
    Function::listed("generalized_inverse", MATRIX, generalized_inverse),
];

/// The argument, which must not be empty.
fn matrix_of(call: &Call) -> Result<Expr, Failure> {
    if call.dims(0).contains(&0) {
        return Err(Failure::Wrong(format!("{}: an empty matrix", call.name)));
    }
    Ok(call.real(0))
}

/// Q with as many columns as the lesser size, R with as many rows; the diagonal of R is not negative.
///
/// Of parameters: R is the Cholesky factor of `A'A`. One more such step from the Q that it gives restores the digits that
/// squaring lost (Yamamoto et al. 2015); columns that depend on each other to rounding are rejected.
fn thin_qr(call: &mut Call, x: &Expr) -> (Expr, Expr) {
    let shape = call.graph.shape(x);
    let (rows, columns) = (shape[1], shape[2]);
    let thin = rows.min(columns);
    if let Expr::Data(known) = x {
        let (q, r) = factors::qr(known);
        let q = call.graph.slice(&q.into(), 2, 0, thin);
        let r = call.graph.slice(&r.into(), 1, 0, thin);
        return (q, r);
    }
    let first = call.graph.slice(x, 2, 0, thin);
    let rough = orthogonal(call, &first);
    let q = orthogonal(call, &rough);
    let transposed = call.graph.transpose(&q);
    // What lies below the diagonal is rounding.
    let r = call.graph.matmul(&transposed, x);
    let upper = (0..thin * columns)
        .map(|k| f64::from(k / columns <= k % columns))
        .collect();
    let r = call
        .graph
        .mul(&r, &Array::new([1, thin, columns], upper).into());
    (q, r)
}

/// `A L^-T`, where `A'A = L L'`.
fn orthogonal(call: &mut Call, a: &Expr) -> Expr {
    let transposed = call.graph.transpose(a);
    let square = call.graph.matmul(&transposed, a);
    let lower = factor(call, &square, "A' A");
    let solution = call.graph.linear_solve(System::Lower, &lower, &transposed);
    call.graph.transpose(&solution)
}

/// U, singular values (descending) and V, thin.
///
/// Of parameters: the eigenvalues of `[0 A; A' 0]` are the singular values and their negatives, its vectors those of U over those
/// of V, by the root of 2. Unlike those of `A'A` they keep the digits of small singular values.
fn svd(graph: &mut Graph, x: &Expr) -> (Expr, Expr, Expr) {
    if let Expr::Data(known) = x {
        let (u, s, v) = factors::svd(known);
        return (u.into(), s.into(), v.into());
    }
    let shape = graph.shape(x);
    let (lanes, rows, columns) = (shape[0], shape[1], shape[2]);
    let (n, size) = (rows.min(columns), rows + columns);
    let zeros = |rows: usize, columns: usize| Expr::from(Array::full([lanes, rows, columns], 0.0));
    let transposed = graph.transpose(x);
    let above = graph.concat(&[zeros(rows, rows), x.clone()], 2);
    let below = graph.concat(&[transposed, zeros(columns, columns)], 2);
    let both = graph.concat(&[above, below], 1);
    let (values, vectors) = graph.eigen(&both);
    // Ascending: the largest come last.
    let index: firebrand_graph::Index = (0..n).map(|k| (size - 1 - k) as u32).collect();
    let values = super::take(graph, &values, 1, &index);
    let vectors = super::take(graph, &vectors, 2, &index);
    let vectors = graph.scale(&vectors, std::f64::consts::SQRT_2);
    let u = graph.slice(&vectors, 1, 0, rows);
    let v = graph.slice(&vectors, 1, rows, columns);
    (u, values, v)
}

/// The Moore-Penrose inverse; of parameters, that of a matrix of full rank.
fn generalized_inverse(call: &mut Call) -> Result<Value, Failure> {
    if call.dims(0).contains(&0) {
        let dims = call.dims(0);
        return Ok(Value::Real(Array::full([1, dims[1], dims[0]], 0.0).into()));
    }
    let x = call.real(0);
    if let Expr::Data(known) = &x {
        return Ok(Value::Real(known_inverse(call.graph, known)));
    }
    let shape = call.graph.shape(&x);
    let wide = shape[1] < shape[2];
    let tall = if wide { call.graph.transpose(&x) } else { x };
    let (q, r) = thin_qr(call, &tall);
    let n = shape[1].min(shape[2]);
    // R^-1 Q', through the transpose of R, which is lower triangular.
    let lower = call.graph.transpose(&r);
    let inverse = call
        .graph
        .linear_solve(System::LowerTransposed, &lower, &identity(n));
    let transposed = call.graph.transpose(&q);
    let result = call.graph.matmul(&inverse, &transposed);
    Ok(Value::Real(if wide {
        call.graph.transpose(&result)
    } else {
        result
    }))
}

/// `V diag(1 / s) U'`, singular values that are rounding left out.
fn known_inverse(graph: &mut Graph, x: &Array) -> Expr {
    let (u, s, v) = factors::svd(x);
    let (rows, columns) = (u.shape()[1], v.shape()[1]);
    let n = s.shape()[1];
    let reciprocals = s
        .data()
        .chunks_exact(n)
        .flat_map(|s| {
            let least = f64::EPSILON * rows.max(columns) as f64 * s[0];
            s.iter()
                .map(move |s| if *s > least { s.recip() } else { 0.0 })
        })
        .collect();
    let reciprocals = Array::new([s.shape()[0], 1, n], reciprocals);
    let scaled = graph.mul(&v.into(), &reciprocals.into());
    let transposed = graph.transpose(&u.into());
    graph.matmul(&scaled, &transposed)
}
