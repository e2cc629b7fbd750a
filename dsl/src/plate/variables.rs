//! The variables that are declared with a plate's size, cut down to some of its rows.

use std::sync::Arc;

use firebrand_graph::{Array, Expr, Shape};

use super::mentions::{are_about, declares_with};
use crate::data::{Bound, Stored, rows_of};
use crate::diagnostics::{Diagnostic, suggest};
use crate::hir::{self, Declaration, Element, Expression, ExpressionKind, Slot};
use crate::stage::{Built, Interpreter};
use crate::stager::declarations;
use crate::syntax::Span;
use crate::types::Type;
use crate::value::{Ints, Value};

/// Data and transformed data of a program: what is the same for all batches, and what has an axis of rows.
pub(super) struct Variables {
    size: Slot,
    rows: usize,
    fixed: Vec<(Slot, Value)>,
    cut: Vec<Cut>,
    networks: Arc<Vec<Built>>,
}

/// A variable with axes of rows.
struct Cut {
    slot: Slot,
    /// Which of the value's axes those are, lanes not counted.
    axes: Axes,
    held: Held,
}

/// Where the numbers are.
enum Held {
    Value(Value),
    /// In a file, by rows; and whether they are ints.
    File(Stored, bool),
}

type Axes = Vec<usize>;

impl Variables {
    /// Sorts the values of a program's data by whether they are declared with the size `name`. Those in `files` are, with their first
    /// axis alone.
    ///
    /// # Errors
    /// If the program's data have no such size.
    pub fn of(
        program: &hir::Program,
        environment: &[(Slot, Value)],
        files: Bound,
        networks: &Arc<Vec<Built>>,
        name: &str,
    ) -> Result<Self, Vec<Diagnostic>> {
        let size = size_of(program, name)?;
        let known = |slot| environment.iter().find(|(known, _)| *known == slot);
        let rows = match known(size) {
            Some((_, Value::Int(ints))) => usize::try_from(ints.data[0]).unwrap_or(0),
            _ => 0,
        };
        let unusable = |why: String| {
            Diagnostic::error(declared_at(program, size), why)
                .label("a minibatch was asked of this")
        };
        if rows == 0 {
            let why = format!("{name} is 0, so there are no rows to draw a minibatch from");
            return Err(vec![unusable(why)]);
        }
        let declared: Vec<(Slot, Axes)> = program
            .data
            .iter()
            .chain(declarations(&program.transformed_data))
            .map(|declaration| (declaration.slot, axes(declaration, size)))
            .filter(|(_, axes)| !axes.is_empty())
            .collect();
        let (mut fixed, mut cut) = (Vec::new(), Vec::new());
        for (slot, value) in environment {
            let axes = declared.iter().find(|(declared, _)| declared == slot);
            match axes {
                Some((_, axes)) => cut.push(Cut {
                    slot: *slot,
                    axes: axes.clone(),
                    held: Held::Value(value.clone()),
                }),
                None if *slot == size => {}
                None => fixed.push((*slot, value.clone())),
            }
        }
        for (slot, stored) in files {
            let is_int = matches!(program.variables[slot].type_.scalar(), Type::Int);
            cut.push(Cut {
                slot,
                axes: vec![0],
                held: Held::File(stored, is_int),
            });
        }
        if cut.is_empty() {
            let why = format!("no data are declared with the size {name}, so it counts no rows");
            let help = "name the size that data are declared with, as N is in `vector[N] y`";
            return Err(vec![unusable(why).help(help)]);
        }
        Ok(Variables {
            size,
            rows,
            fixed,
            cut,
            networks: Arc::clone(networks),
        })
    }

    /// Has the program call other networks of the same sizes.
    pub fn set_networks(&mut self, networks: Arc<Vec<Built>>) {
        self.networks = networks;
    }

