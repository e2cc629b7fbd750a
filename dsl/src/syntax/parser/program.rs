//! Program blocks and function definitions.

use super::super::ast::{Block, Function, FunctionsBlock, Param, Program, Stmt, StmtKind};
use super::super::lexer::Token;
use super::super::source::Span;
use super::statements::Place;
use super::{Parse, Parser};
use crate::diagnostics::Diagnostic;

/// The blocks in the order in which they must come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum BlockKind {
    Functions,
    Data,
    TransformedData,
    Parameters,
    TransformedParameters,
    Model,
    GeneratedQuantities,
}

impl BlockKind {
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

const ORDER: &str = "the order is functions, data, transformed data, parameters, \
                     transformed parameters, model, generated quantities";

impl Parser<'_> {
    pub(super) fn program(&mut self) -> Program {
        let mut program = Program::default();
        let mut seen: Vec<(BlockKind, Span)> = Vec::new();
        while !self.at(Token::End) {
            match self.block_header() {
                Some((kind, words)) => self.block(&mut program, &mut seen, kind, words),
                None => self.stray(),
            }
        }
        program
    }

    /// The block whose header begins at the current token, and how many words name it.
    fn block_header(&self) -> Option<(BlockKind, usize)> {
        let next = self.peek(1);
        let second =
            |token, word: &str| next.token == token && self.sources.slice(next.span) == word;
        Some(match self.token() {
            Token::Functions => (BlockKind::Functions, 1),
            Token::Data => (BlockKind::Data, 1),
            Token::Parameters => (BlockKind::Parameters, 1),
            Token::Model => (BlockKind::Model, 1),
            Token::Name if self.at_word("transformed") => match next.token {
                Token::Data => (BlockKind::TransformedData, 2),
                Token::Parameters => (BlockKind::TransformedParameters, 2),
                _ => return None,
            },
            Token::Name if self.at_word("generated") && second(Token::Name, "quantities") => {
                (BlockKind::GeneratedQuantities, 2)
            }
            _ => return None,
        })
    }

    /// Whether a block's name and its opening brace come next: inside another block this means
    /// that a closing brace is missing.
    pub(super) fn at_block_header(&self) -> bool {
        self.block_header()
            .is_some_and(|(_, words)| self.peek(words).token == Token::OpenBrace)
    }

    fn block(
        &mut self,
        program: &mut Program,
        seen: &mut Vec<(BlockKind, Span)>,
        kind: BlockKind,
        words: usize,
    ) {
        let mut header = self.bump();
        if words == 2 {
            header = header.to(self.bump());
        }
        let Ok(open) = self.expect(Token::OpenBrace, &format!("`{{` after `{}`", kind.name()))
        else {
            return self.skip_statement(self.position);
        };
        self.check_order(seen, kind, header);
        let first = !seen.iter().any(|(earlier, _)| *earlier == kind);
        seen.push((kind, header));
        if kind == BlockKind::Functions {
            let functions = self.functions(open);
            if first {
                program.functions = Some(FunctionsBlock {
                    functions,
                    span: header.to(self.previous()),
                });
            }
            return;
        }
        let place = if kind == BlockKind::Model {
            Place::Nested
        } else {
            Place::ProgramBlock
        };
        let statements = self.statements(open, place);
        let block = Block {
            statements,
            span: header.to(self.previous()),
        };
        if matches!(kind, BlockKind::Data | BlockKind::Parameters) {
            self.only_declarations(kind, &block.statements);
        }
        let slot = match kind {
            BlockKind::Functions | BlockKind::Data => &mut program.data,
            BlockKind::TransformedData => &mut program.transformed_data,
            BlockKind::Parameters => &mut program.parameters,
            BlockKind::TransformedParameters => &mut program.transformed_parameters,
            BlockKind::Model => &mut program.model,
            BlockKind::GeneratedQuantities => &mut program.generated_quantities,
        };
        if first {
            *slot = Some(block);
        }
    }

