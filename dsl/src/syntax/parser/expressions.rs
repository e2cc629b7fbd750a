//! Expressions, by precedence climbing.
//!
//! From loosest to tightest, as in the reference manual: `?:`, `||`, `&&`, equality, comparison,
//! sums, products, `\`, prefix operators, powers (which group to the right and whose exponent may
//! have a prefix operator), then transposition, indexing and projection.

use super::super::ast::{BinaryOp, Expr, ExprKind, Ident, Index, UnaryOp};
use super::super::lexer::Token;
use super::super::source::Span;
use super::{MAX_HEIGHT, Parse, Parser};
use crate::diagnostics::Diagnostic;

/// Precedence of `+`: bounds in declarations hold nothing looser, since `>` ends them.
const SUM: u8 = 5;

fn infix(token: Token) -> Option<(BinaryOp, u8)> {
    Some(match token {
        Token::Or => (BinaryOp::Or, 1),
        Token::And => (BinaryOp::And, 2),
        Token::Equal => (BinaryOp::Equal, 3),
        Token::NotEqual => (BinaryOp::NotEqual, 3),
        Token::Less => (BinaryOp::Less, 4),
        Token::LessEqual => (BinaryOp::LessEqual, 4),
        Token::Greater => (BinaryOp::Greater, 4),
        Token::GreaterEqual => (BinaryOp::GreaterEqual, 4),
        Token::Plus => (BinaryOp::Add, SUM),
        Token::Minus => (BinaryOp::Subtract, SUM),
        Token::Times => (BinaryOp::Multiply, 6),
        Token::Divide => (BinaryOp::Divide, 6),
        Token::IntegerDivide => (BinaryOp::IntegerDivide, 6),
        Token::Modulo => (BinaryOp::Modulo, 6),
        Token::ElementTimes => (BinaryOp::ElementMultiply, 6),
        Token::ElementDivide => (BinaryOp::ElementDivide, 6),
        Token::LeftDivide => (BinaryOp::LeftDivide, 7),
        _ => return None,
    })
}

fn prefix(token: Token) -> Option<UnaryOp> {
    match token {
        Token::Not => Some(UnaryOp::Not),
        Token::Minus => Some(UnaryOp::Minus),
        Token::Plus => Some(UnaryOp::Plus),
        _ => None,
    }
}

