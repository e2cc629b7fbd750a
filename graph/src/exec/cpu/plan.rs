//! What a plan is made of: values, the steps that compute them, and what each reads.

use std::fmt;
use std::sync::Arc;

use super::rows::{Few, RowMap};
use crate::{Array, Function, MassDerivative, MatrixFunction, NodeId, Problem, System, Wanted};

/// The number of a value: a node that is computed, or a rearranged copy of one.
pub(super) type ValueId = usize;

/// A stored or passing value.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) rows: usize,
    pub(super) batched: bool,
    /// Even stages hold what is the same for all draws, odd ones what is not; a sum over draws ends an odd stage.
    pub(super) stage: usize,
    pub(super) depth: usize,
    /// Computed in a kernel, row by row.
    pub(super) elementwise: bool,
    /// Read by another step, so it must be in memory.
    pub(super) stored: bool,
    /// Lies within another value, from this row on.
    pub(super) within: Option<(ValueId, usize)>,
    pub(super) constant: Option<Array>,
}

/// Rows of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Read {
    pub(super) value: ValueId,
    pub(super) rows: RowMap,
}

/// What a kernel computes.
#[derive(Clone, Debug)]
pub(super) enum Member {
    Elementwise {
        node: NodeId,
        arguments: Few<Read>,
    },
    Sum {
        value: ValueId,
        x: Read,
        rows: RowMap,
    },
    /// A known matrix, a row for each of the kernel's, times a vector in memory.
    Product {
        value: ValueId,
        matrix: Arc<Matrix>,
        y: ValueId,
        y_start: usize,
    },
    /// The transpose of such a matrix times a vector that the kernel computes.
    SumProduct {
        value: ValueId,
        matrix: Arc<Matrix>,
        x: Read,
    },
}

/// A known matrix of `[rows, columns]`, in both orders.
#[derive(Clone, PartialEq)]
pub(super) struct Matrix {
    pub(super) columns: usize,
    pub(super) by_row: Vec<f64>,
    pub(super) by_column: Vec<f64>,
}

impl Member {
    /// What it computes.
    pub(super) fn value(&self) -> ValueId {
        match self {
            Member::Elementwise { node, .. } => node.index(),
            Member::Sum { value, .. }
            | Member::Product { value, .. }
            | Member::SumProduct { value, .. } => *value,
        }
    }

    /// Whether its value is complete only when the kernel has ended.
    pub(super) fn is_sum(&self) -> bool {
        matches!(self, Member::Sum { .. } | Member::SumProduct { .. })
    }

    /// What it reads row by row.
    pub(super) fn row_reads(&self) -> &[Read] {
        match self {
            Member::Elementwise { arguments, .. } => arguments,
            Member::Sum { x, .. } | Member::SumProduct { x, .. } => std::slice::from_ref(x),
            Member::Product { .. } => &[],
        }
    }

    /// Calls `visit` with all that it reads, and whether it reads it row by row.
    pub(super) fn for_each_read(&self, visit: &mut impl FnMut(&Read, bool)) {
        self.row_reads().iter().for_each(|read| visit(read, true));
        if let Member::Product { y, y_start, .. } = self {
            visit(
                &Read {
                    value: *y,
                    rows: RowMap::From(*y_start),
                },
                false,
            );
        }
    }
}

/// One reduction along an axis, which is the middle one of three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Along {
    Max,
    LogSumExp,
    /// Of the numbers along the axis.
    Mass(MassDerivative),
    CumulativeSum {
        reverse: bool,
    },
}

/// A product of matrices: for each pair of blocks, `[m, k]` by `[k, n]`.
#[derive(Clone)]
pub(super) struct Product {
    pub(super) m: usize,
    pub(super) k: usize,
    pub(super) n: usize,
    /// First rows of the blocks of the two factors, for each block of the result.
    pub(super) blocks: Vec<(usize, usize)>,
}

/// A step, with values where the finished program has places.
#[derive(Clone, Debug)]
pub(super) enum Task {
    Input {
        input: usize,
        to: ValueId,
    },
    Kernel {
        rows: usize,
        batched: bool,
        members: Vec<Member>,
    },
    Copy {
        from: Read,
        to: ValueId,
        rows: RowMap,
        count: usize,
    },
    /// The second factor is transposed where `y_transposed`.
    Matmul {
        x: ValueId,
        x_start: usize,
        y: ValueId,
        y_start: usize,
        to: ValueId,
        product: Product,
        y_transposed: bool,
    },
    Matrix {
        kind: MatrixFunction,
        x: ValueId,
        start: usize,
        to: ValueId,
        /// How many matrices, and how many rows each has.
        blocks: usize,
        n: usize,
    },
    /// The solutions, each with the shape of the second factor of the product that it inverts.
    LinearSolve {
        system: System,
        matrix: ValueId,
        matrix_start: usize,
        right: ValueId,
        right_start: usize,
        to: ValueId,
        product: Product,
    },
    Along {
        kind: Along,
        x: ValueId,
        start: usize,
        to: ValueId,
        outer: usize,
        size: usize,
        inner: usize,
    },
    SumDraws {
        x: ValueId,
        start: usize,
        to: ValueId,
        count: usize,
    },
    Solve {
        problem: Arc<Problem>,
        sensitivities: bool,
        systems: usize,
        /// Each with its first row and how many there are.
        arguments: [(ValueId, usize, usize); 3],
        to: ValueId,
        count: usize,
    },
    Function {
        function: Function,
        /// What is wanted of its adjoint; none for the function itself.
        pullback: Option<Wanted>,
        /// Each with its first row and its shape.
        arguments: Vec<(ValueId, usize, [usize; 2])>,
        to: ValueId,
        count: usize,
    },
}

#[derive(Clone, Debug)]
pub(super) struct PlannedStep {
    pub(super) stage: usize,
    pub(super) depth: usize,
    pub(super) task: Task,
    pub(super) reads: Vec<ValueId>,
    pub(super) writes: Vec<ValueId>,
}

/// An output of the program.
#[derive(Clone, Debug)]
pub(super) struct OutputRead {
    pub(super) read: Read,
    pub(super) count: usize,
    pub(super) batched: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) values: Vec<Value>,
    pub(super) steps: Vec<PlannedStep>,
    pub(super) outputs: Vec<OutputRead>,
}

impl fmt::Debug for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "matrix of {} columns", self.columns)
    }
}

impl fmt::Debug for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} times [{}, {}] by [{}, {}]",
            self.blocks.len(),
            self.m,
            self.k,
            self.k,
            self.n
        )
    }
}
