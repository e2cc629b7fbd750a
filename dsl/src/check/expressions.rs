//! Expressions and their types.

use super::{Block, Checker, Context, Suffix, unknown};
use crate::diagnostics::Diagnostic;
use crate::hir::{self, ExpressionKind, UnaryOp};
use crate::library;
use crate::syntax::{Span, ast};
use crate::types::Type;

impl Checker {
    pub(super) fn expression(&mut self, expr: &ast::Expr) -> hir::Expression {
        let span = expr.span;
        let of = |kind, type_| hir::Expression { kind, type_, span };
        match &expr.kind {
            ast::ExprKind::Int(value) => of(ExpressionKind::Int(*value), Type::Int),
            ast::ExprKind::Real(value) => of(ExpressionKind::Real(*value), Type::Real),
            ast::ExprKind::Imaginary(_) => self.unsupported(span, "complex numbers"),
            ast::ExprKind::Variable(name) => self.variable(name),
            ast::ExprKind::Call {
                name,
                args,
                conditional,
            } => self.call_expression(name, args, *conditional, span),
            ast::ExprKind::Target => self.target(span),
            ast::ExprKind::Unary { op, operand } => {
                let operand = self.expression(operand);
                let function = match op {
                    ast::UnaryOp::Not => UnaryOp::Not,
                    ast::UnaryOp::Minus => UnaryOp::Minus,
                    ast::UnaryOp::Plus => UnaryOp::Plus,
                };
                self.unary(function, op.symbol(), operand, span)
            }
            ast::ExprKind::Transpose(operand) => {
                let operand = self.expression(operand);
                self.unary(UnaryOp::Transpose, "'", operand, span)
            }
            ast::ExprKind::Binary {
                op,
                op_span,
                left,
                right,
            } => {
                let left = self.expression(left);
                let right = self.expression(right);
                self.binary(*op, *op_span, left, right)
            }
            ast::ExprKind::Ternary {
                condition,
                then,
                otherwise,
            } => self.ternary(condition, then, otherwise, span),
            ast::ExprKind::Index { base, indices } => {
                let base = self.expression(base);
                self.index_expression(base, indices, span)
            }
            ast::ExprKind::Array(elements) => self.array(elements, span),
            ast::ExprKind::RowVector(elements) => self.row_vector(elements, span),
            ast::ExprKind::Project { .. } | ast::ExprKind::Tuple(_) => {
                self.unsupported(span, "tuples")
            }
            ast::ExprKind::Error => unknown(span),
        }
    }

    /// Refuses a construct of the language by name.
    pub(super) fn unsupported(&mut self, span: Span, construct: &str) -> hir::Expression {
        self.wrong(
            Diagnostic::unsupported(span, construct).label("used here"),
            span,
        )
    }

    /// An expression that must be an int; `what` names it in messages.
    pub(super) fn int_expression(&mut self, expr: &ast::Expr, what: &str) -> hir::Expression {
        let value = self.expression(expr);
        if !matches!(value.type_, Type::Int | Type::Unknown) {
            let diagnostic = Diagnostic::error(value.span, format!("{what} must be an int"))
                .label(format!("found `{}`, expected `int`", value.type_));
            self.report(diagnostic);
        }
        value
    }

    fn variable(&mut self, name: &ast::Ident) -> hir::Expression {
        if let Some(binding) = self.scope.find(&name.name) {
            let type_ = self.scope.variables[binding.slot].type_.clone();
            let kind = ExpressionKind::Variable(binding.slot);
            return hir::Expression {
                kind,
                type_,
                span: name.span,
            };
        }
        let diagnostic = self.no_variable(name);
        self.wrong(diagnostic, name.span)
    }

    pub(super) fn no_variable(&self, name: &ast::Ident) -> Diagnostic {
        let text = &name.name;
        let user_function = self.functions.iter().any(|function| function.name == *text);
        if user_function || library::lookup(text).is_some() {
            return Diagnostic::error(name.span, format!("`{text}` is a function, not a variable"))
                .label("expected a variable")
                .help(format!("call it: `{text}(...)`"));
        }
        Diagnostic::error(name.span, format!("there is no variable `{text}`"))
            .label("not declared here")
            .suggest(text, self.scope.names())
    }

    fn target(&mut self, span: Span) -> hir::Expression {
        let Context {
            block, function, ..
        } = &self.context;
        let allowed = match function {
            Some((_, suffix)) => *suffix == Suffix::Lp,
            None => matches!(block, Block::Model | Block::TransformedParameters),
        };
        if !allowed {
            let diagnostic = Diagnostic::error(span, "`target()` has no value here")
                .label("not allowed here")
                .note(
                    "it can be used in the model block, in transformed parameters, \
                     and in functions whose name ends in `_lp`",
                );
            return self.wrong(diagnostic, span);
        }
        hir::Expression {
            kind: ExpressionKind::Target,
            type_: Type::Real,
            span,
        }
    }

