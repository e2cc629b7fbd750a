//! Reverse mode as a pass from graph to graph: one adjoint rule for each kind of node.
//!
//! A cotangent has the shape of its node and is an ordinary expression, so adjoints can be differentiated again. The
//! cotangent of a batched node may be the same for every draw; that of a node that is not batched is summed over the draws.
//!
//! **Branches that are not taken.** The adjoint of a select gives its untaken branch a cotangent of exactly zero; in
//! the nodes behind that branch a factor may be infinite or NaN, so the rules for nodes behind a select multiply with
//! [`Binary::ZeroMul`], which keeps zero at zero. Other nodes pay nothing for it.

mod arrange;
mod elementwise;
mod function;
mod linear;
mod reduce;
mod solve;

use crate::{Array, Binary, Expr, Graph, Index, NodeId, Op, Shape};

impl Graph {
    /// The gradient of a scalar with respect to each of the given nodes: for each draw where the node is batched,
    /// summed over the draws where it is not.
    ///
    /// A select at the root (a guard such as `if supported then log density else -inf`) is carried over to the gradients,
    /// zero where a constant branch is taken; the guarded expression is then differentiated at full speed.
    ///
    /// # Panics
    /// When the output is not a scalar.
    pub fn gradient(&mut self, output: NodeId, with_respect_to: &[NodeId]) -> Vec<Expr> {
        let node = self.node(output);
        assert!(
            node.shape.is_empty(),
            "gradient of a scalar, not of shape {:?}",
            node.shape
        );
        if let Op::Select {
            condition,
            if_true,
            if_false,
        } = node.op
            && with_respect_to.iter().all(|node| self.node(*node).batched)
        {
            let condition = condition.into();
            let branch = |graph: &mut Graph, node: NodeId| {
                if graph.node(node).shape.is_empty() {
                    graph.gradient(node, with_respect_to)
                } else {
                    graph.pullback(&[(node, Expr::scalar(1.0))], with_respect_to)
                }
            };
            let if_true = branch(self, if_true);
            let if_false = branch(self, if_false);
            return if_true
                .iter()
                .zip(&if_false)
                .map(|(t, f)| self.select(&condition, t, f))
                .collect();
        }
        self.pullback(&[(output, Expr::scalar(1.0))], with_respect_to)
    }

    /// The sum over outputs of cotangent times derivative, with respect to each of the given nodes: for each draw
    /// where the node is batched, summed over the draws where it is not.
    ///
    /// # Panics
    /// When a cotangent does not have its output's shape, and when second derivatives of differential equations or functions of rows are asked
    /// for.
    pub fn pullback(
        &mut self,
        outputs: &[(NodeId, Expr)],
        with_respect_to: &[NodeId],
    ) -> Vec<Expr> {
        let source = self.source();
        let mut pass = Pass::new(self, outputs, with_respect_to);
        for (output, cotangent) in outputs {
            assert_eq!(
                pass.graph.shape(cotangent),
                pass.graph.node(*output).shape,
                "a cotangent has its output's shape"
            );
            pass.give(*output, cotangent.clone());
        }
        pass.run();
        let gradients = with_respect_to
            .iter()
            .map(|node| pass.cotangent(*node))
            .collect();
        self.set_source(source);
        gradients
    }
}

/// What has been given to a node so far.
#[derive(Clone, Debug, Default)]
struct Given {
    /// Cotangents of the whole node.
    whole: Vec<Expr>,
    /// Cotangents of rows (along axis 0), each with its first row.
    rows: Vec<(usize, Expr)>,
    /// Cotangents of rows (along axis 0) at positions, to be added up.
    gathered: Vec<(Index, Expr)>,
}

impl Given {
    fn is_nothing(&self) -> bool {
        self.whole.is_empty() && self.rows.is_empty() && self.gathered.is_empty()
    }
}

struct Pass<'g> {
    graph: &'g mut Graph,
    given: Vec<Given>,
    /// Depends on a node that is asked about, so its cotangent is wanted.
    wanted: Vec<bool>,
    /// Lies behind a branch of a select.
    guarded: Vec<bool>,
    asked: Vec<bool>,
    /// Products of the node at hand keep zero at zero.
    guard: bool,
}

