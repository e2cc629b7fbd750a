//! Types as written: of variables and of function arguments.

use super::super::source::Span;
use super::Expr;

/// A type without sizes, as in function arguments: `array[,] vector`.
#[derive(Debug, Clone, PartialEq)]
pub struct UnsizedType {
    /// Number of array dimensions; zero when it is not an array.
    pub array_rank: usize,
    /// What the array holds, or the type itself.
    pub element: UnsizedElement,
    /// The whole type.
    pub span: Span,
}

/// A type without sizes and without array dimensions.
#[derive(Debug, Clone, PartialEq)]
pub enum UnsizedElement {
    /// A built-in type. Constrained types such as `simplex` do not occur.
    Base(BaseType),
    /// A tuple of types.
    Tuple(Vec<UnsizedType>),
}

/// The built-in types by their keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum BaseType {
    Int,
    Real,
    Complex,
    Vector,
    RowVector,
    Matrix,
    ComplexVector,
    ComplexRowVector,
    ComplexMatrix,
    Ordered,
    PositiveOrdered,
    Simplex,
    UnitVector,
    SumToZeroVector,
    SumToZeroMatrix,
    CholeskyFactorCorr,
    CholeskyFactorCov,
    CorrMatrix,
    CovMatrix,
    ColumnStochasticMatrix,
    RowStochasticMatrix,
}

impl BaseType {
    /// The keyword.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Real => "real",
            Self::Complex => "complex",
            Self::Vector => "vector",
            Self::RowVector => "row_vector",
            Self::Matrix => "matrix",
            Self::ComplexVector => "complex_vector",
            Self::ComplexRowVector => "complex_row_vector",
            Self::ComplexMatrix => "complex_matrix",
            Self::Ordered => "ordered",
            Self::PositiveOrdered => "positive_ordered",
            Self::Simplex => "simplex",
            Self::UnitVector => "unit_vector",
            Self::SumToZeroVector => "sum_to_zero_vector",
            Self::SumToZeroMatrix => "sum_to_zero_matrix",
            Self::CholeskyFactorCorr => "cholesky_factor_corr",
            Self::CholeskyFactorCov => "cholesky_factor_cov",
            Self::CorrMatrix => "corr_matrix",
            Self::CovMatrix => "cov_matrix",
            Self::ColumnStochasticMatrix => "column_stochastic_matrix",
            Self::RowStochasticMatrix => "row_stochastic_matrix",
        }
    }

    /// How many sizes the type takes in a declaration: fewest and most.
    pub fn sizes(self) -> (usize, usize) {
        match self {
            Self::Int | Self::Real | Self::Complex => (0, 0),
            Self::Matrix
            | Self::ComplexMatrix
            | Self::SumToZeroMatrix
            | Self::ColumnStochasticMatrix
            | Self::RowStochasticMatrix => (2, 2),
            Self::CholeskyFactorCov => (1, 2),
            _ => (1, 1),
        }
    }

    /// Whether the type is a constraint in itself: allowed for variables of a program block only,
    /// and without bounds.
    pub fn is_constrained(self) -> bool {
        !matches!(
            self,
            Self::Int
                | Self::Real
                | Self::Complex
                | Self::Vector
                | Self::RowVector
                | Self::Matrix
                | Self::ComplexVector
                | Self::ComplexRowVector
                | Self::ComplexMatrix
        )
    }
}

/// The type of a declared variable: `array[N] vector<lower=0>[K]`.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclType {
    /// Array sizes, outermost first; empty when it is not an array.
    pub array_sizes: Vec<Expr>,
    /// What the array holds, or the type itself.
    pub element: DeclElement,
    /// The whole type.
    pub span: Span,
}

/// A declared type without its array dimensions.
#[derive(Debug, Clone, PartialEq)]
pub enum DeclElement {
    /// A built-in type.
    Base {
        /// Which.
        base: BaseType,
        /// What stands between `<` and `>`.
        constraint: Constraint,
        /// Sizes in brackets, as many as [`BaseType::sizes`] allows unless reported.
        sizes: Vec<Expr>,
    },
    /// A tuple of types.
    Tuple(Vec<DeclType>),
}

/// Bounds or an affine transform in a declaration.
#[derive(Debug, Clone, PartialEq)]
pub enum Constraint {
    /// Nothing was written.
    None,
    /// `<lower=..., upper=...>`, at least one of them present.
    Bounds {
        /// Lower bound.
        lower: Option<Box<Expr>>,
        /// Upper bound.
        upper: Option<Box<Expr>>,
        /// From `<` to `>`.
        span: Span,
    },
    /// `<offset=..., multiplier=...>`, at least one of them present.
    Affine {
        /// Offset.
        offset: Option<Box<Expr>>,
        /// Multiplier.
        multiplier: Option<Box<Expr>>,
        /// From `<` to `>`.
        span: Span,
    },
}
