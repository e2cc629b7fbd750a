//! Messages about a model's text: what was found, what was expected, where, and what to try.

use ariadne::{Color, Config, IndexType, Label, Report, ReportKind, Source};

use crate::syntax::{SourceId, SourceMap, Span};

/// How much a diagnostic matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The model can run.
    Warning,
    /// The model cannot run.
    Error,
}

/// One message about one place in the text.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// The place.
    pub span: Span,
    /// The headline: a sentence without a full stop.
    pub message: String,
    /// What the caret says; may be empty.
    pub label: String,
    /// Other places that bear on it, each with what its caret says.
    pub related: Vec<(Span, String)>,
    /// Facts that explain it.
    pub notes: Vec<String>,
    /// What to try.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            span,
            message: message.into(),
            label: String::new(),
            related: Vec::new(),
            notes: Vec::new(),
            help: None,
        }
    }

    /// A warning at a place.
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(span, message)
        }
    }

    /// The refusal of a construct that the language has and this compiler does not support yet.
    pub fn unsupported(span: Span, construct: impl std::fmt::Display) -> Self {
        Self::error(span, format!("not supported yet: {construct}"))
    }

    /// Sets what the caret says.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Points at another place as well.
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// Adds a fact that explains it.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Says what to try.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds "did you mean" when one of `candidates` resembles `name`.
    pub fn suggest<'a>(self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        match suggest(name, candidates) {
            Some(close) => self.help(format!("did you mean `{close}`?")),
            None => self,
        }
    }

    /// Whether the model cannot run.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The message with its source lines, ready to print.
    pub fn render(&self, sources: &SourceMap, colour: bool) -> String {
        let (kind, tint) = match self.severity {
            Severity::Error => (ReportKind::Error, Color::Red),
            Severity::Warning => (ReportKind::Warning, Color::Yellow),
        };
        let place = |span: Span| (span.source, clamp(sources, span));
        let mut labels = vec![(self.span, &self.label, tint)];
        labels.extend(
            self.related
                .iter()
                .map(|(span, label)| (*span, label, Color::Cyan)),
        );
        // The renderer starts anew for each label that lies above the one before it.
        labels.sort_by_key(|(span, ..)| (span.source != self.span.source, *span));
        let mut report = Report::build(kind, place(self.span))
            .with_config(
                Config::new()
                    .with_color(colour)
                    .with_index_type(IndexType::Byte),
            )
            .with_message(&self.message);
        for (span, label, tint) in labels {
            report = report.with_label(caret(place(span), label).with_color(tint));
        }
        for note in &self.notes {
            report = report.with_note(note);
        }
        if let Some(help) = &self.help {
            report = report.with_help(help);
        }
        let mut out = Vec::new();
        if report
            .finish()
            .write(Cache::new(sources), &mut out)
            .is_err()
        {
            return self.one_line(sources);
        }
        let text = String::from_utf8_lossy(&out);
        let mut lines: String = text
            .lines()
            .flat_map(|line| [line.trim_end(), "\n"])
            .collect();
        lines.truncate(lines.trim_end().len());
        lines.push('\n');
        lines
    }

    /// The message in one line: `model.stan:3:7: error: ...`.
    pub fn one_line(&self, sources: &SourceMap) -> String {
        let (line, column) = sources.line_column(self.span);
        let kind = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let name = &sources.file(self.span.source).name;
        format!("{name}:{line}:{column}: {kind}: {}\n", self.message)
    }
}

type Place = (SourceId, std::ops::Range<usize>);

/// A label with its text, or a bare underline when there is none.
fn caret(place: Place, text: &str) -> Label<Place> {
    let label = Label::new(place);
    if text.is_empty() {
        label
    } else {
        label.with_message(text)
    }
}

/// The byte range of a span, forced into its text and onto character boundaries.
fn clamp(sources: &SourceMap, span: Span) -> std::ops::Range<usize> {
    let text = &sources.file(span.source).text;
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.min(text.len()));
    start..end.max(start)
}

/// The texts as the renderer wants them, split into lines on first use.
struct Cache<'a> {
    sources: &'a SourceMap,
    lines: Vec<(SourceId, Source<&'a str>)>,
}

impl<'a> Cache<'a> {
    fn new(sources: &'a SourceMap) -> Self {
        Self {
            sources,
            lines: Vec::new(),
        }
    }
}

impl<'a> ariadne::Cache<SourceId> for Cache<'a> {
    type Storage = &'a str;

    fn fetch(&mut self, id: &SourceId) -> Result<&Source<&'a str>, impl std::fmt::Debug> {
        let index = match self.lines.iter().position(|(known, _)| known == id) {
            Some(index) => index,
            None => {
                let source = Source::from(self.sources.file(*id).text.as_str());
                self.lines.push((*id, source));
                self.lines.len() - 1
            }
        };
        Ok::<_, std::convert::Infallible>(&self.lines[index].1)
    }

    fn display<'b>(&self, id: &'b SourceId) -> Option<impl std::fmt::Display + 'b> {
        Some(self.sources.file(*id).name.clone())
    }
}

/// The candidate closest to a misspelt name, if one is close: at most one edit in three letters,
/// and a letter unchanged, where an edit inserts, deletes or changes a letter or swaps two neighbours.
pub fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = name.chars().count();
    let limit = letters.div_ceil(3).min(letters.saturating_sub(1));
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .map(|candidate| (edit_distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, candidate)| (*distance, candidate.len(), *candidate))
        .map(|(_, candidate)| candidate)
}

/// Damerau-Levenshtein distance (optimal string alignment), blind to case.
fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = usize::from(a[i - 1] != b[j - 1]);
                let mut best = (rows[i - 1][j - 1] + changed)
                    .min(rows[i - 1][j] + 1)
                    .min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_suggested_and_a_strange_one_is_not() {
        let names = ["normal", "lognormal", "student_t", "cauchy"];
        assert_eq!(suggest("nromal", names), Some("normal"));
        assert_eq!(suggest("studentt", names), Some("student_t"));
        assert_eq!(suggest("Cauchy", names), Some("cauchy"));
        assert_eq!(suggest("wishart", names), None);
        assert_eq!(suggest("x", ["y"]), None);
    }

    #[test]
    fn a_rendered_message_shows_the_line_and_the_caret() {
        let sources = SourceMap::new("model.stan", "model {\n  y ~ nromal(0, 1);\n}\n");
        let text = Diagnostic::error(
            Span::new(sources.main(), 14..20),
            "no distribution `nromal`",
        )
        .label("not known")
        .suggest("nromal", ["normal"])
        .render(&sources, false);
        let expected = "\
Error: no distribution `nromal`
   ╭─[ model.stan:2:7 ]
   │
 2 │   y ~ nromal(0, 1);
   │       ───┬──
   │          ╰──── not known
   │
   │ Help: did you mean `normal`?
───╯
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_span_outside_its_text_is_rendered_all_the_same() {
        let sources = SourceMap::new("m", "é");
        let text =
            Diagnostic::error(Span::new(sources.main(), 1..99), "odd").render(&sources, false);
        assert!(text.starts_with("Error: odd"), "{text}");
    }
}
