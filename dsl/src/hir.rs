//! The checked program: names are slots, every expression has a type, every call knows its function.
//!
//! Invariant: what the staging step does not support never gets here; the checker refuses it by name.

use crate::library;
use crate::syntax::Span;
use crate::types::Type;

/// A checked program. Its blocks share one frame of variables.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// The variables of the program's frame, by slot: those of all blocks, their locals and loop variables.
    pub variables: Vec<Variable>,
    pub functions: Vec<UserFunction>,
    pub data: Vec<Declaration>,
    pub transformed_data: Vec<Statement>,
    pub parameters: Vec<Declaration>,
    /// The networks among the parameters.
    pub networks: Vec<Network>,
    pub transformed_parameters: Vec<Statement>,
    pub model: Vec<Statement>,
    pub generated_quantities: Vec<Statement>,
    /// Takes the place of the relative and absolute tolerances of differential equations.
    pub solver_tolerance: Option<f64>,
}

/// A variable of a frame (the program's, or one function's).
#[derive(Clone, Debug)]
pub struct Variable {
    pub name: String,
    pub type_: Type,
}

/// The number of a variable in its frame.
pub type Slot = usize;

/// A function that the program defines. Its arguments are its first slots.
#[derive(Clone, Debug)]
pub struct UserFunction {
    pub name: String,
    pub variables: Vec<Variable>,
    pub arguments: usize,
    pub returns: Type,
    pub body: Vec<Statement>,
    pub span: Span,
}

/// A declaration with its sizes. Top-level declarations of transformed parameters and generated quantities are
/// [`StatementKind::Declare`] statements directly in their block, and so are in order.
#[derive(Clone, Debug)]
pub struct Declaration {
    pub slot: Slot,
    pub name: String,
    pub type_: SizedType,
    pub span: Span,
}

/// A type with its sizes and its constraint.
#[derive(Clone, Debug)]
pub struct SizedType {
    /// Sizes of the array's axes, outermost first; none for what is no array.
    pub array: Vec<Expression>,
    pub element: Element,
    pub constraint: Constraint,
}

/// What an array holds, or what stands alone.
#[derive(Clone, Debug)]
pub enum Element {
    Int,
    Real,
    Vector(Expression),
    RowVector(Expression),
    /// Rows and columns.
    Matrix(Expression, Expression),
    /// The weights of a network, by its number: a vector.
    Weights(usize),
}

/// A network: a variable that holds its weights, and can be called.
#[derive(Clone, Debug)]
pub struct Network {
    pub slot: Slot,
    pub name: String,
    /// The name of the plugin that makes it.
    pub architecture: String,
    /// Its options by name, in the order in which they were written.
    pub options: Vec<(String, NetworkOption)>,
    /// The name and the arguments of the architecture.
    pub span: Span,
}

/// The value of an option of an architecture.
#[derive(Clone, Debug)]
pub enum NetworkOption {
    /// An int, a real, or an array of ints, known from data.
    Value(Expression),
    /// `tanh`
    Word(String),
}

/// The constraint of a declaration: a transform in `parameters`, a check elsewhere.
#[derive(Clone, Debug)]
pub enum Constraint {
    None,
    /// Either may be missing, not both. Scalars, or containers of the declared shape.
    Bounds {
        lower: Option<Expression>,
        upper: Option<Expression>,
    },
    /// Either may be missing, not both.
    Affine {
        offset: Option<Expression>,
        multiplier: Option<Expression>,
    },
    Simplex,
    Ordered,
    PositiveOrdered,
    UnitVector,
    SumToZero,
    CholeskyFactorCorr,
    /// A square one, or one with more rows than columns.
    CholeskyFactorCov,
    CorrMatrix,
    CovMatrix,
    /// Each column a simplex.
    ColumnStochastic,
    /// Each row a simplex.
    RowStochastic,
}

