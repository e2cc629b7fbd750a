//! The steps of a program, with places in memory, and what each does there.

use std::sync::Arc;

use super::kernel::{Kernel, Memory, Place};
use super::layout::Layout;
use super::plan::{Along, Plan, Product, Task};
use super::rows::RowMap;
use super::run::{self, Block, Rest, copy_rows, split};
use super::{along, compile, gemm, linear, sum, transpose};
use crate::{Function, Graph, MatrixFunction, Problem, System, Wanted};

/// A step with places.
#[derive(Debug)]
pub(super) enum Step {
    Input {
        input: usize,
        to: Place,
        length: usize,
    },
    Kernel(Kernel),
    Copy {
        from: Place,
        from_rows: RowMap,
        to: Place,
        to_rows: RowMap,
        count: usize,
    },
    Matmul {
        x: Place,
        y: Place,
        to: Place,
        product: Product,
        y_transposed: bool,
    },
    Matrix {
        kind: MatrixFunction,
        x: Place,
        to: Place,
        blocks: usize,
        n: usize,
    },
    LinearSolve {
        system: System,
        matrix: Place,
        right: Place,
        to: Place,
        product: Product,
    },
    Along {
        kind: Along,
        x: Place,
        to: Place,
        outer: usize,
        size: usize,
        inner: usize,
    },
    SumDraws {
        x: Place,
        to: Place,
        count: usize,
    },
    Solve {
        problem: Arc<Problem>,
        sensitivities: bool,
        systems: usize,
        /// Each with its number of rows.
        arguments: [(Place, usize); 3],
        to: Place,
        count: usize,
    },
    Function {
        function: Function,
        pullback: Option<Wanted>,
        /// Each with its shape.
        arguments: Vec<(Place, [usize; 2])>,
        to: Place,
        count: usize,
    },
}

/// The caller's numbers, draws first, and which of the draws a block works on.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'i> {
    pub(super) data: &'i [&'i [f64]],
    pub(super) batched: &'i [bool],
    pub(super) first: usize,
}

impl Step {
    pub(super) fn new(graph: &Graph, plan: &Plan, layout: &Layout, task: &Task) -> Step {
        let offset = |value: usize, start: usize| layout.place(value).after(start);
        match task {
            Task::Input { input, to } => Step::Input {
                input: *input,
                to: layout.place(*to),
                length: plan.values[*to].rows,
            },
            Task::Kernel {
                rows,
                batched,
                members,
            } => Step::Kernel(compile::compile(
                graph,
                plan,
                layout,
                (*rows, *batched),
                members,
            )),
            Task::Copy {
                from,
                to,
                rows,
                count,
            } => Step::Copy {
                from: layout.place(from.value),
                from_rows: from.rows.clone(),
                to: layout.place(*to),
                to_rows: rows.clone(),
                count: *count,
            },
            Task::Matmul {
                x,
                x_start,
                y,
                y_start,
                to,
                product,
                y_transposed,
            } => Step::Matmul {
                x: offset(*x, *x_start),
                y: offset(*y, *y_start),
                to: layout.place(*to),
                product: product.clone(),
                y_transposed: *y_transposed,
            },
            Task::Matrix {
                kind,
                x,
                start,
                to,
                blocks,
                n,
            } => Step::Matrix {
                kind: *kind,
                x: offset(*x, *start),
                to: layout.place(*to),
                blocks: *blocks,
                n: *n,
            },
            Task::LinearSolve {
                system,
                matrix,
                matrix_start,
                right,
                right_start,
                to,
                product,
            } => Step::LinearSolve {
                system: *system,
                matrix: offset(*matrix, *matrix_start),
                right: offset(*right, *right_start),
                to: layout.place(*to),
                product: product.clone(),
            },
            Task::Along {
                kind,
                x,
                start,
                to,
                outer,
                size,
                inner,
            } => Step::Along {
                kind: *kind,
                x: offset(*x, *start),
                to: layout.place(*to),
                outer: *outer,
                size: *size,
                inner: *inner,
            },
            Task::SumDraws {
                x,
                start,
                to,
                count,
            } => Step::SumDraws {
                x: offset(*x, *start),
                to: layout.place(*to),
                count: *count,
            },
            Task::Solve {
                problem,
                sensitivities,
                systems,
                arguments,
                to,
                count,
            } => Step::Solve {
                problem: Arc::clone(problem),
                sensitivities: *sensitivities,
                systems: *systems,
                arguments: arguments.map(|(value, start, rows)| (offset(value, start), rows)),
                to: layout.place(*to),
                count: *count,
            },
            Task::Function {
                function,
                pullback,
                arguments,
                to,
                count,
            } => Step::Function {
                function: function.clone(),
                pullback: *pullback,
                arguments: arguments
                    .iter()
                    .map(|(value, start, shape)| (offset(*value, *start), *shape))
                    .collect(),
                to: layout.place(*to),
                count: *count,
            },
        }
    }

