//! The fast executor for the CPU.
//!
//! A program becomes a list of steps over one piece of memory, in which a value of shape `[a, b]` is `a b` rows of one
//! number for each draw. Most steps are kernels: fused loops that keep what passes between operations in the first-level
//! cache. Draws are worked on in blocks small enough for the second-level cache. Nothing is allocated while it runs, but
//! for the results.

mod along;
mod compile;
mod elementwise;
mod gemm;
mod kernel;
mod layout;
mod math;
mod merge;
mod plan;
mod rows;
mod run;
mod sum;

use std::sync::{Mutex, PoisonError};

use crate::exec::HostExecutor;
use crate::{Array, Graph, NodeId};

use kernel::{Kernel, Memory, Place, TILE};
use layout::Layout;
use plan::{Along, OutputRead, Product, Task};
use rows::RowMap;
use run::{Block, copy_rows, split};

/// Bytes that the values of a block of draws may take: what the second-level cache holds beside constants.
const BLOCK_BYTES: usize = 1 << 20;

/// A step with places.
#[derive(Debug)]
enum Step {
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
}

#[derive(Debug)]
struct Output {
    from: Place,
    rows: RowMap,
    count: usize,
    batched: bool,
}

/// A program compiled for the CPU.
pub(crate) struct Cpu {
    constants: Vec<Option<Array>>,
    /// What is the same for all draws and needs none, what is done for each block of draws, and what comes after all of them.
    before: Vec<Step>,
    each: Vec<Step>,
    after: Vec<Step>,
    outputs: Vec<Output>,
    input_batched: Vec<bool>,
    shared_rows: usize,
    batched_rows: usize,
    registers: usize,
    /// Draws depend on sums over all draws, so that all must be worked on at once.
    one_block: bool,
    memory: Mutex<Vec<Vec<f64>>>,
}

impl Cpu {
    pub(crate) fn new(graph: &Graph, outputs: &[NodeId]) -> Cpu {
        let plan = plan::plan(graph, outputs);
        let layout = Layout::new(&plan);
        let mut cpu = Cpu {
            constants: plan
                .values
                .iter()
                .map(|value| value.constant.clone())
                .collect(),
            before: Vec::new(),
            each: Vec::new(),
            after: Vec::new(),
            outputs: plan
                .outputs
                .iter()
                .map(|output| placed_output(output, &layout))
                .collect(),
            input_batched: graph.inputs().map(|(_, batched)| batched).collect(),
            shared_rows: layout.shared_rows.next_multiple_of(8),
            batched_rows: layout.batched_rows,
            registers: 0,
            one_block: plan.steps.last().is_some_and(|step| step.stage > 2),
            memory: Mutex::new(Vec::new()),
        };
        for step in &plan.steps {
            let stage = step.stage;
            let step = placed(graph, &plan, &layout, &step.task);
            if let Step::Kernel(kernel) = &step {
                cpu.registers = cpu.registers.max(kernel.registers);
            }
            match stage {
                0 => cpu.before.push(step),
                1 => cpu.each.push(step),
                _ if cpu.one_block => cpu.each.push(step),
                _ => cpu.after.push(step),
            }
        }
        cpu
    }

    /// Draws worked on at once.
    fn lanes(&self, draws: usize) -> usize {
        if self.one_block {
            return draws;
        }
        let fitting = BLOCK_BYTES / (8 * self.batched_rows.max(1));
        let lanes = (fitting / 8 * 8).clamp(8, 256);
        if draws <= lanes {
            return draws;
        }
        // Blocks of about the same size.
        draws
            .div_ceil(draws.div_ceil(lanes))
            .next_multiple_of(8)
            .min(lanes)
    }

