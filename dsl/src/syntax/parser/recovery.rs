//! Where reading goes on after a mistake.

use super::super::lexer::Token;
use super::{Parse, Parser, Reported};
use crate::diagnostics::Diagnostic;

impl Parser<'_> {
    /// Skips the rest of the statement that begins with token number `first`: past its `;` or its
    /// `{ ... }`, or up to what plainly begins something else.
    pub(super) fn skip_statement(&mut self, first: usize) {
        let start = self.position;
        // Braces of array literals that were open where the mistake was.
        let mut open = 0usize;
        for spanned in &self.tokens[first..start.max(first)] {
            match spanned.token {
                Token::OpenBrace => open += 1,
                Token::CloseBrace => open = open.saturating_sub(1),
                _ => {}
            }
        }
        while !self.at(Token::End) {
            match self.token() {
                Token::Semicolon => {
                    self.bump();
                    return;
                }
                Token::CloseBrace if open > 0 => {
                    open -= 1;
                    self.bump();
                }
                Token::CloseBrace => return,
                Token::OpenBrace => {
                    self.skip_braces();
                    match self.token() {
                        Token::Semicolon | Token::Comma | Token::CloseBracket => {}
                        Token::CloseParen | Token::Bar | Token::Else => {}
                        _ => return,
                    }
                }
                _ if self.position > start && (self.begins_line() || self.at_block_header()) => {
                    return;
                }
                _ => {
                    self.bump();
                }
            }
        }
    }

    /// Skips `{ ... }` with everything inside; stops early where a program block begins.
    pub(super) fn skip_braces(&mut self) {
        let mut open = 0;
        while !self.at(Token::End) {
            match self.token() {
                Token::OpenBrace => open += 1,
                Token::CloseBrace => open -= 1,
                _ if self.at_block_header() => return,
                _ => {}
            }
            self.bump();
            if open == 0 {
                return;
            }
        }
    }

    /// Skips to the `)` that ends the header of a loop or branch and takes it; stops before the
    /// body if there is none.
    pub(super) fn skip_header(&mut self) {
        let mut open = 0;
        loop {
            match self.token() {
                Token::CloseParen if open == 0 => {
                    self.bump();
                    return;
                }
                Token::OpenParen => open += 1,
                Token::CloseParen => open -= 1,
                Token::End | Token::Semicolon | Token::OpenBrace | Token::CloseBrace => return,
                _ => {}
            }
            self.bump();
        }
    }

    /// Whether the current token is the first of its line and a keyword that begins a statement.
    fn begins_line(&self) -> bool {
        self.on_new_line() && (self.at_type() || starts_statement(self.token()))
    }

    /// Whether a line ends between the previous token and the current one.
    pub(super) fn on_new_line(&self) -> bool {
        let (before, here) = (self.previous(), self.span());
        before.source != here.source
            || self.sources.file(here.source).text[before.end.min(here.start)..here.start]
                .contains('\n')
    }

    /// Takes the `;` that ends a statement. One that is missing at the end of a line is reported
    /// and taken as read.
    pub(super) fn semicolon(&mut self) -> Parse<()> {
        self.semicolon_or("")
    }

    /// As [`Self::semicolon`], where `alternatives` could have followed too.
    pub(super) fn semicolon_or(&mut self, alternatives: &str) -> Parse<()> {
        if self.eat(Token::Semicolon) {
            return Ok(());
        }
        if self.on_new_line() || matches!(self.token(), Token::CloseBrace | Token::End) {
            let missing = self.previous();
            self.report(
                Diagnostic::error(missing, "expected `;` at the end of the statement")
                    .label("`;` is missing after this"),
            );
            return Ok(());
        }
        let expected = format!("`;`{alternatives}");
        Err(self.expected(&expected))
    }

    /// Parses the parenthesised header of a loop or branch; on a mistake skips to its end, so
    /// that the body can be read.
    pub(super) fn header<T>(
        &mut self,
        keyword: &str,
        parse: impl FnOnce(&mut Self) -> Parse<T>,
    ) -> Result<T, Reported> {
        let open = self.expect(Token::OpenParen, &format!("`(` after `{keyword}`"))?;
        let content = parse(self).and_then(|content| {
            self.close(Token::CloseParen, "`)`", open)?;
            Ok(content)
        });
        if content.is_err() {
            self.skip_header();
        }
        content
    }
}

fn starts_statement(token: Token) -> bool {
    matches!(
        token,
        Token::For
            | Token::If
            | Token::While
            | Token::Return
            | Token::Break
            | Token::Continue
            | Token::Print
            | Token::Reject
            | Token::FatalError
            | Token::Profile
            | Token::Target
    )
}
