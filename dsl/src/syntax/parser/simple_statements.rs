//! Statements without statements inside: assignments, distributions, calls, messages.

use super::super::ast::{
    AssignOp, BinaryOp, Expr, ExprKind, LValue, LValueKind, MessageKind, Printable, StmtKind,
    Truncation,
};
use super::super::lexer::Token;
use super::super::source::Span;
use super::{Parse, Parser, Reported};
use crate::diagnostics::Diagnostic;

fn assign_op(token: Token) -> Option<AssignOp> {
    Some(match token {
        Token::Assign => AssignOp::Plain,
        Token::PlusAssign => AssignOp::Compound(BinaryOp::Add),
        Token::MinusAssign => AssignOp::Compound(BinaryOp::Subtract),
        Token::TimesAssign => AssignOp::Compound(BinaryOp::Multiply),
        Token::DivideAssign => AssignOp::Compound(BinaryOp::Divide),
        Token::ElementTimesAssign => AssignOp::Compound(BinaryOp::ElementMultiply),
        Token::ElementDivideAssign => AssignOp::Compound(BinaryOp::ElementDivide),
        _ => return None,
    })
}

impl Parser<'_> {
    /// A statement that begins with an expression.
    pub(super) fn simple_statement(&mut self) -> Parse<StmtKind> {
        if self.at_word("jacobian") && self.peek(1).token == Token::PlusAssign {
            self.bump();
            self.bump();
            let value = self.expression()?;
            self.semicolon_or(" or an operator")?;
            return Ok(StmtKind::JacobianPlus(value));
        }
        if !self.begins_expression() {
            return Err(self.expected("a statement"));
        }
        let signed = matches!(self.token(), Token::Minus | Token::Plus | Token::Not);
        let first = if signed {
            self.expression()?
        } else {
            self.nested(Self::postfix)?
        };
        if let Some(op) = assign_op(self.token()) {
            let target = self.assignable(first)?;
            return self.assignment(target, op);
        }
        if self.at(Token::Less)
            && self.peek(1).token == Token::Minus
            && self.peek(1).span.touches(self.span())
        {
            return self.arrow(first);
        }
        let value = if signed {
            first
        } else {
            self.nested(|p| p.expression_after(first))?
        };
        if self.eat(Token::Tilde) {
            return self.distribution(value);
        }
        match value.kind {
            ExprKind::Call {
                name,
                args,
                conditional: false,
            } if self.at(Token::Semicolon) || self.on_new_line() => {
                self.semicolon()?;
                if name.name == "increment_log_prob" {
                    self.increment_log_prob(name.span, &args);
                }
                Ok(StmtKind::Call { name, args })
            }
            kind => Err(self.value_unused(Expr { kind, ..value })),
        }
    }

    fn begins_expression(&self) -> bool {
        matches!(
            self.token(),
            Token::Name
                | Token::Int
                | Token::Real
                | Token::DotInt
                | Token::Imaginary
                | Token::OpenParen
                | Token::OpenBracket
                | Token::OpenBrace
                | Token::Minus
                | Token::Plus
                | Token::Not
        )
    }

    fn assignment(&mut self, target: LValue, op: AssignOp) -> Parse<StmtKind> {
        self.bump();
        let value = self.expression()?;
        if self.at(Token::Assign) {
            return Err(self.report(
                Diagnostic::error(self.span(), "an assignment has no value")
                    .label("second assignment")
                    .help("write one statement for each variable"),
            ));
        }
        self.semicolon_or(" or an operator")?;
        Ok(StmtKind::Assign { target, op, value })
    }

    /// `x <- value`, the removed way to assign.
    fn arrow(&mut self, target: Expr) -> Parse<StmtKind> {
        let arrow = self.bump().to(self.bump());
        self.report(
            Diagnostic::error(arrow, "assignment with `<-` was removed from Stan")
                .label("removed operator")
                .help("write `=`"),
        );
        let target = self.assignable(target)?;
        let value = self.expression()?;
        self.semicolon()?;
        Ok(StmtKind::Assign {
            target,
            op: AssignOp::Plain,
            value,
        })
    }

    fn increment_log_prob(&mut self, name: Span, args: &[Expr]) {
        let help = match args {
            [value] => format!("write `target += {};`", self.sources.slice(value.span)),
            _ => "write `target += ...;`".to_string(),
        };
        self.report(
            Diagnostic::error(name, "`increment_log_prob` was removed from Stan")
                .label("removed function")
                .help(help),
        );
    }

    /// An expression that ends a statement without being assigned or distributed.
    fn value_unused(&mut self, value: Expr) -> Reported {
        if !self.at(Token::Semicolon) && !self.on_new_line() {
            let lvalue = matches!(
                value.kind,
                ExprKind::Variable(_) | ExprKind::Index { .. } | ExprKind::Project { .. }
            );
            return match (&value.kind, self.token()) {
                (ExprKind::Variable(word), Token::Name | Token::OpenBrace) => {
                    let message = format!(
                        "expected `=` or `~` after `{}`, found {}",
                        word.name,
                        self.found()
                    );
                    let (span, name) = (word.span, word.name.clone());
                    self.report(
                        Diagnostic::error(self.span(), message)
                            .label("expected `=` or `~`")
                            .related(span, "the statement begins here")
                            .suggest(&name, STATEMENT_WORDS),
                    )
                }
                _ if lvalue => self.expected("`=`, `~` or an operator"),
                _ => self.expected("`~`, `;` or an operator"),
            };
        }
        let message = Diagnostic::error(value.span, "expected a statement, found an expression")
            .label("its value is not used");
        self.report(match value.kind {
            ExprKind::Binary {
                op: BinaryOp::Equal,
                ..
            } => message.help("to assign, write `=` instead of `==`"),
            _ => message
                .note("a statement assigns (`=`), distributes (`~`) or calls a void function"),
        })
    }

    /// Turns an expression into what can be assigned to.
    fn assignable(&mut self, target: Expr) -> Parse<LValue> {
        let span = target.span;
        let kind = match target.kind {
            ExprKind::Variable(name) => LValueKind::Variable(name),
            ExprKind::Index { base, indices } => LValueKind::Index {
                base: Box::new(self.assignable(*base)?),
                indices,
            },
            ExprKind::Project { base, field } => LValueKind::Project {
                base: Box::new(self.assignable(*base)?),
                field,
            },
            ExprKind::Tuple(elements) => LValueKind::Tuple(
                elements
                    .into_iter()
                    .map(|element| self.assignable(element))
                    .collect::<Parse<_>>()?,
            ),
            _ => {
                return Err(self.report(
                    Diagnostic::error(span, "this cannot be assigned to")
                        .label("not a variable")
                        .note("the left side is a variable, with indices if need be"),
                ));
            }
        };
        Ok(LValue { kind, span })
    }

    /// `target += value;`
    pub(super) fn target_statement(&mut self) -> Parse<StmtKind> {
        let target = self.bump();
        if self.eat(Token::PlusAssign) {
            let value = self.expression()?;
            self.semicolon_or(" or an operator")?;
            return Ok(StmtKind::TargetPlus(value));
        }
        if assign_op(self.token()).is_some() || self.at(Token::Less) {
            return Err(self.report(
                Diagnostic::error(self.span(), "`target` can only be added to")
                    .label("expected `+=`")
                    .related(target, "the log density")
                    .help("write `target += ...;`"),
            ));
        }
        Err(self.expected("`+=` after `target`"))
    }

    /// The rest of `value ~ name(args) T[lower, upper];`
    fn distribution(&mut self, value: Expr) -> Parse<StmtKind> {
        let distribution = self.name("the name of a distribution")?;
        let open = self.span();
        if !self.at(Token::OpenParen) {
            return Err(self.expected("`(` and the arguments of the distribution"));
        }
        let (args, conditional) = self.arguments()?;
        if conditional {
            self.report(
                Diagnostic::error(open.to(self.previous()), "a bar has no place after `~`")
                    .label("arguments with a bar")
                    .help("the value on the left of `~` takes the place before the bar"),
            );
        }
        let truncation = if self.at_word("T") && self.peek(1).token == Token::OpenBracket {
            Some(self.truncation()?)
        } else {
            None
        };
        self.semicolon_or(if truncation.is_some() {
            ""
        } else {
            " or a truncation `T[...]`"
        })?;
        Ok(StmtKind::Tilde {
            value,
            distribution,
            args,
            truncation,
        })
    }

    fn truncation(&mut self) -> Parse<Truncation> {
        let start = self.bump();
        let open = self.bump();
        let lower = if self.at(Token::Comma) {
            None
        } else {
            Some(self.expression()?)
        };
        self.expect(Token::Comma, "`,` between the ends of the truncation")?;
        let upper = if self.at(Token::CloseBracket) {
            None
        } else {
            Some(self.expression()?)
        };
        self.close(Token::CloseBracket, "`]`", open)?;
        Ok(Truncation {
            lower,
            upper,
            span: start.to(self.previous()),
        })
    }

    /// `print(...)`, `reject(...)` or `fatal_error(...)`.
    pub(super) fn message(&mut self) -> Parse<StmtKind> {
        let kind = match self.token() {
            Token::Print => MessageKind::Print,
            Token::Reject => MessageKind::Reject,
            _ => MessageKind::FatalError,
        };
        let keyword = self.bump();
        let open = self.expect(Token::OpenParen, "`(` and what to print")?;
        let mut parts = Vec::new();
        while !self.at(Token::CloseParen) {
            parts.push(if self.at(Token::Text) {
                Printable::Text(self.text())
            } else {
                Printable::Value(self.expression()?)
            });
            if !self.eat(Token::Comma) {
                break;
            }
        }
        self.close(Token::CloseParen, "`,` or `)`", open)?;
        if parts.is_empty() {
            self.report(
                Diagnostic::error(keyword.to(self.previous()), "expected something to print")
                    .label("no arguments"),
            );
        }
        self.semicolon()?;
        Ok(StmtKind::Message { kind, parts })
    }
}

/// Words that begin statements, for misspelt ones.
const STATEMENT_WORDS: [&str; 12] = [
    "int",
    "real",
    "vector",
    "row_vector",
    "matrix",
    "array",
    "simplex",
    "ordered",
    "for",
    "while",
    "return",
    "target",
];
