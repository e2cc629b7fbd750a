//! Ordinary differential equations: one system of equations, solved for many draws at once, with the derivatives of the
//! solution.
//!
//! The right-hand side is a graph of its own, compiled like any other. All draws are worked on in lockstep, and the right-hand
//! side is evaluated for all of them in one run of its program; but each draw has its own time, step size and error, so that one
//! that is stiff, or has no solution, does not disturb the others: its numbers are NaN, and theirs are what they would be
//! without it.
//!
//! Derivatives are forward sensitivities: the derivatives of the state with respect to what the solution depends on satisfy
//! linear differential equations, whose right-hand side comes from the graph's own derivatives, and which are solved together
//! with those of the state, under the same control of the error (as Stan does).

mod collocation;
mod explicit;
mod implicit;
mod linear;
mod programs;
mod systems;

use std::sync::Arc;

use crate::{Expr, Graph, NodeId, Options, Program};

use programs::Programs;
use systems::Systems;

/// The right-hand side of a system of ordinary differential equations.
#[derive(Clone, Debug)]
pub struct Equations {
    graph: Graph,
    state: NodeId,
    parameters: NodeId,
    derivative: NodeId,
}

impl Equations {
    /// The equations that `build` makes of the time (a vector of one number), the state and the parameters: what it returns is the
    /// derivative of the state with respect to time, a vector as long as the state.
    ///
    /// # Errors
    /// What `build` returns.
    ///
    /// # Panics
    /// When the derivative has not the shape of the state.
    pub fn build<E>(
        states: usize,
        parameters: usize,
        build: impl FnOnce(&mut Graph, &Expr, &Expr, &Expr) -> Result<Expr, E>,
    ) -> Result<Equations, E> {
        let mut graph = Graph::new();
        let [time, state, parameters] =
            [1, states, parameters].map(|length| graph.input(length, true));
        let derivative = build(&mut graph, &time, &state, &parameters)?;
        assert_eq!(
            graph.shape(&derivative).as_slice(),
            [states],
            "a derivative for each number of the state"
        );
        let [state, parameters, derivative] =
            [state, parameters, derivative].map(|value| graph.node_of(&value));
        Ok(Equations {
            graph,
            state,
            parameters,
            derivative,
        })
    }

    /// Whether the right-hand side itself contains solutions of differential equations.
    pub fn contain_equations(&self) -> bool {
        let ops = self.graph.nodes().iter().map(|node| &node.op);
        ops.into_iter()
            .any(|op| matches!(op, crate::Op::Solve { .. }))
    }
}

/// The methods that differential equations are solved by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Dormand and Prince's explicit Runge-Kutta method of order 5: for equations that are not stiff.
    Explicit,
    /// The implicit Runge-Kutta method Radau IIA of order 5: for stiff equations.
    Implicit,
}

/// How differential equations are solved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SolveOptions {
    /// The method.
    pub method: Method,
    /// The largest error of a step, relative to the number.
    pub relative_tolerance: f64,
    /// The largest error of a step in addition to that.
    pub absolute_tolerance: f64,
    /// Steps at most from one time of output to the next; a draw that needs more has no solution.
    pub most_steps: u64,
}

/// What the derivatives of a solution are wanted with respect to: what is not data.
#[derive(Clone, Debug, Default)]
pub(crate) struct Free {
    /// Positions in the initial state.
    pub(crate) states: Vec<u32>,
    /// The times: the initial one, and those of the outputs.
    pub(crate) times: bool,
    /// Positions among the parameters.
    pub(crate) parameters: Vec<u32>,
}

impl Free {
    /// How many sensitivities are solved for: those to the initial state, to the initial time, and to the parameters.
    fn columns(&self) -> usize {
        self.states.len() + usize::from(self.times) + self.parameters.len()
    }
}

/// Equations that are ready to be solved.
#[derive(Debug)]
pub struct Problem {
    states: usize,
    pub(crate) free: Free,
    options: SolveOptions,
    plain: Programs,
    coupled: Option<Programs>,
}