impl Parser<'_> {
    /// Any expression.
    pub(super) fn expression(&mut self) -> Parse<Expr> {
        self.nested(|p| {
            let first = p.binary(0)?;
            p.ternary_after(first)
        })
    }

    /// An expression without comparison, logic or choice.
    pub(super) fn bound(&mut self) -> Parse<Expr> {
        self.nested(|p| p.binary(SUM))
    }

    /// The rest of an expression that begins with `first`, a [`postfix`](Self::postfix) one.
    pub(super) fn expression_after(&mut self, first: Expr) -> Parse<Expr> {
        let left = self.power_after(first)?;
        let left = self.binary_after(left, 0)?;
        self.ternary_after(left)
    }

    fn ternary_after(&mut self, condition: Expr) -> Parse<Expr> {
        if !self.at(Token::Question) {
            return Ok(condition);
        }
        let mut below = self.height;
        self.bump();
        let then = self.expression()?;
        below = below.max(self.height);
        self.expect(Token::Colon, "`:` of a choice `condition ? a : b`")?;
        let otherwise = self.expression()?;
        below = below.max(self.height);
        let span = condition.span.to(otherwise.span);
        let (condition, then) = (Box::new(condition), Box::new(then));
        let kind = ExprKind::Ternary {
            condition,
            then,
            otherwise: Box::new(otherwise),
        };
        self.build(kind, span, below)
    }

    fn binary(&mut self, loosest: u8) -> Parse<Expr> {
        let left = self.unary()?;
        self.binary_after(left, loosest)
    }

    fn binary_after(&mut self, mut left: Expr, loosest: u8) -> Parse<Expr> {
        while let Some((op, precedence)) = infix(self.token()) {
            if precedence < loosest {
                break;
            }
            let below = self.height;
            let op_span = self.bump();
            let right = self.binary(precedence + 1)?;
            left = self.infix_node(op, op_span, left, right, below)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parse<Expr> {
        let Some(op) = prefix(self.token()) else {
            let base = self.postfix()?;
            return self.power_after(base);
        };
        let start = self.bump();
        let operand = self.nested(Self::unary)?;
        let span = start.to(operand.span);
        self.build(
            ExprKind::Unary {
                op,
                operand: Box::new(operand),
            },
            span,
            self.height,
        )
    }

    fn power_after(&mut self, base: Expr) -> Parse<Expr> {
        let op = match self.token() {
            Token::Power => BinaryOp::Power,
            Token::ElementPower => BinaryOp::ElementPower,
            _ => return Ok(base),
        };
        let below = self.height;
        let op_span = self.bump();
        let exponent = self.nested(Self::unary)?;
        self.infix_node(op, op_span, base, exponent, below)
    }

    fn infix_node(
        &mut self,
        op: BinaryOp,
        op_span: Span,
        left: Expr,
        right: Expr,
        left_height: usize,
    ) -> Parse<Expr> {
        let span = left.span.to(right.span);
        let below = left_height.max(self.height);
        let (left, right) = (Box::new(left), Box::new(right));
        self.build(
            ExprKind::Binary {
                op,
                op_span,
                left,
                right,
            },
            span,
            below,
        )
    }

    /// A primary expression with its indices, projections and transpositions.
    pub(super) fn postfix(&mut self) -> Parse<Expr> {
        let mut base = self.primary()?;
        loop {
            let below = self.height;
            let start = base.span;
            let (kind, below) = match self.token() {
                Token::OpenBracket => {
                    let (indices, within) = self.indices()?;
                    (
                        ExprKind::Index {
                            base: Box::new(base),
                            indices,
                        },
                        below.max(within),
                    )
                }
                Token::Transpose => {
                    self.bump();
                    (ExprKind::Transpose(Box::new(base)), below)
                }
                Token::DotInt => {
                    let field = self.field()?;
                    (
                        ExprKind::Project {
                            base: Box::new(base),
                            field,
                        },
                        below,
                    )
                }
                _ => return Ok(base),
            };
            let span = start.to(self.previous());
            base = self.build(kind, span, below)?;
        }
    }

    /// `[index, ...]`, with the height of the highest index.
    fn indices(&mut self) -> Parse<(Vec<Index>, usize)> {
        let open = self.bump();
        let mut indices = Vec::new();
        let mut height = 0;
        if !self.at(Token::CloseBracket) {
            loop {
                self.height = 0;
                // `a[, 1]` leaves the first index out: all of that dimension.
                let index = if matches!(self.token(), Token::Comma | Token::CloseBracket) {
                    let span = self.previous().after();
                    Index::Slice {
                        first: None,
                        last: None,
                        span,
                    }
                } else {
                    self.index()?
                };
                height = height.max(self.height);
                indices.push(index);
                if !self.eat(Token::Comma) {
                    break;
                }
            }
        }
        self.close(Token::CloseBracket, "`]`", open)?;
        Ok((indices, height))
    }

    fn index(&mut self) -> Parse<Index> {
        let start = self.span();
        let first = if self.at(Token::Colon) {
            None
        } else {
            Some(self.expression()?)
        };
        let height = self.height;
        match (self.eat(Token::Colon), first) {
            (false, Some(first)) => Ok(Index::Single(first)),
            (_, first) => {
                let ends = matches!(self.token(), Token::Comma | Token::CloseBracket);
                let last = if ends { None } else { Some(self.expression()?) };
                self.height = self.height.max(height);
                Ok(Index::Slice {
                    first,
                    last,
                    span: start.to(self.previous()),
                })
            }
        }
    }

    fn primary(&mut self) -> Parse<Expr> {
        self.height = 0;
        let start = self.span();
        let kind = match self.token() {
            Token::Int => self.int()?,
            Token::Real | Token::DotInt => ExprKind::Real(self.real()),
            Token::Imaginary => ExprKind::Imaginary(self.imaginary()),
            Token::Name => {
                let name = self.name("an expression")?;
                if self.at(Token::OpenParen) {
                    return self.call(name);
                }
                ExprKind::Variable(name)
            }
            Token::Target => {
                self.bump();
                self.expect(Token::OpenParen, "`(` of `target()`")?;
                self.expect(Token::CloseParen, "`)` of `target()`")?;
                ExprKind::Target
            }
            Token::OpenParen => return self.parenthesised(),
            Token::OpenBrace => {
                self.bump();
                let elements = self.list(Token::CloseBrace, "`,` or `}`", start)?;
                if elements.is_empty() {
                    return Err(self.report(
                        Diagnostic::error(start.to(self.previous()), "an array must not be empty")
                            .label("no elements")
                            .note("the type of its elements would be unknown"),
                    ));
                }
                ExprKind::Array(elements)
            }
            Token::OpenBracket => {
                self.bump();
                ExprKind::RowVector(self.list(Token::CloseBracket, "`,` or `]`", start)?)
            }
            Token::Text => {
                return Err(self.report(
                    Diagnostic::error(start, "expected an expression, found a string")
                        .label("strings are not values")
                        .note("`print`, `reject`, `fatal_error` and `profile` take strings"),
                ));
            }
            word if word.is_word() => return Err(self.keyword_as_expression()),
            _ => return Err(self.expected("an expression")),
        };
        let below = self.height;
        self.build(kind, start.to(self.previous()), below)
    }

    fn call(&mut self, name: Ident) -> Parse<Expr> {
        let start = name.span;
        let (args, conditional) = self.arguments()?;
        let below = self.height;
        let kind = ExprKind::Call {
            name,
            args,
            conditional,
        };
        self.build(kind, start.to(self.previous()), below)
    }

    /// `(args)`, and whether a bar follows the first of them.
    pub(super) fn arguments(&mut self) -> Parse<(Vec<Expr>, bool)> {
        let open = self.expect(Token::OpenParen, "`(`")?;
        self.height = 0;
        if self.eat(Token::CloseParen) {
            return Ok((Vec::new(), false));
        }
        let first = self.expression()?;
        let height = self.height;
        let conditional = self.eat(Token::Bar);
        if !conditional && !self.at(Token::CloseParen) {
            self.separator("`,` or `)`", open)?;
            if self.at(Token::CloseParen) {
                return Err(self.expected("an argument after the comma"));
            }
        }
        let mut args = vec![first];
        args.extend(self.list(Token::CloseParen, "`,` or `)`", open)?);
        self.height = self.height.max(height);
        Ok((args, conditional))
    }

    /// Expressions up to a closing token, which is taken too. [`Self::height`] is left at that of
    /// the highest.
    fn list(&mut self, close: Token, expected: &str, open: Span) -> Parse<Vec<Expr>> {
        let mut elements = Vec::new();
        let mut height = 0;
        while !self.eat(close) {
            elements.push(self.expression()?);
            height = height.max(self.height);
            if !self.at(close) {
                self.separator(expected, open)?;
                if self.at(close) {
                    return Err(self.expected("an expression after the comma"));
                }
            }
        }
        self.height = height;
        Ok(elements)
    }

    fn separator(&mut self, expected: &str, open: Span) -> Parse<Span> {
        self.close(Token::Comma, expected, open)
    }

    fn parenthesised(&mut self) -> Parse<Expr> {
        let open = self.bump();
        let mut first = self.expression()?;
        if self.at(Token::CloseParen) {
            first.span = open.to(self.bump());
            return Ok(first);
        }
        let mut height = self.height;
        self.separator("`)`", open)?;
        // `(a,)` is a tuple of one element.
        let mut elements = vec![first];
        elements.extend(self.list(Token::CloseParen, "`,` or `)`", open)?);
        height = height.max(self.height);
        self.build(ExprKind::Tuple(elements), open.to(self.previous()), height)
    }

    fn keyword_as_expression(&mut self) -> super::Reported {
        let word = self.found();
        let diagnostic =
            Diagnostic::error(self.span(), format!("expected an expression, found {word}"));
        self.report(if self.peek(1).token == Token::OpenParen {
            diagnostic.label("not a function")
        } else {
            diagnostic.label("a keyword cannot be a name")
        })
    }

    /// Makes a node over children of height `below`.
    fn build(&mut self, kind: ExprKind, span: Span, below: usize) -> Parse<Expr> {
        self.height = below + 1;
        if self.height > MAX_HEIGHT {
            return Err(self.too_deep(span));
        }
        Ok(Expr { kind, span })
    }
}
