//! Reductions and products.

use super::Facts;
use crate::{Array, Expr, Graph, Mass, MassDerivative, NodeId, Op, Shape, broadcast_shape, fold};

/// Reductions and products.
impl Graph {
    fn reduction(
        &mut self,
        x: &Expr,
        axis: usize,
        fold: fn(&Array, usize) -> Array,
        op: fn(NodeId, usize) -> Op,
    ) -> Expr {
        match &self.resolved(x) {
            Expr::Data(array) => fold(array, axis).into(),
            Expr::Node(node) => {
                let Facts { mut shape, batched } = self.facts(*node);
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

    /// A mass or quantile, element by element; the arguments broadcast.
    ///
    /// # Panics
    /// When there are not as many arguments as it takes, or their shapes do not fit each other.
    pub fn mass(&mut self, mass: Mass, arguments: &[Expr]) -> Expr {
        assert_eq!(arguments.len(), mass.arguments(), "arguments of {mass:?}");
        let shape = arguments
            .iter()
            .try_fold(Shape::new(), |shape, x| {
                broadcast_shape(&shape, &self.shape(x))
            })
            .expect("arguments of shapes that broadcast");
        let mut row = Shape::from_slice(&[1]);
        row.extend_from_slice(&shape);
        let rows: Vec<Expr> = arguments
            .iter()
            .map(|x| {
                let x = self.broadcast_to(x, &shape);
                self.reshape(&x, &row)
            })
            .collect();
        let stacked = self.concat(&rows, 0);
        self.mass_derivative(MassDerivative::none(mass), &stacked)
    }

    /// The same, or a derivative, of arguments along the first axis.
    pub(crate) fn mass_derivative(&mut self, mass: MassDerivative, x: &Expr) -> Expr {
        match &self.resolved(x) {
            Expr::Data(array) => fold::mass(mass, array).into(),
            Expr::Node(node) => {
                let Facts { mut shape, batched } = self.facts(*node);
                shape.remove(0);
                self.push(Op::Mass(mass, *node), shape, batched).into()
            }
        }
    }

    /// Running sum along an axis, from the end when `reverse`.
    pub fn cumulative_sum(&mut self, x: &Expr, axis: usize, reverse: bool) -> Expr {
        match &self.resolved(x) {
            Expr::Data(array) => fold::cumulative_sum(array, axis, reverse).into(),
            Expr::Node(node) => {
                let Facts { shape, batched } = self.facts(*node);
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
}
