//! The parser on small texts, on arbitrary texts and on real models.

mod common;

use firebrand_dsl::diagnostics::Diagnostic;
use firebrand_dsl::syntax::{MAX_DIAGNOSTICS, SourceMap, ast, parse};
use proptest::prelude::*;

fn include(path: &str) -> Option<String> {
    match path {
        "prior.stan" => Some("mu ~ normal(0, 1);\n".into()),
        "broken.stan" => Some("mu ~ normal(0, 1;\n".into()),
        "itself.stan" => Some("#include itself.stan\n".into()),
        _ => None,
    }
}

fn parse_text(text: &str) -> (SourceMap, ast::Program, Vec<Diagnostic>) {
    let mut sources = SourceMap::new("model.stan", text);
    let (program, diagnostics) = parse(&mut sources, &include);
    (sources, program, diagnostics)
}

fn render(text: &str) -> String {
    let (sources, _, diagnostics) = parse_text(text);
    if diagnostics.is_empty() {
        return "no diagnostics\n".into();
    }
    diagnostics
        .iter()
        .map(|diagnostic| diagnostic.render(&sources, false))
        .collect()
}

#[test]
fn every_case_gives_its_diagnostics() {
    common::run_cases("syntax", render);
}

#[test]
fn posteriordb_models_parse_without_a_diagnostic() {
    for (name, text) in common::posteriordb_models() {
        assert_eq!(render(&text), "no diagnostics\n", "{name}");
    }
}

/// Whatever the text: no panic, a bounded number of diagnostics, all of them in order and
/// renderable, and spans that lie inside their text.
fn survives(text: &str) {
    let (sources, program, diagnostics) = parse_text(text);
    assert!(diagnostics.len() <= MAX_DIAGNOSTICS);
    assert!(diagnostics.is_sorted_by_key(|diagnostic| diagnostic.span));
    for diagnostic in &diagnostics {
        let length = sources.file(diagnostic.span.source).text.len();
        assert!(diagnostic.span.start <= diagnostic.span.end && diagnostic.span.end <= length);
        assert!(!diagnostic.message.is_empty());
        assert!(diagnostic.render(&sources, false).starts_with("Error: "));
    }
    // The tree can be walked by recursion and compared.
    assert_eq!(program, program.clone());
}