    fn ternary(
        &mut self,
        condition: &ast::Expr,
        then: &ast::Expr,
        otherwise: &ast::Expr,
        span: Span,
    ) -> hir::Expression {
        let condition = self.int_expression(condition, "the condition of a choice");
        let then = self.expression(then);
        let otherwise = self.expression(otherwise);
        match common_type(&then.type_, &otherwise.type_) {
            Some(type_) => {
                let kind = ExpressionKind::Conditional(
                    Box::new(condition),
                    Box::new(then),
                    Box::new(otherwise),
                );
                hir::Expression { kind, type_, span }
            }
            None => {
                let diagnostic =
                    Diagnostic::error(span, "the two values of a choice must have one type")
                        .label("chosen here")
                        .related(then.span, format!("this is `{}`", then.type_))
                        .related(otherwise.span, format!("this is `{}`", otherwise.type_));
                self.wrong(diagnostic, span)
            }
        }
    }

    fn array(&mut self, elements: &[ast::Expr], span: Span) -> hir::Expression {
        let elements: Vec<_> = elements
            .iter()
            .map(|element| self.expression(element))
            .collect();
        let Some(element) = self.element_type(&elements, "an array") else {
            return unknown(span);
        };
        let type_ = if element == Type::Unknown {
            element
        } else {
            element.array()
        };
        hir::Expression {
            kind: ExpressionKind::Array(elements),
            type_,
            span,
        }
    }

    fn row_vector(&mut self, elements: &[ast::Expr], span: Span) -> hir::Expression {
        let elements: Vec<_> = elements
            .iter()
            .map(|element| self.expression(element))
            .collect();
        if elements.is_empty() {
            return hir::Expression {
                kind: ExpressionKind::Row(elements),
                type_: Type::RowVector,
                span,
            };
        }
        let Some(element) = self.element_type(&elements, "a row vector or matrix") else {
            return unknown(span);
        };
        let type_ = match element {
            Type::Int | Type::Real => Type::RowVector,
            Type::RowVector => Type::Matrix,
            Type::Unknown => Type::Unknown,
            other => {
                let diagnostic = Diagnostic::error(span, "`[...]` holds numbers or row vectors")
                    .label(format!("these are of type `{other}`"))
                    .help("write `{...}` for an array");
                return self.wrong(diagnostic, span);
            }
        };
        hir::Expression {
            kind: ExpressionKind::Row(elements),
            type_,
            span,
        }
    }

    /// The type that all elements convert to.
    fn element_type(&mut self, elements: &[hir::Expression], what: &str) -> Option<Type> {
        let mut common = elements.first()?.type_.clone();
        for element in elements {
            match common_type(&common, &element.type_) {
                Some(type_) => common = type_,
                None => {
                    let message = format!("the elements of {what} must have one type");
                    let diagnostic = Diagnostic::error(element.span, message)
                        .label(format!("this is `{}`", element.type_))
                        .related(elements[0].span, format!("this is `{common}`"));
                    self.report(diagnostic);
                    return None;
                }
            }
        }
        Some(common)
    }

    /// Whether the value is known from data alone.
    pub(super) fn is_data_only(&self, expression: &hir::Expression) -> bool {
        // When quantities are generated, the parameters are known.
        if self.context.block == Block::GeneratedQuantities {
            return true;
        }
        let all = |items: &[hir::Expression]| items.iter().all(|item| self.is_data_only(item));
        match &expression.kind {
            ExpressionKind::Int(_) | ExpressionKind::Real(_) => true,
            ExpressionKind::Variable(slot) => !self.scope.depends(*slot),
            ExpressionKind::Unary(_, operand) => self.is_data_only(operand),
            ExpressionKind::Binary(_, a, b)
            | ExpressionKind::And(a, b)
            | ExpressionKind::Or(a, b) => self.is_data_only(a) && self.is_data_only(b),
            ExpressionKind::Conditional(a, b, c) => {
                self.is_data_only(a) && self.is_data_only(b) && self.is_data_only(c)
            }
            ExpressionKind::Index(base, indices) => {
                let expressions = indices.iter().flat_map(|index| match index {
                    hir::Index::Single(i) | hir::Index::Multiple(i) => [Some(i), None],
                    hir::Index::Range(first, last) => [first.as_ref(), last.as_ref()],
                });
                self.is_data_only(base) && expressions.flatten().all(|i| self.is_data_only(i))
            }
            // A function that gives ints depends on sizes, which are data.
            ExpressionKind::Call(_, args) | ExpressionKind::UserCall(_, args) => {
                expression.type_.scalar() == Type::Int || all(args)
            }
            ExpressionKind::Array(items) | ExpressionKind::Row(items) => all(items),
            ExpressionKind::Target | ExpressionKind::Apply(..) => false,
            ExpressionKind::InitialWeights(_) => true,
            ExpressionKind::Solve(solve) => solve.all().all(|part| self.is_data_only(part)),
        }
    }
}

/// The type that values of both types convert to.
fn common_type(a: &Type, b: &Type) -> Option<Type> {
    if *a == Type::Unknown || a.converts_to(b) {
        Some(b.clone())
    } else {
        b.converts_to(a).then(|| a.clone())
    }
}
