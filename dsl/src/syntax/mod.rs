//! From text to an untyped syntax tree.
//!
//! [`parse`] never fails and never panics, whatever the text: it returns the tree of what it could
//! read and a list of [`Diagnostic`](crate::diagnostics::Diagnostic)s, and recovers at the next
//! statement or block so that one run reports many mistakes. The grammar is that of Stan 2.35.

pub mod ast;
mod lexer;
mod parser;
mod source;

pub use parser::{MAX_DIAGNOSTICS, no_includes, parse};
pub use source::{SourceFile, SourceId, SourceMap, Span};
