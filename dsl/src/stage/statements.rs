use std::sync::Arc;

use firebrand_graph::{Expr, Index as Positions, Shape};

use super::dependence::Access;
use super::expressions::Truth;
use super::indexing::lane_of_each;
use super::interpreter::{Interpreter, Scope, Staged};
use super::lanes::Lanes;
use super::storage::Variable;
use crate::hir::{
    BinaryOp, Expression, ExpressionKind, Place, Printable, Slot, Statement, StatementKind,
};
use crate::library::Requirement;
use crate::types::Type;
use crate::value::Value;

/// How a statement ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Next,
    Break,
    Continue,
    Return,
    /// Some lanes returned; these go on.
    Remaining(Vec<u32>),
}

impl Interpreter<'_> {
    /// Runs statements of the program's frame, outside all loops.
    pub fn run(&mut self, statements: &[Statement]) -> Result<(), super::StageError> {
        let root = self.root();
        match self.block(statements, &root) {
            Ok(_) => Ok(()),
            Err(super::interpreter::Stop::Error(error)) => Err(error),
            Err(super::interpreter::Stop::Dependence(..)) => {
                unreachable!("every loop takes its own remedies")
            }
        }
    }

    pub(crate) fn block(&mut self, statements: &[Statement], scope: &Scope) -> Staged<Outcome> {
        for (position, statement) in statements.iter().enumerate() {
            match self.statement(statement, scope)? {
                Outcome::Next => {}
                Outcome::Remaining(lanes) => {
                    let inside = Lanes::inside(scope, lanes.clone());
                    return Ok(match self.block(&statements[position + 1..], &inside)? {
                        Outcome::Next => Outcome::Remaining(lanes),
                        Outcome::Remaining(inner) => Outcome::Remaining(
                            inner.iter().map(|lane| lanes[*lane as usize]).collect(),
                        ),
                        Outcome::Return => Outcome::Return,
                        Outcome::Break | Outcome::Continue => return self.one_by_one(),
                    });
                }
                ended => return Ok(ended),
            }
        }
        Ok(Outcome::Next)
    }

    fn statement(&mut self, statement: &Statement, scope: &Scope) -> Staged<Outcome> {
        let span = statement.span;
        match &statement.kind {
            StatementKind::Declare(declaration, value) => {
                let value = match value {
                    Some(value) => Some(self.evaluate(value, scope)?),
                    None => None,
                };
                self.declare(declaration, value, scope)?;
            }
            StatementKind::Assign { target, op, value } => {
                self.assign(target, *op, value, scope)?
            }
            StatementKind::TargetAdd(term) => {
                let value = self.evaluate(term, scope)?;
                self.add_value_to_target(&value, scope);
            }
            StatementKind::Tilde {
                density,
                truncation,
            } => {
                if truncation.is_some() {
                    return self.unsupported(span, "truncation (`T[,]`) is not supported yet");
                }
                let value = self.evaluate(density, scope)?;
                self.add_value_to_target(&value, scope);
            }
            StatementKind::If {
                condition,
                then,
                otherwise,
            } => {
                return self.branch(condition, then, otherwise, scope);
            }
            StatementKind::For {
                variable,
                lower,
                upper,
                body,
            } => {
                return self.for_range(*variable, lower, upper, body, scope);
            }
            StatementKind::ForEach {
                variable,
                container,
                body,
            } => {
                return self.for_each(*variable, container, body, scope);
            }
            StatementKind::While { condition, body } => {
                return self.while_loop(condition, body, scope);
            }
            StatementKind::Break | StatementKind::Continue => {
                if !self.masks.is_empty() {
                    return self.unsupported(
                        span,
                        "leaving a loop under a condition on parameters is not supported yet",
                    );
                }
                return Ok(if matches!(statement.kind, StatementKind::Break) {
                    Outcome::Break
                } else {
                    Outcome::Continue
                });
            }
            StatementKind::Return(value) => {
                if self.masks.len() > self.frame().masks {
                    return self.unsupported(
                        span,
                        "returning under a condition on parameters is not supported yet",
                    );
                }
                if let Some(value) = value {
                    let value = self.evaluate(value, scope)?;
                    self.set_result(value, scope)?;
                }
                return Ok(Outcome::Return);
            }
            StatementKind::Block(body) => return self.block(body, scope),
            StatementKind::Print(parts) => {
                let text = self.printed_text(parts, scope)?;
                self.printed.push(text);
            }
            StatementKind::Reject(parts) | StatementKind::FatalError(parts) => {
                let message = self.printed_text(parts, scope)?;
                self.require(
                    Requirement {
                        met: Expr::scalar(0.0),
                        message,
                    },
                    scope,
                );
            }
            StatementKind::Call(call) => {
                if let ExpressionKind::UserCall(function, arguments) = &call.kind {
                    self.call_user_function(*function, arguments, span, scope)?;
                } else {
                    self.evaluate(call, scope)?;
                }
            }
        }
        Ok(Outcome::Next)
    }

    /// Adds the sum of a value's elements, over all lanes, to the log density.
    pub(crate) fn add_value_to_target(&mut self, value: &Value, scope: &Scope) {
        let mut reals = value.to_reals();
        if let Some(mask) = self.mask(scope) {
            let zero = Value::real(0.0);
            reals = self.choose(&mask, &Value::Real(reals), &zero).to_reals();
        }
        let lanes = self.graph.shape(&reals)[0];
        let total = self.graph.sum_all(&reals);
        let repeats = if lanes == 1 { scope.count as f64 } else { 1.0 };
        let total = self.graph.scale(&total, repeats);
        self.add_to_target(total);
    }

    fn assign(
        &mut self,
        place: &Place,
        op: Option<BinaryOp>,
        value: &Expression,
        scope: &Scope,
    ) -> Staged<()> {
        if let Some((negative, term)) = added_term(place, op, value)
            && self.accumulate(place, term, negative, scope)?
        {
            return Ok(());
        }
        let result = match op {
            None => self.evaluate(value, scope)?,
            Some(op) => {
                let right = self.evaluate(value, scope)?;
                let left = self.read_variable(place.slot, &place.indices, place.span, scope)?;
                self.binary(op, left, right, &place.type_, &value.type_, place.span)?
            }
        };
        self.store(place, result, scope)
    }

    /// Writes a value to a variable, or to the elements that its indices select.
    pub(crate) fn store(&mut self, place: &Place, value: Value, scope: &Scope) -> Staged<()> {
        let name = self.name(place.slot);
        let Some(facts) = self.frame().variables[place.slot]
            .as_ref()
            .map(Variable::facts)
        else {
            return self.fail(
                place.span,
                format!("{name} is assigned to before it is declared"),
            );
        };
        let selection = self.select(&name, &place.indices, &facts.dims, place.span, scope)?;
        let found = value.dims(&self.graph);
        if found != selection.dims {
            return self.fail(
                place.span,
                format!(
                    "{name}: a value of sizes {found:?} does not fit where sizes are {:?}",
                    selection.dims
                ),
            );
        }
        let value = self.under_masks(place, value, scope)?;
        let tracked = self.tracked(place.slot);
        let everywhere = place.indices.is_empty() && scope.depth == facts.owner.depth;
        if everywhere && !tracked {
            let is_int = self.frame().variables[place.slot]
                .as_ref()
                .is_some_and(|v| v.is_int);
            let value = if is_int {
                value
            } else {
                Value::Real(value.to_reals())
            };
            if let Some(variable) = self.frame().variables[place.slot].as_mut() {
                variable.replace(value);
            }
            return Ok(());
        }
        let spread = self.offsets(&selection, &facts, scope, true);
        let lanes = lane_of_each(&spread, scope.count);
        self.note_write(&Access {
            slot: place.slot,
            offsets: &spread,
            lanes: &lanes,
            within: scope,
        })?;
        self.write(place.slot, &spread, &value);
        Ok(())
    }

    pub(crate) fn write(&mut self, slot: Slot, offsets: &[u32], value: &Value) {
        let frame = self.frames.len() - 1;
        let graph = &mut self.graph;
        if let Some(variable) = self.frames[frame].variables[slot].as_mut() {
            variable.write(graph, offsets, value);
        }
    }

    /// The value to store under conditions on parameters: the old one in draws that they exclude.
    fn under_masks(&mut self, place: &Place, value: Value, scope: &Scope) -> Staged<Value> {
        let declared_under = self.frame().variables[place.slot]
            .as_ref()
            .map_or(0, |v| v.masks);
        match self.mask_since(declared_under, scope) {
            None => Ok(value),
            Some(mask) => {
                let is_int = self.frame().variables[place.slot]
                    .as_ref()
                    .is_some_and(|v| v.is_int);
                if is_int {
                    let name = self.name(place.slot);
                    return self.unsupported(
                        place.span,
                        format!("assigning to the int {name} under a condition on parameters is not supported yet"),
                    );
                }
                let old = self.read_variable(place.slot, &place.indices, place.span, scope)?;
                Ok(self.choose(&mask, &value, &old))
            }
        }
    }

    /// `x += term` where several lanes add to one cell: all at once. False when each lane has cells of its own.
    fn accumulate(
        &mut self,
        place: &Place,
        term: &Expression,
        negative: bool,
        scope: &Scope,
    ) -> Staged<bool> {
        if scope.count == 1 {
            return Ok(false);
        }
        let name = self.name(place.slot);
        let Some(facts) = self.frame().variables[place.slot]
            .as_ref()
            .map(Variable::facts)
        else {
            return Ok(false);
        };
        let selection = self.select(&name, &place.indices, &facts.dims, place.span, scope)?;
        let offsets = self.offsets(&selection, &facts, scope, true);
        let mut segments: rustc_hash::FxHashMap<u32, u32> = rustc_hash::FxHashMap::default();
        let mut cells: Vec<u32> = Vec::new();
        let segment: Positions = offsets
            .iter()
            .map(|offset| {
                *segments.entry(*offset).or_insert_with(|| {
                    cells.push(*offset);
                    cells.len() as u32 - 1
                })
            })
            .collect();
        if cells.len() == offsets.len() {
            return Ok(false);
        }
        let value = self.evaluate(term, scope)?;
        let lanes = lane_of_each(&offsets, scope.count);
        self.note_accumulate(&Access {
            slot: place.slot,
            offsets: &offsets,
            lanes: &lanes,
            within: scope,
        })?;
        let mut reals = value.to_reals();
        if let Some(mask) = self.mask(scope) {
            reals = self
                .choose(&mask, &Value::Real(reals), &Value::real(0.0))
                .to_reals();
        }
        self.next_source();
        // A scalar added to a container goes to each of its elements.
        let mut full = Shape::from_slice(&[scope.count]);
        full.extend_from_slice(&selection.dims);
        let reals = crate::library::align(&mut self.graph, &reals, full.len());
        let found = self.graph.shape(&reals);
        if firebrand_graph::broadcast_shape(&found, &full).as_ref() != Some(&full) {
            return self.fail(
                place.span,
                format!(
                    "{name}: a value of sizes {:?} cannot be added to sizes {:?}",
                    &found[1..],
                    selection.dims
                ),
            );
        }
        let reals = self.graph.broadcast_to(&reals, &full);
        let flat = self.graph.reshape(&reals, &[offsets.len()]);
        let flat = if negative {
            self.graph.neg(&flat)
        } else {
            flat
        };
        let sums = self.segment_sum(&flat, &segment, cells.len());
        let frame = self.frames.len() - 1;
        let graph = &mut self.graph;
        let Some(variable) = self.frames[frame].variables[place.slot].as_mut() else {
            return Ok(true);
        };
        let old = variable.read(graph, &cells, &[cells.len()]).to_reals();
        let total = graph.add(&old, &sums);
        let total = match (&total, variable.is_int) {
            (Expr::Data(known), true) => Value::Int(crate::value::Ints::new(
                known.shape(),
                known.data().iter().map(|x| *x as i64).collect(),
            )),
            _ => Value::Real(total),
        };
        variable.write(graph, &cells, &total);
        Ok(true)
    }

    /// Sums by segment; a plain sum along an axis where the segments are equally long runs.
    fn segment_sum(&mut self, flat: &Expr, segment: &Positions, segments: usize) -> Expr {
        let length = segment.len() / segments.max(1);
        let runs = length * segments == segment.len()
            && segment
                .iter()
                .enumerate()
                .all(|(i, s)| *s as usize == i / length.max(1));
        if runs {
            let rows = self.graph.reshape(flat, &[segments, length]);
            return self.graph.sum(&rows, 1);
        }
        self.graph.segment_sum(flat, segment, segments)
    }

    fn branch(
        &mut self,
        condition: &Expression,
        then: &[Statement],
        otherwise: &[Statement],
        scope: &Scope,
    ) -> Staged<Outcome> {
        match self.condition(condition, scope)? {
            Truth::Known(values) if values.iter().all(|v| *v) => self.block(then, scope),
            Truth::Known(values) if values.iter().all(|v| !*v) => self.block(otherwise, scope),
            Truth::Known(values) => {
                let lanes_where = |wanted: bool| -> Vec<u32> {
                    (0..values.len() as u32)
                        .filter(|lane| values[*lane as usize] == wanted)
                        .collect()
                };
                let mut remaining = Vec::new();
                let mut all_go_on = true;
                for (lanes, body) in [(lanes_where(true), then), (lanes_where(false), otherwise)] {
                    let inside = Lanes::inside(scope, lanes.clone());
                    match self.block(body, &inside)? {
                        Outcome::Next => remaining.extend(lanes),
                        Outcome::Return => all_go_on = false,
                        Outcome::Remaining(inner) => {
                            all_go_on = false;
                            remaining.extend(inner.iter().map(|lane| lanes[*lane as usize]));
                        }
                        Outcome::Break | Outcome::Continue => return self.one_by_one(),
                    }
                }
                remaining.sort_unstable();
                Ok(match (all_go_on, remaining.is_empty()) {
                    (true, _) => Outcome::Next,
                    (false, true) => Outcome::Return,
                    (false, false) => Outcome::Remaining(remaining),
                })
            }
            Truth::Mask(mask) => {
                self.masks.push((mask.clone(), Arc::clone(scope)));
                let first = self.block(then, scope);
                self.masks.pop();
                first?;
                let flipped = self.flipped(&mask);
                self.masks.push((flipped, Arc::clone(scope)));
                let second = self.block(otherwise, scope);
                self.masks.pop();
                second?;
                Ok(Outcome::Next)
            }
        }
    }

    fn printed_text(&mut self, parts: &[Printable], scope: &Scope) -> Staged<String> {
        let mut text = String::new();
        for part in parts {
            match part {
                Printable::Text(part) => text.push_str(part),
                Printable::Value(expression) => match self.evaluate(expression, scope)? {
                    Value::Int(ints) => push_numbers(&mut text, ints.data.iter()),
                    Value::Real(Expr::Data(array)) => push_numbers(&mut text, array.data().iter()),
                    Value::Real(Expr::Node(_)) => text.push_str("(depends on parameters)"),
                },
            }
        }
        Ok(text)
    }
}

