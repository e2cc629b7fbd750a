//! Networks called ahead: where draws are lanes, loops go one iteration after the other, and a network at one row of each draw
//! copies all draws' weights for it. Rows that are known before a loop begins are put through the network together, for many iterations,
//! and each iteration finds its own outputs.

use std::sync::Arc;

use firebrand_graph::{Array, Expr};
use rustc_hash::FxHashSet;

use super::dependence::Region;
use super::interpreter::{Interpreter, Scope, Staged, Stop};
use super::lanes::Lanes;
use super::loops::mentions;
use super::storage::Variable;
use crate::hir::{Expression, ExpressionKind, Index, Slot, Statement, StatementKind};
use crate::syntax::Span;
use crate::value::{Ints, Value};

/// Rows at most, over all draws, that a network is called at ahead: what it gives for them is held.
const MOST_ROWS: usize = 1 << 16;

/// One place in a program where a network is called.
#[derive(Clone, Copy, Debug)]
struct Call<'b> {
    network: usize,
    argument: &'b Expression,
    span: Span,
}

/// The calls of networks that every iteration of a loop makes, at rows that follow from the iteration's number and the data.
#[derive(Debug)]
pub(super) struct Calls<'b> {
    variable: Slot,
    /// The loop variable in the first iteration.
    lower: i64,
    iterations: usize,
    /// Iterations that are looked ahead at once.
    stride: usize,
    scope: Scope,
    calls: Vec<Call<'b>>,
    /// How many outputs loops around this one hold.
    outer: usize,
}

/// What a call gives in several iterations.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// Where the argument of the call lies in the program: each is there once.
    argument: usize,
    scope: Scope,
    /// `[draws or 1, iterations or 1, ..]`.
    outputs: Array,
    /// The iteration that runs, counted from the first of those.
    current: usize,
}

impl Interpreter<'_> {
    /// The calls of networks that a loop over `lower, lower + 1, ..` may make ahead, if it makes any.
    pub(super) fn calls_ahead<'b>(
        &self,
        variable: Slot,
        lower: i64,
        iterations: usize,
        body: &'b [Statement],
        scope: &Scope,
    ) -> Option<Calls<'b>> {
        // No function of the program can call a network.
        if self.networks.is_empty() || !self.in_draws(scope) || self.frames.len() > 1 {
            return None;
        }
        let mut calls = Vec::new();
        calls_in(body, &mut calls);
        calls.retain(|call| self.follows_from_data(call.argument, variable));
        (!calls.is_empty() && iterations > 1).then(|| Calls {
            variable,
            lower,
            iterations,
            stride: (MOST_ROWS / scope.count.max(1)).max(1),
            scope: Arc::clone(scope),
            calls,
            outer: self.ahead.len(),
        })
    }

    /// Whether nothing but data and the loop variable is read.
    fn follows_from_data(&self, argument: &Expression, variable: Slot) -> bool {
        let variables = self.frames[0].variables.iter().enumerate();
        let mut others = variables.filter(|(slot, _)| *slot != variable);
        others.all(|(slot, held)| {
            held.as_ref().is_some_and(|held| held.owner.depth == 0) || !mentions(argument, slot)
        })
    }

    /// Makes the calls of this iteration and of those after it, unless they have been made.
    pub(super) fn call_ahead(&mut self, calls: &mut Calls<'_>, step: usize) -> Staged<()> {
        let current = step % calls.stride;
        if current > 0 {
            for held in &mut self.ahead[calls.outer..] {
                held.current = current;
            }
            return Ok(());
        }
        self.check_not_cancelled()?;
        self.ahead.truncate(calls.outer);
        let count = calls.stride.min(calls.iterations - step);
        let first = calls.lower + step as i64;
        let numbers: Vec<i64> = (first..).take(count).collect();
        let mut made = Vec::with_capacity(calls.calls.len());
        for call in &calls.calls {
            let Some(inputs) = self.inputs_ahead(call.argument, calls.variable, &numbers)? else {
                continue;
            };
            let weights = self.weights(call.network, call.span, &calls.scope)?;
            let mut shape = vec![1];
            shape.extend(self.graph.shape(&inputs));
            let inputs = self.graph.reshape(&inputs, &shape);
            let outputs = self.outputs(call.network, &weights, &inputs, call.argument.span)?;
            if let Expr::Data(outputs) = outputs {
                self.ahead.push(Ahead {
                    argument: place_of(call.argument),
                    scope: Arc::clone(&calls.scope),
                    outputs,
                    current,
                });
                made.push(*call);
            }
        }
        // What could not be looked ahead at once cannot be later.
        calls.calls = made;
        Ok(())
    }

    /// The rows `[iterations or 1, ..]` that a call has in all these iterations. `None` where one of them has none, or draws random
    /// numbers for them, or speaks: those are for the iteration itself.
    fn inputs_ahead(
        &mut self,
        argument: &Expression,
        variable: Slot,
        numbers: &[i64],
    ) -> Staged<Option<Expr>> {
        let lanes = Lanes::inside(&self.root(), vec![0; numbers.len()]);
        let value = Value::Int(Ints::new([numbers.len()], numbers.to_vec()));
        self.frame().variables[variable] = Some(Variable::holding(value, &self.graph, &lanes));
        let region = Region::new(&lanes, 0, &Arc::new(FxHashSet::default()));
        let regions = std::mem::replace(&mut self.regions, vec![region]);
        let generators = std::mem::take(&mut self.generators);
        let draws = self.draws.take();
        let (required, printed) = (self.requirements.len(), self.printed.len());
        let found = self.evaluate(argument, &lanes);
        self.regions = regions;
        self.generators = generators;
        self.draws = draws;
        let is_silent = self.requirements.len() == required && self.printed.len() == printed;
        self.requirements.truncate(required);
        self.printed.truncate(printed);
        match found {
            Ok(rows) if is_silent => Ok(Some(rows.to_reals())),
            Err(Stop::Interrupted) => Err(Stop::Interrupted),
            Ok(_) | Err(_) => Ok(None),
        }
    }

    /// What a call gives in the running iteration, if it was made ahead.
    pub(super) fn found_ahead(&mut self, argument: &Expression, scope: &Scope) -> Option<Value> {
        let place = place_of(argument);
        let held = self
            .ahead
            .iter()
            .rev()
            .find(|held| held.argument == place)?;
        let shape = held.outputs.shape();
        let (draws, iterations) = (shape[0], shape[1]);
        let each: usize = shape[2..].iter().product();
        let iteration = held.current.min(iterations - 1);
        let values = (0..draws)
            .flat_map(|draw| {
                let first = (draw * iterations + iteration) * each;
                held.outputs.data()[first..first + each].iter().copied()
            })
            .collect();
        let mut own = vec![draws];
        own.extend(&shape[2..]);
        let outputs = Array::new(own, values).into();
        let from = Arc::clone(&held.scope);
        Some(Value::Real(self.in_scope_expr(&outputs, &from, scope)))
    }
}

