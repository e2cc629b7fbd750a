//! Statements and declarations.

use super::super::source::Span;
use super::{BinaryOp, DeclType, Expr, Ident, Index};

/// A statement or a declaration.
#[derive(Debug, Clone, PartialEq)]
pub struct Stmt {
    /// What it is.
    pub kind: StmtKind,
    /// From its first token to its last.
    pub span: Span,
}

/// The kinds of statement.
#[derive(Debug, Clone, PartialEq)]
pub enum StmtKind {
    /// `type a, b = value;`
    Declare {
        /// The type that all names share.
        ty: DeclType,
        /// The names, at least one.
        names: Vec<Declarator>,
    },
    /// `network name = architecture(args);`
    Network(NetworkDecl),
    /// `target_variable = value;` and its compound forms.
    Assign {
        /// What is assigned to.
        target: LValue,
        /// Which operator.
        op: AssignOp,
        /// The right-hand side.
        value: Expr,
    },
    /// `target += value;`
    TargetPlus(Expr),
    /// `jacobian += value;`
    JacobianPlus(Expr),
    /// `value ~ distribution(args) T[lower, upper];`
    Tilde {
        /// What is distributed.
        value: Expr,
        /// The distribution's name, without a suffix.
        distribution: Ident,
        /// Its arguments.
        args: Vec<Expr>,
        /// The truncation, if written.
        truncation: Option<Truncation>,
    },
    /// `name(args);`, a call of a void function.
    Call {
        /// The function.
        name: Ident,
        /// Its arguments.
        args: Vec<Expr>,
    },
    /// `print(...)`, `reject(...)` or `fatal_error(...)`.
    Message {
        /// Which of the three.
        kind: MessageKind,
        /// What is printed.
        parts: Vec<Printable>,
    },
    /// `if (condition) then else otherwise`
    If {
        /// The condition.
        condition: Expr,
        /// The first branch.
        then: Box<Stmt>,
        /// The `else` branch.
        otherwise: Option<Box<Stmt>>,
    },
    /// `for (variable in range) body`
    For {
        /// The loop variable.
        variable: Ident,
        /// What it runs over.
        range: ForRange,
        /// The body.
        body: Box<Stmt>,
    },
    /// `while (condition) body`
    While {
        /// The condition.
        condition: Expr,
        /// The body.
        body: Box<Stmt>,
    },
    /// `break;`
    Break,
    /// `continue;`
    Continue,
    /// `return value;` or `return;`
    Return(Option<Expr>),
    /// `{ ... }`
    Block(Vec<Stmt>),
    /// `profile("name") { ... }`
    Profile {
        /// The profile's name.
        name: String,
        /// The statements.
        body: Vec<Stmt>,
    },
    /// `;`
    Empty,
    /// Something that could not be read, already reported.
    Error,
}

/// The declaration of a network, whose weights are parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkDecl {
    /// The declared name.
    pub name: Ident,
    /// The architecture.
    pub architecture: Ident,
    /// What it is made from.
    pub args: Vec<NetworkArg>,
}

/// `value` or `name = value` among the arguments of an architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkArg {
    /// The name, if written.
    pub name: Option<Ident>,
    /// The value: a variable that is not declared may be meant as a word, as in `activation = tanh`.
    pub value: Expr,
}

/// One name of a declaration.
#[derive(Debug, Clone, PartialEq)]
pub struct Declarator {
    /// The declared name.
    pub name: Ident,
    /// The value it is defined with.
    pub value: Option<Expr>,
}

/// What an assignment assigns to.
#[derive(Debug, Clone, PartialEq)]
pub struct LValue {
    /// What it is.
    pub kind: LValueKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of assignment target.
#[derive(Debug, Clone, PartialEq)]
pub enum LValueKind {
    /// A variable.
    Variable(Ident),
    /// `base[indices]`
    Index {
        /// What is indexed.
        base: Box<LValue>,
        /// The indices of one pair of brackets.
        indices: Vec<Index>,
    },
    /// `base.field`
    Project {
        /// The tuple.
        base: Box<LValue>,
        /// The field, counted from one.
        field: usize,
    },
    /// `(a, b)`, which takes a tuple apart.
    Tuple(Vec<LValue>),
}

/// Assignment operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AssignOp {
    /// `=`
    Plain,
    /// `+=`, `-=`, `*=`, `/=`, `.*=` or `./=`, with its binary operator.
    Compound(BinaryOp),
}

/// `T[lower, upper]`
#[derive(Debug, Clone, PartialEq)]
pub struct Truncation {
    /// Lower end.
    pub lower: Option<Expr>,
    /// Upper end.
    pub upper: Option<Expr>,
    /// The whole truncation.
    pub span: Span,
}

/// Statements that write a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// `print`
    Print,
    /// `reject`
    Reject,
    /// `fatal_error`
    FatalError,
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Printable {
    /// A string literal.
    Text(String),
    /// A value.
    Value(Expr),
}

/// What a `for` loop runs over.
#[derive(Debug, Clone, PartialEq)]
pub enum ForRange {
    /// `first:last`
    Range(Expr, Expr),
    /// The elements of a container.
    Each(Expr),
}
