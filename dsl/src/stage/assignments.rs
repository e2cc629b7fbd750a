//! Assignment: to variables, to the elements that indices select, and to totals that many lanes add to.

use firebrand_graph::{Expr, Index as Positions, Shape};
use rustc_hash::FxHashMap;

use super::dependence::Access;
use super::indexing::lane_of_each;
use super::interpreter::{Interpreter, Scope, Staged};
use super::loops::{mentions, same_indices};
use super::storage::Variable;
use crate::hir::{BinaryOp, Expression, ExpressionKind, Place, Slot};
use crate::library::align;
use crate::types::Type;
use crate::value::{Ints, Value};

impl Interpreter<'_> {
    pub(crate) fn assign(
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
        let names = self.names();
        let name = &names[place.slot].name;
        let Some(facts) = self.frame().variables[place.slot]
            .as_ref()
            .map(Variable::facts)
        else {
            return self.fail(
                place.span,
                format!("{name} is assigned to before it is declared"),
            );
        };
        let selection = self.select(name, &place.indices, &facts.dims, place.span, scope)?;
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
        if !tracked && selection.lanes == 1 {
            let lanes = scope.origin_at(facts.owner.depth);
            let variable = self.frame().variables[place.slot].as_mut();
            if variable.is_some_and(|v| v.write_known(&lanes, &selection.elements, &value)) {
                return Ok(());
            }
        }
        let spread = self.offsets(&selection, &facts, scope, true);
        if tracked {
            let lanes = lane_of_each(&spread, scope.count);
            self.note_write(&Access {
                slot: place.slot,
                offsets: &spread,
                lanes: &lanes,
                within: scope,
            })?;
        }
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
        // In draws, no two lanes have a cell in common.
        if scope.count == 1 || self.in_draws(scope) {
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
        let mut segments: FxHashMap<u32, u32> = FxHashMap::default();
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
        let reals = align(&mut self.graph, &reals, full.len());
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
            (Expr::Data(known), true) => Value::Int(Ints::new(
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
    (scalar && !mentions(term, place.slot)).then_some((negative, term))
}

/// Whether an expression reads exactly the place.
fn is_place(expression: &Expression, place: &Place) -> bool {
    match &expression.kind {
        ExpressionKind::Variable(slot) => *slot == place.slot && place.indices.is_empty(),
        ExpressionKind::Index(base, indices) => {
            matches!(base.kind, ExpressionKind::Variable(slot) if slot == place.slot)
                && same_indices(indices, &place.indices)
        }
        _ => false,
    }
}
