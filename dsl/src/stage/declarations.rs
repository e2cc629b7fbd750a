//! Declarations: sizes, and the checks that a constraint asks for outside `parameters`.

use firebrand_graph::{Binary, Expr, Shape};

use super::interpreter::{Interpreter, Scope, Staged};
use super::storage::Variable;
use crate::hir::{Constraint, Declaration, Element, Expression, SizedType};
use crate::library::{Requirement, align};
use crate::syntax::Span;
use crate::value::Value;

/// How far sums and the like may be from what they should be, as in Stan.
const TOLERANCE: f64 = 1e-8;

impl Interpreter<'_> {
    /// The axes of a sized type: those of arrays, then those of its vector or matrix.
    pub(crate) fn dims_of(&mut self, type_: &SizedType, scope: &Scope) -> Staged<Shape> {
        let mut dims = Shape::new();
        for size in &type_.array {
            dims.push(self.size(size, scope)?);
        }
        match &type_.element {
            Element::Int | Element::Real => {}
            Element::Vector(size) | Element::RowVector(size) => dims.push(self.size(size, scope)?),
            Element::Matrix(rows, columns) => {
                dims.push(self.size(rows, scope)?);
                dims.push(self.size(columns, scope)?);
            }
            Element::Weights(network) => dims.push(self.networks[*network].weights()),
        }
        Ok(dims)
    }

    fn size(&mut self, size: &Expression, scope: &Scope) -> Staged<usize> {
        let value = self.known_int(size, "a size", scope)?;
        match usize::try_from(value) {
            Ok(size) => Ok(size),
            Err(_) => self.fail(
                size.span,
                format!("a size must not be negative: this one is {value}"),
            ),
        }
    }

    /// Declares a variable in the running frame, with a value if one is given.
    pub(crate) fn declare(
        &mut self,
        declaration: &Declaration,
        value: Option<Value>,
        scope: &Scope,
    ) -> Staged<()> {
        let dims = self.dims_of(&declaration.type_, scope)?;
        let is_int = matches!(declaration.type_.element, Element::Int);
        let mut variable = match value {
            None => Variable::undefined(dims, is_int, scope),
            Some(value) => {
                let found = value.dims(&self.graph);
                if found != dims {
                    return self.fail(
                        declaration.span,
                        format!(
                            "{} is declared with sizes {dims:?}, but its value has {found:?}",
                            declaration.name
                        ),
                    );
                }
                let value = if is_int {
                    value
                } else {
                    Value::Real(value.to_reals())
                };
                Variable::holding(value, &self.graph, scope)
            }
        };
        variable.masks = self.masks.len();
        self.frame().variables[declaration.slot] = Some(variable);
        Ok(())
    }

    /// Rejects the draws in which a variable breaks the constraint that it was declared with.
    pub(crate) fn check_constraint(&mut self, declaration: &Declaration) -> Staged<()> {
        let scope = self.root();
        let name = &declaration.name;
        let Some(mut variable) = self.frame().variables[declaration.slot].clone() else {
            return Ok(());
        };
        let value = variable.whole(&mut self.graph).to_reals();
        match &declaration.type_.constraint {
            Constraint::None | Constraint::Affine { .. } => Ok(()),
            Constraint::Bounds { lower, upper } => {
                if let Some(lower) = lower {
                    let bound = self.evaluate(lower, &scope)?.to_reals();
                    self.check_order(
                        &bound,
                        &value,
                        &format!("{name} is below its lower bound"),
                        lower.span,
                    )?;
                }
                if let Some(upper) = upper {
                    let bound = self.evaluate(upper, &scope)?.to_reals();
                    self.check_order(
                        &value,
                        &bound,
                        &format!("{name} is above its upper bound"),
                        upper.span,
                    )?;
                }
                Ok(())
            }
            other => self.check_structure(name, other, &value, &scope),
        }
    }

    /// Requires `low <= high`, element by element.
    pub(crate) fn check_order(
        &mut self,
        low: &Expr,
        high: &Expr,
        message: &str,
        span: Span,
    ) -> Staged<()> {
        let scope = self.root();
        let rank = self
            .graph
            .shape(low)
            .len()
            .max(self.graph.shape(high).len());
        let (low, high) = (
            align(&mut self.graph, low, rank),
            align(&mut self.graph, high, rank),
        );
        if firebrand_graph::broadcast_shape(&self.graph.shape(&low), &self.graph.shape(&high))
            .is_none()
        {
            return self.fail(span, format!("{message}: the bound has other sizes"));
        }
        let met = self.graph.binary(Binary::LessEqual, &low, &high);
        self.check(met, message.to_string(), &scope);
        Ok(())
    }

    pub(crate) fn check(&mut self, met: Expr, message: String, scope: &Scope) {
        if met
            .as_data()
            .is_some_and(|known| known.data().iter().all(|x| *x != 0.0))
        {
            return;
        }
        self.require(Requirement { met, message }, scope);
    }

    /// Simplexes, ordered vectors and the like, along their last axis.
    fn check_structure(
        &mut self,
        name: &str,
        constraint: &Constraint,
        value: &Expr,
        scope: &Scope,
    ) -> Staged<()> {
        let shape = self.graph.shape(value);
        let last = shape.len() - 1;
        match constraint {
            Constraint::Simplex => {
                let nonnegative = self
                    .graph
                    .binary(Binary::LessEqual, &Expr::scalar(0.0), value);
                self.check(
                    nonnegative,
                    format!("{name} is not a simplex: it has a negative element"),
                    scope,
                );
                let total = self.graph.sum(value, last);
                self.check_near(
                    &total,
                    1.0,
                    format!("{name} is not a simplex: its sum is not 1"),
                    scope,
                );
            }
            Constraint::Ordered | Constraint::PositiveOrdered => {
                if matches!(constraint, Constraint::PositiveOrdered) {
                    let nonnegative =
                        self.graph
                            .binary(Binary::LessEqual, &Expr::scalar(0.0), value);
                    self.check(nonnegative, format!("{name} has a negative element"), scope);
                }
                let size = shape[last];
                if size > 1 {
                    let (low, high) = (
                        self.window(value, 0, size - 1),
                        self.window(value, 1, size - 1),
                    );
                    let rising = self.graph.binary(Binary::Less, &low, &high);
                    self.check(rising, format!("{name} is not ordered"), scope);
                }
            }
            Constraint::UnitVector => {
                let squares = self.graph.unary(firebrand_graph::Unary::Square, value);
                let total = self.graph.sum(&squares, last);
                self.check_near(&total, 1.0, format!("{name} is not a unit vector"), scope);
            }
            Constraint::SumToZero => {
                let total = self.graph.sum(value, last);
                self.check_near(&total, 0.0, format!("{name} does not sum to zero"), scope);
            }
            matrix => self.check_matrix(name, matrix, value, scope),
        }
        Ok(())
    }

    pub(super) fn check_near(
        &mut self,
        value: &Expr,
        expected: f64,
        message: String,
        scope: &Scope,
    ) {
        let difference = self.graph.add_scalar(value, -expected);
        let distance = self.graph.unary(firebrand_graph::Unary::Abs, &difference);
        let near = self
            .graph
            .binary(Binary::LessEqual, &distance, &Expr::scalar(TOLERANCE));
        self.check(near, message, scope);
    }

    /// Elements `start..start + count` of the last axis.
    fn window(&mut self, value: &Expr, start: usize, count: usize) -> Expr {
        let shape = self.graph.shape(value);
        let size = shape[shape.len() - 1];
        let rows: usize = shape[..shape.len() - 1].iter().product();
        let total = rows * size;
        let flat = self.graph.reshape(value, &[total]);
        let index = (0..rows)
            .flat_map(|row| (0..count).map(move |i| (row * size + start + i) as u32))
            .collect();
        let gathered = self.graph.gather(&flat, &index);
        self.graph.reshape(&gathered, &[rows, count])
    }
}
