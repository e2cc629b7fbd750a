//! Truncated distributions, written out in terms of their cumulative distribution functions.
//!
//! `y ~ d(args) T[lower, upper]` adds the density of `d`, less the log of its mass between the
//! ends, and -inf where `y` lies outside them. For ints the ends are inside, so the mass is that
//! above `lower - 1`. What is written out is what Stan writes out.

use super::Checker;
use super::overloads::{Callee, Resolution};
use super::suffix::Suffix;
use crate::diagnostics::Diagnostic;
use crate::hir::{BinaryOp, Expression, ExpressionKind, Statement, StatementKind, UnaryOp};
use crate::syntax::{Span, ast};
use crate::types::Type;

impl Checker {
    /// What a truncation adds to the log density; `density` is the call of the whole
    /// distribution's density or mass.
    pub(super) fn truncation(
        &mut self,
        truncation: &ast::Truncation,
        density: &Expression,
        distribution: &ast::Ident,
    ) -> Option<Statement> {
        let lower = self.end(truncation.lower.as_ref());
        let upper = self.end(truncation.upper.as_ref());
        let (name, args) = match &density.kind {
            ExpressionKind::Call(function, args) => (function.name, args),
            ExpressionKind::UserCall(number, args) => (self.functions[*number].name.as_str(), args),
            _ => return None,
        };
        let discrete = Suffix::of(name) == Suffix::Lpmf;
        let known = |end: &Option<Expression>| end.as_ref().is_none_or(|end| end.type_.is_scalar());
        let (variate, parameters) = args.split_first()?;
        if (lower.is_none() && upper.is_none()) || !known(&lower) || !known(&upper) {
            return None;
        }
        let written = Written {
            distribution: &distribution.name,
            variate,
            parameters,
            discrete,
            span: truncation.span,
        };
        let statement = written.out(self, lower, upper);
        if statement.is_none() {
            let construct = format!("truncation of `{}` with such arguments", distribution.name);
            let diagnostic = Diagnostic::unsupported(truncation.span, construct).label("used here");
            let name = &distribution.name;
            self.report(
                diagnostic.note(format!("it needs `{name}_lcdf` and `{name}_lccdf` of them")),
            );
        }
        statement
    }

    fn end(&mut self, end: Option<&ast::Expr>) -> Option<Expression> {
        let end = self.expression(end?);
        if !end.type_.is_scalar() && end.type_ != Type::Unknown {
            let diagnostic = Diagnostic::error(end.span, "a truncation has numbers as ends");
            self.report(diagnostic.label(format!("found `{}`", end.type_)));
        }
        Some(end)
    }
}

/// A truncation while it is written out.
struct Written<'a> {
    distribution: &'a str,
    variate: &'a Expression,
    parameters: &'a [Expression],
    /// Whether it is a mass, with gaps between its values.
    discrete: bool,
    span: Span,
}

impl Written<'_> {
    fn out(
        &self,
        checker: &Checker,
        lower: Option<Expression>,
        upper: Option<Expression>,
    ) -> Option<Statement> {
        let log_mass = self.log_mass(checker, lower.clone(), upper.clone())?;
        let less_mass = self.unary(UnaryOp::Minus, log_mass);
        let mut statement = self.add_to_target(less_mass);
        let ends = [
            (lower, BinaryOp::Less, "min"),
            (upper, BinaryOp::Greater, "max"),
        ];
        for (end, beyond, extreme) in ends {
            let Some(end) = end else { continue };
            let farthest = match self.variate.type_.is_scalar() {
                true => self.variate.clone(),
                false => self.call(checker, extreme, vec![self.variate.clone()])?,
            };
            let condition = self.binary(beyond, farthest, end, Type::Int);
            let nothing = self.call(checker, "negative_infinity", Vec::new())?;
            let (then, otherwise) = (vec![self.add_to_target(nothing)], vec![statement]);
            let kind = StatementKind::If {
                condition,
                then,
                otherwise,
            };
            statement = Statement {
                kind,
                span: self.span,
            };
        }
        Some(statement)
    }

    /// The log of the mass between the ends.
    fn log_mass(
        &self,
        checker: &Checker,
        lower: Option<Expression>,
        upper: Option<Expression>,
    ) -> Option<Expression> {
        let lower = lower.map(|lower| self.below(lower));
        let scalar = |arg: &Expression| arg.type_.is_scalar();
        let log_mass = match (lower, upper) {
            (Some(lower), None) => self.cumulative(checker, "_lccdf", lower)?,
            (None, Some(upper)) => self.cumulative(checker, "_lcdf", upper)?,
            // The mass of each row is needed by itself.
            (Some(_), Some(_)) if !self.parameters.iter().all(scalar) => return None,
            (Some(lower), Some(upper)) => {
                let upper = self.cumulative(checker, "_lcdf", upper)?;
                let lower = self.cumulative(checker, "_lcdf", lower)?;
                self.call(checker, "log_diff_exp", vec![upper, lower])?
            }
            (None, None) => return None,
        };
        // Many values that share their parameters share their mass too.
        if scalar(self.variate) || !self.parameters.iter().all(scalar) {
            return Some(log_mass);
        }
        let rows = self.call(checker, "size", vec![self.variate.clone()])?;
        Some(self.binary(BinaryOp::Multiply, rows, log_mass, Type::Real))
    }

    /// The value just below the lower end: the end itself where there are no gaps.
    fn below(&self, end: Expression) -> Expression {
        if !self.discrete {
            return end;
        }
        let one = Expression {
            kind: ExpressionKind::Int(1),
            type_: Type::Int,
            span: self.span,
        };
        let type_ = end.type_.clone();
        self.binary(BinaryOp::Subtract, end, one, type_)
    }

    fn cumulative(&self, checker: &Checker, suffix: &str, end: Expression) -> Option<Expression> {
        let args = std::iter::once(end)
            .chain(self.parameters.iter().cloned())
            .collect();
        self.call(checker, &format!("{}{suffix}", self.distribution), args)
    }

    fn call(&self, checker: &Checker, name: &str, args: Vec<Expression>) -> Option<Expression> {
        let types: Vec<Type> = args.iter().map(|arg| arg.type_.clone()).collect();
        let (callee, type_): (Callee, Type) = match checker.resolve(name, &types) {
            Resolution::Found(callee, type_) => (callee, type_),
            _ => return None,
        };
        Some(callee.call(args, type_, self.span))
    }

    fn unary(&self, op: UnaryOp, operand: Expression) -> Expression {
        let type_ = operand.type_.clone();
        Expression {
            kind: ExpressionKind::Unary(op, Box::new(operand)),
            type_,
            span: self.span,
        }
    }

    fn binary(&self, op: BinaryOp, left: Expression, right: Expression, type_: Type) -> Expression {
        let kind = ExpressionKind::Binary(op, Box::new(left), Box::new(right));
        Expression {
            kind,
            type_,
            span: self.span,
        }
    }

    fn add_to_target(&self, term: Expression) -> Statement {
        Statement {
            kind: StatementKind::TargetAdd(term),
            span: self.span,
        }
    }
}
