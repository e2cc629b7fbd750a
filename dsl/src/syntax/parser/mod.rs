//! Tokens to the syntax tree, by recursive descent.
//!
//! A parsing function that fails has reported why and returns [`Reported`]; the statement or
//! block around it then skips to where reading can go on ([`recovery`]).

mod expressions;
mod literals;
mod networks;
mod program;
mod recovery;
mod simple_statements;
mod statements;
mod types;

use super::ast::{Ident, Program};
use super::lexer::{self, Spanned, Token};
use super::source::{SourceMap, Span};
use crate::diagnostics::Diagnostic;

/// A run reports at most this many diagnostics.
pub const MAX_DIAGNOSTICS: usize = 50;

/// Statements, types and parenthesised expressions nest at most this deep.
const MAX_NESTING: usize = 100;

/// An expression tree is at most this high, so that walking it by recursion is safe. Operators
/// that group to the left add to the height without nesting: `a + b + c`.
const MAX_HEIGHT: usize = 256;

/// An `include` for [`parse`] that finds nothing.
pub fn no_includes(_path: &str) -> Option<String> {
    None
}

/// Parses the main text of `sources`.
///
/// `include` is called with the path of each `#include` and returns the text behind it, or `None`
/// when there is none; such texts are added to `sources`, where the spans of the tree point. The
/// tree is whole where no diagnostic was returned; elsewhere it holds `Error` nodes. Diagnostics
/// come in the order of the text, at most [`MAX_DIAGNOSTICS`] of them.
pub fn parse(
    sources: &mut SourceMap,
    include: &dyn Fn(&str) -> Option<String>,
) -> (Program, Vec<Diagnostic>) {
    let (tokens, lexical) = lexer::lex(sources, include);
    let mut parser = Parser {
        sources,
        tokens,
        position: 0,
        lexical: lexical.iter().map(|diagnostic| diagnostic.span).collect(),
        diagnostics: lexical,
        unshown: 0,
        depth: 0,
        height: 0,
    };
    let program = parser.program();
    let Parser {
        mut diagnostics,
        unshown,
        ..
    } = parser;
    diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    let unshown = unshown + diagnostics.len().saturating_sub(MAX_DIAGNOSTICS);
    diagnostics.truncate(MAX_DIAGNOSTICS);
    if let (true, Some(last)) = (unshown > 0, diagnostics.last_mut()) {
        last.notes.push(format!(
            "{unshown} more problems were found and are not shown"
        ));
    }
    (program, diagnostics)
}

/// Proof that a diagnostic was reported.
struct Reported;

type Parse<T> = Result<T, Reported>;

struct Parser<'a> {
    sources: &'a SourceMap,
    /// Never empty: ends with [`Token::End`].
    tokens: Vec<Spanned>,
    position: usize,
    /// Where the lexer found something that is no token.
    lexical: Vec<Span>,
    diagnostics: Vec<Diagnostic>,
    /// How many diagnostics were dropped because there were too many.
    unshown: usize,
    /// How deep the parsing functions are nested.
    depth: usize,
    /// Height of the expression that was built last.
    height: usize,
}

