//! The methods that build a graph. Each folds what is known, and takes the simplest form of what is not.

use smallvec::SmallVec;

use crate::{Array, Binary, Expr, Graph, Index, Op, Shape, Unary, broadcast_shape, fold};

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
                let Node { shape, batched } = self.facts(*node);
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

/// Shape and position.
impl Graph {
    /// The same elements, row-major, under another shape.
    pub fn reshape(&mut self, x: &Expr, shape: &[usize]) -> Expr {
        match &self.resolved(x) {
            Expr::Data(array) => array.reshaped(shape).into(),
            Expr::Node(node) => {
                let Node {
                    shape: old,
                    batched,
                } = self.facts(*node);
                assert_eq!(
                    old.iter().product::<usize>(),
                    shape.iter().product::<usize>(),
                    "reshape {old:?} to {shape:?}"
                );
                if old.as_slice() == shape {
                    return x.clone();
                }
                if let Op::Reshape(inner) = self.node(*node).op {
                    return self.reshape(&inner.into(), shape);
                }
                self.push(Op::Reshape(*node), Shape::from_slice(shape), batched)
                    .into()
            }
        }
    }

    /// Repeats along axes of size one and new leading axes.
    pub fn broadcast_to(&mut self, x: &Expr, shape: &[usize]) -> Expr {
        match &self.resolved(x) {
            Expr::Data(array) => array.broadcast_to(shape).into(),
            Expr::Node(node) => {
                let Node {
                    shape: old,
                    batched,
                } = self.facts(*node);
                if old.as_slice() == shape {
                    return x.clone();
                }
                assert_eq!(
                    broadcast_shape(&old, shape).as_deref(),
                    Some(shape),
                    "broadcast {old:?} to {shape:?}"
                );
                self.push(Op::Broadcast(*node), Shape::from_slice(shape), batched)
                    .into()
            }
        }
    }

    /// Axis `i` of the result is axis `axes[i]` of `x`.
    pub fn permute(&mut self, x: &Expr, axes: &[usize]) -> Expr {
        if axes.iter().enumerate().all(|(i, axis)| i == *axis) {
            return x.clone();
        }
        match &self.resolved(x) {
            Expr::Data(array) => fold::permute(array, axes).into(),
            Expr::Node(node) => {
                let Node { shape, batched } = self.facts(*node);
                let shape: Shape = axes.iter().map(|axis| shape[*axis]).collect();
                self.push(
                    Op::Permute(*node, SmallVec::from_slice(axes)),
                    shape,
                    batched,
                )
                .into()
            }
        }
    }

    /// Exchanges the last two axes.
    pub fn transpose(&mut self, x: &Expr) -> Expr {
        let rank = self.shape(x).len();
        let mut axes: Vec<usize> = (0..rank).collect();
        axes.swap(rank - 2, rank - 1);
        self.permute(x, &axes)
    }

    /// Joins along an axis. There must be at least one part.
    pub fn concat(&mut self, parts: &[Expr], axis: usize) -> Expr {
        let parts: Vec<Expr> = match parts {
            [only] => return only.clone(),
            _ => parts
                .iter()
                .filter(|part| self.shape(part)[axis] > 0)
                .cloned()
                .collect(),
        };
        let parts = self.neighbours_joined(parts, axis);
        if let [only] = parts.as_slice() {
            return only.clone();
        }
        if let Some(known) = parts
            .iter()
            .map(|part| part.as_data().cloned())
            .collect::<Option<Vec<_>>>()
        {
            return fold::concat(&known, axis).into();
        }
        let mut shape = self.shape(&parts[0]);
        shape[axis] = parts.iter().map(|part| self.shape(part)[axis]).sum();
        let batched = parts.iter().any(|part| self.is_batched(part));
        let parts = parts.iter().map(|part| self.node_of(part)).collect();
        self.push(Op::Concat(parts, axis), shape, batched).into()
    }

