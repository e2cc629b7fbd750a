//! Sums in parallel: `reduce_sum(f, x, grainsize, ...)` is `f(x, 1, size(x), ...)`, one slice that is the whole.

use super::absent::is_partial_sum;
use super::{Checker, suffix, unknown};
use crate::check::overloads::{Callee, Resolution};
use crate::diagnostics::Diagnostic;
use crate::hir::{self, BinaryOp, ExpressionKind};
use crate::library;
use crate::syntax::{Span, ast};
use crate::types::Type;

impl Checker {
    /// A call of `reduce_sum` or `reduce_sum_static`, if it is one. Iterations run together here in any case, so there is
    /// nothing to divide, and the grain size has no meaning.
    pub(super) fn partial_sum(
        &mut self,
        name: &ast::Ident,
        args: &[ast::Expr],
        span: Span,
    ) -> Option<hir::Expression> {
        if !is_partial_sum(&name.name) {
            return None;
        }
        Some(self.whole_sum(name, args, span))
    }

    fn whole_sum(&mut self, name: &ast::Ident, args: &[ast::Expr], span: Span) -> hir::Expression {
        let misused = |checker: &mut Self, span: Span, found: &str| {
            let message = format!("`{}` does not take these arguments", name.name);
            let usage = format!(
                "expected\nreal {}(f, array[] T x, int grainsize, ...)",
                name.name
            );
            let diagnostic = Diagnostic::error(span, message).label(found).note(usage);
            checker.wrong(diagnostic, span)
        };
        let [function, rest @ ..] = args else {
            return misused(self, span, "found no arguments");
        };
        let ast::ExprKind::Variable(function) = &function.kind else {
            return misused(self, function.span, "expected the name of a function");
        };
        let args: Vec<hir::Expression> = rest.iter().map(|arg| self.expression(arg)).collect();
        let types: Vec<Type> = args.iter().map(|arg| arg.type_.clone()).collect();
        let partial = suffix::normalised(&function.name).unwrap_or_else(|| function.name.clone());
        if types.contains(&Type::Unknown) || self.is_refused(&partial) {
            return unknown(span);
        }
        let [Type::Array { .. }, Type::Int, ..] = types[..] else {
            return misused(
                self,
                span,
                "expected an array and a grain size after the function",
            );
        };
        let mut taken = vec![types[0].clone(), Type::Int, Type::Int];
        taken.extend_from_slice(&types[2..]);
        let callee = match self.resolve(&partial, &taken) {
            Resolution::Found(callee @ Callee::User(_), Type::Real) => callee,
            Resolution::Missing => {
                let message = format!("there is no function `{partial}` in the functions block");
                let diagnostic = Diagnostic::error(function.span, message).label("not known");
                return self.wrong(diagnostic, span);
            }
            _ => {
                let list: Vec<String> = taken.iter().map(Type::to_string).collect();
                let message = format!(
                    "`{}` calls `{partial}` with ({})",
                    name.name,
                    list.join(", ")
                );
                let diagnostic = Diagnostic::error(function.span, message)
                    .label("takes other arguments, or returns no `real`");
                return self.wrong(diagnostic, span);
            }
        };
        let mut args = args.into_iter();
        let (Some(whole), _grain, Some(size)) = (args.next(), args.next(), library::lookup("size"))
        else {
            return unknown(span);
        };
        let of = |kind: ExpressionKind, type_: Type| hir::Expression { kind, type_, span };
        let size = of(ExpressionKind::Call(size, vec![whole.clone()]), Type::Int);
        let first = of(ExpressionKind::Int(1), Type::Int);
        let mut passed = vec![whole, first, size.clone()];
        passed.extend(args);
        self.check_data_only(callee, &passed);
        let none = of(ExpressionKind::Int(0), Type::Int);
        let is_empty = ExpressionKind::Binary(BinaryOp::Equal, Box::new(size), Box::new(none));
        let branches = [
            of(is_empty, Type::Int),
            of(ExpressionKind::Real(0.0), Type::Real),
            callee.call(passed, Type::Real, span),
        ];
        let [condition, nothing, sum] = branches.map(Box::new);
        of(
            ExpressionKind::Conditional(condition, nothing, sum),
            Type::Real,
        )
    }
}
