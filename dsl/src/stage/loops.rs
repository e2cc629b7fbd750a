//! Loops: all iterations together as lanes where nothing forbids it, else one after the other.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::ahead::Calls;
use super::dependence::{Access, Finished, Region, Remedy};
use super::expressions::Truth;
use super::interpreter::{Interpreter, Scope, Staged, Stop};
use super::lanes::Lanes;
use super::statements::Outcome;
use super::storage::Variable;
use crate::hir::{Expression, ExpressionKind, Index, Slot, Statement, StatementKind};
use crate::types::Type;
use crate::value::{Ints, Value};

/// What an attempt to run a loop's iterations together may have changed.
struct Checkpoint {
    variables: Vec<(Slot, Option<Variable>)>,
    regions: Vec<Region>,
    target: usize,
    requirements: usize,
    printed: usize,
    masks: usize,
    frames: usize,
}

/// A `while` loop on data that runs longer than this has no end.
const MOST_ITERATIONS: usize = 100_000_000;

impl Interpreter<'_> {
    pub(crate) fn for_range(
        &mut self,
        variable: Slot,
        lower: &Expression,
        upper: &Expression,
        body: &[Statement],
        scope: &Scope,
    ) -> Staged<Outcome> {
        let lower = self.known_ints(lower, "a loop bound", scope)?;
        let upper = self.known_ints(upper, "a loop bound", scope)?;
        let at = |ints: &Ints, lane: usize| ints.data[lane % ints.lanes()];
        let trip = |lane: usize| (at(&upper, lane) - at(&lower, lane) + 1).max(0) as usize;
        let all_agree = lower.lanes() == 1 && upper.lanes() == 1;
        let trips: Vec<usize> = match all_agree {
            true => vec![trip(0); scope.count],
            false => (0..scope.count).map(trip).collect(),
        };
        let longest = trips.iter().copied().max().unwrap_or(0);
        if longest == 0 {
            return Ok(Outcome::Next);
        }
        let together = self.in_lanes && !self.in_draws(scope);
        if together && (longest > 1 || trips.iter().any(|trip| *trip != longest)) {
            let origin = trips
                .iter()
                .enumerate()
                .flat_map(|(lane, trip)| vec![lane as u32; *trip])
                .collect();
            let values =
                (0..scope.count).flat_map(|lane| (0..trips[lane] as i64).map(move |i| (lane, i)));
            let values = values.map(|(lane, i)| at(&lower, lane) + i).collect();
            if let Some(outcome) = self.together(variable, origin, values, body, scope)? {
                return Ok(outcome);
            }
        }
        let calls = match all_agree {
            true => self.calls_ahead(variable, at(&lower, 0), longest, body, scope),
            false => None,
        };
        let held = self.ahead.len();
        let ended = self.in_order((variable, &lower, &trips), calls, body, scope);
        self.ahead.truncate(held);
        ended
    }

    /// Iterations one after the other, each in the lanes that have as many.
    fn in_order<'b>(
        &mut self,
        (variable, lower, trips): (Slot, &Ints, &[usize]),
        mut calls: Option<Calls<'b>>,
        body: &'b [Statement],
        scope: &Scope,
    ) -> Staged<Outcome> {
        let longest = trips.iter().copied().max().unwrap_or(0);
        let all_agree = trips.iter().all(|trip| *trip == longest);
        for step in 0..longest {
            let active = |lane: &u32| step < trips[*lane as usize];
            if let Some(calls) = &mut calls {
                self.call_ahead(calls, step)?;
            }
            let inside = if all_agree || (0..scope.count as u32).all(|lane| active(&lane)) {
                Arc::clone(scope)
            } else {
                Lanes::inside(scope, (0..scope.count as u32).filter(active).collect())
            };
            let origin = inside.origin_at(scope.depth);
            let uniform = lower.lanes() == 1;
            let count = if uniform { 1 } else { inside.count };
            let values = (0..count)
                .map(|lane| lower.data[origin[lane] as usize % lower.lanes()] + step as i64)
                .collect();
            let value = Value::Int(Ints::new([count], values));
            match self.iteration(variable, value, body, &inside)? {
                Outcome::Next | Outcome::Continue => {}
                Outcome::Break => break,
                Outcome::Return if inside.depth == scope.depth => return Ok(Outcome::Return),
                Outcome::Return | Outcome::Remaining(_) => return self.one_by_one(),
            }
        }
        Ok(Outcome::Next)
    }

    pub(crate) fn for_each(
        &mut self,
        variable: Slot,
        container: &Expression,
        body: &[Statement],
        scope: &Scope,
    ) -> Staged<Outcome> {
        let mut value = self.evaluate(container, scope)?;
        if container.type_ == Type::Matrix {
            // Column-major order.
            let reals = self.graph.transpose(&value.to_reals());
            let shape = self.graph.shape(&reals);
            value = Value::Real(self.graph.reshape(&reals, &[shape[0], shape[1] * shape[2]]));
        }
        let count = value.dims(&self.graph).first().copied().unwrap_or(0);
        for i in 1..=count as i64 {
            let at = Expression {
                kind: ExpressionKind::Int(i),
                type_: Type::Int,
                span: container.span,
            };
            let element =
                self.index_value(value.clone(), &[Index::Single(at)], container.span, scope)?;
            match self.iteration(variable, element, body, scope)? {
                Outcome::Next | Outcome::Continue => {}
                Outcome::Break => break,
                Outcome::Return => return Ok(Outcome::Return),
                Outcome::Remaining(_) => return self.one_by_one(),
            }
        }
        Ok(Outcome::Next)
    }

    pub(crate) fn while_loop(
        &mut self,
        condition: &Expression,
        body: &[Statement],
        scope: &Scope,
    ) -> Staged<Outcome> {
        let mut active = Arc::clone(scope);
        for _ in 0..MOST_ITERATIONS {
            match self.condition(condition, &active)? {
                Truth::Known(values) if values.iter().all(|v| !*v) => return Ok(Outcome::Next),
                Truth::Known(values) if values.iter().all(|v| *v) => {}
                Truth::Known(values) => {
                    let lanes = active.origin_at(scope.depth);
                    let going_on = values
                        .iter()
                        .zip(lanes.iter())
                        .filter(|(goes_on, _)| **goes_on);
                    active = Lanes::inside(scope, going_on.map(|(_, lane)| *lane).collect());
                }
                Truth::Mask(_) => {
                    return self.unsupported(
                        condition.span,
                        "a `while` whose condition depends on parameters is not supported yet",
                    );
                }
            }
            self.check_not_cancelled()?;
            match self.block(body, &active)? {
                Outcome::Next | Outcome::Continue => {}
                Outcome::Break => return Ok(Outcome::Next),
                Outcome::Return if active.depth == scope.depth => return Ok(Outcome::Return),
                Outcome::Return | Outcome::Remaining(_) => return self.one_by_one(),
            }
        }
        self.fail(condition.span, "this loop does not end")
    }

    fn iteration(
        &mut self,
        variable: Slot,
        value: Value,
        body: &[Statement],
        scope: &Scope,
    ) -> Staged<Outcome> {
        self.check_not_cancelled()?;
        let held = Variable::holding(value, &self.graph, scope);
        self.frame().variables[variable] = Some(held);
        self.block(body, scope)
    }

    /// Runs all iterations as lanes. `None` when they must run one after the other.
    fn together(
        &mut self,
        variable: Slot,
        origin: Vec<u32>,
        values: Vec<i64>,
        body: &[Statement],
        scope: &Scope,
    ) -> Staged<Option<Outcome>> {
        let lanes = Lanes::inside(scope, origin);
        let mut assigned = FxHashSet::default();
        assigned_in(body, &mut assigned);
        let assigned = Arc::new(assigned);
        let position = self.regions.len();
        let mut private: Vec<Slot> = Vec::new();
        let mut groups = Groups::one(lanes.count);
        loop {
            let checkpoint = self.checkpoint(&assigned);
            self.regions
                .push(Region::new(&lanes, self.frames.len() - 1, &assigned));
            for slot in &private {
                let Some(base) = self.frame().variables[*slot].clone() else {
                    continue;
                };
                let copy = base.copied_into(&mut self.graph, &lanes);
                let copy = self.regions[position].make_private(*slot, base, copy);
                self.frame().variables[*slot] = Some(copy);
            }
            let value = Value::Int(Ints::new([lanes.count], values.clone()));
            let held = Variable::holding(value, &self.graph, &lanes);
            self.frame().variables[variable] = Some(held);
            let attempt = groups
                .scopes(&lanes)
                .into_iter()
                .try_for_each(|inside| match self.block(body, &inside)? {
                    Outcome::Next => Ok(()),
                    _ => Err(Stop::Dependence(position, Remedy::Sequential)),
                })
                .and_then(|()| self.close(scope));
            match attempt {
                Ok(()) => return Ok(Some(Outcome::Next)),
                Err(Stop::Dependence(of, remedy)) if of == position => {
                    self.restore(checkpoint);
                    match remedy {
                        Remedy::Private(slot) if !private.contains(&slot) => private.push(slot),
                        Remedy::Apart(numbers) if groups.split(&numbers) => {}
                        _ => return Ok(None),
                    }
                }
                // An iteration may have met what an earlier one had yet to set right.
                Err(Stop::Error(_)) => {
                    self.restore(checkpoint);
                    return Ok(None);
                }
                Err(stop) => {
                    self.restore(checkpoint);
                    return Err(stop);
                }
            }
        }
    }

    /// Ends the innermost region: what its iterations last wrote to their private copies becomes the variable's.
    fn close(&mut self, scope: &Scope) -> Staged<()> {
        let Some(region) = self.regions.pop() else {
            return Ok(());
        };
        let lanes = Arc::clone(&region.lanes);
        for Finished { slot, base, writes } in region.finish() {
            let frame = self.frames.len() - 1;
            let copy = self.frames[frame].variables[slot].replace(base);
            let Some(mut copy) = copy else { continue };
            let (cells, from): (Vec<u32>, Vec<u32>) = writes.into_iter().unzip();
            if cells.is_empty() {
                continue;
            }
            let values = copy.read(&mut self.graph, &from, &[from.len()]);
            let origin = lanes.origin_at(scope.depth);
            let size = copy.size() as u32;
            let writers: Vec<u32> = from
                .iter()
                .map(|offset| origin[(offset / size) as usize])
                .collect();
            self.note_write(&Access {
                slot,
                offsets: &cells,
                lanes: &writers,
                within: scope,
            })?;
            self.write(slot, &cells, &values);
        }
        Ok(())
    }

    fn checkpoint(&mut self, assigned: &FxHashSet<Slot>) -> Checkpoint {
        let frame = self.frame();
        let variables = assigned
            .iter()
            .map(|slot| (*slot, frame.variables[*slot].clone()))
            .collect();
        Checkpoint {
            variables,
            regions: self.regions.clone(),
            target: self.target.len(),
            requirements: self.requirements.len(),
            printed: self.printed.len(),
            masks: self.masks.len(),
            frames: self.frames.len(),
        }
    }

    fn restore(&mut self, checkpoint: Checkpoint) {
        self.frames.truncate(checkpoint.frames);
        for (slot, variable) in checkpoint.variables {
            self.frame().variables[slot] = variable;
        }
        self.regions = checkpoint.regions;
        self.target.truncate(checkpoint.target);
        self.requirements.truncate(checkpoint.requirements);
        self.printed.truncate(checkpoint.printed);
        self.masks.truncate(checkpoint.masks);
    }
}