    pub(super) fn execute(&self, block: &Block<'_>, inputs: Inputs<'_>, memory: &mut [f64]) {
        match self {
            Step::Kernel(kernel) => run::run(kernel, block, memory),
            Step::Input { input, to, length } => {
                let (first, draws) = if inputs.batched[*input] {
                    (inputs.first, block.lanes)
                } else {
                    (0, 1)
                };
                let start = block.position(*to, 0);
                let to = &mut memory[start..start + length * block.width(to.memory)];
                transpose::draws_last(
                    to,
                    &inputs.data[*input][first * length..(first + draws) * length],
                    *length,
                );
            }
            Step::Copy {
                from,
                from_rows,
                to,
                to_rows,
                count,
            } => {
                let width = block.width(to.memory);
                if let RowMap::From(start) = to_rows {
                    let (to, rest) = split(memory, block.position(*to, *start), count * width);
                    return copy_rows(to, width, &rest, block, *from, |i| from_rows.row(i));
                }
                for i in 0..*count {
                    let (to, rest) = split(memory, block.position(*to, to_rows.row(i)), width);
                    copy_rows(to, width, &rest, block, *from, |_| from_rows.row(i));
                }
            }
            Step::Matmul {
                x,
                y,
                to,
                product,
                y_transposed,
            } => {
                matmul(block, memory, (*x, *y, *to), product, *y_transposed);
            }
            Step::Matrix {
                kind,
                x,
                to,
                blocks,
                n,
            } => {
                let width = block.width(to.memory);
                let size = kind.result_shape(*n).iter().product::<usize>();
                for number in 0..*blocks {
                    let start = block.position(*to, number * size);
                    let (to, rest) = split(memory, start, size * width);
                    let x = rest.rows(block, *x, number * n * n, n * n);
                    linear::matrix_function(*kind, to, x, *n, width);
                }
            }
            Step::LinearSolve {
                system,
                matrix,
                right,
                to,
                product: Product { k, n, blocks, .. },
            } => {
                let width = block.width(to.memory);
                for (number, (matrix_row, right_row)) in blocks.iter().enumerate() {
                    let start = block.position(*to, number * k * n);
                    let (to, rest) = split(memory, start, k * n * width);
                    to.copy_from_slice(rest.rows(block, *right, *right_row, k * n));
                    let matrix = rest.rows(block, *matrix, *matrix_row, k * k);
                    linear::solve(*system, to, matrix, *k, width);
                }
            }
            Step::Along {
                kind,
                x,
                to,
                outer,
                size,
                inner,
            } => {
                let width = block.width(to.memory);
                let rows = match kind {
                    Along::CumulativeSum { .. } => outer * size * inner,
                    Along::Max | Along::LogSumExp | Along::Mass(_) => outer * inner,
                };
                let (to, rest) = split(memory, block.position(*to, 0), rows * width);
                let x = rest.rows(block, *x, 0, outer * size * inner);
                along::along(*kind, to, x, *size, inner * width);
            }
            Step::SumDraws { x, to, count } => {
                let (to, rest) = split(memory, block.position(*to, 0), *count);
                for (row, to) in to.iter_mut().enumerate() {
                    let numbers = rest.rows(block, *x, row, 1);
                    let batched = x.memory == Memory::Batched;
                    *to += if batched {
                        sum::total(numbers)
                    } else {
                        numbers[0] * block.lanes as f64
                    };
                }
            }
            Step::Solve {
                problem,
                sensitivities,
                systems,
                arguments,
                to,
                count,
            } => {
                let width = block.width(to.memory);
                let (to, rest) = split(memory, block.position(*to, 0), count * width);
                // Solvers have draws first, as callers do.
                let arguments =
                    arguments.map(|(place, rows)| draws_first(block, &rest, place, rows, width));
                let arguments = arguments.each_ref().map(Vec::as_slice);
                let solution = problem.solve(arguments, systems * width, *sensitivities);
                transpose::draws_last(to, &solution, *count);
            }
            Step::Function {
                function,
                pullback,
                arguments,
                to,
                count,
            } => {
                let width = block.width(to.memory);
                let (to, rest) = split(memory, block.position(*to, 0), count * width);
                let arguments = arguments.iter().map(|(place, [rows, columns])| {
                    let own = block.width(place.memory);
                    let numbers = draws_first(block, &rest, *place, rows * columns, own);
                    (numbers, [own, *rows, *columns])
                });
                let result = function.evaluate_host(*pullback, arguments.collect(), width);
                transpose::draws_last(to, &result, *count);
            }
        }
    }
}

/// Rows of a value as `[draws, rows]`.
fn draws_first(
    block: &Block<'_>,
    rest: &Rest<'_>,
    place: Place,
    rows: usize,
    draws: usize,
) -> Vec<f64> {
    let from = rest.rows(block, place, 0, rows);
    let width = block.width(place.memory);
    if width == 1 && draws == 1 {
        return from.to_vec();
    }
    let mut numbers = vec![0.0; draws * rows];
    transpose::draws_first(&mut numbers, from, &RowMap::IDENTITY, rows, width);
    numbers
}

fn matmul(
    block: &Block<'_>,
    memory: &mut [f64],
    (x, y, to): (Place, Place, Place),
    product: &Product,
    y_transposed: bool,
) {
    let Product {
        m,
        k,
        n,
        ref blocks,
    } = *product;
    let width = block.width(to.memory);
    for (number, (x_row, y_row)) in blocks.iter().enumerate() {
        let (to, rest) = split(memory, block.position(to, number * m * n), m * n * width);
        if m * k * n == 0 {
            to.fill(0.0);
            continue;
        }
        let xs = rest.rows(block, x, *x_row, m * k);
        let ys = rest.rows(block, y, *y_row, k * n);
        if y_transposed {
            for (to, x) in to
                .chunks_exact_mut(n * width)
                .zip(xs.chunks_exact(k * width))
            {
                gemm::multiply(to, ys, x, k, width);
            }
        } else if x.memory == Memory::Batched && width > 1 {
            gemm::multiply_lanes(to, xs, ys, k, n, width);
        } else {
            gemm::multiply(to, xs, ys, k, n * width);
        }
    }
}
