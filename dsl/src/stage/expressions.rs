use firebrand_graph::{Expr, Shape};

use super::draws::streams;
use super::interpreter::{Interpreter, Scope, Staged};
use super::lanes::Lanes;
use crate::hir::{Expression, ExpressionKind, Index, UnaryOp};
use crate::library::{Call, Failure, align};
use crate::types::Type;
use crate::value::{Ints, Value};

impl Interpreter<'_> {
    /// The value of an expression in the given lanes.
    pub(crate) fn evaluate(&mut self, expression: &Expression, scope: &Scope) -> Staged<Value> {
        let span = expression.span;
        match &expression.kind {
            ExpressionKind::Int(value) => Ok(Value::Int(Ints::scalar(*value))),
            ExpressionKind::Real(value) => Ok(Value::real(*value)),
            ExpressionKind::Variable(slot) => self.read_variable(*slot, &[], span, scope),
            ExpressionKind::Unary(op, operand) => {
                let value = self.evaluate(operand, scope)?;
                self.unary(*op, value, &operand.type_)
            }
            ExpressionKind::Binary(op, left, right) => {
                let (x, y) = (self.evaluate(left, scope)?, self.evaluate(right, scope)?);
                self.binary(*op, x, y, &left.type_, &right.type_, span)
            }
            ExpressionKind::And(left, right) => self.short_circuit(left, right, false, scope),
            ExpressionKind::Or(left, right) => self.short_circuit(left, right, true, scope),
            ExpressionKind::Conditional(condition, then, otherwise) => {
                self.conditional(condition, then, otherwise, scope)
            }
            ExpressionKind::Index(base, indices) => self.index(base, indices, expression, scope),
            ExpressionKind::Call(function, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(self.evaluate(argument, scope)?);
                }
                let types: Vec<Type> = arguments.iter().map(|a| a.type_.clone()).collect();
                self.call(function, &values, &types, span, scope)
            }
            ExpressionKind::UserCall(function, arguments) => {
                match self.call_user_function(*function, arguments, span, scope)? {
                    Some(value) => Ok(value),
                    None => Ok(Self::undefined()),
                }
            }
            ExpressionKind::Array(parts) => self.stack(parts, &expression.type_, scope),
            ExpressionKind::Row(parts) => self.stack(parts, &expression.type_, scope),
            ExpressionKind::Solve(solve) => self.solve(solve, span, scope),
            ExpressionKind::Apply(network, argument) => self.apply(*network, argument, span, scope),
            ExpressionKind::InitialWeights(network) => self.initial_weights(*network, span),
            ExpressionKind::Target => {
                let total = self.target();
                Ok(Value::Real(self.graph.reshape(&total, &[1])))
            }
        }
    }

    /// Calls a function of the language.
    pub(crate) fn call(
        &mut self,
        function: &'static crate::library::Function,
        arguments: &[Value],
        types: &[Type],
        span: crate::syntax::Span,
        scope: &Scope,
    ) -> Staged<Value> {
        self.next_source();
        let mut requirements = Vec::new();
        let mut call = Call {
            graph: &mut self.graph,
            name: function.name,
            arguments,
            types,
            requirements: &mut requirements,
            random: streams(&mut self.generators, self.draws.as_ref(), scope),
            lanes: scope.count,
        };
        let result = (function.evaluate)(&mut call);
        for requirement in requirements {
            if self.is_of_unknown_draws(&requirement, scope) {
                return self.one_by_one();
            }
            self.require(requirement, scope);
        }
        result.or_else(|failure| match failure {
            Failure::Differs(_, numbers) if !self.regions.is_empty() => {
                self.apart(|lane| numbers[lane % numbers.len()], scope)
            }
            failure => self.failure(span, failure),
        })
    }

    /// An expression as ints, which must not depend on parameters.
    pub(crate) fn known_ints(
        &mut self,
        expression: &Expression,
        what: &str,
        scope: &Scope,
    ) -> Staged<Ints> {
        match self.evaluate(expression, scope)? {
            Value::Int(ints) => Ok(ints),
            Value::Real(Expr::Data(array)) => Ok(Ints::new(
                array.shape(),
                array.data().iter().map(|x| *x as i64).collect(),
            )),
            Value::Real(Expr::Node(_)) => self.unsupported(
                expression.span,
                format!("{what} that depends on parameters is not supported yet"),
            ),
        }
    }

    /// An expression as one int that is the same in all lanes.
    pub(crate) fn known_int(
        &mut self,
        expression: &Expression,
        what: &str,
        scope: &Scope,
    ) -> Staged<i64> {
        let ints = self.known_ints(expression, what, scope)?;
        match ints.data.first() {
            Some(first) if ints.data.iter().all(|x| x == first) => Ok(*first),
            _ if self.regions.is_empty() => self.unsupported(
                expression.span,
                format!("{what} that differs between iterations"),
            ),
            _ => self.apart(|lane| ints.data[lane % ints.data.len()], scope),
        }
    }

    fn index(
        &mut self,
        base: &Expression,
        indices: &[Index],
        whole: &Expression,
        scope: &Scope,
    ) -> Staged<Value> {
        match &base.kind {
            ExpressionKind::Variable(slot) => self.read_variable(*slot, indices, whole.span, scope),
            _ => {
                let value = self.evaluate(base, scope)?;
                self.index_value(value, indices, whole.span, scope)
            }
        }
    }

    /// `&&` (ends at false) and `||` (ends at true).
    fn short_circuit(
        &mut self,
        left: &Expression,
        right: &Expression,
        ends_at: bool,
        scope: &Scope,
    ) -> Staged<Value> {
        let first = self.condition(left, scope)?;
        if let Truth::Known(values) = &first
            && values.iter().all(|value| *value == ends_at)
        {
            return Ok(truth_value(values));
        }
        if let Truth::Known(values) = &first
            && self.in_draws(scope)
        {
            return self.rest_of_condition(values, right, ends_at, scope);
        }
        let second = self.condition(right, scope)?;
        match (first, second) {
            (Truth::Known(a), Truth::Known(b)) => {
                let lanes = a.len().max(b.len());
                let combine = |i: usize| {
                    let (a, b) = (a[i % a.len()], b[i % b.len()]);
                    if ends_at { a || b } else { a && b }
                };
                Ok(truth_value(&(0..lanes).map(combine).collect::<Vec<_>>()))
            }
            (a, b) => {
                let (a, b) = (a.into_mask(), b.into_mask());
                self.next_source();
                let both = if ends_at {
                    self.graph.binary(firebrand_graph::Binary::Max, &a, &b)
                } else {
                    self.graph.mul(&a, &b)
                };
                Ok(Value::Real(both))
            }
        }
    }

    /// The second half of a condition in the lanes that the first, `values`, does not settle. In the others it may be wrong to
    /// ask.
    fn rest_of_condition(
        &mut self,
        values: &[bool],
        right: &Expression,
        ends_at: bool,
        scope: &Scope,
    ) -> Staged<Value> {
        let mut values: Vec<bool> = values.iter().copied().cycle().take(scope.count).collect();
        let open: Vec<u32> = (0..scope.count as u32)
            .filter(|lane| values[*lane as usize] != ends_at)
            .collect();
        let inside = if open.len() == scope.count {
            Scope::clone(scope)
        } else {
            Lanes::inside(scope, open.clone())
        };
        match self.condition(right, &inside)? {
            Truth::Known(second) => {
                for (lane, value) in open.iter().zip(second.iter().cycle()) {
                    values[*lane as usize] = *value;
                }
                Ok(truth_value(&values))
            }
            Truth::Mask(_) => self.one_by_one(),
        }
    }

    fn conditional(
        &mut self,
        condition: &Expression,
        then: &Expression,
        otherwise: &Expression,
        scope: &Scope,
    ) -> Staged<Value> {
        match self.condition(condition, scope)? {
            Truth::Known(values) if values.iter().all(|v| *v) => self.evaluate(then, scope),
            Truth::Known(values) if values.iter().all(|v| !*v) => self.evaluate(otherwise, scope),
            Truth::Known(values) => self.branch_by_lane(&values, then, otherwise, scope),
            Truth::Mask(mask) => {
                self.masks.push((mask.clone(), scope.clone()));
                let then = self.evaluate(then, scope);
                self.masks.pop();
                let flipped = self.flipped(&mask);
                self.masks.push((flipped, scope.clone()));
                let otherwise = self.evaluate(otherwise, scope);
                self.masks.pop();
                Ok(self.choose(&mask, &then?, &otherwise?))
            }
        }
    }

    /// Evaluates each branch in the lanes that take it, and joins the results in the lanes' order.
    fn branch_by_lane(
        &mut self,
        values: &[bool],
        then: &Expression,
        otherwise: &Expression,
        scope: &Scope,
    ) -> Staged<Value> {
        let lanes_where = |wanted: bool| -> Vec<u32> {
            (0..values.len() as u32)
                .filter(|lane| values[*lane as usize] == wanted)
                .collect()
        };
        let (yes, no) = (lanes_where(true), lanes_where(false));
        let mut joined: Option<super::storage::Variable> = None;
        for (lanes, branch) in [(yes, then), (no, otherwise)] {
            let inside = Lanes::inside(scope, lanes.clone());
            let value = self.evaluate(branch, &inside)?;
            let value = match (
                &value,
                branch.type_ == then.type_ && branch.type_ == otherwise.type_,
            ) {
                (Value::Int(_), true) => value,
                _ => Value::Real(value.to_reals()),
            };
            let dims = value.dims(&self.graph);
            let is_int = matches!(value, Value::Int(_));
            let variable = joined.get_or_insert_with(|| {
                super::storage::Variable::undefined(dims.clone(), is_int, scope)
            });
            if variable.dims != dims {
                return self.one_by_one();
            }
            let size = variable.size() as u32;
            let offsets: Vec<u32> = lanes
                .iter()
                .flat_map(|lane| (0..size).map(move |i| lane * size + i))
                .collect();
            variable.write(&mut self.graph, &offsets, &value);
        }
        match joined {
            Some(mut variable) => Ok(variable.whole(&mut self.graph)),
            None => Ok(Self::undefined()),
        }
    }

    /// `if_true` where the mask is not zero, lane by lane and draw by draw.
    pub(crate) fn choose(&mut self, mask: &Expr, if_true: &Value, if_false: &Value) -> Value {
        let (a, b) = (if_true.to_reals(), if_false.to_reals());
        let rank = self.graph.shape(&a).len().max(self.graph.shape(&b).len());
        let mask = align(&mut self.graph, mask, rank);
        let (a, b) = (
            align(&mut self.graph, &a, rank),
            align(&mut self.graph, &b, rank),
        );
        Value::Real(self.graph.select(&mask, &a, &b))
    }

    pub(crate) fn flipped(&mut self, mask: &Expr) -> Expr {
        self.graph.sub(&Expr::scalar(1.0), mask)
    }

    /// A condition, lane by lane.
    pub(crate) fn condition(&mut self, expression: &Expression, scope: &Scope) -> Staged<Truth> {
        Ok(match self.evaluate(expression, scope)? {
            Value::Int(ints) => Truth::Known(ints.data.iter().map(|x| *x != 0).collect()),
            Value::Real(Expr::Data(array)) => {
                Truth::Known(array.data().iter().map(|x| *x != 0.0).collect())
            }
            Value::Real(node) => Truth::Mask(node),
        })
    }

    /// Values of the same axes, as an array, row vector or matrix of them.
    fn stack(&mut self, parts: &[Expression], type_: &Type, scope: &Scope) -> Staged<Value> {
        let mut values = Vec::with_capacity(parts.len());
        for part in parts {
            values.push(self.evaluate(part, scope)?);
        }
        let Some(first) = values.first() else {
            return Ok(match type_.scalar() {
                Type::Int => Value::Int(Ints::new([1, 0], Vec::new())),
                _ => Value::Real(firebrand_graph::Array::new([1, 0], Vec::new()).into()),
            });
        };
        let dims = first.dims(&self.graph);
        for (value, part) in values.iter().zip(parts) {
            let found = value.dims(&self.graph);
            if found != dims {
                return self.fail(
                    part.span,
                    format!("elements of one container must have the same sizes: found {found:?} beside {dims:?}"),
                );
            }
        }
        let lanes = values
            .iter()
            .map(|value| value.shape(&self.graph)[0])
            .max()
            .unwrap_or(1);
        let all_int = values.iter().all(|value| matches!(value, Value::Int(_)));
        let mut shape = Shape::from_slice(&[lanes, values.len()]);
        shape.extend_from_slice(&dims);
        if all_int && type_.scalar() == Type::Int {
            let size: usize = dims.iter().product();
            let mut data = Vec::with_capacity(shape.iter().product());
            for lane in 0..lanes {
                for value in &values {
                    let Value::Int(ints) = value else { continue };
                    let base = if ints.lanes() == 1 { 0 } else { lane * size };
                    data.extend_from_slice(&ints.data[base..base + size]);
                }
            }
            return Ok(Value::Int(Ints::new(shape, data)));
        }
        let mut one = shape.clone();
        one[1] = 1;
        let columns: Vec<Expr> = values
            .iter()
            .map(|value| {
                let reals = value.to_reals();
                let mut spread = Shape::from_slice(&[lanes]);
                spread.extend_from_slice(&dims);
                let reals = self.graph.broadcast_to(&reals, &spread);
                self.graph.reshape(&reals, &one)
            })
            .collect();
        Ok(Value::Real(self.graph.concat(&columns, 1)))
    }

    fn unary(&mut self, op: UnaryOp, value: Value, type_: &Type) -> Staged<Value> {
        match (op, value) {
            (UnaryOp::Plus, value) => Ok(value),
            (UnaryOp::Minus, Value::Int(ints)) => Ok(Value::Int(Ints::new(
                &ints.shape,
                ints.data.iter().map(|x| x.wrapping_neg()).collect(),
            ))),
            (UnaryOp::Minus, Value::Real(x)) => {
                self.next_source();
                Ok(Value::Real(self.graph.neg(&x)))
            }
            (UnaryOp::Not, Value::Int(ints)) => Ok(Value::Int(Ints::new(
                &ints.shape,
                ints.data.iter().map(|x| i64::from(*x == 0)).collect(),
            ))),
            (UnaryOp::Not, Value::Real(x)) => {
                self.next_source();
                let zero =
                    self.graph
                        .binary(firebrand_graph::Binary::Equal, &x, &Expr::scalar(0.0));
                Ok(Value::Real(zero))
            }
            (UnaryOp::Transpose, value) if *type_ == Type::Matrix => {
                self.next_source();
                Ok(Value::Real(self.graph.transpose(&value.to_reals())))
            }
            // A vector and its transpose have the same elements in the same order.
            (UnaryOp::Transpose, value) => Ok(value),
        }
    }
}

/// A condition: known lane by lane (one entry when all agree), or different from draw to draw.
pub(crate) enum Truth {
    Known(Vec<bool>),
    /// Not zero where it holds.
    Mask(Expr),
}

impl Truth {
    fn into_mask(self) -> Expr {
        match self {
            Truth::Mask(mask) => mask,
            Truth::Known(values) => {
                let data: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
                firebrand_graph::Array::vector(data).into()
            }
        }
    }
}

fn truth_value(values: &[bool]) -> Value {
    Value::Int(Ints::new(
        [values.len()],
        values.iter().map(|value| i64::from(*value)).collect(),
    ))
}
