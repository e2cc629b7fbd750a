//! Fused loops: what is computed row by row over the same rows, in tiles that stay in the first-level cache.
//!
//! A kernel is a short straight-line program whose registers are tiles: some rows by all draws of a block. Values that
//! only the kernel itself needs never reach memory; sums over rows end in the kernel that computes what they add up.

use std::fmt;
use std::sync::Arc;

use super::plan::Matrix;
use super::rows::RowMap;
use crate::{Binary, Unary};

/// Numbers in a tile, about: a handful of tiles fit into the first-level cache.
pub(super) const TILE: usize = 512;

/// Where a stored value begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) memory: Memory,
    /// Rows before it.
    pub(super) start: usize,
}

impl Place {
    /// The place some rows further on.
    pub(super) fn after(self, rows: usize) -> Place {
        Place {
            start: self.start + rows,
            ..self
        }
    }
}

/// What holds a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Memory {
    /// One of the program's constants: a number for each row.
    Constant(usize),
    /// What is the same for all draws: a number for each row.
    Shared,
    /// A number for each row and draw.
    Batched,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operand {
    Register(usize),
    /// What this kernel stores, as its output of that number.
    Output(usize),
    /// What the load of that number brings.
    Loaded(usize),
    /// What the load of that number refers to, one number for each row, read in place by an instruction that repeats it.
    Rows(usize),
    Number(f64),
}

/// A value from memory.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Load {
    pub(super) from: Place,
    pub(super) rows: RowMap,
    /// The register that holds it when it cannot be read in place.
    pub(super) register: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Target {
    Register(usize),
    Output(usize),
}

impl From<Target> for Operand {
    fn from(target: Target) -> Operand {
        match target {
            Target::Register(register) => Operand::Register(register),
            Target::Output(output) => Operand::Output(output),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Instruction {
    /// Brings the load of that number into its register, where it cannot be read in place.
    Load(usize),
    Unary {
        kind: Unary,
        to: Target,
        x: Operand,
    },
    Binary {
        kind: Binary,
        to: Target,
        x: Operand,
        y: Operand,
    },
    Select {
        to: Target,
        condition: Operand,
        if_true: Operand,
        if_false: Operand,
    },
    /// Repeats a value that no instruction computes.
    Copy {
        to: Target,
        x: Operand,
    },
    /// Adds each row of the tile to a row of a sum.
    Sum {
        to: usize,
        x: Operand,
    },
    /// Rows of a known matrix times a vector in memory.
    Product {
        to: Target,
        matrix: usize,
        y: Place,
    },
    /// Adds to a sum what rows of a known matrix contribute to the product of its transpose with a vector.
    SumProduct {
        to: usize,
        matrix: usize,
        x: Operand,
    },
}

/// A sum over rows.
#[derive(Clone, Debug)]
pub(super) struct RowSum {
    pub(super) to: Place,
    pub(super) rows: RowMap,
    /// Rows of the result.
    pub(super) count: usize,
}

/// One fused loop.
#[derive(Clone, Default)]
pub(super) struct Kernel {
    pub(super) rows: usize,
    pub(super) batched: bool,
    pub(super) loads: Vec<Load>,
    pub(super) instructions: Vec<Instruction>,
    pub(super) registers: usize,
    pub(super) outputs: Vec<Place>,
    pub(super) sums: Vec<RowSum>,
    pub(super) matrices: Vec<Arc<Matrix>>,
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernel over {} rows", self.rows)?;
        for (number, load) in self.loads.iter().enumerate() {
            write!(f, "\n    load {number}: {:?} {:?}", load.from, load.rows)?;
        }
        for instruction in &self.instructions {
            write!(f, "\n    {instruction:?}")?;
        }
        Ok(())
    }
}