/// The same one: problems are not compared by what they compute.
impl PartialEq for Problem {
    fn eq(&self, other: &Problem) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Problem {
    pub(crate) fn new(equations: Equations, free: Free, options: SolveOptions) -> Arc<Problem> {
        let implicit = options.method == Method::Implicit;
        let compile =
            |graph: &Graph, output| Program::compile(graph, &[output], &Options::default());
        let states = equations.graph.node(equations.state).shape[0];
        let jacobian = implicit.then(|| programs::jacobian(&equations, compile));
        let coupled = (free.columns() > 0)
            .then(|| programs::coupled(&equations, &free, jacobian.clone(), compile));
        let plain = programs::plain(&equations, jacobian, compile);
        Arc::new(Problem {
            states,
            free,
            options,
            plain,
            coupled,
        })
    }

    /// Vectors of the length of the state, for each time of output: the state itself, and with sensitivities those, and the
    /// derivative with respect to the time, where times are free.
    pub(crate) fn rows(&self, sensitivities: bool) -> usize {
        match sensitivities {
            true => 1 + self.free.columns() + usize::from(self.free.times),
            false => 1,
        }
    }

    /// Solves for many systems: `state` is `[systems, states]`, `times` (the initial one first) `[systems, 1 + outputs]`,
    /// `parameters` `[systems, parameters]`. The result is `[systems, rows, outputs, states]`; NaN for a system without a
    /// solution.
    pub(crate) fn solve(
        &self,
        [state, times, parameters]: [&[f64]; 3],
        systems: usize,
        sensitivities: bool,
    ) -> Vec<f64> {
        let outputs = times.len().checked_div(systems).unwrap_or(1) - 1;
        let coupled = self.coupled.as_ref().filter(|_| sensitivities);
        let programs = coupled.unwrap_or(&self.plain);
        let initial = self.initial([state, times, parameters], systems, coupled.is_some());
        let options = match self.options.method {
            Method::Explicit => self.options,
            Method::Implicit => implicit::step_options(&self.options),
        };
        let at_work = Systems::new(programs, &options, initial, [times, parameters], systems);
        let columns = match self.options.method {
            Method::Explicit => explicit::solve(at_work),
            Method::Implicit => implicit::solve(at_work),
        };
        let count = self.rows(sensitivities);
        let mut result = vec![f64::NAN; systems * count * outputs * self.states];
        let (line, solved) = (outputs * self.states, 1 + programs.columns);
        for (to, from) in result
            .chunks_exact_mut((count * line).max(1))
            .zip(columns.chunks_exact((solved * line).max(1)))
        {
            to[..solved * line].copy_from_slice(from);
        }
        if sensitivities && self.free.times {
            self.add_slopes(&mut result, [times, parameters], systems, count);
        }
        result
    }

    /// The state with its sensitivities at the initial time: `[systems, 1 + columns, states]`.
    fn initial(
        &self,
        [state, times, parameters]: [&[f64]; 3],
        systems: usize,
        coupled: bool,
    ) -> Vec<f64> {
        if !coupled {
            return state.to_vec();
        }
        let (states, columns) = (self.states, self.free.columns());
        let width = states * (1 + columns);
        let slopes = self.free.times.then(|| {
            let first: Vec<f64> = times
                .chunks_exact(times.len() / systems.max(1))
                .map(|times| times[0])
                .collect();
            self.plain
                .derivative
                .run_host(&[&first, state, parameters], systems)
                .remove(0)
        });
        let mut initial = vec![0.0; systems * width];
        for (system, initial) in initial.chunks_exact_mut(width.max(1)).enumerate() {
            let own = system * states..(system + 1) * states;
            initial[..states].copy_from_slice(&state[own.clone()]);
            for (column, i) in self.free.states.iter().enumerate() {
                initial[(1 + column) * states + *i as usize] = 1.0;
            }
            // A later start leaves the state where it would else have moved on from.
            if let Some(slopes) = &slopes {
                let to = &mut initial[(1 + self.free.states.len()) * states..][..states];
                for (to, slope) in to.iter_mut().zip(&slopes[own]) {
                    *to = -slope;
                }
            }
        }
        initial
    }

    /// The derivatives with respect to the times of output: the right-hand side there, as the last row.
    fn add_slopes(
        &self,
        result: &mut [f64],
        [times, parameters]: [&[f64]; 2],
        systems: usize,
        count: usize,
    ) {
        let states = self.states;
        let outputs = times.len() / systems.max(1) - 1;
        for output in 0..outputs {
            let at =
                |system: usize, row: usize| ((system * count + row) * outputs + output) * states;
            let time: Vec<f64> = (0..systems)
                .map(|system| times[system * (1 + outputs) + 1 + output])
                .collect();
            let state: Vec<f64> = (0..systems)
                .flat_map(|system| result[at(system, 0)..][..states].to_vec())
                .collect();
            let inputs: [&[f64]; 3] = [&time, &state, parameters];
            let slopes = self.plain.derivative.run_host(&inputs, systems).remove(0);
            for (system, slope) in slopes.chunks_exact(states).enumerate() {
                let to = at(system, count - 1);
                result[to..to + states].copy_from_slice(slope);
            }
        }
    }
}