fn push_numbers<T: ToString>(text: &mut String, mut numbers: impl ExactSizeIterator<Item = T>) {
    if numbers.len() == 1 {
        text.push_str(&numbers.next().map(|x| x.to_string()).unwrap_or_default());
    } else {
        let numbers: Vec<String> = numbers.map(|x| x.to_string()).collect();
        text.push_str(&format!("[{}]", numbers.join(", ")));
    }
}

/// The term of `x += term`, `x -= term`, `x = x + term`, `x = term + x` or `x = x - term`, and whether it is
/// subtracted. The term must not mention `x`.
fn added_term<'e>(
    place: &Place,
    op: Option<BinaryOp>,
    value: &'e Expression,
) -> Option<(bool, &'e Expression)> {
    let (negative, term) = match (op, &value.kind) {
        (Some(BinaryOp::Add), _) => (false, value),
        (Some(BinaryOp::Subtract), _) => (true, value),
        (None, ExpressionKind::Binary(BinaryOp::Add, left, right)) if is_place(left, place) => {
            (false, &**right)
        }
        (None, ExpressionKind::Binary(BinaryOp::Add, left, right)) if is_place(right, place) => {
            (false, &**left)
        }
        (None, ExpressionKind::Binary(BinaryOp::Subtract, left, right))
            if is_place(left, place) =>
        {
            (true, &**right)
        }
        _ => return None,
    };
    let scalar = place.type_ == Type::Real || place.type_ == Type::Int || place.type_ == term.type_;
    (scalar && !super::loops::mentions(term, place.slot)).then_some((negative, term))
}

/// Whether an expression reads exactly the place.
fn is_place(expression: &Expression, place: &Place) -> bool {
    match &expression.kind {
        ExpressionKind::Variable(slot) => *slot == place.slot && place.indices.is_empty(),
        ExpressionKind::Index(base, indices) => {
            matches!(base.kind, ExpressionKind::Variable(slot) if slot == place.slot)
                && super::loops::same_indices(indices, &place.indices)
        }
        _ => false,
    }
}
