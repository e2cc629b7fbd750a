//! The operators: arithmetic on scalars and containers, matrix algebra, comparisons.

use firebrand_graph::{Array, Binary, Expr, Shape, Unary};

use super::interpreter::{Interpreter, Staged};
use crate::hir::BinaryOp;
use crate::library::{Failure, align, elementwise_shape, left_division, right_division};
use crate::syntax::Span;
use crate::types::Type;
use crate::value::{Ints, Value};

impl Interpreter<'_> {
    pub(crate) fn binary(
        &mut self,
        op: BinaryOp,
        x: Value,
        y: Value,
        x_type: &Type,
        y_type: &Type,
        span: Span,
    ) -> Staged<Value> {
        if let (Value::Int(a), Value::Int(b)) = (&x, &y)
            && let Some(result) = self.int_binary(op, a, b, span)?
        {
            return Ok(Value::Int(result));
        }
        self.next_source();
        let (x, y) = (x.to_reals(), y.to_reals());
        let result = match op {
            BinaryOp::Add => self.elementwise(Binary::Add, "+", &x, &y),
            BinaryOp::Subtract => self.elementwise(Binary::Sub, "-", &x, &y),
            BinaryOp::ElementMultiply => self.elementwise(Binary::Mul, ".*", &x, &y),
            BinaryOp::ElementDivide => self.elementwise(Binary::Div, "./", &x, &y),
            BinaryOp::Power | BinaryOp::ElementPower => self.power(&x, &y),
            BinaryOp::Multiply if x_type.is_scalar() || y_type.is_scalar() => {
                self.elementwise(Binary::Mul, "*", &x, &y)
            }
            BinaryOp::Multiply => self.product(&x, &y, x_type, y_type),
            BinaryOp::Divide if y_type.is_scalar() => self.elementwise(Binary::Div, "/", &x, &y),
            BinaryOp::Divide => right_division(&mut self.graph, &x, &y),
            BinaryOp::LeftDivide => left_division(&mut self.graph, &x, &y),
            BinaryOp::IntDivide | BinaryOp::Modulo => Err(Failure::Unsupported(
                "integer division of values that depend on parameters".into(),
            )),
            BinaryOp::Equal => self.elementwise(Binary::Equal, "==", &x, &y),
            BinaryOp::NotEqual => self
                .elementwise(Binary::Equal, "!=", &x, &y)
                .map(|equal| self.graph.sub(&Expr::scalar(1.0), &equal)),
            BinaryOp::Less => self.elementwise(Binary::Less, "<", &x, &y),
            BinaryOp::LessEqual => self.elementwise(Binary::LessEqual, "<=", &x, &y),
            BinaryOp::Greater => self.elementwise(Binary::Less, ">", &y, &x),
            BinaryOp::GreaterEqual => self.elementwise(Binary::LessEqual, ">=", &y, &x),
        };
        let result = match result {
            Ok(result) => result,
            Err(failure) => return self.failure(span, failure),
        };
        let compares = matches!(
            op,
            BinaryOp::Equal
                | BinaryOp::NotEqual
                | BinaryOp::Less
                | BinaryOp::LessEqual
                | BinaryOp::Greater
                | BinaryOp::GreaterEqual
        );
        match result {
            Expr::Data(truth) if compares => Ok(Value::Int(Ints::new(
                truth.shape(),
                truth.data().iter().map(|t| *t as i64).collect(),
            ))),
            result => Ok(Value::Real(result)),
        }
    }

    fn int_binary(&self, op: BinaryOp, x: &Ints, y: &Ints, span: Span) -> Staged<Option<Ints>> {
        if !x.dims().is_empty() || !y.dims().is_empty() {
            return Ok(None);
        }
        let divides = matches!(
            op,
            BinaryOp::Divide | BinaryOp::IntDivide | BinaryOp::Modulo
        );
        if divides && y.data.contains(&0) {
            return self.fail(span, "integer division by zero");
        }
        let apply: fn(i64, i64) -> i64 = match op {
            BinaryOp::Add => i64::wrapping_add,
            BinaryOp::Subtract => i64::wrapping_sub,
            BinaryOp::Multiply | BinaryOp::ElementMultiply => i64::wrapping_mul,
            BinaryOp::Divide | BinaryOp::IntDivide | BinaryOp::ElementDivide => i64::wrapping_div,
            BinaryOp::Modulo => i64::wrapping_rem,
            BinaryOp::Equal => |x, y| i64::from(x == y),
            BinaryOp::NotEqual => |x, y| i64::from(x != y),
            BinaryOp::Less => |x, y| i64::from(x < y),
            BinaryOp::LessEqual => |x, y| i64::from(x <= y),
            BinaryOp::Greater => |x, y| i64::from(x > y),
            BinaryOp::GreaterEqual => |x, y| i64::from(x >= y),
            BinaryOp::Power | BinaryOp::ElementPower | BinaryOp::LeftDivide => return Ok(None),
        };
        let lanes = x.lanes().max(y.lanes());
        let at = |ints: &Ints, lane: usize| ints.data[lane % ints.data.len()];
        Ok(Some(Ints::new(
            [lanes],
            (0..lanes)
                .map(|lane| apply(at(x, lane), at(y, lane)))
                .collect(),
        )))
    }

    /// A function of two values, element by element; a scalar goes with every element of a container.
    pub(crate) fn elementwise(
        &mut self,
        kind: Binary,
        name: &str,
        x: &Expr,
        y: &Expr,
    ) -> Result<Expr, Failure> {
        let rank = self.graph.shape(x).len().max(self.graph.shape(y).len());
        let containers = self.graph.shape(x).len() > 1 && self.graph.shape(y).len() > 1;
        if containers && self.graph.shape(x)[1..] != self.graph.shape(y)[1..] {
            let (x, y) = (self.graph.shape(x), self.graph.shape(y));
            return Err(Failure::Wrong(format!(
                "{name}: sizes {:?} and {:?} do not match",
                &x[1..],
                &y[1..]
            )));
        }
        let (x, y) = (
            align(&mut self.graph, x, rank),
            align(&mut self.graph, y, rank),
        );
        elementwise_shape(&self.graph, name, &x, &y)?;
        Ok(self.graph.binary(kind, &x, &y))
    }

    fn power(&mut self, x: &Expr, y: &Expr) -> Result<Expr, Failure> {
        match y.as_data().and_then(Array::uniform_value) {
            Some(2.0) => Ok(self.graph.unary(Unary::Square, x)),
            Some(0.5) => Ok(self.graph.unary(Unary::Sqrt, x)),
            Some(-1.0) => Ok(self.graph.unary(Unary::Recip, x)),
            _ => self.elementwise(Binary::Pow, "^", x, y),
        }
    }

    /// A product of vectors and matrices.
    fn product(
        &mut self,
        x: &Expr,
        y: &Expr,
        x_type: &Type,
        y_type: &Type,
    ) -> Result<Expr, Failure> {
        let (xs, ys) = (self.graph.shape(x), self.graph.shape(y));
        let x_cols = if *x_type == Type::Vector {
            1
        } else {
            xs[xs.len() - 1]
        };
        let y_rows = if *y_type == Type::RowVector { 1 } else { ys[1] };
        if x_cols != y_rows {
            return Err(Failure::Wrong(format!(
                "*: {x_type} of sizes {:?} times {y_type} of sizes {:?}: {x_cols} columns, {y_rows} rows",
                &xs[1..],
                &ys[1..]
            )));
        }
        let (x_lanes, y_lanes) = (xs[0], ys[0]);
        let graph = &mut self.graph;
        Ok(match (x_type, y_type) {
            (Type::RowVector, Type::Vector) => {
                if x_lanes > 1 && y_lanes > 1 {
                    let products = graph.mul(x, y);
                    graph.sum(&products, 1)
                } else {
                    // The lanes of one are the rows of a matrix.
                    let (many, one) = if x_lanes >= y_lanes { (x, y) } else { (y, x) };
                    let column = graph.reshape(one, &[x_cols, 1]);
                    let result = graph.matmul(many, &column);
                    graph.reshape(&result, &[x_lanes.max(y_lanes)])
                }
            }
            (Type::Matrix, Type::Vector) if x_lanes == 1 => {
                let matrix = graph.reshape(x, &xs[1..]);
                if y_lanes == 1 {
                    let column = graph.reshape(y, &[x_cols, 1]);
                    let result = graph.matmul(&matrix, &column);
                    graph.reshape(&result, &[1, xs[1]])
                } else {
                    let transposed = graph.transpose(&matrix);
                    graph.matmul(y, &transposed)
                }
            }
            (Type::RowVector, Type::Matrix) if y_lanes == 1 => {
                let matrix = graph.reshape(y, &ys[1..]);
                graph.matmul(x, &matrix)
            }
            (Type::Matrix, Type::Matrix) if x_lanes == 1 && y_lanes == 1 => {
                let (a, b) = (graph.reshape(x, &xs[1..]), graph.reshape(y, &ys[1..]));
                let result = graph.matmul(&a, &b);
                graph.reshape(&result, &[1, xs[1], ys[2]])
            }
            _ => {
                let as_matrix = |shape: &Shape, type_: &Type| match type_ {
                    Type::Vector => vec![shape[0], shape[1], 1],
                    Type::RowVector => vec![shape[0], 1, shape[1]],
                    _ => shape.to_vec(),
                };
                let a = graph.reshape(x, &as_matrix(&xs, x_type));
                let b = graph.reshape(y, &as_matrix(&ys, y_type));
                let result = graph.matmul(&a, &b);
                let lanes = x_lanes.max(y_lanes);
                match (x_type, y_type) {
                    (Type::Matrix, Type::Vector) => graph.reshape(&result, &[lanes, xs[1]]),
                    (Type::RowVector, Type::Matrix) => graph.reshape(&result, &[lanes, ys[2]]),
                    _ => result,
                }
            }
        })
    }
}
