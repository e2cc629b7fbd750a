//! Arithmetic on expressions, written as it is read: `-0.5 * z.square() - sigma.log()`.

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

use firebrand_graph::{Array, Binary, Expr, Graph, Mass, Shape, Unary, broadcast_shape};

use super::call::Requirement;
use super::checks::range;
use super::special;

/// A graph lent to formulas. [`Num`]s on it add the nodes of their operations to it.
pub(crate) struct Sheet {
    graph: RefCell<Graph>,
    requirements: RefCell<Vec<Requirement>>,
}

impl Sheet {
    /// Runs `write` on a sheet over `graph`.
    pub(crate) fn over<T>(graph: &mut Graph, write: impl FnOnce(&Sheet) -> T) -> T {
        let sheet = Sheet {
            graph: RefCell::new(std::mem::take(graph)),
            requirements: RefCell::default(),
        };
        let result = write(&sheet);
        *graph = sheet.graph.into_inner();
        result
    }

    /// What the formulas required so far; it is forgotten here.
    pub(crate) fn take_requirements(&self) -> Vec<Requirement> {
        self.requirements.take()
    }

    /// An expression, for use in formulas.
    pub(crate) fn num(&self, expr: impl Into<Expr>) -> Num<'_> {
        Num {
            sheet: self,
            expr: expr.into(),
        }
    }

    /// The graph, for what formulas cannot say.
    pub(crate) fn build(&self, build: impl FnOnce(&mut Graph) -> Expr) -> Num<'_> {
        let expr = build(&mut self.graph.borrow_mut());
        self.num(expr)
    }
}

/// An expression in a formula. Operations are elementwise, and shapes broadcast.
#[derive(Clone)]
pub(crate) struct Num<'s> {
    sheet: &'s Sheet,
    expr: Expr,
}

impl<'s> Num<'s> {
    /// The expression that was written.
    pub(crate) fn expr(&self) -> &Expr {
        &self.expr
    }

    /// The data, when it is known.
    pub(crate) fn known(&self) -> Option<&Array> {
        self.expr.as_data()
    }

    /// Its axes.
    pub(crate) fn shape(&self) -> Shape {
        self.sheet.graph.borrow().shape(&self.expr)
    }

