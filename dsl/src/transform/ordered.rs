//! Ordered vectors, along the last axis.

use firebrand_graph::{Expr, Graph};

use super::Constrained;

/// x_1 = u_1, x_k = x_(k-1) + exp(u_k).
pub(super) fn ordered(graph: &mut Graph, u: &Expr) -> Constrained {
    let shape = graph.shape(u);
    let (last, size) = (shape.len() - 1, shape[shape.len() - 1]);
    if size <= 1 {
        return Constrained {
            value: u.clone(),
            log_jacobian: None,
        };
    }
    let (first, rest) = (window(graph, u, 0, 1), window(graph, u, 1, size - 1));
    let steps = graph.exp(&rest);
    let parts = graph.concat(&[first, steps], last);
    Constrained {
        value: graph.cumulative_sum(&parts, last, false),
        log_jacobian: Some(rest),
    }
}

/// x_1 = exp(u_1), x_k = x_(k-1) + exp(u_k).
pub(super) fn positive_ordered(graph: &mut Graph, u: &Expr) -> Constrained {
    let last = graph.shape(u).len() - 1;
    let steps = graph.exp(u);
    Constrained {
        value: graph.cumulative_sum(&steps, last, false),
        log_jacobian: Some(u.clone()),
    }
}

/// Elements `start..start + count` along the last axis.
fn window(graph: &mut Graph, u: &Expr, start: usize, count: usize) -> Expr {
    let mut shape = graph.shape(u);
    let last = shape.len() - 1;
    let size = shape[last];
    let rows: usize = shape[..last].iter().product();
    let flat = graph.reshape(u, &[rows * size]);
    let index = (0..rows)
        .flat_map(|row| (0..count).map(move |i| (row * size + start + i) as u32))
        .collect();
    let gathered = graph.gather(&flat, &index);
    shape[last] = count;
    graph.reshape(&gathered, &shape)
}
