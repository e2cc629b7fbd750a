//! Text to tokens.
//!
//! The whole token stream is made up front, with the texts of `#include` spliced in. Bytes that
//! begin no token are reported and left out, so the parser never sees them.

use std::fmt;

use logos::{Lexer, Logos};

use super::source::{SourceId, SourceMap, Span};
use crate::diagnostics::Diagnostic;

/// A token and its place. The token's text is looked up in the [`SourceMap`] where it matters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spanned {
    pub token: Token,
    pub span: Span,
}

/// The tokens of the language. Words that are special only in some places (`lower`, `upper`,
/// `offset`, `multiplier`, `T`, `jacobian`, `transformed`, `generated`, `quantities`) are names.
#[derive(Logos, Debug, Clone, Copy, PartialEq, Eq)]
#[logos(error = LexError)]
#[logos(skip r"[ \t\r\n\x0C]+")]
#[logos(skip(r"//[^\n]*", allow_greedy = true))]
pub(super) enum Token {
    #[regex("[A-Za-z][A-Za-z0-9_]*")]
    Name,
    #[regex("[0-9]+(_[0-9]+)*")]
    Int,
    #[regex(r"[0-9]+(_[0-9]+)*\.([0-9]+(_[0-9]+)*)?([eE][+-]?[0-9]+(_[0-9]+)*)?")]
    #[regex(r"[0-9]+(_[0-9]+)*[eE][+-]?[0-9]+(_[0-9]+)*")]
    #[regex(r"\.[0-9]+(_[0-9]+)*[eE][+-]?[0-9]+(_[0-9]+)*")]
    Real,
    /// `.5`: a real number, or the projection of a tuple's field.
    #[regex(r"\.[0-9]+(_[0-9]+)*")]
    DotInt,
    #[regex(r"[0-9]+(_[0-9]+)*(\.([0-9]+(_[0-9]+)*)?)?([eE][+-]?[0-9]+(_[0-9]+)*)?i")]
    #[regex(r"\.[0-9]+(_[0-9]+)*([eE][+-]?[0-9]+(_[0-9]+)*)?i")]
    Imaginary,
    #[token("\"", string)]
    Text,
    #[token("#", hash)]
    Include,
    #[token("/*", block_comment)]
    Comment,
    #[regex("_[A-Za-z0-9_]*", leading_underscore)]
    LeadingUnderscore,

    #[token("functions")]
    Functions,
    #[token("data")]
    Data,
    #[token("parameters")]
    Parameters,
    #[token("model")]
    Model,

    #[token("void")]
    Void,
    #[token("array")]
    Array,
    #[token("tuple")]
    Tuple,
    #[token("int")]
    IntType,
    #[token("real")]
    RealType,
    #[token("complex")]
    ComplexType,
    #[token("vector")]
    Vector,
    #[token("row_vector")]
    RowVector,
    #[token("matrix")]
    Matrix,
    #[token("complex_vector")]
    ComplexVector,
    #[token("complex_row_vector")]
    ComplexRowVector,
    #[token("complex_matrix")]
    ComplexMatrix,
    #[token("ordered")]
    Ordered,
    #[token("positive_ordered")]
    PositiveOrdered,
    #[token("simplex")]
    Simplex,
    #[token("unit_vector")]
    UnitVector,
    #[token("sum_to_zero_vector")]
    SumToZeroVector,
    #[token("sum_to_zero_matrix")]
    SumToZeroMatrix,
    #[token("cholesky_factor_corr")]
    CholeskyFactorCorr,
    #[token("cholesky_factor_cov")]
    CholeskyFactorCov,
    #[token("corr_matrix")]
    CorrMatrix,
    #[token("cov_matrix")]
    CovMatrix,
    #[token("column_stochastic_matrix")]
    ColumnStochasticMatrix,
    #[token("row_stochastic_matrix")]
    RowStochasticMatrix,

    #[token("target")]
    Target,
    #[token("if")]
    If,
    #[token("else")]
    Else,
    #[token("for")]
    For,
    #[token("in")]
    In,
    #[token("while")]
    While,
    #[token("break")]
    Break,
    #[token("continue")]
    Continue,
    #[token("return")]
    Return,
    #[token("print")]
    Print,
    #[token("reject")]
    Reject,
    #[token("fatal_error")]
    FatalError,
    #[token("profile")]
    Profile,