    /// The number of its elements.
    pub(crate) fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Anything that the graph can build of it.
    pub(crate) fn build(&self, build: impl FnOnce(&mut Graph, &Expr) -> Expr) -> Num<'s> {
        self.sheet.build(|graph| build(graph, &self.expr))
    }

    pub(crate) fn unary(&self, kind: Unary) -> Num<'s> {
        self.build(|graph, x| graph.unary(kind, x))
    }

    pub(crate) fn binary(&self, kind: Binary, other: &Num<'s>) -> Num<'s> {
        self.build(|graph, x| graph.binary(kind, x, &other.expr))
    }

    /// `function` of what is known; else what `build` writes.
    pub(crate) fn known_or(
        &self,
        function: fn(f64) -> f64,
        build: impl FnOnce(&Self) -> Num<'s>,
    ) -> Num<'s> {
        match self.known() {
            Some(array) => self.sheet.num(map(array, function)),
            None => build(self),
        }
    }

    /// A function of two known arguments, element by element.
    ///
    /// # Panics
    /// When one is not known, or their shapes do not broadcast.
    pub(crate) fn known_pair(&self, other: &Num<'s>, function: fn(f64, f64) -> f64) -> Num<'s> {
        let (Some(xs), Some(ys)) = (self.known(), other.known()) else {
            panic!("arguments that are known")
        };
        let shape = broadcast_shape(xs.shape(), ys.shape()).expect("aligned arguments");
        let (xs, ys) = (xs.broadcast_to(&shape), ys.broadcast_to(&shape));
        let data = xs
            .data()
            .iter()
            .zip(ys.data())
            .map(|(x, y)| function(*x, *y))
            .collect();
        self.sheet.num(Array::new(shape, data))
    }

    /// 1 where self < other, else 0.
    pub(crate) fn less(&self, other: impl Operand<'s>) -> Num<'s> {
        self.binary(Binary::Less, &other.on(self.sheet))
    }

    /// 1 where self <= other, else 0.
    pub(crate) fn at_most(&self, other: impl Operand<'s>) -> Num<'s> {
        self.binary(Binary::LessEqual, &other.on(self.sheet))
    }

    /// `if_true` where self is not zero, else `if_false`.
    pub(crate) fn select(&self, if_true: impl Operand<'s>, if_false: impl Operand<'s>) -> Num<'s> {
        let (if_true, if_false) = (if_true.on(self.sheet), if_false.on(self.sheet));
        self.build(|graph, condition| graph.select(condition, &if_true.expr, &if_false.expr))
    }

    /// A number on the same sheet.
    pub(crate) fn constant(&self, value: f64) -> Num<'s> {
        self.sheet.num(value)
    }

    /// 1 where self is positive, else 0. Costs nothing where the operation that made it can give nothing else.
    pub(crate) fn is_positive(&self) -> Num<'s> {
        let (least, _) = range(&self.sheet.graph.borrow(), &self.expr);
        if self.known().is_none() && least >= 0.0 {
            self.constant(1.0)
        } else {
            self.constant(0.0).less(self)
        }
    }

    /// Self where `inside` is not zero and `instead` elsewhere; and a term of a density: 0 inside, -inf elsewhere. So
    /// nothing that is computed outside the support can be NaN.
    pub(crate) fn within(&self, inside: &Num<'s>, instead: f64) -> (Num<'s>, Num<'s>) {
        if inside
            .known()
            .is_some_and(|inside| inside.data().iter().all(|x| *x != 0.0))
        {
            return (self.clone(), self.constant(0.0));
        }
        (
            inside.select(self, instead),
            inside.select(0.0, f64::NEG_INFINITY),
        )
    }

    /// A mass or quantile of these numbers, the first of which is self.
    pub(crate) fn mass<const N: usize>(&self, mass: Mass, others: [&Num<'s>; N]) -> Num<'s> {
        let arguments: Vec<Expr> = std::iter::once(self)
            .chain(others)
            .map(|x| x.expr.clone())
            .collect();
        self.sheet.build(|graph| graph.mass(mass, &arguments))
    }

    /// The sum along an axis, which is removed.
    pub(crate) fn sum(&self, axis: usize) -> Num<'s> {
        self.build(|graph, x| graph.sum(x, axis))
    }

    /// `function` of two arguments where both are known; else what `build` writes.
    pub(crate) fn known_pair_or(
        &self,
        other: &Num<'s>,
        function: fn(f64, f64) -> f64,
        build: impl FnOnce(&Num<'s>, &Num<'s>) -> Num<'s>,
    ) -> Num<'s> {
        match (self.known(), other.known()) {
            (Some(_), Some(_)) => self.known_pair(other, function),
            _ => build(self, other),
        }
    }

    /// log Beta(self, other)
    pub(crate) fn lbeta(&self, other: &Num<'s>) -> Num<'s> {
        self.known_pair_or(other, special::lbeta, |x, y| {
            x.lgamma() + y.lgamma() - (x + y).lgamma()
        })
    }

    /// log Gamma(self + n) - log Gamma(self), whose digits a difference would lose where self is large.
    ///
    /// Above 100 by Stirling's series (DLMF 5.11.1), three terms of which are exact to 1e-13 there. The two are joined as a sum
    /// in which each is constant where the other holds.
    pub(crate) fn log_rising(&self, n: &Num<'s>) -> Num<'s> {
        const JOINT: f64 = 100.0;
        let joint = self.constant(JOINT);
        let small = self.binary(Binary::Min, &joint);
        let near = (&small + n).lgamma() - small.lgamma();
        if let Some(known) = self.known()
            && known.data().iter().all(|x| *x <= JOINT)
        {
            return near;
        }
        let rest = |x: &Num<'s>| {
            let u = x.recip();
            let square = u.square();
            ((&square * (1.0 / 1260.0) - 1.0 / 360.0) * &square + 1.0 / 12.0) * u
        };
        let far = |x: &Num<'s>| {
            let sum = x + n;
            (n * x.recip()).log1p() * (&sum - 0.5) + n * x.log() + (rest(&sum) - rest(x))
        };
        // Both have a term -n.
        near + (far(&self.binary(Binary::Max, &joint)) - far(&joint))
    }

    /// Rejects the draws for which self is zero anywhere.
    pub(crate) fn or_reject(&self, message: impl Into<String>) {
        let requirement = Requirement {
            met: self.expr.clone(),
            message: message.into(),
        };
        self.sheet.requirements.borrow_mut().push(requirement);
    }

    /// self to the power of `exponent`
    pub(crate) fn pow(&self, exponent: impl Operand<'s>) -> Num<'s> {
        let exponent = exponent.on(self.sheet);
        self.build(|graph, base| power(graph, base, exponent.expr()))
    }

    /// self log(p), where self is known; 0 where self is 0, at p = 0 too, and so is the derivative.
    pub(crate) fn times_log(&self, p: &Num<'s>) -> Num<'s> {
        match self.presence(p) {
            Presence::Nowhere => self.constant(0.0),
            Presence::Everywhere => self * p.log(),
            // Where self is 0, the logarithm is that of 1.
            Presence::At(here) => self * (p * &here + (1.0 - here)).log(),
        }
    }

    /// self log(1 - p), where self is known; 0 where self is 0, at p = 1 too, and so is the derivative.
    pub(crate) fn times_log1m(&self, p: &Num<'s>) -> Num<'s> {
        match self.presence(p) {
            Presence::Nowhere => self.constant(0.0),
            Presence::Everywhere => self * (-p).log1p(),
            Presence::At(here) => self * (-(p * here)).log1p(),
        }
    }

    /// self x, and 0 where self is known to be 0
    pub(crate) fn zero_times(&self, x: &Num<'s>) -> Num<'s> {
        match self.known() {
            Some(known) if known.data().iter().all(|k| *k == 0.0) => self.constant(0.0),
            Some(_) if x.known().is_some() => self.binary(Binary::ZeroMul, x),
            _ => self * x,
        }
    }

    /// Where self is not zero, as far as one term for each element of `p` can tell.
    fn presence(&self, p: &Num<'s>) -> Presence<'s> {
        match self.known() {
            Some(known) if known.data().iter().all(|k| *k == 0.0) => Presence::Nowhere,
            Some(known) if known.data().contains(&0.0) && p.len() >= self.len() => {
                Presence::At(self.sheet.num(map(known, |k| f64::from(k != 0.0))))
            }
            _ => Presence::Everywhere,
        }
    }
}

enum Presence<'s> {
    Nowhere,
    Everywhere,
    /// 1 or 0 for each element.
    At(Num<'s>),
}

macro_rules! unary_methods {
    ($($name:ident = $kind:ident),* $(,)?) => {
        impl<'s> Num<'s> {
            $(pub(crate) fn $name(&self) -> Num<'s> {
                self.unary(Unary::$kind)
            })*
        }
    };
}

unary_methods! {
    abs = Abs, exp = Exp, expm1 = Expm1, log = Log, log1p = Log1p, log1m_exp = Log1mExp, log1p_exp = Log1pExp,
    sqrt = Sqrt, square = Square, recip = Recip, sin = Sin, cos = Cos, atan = Atan, sigmoid = Sigmoid,
    lgamma = Lgamma, erfc = Erfc,
}

/// What can stand in a formula beside a [`Num`].
pub(crate) trait Operand<'s> {
    fn on(self, sheet: &'s Sheet) -> Num<'s>;
}

impl<'s> Operand<'s> for Num<'s> {
    fn on(self, _: &'s Sheet) -> Num<'s> {
        self
    }
}

impl<'s> Operand<'s> for &Num<'s> {
    fn on(self, _: &'s Sheet) -> Num<'s> {
        self.clone()
    }
}

impl<'s> Operand<'s> for f64 {
    fn on(self, sheet: &'s Sheet) -> Num<'s> {
        sheet.num(self)
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $kind:ident),* $(,)?) => {$(
        impl<'s, T: Operand<'s>> $trait<T> for &Num<'s> {
            type Output = Num<'s>;
            fn $method(self, other: T) -> Num<'s> {
                self.binary(Binary::$kind, &other.on(self.sheet))
            }
        }
        impl<'s, T: Operand<'s>> $trait<T> for Num<'s> {
            type Output = Num<'s>;
            fn $method(self, other: T) -> Num<'s> {
                self.binary(Binary::$kind, &other.on(self.sheet))
            }
        }
        impl<'s> $trait<&Num<'s>> for f64 {
            type Output = Num<'s>;
            fn $method(self, other: &Num<'s>) -> Num<'s> {
                self.on(other.sheet).binary(Binary::$kind, other)
            }
        }
        impl<'s> $trait<Num<'s>> for f64 {
            type Output = Num<'s>;
            fn $method(self, other: Num<'s>) -> Num<'s> {
                self.on(other.sheet).binary(Binary::$kind, &other)
            }
        }
    )*};
}

operators! { Add add Add, Sub sub Sub, Mul mul Mul, Div div Div }

impl<'s> Neg for &Num<'s> {
    type Output = Num<'s>;
    fn neg(self) -> Num<'s> {
        self.unary(Unary::Neg)
    }
}