/// The iterations of a loop, in groups that run one after the other.
struct Groups {
    /// The group of each iteration.
    of: Vec<u32>,
    count: usize,
}

impl Groups {
    fn one(iterations: usize) -> Self {
        Groups {
            of: vec![0; iterations],
            count: 1,
        }
    }

    /// Parts iterations of one group that have different numbers. Says whether that changed anything and is worth it.
    fn split(&mut self, numbers: &[i64]) -> bool {
        let mut new: FxHashMap<(u32, i64), u32> = FxHashMap::default();
        for (group, number) in self.of.iter_mut().zip(numbers) {
            let next = new.len() as u32;
            *group = *new.entry((*group, *number)).or_insert(next);
        }
        let more = new.len() > self.count;
        self.count = new.len();
        more && 2 * self.count <= self.of.len()
    }

    /// The lanes of each group.
    fn scopes(&self, lanes: &Scope) -> Vec<Scope> {
        if self.count == 1 {
            return vec![Arc::clone(lanes)];
        }
        let mut members = vec![Vec::new(); self.count];
        for (iteration, group) in self.of.iter().enumerate() {
            members[*group as usize].push(iteration as u32);
        }
        let scopes = members.into_iter();
        scopes
            .map(|members| Lanes::inside(lanes, members))
            .collect()
    }
}

