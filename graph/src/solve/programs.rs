//! From the right-hand side to programs: of the state's derivative, of the sensitivities', and of the Jacobian.

use std::sync::Arc;

use super::{Equations, Free};
use crate::{Array, Expr, Graph, NodeId, Program, Shape};

/// What a method evaluates.
#[derive(Debug)]
pub(super) struct Programs {
    /// Numbers of the state.
    pub(super) states: usize,
    /// Sensitivities that are solved for together with the state.
    pub(super) columns: usize,
    /// Of time, state, parameters and, where there are any, sensitivities `[columns, states]`: the derivatives of state and
    /// sensitivities with respect to time, one vector.
    pub(super) derivative: Program,
    /// Of time, state and parameters: the derivatives of the state's derivative with respect to the state, row by row.
    pub(super) jacobian: Option<Arc<Program>>,
}

impl Programs {
    /// Numbers that are solved for.
    pub(super) fn width(&self) -> usize {
        self.states * (1 + self.columns)
    }
}

pub(super) fn plain(
    equations: &Equations,
    jacobian: Option<Arc<Program>>,
    compile: impl Fn(&Graph, NodeId) -> Program,
) -> Programs {
    let mut graph = equations.graph.clone();
    let derivative = one_for_each_draw(&mut graph, &equations.derivative.into());
    Programs {
        states: graph.node(equations.state).shape[0],
        columns: 0,
        derivative: compile(&graph, derivative),
        jacobian,
    }
}

pub(super) fn jacobian(
    equations: &Equations,
    compile: impl Fn(&Graph, NodeId) -> Program,
) -> Arc<Program> {
    let mut graph = equations.graph.clone();
    let [by_state] = derivatives(&mut graph, equations, [equations.state]);
    let size: usize = graph.shape(&by_state).iter().product();
    let flat = graph.reshape(&by_state, &[size]);
    let flat = one_for_each_draw(&mut graph, &flat);
    Arc::new(compile(&graph, flat))
}

/// State and sensitivities. Where s is the derivative of the state with respect to a number, that of s with respect to time is
/// (df/dstate) s, plus df/dparameter where the number is a parameter.
pub(super) fn coupled(
    equations: &Equations,
    free: &Free,
    jacobian: Option<Arc<Program>>,
    compile: impl Fn(&Graph, NodeId) -> Program,
) -> Programs {
    let mut graph = equations.graph.clone();
    let (states, columns) = (graph.node(equations.state).shape[0], free.columns());
    let sensitivities = graph.input(states * columns, true);
    let sensitivities = graph.reshape(&sensitivities, &[columns, states]);
    let [by_state, by_parameters] = derivatives(
        &mut graph,
        equations,
        [equations.state, equations.parameters],
    );
    let turned = graph.transpose(&by_state);
    let mut change = graph.matmul(&sensitivities, &turned);
    if !free.parameters.is_empty() {
        let turned = graph.transpose(&by_parameters);
        let direct = graph.gather(&turned, &free.parameters.as_slice().into());
        let others = columns - free.parameters.len();
        let direct = match others {
            0 => direct,
            _ => graph.concat(
                &[
                    Array::full(Shape::from_slice(&[others, states]), 0.0).into(),
                    direct,
                ],
                0,
            ),
        };
        change = graph.add(&change, &direct);
    }
    let change = graph.reshape(&change, &[columns * states]);
    let all = graph.concat(&[equations.derivative.into(), change], 0);
    let all = one_for_each_draw(&mut graph, &all);
    Programs {
        states,
        columns,
        derivative: compile(&graph, all),
        jacobian,
    }
}

/// The derivatives of the right-hand side, a row for each number of the state, with respect to some of its arguments.
fn derivatives<const N: usize>(
    graph: &mut Graph,
    equations: &Equations,
    arguments: [NodeId; N],
) -> [Expr; N] {
    let states = graph.node(equations.state).shape[0];
    let mut rows: [Vec<Expr>; N] = std::array::from_fn(|_| Vec::new());
    for i in 0..states {
        let mut direction = vec![0.0; states];
        direction[i] = 1.0;
        let direction = Array::vector(direction).into();
        let gradients = graph.pullback(&[(equations.derivative, direction)], &arguments);
        for (rows, gradient) in rows.iter_mut().zip(gradients) {
            let size = graph.shape(&gradient)[0];
            rows.push(graph.reshape(&gradient, &[1, size]));
        }
    }
    rows.map(|rows| graph.concat(&rows, 0))
}

/// The node of a value that each draw has its own of, be they equal.
fn one_for_each_draw(graph: &mut Graph, value: &Expr) -> NodeId {
    let value = match graph.is_batched(value) {
        true => value.clone(),
        false => graph.spread(value),
    };
    graph.node_of(&value)
}
