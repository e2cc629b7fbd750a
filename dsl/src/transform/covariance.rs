//! Covariance matrices and their Cholesky factors: rows of the factor, with logarithms of its diagonal.

use firebrand_graph::{Array, Expr, Graph};

use super::Constrained;
use super::triangle::{Cell, placed};

/// A factor of `rows >= columns`.
pub(super) fn cholesky_factor(
    graph: &mut Graph,
    u: &Expr,
    rows: usize,
    columns: usize,
) -> Constrained {
    let (value, log_diagonal) = factor(graph, u, rows, columns);
    Constrained {
        value,
        log_jacobian: Some(log_diagonal),
    }
}

/// A matrix: its factor times its own transpose.
pub(super) fn matrix(graph: &mut Graph, u: &Expr, size: usize) -> Constrained {
    let (factor, log_diagonal) = factor(graph, u, size, size);
    let transposed = graph.transpose(&factor);
    // |d(L L')/dL| is the product of 2 L_kk^(K - k), and dL_kk = L_kk du.
    let weights = (0..size).map(|k| (size - k + 1) as f64).collect();
    let weighted = graph.mul(&log_diagonal, &Array::vector(weights).into());
    Constrained {
        value: graph.matmul(&factor, &transposed),
        log_jacobian: Some(graph.add_scalar(&weighted, std::f64::consts::LN_2)),
    }
}

/// The factor, and the logarithms of its diagonal along the last axis.
fn factor(graph: &mut Graph, u: &Expr, rows: usize, columns: usize) -> (Expr, Expr) {
    let start = |i: usize| {
        let whole = i.min(columns);
        whole * (whole + 1) / 2 + (i - whole) * columns
    };
    let log_diagonal = placed(graph, u, [1, columns], |_, k| Cell::Of(start(k) + k));
    let mut shape = graph.shape(&log_diagonal);
    shape.remove(shape.len() - 2);
    let log_diagonal = graph.reshape(&log_diagonal, &shape);
    let below = placed(graph, u, [rows, columns], |i, j| {
        if j < i {
            Cell::Of(start(i) + j)
        } else {
            Cell::Zero
        }
    });
    let diagonal = graph.exp(&log_diagonal);
    let diagonal = placed(graph, &diagonal, [rows, columns], |i, j| {
        if j == i { Cell::Of(i) } else { Cell::Zero }
    });
    (graph.add(&below, &diagonal), log_diagonal)
}

/// How many numbers a factor takes.
pub(super) fn factor_size(rows: usize, columns: usize) -> usize {
    columns * (columns + 1) / 2 + (rows - columns) * columns
}
