//! What matrices must be, or the draw is rejected: symmetric, positive definite, a Cholesky factor.

use firebrand_graph::{Array, Binary, Expr, MatrixFunction, Unary};

use super::matrices::diagonal;
use crate::library::call::Call;

/// How far opposite elements of a symmetric matrix may be apart: as Stan has it, and for what is computed, as far as single
/// precision can tell.
const TOLERANCE: f64 = 1e-8;
const COMPUTED_TOLERANCE: f64 = 1e-5;

/// Rejects the draws for which `x`, `[lanes, n, n]`, is not symmetric.
pub(in crate::library) fn require_symmetric(call: &mut Call, x: &Expr, what: &str) {
    let graph = &mut *call.graph;
    let transposed = graph.transpose(x);
    let difference = graph.sub(x, &transposed);
    let difference = graph.unary(Unary::Abs, &difference);
    let tolerance = if x.as_data().is_some() {
        TOLERANCE.into()
    } else {
        let size = graph.unary(Unary::Abs, x);
        let size = graph.add_scalar(&size, 1.0);
        graph.scale(&size, COMPUTED_TOLERANCE)
    };
    let met = graph.binary(Binary::LessEqual, &difference, &tolerance);
    let name = call.name;
    call.require(met, || format!("{name}: {what} is not symmetric"));
}

/// The Cholesky factor of `x`, `[lanes, n, n]`; rejects the draws for which it is not symmetric and positive definite.
pub(in crate::library) fn factor(call: &mut Call, x: &Expr, what: &str) -> Expr {
    require_symmetric(call, x, what);
    let factor = call.graph.matrix_function(MatrixFunction::Cholesky, x);
    let pivots = diagonal(call.graph, &factor);
    let met = call.less(&0.0.into(), &pivots);
    let name = call.name;
    call.require(met, || format!("{name}: {what} is not positive definite"));
    factor
}

/// Rejects the draws for which `x`, `[lanes, n, n]`, has something above its diagonal.
pub(in crate::library) fn require_lower(call: &mut Call, x: &Expr, what: &str) {
    let n = call.graph.shape(x)[2];
    let above = (0..n * n).map(|k| f64::from(k % n > k / n)).collect();
    let above = call.graph.mul(x, &Array::new([1, n, n], above).into());
    let met = call.graph.binary(Binary::Equal, &above, &0.0.into());
    let name = call.name;
    call.require(met, || format!("{name}: {what} is not lower triangular"));
}

/// Rejects the draws for which `x`, `[lanes, n, n]`, is not lower triangular with a positive diagonal.
pub(in crate::library) fn require_factor(call: &mut Call, x: &Expr, what: &str) {
    require_lower(call, x, what);
    let pivots = diagonal(call.graph, x);
    let met = call.less(&0.0.into(), &pivots);
    let name = call.name;
    call.require(met, || {
        format!("{name}: {what} is not a Cholesky factor: its diagonal must be positive")
    });
}

/// The sum of the logarithms of a factor's diagonal: half the logarithm of its matrix' determinant, `[lanes]`.
pub(in crate::library) fn half_log_determinant(call: &mut Call, factor: &Expr) -> Expr {
    let pivots = diagonal(call.graph, factor);
    let logs = call.graph.log(&pivots);
    call.graph.sum(&logs, 1)
}
