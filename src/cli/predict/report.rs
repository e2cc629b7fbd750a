//! What a prediction says at its end: the verdict, and what it rests on.

use super::classification::Classification;
use super::quality::{POINT, Quality};
use super::regression::{Coverage, Regression};
use super::scored::Scored;

/// The verdict and the measures, as text.
pub fn report(quality: &Quality, draws: usize, interrupted_of: Option<usize>) -> String {
    let mut facts = match quality {
        Quality::Classification(measured) => classes(measured),
        Quality::Regression(measured) => numbers(measured),
    };
    let draws = match interrupted_of {
        Some(count) => format!("{draws}, interrupted before there were {count}"),
        None => draws.to_string(),
    };
    facts.push(("draws", draws));
    let mut text = format!("verdict: {}\n\n", quality.verdict().sentence);
    for (label, fact) in facts {
        text += &format!("  {label:<20} {fact}\n");
    }
    text
}

fn classes(measured: &Classification) -> Vec<(&'static str, String)> {
    let Classification {
        rows,
        classes,
        ece,
        ece_by_chance,
        ..
    } = measured;
    vec![
        ("rows", format!("{rows}, of {classes} classes")),
        ("error", compared(&measured.error)),
        ("NLL", compared(&measured.nll)),
        (
            "Brier score",
            format!("{}, summed over classes", compared(&measured.brier)),
        ),
        (
            "ECE",
            format!(
                "{ece:.4}, of the most probable class in 15 bins of equal width; {ece_by_chance:.4} by chance"
            ),
        ),
    ]
}

fn numbers(measured: &Regression) -> Vec<(&'static str, String)> {
    let Regression {
        rows,
        rmse,
        baseline_rmse,
        ..
    } = measured;
    let mut facts = vec![
        ("rows", rows.to_string()),
        (
            "RMSE",
            format!("{rmse:.4} ({baseline_rmse:.4} without the model)"),
        ),
    ];
    if let Some(log_likelihood) = &measured.log_likelihood {
        facts.push(("log-likelihood", compared(log_likelihood)));
    }
    for (label, coverage) in ["central 50%", "central 90%"]
        .into_iter()
        .zip(&measured.coverage)
    {
        let Coverage {
            found,
            expected,
            standard_error,
            ..
        } = coverage;
        facts.push((
            label,
            format!(
                "holds {:.1}% of the rows (calibrated: {:.1}%, with a standard error of {:.1}%)",
                100.0 * found,
                100.0 * expected,
                100.0 * standard_error
            ),
        ));
    }
    facts
}

fn compared(scored: &Scored) -> String {
    let Scored {
        value,
        baseline,
        gain,
        gain_error,
    } = scored;
    if !baseline.is_finite() {
        return format!("{value:.4} (without the model {POINT})");
    }
    let error = match gain_error.is_finite() {
        true => format!(" +- {gain_error:.4}"),
        // One row has no spread.
        false => String::new(),
    };
    format!("{value:.4} ({baseline:.4} without the model; better by {gain:.4}{error})")
}