impl<'s> Neg for Num<'s> {
    type Output = Num<'s>;
    fn neg(self) -> Num<'s> {
        self.unary(Unary::Neg)
    }
}

/// A function of each element.
pub(crate) fn map(array: &Array, function: impl Fn(f64) -> f64) -> Array {
    Array::new(
        array.shape(),
        array.data().iter().map(|x| function(*x)).collect(),
    )
}

/// `base` to the power of `exponent`. Powers that are one operation each are written so: they are faster, and have
/// derivatives at zero.
pub fn power(graph: &mut Graph, base: &Expr, exponent: &Expr) -> Expr {
    let uniform = exponent.as_data().and_then(Array::uniform_value);
    let shape = broadcast_shape(&graph.shape(base), &graph.shape(exponent));
    let simple = match (uniform, base) {
        (_, Expr::Data(_)) => None,
        (Some(1.0), _) => Some(base.clone()),
        (Some(2.0), _) => Some(graph.unary(Unary::Square, base)),
        (Some(0.5), _) => Some(graph.unary(Unary::Sqrt, base)),
        (Some(-1.0), _) => Some(graph.unary(Unary::Recip, base)),
        (Some(3.0), _) => {
            let square = graph.unary(Unary::Square, base);
            Some(graph.mul(&square, base))
        }
        _ => None,
    };
    match (simple, shape) {
        (Some(simple), Some(shape)) => graph.broadcast_to(&simple, &shape),
        _ => graph.binary(Binary::Pow, base, exponent),
    }
}
