//! Adjoints of elementwise operations.

use super::Pass;
use crate::{Binary, Expr, NodeId, Unary};

/// Lowest finite number of single precision: below any finite log density, and finite in both precisions.
const LOWEST: f64 = f32::MIN as f64;

impl Pass<'_> {
    pub(super) fn unary(&mut self, kind: Unary, node: NodeId, x: NodeId, cotangent: &Expr) {
        let (x_id, y, x) = (x, Expr::Node(node), self.graph.value(x));
        let g = &mut *self.graph;
        let result = match kind {
            Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round => return,
            Unary::Neg => g.neg(cotangent),
            Unary::Log => self.over(cotangent, &x),
            Unary::Log1p => {
                let divisor = g.add_scalar(&x, 1.0);
                self.over(cotangent, &divisor)
            }
            Unary::Square => {
                let double = g.scale(cotangent, 2.0);
                self.times(&double, &x)
            }
            Unary::Sqrt => {
                let half = g.scale(cotangent, 0.5);
                let back = self.over(&half, &y);
                // Nothing at 0, as in Stan: most often what underflowed, whose own derivative is 0.
                self.graph.select(&y, &back, &0.0.into())
            }
            Unary::Recip => {
                // One factor after the other: the square of a very small one would be 0.
                let minus = g.neg(cotangent);
                let once = self.times(&minus, &y);
                self.times(&once, &y)
            }
            _ => {
                let factor = self.derivative(kind, &x, &y);
                self.times(cotangent, &factor)
            }
        };
        self.give(x_id, result);
    }

    /// The derivative at `x`, where the value is `y`.
    fn derivative(&mut self, kind: Unary, x: &Expr, y: &Expr) -> Expr {
        let g = &mut *self.graph;
        match kind {
            Unary::Abs => g.unary(Unary::Sign, x),
            Unary::Exp => y.clone(),
            Unary::Expm1 => g.add_scalar(y, 1.0),
            // -exp(x) / (1 - exp(x)) = -1 / expm1(-x)
            Unary::Log1mExp => {
                let minus = g.neg(x);
                let divisor = g.unary(Unary::Expm1, &minus);
                let factor = g.unary(Unary::Recip, &divisor);
                g.neg(&factor)
            }
            Unary::Log1pExp => g.unary(Unary::Sigmoid, x),
            Unary::Sin => g.unary(Unary::Cos, x),
            Unary::Cos => {
                let sine = g.unary(Unary::Sin, x);
                g.neg(&sine)
            }
            Unary::Tan => {
                let square = g.unary(Unary::Square, y);
                g.add_scalar(&square, 1.0)
            }
            // 1 / sqrt(1 - x^2)
            Unary::Asin | Unary::Acos => {
                let square = g.unary(Unary::Square, x);
                let rest = g.sub(&1.0.into(), &square);
                let root = g.unary(Unary::Sqrt, &rest);
                let factor = g.unary(Unary::Recip, &root);
                if kind == Unary::Asin {
                    factor
                } else {
                    g.neg(&factor)
                }
            }
            Unary::Atan => {
                let square = g.unary(Unary::Square, x);
                let divisor = g.add_scalar(&square, 1.0);
                g.unary(Unary::Recip, &divisor)
            }
            Unary::Sinh => g.unary(Unary::Cosh, x),
            Unary::Cosh => g.unary(Unary::Sinh, x),
            Unary::Tanh => {
                let square = g.unary(Unary::Square, y);
                g.sub(&1.0.into(), &square)
            }
            Unary::Sigmoid => {
                let other = g.sub(&1.0.into(), y);
                g.mul(y, &other)
            }
            Unary::Lgamma => g.unary(Unary::Digamma, x),
            Unary::Digamma => g.unary(Unary::Trigamma, x),
            Unary::Trigamma => g.unary(Unary::Polygamma(2), x),
            Unary::Polygamma(order) => g.unary(Unary::Polygamma(order + 1), x),
            // 2 / sqrt(pi) exp(-x^2)
            Unary::Erf | Unary::Erfc => {
                let square = g.unary(Unary::Square, x);
                let minus = g.neg(&square);
                let bell = g.exp(&minus);
                let scale = std::f64::consts::FRAC_2_SQRT_PI;
                g.scale(&bell, if kind == Unary::Erf { scale } else { -scale })
            }
            Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round => 0.0.into(),
            Unary::Neg => (-1.0).into(),
            Unary::Log => g.unary(Unary::Recip, x),
            Unary::Log1p => {
                let divisor = g.add_scalar(x, 1.0);
                g.unary(Unary::Recip, &divisor)
            }
            Unary::Square => g.scale(x, 2.0),
            Unary::Sqrt => {
                let factor = g.unary(Unary::Recip, y);
                g.scale(&factor, 0.5)
            }
            Unary::Recip => {
                let square = g.unary(Unary::Square, y);
                g.neg(&square)
            }
        }
    }

    pub(super) fn binary(
        &mut self,
        kind: Binary,
        node: NodeId,
        x: NodeId,
        y: NodeId,
        cotangent: &Expr,
    ) {
        let (to_x, to_y) = (self.wanted[x.index()], self.wanted[y.index()]);
        let (x_id, y_id, result) = (x, y, Expr::Node(node));
        let (x, y) = (self.graph.value(x), self.graph.value(y));
        if to_x && let Some(dx) = self.cotangent_of_first(kind, &x, &y, &result, cotangent) {
            self.give_repeated(node, x_id, dx);
        }
        if to_y && let Some(dy) = self.cotangent_of_second(kind, &x, &y, &result, cotangent) {
            self.give_repeated(node, y_id, dy);
        }
    }

    fn cotangent_of_first(
        &mut self,
        kind: Binary,
        x: &Expr,
        y: &Expr,
        result: &Expr,
        cotangent: &Expr,
    ) -> Option<Expr> {
        let g = &mut *self.graph;
        Some(match kind {
            Binary::Less | Binary::LessEqual | Binary::Equal => return None,
            Binary::Add | Binary::Sub => cotangent.clone(),
            Binary::Mul => self.times(cotangent, y),
            Binary::ZeroMul => g.binary(Binary::ZeroMul, cotangent, y),
            Binary::Div => self.over(cotangent, y),
            Binary::Pow => {
                // y x^(y - 1)
                let less = g.add_scalar(y, -1.0);
                let power = g.binary(Binary::Pow, x, &less);
                let factor = g.mul(y, &power);
                self.times(cotangent, &factor)
            }
            Binary::Atan2 => {
                let factor = self.over_square_sum(y, x, y);
                self.times(cotangent, &factor)
            }
            Binary::Max => {
                let taken = g.binary(Binary::Less, y, x);
                g.select(&taken, cotangent, &0.0.into())
            }
            Binary::Min => {
                let taken = g.binary(Binary::Less, x, y);
                g.select(&taken, cotangent, &0.0.into())
            }
            Binary::MultiplyLog => {
                let log = g.log(y);
                self.times(cotangent, &log)
            }
            Binary::LogAddExp => {
                let weight = self.exp_of_difference(x, result);
                self.times(cotangent, &weight)
            }
        })
    }

    fn cotangent_of_second(
        &mut self,
        kind: Binary,
        x: &Expr,
        y: &Expr,
        result: &Expr,
        cotangent: &Expr,
    ) -> Option<Expr> {
        let g = &mut *self.graph;
        Some(match kind {
            Binary::Less | Binary::LessEqual | Binary::Equal => return None,
            Binary::Add => cotangent.clone(),
            Binary::Sub => g.neg(cotangent),
            Binary::Mul => self.times(cotangent, x),
            Binary::ZeroMul => g.binary(Binary::ZeroMul, cotangent, x),
            Binary::Div => {
                // -(x / y) / y
                let factor = g.div(result, y);
                let minus = g.neg(cotangent);
                self.times(&minus, &factor)
            }
            Binary::Pow => {
                // x^y log(x), and 0 at x = 0
                let factor = g.binary(Binary::MultiplyLog, result, x);
                self.times(cotangent, &factor)
            }
            Binary::Atan2 => {
                let factor = self.over_square_sum(x, x, y);
                let minus = g_neg(self, cotangent);
                self.times(&minus, &factor)
            }
            // Where both are equal, the second argument is the result, as in Stan's fmax and fmin.
            Binary::Max => {
                let taken = g.binary(Binary::Less, y, x);
                g.select(&taken, &0.0.into(), cotangent)
            }
            Binary::Min => {
                let taken = g.binary(Binary::Less, x, y);
                g.select(&taken, &0.0.into(), cotangent)
            }
            Binary::MultiplyLog => {
                // x / y, and 0 at x = 0, where the function is constant in y
                let factor = if x
                    .as_data()
                    .is_some_and(|x| x.data().iter().all(|x| *x != 0.0))
                {
                    g.div(x, y)
                } else {
                    let recip = g.unary(Unary::Recip, y);
                    g.binary(Binary::ZeroMul, x, &recip)
                };
                self.times(cotangent, &factor)
            }
            Binary::LogAddExp => {
                let weight = self.exp_of_difference(y, result);
                self.times(cotangent, &weight)
            }
        })
    }

    /// z / (x^2 + y^2)
    fn over_square_sum(&mut self, z: &Expr, x: &Expr, y: &Expr) -> Expr {
        let g = &mut *self.graph;
        let (x, y) = (g.unary(Unary::Square, x), g.unary(Unary::Square, y));
        let divisor = g.add(&x, &y);
        g.div(z, &divisor)
    }

    /// exp(x - y), the weight of a term in a sum of exponentials; 0 where both are -inf.
    pub(super) fn exp_of_difference(&mut self, x: &Expr, y: &Expr) -> Expr {
        let g = &mut *self.graph;
        let finite = g.binary(Binary::Max, y, &LOWEST.into());
        let difference = g.sub(x, &finite);
        g.exp(&difference)
    }

    pub(super) fn select(
        &mut self,
        node: NodeId,
        condition: NodeId,
        if_true: NodeId,
        if_false: NodeId,
        cotangent: &Expr,
    ) {
        let condition = self.graph.value(condition);
        if self.wanted[if_true.index()] {
            let taken = self.graph.select(&condition, cotangent, &0.0.into());
            self.give_repeated(node, if_true, taken);
        }
        if self.wanted[if_false.index()] {
            let taken = self.graph.select(&condition, &0.0.into(), cotangent);
            self.give_repeated(node, if_false, taken);
        }
    }
}

fn g_neg(pass: &mut Pass<'_>, x: &Expr) -> Expr {
    pass.graph.neg(x)
}
