//! Numbers, strings and tuple fields.

use super::super::ast::ExprKind;
use super::{Parse, Parser};
use crate::diagnostics::Diagnostic;

impl Parser<'_> {
    /// The text of the current token without underscores; takes the token.
    fn digits(&mut self) -> String {
        let span = self.bump();
        self.sources.slice(span).replace('_', "")
    }

    pub(super) fn int(&mut self) -> Parse<ExprKind> {
        let span = self.span();
        let digits = self.digits();
        match digits.parse::<i32>() {
            Ok(value) => Ok(ExprKind::Int(value.into())),
            Err(_) => {
                self.report(
                    Diagnostic::error(span, format!("the integer `{digits}` is too large"))
                        .label("does not fit in 32 bits")
                        .help(format!("write `{digits}.0` for a real number")),
                );
                Ok(ExprKind::Int(digits.parse().unwrap_or(i64::MAX)))
            }
        }
    }

    /// A real literal; one beyond the largest real number is infinite.
    pub(super) fn real(&mut self) -> f64 {
        let digits = self.digits();
        // The lexer lets through only what Rust reads as a number too.
        digits.parse().unwrap_or(f64::NAN)
    }

    pub(super) fn imaginary(&mut self) -> f64 {
        let digits = self.digits();
        digits.trim_end_matches('i').parse().unwrap_or(f64::NAN)
    }

    /// `.1`: which field of a tuple, counted from one.
    pub(super) fn field(&mut self) -> Parse<usize> {
        let span = self.span();
        match self.digits()[1..].parse() {
            Ok(field) if field > 0 => Ok(field),
            _ => Err(self.report(
                Diagnostic::error(span, "a tuple has no such field")
                    .label("fields are counted from 1"),
            )),
        }
    }

    /// The text between the quotes; takes the token.
    pub(super) fn text(&mut self) -> String {
        let span = self.bump();
        let quoted = self.sources.slice(span);
        quoted
            .strip_prefix('"')
            .and_then(|t| t.strip_suffix('"'))
            .unwrap_or(quoted)
            .to_string()
    }
}
