//! From the syntax tree to a checked program: names become slots, every expression gets its type,
//! every call its function, and what the language forbids or this compiler lacks is refused.
//!
//! The checker goes through the program once, in its order; only the signatures of the program's
//! functions are read ahead, so that functions may call each other. An expression that was
//! reported as wrong has the type [`Type::Unknown`], which agrees with everything, so that one
//! mistake gives one message.

mod absent;
mod blocks;
mod calls;
mod declarations;
mod expressions;
mod flow;
mod functions;
mod indexing;
mod networks;
mod operators;
mod overloads;
mod partial_sums;
mod scope;
mod slices;
mod solvers;
mod statements;
mod suffix;
mod truncation;

use crate::diagnostics::Diagnostic;
use crate::hir::{self, ExpressionKind};
use crate::syntax::{MAX_DIAGNOSTICS, Span, ast};
use crate::types::Type;

use functions::UserSignature;
use scope::Scope;
use suffix::Suffix;

/// Checks a program that was parsed without a diagnostic.
///
/// Returns the checked program, unless one of the diagnostics is an error. Diagnostics come in
/// the order of the text, at most [`MAX_DIAGNOSTICS`] of them.
pub fn check(program: &ast::Program) -> (Option<hir::Program>, Vec<Diagnostic>) {
    let mut checker = Checker {
        functions: Vec::new(),
        networks: Vec::new(),
        scope: Scope::default(),
        context: Context::in_block(Block::Functions),
        diagnostics: Vec::new(),
    };
    let checked = checker.program(program);
    let mut diagnostics = checker.diagnostics;
    diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    diagnostics.dedup();
    let right = !diagnostics.iter().any(Diagnostic::is_error);
    diagnostics.truncate(MAX_DIAGNOSTICS);
    (right.then_some(checked), diagnostics)
}

/// The blocks of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Functions,
    Data,
    TransformedData,
    Parameters,
    TransformedParameters,
    Model,
    GeneratedQuantities,
}

impl Block {
    fn name(self) -> &'static str {
        match self {
            Self::Functions => "functions",
            Self::Data => "data",
            Self::TransformedData => "transformed data",
            Self::Parameters => "parameters",
            Self::TransformedParameters => "transformed parameters",
            Self::Model => "model",
            Self::GeneratedQuantities => "generated quantities",
        }
    }
}

/// Where the checker is, as far as it decides what is allowed.
#[derive(Debug, Clone)]
struct Context {
    block: Block,
    /// Whether statements stand directly in a program block.
    top_level: bool,
    /// How many loops are around the statement.
    loops: usize,
    /// The function whose body is checked: what it returns, and what its name ends in.
    function: Option<(Type, Suffix)>,
}

impl Context {
    fn in_block(block: Block) -> Self {
        Self {
            block,
            top_level: true,
            loops: 0,
            function: None,
        }
    }

    /// Whether the log density may be added to.
    fn adds_to_target(&self) -> bool {
        match &self.function {
            Some((_, suffix)) => *suffix == Suffix::Lp,
            None => self.block == Block::Model,
        }
    }
}

struct Checker {
    /// The functions of the program by their number in the checked program.
    functions: Vec<UserSignature>,
    networks: Vec<hir::Network>,
    scope: Scope,
    context: Context,
    diagnostics: Vec<Diagnostic>,
}

impl Checker {
    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Reports a mistake in an expression, and gives the expression that stands for it.
    fn wrong(&mut self, diagnostic: Diagnostic, span: Span) -> hir::Expression {
        self.report(diagnostic);
        unknown(span)
    }
}

/// The expression that stands for one that was reported as wrong.
fn unknown(span: Span) -> hir::Expression {
    hir::Expression {
        kind: ExpressionKind::Int(0),
        type_: Type::Unknown,
        span,
    }
}
