//! Simplexes by stick-breaking, along the last axis.

use firebrand_graph::{Array, Expr, Graph, Unary};

use super::Constrained;

/// z_k = 1 / (1 + exp(log(K - k) - u_k)) is the share that element k takes of what is left; the last takes the rest.
///
/// In logarithms throughout, so that small shares keep their relative precision.
pub(super) fn constrain(graph: &mut Graph, u: &Expr) -> Constrained {
    let shape = graph.shape(u);
    let (last, free) = (shape.len() - 1, shape[shape.len() - 1]);
    let mut one = shape.clone();
    one[last] = 1;
    if free == 0 {
        one[last] = 1;
        return Constrained {
            value: Array::full(&one, 1.0).into(),
            log_jacobian: None,
        };
    }
    let offsets = Array::vector((1..=free).map(|k| -((free + 1 - k) as f64).ln()).collect());
    let logit = graph.add(u, &offsets.into());
    let softplus = graph.unary(Unary::Log1pExp, &logit);
    // log(1 - z) = -log(1 + exp(logit)); log z = logit - log(1 + exp(logit)).
    let log_rest = graph.neg(&softplus);
    let log_share = graph.sub(&logit, &softplus);
    let log_left_after = graph.cumulative_sum(&log_rest, last, false);
    let log_left = graph.sub(&log_left_after, &log_rest);
    let log_value = graph.add(&log_left, &log_share);
    let log_last = {
        let rows: usize = shape[..last].iter().product();
        let flat = graph.reshape(&log_left_after, &[rows * free]);
        let index = (0..rows)
            .map(|row| (row * free + free - 1) as u32)
            .collect();
        let gathered = graph.gather(&flat, &index);
        graph.reshape(&gathered, &one)
    };
    let log_all = graph.concat(&[log_value.clone(), log_last], last);
    let log_jacobian = graph.add(&log_value, &log_rest);
    Constrained {
        value: graph.exp(&log_all),
        log_jacobian: Some(log_jacobian),
    }
}