    /// The positions `start..start + len` along an axis.
    pub fn slice(&mut self, x: &Expr, axis: usize, start: usize, len: usize) -> Expr {
        let mut shape = self.shape(x);
        assert!(
            start + len <= shape[axis],
            "slice {start}..{} of {shape:?}",
            start + len
        );
        if len == shape[axis] {
            return x.clone();
        }
        match &self.resolved(x) {
            Expr::Data(array) => fold::slice(array, axis, start, len).into(),
            Expr::Node(node) => {
                if let Op::Slice {
                    x: inner,
                    axis: same,
                    start: first,
                    ..
                } = self.node(*node).op
                    && same == axis
                {
                    return self.slice(&inner.into(), axis, first + start, len);
                }
                let batched = self.node(*node).batched;
                shape[axis] = len;
                self.push(
                    Op::Slice {
                        x: *node,
                        axis,
                        start,
                        len,
                    },
                    shape,
                    batched,
                )
                .into()
            }
        }
    }

    /// Rows (along axis 0) at static positions.
    pub fn gather(&mut self, x: &Expr, index: &Index) -> Expr {
        let mut shape = self.shape(x);
        let rows = shape[0];
        assert!(
            index.iter().all(|i| (*i as usize) < rows),
            "gather within {rows} rows"
        );
        if index.len() == rows && index.iter().enumerate().all(|(i, j)| i == *j as usize) {
            return x.clone();
        }
        if let Some(start) = contiguous(index) {
            return self.slice(x, 0, start, index.len());
        }
        if let Some(node) = x.as_node()
            && let Some(simpler) = self.simpler_gather(node, index)
        {
            return simpler;
        }
        match &self.resolved(x) {
            Expr::Data(array) => fold::gather(array, index).into(),
            Expr::Node(node) => {
                if let Op::Gather(inner, first) = &self.node(*node).op {
                    let (inner, composed) =
                        (*inner, index.iter().map(|i| first[*i as usize]).collect());
                    return self.gather(&inner.into(), &composed);
                }
                let batched = self.node(*node).batched;
                shape[0] = index.len();
                self.push(Op::Gather(*node, index.clone()), shape, batched)
                    .into()
            }
        }
    }

    /// Row `i` of `x` added to row `index[i]` of a result of `rows` rows.
    pub fn segment_sum(&mut self, x: &Expr, index: &Index, rows: usize) -> Expr {
        let mut shape = self.shape(x);
        assert_eq!(
            shape[0],
            index.len(),
            "segment sum: one position for each row"
        );
        assert!(
            index.iter().all(|i| (*i as usize) < rows),
            "segment sum into {rows} rows"
        );
        if index.len() == rows && index.iter().enumerate().all(|(i, j)| i == *j as usize) {
            return x.clone();
        }
        match &self.resolved(x) {
            Expr::Data(array) => fold::segment_sum(array, index, rows).into(),
            Expr::Node(node) => {
                let batched = self.node(*node).batched;
                shape[0] = rows;
                self.push(
                    Op::SegmentSum {
                        x: *node,
                        index: index.clone(),
                        rows,
                    },
                    shape,
                    batched,
                )
                .into()
            }
        }
    }
}

/// Reductions and products.
impl Graph {
    fn reduction(
        &mut self,
        x: &Expr,
        axis: usize,
        fold: fn(&crate::Array, usize) -> crate::Array,
        op: fn(crate::NodeId, usize) -> Op,
    ) -> Expr {
        match &self.resolved(x) {
            Expr::Data(array) => fold(array, axis).into(),
            Expr::Node(node) => {
                let Node { mut shape, batched } = self.facts(*node);
                shape.remove(axis);
                self.push(op(*node, axis), shape, batched).into()
            }
        }
    }

    /// Sum along an axis, which is removed.
    pub fn sum(&mut self, x: &Expr, axis: usize) -> Expr {
        let mut shape = self.shape(x);
        if shape.remove(axis) == 0 {
            return Array::full(&shape, 0.0).into();
        }
        if let Some(node) = x.as_node()
            && let Some(simpler) = self.simpler_sum(node, axis)
        {
            return simpler;
        }
        self.reduction(x, axis, fold::sum, Op::Sum)
    }