/// A statement and where it stands.
#[derive(Clone, Debug)]
pub struct Statement {
    pub kind: StatementKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum StatementKind {
    Declare(Box<Declaration>, Option<Expression>),
    /// `target op= value`; no `op` for plain `=`.
    Assign {
        target: Place,
        op: Option<BinaryOp>,
        value: Expression,
    },
    /// `target += value`; a container is summed. `value ~ distribution(arguments)` is one too: constants are kept.
    TargetAdd(Expression),
    If {
        condition: Expression,
        then: Vec<Statement>,
        otherwise: Vec<Statement>,
    },
    /// `for (variable in lower:upper)`
    For {
        variable: Slot,
        lower: Expression,
        upper: Expression,
        body: Vec<Statement>,
    },
    /// `for (variable in container)`; a matrix is walked in column-major order.
    ForEach {
        variable: Slot,
        container: Expression,
        body: Vec<Statement>,
    },
    While {
        condition: Expression,
        body: Vec<Statement>,
    },
    Break,
    Continue,
    Return(Option<Expression>),
    Block(Vec<Statement>),
    Print(Vec<Printable>),
    Reject(Vec<Printable>),
    FatalError(Vec<Printable>),
    /// A call of a function that returns nothing.
    Call(Expression),
}

/// What is assigned to.
#[derive(Clone, Debug)]
pub struct Place {
    pub slot: Slot,
    pub indices: Vec<Index>,
    /// Of the place after its indices.
    pub type_: Type,
    pub span: Span,
}

/// An argument of `print` or `reject`.
#[derive(Clone, Debug)]
pub enum Printable {
    Text(String),
    Value(Expression),
}

/// An expression, its type and where it stands.
#[derive(Clone, Debug)]
pub struct Expression {
    pub kind: ExpressionKind,
    pub type_: Type,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum ExpressionKind {
    Int(i64),
    Real(f64),
    Variable(Slot),
    Unary(UnaryOp, Box<Expression>),
    Binary(BinaryOp, Box<Expression>, Box<Expression>),
    /// `&&`, evaluated from left to right as far as needed.
    And(Box<Expression>, Box<Expression>),
    /// `||`, evaluated from left to right as far as needed.
    Or(Box<Expression>, Box<Expression>),
    /// `condition ? then : otherwise`
    Conditional(Box<Expression>, Box<Expression>, Box<Expression>),
    /// Made by [`ExpressionKind::indexed`].
    Index(Box<Expression>, Vec<Index>),
    /// A function of the language.
    Call(&'static library::Function, Vec<Expression>),
    /// A function of the program, by its number.
    UserCall(usize, Vec<Expression>),
    /// `{a, b, c}`
    Array(Vec<Expression>),
    /// `[a, b, c]` of scalars (a row vector) or of row vectors (a matrix)
    Row(Vec<Expression>),
    /// `target()`
    Target,
    /// The solution of differential equations.
    Solve(Box<Solve>),
    /// A network, by its number, at one row or several.
    Apply(usize, Box<Expression>),
    /// The weights that a network, by its number, was given to begin with.
    InitialWeights(usize),
}

impl ExpressionKind {
    /// `base[indices]`, where `x[i][j]` is `x[i, j]`: so it is while every index but the last picks one.
    pub fn indexed(base: Expression, mut indices: Vec<Index>) -> Self {
        let (base, first) = match base.kind {
            ExpressionKind::Index(inner, first)
                if first.iter().all(|index| matches!(index, Index::Single(_))) =>
            {
                (inner, first)
            }
            _ => (Box::new(base), Vec::new()),
        };
        indices.splice(0..0, first);
        ExpressionKind::Index(base, indices)
    }
}

/// A call of a solver of differential equations.
#[derive(Clone, Debug)]
pub struct Solve {
    pub solver: &'static library::Solver,
    /// The program's function that is the right-hand side, by its number.
    pub function: usize,
    pub state: Expression,
    pub initial_time: Expression,
    pub times: Expression,
    /// Relative tolerance, absolute tolerance, steps at most.
    pub tolerances: Option<Box<[Expression; 3]>>,
    /// What the function takes after time and state.
    pub arguments: Vec<Expression>,
}

impl Solve {
    /// All expressions in the call.
    pub fn all(&self) -> impl Iterator<Item = &Expression> {
        let tolerances = self.tolerances.iter().flat_map(|all| all.iter());
        [&self.state, &self.initial_time, &self.times]
            .into_iter()
            .chain(tolerances)
            .chain(&self.arguments)
    }
}

#[derive(Clone, Debug)]
pub enum Index {
    Single(Expression),
    /// By an array of ints.
    Multiple(Expression),
    /// `lower:upper`; a missing end is the container's.
    Range(Option<Expression>, Option<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    Minus,
    Plus,
    Not,
    Transpose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// `\`
    LeftDivide,
    /// `%/%`
    IntDivide,
    /// `%`
    Modulo,
    ElementMultiply,
    ElementDivide,
    Power,
    ElementPower,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}
