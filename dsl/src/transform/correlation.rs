//! Correlation matrices and their Cholesky factors, from partial correlations tanh(u).
//!
//! Lewandowski, Kurowicka and Joe 2009. Row i of the factor is a point on a sphere: its element j is z_ij times the square
//! root of what the elements before it have left, the product of 1 - z_im^2 over m < j.

use firebrand_graph::{Array, Expr, Graph, Unary};

use super::Constrained;
use super::triangle::{Cell, placed};

/// The factor, whose partial correlations come row by row.
pub(super) fn cholesky_factor(graph: &mut Graph, u: &Expr, size: usize) -> Constrained {
    let (factor, log_left) = from_partial_correlations(graph, u, size, |i, j| i * (i - 1) / 2 + j);
    // Each square root is a factor of the Jacobian, and so are the derivatives of tanh.
    let weights = (1..size).flat_map(|i| (0..i).map(move |j| 1.0 + 0.5 * (i - 1 - j) as f64));
    let weights = Array::vector(weights.collect());
    Constrained {
        value: factor,
        log_jacobian: Some(graph.mul(&log_left, &weights.into())),
    }
}

/// The matrix, whose partial correlations come column by column.
pub(super) fn matrix(graph: &mut Graph, u: &Expr, size: usize) -> Constrained {
    let before = |j: usize| j * size - j * (j + 1) / 2;
    let (factor, log_left) =
        from_partial_correlations(graph, u, size, |i, j| before(j) + i - j - 1);
    let weights =
        (0..size).flat_map(|j| (j + 1..size).map(move |_| 1.0 + 0.5 * (size - 2 - j) as f64));
    let weights = Array::vector(weights.collect());
    let transposed = graph.transpose(&factor);
    Constrained {
        value: graph.matmul(&factor, &transposed),
        log_jacobian: Some(graph.mul(&log_left, &weights.into())),
    }
}

/// The factor, and log(1 - z^2) of each partial correlation z, of which `position` gives the place of that in row i, column j.
fn from_partial_correlations(
    graph: &mut Graph,
    u: &Expr,
    size: usize,
    position: impl Fn(usize, usize) -> usize,
) -> (Expr, Expr) {
    let partial = graph.unary(Unary::Tanh, u);
    // log(1 - tanh(u)^2) = 2 (log 2 - u - log(1 + exp(-2u)))
    let doubled = graph.scale(u, -2.0);
    let softplus = graph.unary(Unary::Log1pExp, &doubled);
    let twice = graph.scale(&softplus, -2.0);
    let log_left = graph.add(&doubled, &twice);
    let log_left = graph.add_scalar(&log_left, 2.0 * std::f64::consts::LN_2);
    let spread = placed(graph, &partial, [size, size], |i, j| match i.cmp(&j) {
        std::cmp::Ordering::Greater => Cell::Of(position(i, j)),
        std::cmp::Ordering::Equal => Cell::One,
        std::cmp::Ordering::Less => Cell::Zero,
    });
    // One column later, so that running sums are over the elements before.
    let earlier = placed(graph, &log_left, [size, size], |i, j| {
        if j > 0 && j <= i {
            Cell::Of(position(i, j - 1))
        } else {
            Cell::Zero
        }
    });
    let axis = graph.shape(&earlier).len() - 1;
    let left = graph.cumulative_sum(&earlier, axis, false);
    let left = graph.scale(&left, 0.5);
    let left = graph.exp(&left);
    (graph.mul(&spread, &left), log_left)
}
