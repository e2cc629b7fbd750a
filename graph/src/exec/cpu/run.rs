//! Running kernels: tile by tile, instruction by instruction.

use super::elementwise::{self, Values};
use super::gemm::{self, Columns};
use super::kernel::{Instruction, Kernel, Memory, Operand, Place, TILE, Target};
use super::rows::RowMap;
use super::sum;
use crate::Array;

/// One block of draws: how many there are, and where memory lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'p> {
    /// Draws in the block.
    pub(super) lanes: usize,
    /// The program's constants, by the number of their value.
    pub(super) constants: &'p [Option<Array>],
    /// First position of the batched rows.
    pub(super) batched: usize,
    /// First position of the registers.
    pub(super) registers: usize,
}

impl<'p> Block<'p> {
    /// Numbers in a row.
    pub(super) fn width(&self, memory: Memory) -> usize {
        if memory == Memory::Batched {
            self.lanes
        } else {
            1
        }
    }

    /// Position in memory of a row of a value that is not constant.
    pub(super) fn position(&self, place: Place, row: usize) -> usize {
        let row = place.start + row;
        if place.memory == Memory::Batched {
            self.batched + row * self.lanes
        } else {
            row
        }
    }

    pub(super) fn constant(&self, number: usize) -> &'p [f64] {
        self.constants[number]
            .as_ref()
            .map_or(&[], |array| array.data())
    }
}

/// Memory on both sides of a part that is being written.
pub(super) struct Rest<'m> {
    left: &'m [f64],
    right: &'m [f64],
    end: usize,
}

/// A part of memory to write, and the rest to read.
pub(super) fn split(memory: &mut [f64], start: usize, length: usize) -> (&mut [f64], Rest<'_>) {
    let (left, tail) = memory.split_at_mut(start);
    let (middle, right) = tail.split_at_mut(length);
    (
        middle,
        Rest {
            left,
            right,
            end: start + length,
        },
    )
}

impl<'m> Rest<'m> {
    /// A part that does not overlap what is being written.
    pub(super) fn get(&self, start: usize, length: usize) -> &'m [f64] {
        if start >= self.end {
            &self.right[start - self.end..][..length]
        } else {
            &self.left[start..][..length]
        }
    }

    /// All from a position on, on its side of what is being written.
    fn onwards(&self, start: usize) -> &'m [f64] {
        if start >= self.end {
            &self.right[start - self.end..]
        } else {
            &self.left[start..]
        }
    }

    /// Rows of a value, one after another.
    pub(super) fn rows<'a>(
        &self,
        block: &Block<'a>,
        place: Place,
        row: usize,
        count: usize,
    ) -> &'a [f64]
    where
        'm: 'a,
    {
        match place.memory {
            Memory::Constant(number) => &block.constant(number)[place.start + row..][..count],
            memory => self.get(block.position(place, row), count * block.width(memory)),
        }
    }
}

/// A tile of a kernel at work.
struct Tile<'k, 'p> {
    kernel: &'k Kernel,
    block: Block<'p>,
    /// Numbers in a row.
    width: usize,
    /// Numbers in a register.
    register: usize,
    first_row: usize,
    rows: usize,
}

/// Rows in a tile whose rows are that wide.
pub(super) fn tile_rows(width: usize) -> usize {
    (TILE / width).max(1)
}

pub(super) fn run(kernel: &Kernel, block: &Block<'_>, memory: &mut [f64]) {
    let width = if kernel.batched { block.lanes } else { 1 };
    let tile_rows = tile_rows(width);
    for sum in &kernel.sums {
        let start = block.position(sum.to, 0);
        memory[start..start + sum.count * width].fill(0.0);
    }
    let mut tile = Tile {
        kernel,
        block: *block,
        width,
        register: tile_rows * width,
        first_row: 0,
        rows: 0,
    };
    tile.rows = tile_rows.min(kernel.rows);
    for (number, load) in kernel.loads.iter().enumerate() {
        if matches!(load.rows, RowMap::Same(_)) {
            tile.load(number, memory);
        }
    }
    while tile.first_row < kernel.rows {
        tile.rows = tile_rows.min(kernel.rows - tile.first_row);
        for instruction in &kernel.instructions {
            tile.execute(instruction, memory);
        }
        tile.first_row += tile.rows;
    }
}

impl<'k, 'p> Tile<'k, 'p> {
    fn len(&self) -> usize {
        self.rows * self.width
    }

    fn register(&self, register: usize) -> usize {
        self.block.registers + register * self.register
    }

    fn target(&self, target: Target) -> usize {
        match target {
            Target::Register(register) => self.register(register),
            Target::Output(output) => self
                .block
                .position(self.kernel.outputs[output], self.first_row),
        }
    }

    /// Whether a load needs no copy: its rows lie one after another, each as wide as the kernel's.
    fn in_place(&self, number: usize) -> Option<usize> {
        let load = &self.kernel.loads[number];
        match load.rows {
            RowMap::From(start) if self.block.width(load.from.memory) == self.width => Some(start),
            _ => None,
        }
    }

