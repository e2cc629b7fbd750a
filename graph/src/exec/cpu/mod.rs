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
mod linear;
mod math;
mod merge;
mod plan;
mod planner;
mod rows;
mod run;
mod step;
mod sum;
mod tasks;
mod transpose;

use std::sync::{Mutex, PoisonError};

use crate::exec::HostExecutor;
use crate::{Array, Graph, NodeId};

use kernel::{Memory, Place, TILE};
use layout::Layout;
use plan::OutputRead;
use rows::RowMap;
use run::Block;
use step::{Inputs, Step};

/// Bytes that the values of a block of draws may take: what the second-level cache holds beside constants.
const BLOCK_BYTES: usize = 1 << 20;
/// Bytes that they may take at most, where not even eight draws, a vector of the processor's, fit the cache.
const MOST_BYTES: usize = 1 << 27;
/// Bytes of working memory at most that are held from one call to the next: getting more takes no time beside working on them.
const MOST_BYTES_HELD: usize = 1 << 26;

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
        let plan = planner::plan(graph, outputs);
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
            let step = Step::new(graph, &plan, &layout, &step.task);
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
        let draw = 8 * self.batched_rows.max(1);
        if 8 * draw > MOST_BYTES {
            return draws.min((MOST_BYTES / draw).max(1));
        }
        let fitting = BLOCK_BYTES / draw;
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
            let (from, width) = match output.from.memory {
                Memory::Constant(number) => (&block.constant(number)[output.from.start..], 1),
                place => (
                    &memory[block.position(output.from, 0)..],
                    block.width(place),
                ),
            };
            transpose::draws_first(result, from, &output.rows, output.count, width);
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
                writeln!(f, "{stage}: {step:?}")?;
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
        let inputs = |first: usize| Inputs {
            data: inputs,
            batched: &self.input_batched,
            first,
        };
        for step in &self.before {
            step.execute(&block(1), inputs(0), memory);
        }
        let mut first = 0;
        while first < draws {
            let block = block(lanes.min(draws - first));
            for step in &self.each {
                step.execute(&block, inputs(first), memory);
            }
            self.write_outputs(true, &block, first, memory, &mut results);
            first += block.lanes;
        }
        for step in &self.after {
            step.execute(&block(1), inputs(0), memory);
        }
        self.write_outputs(false, &block(1), 0, memory, &mut results);
        if 8 * held.len() <= MOST_BYTES_HELD {
            self.memory
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(held);
        }
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
