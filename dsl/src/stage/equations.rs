//! Differential equations: the function that is their right-hand side is run once, on a graph of its own.

use firebrand_graph::{Array, Binary, Equations, Expr, Graph, Shape, SolveOptions, Unary};

use super::interpreter::{Interpreter, Scope, Staged};
use super::lanes::Lanes;
use crate::hir::{Expression, Solve};
use crate::library::Requirement;
use crate::syntax::Span;
use crate::types::Type;
use crate::validity::met_by_draw;
use crate::value::{Ints, Value};

/// An argument of the right-hand side.
enum Argument {
    /// Known, and the same in all lanes: part of the right-hand side.
    Known(Value),
    /// Among the parameters of the equations, from this position on.
    Parameter { first: usize, dims: Shape },
}

impl Interpreter<'_> {
    /// The solution, in each lane: `[lanes, times, states]`. Draws without one are rejected.
    pub(crate) fn solve(&mut self, solve: &Solve, span: Span, scope: &Scope) -> Staged<Value> {
        let state = self.evaluate(&solve.state, scope)?.to_reals();
        let initial_time = self.evaluate(&solve.initial_time, scope)?.to_reals();
        let times = self.evaluate(&solve.times, scope)?.to_reals();
        let options = self.solve_options(solve, scope)?;
        let mut values = Vec::with_capacity(solve.arguments.len());
        for argument in &solve.arguments {
            values.push(self.evaluate(argument, scope)?);
        }
        self.next_source();
        let (states, outputs) = (self.graph.shape(&state)[1], self.graph.shape(&times)[1]);
        if states == 0 {
            return self.fail(solve.state.span, "the initial state is empty");
        }
        if outputs == 0 {
            return self.fail(solve.times.span, "there are no times to solve for");
        }
        let lanes = [&state, &initial_time, &times]
            .map(|value| self.graph.shape(value)[0])
            .into_iter()
            .chain(values.iter().map(|value| value.shape(&self.graph)[0]))
            .max()
            .unwrap_or(1);
        let (arguments, parameters) = self.divided(values, lanes)?;
        let state = self.graph.broadcast_to(&state, &[lanes, states]);
        let initial_time = self.graph.broadcast_to(&initial_time, &[lanes]);
        let initial_time = self.graph.reshape(&initial_time, &[lanes, 1]);
        let times = self.graph.broadcast_to(&times, &[lanes, outputs]);
        let times = self.graph.concat(&[initial_time, times], 1);
        self.check_times(&times, solve)?;
        let count = self.graph.shape(&parameters)[1];
        let equations = self.equations(solve, states, count, &arguments, span)?;
        if equations.contain_equations() {
            return self.unsupported(span, "differential equations within differential equations");
        }
        let solution = self
            .graph
            .solve(equations, &[state, times, parameters], options);
        self.require_finite(&solution, solve, options.most_steps, scope);
        Ok(Value::Real(solution))
    }

    fn require_finite(&mut self, solution: &Expr, solve: &Solve, most_steps: u64, scope: &Scope) {
        let size = self.graph.unary(Unary::Abs, solution);
        let largest = Expr::scalar(f64::MAX);
        let met = self.graph.binary(Binary::LessEqual, &size, &largest);
        let is_known_to_hold = |known: &Array| known.data().iter().all(|finite| *finite == 1.0);
        if met.as_data().is_some_and(is_known_to_hold) {
            return;
        }
        let message = format!(
            "{}: there is no solution: more than {most_steps} steps from one time to the next, or numbers that are not finite",
            solve.solver.name
        );
        self.require(Requirement { met, message }, scope);
    }

    fn solve_options(&mut self, solve: &Solve, scope: &Scope) -> Staged<SolveOptions> {
        let mut options = SolveOptions {
            method: solve.solver.method,
            relative_tolerance: solve.solver.tolerance,
            absolute_tolerance: solve.solver.tolerance,
            most_steps: solve.solver.most_steps,
        };
        if let Some(tolerances) = &solve.tolerances {
            let [relative, absolute, steps] = &**tolerances;
            options.relative_tolerance = self.positive(relative, "a tolerance", scope)?;
            options.absolute_tolerance = self.positive(absolute, "a tolerance", scope)?;
            options.most_steps = self.positive(steps, "a number of steps", scope)? as u64;
        }
        if let Some(tolerance) = self.program.solver_tolerance {
            options.relative_tolerance = tolerance;
            options.absolute_tolerance = tolerance;
            options.most_steps = options.most_steps.max(solve.solver.most_steps);
        }
        Ok(options)
    }

    /// A known positive number, the same in all lanes: the least, of tolerances for each state.
    fn positive(&mut self, expression: &Expression, what: &str, scope: &Scope) -> Staged<f64> {
        let value = self.evaluate(expression, scope)?.to_reals();
        let Some(known) = value.as_data() else {
            let message = format!("{what} that depends on parameters");
            return self.unsupported(expression.span, message);
        };
        let each_state = expression.type_ == Type::Vector;
        let number = match known.uniform_value() {
            Some(number) => number,
            None if each_state && known.shape()[0] == 1 => {
                known.data().iter().copied().fold(f64::INFINITY, f64::min)
            }
            None => return self.one_by_one(),
        };
        if !(number > 0.0 && number.is_finite()) {
            let message = format!("{what} must be positive and finite, but is {number}");
            return self.fail(expression.span, message);
        }
        Ok(number)
    }

    /// What is known and the same everywhere, and the rest joined: `[lanes, parameters]`.
    fn divided(&mut self, values: Vec<Value>, lanes: usize) -> Staged<(Vec<Argument>, Expr)> {
        let (mut arguments, mut parts) = (Vec::new(), Vec::new());
        let mut first = 0;
        for value in values {
            let dims = value.dims(&self.graph);
            let size: usize = dims.iter().product();
            match &value {
                Value::Int(ints) => {
                    let one = &ints.data[..size];
                    if size > 0 && ints.data.chunks(size).any(|other| other != one) {
                        return self.one_by_one();
                    }
                    let mut shape = Shape::from_slice(&[1]);
                    shape.extend_from_slice(&dims);
                    let one = Ints::new(shape, one.to_vec());
                    arguments.push(Argument::Known(Value::Int(one)));
                }
                Value::Real(Expr::Data(array)) if array.shape()[0] == 1 => {
                    arguments.push(Argument::Known(value));
                }
                Value::Real(reals) => {
                    let own = self.graph.shape(reals)[0];
                    let flat = self.graph.reshape(reals, &[own, size]);
                    parts.push(self.graph.broadcast_to(&flat, &[lanes, size]));
                    arguments.push(Argument::Parameter { first, dims });
                    first += size;
                }
            }
        }
        let parameters = match parts.as_slice() {
            [] => Array::new([lanes, 0], Vec::new()).into(),
            parts => self.graph.concat(parts, 1),
        };
        Ok((arguments, parameters))
    }

    /// Times that are known must be in order; others are seen to by the solver.
    fn check_times(&mut self, times: &Expr, solve: &Solve) -> Staged<()> {
        let Some(known) = times.as_data() else {
            return Ok(());
        };
        let count = known.shape()[1];
        for times in known.data().chunks(count) {
            if times.iter().any(|time| !time.is_finite()) {
                return self.fail(solve.times.span, "a time is not finite");
            }
            if times[1] <= times[0] {
                let message = format!(
                    "the initial time, {}, must come before the first one to solve for, {}",
                    times[0], times[1]
                );
                return self.fail(solve.initial_time.span, message);
            }
            if let Some(pair) = times.windows(2).find(|pair| pair[0] > pair[1]) {
                let message = format!("times must increase, but {} follows {}", pair[1], pair[0]);
                return self.fail(solve.times.span, message);
            }
        }
        Ok(())
    }

    /// Runs the function on a graph of its own, away from the loops and branches around the call.
    fn equations(
        &mut self,
        solve: &Solve,
        states: usize,
        parameters: usize,
        arguments: &[Argument],
        span: Span,
    ) -> Staged<Equations> {
        let masks = std::mem::take(&mut self.masks);
        let regions = std::mem::take(&mut self.regions);
        let requirements = std::mem::take(&mut self.requirements);
        let equations = Equations::build(states, parameters, |graph, time, state, parameters| {
            std::mem::swap(&mut self.graph, graph);
            let derivative = self.derivative(solve, [time, state, parameters], arguments, span);
            std::mem::swap(&mut self.graph, graph);
            derivative
        });
        self.masks = masks;
        self.regions = regions;
        self.requirements = requirements;
        equations
    }

    /// The derivative of the state: NaN where the function rejects, so that there is no solution through there.
    fn derivative(
        &mut self,
        solve: &Solve,
        [time, state, parameters]: [&Expr; 3],
        arguments: &[Argument],
        span: Span,
    ) -> Staged<Expr> {
        let states = self.graph.shape(state)[0];
        let lane = |graph: &mut Graph, x: &Expr, dims: &[usize]| {
            let mut shape = Shape::from_slice(&[1]);
            shape.extend_from_slice(dims);
            Value::Real(graph.reshape(x, &shape))
        };
        let mut values = vec![
            lane(&mut self.graph, time, &[]),
            lane(&mut self.graph, state, &[states]),
        ];
        for argument in arguments {
            values.push(match argument {
                Argument::Known(value) => value.clone(),
                Argument::Parameter { first, dims } => {
                    let size = dims.iter().product();
                    let part = self.graph.slice(parameters, 0, *first, size);
                    lane(&mut self.graph, &part, dims)
                }
            });
        }
        let variables = &self.program.functions[solve.function].variables;
        for (value, variable) in values.iter_mut().zip(variables) {
            if variable.type_.scalar() != Type::Int {
                *value = Value::Real(value.to_reals());
            }
        }
        let derivative = self
            .call_with_values(solve.function, values, span, &Lanes::root())?
            .unwrap_or_else(Self::undefined)
            .to_reals();
        let found: usize = self.graph.shape(&derivative).iter().product();
        if found != states {
            let name = &self.program.functions[solve.function].name;
            let message =
                format!("{name} returns {found} derivatives for a state of {states} numbers");
            return self.fail(span, message);
        }
        let mut derivative = self.graph.reshape(&derivative, &[states]);
        for requirement in self.take_requirements() {
            let met = met_by_draw(&mut self.graph, &requirement.met);
            let nowhere = Expr::scalar(f64::NAN);
            derivative = self.graph.select(&met, &derivative, &nowhere);
        }
        Ok(derivative)
    }
}