/// The variables that statements assign to.
fn assigned_in(statements: &[Statement], slots: &mut FxHashSet<Slot>) {
    for statement in statements {
        match &statement.kind {
            StatementKind::Assign { target, .. } => {
                slots.insert(target.slot);
            }
            StatementKind::Declare(declaration, _) => {
                slots.insert(declaration.slot);
            }
            StatementKind::If {
                then, otherwise, ..
            } => {
                assigned_in(then, slots);
                assigned_in(otherwise, slots);
            }
            StatementKind::For { variable, body, .. }
            | StatementKind::ForEach { variable, body, .. } => {
                slots.insert(*variable);
                assigned_in(body, slots);
            }
            StatementKind::While { body, .. } | StatementKind::Block(body) => {
                assigned_in(body, slots)
            }
            _ => {}
        }
    }
}

/// Whether an expression reads a variable.
pub(crate) fn mentions(expression: &Expression, slot: Slot) -> bool {
    let any = |parts: &[Expression]| parts.iter().any(|part| mentions(part, slot));
    match &expression.kind {
        ExpressionKind::Variable(read) => *read == slot,
        ExpressionKind::Int(_) | ExpressionKind::Real(_) | ExpressionKind::InitialWeights(_) => {
            false
        }
        // The density so far may depend on anything.
        ExpressionKind::Target => true,
        ExpressionKind::Unary(_, x) => mentions(x, slot),
        ExpressionKind::Binary(_, x, y) | ExpressionKind::And(x, y) | ExpressionKind::Or(x, y) => {
            mentions(x, slot) || mentions(y, slot)
        }
        ExpressionKind::Conditional(x, y, z) => {
            mentions(x, slot) || mentions(y, slot) || mentions(z, slot)
        }
        ExpressionKind::Index(base, indices) => {
            mentions(base, slot)
                || indices.iter().any(|index| match index {
                    Index::Single(at) | Index::Multiple(at) => mentions(at, slot),
                    Index::Range(lower, upper) => [lower, upper]
                        .into_iter()
                        .flatten()
                        .any(|end| mentions(end, slot)),
                })
        }
        ExpressionKind::Call(_, arguments) | ExpressionKind::UserCall(_, arguments) => {
            any(arguments)
        }
        ExpressionKind::Array(parts) | ExpressionKind::Row(parts) => any(parts),
        ExpressionKind::Solve(solve) => solve.all().any(|part| mentions(part, slot)),
        ExpressionKind::Apply(_, argument) => mentions(argument, slot),
    }
}