    #[token("(")]
    OpenParen,
    #[token(")")]
    CloseParen,
    #[token("[")]
    OpenBracket,
    #[token("]")]
    CloseBracket,
    #[token("{")]
    OpenBrace,
    #[token("}")]
    CloseBrace,
    #[token(",")]
    Comma,
    #[token(";")]
    Semicolon,
    #[token(":")]
    Colon,
    #[token("|")]
    Bar,
    #[token("?")]
    Question,
    #[token("~")]
    Tilde,
    #[token("=")]
    Assign,
    #[token("+=")]
    PlusAssign,
    #[token("-=")]
    MinusAssign,
    #[token("*=")]
    TimesAssign,
    #[token("/=")]
    DivideAssign,
    #[token(".*=")]
    ElementTimesAssign,
    #[token("./=")]
    ElementDivideAssign,
    #[token("||")]
    Or,
    #[token("&&")]
    And,
    #[token("==")]
    Equal,
    #[token("!=")]
    NotEqual,
    #[token("<")]
    Less,
    #[token("<=")]
    LessEqual,
    #[token(">")]
    Greater,
    #[token(">=")]
    GreaterEqual,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Times,
    #[token("/")]
    Divide,
    #[token("%/%")]
    IntegerDivide,
    #[token("%")]
    Modulo,
    #[token(".*")]
    ElementTimes,
    #[token("./")]
    ElementDivide,
    #[token("\\")]
    LeftDivide,
    #[token("^")]
    Power,
    #[token(".^")]
    ElementPower,
    #[token("!")]
    Not,
    #[token("'")]
    Transpose,

    /// After the last token.
    End,
}

impl Token {
    /// Whether the token is a word: a name or a keyword.
    pub fn is_word(self) -> bool {
        use Token::*;
        let (first, last) = (Functions as u8, Profile as u8);
        self == Name || (first..=last).contains(&(self as u8))
    }
}

/// What can be wrong with a piece of text that is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum LexError {
    #[default]
    Unknown,
    UnclosedComment,
    UnclosedText,
    HashComment,
    LeadingUnderscore,
}

fn leading_underscore(_: &mut Lexer<Token>) -> Result<(), LexError> {
    Err(LexError::LeadingUnderscore)
}

fn string(lexer: &mut Lexer<Token>) -> Result<(), LexError> {
    let rest = lexer.remainder();
    match rest.find(['"', '\n', '\r']) {
        Some(end) if rest.as_bytes()[end] == b'"' => {
            lexer.bump(end + 1);
            Ok(())
        }
        end => {
            lexer.bump(end.unwrap_or(rest.len()));
            Err(LexError::UnclosedText)
        }
    }
}

fn block_comment(lexer: &mut Lexer<Token>) -> Result<(), LexError> {
    let rest = lexer.remainder();
    match rest.find("*/") {
        Some(end) => {
            lexer.bump(end + 2);
            Ok(())
        }
        None => {
            lexer.bump(rest.len());
            Err(LexError::UnclosedComment)
        }
    }
}

/// `#include path`, up to the end of the path; or a comment in the removed style.
fn hash(lexer: &mut Lexer<Token>) -> Result<(), LexError> {
    let rest = lexer.remainder();
    let line = &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())];
    let Some(after) = line.strip_prefix("include") else {
        lexer.bump(line.len());
        return Err(LexError::HashComment);
    };
    let path = after.trim_start();
    let end = match path.chars().next() {
        Some('<') => path.find('>').map(|i| i + 1),
        Some('"') => path[1..].find('"').map(|i| i + 2),
        _ => path.find(|c: char| c.is_whitespace() || c == '/' && path.starts_with("//")),
    };
    lexer.bump(line.len() - path.len() + end.unwrap_or(path.len()));
    Ok(())
}

/// Included texts may include further texts, this deep.
const MAX_INCLUDE_DEPTH: usize = 32;
/// And there may be this many of them in one model.
const MAX_INCLUDES: usize = 256;

/// Reads the main text of `sources` and everything that it includes. `include` turns the path of
/// an `#include` into its text. The result ends with [`Token::End`].
pub(super) fn lex(
    sources: &mut SourceMap,
    include: &dyn Fn(&str) -> Option<String>,
) -> (Vec<Spanned>, Vec<Diagnostic>) {
    let main = sources.main();
    let mut reader = Reader {
        sources,
        include,
        open: Vec::new(),
        included: 0,
        tokens: Vec::new(),
        diagnostics: Vec::new(),
    };
    reader.read(main);
    let end = reader.sources.file(main).text.len();
    reader.tokens.push(Spanned {
        token: Token::End,
        span: Span::new(main, end..end),
    });
    (reader.tokens, reader.diagnostics)
}

