//! Unit vectors, and vectors that sum to zero, along the last axis.

use firebrand_graph::{Array, Expr, Graph, Unary};

use super::Constrained;

/// x = u / |u|. The length of u is free; a standard normal density of u makes it proper.
pub(super) fn unit(graph: &mut Graph, u: &Expr) -> Constrained {
    let mut shape = graph.shape(u);
    let last = shape.len() - 1;
    let squares = graph.unary(Unary::Square, u);
    let square = graph.sum(&squares, last);
    let length = graph.unary(Unary::Sqrt, &square);
    let scale = graph.unary(Unary::Recip, &length);
    shape[last] = 1;
    let scale = graph.reshape(&scale, &shape);
    Constrained {
        value: graph.mul(u, &scale),
        log_jacobian: Some(graph.scale(&square, -0.5)),
    }
}

/// An orthonormal basis of the vectors of `free + 1` elements that sum to zero, times u: element i of u moves weight from
/// element i + 1 to all before it.
pub(super) fn sum_to_zero(graph: &mut Graph, u: &Expr) -> Constrained {
    let mut shape = graph.shape(u);
    let free = shape.pop().unwrap_or(0);
    let rows: usize = shape.iter().product();
    let entry = |i: usize, j: usize| {
        let n = (i + 1) as f64;
        let weight = (n * (n + 1.0)).sqrt().recip();
        match j.cmp(&(i + 1)) {
            std::cmp::Ordering::Less => weight,
            std::cmp::Ordering::Equal => -n * weight,
            std::cmp::Ordering::Greater => 0.0,
        }
    };
    let basis = (0..free * (free + 1)).map(|k| entry(k / (free + 1), k % (free + 1)));
    let basis = Array::new([free, free + 1], basis.collect());
    let flat = graph.reshape(u, &[rows, free]);
    let value = graph.matmul(&flat, &basis.into());
    shape.push(free + 1);
    Constrained {
        value: graph.reshape(&value, &shape),
        log_jacobian: None,
    }
}
