//! Source texts and the places in them.

use std::ops::Range;

/// Which text of a [`SourceMap`] a [`Span`] points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SourceId(u32);

/// A range of bytes in one source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    /// The text that the range lies in.
    pub source: SourceId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes `range` of `source`.
    pub fn new(source: SourceId, range: Range<usize>) -> Self {
        Self {
            source,
            start: range.start,
            end: range.end,
        }
    }

    /// From the start of `self` to the end of `last`. When the two lie in different texts (a
    /// construct that begins before an `#include` and ends inside it), this is `self`.
    pub fn to(self, last: Span) -> Span {
        if self.source == last.source && last.end >= self.start {
            Span {
                end: last.end,
                ..self
            }
        } else {
            self
        }
    }

    /// The empty span just after `self`: where something is missing.
    pub fn after(self) -> Span {
        Span {
            start: self.end,
            ..self
        }
    }

    /// Whether this span follows `previous` with nothing between them.
    pub fn touches(self, previous: Span) -> bool {
        self.source == previous.source && self.start == previous.end
    }

    /// The byte range.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// One text with its name.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// What diagnostics call it: a path, or a name such as `model.stan`.
    pub name: String,
    /// The text itself.
    pub text: String,
}

/// The model's text and, after parsing, the texts that it includes.
#[derive(Debug, Clone)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// A map with the model's own text in it.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            files: vec![SourceFile {
                name: name.into(),
                text: text.into(),
            }],
        }
    }

    /// The model's own text.
    pub fn main(&self) -> SourceId {
        SourceId(0)
    }

    /// Adds an included text.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        self.files.push(SourceFile {
            name: name.into(),
            text: text.into(),
        });
        SourceId(self.files.len() as u32 - 1)
    }

    /// The file behind an id; the main one for an id of another map.
    pub fn file(&self, id: SourceId) -> &SourceFile {
        self.files.get(id.0 as usize).unwrap_or(&self.files[0])
    }

    /// All texts, the model's own first.
    pub fn files(&self) -> impl Iterator<Item = (SourceId, &SourceFile)> {
        self.files
            .iter()
            .enumerate()
            .map(|(i, file)| (SourceId(i as u32), file))
    }

    /// The text under a span; empty for a span that does not fit its text.
    pub fn slice(&self, span: Span) -> &str {
        self.file(span.source).text.get(span.range()).unwrap_or("")
    }

    /// Line and column of the span's start, both counted from one, the column in characters.
    pub fn line_column(&self, span: Span) -> (usize, usize) {
        let text = &self.file(span.source).text;
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_and_column_count_from_one_and_in_characters() {
        let map = SourceMap::new("m", "ab\né x");
        let at = |start| map.line_column(Span::new(map.main(), start..start));
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(3), (2, 1));
        assert_eq!(at(6), (2, 3));
        assert_eq!(at(99), (2, 4));
    }

    #[test]
    fn a_span_never_reaches_into_another_text() {
        let mut map = SourceMap::new("m", "abc");
        let other = map.add("n", "xyz");
        let first = Span::new(map.main(), 0..1);
        assert_eq!(first.to(Span::new(other, 2..3)), first);
        assert_eq!(first.to(Span::new(map.main(), 2..3)).range(), 0..3);
    }
}