    fn check_order(&mut self, seen: &[(BlockKind, Span)], kind: BlockKind, header: Span) {
        let name = kind.name();
        let earlier = seen.iter().find(|(earlier, _)| *earlier >= kind);
        let Some((earlier, place)) = earlier.copied() else {
            return;
        };
        let message = if earlier == kind {
            Diagnostic::error(header, format!("there are two `{name}` blocks"))
                .label("second")
                .related(place, "first")
        } else {
            let after = earlier.name();
            Diagnostic::error(
                header,
                format!("the `{name}` block must come before `{after}`"),
            )
            .label("too late")
            .related(place, "this block comes after it")
            .note(ORDER)
        };
        self.report(message);
    }

    fn only_declarations(&mut self, kind: BlockKind, statements: &[Stmt]) {
        let name = kind.name();
        for statement in statements {
            let (span, what) = match &statement.kind {
                StmtKind::Error | StmtKind::Empty | StmtKind::Network(_) => continue,
                StmtKind::Declare { names, .. } => {
                    match names.iter().find_map(|n| n.value.as_ref()) {
                        Some(value) => (value.span, "a definition"),
                        None => continue,
                    }
                }
                _ => (statement.span, "a statement"),
            };
            self.report(
                Diagnostic::error(span, format!("the `{name}` block holds declarations only"))
                    .label(format!("{what} is not allowed here"))
                    .help(format!("move it to the `transformed {name}` block")),
            );
        }
    }

    /// Something outside all blocks.
    fn stray(&mut self) {
        if self.at(Token::CloseBrace) {
            self.report(
                Diagnostic::error(self.span(), "this `}` closes nothing").label("no `{` is open"),
            );
            self.bump();
            return;
        }
        let names = [
            "functions",
            "data",
            "parameters",
            "model",
            "transformed",
            "generated",
        ];
        let word = self.sources.slice(self.span()).to_string();
        let found = self.found();
        let mut message = Diagnostic::error(
            self.span(),
            format!("expected a program block, found {found}"),
        )
        .label("outside all blocks");
        message = if self.at(Token::Name) {
            message.suggest(&word, names)
        } else {
            message
        };
        if message.help.is_none() {
            message = message.note(ORDER);
        }
        self.report(message);
        // Everything up to the next block is part of the same mistake.
        while !self.at(Token::End) && !self.at_block_header() {
            if self.at(Token::OpenBrace) {
                self.skip_braces();
            } else {
                self.bump();
            }
        }
    }

    fn functions(&mut self, open: Span) -> Vec<Function> {
        let mut functions = Vec::new();
        loop {
            if self.block_ends(open) {
                return functions;
            }
            let start = self.position;
            match self.function() {
                Ok(function) => functions.push(function),
                Err(_) => {
                    self.skip_statement(start);
                    if self.position == start {
                        self.bump();
                    }
                }
            }
        }
    }

    fn function(&mut self) -> Parse<Function> {
        let start = self.span();
        let returns = if self.eat(Token::Void) {
            None
        } else if self.at_type() {
            Some(self.unsized_type()?)
        } else {
            return Err(self.expected("a function, which begins with `void` or a type"));
        };
        let name = self.name("the name of the function")?;
        let open = self.expect(Token::OpenParen, "`(` and the arguments of the function")?;
        let mut params = Vec::new();
        if !self.at(Token::CloseParen) {
            loop {
                params.push(self.param()?);
                if !self.eat(Token::Comma) {
                    break;
                }
            }
        }
        self.close(Token::CloseParen, "`,` or `)`", open)?;
        let span = start.to(self.previous());
        let body = if self.eat(Token::Semicolon) {
            None
        } else if self.at(Token::OpenBrace) {
            let open = self.bump();
            let statements = self.statements(open, Place::Nested);
            Some(Block {
                statements,
                span: open.to(self.previous()),
            })
        } else if matches!(self.token(), Token::CloseBrace | Token::End) || self.at_type() {
            return Err(self.expected("the body of the function, or `;`"));
        } else {
            let statement = self.statement(Place::Nested)?;
            Some(Block {
                span: statement.span,
                statements: vec![statement],
            })
        };
        Ok(Function {
            returns,
            name,
            params,
            body,
            span,
        })
    }

    fn param(&mut self) -> Parse<Param> {
        let start = self.span();
        let data_only = self.eat(Token::Data);
        if !self.at_type() {
            return Err(self.expected("the type of an argument"));
        }
        let ty = self.unsized_type()?;
        let name = self.name("the name of an argument")?;
        Ok(Param {
            data_only,
            ty,
            span: start.to(name.span),
            name,
        })
    }
}