    fn values<'a>(&self, operand: Operand, rest: &Rest<'a>) -> Values<'a>
    where
        'p: 'a,
    {
        match operand {
            Operand::Number(number) => Values::All(number),
            Operand::Register(register) => {
                Values::Each(rest.get(self.register(register), self.len()))
            }
            Operand::Output(output) => {
                let start = self
                    .block
                    .position(self.kernel.outputs[output], self.first_row);
                Values::Each(rest.get(start, self.len()))
            }
            Operand::Rows(number) => {
                let load = &self.kernel.loads[number];
                let RowMap::From(start) = load.rows else {
                    unreachable!("rows read in place follow each other")
                };
                let rows = rest.rows(&self.block, load.from, start + self.first_row, self.rows);
                if self.width == 1 {
                    Values::Each(rows)
                } else {
                    Values::Rows(rows, self.width)
                }
            }
            Operand::Loaded(number) => {
                let load = &self.kernel.loads[number];
                if let Some(start) = self.in_place(number) {
                    return Values::Each(rest.rows(
                        &self.block,
                        load.from,
                        start + self.first_row,
                        self.rows,
                    ));
                }
                let register = load.register.expect("a load that is read has a register");
                Values::Each(rest.get(self.register(register), self.len()))
            }
        }
    }

    fn slice<'a>(&self, operand: Operand, rest: &Rest<'a>) -> &'a [f64]
    where
        'p: 'a,
    {
        match self.values(operand, rest) {
            Values::Each(slice) => slice,
            Values::All(_) | Values::Rows(..) => {
                unreachable!("functions of a number alone are computed when the kernel is compiled")
            }
        }
    }

    fn execute(&self, instruction: &Instruction, memory: &mut [f64]) {
        match *instruction {
            Instruction::Load(number) => {
                if !matches!(self.kernel.loads[number].rows, RowMap::Same(_)) {
                    self.load(number, memory);
                }
            }
            Instruction::Unary { kind, to, x } => {
                let (to, rest) = split(memory, self.target(to), self.len());
                elementwise::unary(kind, to, self.slice(x, &rest));
            }
            Instruction::Binary { kind, to, x, y } => {
                let (to, rest) = split(memory, self.target(to), self.len());
                elementwise::binary(kind, to, self.values(x, &rest), self.values(y, &rest));
            }
            Instruction::Select {
                to,
                condition,
                if_true,
                if_false,
            } => {
                let (to, rest) = split(memory, self.target(to), self.len());
                let condition = self.slice(condition, &rest);
                elementwise::select(
                    to,
                    condition,
                    self.values(if_true, &rest),
                    self.values(if_false, &rest),
                );
            }
            Instruction::Copy { to, x } => {
                let (to, rest) = split(memory, self.target(to), self.len());
                match self.values(x, &rest) {
                    Values::Each(x) => to.copy_from_slice(x),
                    Values::All(x) => to.fill(x),
                    Values::Rows(..) => unreachable!("a copy is made of what has been loaded"),
                }
            }
            Instruction::Sum { to, x } => {
                let row_sum = &self.kernel.sums[to];
                let start = self.block.position(row_sum.to, 0);
                let (to, rest) = split(memory, start, row_sum.count * self.width);
                sum::add_rows(
                    to,
                    self.values(x, &rest),
                    &row_sum.rows,
                    (self.first_row, self.rows),
                    self.width,
                );
            }
            Instruction::Product { to, matrix, y } => {
                let (to, rest) = split(memory, self.target(to), self.len());
                let matrix = &self.kernel.matrices[matrix];
                let k = matrix.columns;
                let y = rest.rows(&self.block, y, 0, k);
                if self.width == 1 {
                    let columns = Columns {
                        data: &matrix.by_column,
                        rows: self.kernel.rows,
                        first: self.first_row,
                    };
                    gemm::add_columns(to, columns, y);
                } else {
                    gemm::multiply(
                        to,
                        &matrix.by_row[self.first_row * k..][..self.rows * k],
                        y,
                        k,
                        self.width,
                    );
                }
            }
            Instruction::SumProduct { to, matrix, x } => {
                let row_sum = &self.kernel.sums[to];
                let matrix = &self.kernel.matrices[matrix];
                let k = matrix.columns;
                let start = self.block.position(row_sum.to, 0);
                let (to, rest) = split(memory, start, row_sum.count * self.width);
                let x = self.slice(x, &rest);
                if self.width == 1 {
                    let columns = Columns {
                        data: &matrix.by_column,
                        rows: self.kernel.rows,
                        first: self.first_row,
                    };
                    gemm::add_dots(to, columns, x);
                } else {
                    let rows = &matrix.by_row[self.first_row * k..][..self.rows * k];
                    gemm::add_transposed(to, rows, x, k, self.width);
                }
            }
        }
    }

    /// Brings rows into a register, unless they can be read in place.
    fn load(&self, number: usize, memory: &mut [f64]) {
        if self.in_place(number).is_some() {
            return;
        }
        let load = &self.kernel.loads[number];
        let register = load.register.expect("a load that is read has a register");
        let (to, rest) = split(memory, self.register(register), self.len());
        copy_rows(to, self.width, &rest, &self.block, load.from, |i| {
            load.rows.row(self.first_row + i)
        });
    }
}

/// Copies rows, repeating what is the same for all draws.
pub(super) fn copy_rows(
    to: &mut [f64],
    width: usize,
    rest: &Rest<'_>,
    block: &Block<'_>,
    from: Place,
    row: impl Fn(usize) -> usize,
) {
    let source = match from.memory {
        Memory::Constant(number) => &block.constant(number)[from.start..],
        _ => rest.onwards(block.position(from, 0)),
    };
    if width == 1 {
        for (i, to) in to.iter_mut().enumerate() {
            *to = source[row(i)];
        }
    } else if block.width(from.memory) == width {
        for (i, to) in to.chunks_exact_mut(width).enumerate() {
            to.copy_from_slice(&source[row(i) * width..][..width]);
        }
    } else {
        for (i, to) in to.chunks_exact_mut(width).enumerate() {
            to.fill(source[row(i)]);
        }
    }
}
