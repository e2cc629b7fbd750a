//! Elementwise arithmetic.

use super::Facts;
use crate::{Binary, Expr, Graph, Op, Unary, broadcast_shape, fold};

/// Elementwise arithmetic. Shapes broadcast, aligned at the last axis.
///
/// # Panics
/// Every method here panics on shapes that do not fit each other: callers check sizes first, with the user's words.
impl Graph {
    /// An elementwise function of one argument.
    pub fn unary(&mut self, kind: Unary, x: &Expr) -> Expr {
        match &self.resolved(x) {
            Expr::Data(array) => fold::unary(kind, array).into(),
            Expr::Node(node) => {
                if let Some(simpler) = self.simpler_unary(kind, *node) {
                    return simpler;
                }
                let Facts { shape, batched } = self.facts(*node);
                self.push(Op::Unary(kind, *node), shape, batched).into()
            }
        }
    }

    /// An elementwise function of two arguments.
    pub fn binary(&mut self, kind: Binary, x: &Expr, y: &Expr) -> Expr {
        let (x, y) = (&self.resolved(x), &self.resolved(y));
        if let (Expr::Data(x), Expr::Data(y)) = (x, y) {
            return fold::binary(kind, x, y).into();
        }
        if let Some(simpler) = self.neutral(kind, x, y) {
            return simpler;
        }
        let (x, y) = (&self.without_copies(x, y), &self.without_copies(y, x));
        if let Some(simpler) = self.simpler_binary(kind, x, y) {
            return simpler;
        }
        let shape = broadcast_shape(&self.shape(x), &self.shape(y)).unwrap_or_else(|| {
            panic!(
                "{kind:?} of shapes {:?} and {:?}",
                self.shape(x),
                self.shape(y)
            )
        });
        let batched = self.is_batched(x) || self.is_batched(y);
        let (x, y) = (self.node_of(x), self.node_of(y));
        self.push(Op::Binary(kind, x, y), shape, batched).into()
    }

    /// The other argument, when one of them changes nothing: x + 0, x - 0, x * 1, x / 1, x ^ 1.
    fn neutral(&mut self, kind: Binary, x: &Expr, y: &Expr) -> Option<Expr> {
        let is = |value: &Expr, neutral: f64| {
            value.as_data().and_then(|a| a.uniform_value()) == Some(neutral)
        };
        let same = match kind {
            Binary::Add if is(x, 0.0) => y,
            Binary::Add | Binary::Sub if is(y, 0.0) => x,
            Binary::Mul if is(x, 1.0) => y,
            Binary::Mul | Binary::Div | Binary::Pow if is(y, 1.0) => x,
            Binary::Pow if is(y, 2.0) && self.shape(y).is_empty() => {
                return Some(self.unary(Unary::Square, x));
            }
            _ => return None,
        };
        let shape = broadcast_shape(&self.shape(x), &self.shape(y))?;
        (self.shape(same) == shape).then(|| same.clone())
    }

    /// x + y
    pub fn add(&mut self, x: &Expr, y: &Expr) -> Expr {
        self.binary(Binary::Add, x, y)
    }

    /// x - y
    pub fn sub(&mut self, x: &Expr, y: &Expr) -> Expr {
        self.binary(Binary::Sub, x, y)
    }

    /// x y
    pub fn mul(&mut self, x: &Expr, y: &Expr) -> Expr {
        self.binary(Binary::Mul, x, y)
    }

    /// x / y
    pub fn div(&mut self, x: &Expr, y: &Expr) -> Expr {
        self.binary(Binary::Div, x, y)
    }

    /// -x
    pub fn neg(&mut self, x: &Expr) -> Expr {
        self.unary(Unary::Neg, x)
    }

    /// exp(x)
    pub fn exp(&mut self, x: &Expr) -> Expr {
        self.unary(Unary::Exp, x)
    }

    /// log(x)
    pub fn log(&mut self, x: &Expr) -> Expr {
        self.unary(Unary::Log, x)
    }

    /// x + y for a known y.
    pub fn add_scalar(&mut self, x: &Expr, y: f64) -> Expr {
        self.add(x, &y.into())
    }

    /// x y for a known y.
    pub fn scale(&mut self, x: &Expr, y: f64) -> Expr {
        self.mul(x, &y.into())
    }

    /// `if_true` where `condition` is not zero, else `if_false`.
    pub fn select(&mut self, condition: &Expr, if_true: &Expr, if_false: &Expr) -> Expr {
        let (condition, if_true, if_false) = (
            &self.resolved(condition),
            &self.resolved(if_true),
            &self.resolved(if_false),
        );
        if let (Expr::Data(c), Expr::Data(t), Expr::Data(f)) = (condition, if_true, if_false) {
            return fold::select(c, t, f).into();
        }
        let shape = broadcast_shape(&self.shape(if_true), &self.shape(if_false))
            .and_then(|shape| broadcast_shape(&self.shape(condition), &shape))
            .expect("select of shapes that broadcast");
        if let Some(known) = condition.as_data().and_then(|c| c.uniform_value()) {
            let taken = if known != 0.0 { if_true } else { if_false }.clone();
            return self.broadcast_to(&taken, &shape);
        }
        let batched = [condition, if_true, if_false]
            .iter()
            .any(|x| self.is_batched(x));
        let [condition, if_true, if_false] =
            [condition, if_true, if_false].map(|x| self.node_of(x));
        self.push(
            Op::Select {
                condition,
                if_true,
                if_false,
            },
            shape,
            batched,
        )
        .into()
    }
}