impl<'g> Pass<'g> {
    fn new(graph: &'g mut Graph, outputs: &[(NodeId, Expr)], with_respect_to: &[NodeId]) -> Self {
        let count = outputs
            .iter()
            .map(|(node, _)| node.index() + 1)
            .max()
            .unwrap_or(0);
        let count = with_respect_to
            .iter()
            .map(|node| node.index() + 1)
            .max()
            .unwrap_or(0)
            .max(count);
        let mut asked = vec![false; count];
        for node in with_respect_to {
            asked[node.index()] = true;
        }
        let mut wanted = asked.clone();
        for (index, node) in graph.nodes()[..count].iter().enumerate() {
            node.op
                .for_each_argument(|argument| wanted[index] |= wanted[argument.index()]);
        }
        let mut guarded = vec![false; count];
        for (index, node) in graph.nodes()[..count].iter().enumerate().rev() {
            if let Op::Select {
                if_true, if_false, ..
            } = node.op
            {
                guarded[if_true.index()] = true;
                guarded[if_false.index()] = true;
            } else if guarded[index] {
                node.op
                    .for_each_argument(|argument| guarded[argument.index()] = true);
            }
        }
        Pass {
            graph,
            given: vec![Given::default(); count],
            wanted,
            guarded,
            asked,
            guard: false,
        }
    }

    fn run(&mut self) {
        for index in (0..self.given.len()).rev() {
            let node = NodeId(index as u32);
            if self.given[index].is_nothing() || !self.wanted[index] {
                continue;
            }
            self.graph.set_source(self.graph.node(node).source);
            self.guard = self.guarded[index];
            let cotangent = self.total(node);
            if self.asked[index] {
                self.given[index].whole = vec![cotangent.clone()];
            }
            self.propagate(node, &cotangent);
        }
    }

    /// The gradient for a node that was asked about.
    fn cotangent(&mut self, node: NodeId) -> Expr {
        match self.given[node.index()].whole.as_slice() {
            [total] => total.clone(),
            _ => Array::full(&self.graph.node(node).shape, 0.0).into(),
        }
    }

    /// Gives a cotangent of the argument's own shape; summed over the draws if the argument is the same for all.
    fn give(&mut self, to: NodeId, cotangent: Expr) {
        if let Some(cotangent) = self.receivable(to, cotangent) {
            self.given[to.index()].whole.push(cotangent);
        }
    }

    /// Gives a cotangent of some rows of the argument.
    fn give_rows(&mut self, to: NodeId, first: usize, cotangent: Expr) {
        if let Some(cotangent) = self.receivable(to, cotangent) {
            self.given[to.index()].rows.push((first, cotangent));
        }
    }

    /// Gives a cotangent of the argument's rows at some positions.
    fn give_gathered(&mut self, to: NodeId, index: &Index, cotangent: Expr) {
        if let Some(cotangent) = self.receivable(to, cotangent) {
            self.given[to.index()]
                .gathered
                .push((index.clone(), cotangent));
        }
    }

    fn receivable(&mut self, to: NodeId, cotangent: Expr) -> Option<Expr> {
        if !self.wanted[to.index()]
            || cotangent
                .as_data()
                .is_some_and(|c| c.data().iter().all(|x| *x == 0.0))
        {
            return None;
        }
        Some(cotangent)
    }

    /// Gives a cotangent of the result of an elementwise operation: summed over the axes, and the draws, along which the
    /// argument was repeated. `from` is the node that computed the result.
    fn give_repeated(&mut self, from: NodeId, to: NodeId, cotangent: Expr) {
        if !self.wanted[to.index()] {
            return;
        }
        let shape = self.graph.node(to).shape.clone();
        let cotangent = self.sum_to(cotangent, &shape);
        let cotangent = self.sum_draws_if_shared(from, to, cotangent);
        self.give(to, cotangent);
    }

    /// Sums over the draws when `from` has a value for each draw and `to` has not.
    fn sum_draws_if_shared(&mut self, from: NodeId, to: NodeId, cotangent: Expr) -> Expr {
        if !self.graph.node(from).batched || self.graph.node(to).batched {
            return cotangent;
        }
        let spread = self.graph.spread(&cotangent);
        self.graph.sum_draws(&spread)
    }

