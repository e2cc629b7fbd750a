//! Solutions of differential equations.

use std::borrow::Cow;
use std::sync::Arc;

use crate::solve::Free;
use crate::{Array, Equations, Expr, Graph, Node, NodeId, Op, Problem, Shape, SolveOptions, fold};

/// Differential equations.
impl Graph {
    /// The solutions of as many systems as the arguments have rows: from the initial states `[systems, states]`, at the times
    /// `[systems, 1 + outputs]`, the first of which are the initial ones, for parameters `[systems, parameters]`. The result is
    /// `[systems, outputs, states]`.
    ///
    /// A draw for which one of the systems has no solution (more steps than allowed, times that do not increase, numbers that
    /// are not finite) gets NaN from there on; the other draws are not disturbed. Derivatives are solved for with respect to
    /// what is not data.
    ///
    /// # Panics
    /// When the arguments do not fit each other or the equations.
    pub fn solve(
        &mut self,
        equations: Equations,
        arguments: &[Expr; 3],
        options: SolveOptions,
    ) -> Expr {
        let [state, times, parameters] = arguments.each_ref().map(|argument| self.shape(argument));
        let systems = state[0];
        assert!(
            times[0] == systems && parameters[0] == systems && times[1] > 0,
            "arguments for {systems} systems"
        );
        let free = |unknown: Vec<bool>, length: usize| -> Vec<u32> {
            (0..length)
                .filter(|i| (0..systems).any(|system| unknown[system * length + i]))
                .map(|i| i as u32)
                .collect()
        };
        let free = Free {
            states: free(self.unknown(&arguments[0]), state[1]),
            times: arguments[1].as_data().is_none(),
            parameters: free(self.unknown(&arguments[2]), parameters[1]),
        };
        let problem = Problem::new(equations, free, options);
        let solution = self.solve_problem(&problem, arguments);
        self.reshape(&solution, &[systems, times[1] - 1, state[1]])
    }

    /// The solution alone: `[systems, 1, outputs, states]`.
    pub(crate) fn solve_problem(&mut self, problem: &Arc<Problem>, arguments: &[Expr; 3]) -> Expr {
        let [state, times, _] = arguments.each_ref().map(|argument| self.shape(argument));
        if let [Expr::Data(state), Expr::Data(times), Expr::Data(parameters)] = arguments {
            let shape = [state.shape()[0], 1, times.shape()[1] - 1, state.shape()[1]];
            let arguments = [state.data(), times.data(), parameters.data()];
            return Array::new(shape, problem.solve(arguments, shape[0], false)).into();
        }
        let arguments = arguments.each_ref().map(|argument| self.node_of(argument));
        // Before the solution, so that this can be read from there where both are computed.
        self.sensitivities(problem, arguments);
        let shape = Shape::from_slice(&[state[0], 1, times[1] - 1, state[1]]);
        self.push_solve(problem, arguments, false, shape).into()
    }

    /// The solution and its sensitivities: `[systems, rows, outputs, states]`.
    pub(crate) fn sensitivities(&mut self, problem: &Arc<Problem>, arguments: [NodeId; 3]) -> Expr {
        let [state, times, _] = arguments.map(|argument| self.node(argument).shape.clone());
        let shape = Shape::from_slice(&[state[0], problem.rows(true), times[1] - 1, state[1]]);
        self.push_solve(problem, arguments, true, shape).into()
    }

    fn push_solve(
        &mut self,
        problem: &Arc<Problem>,
        arguments: [NodeId; 3],
        sensitivities: bool,
        shape: Shape,
    ) -> NodeId {
        let batched = arguments
            .iter()
            .any(|argument| self.node(*argument).batched);
        let op = Op::Solve {
            problem: Arc::clone(problem),
            arguments,
            sensitivities,
        };
        self.push(op, shape, batched)
    }

    /// The graph in which solutions are read from where they are computed together with their sensitivities, if the outputs
    /// need both.
    pub(crate) fn with_joint_solutions(&self, outputs: &[NodeId]) -> Cow<'_, Graph> {
        let live = self.live(outputs);
        let mut joint = Cow::Borrowed(self);
        for (index, node) in self.nodes().iter().enumerate().filter(|(i, _)| live[*i]) {
            let Op::Solve {
                problem,
                arguments,
                sensitivities: false,
            } = &node.op
            else {
                continue;
            };
            let with_sensitivities = Op::Solve {
                problem: Arc::clone(problem),
                arguments: *arguments,
                sensitivities: true,
            };
            let before = self.nodes()[..index].iter().zip(&live);
            let found = before
                .enumerate()
                .find(|(_, (node, live))| **live && node.op == with_sensitivities);
            if let Some((found, _)) = found {
                let first = Op::Slice {
                    x: NodeId(found as u32),
                    axis: 1,
                    start: 0,
                    len: 1,
                };
                joint.to_mut().replace(NodeId(index as u32), first);
            }
        }
        joint
    }

    /// Systems of differential equations that the outputs need the solution of.
    pub fn equations(&self, outputs: &[NodeId]) -> usize {
        let live = self.live(outputs);
        let ops = self.nodes().iter().zip(live).filter(|(_, live)| *live);
        let plain = |(node, _): &(&Node, bool)| {
            matches!(
                node.op,
                Op::Solve {
                    sensitivities: false,
                    ..
                }
            )
        };
        ops.filter(plain).count()
    }

    /// For each element, in order, whether it is not known.
    fn unknown(&self, x: &Expr) -> Vec<bool> {
        let flags = match x {
            Expr::Data(array) => Array::full(array.shape(), 0.0),
            Expr::Node(node) => self.unknown_elements(*node),
        };
        flags.data().iter().map(|flag| *flag != 0.0).collect()
    }

    /// Where elements are moved only, as arrays are that data and parameters were assigned to: one where they are not known.
    fn unknown_elements(&self, node: NodeId) -> Array {
        let shape = &self.node(node).shape;
        let of = |x: NodeId| self.unknown_elements(x);
        match &self.node(node).op {
            Op::Const(array) => Array::full(array.shape(), 0.0),
            Op::Reshape(x) => of(*x).reshaped(shape),
            Op::Broadcast(x) => of(*x).broadcast_to(shape),
            Op::Permute(x, axes) => fold::permute(&of(*x), axes),
            Op::Slice {
                x,
                axis,
                start,
                len,
            } => fold::slice(&of(*x), *axis, *start, *len),
            Op::Gather(x, index) => fold::gather(&of(*x), index),
            Op::Concat(parts, axis) => {
                let parts: Vec<Array> = parts.iter().map(|part| of(*part)).collect();
                fold::concat(&parts, *axis)
            }
            _ => Array::full(shape, 1.0),
        }
    }
}