fn place_of(argument: &Expression) -> usize {
    std::ptr::from_ref(argument).addr()
}

/// Calls of networks that statements make whatever else happens. Gives whether what follows them is reached in any case.
fn calls_in<'b>(body: &'b [Statement], calls: &mut Vec<Call<'b>>) -> bool {
    body.iter().all(|statement| match &statement.kind {
        StatementKind::Declare(_, value) => {
            value.iter().for_each(|value| calls_of(value, calls));
            true
        }
        StatementKind::Assign { value, .. }
        | StatementKind::TargetAdd(value)
        | StatementKind::Call(value) => {
            calls_of(value, calls);
            true
        }
        StatementKind::Block(body) => calls_in(body, calls),
        StatementKind::If {
            condition,
            then,
            otherwise,
        } => {
            calls_of(condition, calls);
            // What only some iterations call is left to them.
            let mut conditional = Vec::new();
            calls_in(then, &mut conditional) && calls_in(otherwise, &mut conditional)
        }
        StatementKind::Break | StatementKind::Continue | StatementKind::Return(_) => false,
        StatementKind::For { .. }
        | StatementKind::ForEach { .. }
        | StatementKind::While { .. }
        | StatementKind::Print(_)
        | StatementKind::Reject(_)
        | StatementKind::FatalError(_) => true,
    })
}

/// Calls of networks that an expression makes in any case.
fn calls_of<'b>(expression: &'b Expression, calls: &mut Vec<Call<'b>>) {
    match &expression.kind {
        ExpressionKind::Apply(network, argument) => calls.push(Call {
            network: *network,
            argument,
            span: expression.span,
        }),
        ExpressionKind::Unary(_, x)
        | ExpressionKind::And(x, _)
        | ExpressionKind::Or(x, _)
        | ExpressionKind::Conditional(x, _, _) => calls_of(x, calls),
        ExpressionKind::Binary(_, x, y) => {
            calls_of(x, calls);
            calls_of(y, calls);
        }
        ExpressionKind::Index(base, indices) => {
            calls_of(base, calls);
            for index in indices {
                if let Index::Single(at) = index {
                    calls_of(at, calls);
                }
            }
        }
        ExpressionKind::Call(_, parts)
        | ExpressionKind::UserCall(_, parts)
        | ExpressionKind::Array(parts)
        | ExpressionKind::Row(parts) => parts.iter().for_each(|part| calls_of(part, calls)),
        ExpressionKind::Int(_)
        | ExpressionKind::Real(_)
        | ExpressionKind::Variable(_)
        | ExpressionKind::Target
        | ExpressionKind::Solve(_)
        | ExpressionKind::InitialWeights(_) => {}
    }
}
