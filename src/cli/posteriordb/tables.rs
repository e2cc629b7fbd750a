//! The tables of a sweep, and what they come to.

use std::collections::BTreeMap;

use firebrand::core::Spread;

use super::results::{ReferenceErrors, Row};

/// The largest error of a fit that counts as near its reference draws.
const NEAR: f64 = 0.1;

const HEADINGS: [&str; 9] = [
    "posterior",
    "dimension",
    "compile seconds",
    "seconds",
    "gradients",
    "verdict",
    "mean error",
    "sd error",
    "ended",
];

/// As comma-separated values, for programs.
pub fn csv(rows: &[&Row]) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        cells.join(",") + "\n"
    };
    let mut text = line(&HEADINGS.map(String::from));
    rows.iter().for_each(|row| text += &line(&cells(row)));
    text
}

/// As Markdown, for people.
pub fn markdown(rows: &[&Row]) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(&HEADINGS.map(String::from));
    text += "|---|--:|--:|--:|--:|---|--:|--:|---|\n";
    rows.iter().for_each(|row| text += &line(&cells(row)));
    text
}

/// How many of each verdict there are, and how many are near their reference draws.
pub fn summary(rows: &[&Row]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        let verdict = row.verdict.as_deref().unwrap_or("without a result");
        *counts.entry(verdict).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(verdict, count)| format!("{count} {verdict}"))
        .collect();
    let plural = if rows.len() == 1 { "" } else { "s" };
    let mut text = format!("{} posterior{plural}: {}", rows.len(), counts.join(", "));
    let errors = rows.iter().filter_map(|row| row.reference.as_ref());
    let compared: Vec<&ReferenceErrors> = errors.collect();
    if !compared.is_empty() {
        let near = compared
            .iter()
            .filter(|errors| errors.mean.worst.max(errors.sd.worst) <= NEAR);
        text += &format!(
            "\n{} of {} have means within {NEAR} sd of the reference, and sds within {:.0}%",
            near.count(),
            compared.len(),
            100.0 * NEAR
        );
    }
    text
}

/// In the order of the headings.
fn cells(row: &Row) -> [String; 9] {
    let seconds = |seconds: Option<f64>| text(seconds.map(|seconds| format!("{seconds:.3}")));
    let (mean, sd) = match &row.reference {
        Some(errors) => (worst(&errors.mean), worst(&errors.sd)),
        None => (String::new(), String::new()),
    };
    [
        row.posterior.clone(),
        text(row.dimension),
        seconds(row.compile_seconds),
        seconds(row.seconds),
        text(row.gradients),
        text(row.verdict.clone()),
        mean,
        sd,
        row.ended.replace(['\n', '\r'], " "),
    ]
}

fn worst(errors: &Spread) -> String {
    format!("{:.4}", errors.worst)
}

fn text(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A cell of comma-separated values, in quotes if it must be.
fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let spread = |worst| Spread {
            worst,
            worst_name: "tau".into(),
            median: 0.0,
        };
        Row {
            posterior: "a-b".into(),
            dimension: Some(3),
            seconds: Some(0.25),
            reference: Some(ReferenceErrors {
                mean: spread(0.125),
                sd: spread(f64::INFINITY),
            }),
            ended: "error: \"x\" | y,\nz".into(),
            ..Row::default()
        }
    }

    #[test]
    fn cells_are_kept_apart_whatever_is_in_them() {
        let lines = |text: String| text.lines().map(String::from).collect::<Vec<_>>();
        let csv = lines(csv(&[&row()]));
        let expected = r#"a-b,3,,0.250,,,0.1250,inf,"error: ""x"" | y, z""#;
        assert_eq!((csv.len(), csv[1].as_str()), (2, expected));
        let markdown = lines(markdown(&[&row()]));
        let expected = r#"| a-b | 3 |  | 0.250 |  |  | 0.1250 | inf | error: "x" \| y, z |"#;
        assert_eq!((markdown.len(), markdown[2].as_str()), (3, expected));
    }

    #[test]
    fn a_fit_that_is_far_from_its_reference_in_one_way_is_not_near() {
        let (far, mut near) = (row(), row());
        near.reference.as_mut().expect("errors").sd.worst = 0.0999;
        near.reference.as_mut().expect("errors").mean.worst = 0.0;
        let text = summary(&[&far, &near]);
        assert!(
            text.starts_with("2 posteriors: 2 without a result\n1 of 2 have means"),
            "{text}"
        );
    }
}