    /// Where the size is declared.
    pub fn declared_at(&self, program: &hir::Program) -> Span {
        declared_at(program, self.size)
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// An interpreter in which all variables are known, on these rows.
    pub fn on<'p>(&self, program: &'p Arc<hir::Program>, rows: &[usize]) -> Interpreter<'p> {
        self.interpreter(program, self.values_on(rows))
    }

    /// An interpreter in which all variables are known, on all rows, but for those in files.
    pub fn in_memory<'p>(&self, program: &'p Arc<hir::Program>) -> Interpreter<'p> {
        self.interpreter(program, self.values_in_memory())
    }

    fn interpreter<'p>(
        &self,
        program: &'p Arc<hir::Program>,
        values: impl Iterator<Item = (Slot, Value)>,
    ) -> Interpreter<'p> {
        let mut interpreter = Interpreter::new(program);
        interpreter.networks = Arc::clone(&self.networks);
        for (slot, value) in values {
            interpreter.set(slot, value);
        }
        interpreter
    }

    fn values_on(&self, rows: &[usize]) -> impl Iterator<Item = (Slot, Value)> {
        let size = (self.size, Value::Int(Ints::scalar(rows.len() as i64)));
        let cut = self.cut.iter().map(|cut| {
            let value = match &cut.held {
                Held::File(stored, is_int) => rows_of(stored, rows, *is_int),
                Held::Value(value) => cut
                    .axes
                    .iter()
                    .fold(value.clone(), |value, axis| taken(&value, axis + 1, rows)),
            };
            (cut.slot, value)
        });
        std::iter::once(size)
            .chain(self.fixed.iter().cloned())
            .chain(cut)
    }

    fn values_in_memory(&self) -> impl Iterator<Item = (Slot, Value)> {
        let size = (self.size, Value::Int(Ints::scalar(self.rows as i64)));
        let cut = self.cut.iter().filter_map(|cut| match &cut.held {
            Held::Value(value) => Some((cut.slot, value.clone())),
            Held::File(..) => None,
        });
        std::iter::once(size)
            .chain(self.fixed.iter().cloned())
            .chain(cut)
    }

    /// Whether any variable is in a file.
    pub fn are_in_files(&self) -> bool {
        let in_file = |cut: &Cut| matches!(cut.held, Held::File(..));
        self.cut.iter().any(in_file)
    }

    /// The ints of which each row has one, variable by variable.
    pub fn ints(&self) -> impl Iterator<Item = Vec<i64>> {
        let of = |cut: &Cut| match &cut.held {
            Held::Value(Value::Int(ints)) if ints.data.len() == self.rows => {
                Some(ints.data.to_vec())
            }
            Held::File(stored, true) if stored.dims() == [self.rows] => {
                let all: Vec<usize> = (0..self.rows).collect();
                match rows_of(stored, &all, true) {
                    Value::Int(ints) => Some(ints.data.to_vec()),
                    Value::Real(_) => None,
                }
            }
            _ => None,
        };
        self.cut.iter().filter_map(of)
    }

    /// Numbers in all variables that have an axis of rows.
    pub fn numbers(&self) -> usize {
        let count = |cut: &Cut| match &cut.held {
            Held::Value(Value::Int(ints)) => ints.data.len(),
            Held::Value(Value::Real(Expr::Data(array))) => array.len(),
            Held::Value(Value::Real(Expr::Node(_))) => 0,
            Held::File(stored, _) => stored.dims().iter().product(),
        };
        self.cut.iter().map(count).sum()
    }
}

/// Whether a variable of the data, should it be an array in a file, is looked at by rows alone: only the model block may ask for it, of
/// which batches are made.
pub(super) fn stays_in_file(program: &hir::Program, declaration: &Declaration, name: &str) -> bool {
    let Ok(size) = size_of(program, name) else {
        return false;
    };
    let slot = declaration.slot;
    let blocks = [
        &program.transformed_data,
        &program.transformed_parameters,
        &program.generated_quantities,
    ];
    let declarations = program.data.iter().chain(&program.parameters);
    axes(declaration, size) == [0]
        && !blocks.into_iter().any(|block| are_about(block, slot))
        && !declarations
            .into_iter()
            .any(|other| declares_with(other, slot))
}

fn declared_at(program: &hir::Program, size: Slot) -> Span {
    let declaration = program.data.iter().find(|d| d.slot == size);
    declaration.map(|d| d.span).unwrap_or_default()
}

