//! Statements that hold statements, and declarations.

use super::super::ast::{Declarator, Expr, ExprKind, ForRange, Ident, Stmt, StmtKind};
use super::super::lexer::Token;
use super::super::source::Span;
use super::{Parse, Parser};
use crate::diagnostics::Diagnostic;

/// Where a statement stands, which decides what it may declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Directly in a program block: declarations may have constraints.
    ProgramBlock,
    /// Anywhere else.
    Nested,
}

impl Parser<'_> {
    /// Statements up to the closing brace, which is taken too.
    pub(super) fn statements(&mut self, open: Span, place: Place) -> Vec<Stmt> {
        let mut statements = Vec::new();
        while !self.block_ends(open) {
            let start = (self.position, self.span());
            match self.statement(place) {
                Ok(statement) => statements.push(statement),
                Err(_) => {
                    self.skip_statement(start.0);
                    if self.position == start.0 {
                        self.bump();
                    }
                    let span = start.1.to(self.previous());
                    statements.push(Stmt {
                        kind: StmtKind::Error,
                        span,
                    });
                }
            }
        }
        statements
    }

    /// Whether a block ends here; its closing brace is taken, or reported if it is missing.
    pub(super) fn block_ends(&mut self, open: Span) -> bool {
        if self.eat(Token::CloseBrace) {
            return true;
        }
        if self.at(Token::End) || self.at_block_header() {
            let found = self.found();
            self.report(
                Diagnostic::error(self.span(), format!("expected `}}`, found {found}"))
                    .label("a block is still open here")
                    .related(open, "opened here"),
            );
            return true;
        }
        false
    }

    pub(super) fn statement(&mut self, place: Place) -> Parse<Stmt> {
        let start = self.span();
        let kind = self.nested(|p| p.statement_kind(place))?;
        Ok(Stmt {
            kind,
            span: start.to(self.previous()),
        })
    }

    fn statement_kind(&mut self, place: Place) -> Parse<StmtKind> {
        let start = self.span();
        match self.token() {
            Token::Semicolon => {
                self.bump();
                Ok(StmtKind::Empty)
            }
            Token::OpenBrace if !self.at_array_literal() => {
                self.bump();
                Ok(StmtKind::Block(self.statements(start, Place::Nested)))
            }
            Token::If => self.if_statement(),
            Token::For => self.for_statement(),
            Token::While => self.while_statement(),
            Token::Profile => self.profile(),
            Token::Break => {
                self.bump();
                self.semicolon()?;
                Ok(StmtKind::Break)
            }
            Token::Continue => {
                self.bump();
                self.semicolon()?;
                Ok(StmtKind::Continue)
            }
            Token::Return => {
                self.bump();
                let value = if self.at(Token::Semicolon) {
                    None
                } else {
                    Some(self.expression()?)
                };
                self.semicolon_or(" or an operator")?;
                Ok(StmtKind::Return(value))
            }
            Token::Print | Token::Reject | Token::FatalError => self.message(),
            Token::Target => self.target_statement(),
            Token::Else => Err(self.report(
                Diagnostic::error(start, "this `else` belongs to no `if`")
                    .label("no `if` before it")
                    .note("`else` comes right after the branch of an `if`"),
            )),
            _ if self.at_type() => self.declaration(place),
            _ if self.at_network() => self.network(),
            _ => self.simple_statement(),
        }
    }

    /// Whether `{` begins an array, as in `{a, b} ~ normal(0, 1);`, and not a block.
    fn at_array_literal(&self) -> bool {
        let mut open = 0;
        for ahead in 0..MAX_ARRAY_TOKENS {
            match self.peek(ahead).token {
                Token::OpenBrace => open += 1,
                Token::CloseBrace if open == 1 => {
                    return self.peek(ahead + 1).token == Token::Tilde;
                }
                Token::CloseBrace => open -= 1,
                Token::Semicolon | Token::End => return false,
                _ => {}
            }
        }
        false
    }

    fn declaration(&mut self, place: Place) -> Parse<StmtKind> {
        let (first, start) = (self.position, self.span());
        let ty = self.declared_type(place == Place::ProgramBlock)?;
        let mut names = Vec::new();
        loop {
            let name = self.name("the name of a variable")?;
            if self.at(Token::OpenBracket) {
                self.sizes_after_name(start, &name)?;
            }
            let value = if self.eat(Token::Assign) {
                Some(self.expression().unwrap_or(Expr {
                    kind: ExprKind::Error,
                    span: name.span,
                }))
            } else {
                None
            };
            let failed = matches!(
                &value,
                Some(Expr {
                    kind: ExprKind::Error,
                    ..
                })
            );
            names.push(Declarator { name, value });
            if failed {
                self.skip_statement(first);
                return Ok(StmtKind::Declare { ty, names });
            }
            if !self.eat(Token::Comma) {
                break;
            }
        }
        let follows = match names.last() {
            Some(Declarator { value: Some(_), .. }) => ", `,` or an operator",
            _ => ", `,` or `=`",
        };
        if self.semicolon_or(follows).is_err() {
            self.skip_statement(first);
        }
        Ok(StmtKind::Declare { ty, names })
    }

    /// `real x[N]`, the removed way to declare an array.
    fn sizes_after_name(&mut self, start: Span, name: &Ident) -> Parse<()> {
        let ty_end = self.tokens[self.position.saturating_sub(2)].span;
        let ty = self.sources.slice(start.to(ty_end)).to_string();
        let open = self.bump();
        let mut sizes = vec![self.expression()?];
        while self.eat(Token::Comma) {
            sizes.push(self.expression()?);
        }
        self.close(Token::CloseBracket, "`,` or `]`", open)?;
        let brackets = self.sources.slice(open.to(self.previous())).to_string();
        self.report(
            Diagnostic::error(
                name.span.to(self.previous()),
                "array sizes after the name were removed from Stan",
            )
            .label("array in the removed syntax")
            .help(format!("write `array{brackets} {ty} {}`", name.name)),
        );
        Ok(())
    }

    /// The statement that a loop or branch repeats or guards.
    fn body(&mut self) -> Parse<Box<Stmt>> {
        self.statement(Place::Nested).map(Box::new)
    }

    fn if_statement(&mut self) -> Parse<StmtKind> {
        let keyword = self.bump();
        let condition = self.condition("if", keyword)?;
        let then = self.body()?;
        let otherwise = if self.eat(Token::Else) {
            Some(self.body()?)
        } else {
            None
        };
        Ok(StmtKind::If {
            condition,
            then,
            otherwise,
        })
    }

    fn while_statement(&mut self) -> Parse<StmtKind> {
        let keyword = self.bump();
        let condition = self.condition("while", keyword)?;
        let body = self.body()?;
        Ok(StmtKind::While { condition, body })
    }

    fn condition(&mut self, keyword: &str, span: Span) -> Parse<Expr> {
        if !self.at(Token::OpenParen) {
            return Err(self.expected(&format!("`(` after `{keyword}`")));
        }
        let condition = self.header(keyword, |p| {
            let condition = p.expression()?;
            if p.at(Token::Assign) {
                return Err(p.report(
                    Diagnostic::error(p.span(), "expected a condition, found an assignment")
                        .label("assigns")
                        .help("compare with `==`"),
                ));
            }
            Ok(condition)
        });
        Ok(condition.unwrap_or(Expr {
            kind: ExprKind::Error,
            span,
        }))
    }

    fn for_statement(&mut self) -> Parse<StmtKind> {
        let keyword = self.bump();
        if !self.at(Token::OpenParen) {
            return Err(self.expected("`(` after `for`"));
        }
        let mut variable = Ident {
            name: String::new(),
            span: keyword,
        };
        let range = self.header("for", |p| {
            variable = p.name("the name of the loop variable")?;
            p.expect(Token::In, "`in`")?;
            let first = p.expression()?;
            if !p.eat(Token::Colon) {
                return Ok(ForRange::Each(first));
            }
            Ok(ForRange::Range(first, p.expression()?))
        });
        let failed = Expr {
            kind: ExprKind::Error,
            span: keyword,
        };
        let range = range.unwrap_or(ForRange::Each(failed));
        Ok(StmtKind::For {
            variable,
            range,
            body: self.body()?,
        })
    }

    fn profile(&mut self) -> Parse<StmtKind> {
        self.bump();
        let open = self.expect(Token::OpenParen, "`(` and the name of the profile")?;
        if !self.at(Token::Text) {
            return Err(self.expected("the name of the profile, a string"));
        }
        let name = self.text();
        self.close(Token::CloseParen, "`)`", open)?;
        let open = self.expect(Token::OpenBrace, "`{` and the statements of the profile")?;
        Ok(StmtKind::Profile {
            name,
            body: self.statements(open, Place::Nested),
        })
    }
}

/// How far [`Parser::at_array_literal`] looks ahead.
const MAX_ARRAY_TOKENS: usize = 1000;
