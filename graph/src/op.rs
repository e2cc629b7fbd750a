use std::sync::Arc;

use smallvec::SmallVec;

use crate::{Array, Function, InputId, MassDerivative, NodeId, Problem, Wanted};

/// Static positions along an axis.
pub type Index = Arc<[u32]>;

/// An elementwise function of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    Neg,
    Abs,
    Sign,
    Exp,
    /// exp(x) - 1
    Expm1,
    Log,
    /// log(1 + x)
    Log1p,
    /// log(1 - exp(x)) for x <= 0
    Log1mExp,
    /// log(1 + exp(x))
    Log1pExp,
    Sqrt,
    Square,
    /// 1 / x
    Recip,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Floor,
    Ceil,
    Round,
    /// 1 / (1 + exp(-x))
    Sigmoid,
    Lgamma,
    Digamma,
    Trigamma,
    /// The derivative of digamma of this order: 1 is trigamma.
    Polygamma(u8),
    Erf,
    Erfc,
}

/// An elementwise function of two arguments; their shapes broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    /// x y, and 0 where x is 0 whatever y is (infinite, NaN): for cotangents of branches that are not taken
    ZeroMul,
    Div,
    Pow,
    Atan2,
    Min,
    Max,
    /// x log(y), and 0 where both are 0
    MultiplyLog,
    /// log(exp(x) + exp(y))
    LogAddExp,
    /// 1 where x < y, else 0
    Less,
    /// 1 where x <= y, else 0
    LessEqual,
    /// 1 where x = y, else 0
    Equal,
}

/// A function of a square matrix; of each one, where there are leading axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatrixFunction {
    /// The lower triangular L of `A = L L'`, read from the lower triangle of A. A matrix that is not positive definite
    /// has a diagonal in L that is not positive (0 or NaN).
    Cholesky,
    /// Of the symmetric matrix with this lower triangle: the eigenvalues, ascending, as the first row, and below it a matrix
    /// whose columns are their vectors. `[n, n]` becomes `[n + 1, n]`. NaN where the matrix is not finite.
    Eigen,
    /// The determinant: both axes are removed.
    Determinant,
    /// The logarithm of the determinant's absolute value: both axes are removed.
    LogDeterminant,
}

/// How a matrix A stands in the equations `A X = B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum System {
    /// Lower triangular; what is above the diagonal is not read.
    Lower,
    /// The transpose of such a matrix, which is given.
    LowerTransposed,
    /// Any square matrix, by elimination with partial pivoting.
    General,
}

/// What a node computes. Axes are those of one draw: the axis of draws is not among them.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Data, the same for every draw.
    Const(Array),
    /// The program's input of this number: a vector, one for each draw or one for all.
    Input(InputId),
    Unary(Unary, NodeId),
    Binary(Binary, NodeId, NodeId),
    /// `if_true` where `condition` is not zero, else `if_false`. The branch that is not taken has no influence, NaN included.
    Select {
        condition: NodeId,
        if_true: NodeId,
        if_false: NodeId,
    },
    /// The same elements, row-major, under another shape.
    Reshape(NodeId),
    /// Repeated along axes of size one and new leading axes.
    Broadcast(NodeId),
    /// Axis `i` of the result is axis `axes[i]` of the argument.
    Permute(NodeId, SmallVec<[usize; 4]>),
    /// Joined along an axis.
    Concat(Vec<NodeId>, usize),
    /// The positions `start..start + len` along an axis.
    Slice {
        x: NodeId,
        axis: usize,
        start: usize,
        len: usize,
    },
    /// Rows (along axis 0) at static positions.
    Gather(NodeId, Index),
    /// The adjoint of a gather: row `i` of the argument is added to row `index[i]` of a result with `rows` rows.
    SegmentSum {
        x: NodeId,
        index: Index,
        rows: usize,
    },
    /// Sum along an axis, which is removed.
    Sum(NodeId, usize),
    /// Largest along an axis, which is removed.
    Max(NodeId, usize),
    /// log of the sum of exp along an axis, which is removed; -inf where all are.
    LogSumExp(NodeId, usize),
    /// A function of as many numbers as the first axis has, which is removed.
    Mass(MassDerivative, NodeId),
    /// Running sum along an axis; from the end when `reverse`.
    CumulativeSum {
        x: NodeId,
        axis: usize,
        reverse: bool,
    },
    /// Matrix product over the last two axes; leading axes broadcast. Both have two axes or more.
    Matmul(NodeId, NodeId),
    /// A function of the square matrix in the last two axes.
    Matrix(MatrixFunction, NodeId),
    /// The X of `matrix X = right`, over the last two axes; leading axes broadcast.
    LinearSolve {
        system: System,
        matrix: NodeId,
        right: NodeId,
    },
    /// Sum over the draws: one value for all of them.
    SumDraws(NodeId),
    /// A value that is the same for every draw, given to each draw as its own.
    Spread(NodeId),
    /// Solutions of differential equations, `[systems, 1, outputs, states]`. The arguments are the initial states
    /// `[systems, states]`, the times `[systems, 1 + outputs]` and the parameters `[systems, parameters]`. With `sensitivities`
    /// the second axis has these too: see [`Problem`].
    Solve {
        problem: Arc<Problem>,
        arguments: [NodeId; 3],
        sensitivities: bool,
    },
    /// A function with weights `[weights]` of the rows of inputs `[rows, inputs]`: `[rows, outputs]`.
    Apply {
        function: Function,
        /// Weights and inputs.
        arguments: [NodeId; 2],
    },
    /// The adjoint of such an application: the cotangents that are wanted, joined to one vector.
    ApplyPullback {
        function: Function,
        /// Weights, inputs, and the cotangent `[rows, outputs]`.
        arguments: [NodeId; 3],
        wanted: Wanted,
    },
}

impl Op {
    /// Calls `visit` with each argument, in order.
    pub fn for_each_argument(&self, mut visit: impl FnMut(NodeId)) {
        match self {
            Op::Const(_) | Op::Input(_) => {}
            Op::Unary(_, x)
            | Op::Reshape(x)
            | Op::Broadcast(x)
            | Op::Permute(x, _)
            | Op::Gather(x, _)
            | Op::Slice { x, .. }
            | Op::SegmentSum { x, .. }
            | Op::Sum(x, _)
            | Op::Max(x, _)
            | Op::LogSumExp(x, _)
            | Op::Mass(_, x)
            | Op::CumulativeSum { x, .. }
            | Op::Matrix(_, x)
            | Op::SumDraws(x)
            | Op::Spread(x) => visit(*x),
            Op::Binary(_, x, y) | Op::Matmul(x, y) => {
                visit(*x);
                visit(*y);
            }
            Op::LinearSolve { matrix, right, .. } => {
                visit(*matrix);
                visit(*right);
            }
            Op::Select {
                condition,
                if_true,
                if_false,
            } => {
                visit(*condition);
                visit(*if_true);
                visit(*if_false);
            }
            Op::Concat(parts, _) => parts.iter().copied().for_each(visit),
            Op::Apply { arguments, .. } => arguments.iter().copied().for_each(visit),
            Op::Solve { arguments, .. } | Op::ApplyPullback { arguments, .. } => {
                arguments.iter().copied().for_each(visit)
            }
        }
    }
}