/// The slot of the data variable of that name, if it is a single int.
fn size_of(program: &hir::Program, name: &str) -> Result<Slot, Vec<Diagnostic>> {
    let is_size = |declaration: &&Declaration| {
        matches!(declaration.type_.element, Element::Int) && declaration.type_.array.is_empty()
    };
    let refused = |diagnostic: Diagnostic| vec![diagnostic];
    match program.data.iter().find(|d| d.name == name) {
        Some(declaration) if is_size(&declaration) => Ok(declaration.slot),
        Some(declaration) => Err(refused(
            Diagnostic::error(
                declaration.span,
                format!("{name} is no size: a minibatch is drawn from the rows that a single int of the data counts"),
            )
            .label("a minibatch was asked of this"),
        )),
        None => {
            let sizes = program.data.iter().filter(is_size).map(|d| d.name.as_str());
            let message = format!("the model's data have no size {name} to draw a minibatch from");
            let diagnostic = Diagnostic::error(Default::default(), message);
            Err(refused(match suggest(name, sizes.clone()) {
                Some(near) => diagnostic.help(format!("did you mean {near}?")),
                None => match sizes.collect::<Vec<_>>().as_slice() {
                    [] => diagnostic.help("they have no sizes at all"),
                    sizes => diagnostic.help(format!("they have {}", sizes.join(", "))),
                },
            }))
        }
    }
}

/// The axes that are declared with a size, in order.
fn axes(declaration: &Declaration, size: Slot) -> Axes {
    let is_size = |expression: &Expression| matches!(expression.kind, ExpressionKind::Variable(slot) if slot == size);
    let type_ = &declaration.type_;
    let element = match &type_.element {
        Element::Int | Element::Real | Element::Weights(_) => Vec::new(),
        Element::Vector(length) | Element::RowVector(length) => vec![length],
        Element::Matrix(rows, columns) => vec![rows, columns],
    };
    type_
        .array
        .iter()
        .chain(element)
        .enumerate()
        .filter(|(_, expression)| is_size(expression))
        .map(|(axis, _)| axis)
        .collect()
}

/// Positions along an axis of a known value, lanes counted.
fn taken(value: &Value, axis: usize, rows: &[usize]) -> Value {
    match value {
        Value::Int(ints) => {
            let mut shape = ints.shape.clone();
            let data = take(&ints.data, &shape, axis, rows);
            shape[axis] = rows.len();
            Value::Int(Ints {
                shape,
                data: Arc::new(data),
            })
        }
        Value::Real(Expr::Data(array)) => {
            let mut shape = Shape::from_slice(array.shape());
            let data = take(array.data(), &shape, axis, rows);
            shape[axis] = rows.len();
            Value::Real(Array::new(shape, data).into())
        }
        // Data are known.
        Value::Real(Expr::Node(_)) => value.clone(),
    }
}

fn take<T: Copy>(data: &[T], shape: &[usize], axis: usize, rows: &[usize]) -> Vec<T> {
    let outer: usize = shape[..axis].iter().product();
    let inner: usize = shape[axis + 1..].iter().product();
    let mut taken = Vec::with_capacity(outer * rows.len() * inner);
    for block in 0..outer {
        for row in rows {
            let start = (block * shape[axis] + row) * inner;
            taken.extend_from_slice(&data[start..start + inner]);
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_taken_along_any_axis() {
        let value = Value::Real(Array::new([1, 2, 3], (0..6).map(f64::from).collect()).into());
        let of = |axis, rows: &[usize]| match taken(&value, axis, rows) {
            Value::Real(Expr::Data(array)) => (array.shape().to_vec(), array.data().to_vec()),
            other => panic!("{other:?}"),
        };
        assert_eq!(of(1, &[1]), (vec![1, 1, 3], vec![3.0, 4.0, 5.0]));
        assert_eq!(of(2, &[2, 0]), (vec![1, 2, 2], vec![2.0, 0.0, 5.0, 3.0]));
        assert_eq!(of(2, &[]), (vec![1, 2, 0], vec![]));
    }
}