    /// Sums over the axes along which a value of shape `to` was repeated.
    fn sum_to(&mut self, mut x: Expr, to: &[usize]) -> Expr {
        let shape = self.graph.shape(&x);
        if shape.as_slice() == to {
            return x;
        }
        let lead = shape.len() - to.len();
        let repeated = |axis: usize| axis < lead || (to[axis - lead] == 1 && shape[axis] != 1);
        // Runs of repeated axes become one axis, so that each run is one sum.
        let mut axis = shape.len();
        while axis > 0 {
            let end = axis;
            while axis > 0 && repeated(axis - 1) {
                axis -= 1;
            }
            if axis < end {
                let now = self.graph.shape(&x);
                let mut merged = Shape::from_slice(&now[..axis]);
                merged.push(shape[axis..end].iter().product());
                merged.extend_from_slice(&now[end..]);
                x = self.graph.reshape(&x, &merged);
                x = self.graph.sum(&x, axis);
                // Keeps positions in step with `shape`.
                let mut kept = Shape::from_slice(&now[..axis]);
                kept.extend(std::iter::repeat_n(1, end - axis));
                kept.extend_from_slice(&now[end..]);
                x = self.graph.reshape(&x, &kept);
            } else {
                axis -= 1;
            }
        }
        self.graph.reshape(&x, to)
    }

    /// The sum of what was given to a node.
    fn total(&mut self, node: NodeId) -> Expr {
        let Given {
            mut whole,
            rows,
            gathered,
        } = std::mem::take(&mut self.given[node.index()]);
        whole.extend(self.assemble_rows(node, rows));
        whole.extend(self.assemble_gathered(node, gathered));
        let mut whole = whole.into_iter();
        let mut total = whole
            .next()
            .expect("a node is visited only if something was given to it");
        for cotangent in whole {
            total = self.graph.add(&total, &cotangent);
        }
        total
    }

    /// A product with a cotangent, or with a factor of one.
    fn times(&mut self, cotangent: &Expr, factor: &Expr) -> Expr {
        if self.guard && factor.as_data().is_none() {
            self.graph.binary(Binary::ZeroMul, cotangent, factor)
        } else {
            self.graph.mul(cotangent, factor)
        }
    }

    /// A cotangent over a divisor.
    fn over(&mut self, cotangent: &Expr, divisor: &Expr) -> Expr {
        if self.guard && divisor.as_data().is_none() {
            let factor = self.graph.unary(crate::Unary::Recip, divisor);
            self.graph.binary(Binary::ZeroMul, cotangent, &factor)
        } else {
            self.graph.div(cotangent, divisor)
        }
    }

    fn propagate(&mut self, node: NodeId, cotangent: &Expr) {
        match self.graph.node(node).op.clone() {
            Op::Const(_) | Op::Input(_) => {}
            Op::Unary(kind, x) => self.unary(kind, node, x, cotangent),
            Op::Binary(kind, x, y) => self.binary(kind, node, x, y, cotangent),
            Op::Select {
                condition,
                if_true,
                if_false,
            } => self.select(node, condition, if_true, if_false, cotangent),
            Op::Reshape(x) => self.reshape(x, cotangent),
            Op::Broadcast(x) => self.give_repeated(node, x, cotangent.clone()),
            Op::Permute(x, axes) => self.permute(x, &axes, cotangent),
            Op::Concat(parts, axis) => self.concat(node, &parts, axis, cotangent),
            Op::Slice {
                x,
                axis,
                start,
                len,
            } => self.slice(x, axis, start, len, cotangent),
            Op::Gather(x, index) => self.gather(x, &index, cotangent),
            Op::SegmentSum { x, index, .. } => self.segment_sum(x, &index, cotangent),
            Op::Sum(x, axis) => self.sum(x, axis, cotangent),
            Op::Max(x, axis) => self.max(node, x, axis, cotangent),
            Op::LogSumExp(x, axis) => self.log_sum_exp(node, x, axis, cotangent),
            Op::Mass(mass, x) => self.mass(mass, x, cotangent),
            Op::CumulativeSum { x, axis, reverse } => {
                let back = self.graph.cumulative_sum(cotangent, axis, !reverse);
                self.give(x, back);
            }
            Op::Matmul(x, y) => self.matmul(node, x, y, cotangent),
            Op::Matrix(kind, x) => self.matrix_function(kind, node, x, cotangent),
            Op::LinearSolve {
                system,
                matrix,
                right,
            } => self.linear_solve(system, node, (matrix, right), cotangent),
            Op::SumDraws(x) => self.give(x, cotangent.clone()),
            Op::Spread(x) => {
                let shared = self.sum_draws_if_shared(node, x, cotangent.clone());
                self.give(x, shared);
            }
            Op::Solve {
                problem,
                arguments,
                sensitivities,
            } => {
                assert!(
                    !sensitivities,
                    "second derivatives of differential equations"
                );
                self.solve(node, &problem, arguments, cotangent);
            }
            Op::Apply {
                function,
                arguments,
            } => self.apply(node, &function, arguments, cotangent),
            Op::ApplyPullback { .. } => panic!("second derivatives of a function of rows"),
        }
    }
}