/// Whether two lists of indices are written alike.
pub(crate) fn same_indices(a: &[Index], b: &[Index]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|pair| match pair {
            (Index::Single(a), Index::Single(b)) | (Index::Multiple(a), Index::Multiple(b)) => {
                same(a, b)
            }
            (Index::Range(a, b), Index::Range(c, d)) => same_end(a, c) && same_end(b, d),
            _ => false,
        })
}

fn same_end(a: &Option<Expression>, b: &Option<Expression>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same(a, b),
        _ => false,
    }
}

/// Whether two expressions are written alike.
fn same(a: &Expression, b: &Expression) -> bool {
    match (&a.kind, &b.kind) {
        (ExpressionKind::Int(a), ExpressionKind::Int(b)) => a == b,
        (ExpressionKind::Variable(a), ExpressionKind::Variable(b)) => a == b,
        (ExpressionKind::Unary(f, a), ExpressionKind::Unary(g, b)) => f == g && same(a, b),
        (ExpressionKind::Binary(f, a, b), ExpressionKind::Binary(g, c, d)) => {
            f == g && same(a, c) && same(b, d)
        }
        (ExpressionKind::Index(a, i), ExpressionKind::Index(b, j)) => {
            same(a, b) && same_indices(i, j)
        }
        _ => false,
    }
}
