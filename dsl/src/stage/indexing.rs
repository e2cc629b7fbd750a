//! Indices: which elements of a container they select, in each lane.

use firebrand_graph::Shape;

use super::dependence::Access;
use super::interpreter::{Interpreter, Scope, Staged};
use super::storage::{Facts, Variable};
use crate::hir::{Expression, Index, Slot};
use crate::syntax::Span;
use crate::value::{Ints, Value};

/// Elements of a container, lane by lane.
pub(crate) struct Selection {
    /// 1 where all lanes select the same.
    pub lanes: usize,
    /// For each lane, the elements selected, counted within one lane's container.
    pub elements: Vec<u32>,
    /// The axes of what is selected.
    pub dims: Shape,
}

/// What one index selects along its axis.
struct Picks {
    lanes: usize,
    /// Zero-based, lane by lane.
    values: Vec<u32>,
    count: usize,
    /// Whether the axis stays.
    keeps: bool,
}

impl Interpreter<'_> {
    /// Evaluates indices against a container's axes.
    pub(crate) fn select(
        &mut self,
        what: &str,
        indices: &[Index],
        dims: &[usize],
        span: Span,
        scope: &Scope,
    ) -> Staged<Selection> {
        let mut picks = Vec::with_capacity(dims.len());
        for (axis, size) in dims.iter().enumerate() {
            picks.push(match indices.get(axis) {
                Some(index) => self.picks(what, index, axis, *size, span, scope)?,
                None => Picks {
                    lanes: 1,
                    values: (0..*size as u32).collect(),
                    count: *size,
                    keeps: true,
                },
            });
        }
        let lanes = picks.iter().map(|p| p.lanes).max().unwrap_or(1);
        let kept = picks.iter().filter(|p| p.keeps).map(|p| p.count).collect();
        let per_lane = picks.iter().map(|p| p.count).product::<usize>();
        let mut elements = Vec::with_capacity(lanes * per_lane);
        for lane in 0..lanes {
            let start = elements.len();
            elements.push(0);
            for (pick, size) in picks.iter().zip(dims) {
                let base = if pick.lanes == 1 {
                    0
                } else {
                    lane * pick.count
                };
                let chosen = &pick.values[base..base + pick.count];
                if let [only] = chosen {
                    elements[start..]
                        .iter_mut()
                        .for_each(|e| *e = *e * *size as u32 + only);
                } else {
                    let outer = elements.split_off(start);
                    let size = *size as u32;
                    elements.extend(
                        outer
                            .iter()
                            .flat_map(|e| chosen.iter().map(move |c| e * size + c)),
                    );
                }
            }
        }
        Ok(Selection {
            lanes,
            elements,
            dims: kept,
        })
    }

    fn picks(
        &mut self,
        what: &str,
        index: &Index,
        axis: usize,
        size: usize,
        span: Span,
        scope: &Scope,
    ) -> Staged<Picks> {
        match index {
            Index::Single(at) => {
                let at_value = self.known_ints(at, "an index", scope)?;
                let values = self.zero_based(what, &at_value, axis, size, at.span)?;
                Ok(Picks {
                    lanes: at_value.lanes(),
                    values,
                    count: 1,
                    keeps: false,
                })
            }
            Index::Multiple(at) => {
                let at_value = self.known_ints(at, "an index", scope)?;
                let values = self.zero_based(what, &at_value, axis, size, at.span)?;
                let count = at_value.dims().iter().product();
                Ok(Picks {
                    lanes: at_value.lanes(),
                    values,
                    count,
                    keeps: true,
                })
            }
            Index::Range(lower, upper) => {
                let lower = self.range_end(lower.as_ref(), 1, scope)?;
                let upper = self.range_end(upper.as_ref(), size as i64, scope)?;
                let lanes = lower.lanes().max(upper.lanes());
                let at = |ints: &Ints, lane: usize| ints.data[lane % ints.lanes()];
                let length =
                    |lane: usize| (at(&upper, lane) - at(&lower, lane) + 1).max(0) as usize;
                let count = length(0);
                if (1..lanes).any(|lane| length(lane) != count) {
                    return if self.regions.is_empty() {
                        self.unsupported(
                            span,
                            format!("slices of {what} whose sizes differ between iterations"),
                        )
                    } else {
                        self.apart(|lane| length(lane % lanes) as i64, scope)
                    };
                }
                let mut values = Vec::with_capacity(lanes * count);
                for lane in 0..lanes {
                    values.extend((0..count as i64).map(|i| at(&lower, lane) + i));
                }
                let values =
                    self.zero_based(what, &Ints::new([lanes, count], values), axis, size, span)?;
                Ok(Picks {
                    lanes,
                    values,
                    count,
                    keeps: true,
                })
            }
        }
    }

    fn range_end(&mut self, end: Option<&Expression>, default: i64, scope: &Scope) -> Staged<Ints> {
        match end {
            Some(end) => self.known_ints(end, "an index", scope),
            None => Ok(Ints::scalar(default)),
        }
    }

    fn zero_based(
        &self,
        what: &str,
        at: &Ints,
        axis: usize,
        size: usize,
        span: Span,
    ) -> Staged<Vec<u32>> {
        if let Some(outside) = at.data.iter().find(|i| **i < 1 || **i > size as i64) {
            let range = if size == 0 {
                "it is empty".to_string()
            } else {
                format!("its indices go from 1 to {size}")
            };
            let axis = if axis == 0 {
                String::new()
            } else {
                format!(" along axis {}", axis + 1)
            };
            return self.fail(
                span,
                format!("index {outside} is out of range for {what}{axis}: {range}"),
            );
        }
        Ok(at.data.iter().map(|i| (*i - 1) as u32).collect())
    }

    /// Reads a variable, whole or by indices.
    pub(crate) fn read_variable(
        &mut self,
        slot: Slot,
        indices: &[Index],
        span: Span,
        scope: &Scope,
    ) -> Staged<Value> {
        let names = self.names();
        let name = &names[slot].name;
        let Some(variable) = self.frame().variables[slot].as_ref().map(Variable::facts) else {
            return self.fail(span, format!("{name} is used before it has a value"));
        };
        let tracked = self.tracked(slot);
        if indices.is_empty() && !tracked {
            return self.read_whole(slot, scope);
        }
        let selection = self.select(name, indices, &variable.dims, span, scope)?;
        if !tracked && selection.lanes == 1 {
            let lanes = scope.origin_at(variable.owner.depth);
            let variable = self.frame().variables[slot].as_ref();
            let known =
                variable.and_then(|v| v.read_known(&lanes, &selection.elements, &selection.dims));
            if let Some(value) = known {
                return Ok(value);
            }
        }
        let offsets = self.offsets(&selection, &variable, scope, tracked);
        if tracked {
            let lanes = lane_of_each(&offsets, scope.count);
            self.note_read(&Access {
                slot,
                offsets: &offsets,
                lanes: &lanes,
                within: scope,
            })?;
        }
        let per_lane: usize = selection.dims.iter().product();
        let lanes = offsets.len().checked_div(per_lane).unwrap_or(1).max(1);
        let mut shape = Shape::from_slice(&[lanes]);
        shape.extend_from_slice(&selection.dims);
        let frame = self.frames.len() - 1;
        let graph = &mut self.graph;
        let variable = self.frames[frame].variables[slot]
            .as_mut()
            .expect("it was there a moment ago");
        Ok(variable.read(graph, &offsets, &shape))
    }

    fn read_whole(&mut self, slot: Slot, scope: &Scope) -> Staged<Value> {
        let frame = self.frames.len() - 1;
        let graph = &mut self.graph;
        let variable = self.frames[frame].variables[slot]
            .as_mut()
            .expect("it was there a moment ago");
        let (value, owner) = (
            variable.whole(graph),
            std::sync::Arc::clone(&variable.owner),
        );
        Ok(self.in_scope(value, &owner, scope))
    }

    /// A value of one scope, seen from a scope inside it.
    pub(crate) fn in_scope(&mut self, value: Value, from: &Scope, to: &Scope) -> Value {
        if from.depth == to.depth || value.shape(&self.graph)[0] == 1 {
            return value;
        }
        let origin = to.origin_at(from.depth);
        match value {
            Value::Real(expr) => Value::Real(self.graph.gather(&expr, &origin)),
            Value::Int(ints) => {
                let size: usize = ints.dims().iter().product();
                let mut shape = ints.shape.clone();
                shape[0] = origin.len();
                let rows = origin.iter().map(|lane| *lane as usize * size);
                let data = rows
                    .flat_map(|row| ints.data[row..row + size].iter().copied())
                    .collect();
                Value::Int(Ints::new(shape, data))
            }
        }
    }

    /// Offsets into the owner's copies of a variable. For all lanes when `spread`, or when they differ.
    pub(crate) fn offsets(
        &self,
        selection: &Selection,
        variable: &Facts,
        scope: &Scope,
        spread: bool,
    ) -> Vec<u32> {
        if variable.owner.count == 1 && (selection.lanes > 1 || !spread) {
            return selection.elements.clone();
        }
        let origin = scope.origin_at(variable.owner.depth);
        let per_lane = selection.elements.len() / selection.lanes;
        let size = variable.dims.iter().product::<usize>() as u32;
        let mut offsets = Vec::with_capacity(scope.count * per_lane);
        for (lane, owner) in origin.iter().enumerate() {
            let base = if selection.lanes == 1 {
                0
            } else {
                lane * per_lane
            };
            offsets.extend(
                selection.elements[base..base + per_lane]
                    .iter()
                    .map(|e| owner * size + e),
            );
        }
        offsets
    }

    /// Indexes a value that is no variable.
    pub(crate) fn index_value(
        &mut self,
        value: Value,
        indices: &[Index],
        span: Span,
        scope: &Scope,
    ) -> Staged<Value> {
        let dims = value.dims(&self.graph);
        let selection = self.select("this expression", indices, &dims, span, scope)?;
        let uniform = value.shape(&self.graph)[0] == 1;
        let mut variable = Variable::holding(value, &self.graph, scope);
        let offsets = if uniform {
            selection.elements
        } else {
            self.offsets(&selection, &variable.facts(), scope, false)
        };
        let per_lane: usize = selection.dims.iter().product();
        let mut shape =
            Shape::from_slice(&[offsets.len().checked_div(per_lane).unwrap_or(1).max(1)]);
        shape.extend_from_slice(&selection.dims);
        Ok(variable.read(&mut self.graph, &offsets, &shape))
    }
}

/// The lane of each offset, where every lane has as many.
pub(crate) fn lane_of_each(offsets: &[u32], lanes: usize) -> Vec<u32> {
    let per_lane = (offsets.len() / lanes.max(1)).max(1);
    (0..offsets.len()).map(|i| (i / per_lane) as u32).collect()
}