    /// Sum of all elements.
    pub fn sum_all(&mut self, x: &Expr) -> Expr {
        if self.shape(x).contains(&0) {
            return 0.0.into();
        }
        if let Some(node) = x.as_node()
            && let Some(simpler) = self.simpler_total(node)
        {
            return simpler;
        }
        let count = self.shape(x).iter().product();
        let flat = self.reshape(x, &[count]);
        self.sum(&flat, 0)
    }

    /// Largest along an axis, which is removed.
    pub fn max(&mut self, x: &Expr, axis: usize) -> Expr {
        self.reduction(x, axis, fold::max, Op::Max)
    }

    /// log of the sum of exp along an axis, which is removed.
    pub fn log_sum_exp(&mut self, x: &Expr, axis: usize) -> Expr {
        self.reduction(x, axis, fold::log_sum_exp, Op::LogSumExp)
    }

    /// Running sum along an axis, from the end when `reverse`.
    pub fn cumulative_sum(&mut self, x: &Expr, axis: usize, reverse: bool) -> Expr {
        match &self.resolved(x) {
            Expr::Data(array) => fold::cumulative_sum(array, axis, reverse).into(),
            Expr::Node(node) => {
                let Node { shape, batched } = self.facts(*node);
                self.push(
                    Op::CumulativeSum {
                        x: *node,
                        axis,
                        reverse,
                    },
                    shape,
                    batched,
                )
                .into()
            }
        }
    }

    /// Matrix product over the last two axes; leading axes broadcast.
    pub fn matmul(&mut self, x: &Expr, y: &Expr) -> Expr {
        let (x, y) = (&self.resolved(x), &self.resolved(y));
        if let (Expr::Data(x), Expr::Data(y)) = (x, y) {
            return fold::matmul(x, y).into();
        }
        let (xs, ys) = (self.shape(x), self.shape(y));
        let (x_lead, y_lead) = (&xs[..xs.len() - 2], &ys[..ys.len() - 2]);
        let mut shape = broadcast_shape(x_lead, y_lead).expect("matmul: leading axes broadcast");
        assert_eq!(
            xs[xs.len() - 1],
            ys[ys.len() - 2],
            "matmul of {xs:?} and {ys:?}"
        );
        shape.extend([xs[xs.len() - 2], ys[ys.len() - 1]]);
        let batched = self.is_batched(x) || self.is_batched(y);
        let (x, y) = (self.node_of(x), self.node_of(y));
        self.push(Op::Matmul(x, y), shape, batched).into()
    }

    /// Sum over the draws of a value that differs from draw to draw.
    pub fn sum_draws(&mut self, x: &Expr) -> Expr {
        let node = x
            .as_node()
            .filter(|node| self.node(*node).batched)
            .expect("sum over draws of a batched value");
        let shape = self.node(node).shape.clone();
        self.push(Op::SumDraws(node), shape, false).into()
    }

    /// A value that is the same for every draw, given to each draw as its own; batched values are returned as they are.
    pub fn spread(&mut self, x: &Expr) -> Expr {
        if self.is_batched(x) {
            return x.clone();
        }
        let node = self.node_of(x);
        let shape = self.node(node).shape.clone();
        self.push(Op::Spread(node), shape, true).into()
    }

    fn facts(&self, node: crate::NodeId) -> Node {
        let node = self.node(node);
        Node {
            shape: node.shape.clone(),
            batched: node.batched,
        }
    }
}

/// What a new node inherits from its argument.
struct Node {
    shape: Shape,
    batched: bool,
}

/// The first position, when each is one more than the one before.
fn contiguous(index: &[u32]) -> Option<usize> {
    let first = *index.first()?;
    (first..)
        .zip(index)
        .all(|(i, j)| i == *j)
        .then_some(first as usize)
}
