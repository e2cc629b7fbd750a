//! Expressions.

use super::super::source::Span;
use super::Ident;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands, enclosing parentheses included.
    pub span: Span,
}

/// The kinds of expression.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// An integer literal. Literals beyond 32 bits are reported and held as they are.
    Int(i64),
    /// A real literal.
    Real(f64),
    /// An imaginary literal such as `2.5i`, without its `i`.
    Imaginary(f64),
    /// A variable, or a function that is passed by name.
    Variable(Ident),
    /// `name(args)`, or `name(first | rest)` when `conditional`.
    Call {
        /// The function.
        name: Ident,
        /// Its arguments.
        args: Vec<Expr>,
        /// Whether a bar follows the first argument.
        conditional: bool,
    },
    /// `target()`
    Target,
    /// A prefix operator.
    Unary {
        /// Which.
        op: UnaryOp,
        /// What it applies to.
        operand: Box<Expr>,
    },
    /// An infix operator.
    Binary {
        /// Which.
        op: BinaryOp,
        /// Where the operator stands.
        op_span: Span,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// `condition ? then : otherwise`
    Ternary {
        /// The condition.
        condition: Box<Expr>,
        /// The value if it holds.
        then: Box<Expr>,
        /// The value if not.
        otherwise: Box<Expr>,
    },
    /// `operand'`
    Transpose(Box<Expr>),
    /// `base[indices]`
    Index {
        /// What is indexed.
        base: Box<Expr>,
        /// The indices of one pair of brackets; `a[]` has none.
        indices: Vec<Index>,
    },
    /// `base.field`
    Project {
        /// The tuple.
        base: Box<Expr>,
        /// The field, counted from one.
        field: usize,
    },
    /// `{a, b}`
    Array(Vec<Expr>),
    /// `[a, b]`: a row vector, or a matrix when its elements are row vectors.
    RowVector(Vec<Expr>),
    /// `(a, b)`; `(a,)` has one element.
    Tuple(Vec<Expr>),
    /// Something that could not be read, already reported.
    Error,
}

/// One index between brackets.
#[derive(Debug, Clone, PartialEq)]
pub enum Index {
    /// An integer, or an array of integers.
    Single(Expr),
    /// `:` with the ends that were written.
    Slice {
        /// First element.
        first: Option<Expr>,
        /// Last element, included.
        last: Option<Expr>,
        /// The whole index.
        span: Span,
    },
}

impl Index {
    /// Where the index stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Single(index) => index.span,
            Self::Slice { span, .. } => *span,
        }
    }
}

/// Prefix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `!`
    Not,
    /// `-`
    Minus,
    /// `+`
    Plus,
}

impl UnaryOp {
    /// The operator as written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Not => "!",
            Self::Minus => "-",
            Self::Plus => "+",
        }
    }
}

/// Infix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    IntegerDivide,
    Modulo,
    ElementMultiply,
    ElementDivide,
    LeftDivide,
    Power,
    ElementPower,
}

impl BinaryOp {
    /// The operator as written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::IntegerDivide => "%/%",
            Self::Modulo => "%",
            Self::ElementMultiply => ".*",
            Self::ElementDivide => "./",
            Self::LeftDivide => "\\",
            Self::Power => "^",
            Self::ElementPower => ".^",
        }
    }
}