struct Reader<'a> {
    sources: &'a mut SourceMap,
    include: &'a dyn Fn(&str) -> Option<String>,
    /// Paths of the includes that are being read, outermost first.
    open: Vec<String>,
    included: usize,
    tokens: Vec<Spanned>,
    diagnostics: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn read(&mut self, source: SourceId) {
        // The map grows while an included text is read, so this text is taken out for the time.
        let text = self.sources.file(source).text.clone();
        let mut lexer = Token::lexer(&text);
        // Neighbouring bad characters make one message.
        let mut bad: Option<Span> = None;
        while let Some(token) = lexer.next() {
            let span = Span::new(source, lexer.span());
            match token {
                Err(LexError::Unknown) => match &mut bad {
                    Some(run) if span.touches(*run) => run.end = span.end,
                    _ => self.flush(bad.replace(span)),
                },
                Err(error) => self.diagnostics.push(describe(error, span, &text)),
                Ok(Token::Include) => self.include(span),
                Ok(Token::Comment) => {}
                Ok(token) => self.tokens.push(Spanned { token, span }),
            }
        }
        self.flush(bad);
    }

    fn flush(&mut self, bad: Option<Span>) {
        if let Some(span) = bad {
            let text: String = self.sources.slice(span).chars().take(20).collect();
            let found = match text.chars().count() {
                1 => format!("the character {}", visible(&text)),
                _ => format!("the characters {}", visible(&text)),
            };
            self.diagnostics.push(
                Diagnostic::error(span, format!("{found} cannot be used here"))
                    .label("not part of the language")
                    .note("outside comments and strings, Stan programs are written in ASCII"),
            );
        }
    }

    fn include(&mut self, span: Span) {
        let written = self
            .sources
            .slice(span)
            .trim_start_matches("#include")
            .trim();
        let path = written.trim_matches(['"', '<', '>']).trim().to_string();
        let problem = if path.is_empty() {
            Some("no path follows `#include`".to_string())
        } else if self.open.contains(&path) {
            Some(format!("`{path}` includes itself"))
        } else if self.open.len() == MAX_INCLUDE_DEPTH {
            Some(format!(
                "includes are nested more than {MAX_INCLUDE_DEPTH} deep"
            ))
        } else if self.included == MAX_INCLUDES {
            Some(format!("more than {MAX_INCLUDES} files are included"))
        } else {
            None
        };
        if let Some(problem) = problem {
            self.diagnostics
                .push(Diagnostic::error(span, problem).label("this include"));
            return;
        }
        match (self.include)(&path) {
            Some(text) => {
                self.included += 1;
                let source = self.sources.add(path.clone(), text);
                self.open.push(path);
                self.read(source);
                self.open.pop();
            }
            None => self.diagnostics.push(
                Diagnostic::error(span, format!("the included file `{path}` was not found"))
                    .label("included here"),
            ),
        }
    }
}

fn visible(text: &str) -> impl fmt::Display {
    match text {
        "`" => "'`'".to_string(),
        _ => format!("`{}`", text.escape_debug()),
    }
}

fn describe(error: LexError, span: Span, text: &str) -> Diagnostic {
    let start_only = |length: usize| Span {
        end: (span.start + length).min(span.end),
        ..span
    };
    match error {
        LexError::UnclosedComment => {
            Diagnostic::error(start_only(2), "this comment is never closed")
                .label("opened here")
                .help("close it with `*/`")
        }
        LexError::UnclosedText => Diagnostic::error(span, "this string has no closing quote")
            .label("strings end on the line they begin on"),
        LexError::HashComment => {
            Diagnostic::error(span, "comments that begin with `#` were removed from Stan")
                .label("read as a comment")
                .help("begin the comment with `//`")
        }
        LexError::LeadingUnderscore => {
            let name = text.get(span.range()).unwrap_or_default();
            let fixed = name.trim_start_matches('_');
            let message = Diagnostic::error(span, format!("`{name}` is not a name"))
                .label("names begin with a letter");
            match fixed.chars().next() {
                Some(first) if first.is_ascii_alphabetic() => {
                    message.help(format!("call it `{fixed}`"))
                }
                _ => message,
            }
        }
        LexError::Unknown => Diagnostic::error(span, "this cannot be read"),
    }
}
