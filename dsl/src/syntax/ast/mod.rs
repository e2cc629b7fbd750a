//! The untyped syntax tree: what was written, and where.
//!
//! Every node has a [`Span`]. Where the text was wrong the tree has `Error` nodes in place of what
//! could not be read; the diagnostics that go with them were reported by the parser, so later
//! phases stay silent about such nodes.

mod expressions;
mod statements;
mod types;

pub use expressions::{BinaryOp, Expr, ExprKind, Index, UnaryOp};
pub use statements::{
    AssignOp, Declarator, ForRange, LValue, LValueKind, MessageKind, NetworkArg, NetworkDecl,
    Printable, Stmt, StmtKind, Truncation,
};
pub use types::{BaseType, Constraint, DeclElement, DeclType, UnsizedElement, UnsizedType};

pub use super::source::Span;

/// A whole model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Program {
    /// The `functions` block.
    pub functions: Option<FunctionsBlock>,
    /// The `data` block.
    pub data: Option<Block>,
    /// The `transformed data` block.
    pub transformed_data: Option<Block>,
    /// The `parameters` block.
    pub parameters: Option<Block>,
    /// The `transformed parameters` block.
    pub transformed_parameters: Option<Block>,
    /// The `model` block.
    pub model: Option<Block>,
    /// The `generated quantities` block.
    pub generated_quantities: Option<Block>,
}

/// A program block, or any `{ ... }` of statements.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Declarations and statements in their order.
    pub statements: Vec<Stmt>,
    /// From the block's first word to its closing brace.
    pub span: Span,
}

/// The `functions` block.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionsBlock {
    /// Definitions and forward declarations in their order.
    pub functions: Vec<Function>,
    /// From `functions` to its closing brace.
    pub span: Span,
}

/// A function definition, or a forward declaration when it has no body.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// What it returns; `None` for `void`.
    pub returns: Option<UnsizedType>,
    /// Its name.
    pub name: Ident,
    /// Its arguments.
    pub params: Vec<Param>,
    /// Its body; `None` for a forward declaration.
    pub body: Option<Block>,
    /// From the return type to the closing parenthesis.
    pub span: Span,
}

/// One argument of a function definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Whether it is qualified with `data`.
    pub data_only: bool,
    /// Its type.
    pub ty: UnsizedType,
    /// Its name.
    pub name: Ident,
    /// From the qualifier or type to the name.
    pub span: Span,
}

/// A name as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Ident {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}