const MODEL: &str = r#"
functions {
  real f(data array[,] real x, tuple(int, vector) t);
  real f(data array[,] real x, tuple(int, vector) t) { return x[1, 1] + t.2[t.1]; }
  void g_lp(real x) { target += x; }
}
data { int<lower=0> N; array[N] vector<upper=1>[2] y; complex z; }
transformed data { int n = N > 0 ? 1 : 2; print("n = ", n); }
parameters { real<offset=1, multiplier=2> mu; cov_matrix[3] S; }
transformed parameters { simplex[3] s = [0.2, 0.3, 5e-1]'; }
model {
  profile("prior") { mu ~ normal(0, 1) T[0, ]; }
  for (i in 1:N) { if (i % 2 == 0) continue; else y[i][1:] ~ std_normal(); }
  while (n < 3 && !n) break;
  target += normal_lpdf(y[1] | mu, -2 ^ 2) * {1, 2}[1];
  jacobian += 1;
}
generated quantities { (a, b.1) = f(1i, .5); reject("no"); }
"#;

/// Text that looks like a model: its own pieces in any order.
fn shuffled_model() -> impl Strategy<Value = String> {
    let words: Vec<&str> = MODEL
        .split_inclusive(|c: char| !c.is_alphanumeric() && c != '_')
        .chain([
            "#include prior.stan\n",
            "/*",
            "*/",
            "//",
            "\"",
            "#",
            "{{{{",
            "((((",
            "é",
            "\0",
        ])
        .collect();
    prop::collection::vec(prop::sample::select(words), 0..120).prop_map(|words| words.concat())
}

/// A model with a few of its bytes cut out, doubled or replaced.
fn damaged_model() -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0..12usize, "[ -~\\n]{0,3}");
    prop::collection::vec(edit, 1..6).prop_map(|edits| {
        let mut text = MODEL.to_string();
        for (place, length, insert) in edits {
            let start = place.index(text.len());
            let end = (start + length).min(text.len());
            text.replace_range(start..end, &insert);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_text_is_survived(text in any::<String>()) {
        survives(&text);
    }

    #[test]
    fn arbitrary_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn shuffled_models_are_survived(text in shuffled_model()) {
        survives(&text);
    }

    #[test]
    fn damaged_models_are_survived(text in damaged_model()) {
        survives(&text);
    }
}

#[test]
fn the_sample_model_has_no_mistakes() {
    assert_eq!(render(MODEL), "no diagnostics\n");
}

#[test]
fn deep_nesting_is_refused_and_survived() {
    let deep = |open: &str, middle: &str, close: &str, n: usize| {
        format!(
            "model {{ x = {}{middle}{}; }}",
            open.repeat(n),
            close.repeat(n)
        )
    };
    for text in [
        deep("(", "1", ")", 100_000),
        deep("[", "1", "]", 100_000),
        deep("-", "1", "", 100_000),
        deep("1 ^ ", "1", "", 100_000),
        deep("1 + ", "1", "", 100_000),
        deep("", "y", "[1]", 100_000),
        deep("", "y", "'", 100_000),
        deep("(1+", "1", ")+1", 90),
        format!("model {{ {} }}", "if (1) ".repeat(100_000)),
        "model { ".to_string() + &"{".repeat(100_000),
        format!("functions {{ {}", "void f(tuple(".repeat(10_000)),
    ] {
        survives(&text);
    }
    assert_eq!(render(&deep("1 + ", "1", "", 200)), "no diagnostics\n");
    assert_eq!(render(&deep("(", "1", ")", 80)), "no diagnostics\n");
}

#[test]
fn spans_point_into_the_included_text() {
    let (sources, _, diagnostics) = parse_text("model {\n#include <broken.stan>\n}\n");
    let [diagnostic] = &diagnostics[..] else {
        panic!("{diagnostics:?}")
    };
    assert_eq!(sources.file(diagnostic.span.source).name, "broken.stan");
    assert_eq!(sources.slice(diagnostic.span), ";");
}

/// The value of the only assignment of `model { x = ...; }`.
fn expression(text: &str) -> (SourceMap, ast::Expr) {
    let (sources, program, diagnostics) = parse_text(&format!("model {{ x = {text}; }}"));
    assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
    match program.model.unwrap().statements.remove(0).kind {
        ast::StmtKind::Assign { value, .. } => (sources, value),
        other => panic!("{other:?}"),
    }
}

/// An expression with all of its grouping shown.
fn grouped(text: &str) -> String {
    fn show(sources: &SourceMap, expr: &ast::Expr) -> String {
        let show = |e: &ast::Expr| show(sources, e);
        match &expr.kind {
            ast::ExprKind::Unary { op, operand } => format!("({}{})", op.symbol(), show(operand)),
            ast::ExprKind::Binary {
                op, left, right, ..
            } => {
                format!("({}{}{})", show(left), op.symbol(), show(right))
            }
            ast::ExprKind::Ternary {
                condition,
                then,
                otherwise,
            } => {
                format!("({}?{}:{})", show(condition), show(then), show(otherwise))
            }
            ast::ExprKind::Transpose(operand) => format!("({}')", show(operand)),
            ast::ExprKind::Project { base, field } => format!("({}.{field})", show(base)),
            _ => sources.slice(expr.span).to_string(),
        }
    }
    let (sources, expr) = expression(text);
    show(&sources, &expr)
}

#[test]
fn operators_group_as_in_the_reference_manual() {
    for (text, expected) in [
        ("a + b * c - d", "((a+(b*c))-d)"),
        ("a - b - c", "((a-b)-c)"),
        ("a ^ b ^ c", "(a^(b^c))"),
        ("-a ^ b", "(-(a^b))"),
        ("a ^ -b * c", "((a^(-b))*c)"),
        ("a .^ b'", "(a.^(b'))"),
        ("-a * b", "((-a)*b)"),
        ("!a == b", "((!a)==b)"),
        ("a * b \\ c", "(a*(b\\c))"),
        ("a \\ b \\ c", "((a\\b)\\c)"),
        ("a .* b ./ c % d %/% e", "((((a.*b)./c)%d)%/%e)"),
        ("a < b == c >= d", "((a<b)==(c>=d))"),
        ("a || b && c == d", "(a||(b&&(c==d)))"),
        ("a ? b : c ? d : e", "(a?b:(c?d:e))"),
        ("a ? b ? c : d : e", "(a?(b?c:d):e)"),
        ("a || b ? c : d + e", "((a||b)?c:(d+e))"),
        ("a.1.2'", "(((a.1).2)')"),
        ("a'' + 1.", "(((a')')+1.)"),
    ] {
        assert_eq!(grouped(text), expected, "{text}");
    }
}

#[test]
fn number_literals_have_their_values() {
    use ast::ExprKind::{Imaginary, Int, Real};
    for (text, expected) in [
        ("1_000", Int(1000)),
        ("2147483647", Int(2_147_483_647)),
        ("1.", Real(1.0)),
        (".5", Real(0.5)),
        ("1_0.2_5e-1_0", Real(10.25e-10)),
        (".5e3", Real(500.0)),
        ("2E2", Real(200.0)),
        ("3i", Imaginary(3.0)),
        (".5i", Imaginary(0.5)),
        ("1.5e1i", Imaginary(15.0)),
    ] {
        assert_eq!(expression(text).1.kind, expected, "{text}");
    }
}