impl Parser<'_> {
    /// The token `ahead` places after the current one.
    fn peek(&self, ahead: usize) -> Spanned {
        self.tokens[(self.position + ahead).min(self.tokens.len() - 1)]
    }

    fn token(&self) -> Token {
        self.peek(0).token
    }

    fn span(&self) -> Span {
        self.peek(0).span
    }

    /// The span of the token before the current one.
    fn previous(&self) -> Span {
        self.tokens[self.position.saturating_sub(1)].span
    }

    fn bump(&mut self) -> Span {
        let span = self.span();
        self.position = (self.position + 1).min(self.tokens.len() - 1);
        span
    }

    fn at(&self, token: Token) -> bool {
        self.token() == token
    }

    /// Takes the token if it is the current one.
    fn eat(&mut self, token: Token) -> bool {
        let found = self.at(token);
        if found {
            self.bump();
        }
        found
    }

    /// Whether the current token is the name `word`: words that are special in some places only.
    fn at_word(&self, word: &str) -> bool {
        self.at(Token::Name) && self.sources.slice(self.span()) == word
    }

    /// Takes the token or reports that `what` was expected.
    fn expect(&mut self, token: Token, what: &str) -> Parse<Span> {
        if self.at(token) {
            Ok(self.bump())
        } else {
            Err(self.expected(what))
        }
    }

    /// Takes a closing bracket or reports it with the place of the opening one.
    fn close(&mut self, token: Token, what: &str, open: Span) -> Parse<Span> {
        if self.at(token) {
            return Ok(self.bump());
        }
        let found = self.found();
        let message = Diagnostic::error(self.span(), format!("expected {what}, found {found}"))
            .label(format!("expected {what}"));
        Err(self.report(if open == self.previous() {
            message
        } else {
            message.related(open, "opened here")
        }))
    }

    /// A name that is being declared, or used.
    fn name(&mut self, what: &str) -> Parse<Ident> {
        if self.at(Token::Name) {
            let name = self.ident();
            if name.name.ends_with("__") {
                self.report(
                    Diagnostic::error(name.span, "names that end in two underscores are reserved")
                        .label("reserved by Stan"),
                );
            }
            return Ok(name);
        }
        if self.token().is_word() {
            let word = self.sources.slice(self.span()).to_string();
            return Err(self.report(
                Diagnostic::error(
                    self.span(),
                    format!("expected {what}, found the keyword `{word}`"),
                )
                .label("a keyword cannot be a name")
                .help(format!("call it something else, for example `{word}_`")),
            ));
        }
        Err(self.expected(what))
    }

    /// The current token as a name, whatever it is.
    fn ident(&mut self) -> Ident {
        let name = self.sources.slice(self.span()).to_string();
        Ident {
            name,
            span: self.bump(),
        }
    }

    /// Reports that something else was expected at the current token.
    fn expected(&mut self, what: &str) -> Reported {
        let message = format!("expected {what}, found {}", self.found());
        let label = format!("expected {what}");
        self.report(Diagnostic::error(self.span(), message).label(label))
    }

    /// What the current token is, in words.
    fn found(&self) -> String {
        let text = self.sources.slice(self.span());
        match self.token() {
            Token::End => "the end of the file".into(),
            Token::Int | Token::Real | Token::DotInt | Token::Imaginary => {
                format!("the number `{text}`")
            }
            Token::Text => "a string".into(),
            Token::Name => format!("the name `{text}`"),
            word if word.is_word() => format!("the keyword `{text}`"),
            _ => format!("`{text}`"),
        }
    }

    /// Keeps a diagnostic, unless its place was complained about already.
    fn report(&mut self, diagnostic: Diagnostic) -> Reported {
        let (before, here) = (self.previous(), diagnostic.span);
        let unreadable = self.lexical.iter().any(|bad| {
            bad.source == here.source
                && bad.end <= here.start
                && (before.source != bad.source || bad.start >= before.end)
        });
        let repeated = self
            .diagnostics
            .iter()
            .rev()
            .take(3)
            .any(|known| known.span == here);
        if unreadable || repeated {
            return Reported;
        }
        if self.diagnostics.len() < MAX_DIAGNOSTICS {
            self.diagnostics.push(diagnostic);
        } else {
            self.unshown += 1;
        }
        Reported
    }

    /// Runs a parsing function one level deeper, or reports that the text is nested too deeply.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.depth == MAX_NESTING {
            return Err(self.too_deep(self.span()));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn too_deep(&mut self, span: Span) -> Reported {
        self.report(
            Diagnostic::error(span, "the program is nested too deeply")
                .label("too deep here")
                .help("split it into several statements or functions"),
        )
    }
}