    fn execute(
        &self,
        steps: &[Step],
        block: &Block<'_>,
        draws: (usize, usize),
        inputs: &[&[f64]],
        memory: &mut [f64],
    ) {
        for step in steps {
            match step {
                Step::Kernel(kernel) => run::run(kernel, block, memory),
                Step::Input { input, to, length } => {
                    let (first, rows) = if self.input_batched[*input] {
                        draws
                    } else {
                        (0, 1)
                    };
                    let width = block.width(to.memory);
                    let start = block.position(*to, 0);
                    let to = &mut memory[start..start + length * width];
                    let from = &inputs[*input][first * length..(first + rows) * length];
                    if rows == 1 {
                        to.copy_from_slice(from);
                        continue;
                    }
                    for (draw, from) in from.chunks_exact(*length).enumerate() {
                        for (row, x) in from.iter().enumerate() {
                            to[row * width + draw] = *x;
                        }
                    }
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
                        copy_rows(to, width, &rest, block, *from, |i| from_rows.row(i));
                        continue;
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
                        Along::Max | Along::LogSumExp => outer * inner,
                    };
                    let (to, rest) = split(memory, block.position(*to, 0), rows * width);
                    let x = rest.rows(block, *x, 0, outer * size * inner);
                    along::along(*kind, to, x, *size, inner * width);
                }
                Step::SumDraws { x, to, count } => {
                    let (to, rest) = split(memory, block.position(*to, 0), *count);
                    for (row, to) in to.iter_mut().enumerate() {
                        let x_row = rest.rows(block, *x, row, 1);
                        *to += if x.memory == Memory::Batched {
                            sum::total(x_row)
                        } else {
                            x_row[0] * block.lanes as f64
                        };
                    }
                }
            }
        }
    }

    fn write_outputs(
        &self,
        batched: bool,
        block: &Block<'_>,
        first: usize,
        memory: &[f64],
        results: &mut [Vec<f64>],
    ) {
        for (output, result) in self.outputs.iter().zip(results) {
            if output.batched != batched {
                continue;
            }
            let draws = if batched { block.lanes } else { 1 };
            let result = &mut result[first * output.count..][..draws * output.count];
            for row in 0..output.count {
                let from = output.rows.row(row);
                match output.from.memory {
                    Memory::Batched => {
                        let start = block.position(output.from, from);
                        for (draw, x) in memory[start..start + draws].iter().enumerate() {
                            result[draw * output.count + row] = *x;
                        }
                    }
                    shared => {
                        let x = match shared {
                            Memory::Constant(number) => {
                                block.constant(number)[output.from.start + from]
                            }
                            _ => memory[output.from.start + from],
                        };
                        for draw in 0..draws {
                            result[draw * output.count + row] = x;
                        }
                    }
                }
            }
        }
    }
}

impl std::fmt::Debug for Cpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{} batched rows, {} shared rows, {} registers",
            self.batched_rows, self.shared_rows, self.registers
        )?;
        for (stage, steps) in [
            ("before", &self.before),
            ("each", &self.each),
            ("after", &self.after),
        ] {
            for step in steps {
                match step {
                    Step::Kernel(kernel) => {
                        writeln!(
                            f,
                            "{stage}: kernel over {} rows, loads {:?}",
                            kernel.rows, kernel.loads
                        )?;
                        for instruction in &kernel.instructions {
                            writeln!(f, "    {instruction:?}")?;
                        }
                    }
                    Step::Matmul {
                        product: Product { m, k, n, blocks },
                        ..
                    } => {
                        writeln!(f, "{stage}: matmul {m} {k} {n} blocks {}", blocks.len())?;
                    }
                    step => writeln!(f, "{stage}: {step:?}")?,
                }
            }
        }
        Ok(())
    }
}

impl HostExecutor for Cpu {
    fn run(&self, inputs: &[&[f64]], draws: usize) -> Vec<Vec<f64>> {
        let lanes = self.lanes(draws);
        let register = (run::tile_rows(lanes) * lanes).max(TILE);
        let batched = self.batched_rows * lanes;
        let size = self.shared_rows + batched.next_multiple_of(8) + self.registers * register;
        let mut held = {
            let mut free = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            free.pop().unwrap_or_default()
        };
        // Eight more, to begin at a cache line.
        if held.len() < size + 8 {
            held.resize(size + 8, 0.0);
        }
        let skip = held.as_ptr().align_offset(64).min(8);
        let memory = &mut held[skip..skip + size];
        memory[..self.shared_rows].fill(0.0);
        let block = |lanes: usize| Block {
            lanes,
            constants: &self.constants,
            batched: self.shared_rows,
            registers: self.shared_rows + batched.next_multiple_of(8),
        };
        let mut results: Vec<Vec<f64>> = self
            .outputs
            .iter()
            .map(|output| vec![0.0; output.count * if output.batched { draws } else { 1 }])
            .collect();
        self.execute(&self.before, &block(1), (0, 1), inputs, memory);
        let mut first = 0;
        while first < draws {
            let block = block(lanes.min(draws - first));
            self.execute(&self.each, &block, (first, block.lanes), inputs, memory);
            self.write_outputs(true, &block, first, memory, &mut results);
            first += block.lanes;
        }
        self.execute(&self.after, &block(1), (0, 1), inputs, memory);
        self.write_outputs(false, &block(1), 0, memory, &mut results);
        self.memory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(held);
        results
    }
}

fn placed_output(output: &OutputRead, layout: &Layout) -> Output {
    Output {
        from: layout.place(output.read.value),
        rows: output.read.rows.clone(),
        count: output.count,
        batched: output.batched,
    }
}

fn placed(graph: &Graph, plan: &plan::Plan, layout: &Layout, task: &Task) -> Step {
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
    }
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
