//! Simpler forms of what is about to be built: what graph-building methods ask before they add a node.
//!
//! Each rule is exact up to rounding. What it saves is work for every row: factors that are the same for all rows are
//! moved out of sums and beside each other, and signs are moved to where they cost nothing.

use smallvec::SmallVec;

use crate::{Array, Binary, Expr, Graph, NodeId, Op, Shape, Unary, broadcast_shape};

fn count(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// Whether a value of shape `from`, repeated to `to`, has one value for all positions along `axis` of it.
fn constant_along(from: &[usize], to: &[usize], axis: usize) -> bool {
    let lead = to.len() - from.len();
    axis < lead || (from[axis - lead] == 1 && to[axis] != 1)
}

impl Graph {
    fn op(&self, x: &Expr) -> Option<&Op> {
        x.as_node().map(|node| &self.node(node).op)
    }

    fn size(&self, x: &Expr) -> usize {
        count(&self.shape(x))
    }

    /// The data of a constant node, or the value itself.
    pub(crate) fn resolved(&self, x: &Expr) -> Expr {
        x.as_node()
            .map_or_else(|| x.clone(), |node| self.value(node))
    }

    /// The number that all elements of `x` are, if an operation with `beside` repeats it.
    pub(crate) fn without_copies(&self, x: &Expr, beside: &Expr) -> Expr {
        if let Some(known) = x.as_data()
            && known.len() > 1
            && beside.as_node().is_some()
            && broadcast_shape(known.shape(), &self.shape(beside)) == Some(self.shape(beside))
            && let Some(number) = known.uniform_value()
        {
            return number.into();
        }
        x.clone()
    }

    /// What a unary operation on `x` is simpler as.
    pub(crate) fn simpler_unary(&mut self, kind: Unary, x: NodeId) -> Option<Expr> {
        let op = self.node(x).op.clone();
        match (kind, op) {
            (Unary::Neg, Op::Unary(Unary::Neg, y)) => Some(y.into()),
            (Unary::Neg, Op::Binary(Binary::Sub, y, z)) => Some(self.sub(&z.into(), &y.into())),
            (Unary::Neg, Op::Binary(Binary::Mul | Binary::Div, y, z)) => {
                let divides = matches!(self.node(x).op, Op::Binary(Binary::Div, ..));
                if let Op::Const(known) = &self.node(y).op {
                    let minus = crate::fold::unary(Unary::Neg, known).into();
                    let kind = if divides { Binary::Div } else { Binary::Mul };
                    return Some(self.binary(kind, &minus, &z.into()));
                }
                let Op::Const(known) = &self.node(z).op else {
                    return None;
                };
                let minus = crate::fold::unary(Unary::Neg, known).into();
                let kind = if divides { Binary::Div } else { Binary::Mul };
                Some(self.binary(kind, &y.into(), &minus))
            }
            (Unary::Square | Unary::Abs | Unary::Cosh | Unary::Cos, Op::Unary(Unary::Neg, y)) => {
                Some(self.unary(kind, &y.into()))
            }
            (Unary::Square, Op::Unary(Unary::Abs, y)) => Some(self.unary(kind, &y.into())),
            (Unary::Log, Op::Unary(Unary::Exp, y)) => Some(y.into()),
            (Unary::Sqrt, Op::Unary(Unary::Square, y)) => Some(self.unary(Unary::Abs, &y.into())),
            // (x s)^2 = x^2 s^2, so that s^2 can leave a sum over x.
            (Unary::Square, Op::Binary(Binary::Mul | Binary::Div, y, z)) => {
                let Op::Binary(kind, ..) = self.node(x).op else {
                    return None;
                };
                let (y_size, z_size) = (self.size(&y.into()), self.size(&z.into()));
                let fewer = z_size < y_size || (kind == Binary::Mul && y_size < z_size);
                fewer.then(|| {
                    let (y, z) = (
                        self.unary(Unary::Square, &y.into()),
                        self.unary(Unary::Square, &z.into()),
                    );
                    self.binary(kind, &y, &z)
                })
            }
            _ => None,
        }
    }

    /// What a binary operation is simpler as.
    pub(crate) fn simpler_binary(&mut self, kind: Binary, x: &Expr, y: &Expr) -> Option<Expr> {
        if let Some(simpler) = self.without_repeats(kind, x, y) {
            return Some(simpler);
        }
        let negated = |graph: &Graph, x: &Expr| match graph.op(x) {
            Some(Op::Unary(Unary::Neg, x)) => Some(Expr::Node(*x)),
            _ => None,
        };
        let minus_one = |x: &Expr| x.as_data().and_then(Array::uniform_value) == Some(-1.0);
        match kind {
            Binary::Add => {
                if let Some(y) = negated(self, y) {
                    return Some(self.sub(x, &y));
                }
                negated(self, x).map(|x| self.sub(y, &x))
            }
            Binary::Sub => negated(self, y).map(|y| self.add(x, &y)),
            Binary::Mul => {
                if minus_one(x) && self.size(x) == 1 && self.shape(x).len() <= self.shape(y).len() {
                    return Some(self.neg(y));
                }
                if minus_one(y) && self.size(y) == 1 && self.shape(y).len() <= self.shape(x).len() {
                    return Some(self.neg(x));
                }
                match (negated(self, x), negated(self, y)) {
                    (Some(x), Some(y)) => return Some(self.mul(&x, &y)),
                    (Some(x), None) if y.as_data().is_some() => {
                        let y = self.neg(y);
                        return Some(self.mul(&x, &y));
                    }
                    (None, Some(y)) if x.as_data().is_some() => {
                        let x = self.neg(x);
                        return Some(self.mul(&x, &y));
                    }
                    _ => {}
                }
                self.gathered_factors(x, y)
                    .or_else(|| self.gathered_factors(y, x))
            }
            _ => None,
        }
    }

    /// The operation on what was repeated, where it repeats its arguments itself.
    fn without_repeats(&mut self, kind: Binary, x: &Expr, y: &Expr) -> Option<Expr> {
        let shape = broadcast_shape(&self.shape(x), &self.shape(y))?;
        let inner = |graph: &Graph, x: &Expr| match graph.op(x) {
            Some(Op::Broadcast(x)) => Some(Expr::Node(*x)),
            _ => None,
        };
        let (small_x, small_y) = (inner(self, x), inner(self, y));
        if small_x.is_none() && small_y.is_none() {
            return None;
        }
        let fits = |graph: &Graph, x: &Expr, y: &Expr| {
            broadcast_shape(&graph.shape(x), &graph.shape(y)).as_ref() == Some(&shape)
        };
        if let Some(x) = &small_x
            && fits(self, x, y)
        {
            return Some(self.binary(kind, x, y));
        }
        if let Some(y) = &small_y
            && fits(self, x, y)
        {
            return Some(self.binary(kind, x, y));
        }
        // What both were repeated along, the result is repeated along.
        let (x, y) = (small_x.as_ref().unwrap_or(x), small_y.as_ref().unwrap_or(y));
        let small = self.binary(kind, x, y);
        Some(self.broadcast_to(&small, &shape))
    }

    /// (x s) t = x (s t), where s and t are smaller than x.
    fn gathered_factors(&mut self, product: &Expr, t: &Expr) -> Option<Expr> {
        let Some(Op::Binary(Binary::Mul, a, b)) = self.op(product) else {
            return None;
        };
        let (a, b) = (Expr::Node(*a), Expr::Node(*b));
        let (x, s) = if self.size(&a) >= self.size(&b) {
            (a, b)
        } else {
            (b, a)
        };
        let whole = self.shape(product);
        let factor = broadcast_shape(&self.shape(&s), &self.shape(t))?;
        let known = self.is_known(&s) && self.is_known(t);
        let smaller = count(&factor) < self.size(&x) || (known && count(&factor) <= self.size(&x));
        let fits =
            broadcast_shape(&self.shape(&x), &factor)? == broadcast_shape(&whole, &self.shape(t))?;
        (smaller && fits).then(|| {
            let s = self.known(&s).map_or(s, Expr::Data);
            let factor = self.mul(&s, t);
            self.mul(&x, &factor)
        })
    }

    fn is_known(&self, x: &Expr) -> bool {
        x.as_data().is_some() || matches!(self.op(x), Some(Op::Const(_)))
    }

    /// The data of a value or of a constant node.
    pub(crate) fn known(&self, x: &Expr) -> Option<Array> {
        self.resolved(x).as_data().cloned()
    }

    /// What the sum of `x` along an axis is simpler as: what is the same along the axis is left out of the sum.
    pub(crate) fn simpler_sum(&mut self, x: NodeId, axis: usize) -> Option<Expr> {
        let shape = self.node(x).shape.clone();
        let size = shape[axis] as f64;
        let mut reduced = shape.clone();
        reduced.remove(axis);
        if shape[axis] == 1 {
            return Some(self.reshape(&x.into(), &reduced));
        }
        match self.node(x).op.clone() {
            Op::Unary(Unary::Neg, y) => {
                let sum = self.sum(&y.into(), axis);
                Some(self.neg(&sum))
            }
            Op::Broadcast(y) if constant_along(&self.node(y).shape, &shape, axis) => {
                let once = self.without_axis(&y.into(), &shape, axis);
                let once = self.broadcast_to(&once, &reduced);
                Some(self.scale(&once, size))
            }
            Op::Binary(kind @ (Binary::Mul | Binary::Div | Binary::Add | Binary::Sub), y, z) => {
                let same_y = constant_along(&self.node(y).shape, &shape, axis);
                let same_z = constant_along(&self.node(z).shape, &shape, axis);
                if same_y == same_z || (kind == Binary::Div && same_y) {
                    return None;
                }
                let [y, z] = [(y, same_y), (z, same_z)].map(|(value, same)| {
                    if same {
                        let once = self.without_axis(&value.into(), &shape, axis);
                        let times = if matches!(kind, Binary::Add | Binary::Sub) {
                            size
                        } else {
                            1.0
                        };
                        self.scale(&once, times)
                    } else {
                        // The other axes of a sum of terms are repeated before it, as those of the whole were.
                        let rank = self.node(value).shape.len();
                        self.sum(&value.into(), axis + rank - shape.len())
                    }
                });
                let result = self.binary(kind, &y, &z);
                Some(self.broadcast_to(&result, &reduced))
            }
            _ => None,
        }
    }

    /// A value that is the same along an axis of the shape that it is repeated to, without that axis.
    fn without_axis(&mut self, x: &Expr, to: &Shape, axis: usize) -> Expr {
        let mut shape = self.shape(x);
        let lead = to.len() - shape.len();
        if axis >= lead {
            shape.remove(axis - lead);
        }
        self.reshape(x, &shape)
    }

    /// What the sum of all elements of `x` is simpler as.
    pub(crate) fn simpler_total(&mut self, x: NodeId) -> Option<Expr> {
        let size = count(&self.node(x).shape);
        match self.node(x).op.clone() {
            Op::Reshape(y) => Some(self.sum_all(&y.into())),
            Op::Unary(Unary::Neg, y) => {
                let sum = self.sum_all(&y.into());
                Some(self.neg(&sum))
            }
            Op::Broadcast(y) => {
                let sum = self.sum_all(&y.into());
                Some(self.scale(&sum, (size / self.size(&y.into()).max(1)) as f64))
            }
            Op::Binary(kind @ (Binary::Mul | Binary::Div | Binary::Add | Binary::Sub), y, z) => {
                let one = |graph: &Graph, x: NodeId| graph.size(&x.into()) == 1 && size > 1;
                let (one_y, one_z) = (one(self, y), one(self, z));
                if one_y == one_z || (kind == Binary::Div && one_y) {
                    return None;
                }
                let [y, z] = [(y, one_y), (z, one_z)].map(|(value, one)| {
                    if one {
                        let once = self.reshape(&value.into(), &[]);
                        let times = if matches!(kind, Binary::Add | Binary::Sub) {
                            size as f64
                        } else {
                            1.0
                        };
                        self.scale(&once, times)
                    } else {
                        self.sum_all(&value.into())
                    }
                });
                Some(self.binary(kind, &y, &z))
            }
            _ => None,
        }
    }

    /// Parts of a join, with slices that follow each other in the same value as one.
    pub(crate) fn neighbours_joined(&mut self, parts: Vec<Expr>, axis: usize) -> Vec<Expr> {
        let piece = |graph: &Graph, part: &Expr| match graph.op(part) {
            Some(Op::Slice {
                x,
                axis: along,
                start,
                len,
            }) if *along == axis => Some((*x, *start, *len)),
            _ => None,
        };
        let mut joined: Vec<Expr> = Vec::with_capacity(parts.len());
        // The value, start and length that the last part is a slice of.
        let mut last: Option<(NodeId, usize, usize)> = None;
        for part in parts {
            last = match (last, piece(self, &part)) {
                (Some((x, start, len)), Some((y, next, more))) if x == y && start + len == next => {
                    joined.pop();
                    joined.push(self.slice(&x.into(), axis, start, len + more));
                    Some((x, start, len + more))
                }
                (_, piece) => {
                    joined.push(part);
                    piece
                }
            };
        }
        joined
    }

    /// What rows of `x` at static positions are simpler as.
    pub(crate) fn simpler_gather(&mut self, x: NodeId, index: &[u32]) -> Option<Expr> {
        let first = *index.first()?;
        // One row for all, which costs nothing to repeat.
        if index.len() > 1 && index.iter().all(|i| *i == first) {
            let row = self.slice(&x.into(), 0, first as usize, 1);
            let mut shape = self.node(x).shape.clone();
            shape[0] = index.len();
            return Some(self.broadcast_to(&row, &shape));
        }
        None
    }
}

/// What is known about the sign of values.
impl Graph {
    /// Whether every element is above zero whatever the inputs are, underflow aside.
    pub fn is_positive(&self, x: &Expr) -> bool {
        self.has_sign(x, true)
    }

    /// Whether no element is below zero, whatever the inputs are.
    pub fn is_nonnegative(&self, x: &Expr) -> bool {
        self.has_sign(x, false)
    }

    fn has_sign(&self, x: &Expr, strictly: bool) -> bool {
        if let Some(known) = self.known(x) {
            return known
                .data()
                .iter()
                .all(|x| *x > 0.0 || (!strictly && *x == 0.0));
        }
        let Some(op) = self.op(x) else { return false };
        let holds = |x: &NodeId| self.has_sign(&(*x).into(), strictly);
        let nonnegative = |x: &NodeId| self.has_sign(&(*x).into(), false);
        match op {
            Op::Unary(
                Unary::Exp | Unary::Sigmoid | Unary::Log1pExp | Unary::Cosh | Unary::Erfc,
                _,
            ) => true,
            Op::Unary(Unary::Trigamma, _) => true,
            Op::Unary(Unary::Square | Unary::Abs, x) => !strictly || holds(x),
            Op::Unary(Unary::Sqrt | Unary::Recip, x) => holds(x),
            Op::Unary(
                Unary::Expm1
                | Unary::Log1p
                | Unary::Sinh
                | Unary::Tanh
                | Unary::Atan
                | Unary::Erf
                | Unary::Asin,
                x,
            ) => holds(x),
            Op::Unary(Unary::Ceil, x) => holds(x),
            Op::Unary(Unary::Floor | Unary::Round, x) => !strictly && nonnegative(x),
            Op::Binary(Binary::Add, x, y) => {
                (holds(x) && nonnegative(y)) || (nonnegative(x) && holds(y))
            }
            Op::Binary(Binary::Mul | Binary::Div | Binary::Min, x, y) => holds(x) && holds(y),
            Op::Binary(Binary::ZeroMul, x, y) => !strictly && holds(x) && holds(y),
            Op::Binary(Binary::Max, x, y) => holds(x) || holds(y),
            Op::Binary(Binary::Pow, x, _) => holds(x),
            Op::Binary(Binary::Less | Binary::LessEqual | Binary::Equal, ..) => !strictly,
            Op::Select {
                if_true, if_false, ..
            } => holds(if_true) && holds(if_false),
            Op::Reshape(x)
            | Op::Broadcast(x)
            | Op::Permute(x, _)
            | Op::Gather(x, _)
            | Op::Spread(x) => holds(x),
            Op::Slice { x, .. } | Op::CumulativeSum { x, .. } => holds(x),
            Op::SegmentSum { x, .. } => !strictly && nonnegative(x),
            Op::Concat(parts, _) => parts.iter().all(holds),
            Op::Sum(x, axis) | Op::Max(x, axis) => {
                holds(x) && (!strictly || self.node(*x).shape[*axis] > 0)
            }
            Op::SumDraws(x) => holds(x),
            Op::Matmul(x, y) => {
                let inner: SmallVec<[usize; 4]> = self.node(*x).shape.clone();
                holds(x) && holds(y) && (!strictly || inner.last().is_some_and(|k| *k > 0))
            }
            Op::LogSumExp(..)
            | Op::Unary(..)
            | Op::Binary(..)
            | Op::Const(_)
            | Op::Input(_)
            | Op::Mass(..)
            | Op::Matrix(..)
            | Op::LinearSolve { .. }
            | Op::Apply { .. }
            | Op::ApplyPullback { .. }
            | Op::Solve { .. } => false,
        }
    }
}
