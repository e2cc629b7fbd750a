//! What a fit says at its end: a table of the parameters, and the verdict with what it rests on.

use std::fmt::Write;

use firebrand::core::Block;
use firebrand::core::diagnostics::{Diagnosis, MomentErrors, Verdict};
use firebrand::core::record::Request;
use firebrand::{Ended, Fitted, Quantity};

use super::table::table;

/// Entries of transformed parameters and generated quantities that are shown; there may be thousands.
const OTHERS: usize = 60;

/// Digits of a standard deviation that are shown, and with it of everything in its row.
const DIGITS: i32 = 3;

/// The table of parameters and the verdict, as text.
pub fn report(request: &Request, fitted: &Fitted) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_summary(&mut text, &fitted.summary);
    let _ = write_verdict(&mut text, request, fitted);
    text
}

fn write_summary(text: &mut String, summary: &[Quantity]) -> std::fmt::Result {
    let mut table = table(&["", "mean", "sd", "5%", "50%", "95%"], 1);
    let (parameters, others): (Vec<_>, Vec<_>) = summary
        .iter()
        .partition(|quantity| quantity.block == Block::Parameters);
    for quantity in parameters
        .into_iter()
        .chain(others.iter().copied().take(OTHERS))
    {
        let Quantity {
            name,
            mean,
            sd,
            q5,
            median,
            q95,
            ..
        } = quantity;
        let number = |value: &f64| number(*value, *sd);
        table.add_row(vec![
            name.clone(),
            number(mean),
            number(sd),
            number(q5),
            number(median),
            number(q95),
        ]);
    }
    writeln!(text, "{}", table.trim_fmt())?;
    if others.len() > OTHERS {
        let more = others.len() - OTHERS;
        writeln!(
            text,
            "and {more} more quantities, which `--json` and `--out` have"
        )?;
    }
    writeln!(text)
}

/// A number with as many decimals as its standard deviation asks for.
fn number(value: f64, sd: f64) -> String {
    let leading = if sd > 0.0 && sd.is_finite() {
        sd.log10().floor() as i32
    } else {
        0
    };
    let decimals = DIGITS - 1 - leading;
    match decimals {
        _ if !value.is_finite() => value.to_string(),
        0..=6 => format!("{value:.*}", decimals as usize),
        _ if (-4..0).contains(&decimals) => format!("{value:.0}"),
        _ => format!("{value:.*e}", DIGITS as usize),
    }
}

fn write_verdict(text: &mut String, request: &Request, fitted: &Fitted) -> std::fmt::Result {
    match &fitted.verdict {
        Verdict::Trustworthy => writeln!(text, "verdict: trustworthy")?,
        Verdict::UseWithCare { because } => write_clauses(text, "use with care", because)?,
        Verdict::DoNotTrust { because } => write_clauses(text, "do not trust", because)?,
    }
    writeln!(text)?;
    if let Some(diagnosis) = &fitted.diagnosis {
        write_diagnosis(text, diagnosis)?;
    }
    let fit = &fitted.fit;
    let starts = &fit.start.agreement;
    line(
        text,
        "starts",
        format!(
            "{} of {} reached the same place",
            starts.agreed, starts.tried
        ),
    )?;
    line(
        text,
        "run",
        format!(
            "{} with {}, seed {}",
            request.inference.name, request.family.name, request.options.seed
        ),
    )?;
    let rejected = if fit.rejected == 0 {
        String::new()
    } else {
        format!(" ({} rejected)", fit.rejected)
    };
    line(
        text,
        "ended",
        format!("after {} steps{rejected}: {}", fit.steps, ended(&fit.ended)),
    )?;
    line(
        text,
        "cost",
        format!("{} gradients, {:.2} s", fit.counts.gradients, fit.seconds),
    )
}

fn write_clauses(text: &mut String, verdict: &str, clauses: &[String]) -> std::fmt::Result {
    match clauses {
        [only] => writeln!(text, "verdict: {verdict}: {only}"),
        several => {
            writeln!(text, "verdict: {verdict}:")?;
            several
                .iter()
                .try_for_each(|clause| writeln!(text, "  - {clause}"))
        }
    }
}

fn write_diagnosis(text: &mut String, diagnosis: &Diagnosis) -> std::fmt::Result {
    line(
        text,
        "ELBO",
        format!("{:.3} +- {:.3}", diagnosis.elbo, diagnosis.elbo_error),
    )?;
    line(
        text,
        "importance weights",
        format!(
            "k-hat {:.2} (below 0.7 they can be used), effective sample size {:.0} of {}",
            diagnosis.k_hat, diagnosis.effective, diagnosis.draws
        ),
    )?;
    if let Some(scores) = &diagnosis.scores {
        let divergence = scores.divergence;
        line(
            text,
            "score divergence",
            format!("{divergence:.3}, whitened (0 for an exact fit)"),
        )?;
    }
    if let Some(drift) = &diagnosis.drift {
        line(text, "drift of chains", moment_errors(&drift.errors))?;
    }
    if diagnosis.invalid > 0.0 {
        line(
            text,
            "outside the support",
            format!("{:.2}% of the draws", 100.0 * diagnosis.invalid),
        )?;
    }
    Ok(())
}

fn moment_errors(errors: &MomentErrors) -> String {
    let mean = errors.worst_mean.as_ref().map(|worst| {
        format!(
            "at most {:.2} sd in a mean ({})",
            worst.mean.abs(),
            worst.name
        )
    });
    let sd = errors.worst_sd.as_ref().map(|worst| {
        format!(
            "{:.0}% in an sd ({})",
            100.0 * (worst.log_sd.abs().exp() - 1.0),
            worst.name
        )
    });
    mean.into_iter().chain(sd).collect::<Vec<_>>().join(", ")
}

fn line(text: &mut String, label: &str, value: String) -> std::fmt::Result {
    writeln!(text, "  {label:<20} {value}")
}

/// Why a run ended, in words.
pub fn ended(ended: &Ended) -> String {
    match ended {
        Ended::Converged { because } => format!("converged, {because}"),
        Ended::OutOfSteps => "out of steps".into(),
        Ended::OutOfTime => "out of time".into(),
        Ended::Interrupted => "interrupted".into(),
        Ended::Failed { because } => format!("failed, {because}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_their_deviation_asks_for() {
        assert_eq!(number(4.40612, 3.3), "4.41");
        assert_eq!(number(-0.012345, 0.0456), "-0.0123");
        assert_eq!(number(123456.7, 2345.0), "123457");
        assert_eq!(number(1.0, 0.0), "1.00");
        assert_eq!(number(1.5e-9, 2e-10), "1.500e-9");
        assert_eq!(number(f64::NAN, f64::NAN), "NaN");
    }
}
