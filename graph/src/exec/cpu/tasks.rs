//! Planning of what is a step of its own: joins, reductions along an axis, products and linear algebra, sums over draws.

use std::sync::Arc;

use super::plan::{Along, Matrix, Member, PlannedStep, Product, Read, Task, Value, ValueId};
use super::planner::Planner;
use super::rows::{RowMap, broadcast_rows, count};
use crate::{
    Array, Function, MatrixFunction, NodeId, Problem, Shape, System, Wanted, broadcast_shape,
};

/// Columns of a matrix, at most, that a kernel multiplies with: the vector must stay in the cache beside the tiles.
const WIDEST: usize = 64;

impl Planner<'_> {
    /// A step of its own, which computes a value.
    pub(super) fn step(&mut self, to: ValueId, depth: usize, task: Task, reads: &[ValueId]) {
        for read in reads {
            self.values[*read].stored = true;
        }
        let value = &mut self.values[to];
        value.stored = true;
        value.depth = value.depth.max(depth);
        let stage = value.stage;
        self.steps.push(PlannedStep {
            stage,
            depth,
            task,
            reads: reads.to_vec(),
            writes: vec![to],
        });
    }

    /// The value, and its first row, that holds the rows of a read one after another; a copy of them if need be.
    pub(super) fn dense(
        &mut self,
        read: &Read,
        rows: usize,
        batched: bool,
        stage: usize,
    ) -> (ValueId, usize) {
        let value = &self.values[read.value];
        if let RowMap::From(start) = read.rows
            && value.batched == batched
        {
            return (read.value, start);
        }
        if let Some(array) = &value.constant
            && !batched
        {
            let moved = (0..rows).map(|i| array.data()[read.rows.row(i)]).collect();
            let copy = Value {
                rows,
                depth: 0,
                constant: Some(Array::vector(moved)),
                ..value.clone()
            };
            self.values.push(copy);
            return (self.values.len() - 1, 0);
        }
        if let Some((.., copy)) = self.copies.get(&read.value).and_then(|copies| {
            copies.iter().find(|(map, is_batched, copy)| {
                *map == read.rows && *is_batched == batched && self.values[*copy].stage <= stage
            })
        }) {
            return (*copy, 0);
        }
        let depth = value.depth + 1;
        let to = self.values.len();
        self.values.push(Value {
            rows,
            batched,
            stage,
            depth,
            elementwise: false,
            stored: true,
            within: None,
            constant: None,
        });
        let task = Task::Copy {
            from: read.clone(),
            to,
            rows: RowMap::IDENTITY,
            count: rows,
        };
        self.step(to, depth, task, &[read.value]);
        self.copies
            .entry(read.value)
            .or_default()
            .push((read.rows.clone(), batched, to));
        (to, 0)
    }

    pub(super) fn concat(&mut self, node: NodeId, parts: &[NodeId], axis: usize) {
        let to = node.index();
        let shape = self.graph.node(node).shape.clone();
        let outer = count(&shape[..axis]);
        let row = count(&shape[axis..]);
        let mut start = 0;
        let mut depth = 0;
        for part in parts {
            let part_shape = self.graph.node(*part).shape.clone();
            let rows = count(&part_shape);
            let block = count(&part_shape[axis..]);
            let read = self.base(*part);
            let value = &self.values[read.value];
            let whole = read.rows == RowMap::IDENTITY && value.rows == rows && outer == 1;
            let placeable = value.constant.is_none() && value.within.is_none() && read.value != to;
            if whole && placeable && value.stage == self.values[to].stage {
                depth = depth.max(value.depth);
                let value = &mut self.values[read.value];
                (value.within, value.stored) = (Some((to, start)), true);
            } else {
                let at = value.depth + 1;
                depth = depth.max(at);
                let map = if outer == 1 {
                    RowMap::From(start)
                } else {
                    RowMap::new(
                        (0..rows)
                            .map(|i| (i / block * row + start + i % block) as u32)
                            .collect(),
                    )
                };
                let task = Task::Copy {
                    from: read.clone(),
                    to,
                    rows: map,
                    count: rows,
                };
                self.step(to, at, task, &[read.value]);
            }
            start += block;
        }
        let value = &mut self.values[to];
        (value.depth, value.stored) = (depth, true);
    }

    pub(super) fn along(&mut self, node: NodeId, kind: Along, x: NodeId, axis: usize) {
        let to = node.index();
        let shape = self.graph.node(x).shape.clone();
        let Value { batched, stage, .. } = self.values[to];
        let read = self.base(x);
        let (x, start) = self.dense(&read, count(&shape), batched, stage);
        let (outer, size, inner) = (
            count(&shape[..axis]),
            shape[axis],
            count(&shape[axis + 1..]),
        );
        let depth = self.values[x].depth + 1;
        self.step(
            to,
            depth,
            Task::Along {
                kind,
                x,
                start,
                to,
                outer,
                size,
                inner,
            },
            &[x],
        );
    }

    pub(super) fn matmul(&mut self, node: NodeId, x: NodeId, y: NodeId, shape: &Shape) {
        let to = node.index();
        if self.product_in_kernel(to, x, y) {
            return;
        }
        let (xs, ys) = (
            self.graph.node(x).shape.clone(),
            self.graph.node(y).shape.clone(),
        );
        let (m, k, n) = (xs[xs.len() - 2], xs[xs.len() - 1], ys[ys.len() - 1]);
        let blocks = block_pairs(&xs, &ys, shape);
        let product = Product { m, k, n, blocks };
        let Value { batched, stage, .. } = self.values[to];
        let (x_read, mut y_read) = (self.base(x), self.base(y));
        let mut x_batched = batched && self.values[x_read.value].batched;
        let y_batched = batched && self.values[y_read.value].batched;
        if batched && !x_batched && !y_batched {
            x_batched = true;
        }
        // With a draw for each row of x and none in y, the loop over draws is innermost only with y transposed.
        let y_transposed = x_batched && !y_batched;
        if y_transposed {
            let position = |i: usize| (i / (k * n)) * k * n + (i % k) * n + (i / k) % n;
            let transposed = RowMap::new((0..count(&ys)).map(|i| position(i) as u32).collect());
            y_read.rows = transposed.then(&y_read.rows, count(&ys));
        }
        let (x, x_start) = self.dense(&x_read, count(&xs), x_batched, stage);
        let (y, y_start) = self.dense(&y_read, count(&ys), y_batched, stage);
        let depth = self.values[x].depth.max(self.values[y].depth) + 1;
        self.step(
            to,
            depth,
            Task::Matmul {
                x,
                x_start,
                y,
                y_start,
                to,
                product,
                y_transposed,
            },
            &[x, y],
        );
    }

    pub(super) fn matrix_function(&mut self, node: NodeId, kind: MatrixFunction, x: NodeId) {
        let to = node.index();
        let shape = self.graph.node(x).shape.clone();
        let Value { batched, stage, .. } = self.values[to];
        let read = self.base(x);
        let (x, start) = self.dense(&read, count(&shape), batched, stage);
        let depth = self.values[x].depth + 1;
        let task = Task::Matrix {
            kind,
            x,
            start,
            to,
            blocks: count(&shape[..shape.len() - 2]),
            n: shape[shape.len() - 1],
        };
        self.step(to, depth, task, &[x]);
    }

    pub(super) fn linear_solve(
        &mut self,
        node: NodeId,
        system: System,
        matrix: NodeId,
        right: NodeId,
    ) {
        let to = node.index();
        let shape_of = |x: NodeId| self.graph.node(x).shape.clone();
        let (shape, ms, rs) = (shape_of(node), shape_of(matrix), shape_of(right));
        let product = Product {
            m: rs[rs.len() - 2],
            k: rs[rs.len() - 2],
            n: rs[rs.len() - 1],
            blocks: block_pairs(&ms, &rs, &shape),
        };
        let Value { batched, stage, .. } = self.values[to];
        let (matrix_read, right_read) = (self.base(matrix), self.base(right));
        // One matrix may serve all draws; of right-hand sides each draw has its own, which is solved in place.
        let matrix_batched = batched && self.values[matrix_read.value].batched;
        let (matrix, matrix_start) = self.dense(&matrix_read, count(&ms), matrix_batched, stage);
        let (right, right_start) = self.dense(&right_read, count(&rs), batched, stage);
        let depth = self.values[matrix].depth.max(self.values[right].depth) + 1;
        let task = Task::LinearSolve {
            system,
            matrix,
            matrix_start,
            right,
            right_start,
            to,
            product,
        };
        self.step(to, depth, task, &[matrix, right]);
    }

    /// Makes a product of a known matrix with one vector for each draw a part of the kernel over the longer axis.
    fn product_in_kernel(&mut self, to: ValueId, x: NodeId, y: NodeId) -> bool {
        let (xs, ys) = (
            self.graph.node(x).shape.clone(),
            self.graph.node(y).shape.clone(),
        );
        let ([m, k], [_, 1]) = (xs.as_slice(), ys.as_slice()) else {
            return false;
        };
        let (x_read, y_read) = (self.base(x), self.base(y));
        let Some(array) = &self.values[x_read.value].constant else {
            return false;
        };
        let Value { batched, stage, .. } = self.values[to];
        if !batched || !self.values[y_read.value].batched || (*m).min(*k) > WIDEST {
            return false;
        }
        let data: Vec<f64> = (0..m * k)
            .map(|i| array.data()[x_read.rows.row(i)])
            .collect();
        let turned = (0..m * k).map(|i| data[i % m * k + i / m]).collect();
        let stored_sum = self.values[y_read.value].elementwise && y_read.rows == RowMap::IDENTITY;
        if k > m && stored_sum && self.values[y_read.value].rows == *k {
            let depth = self.kernel_depth(std::slice::from_ref(&y_read), stage, *k);
            let matrix = Arc::new(Matrix {
                columns: *m,
                by_row: turned,
                by_column: data,
            });
            let value = &mut self.values[to];
            (value.depth, value.stored) = (depth, true);
            let member = Member::SumProduct {
                value: to,
                matrix,
                x: y_read,
            };
            self.kernels
                .entry((stage, depth, *k))
                .or_default()
                .push(member);
            return true;
        }
        if k > m {
            return false;
        }
        let (y, y_start) = self.dense(&y_read, *k, true, stage);
        self.values[y].stored = true;
        let depth = self.values[y].depth + 1;
        let matrix = Arc::new(Matrix {
            columns: *k,
            by_row: data,
            by_column: turned,
        });
        let value = &mut self.values[to];
        (value.depth, value.elementwise) = (depth, true);
        self.kernels
            .entry((stage, depth, *m))
            .or_default()
            .push(Member::Product {
                value: to,
                matrix,
                y,
                y_start,
            });
        true
    }

    pub(super) fn solve(
        &mut self,
        node: NodeId,
        problem: Arc<Problem>,
        arguments: [NodeId; 3],
        sensitivities: bool,
    ) {
        let to = node.index();
        let systems = self.graph.node(node).shape[0];
        let arguments = arguments.map(|argument| {
            let (value, start) = self.whole(argument, to);
            (value, start, count(&self.graph.node(argument).shape))
        });
        let reads = arguments.map(|(value, ..)| value);
        let depth = reads.iter().map(|read| self.values[*read].depth).max();
        let count = self.values[to].rows;
        let task = Task::Solve {
            problem,
            sensitivities,
            systems,
            arguments,
            to,
            count,
        };
        self.step(to, depth.unwrap_or(0) + 1, task, &reads);
    }

    pub(super) fn function(
        &mut self,
        node: NodeId,
        function: Function,
        pullback: Option<Wanted>,
        arguments: &[NodeId],
    ) {
        let to = node.index();
        let mut places = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let (value, start) = self.whole(*argument, to);
            let shape = match self.graph.node(*argument).shape.as_slice() {
                [rows, columns] => [*rows, *columns],
                weights => [1, count(weights)],
            };
            places.push((value, start, shape));
        }
        let reads: Vec<ValueId> = places.iter().map(|(value, ..)| *value).collect();
        let depth = reads.iter().map(|read| self.values[*read].depth).max();
        let task = Task::Function {
            function,
            pullback,
            arguments: places,
            to,
            count: self.values[to].rows,
        };
        self.step(to, depth.unwrap_or(0) + 1, task, &reads);
    }

    /// An argument's rows one after another, as the step that computes `to` reads them: the value and its first row.
    fn whole(&mut self, argument: NodeId, to: ValueId) -> (ValueId, usize) {
        let stage = self.values[to].stage;
        let rows = count(&self.graph.node(argument).shape);
        let read = self.base(argument);
        let batched = self.values[read.value].batched;
        let own_stage = if batched {
            stage
        } else {
            self.values[read.value].stage
        };
        self.dense(&read, rows, batched, own_stage)
    }

    pub(super) fn sum_draws(&mut self, node: NodeId, x: NodeId) {
        let to = node.index();
        let stage = self.values[to].stage - 1;
        let rows = self.values[to].rows;
        let read = self.base(x);
        let batched = self.values[read.value].batched;
        let copy_stage = if batched {
            stage
        } else {
            self.values[read.value].stage
        };
        let (x, start) = self.dense(&read, rows, batched, copy_stage);
        let depth = self.values[x].depth + 1;
        self.step(
            to,
            depth,
            Task::SumDraws {
                x,
                start,
                to,
                count: rows,
            },
            &[x],
        );
        if let Some(step) = self.steps.last_mut() {
            step.stage = stage;
        }
    }
}

/// The first rows of the matrices of two values, for each matrix of their product.
fn block_pairs(xs: &Shape, ys: &Shape, shape: &Shape) -> Vec<(usize, usize)> {
    let split = |shape: &Shape| {
        let (lead, own) = shape.split_at(shape.len() - 2);
        (Shape::from_slice(lead), count(own))
    };
    let ((x_lead, x_size), (y_lead, y_size), (lead, _)) = (split(xs), split(ys), split(shape));
    debug_assert_eq!(broadcast_shape(&x_lead, &y_lead), Some(lead.clone()));
    let (x_blocks, y_blocks) = (
        broadcast_rows(&x_lead, &lead),
        broadcast_rows(&y_lead, &lead),
    );
    (0..count(&lead))
        .map(|i| (x_blocks.row(i) * x_size, y_blocks.row(i) * y_size))
        .collect()
}
