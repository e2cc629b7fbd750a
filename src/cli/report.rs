//! What a fit says at its end: a table of the parameters, and the verdict with what it rests on.

use firebrand::core::diagnostics::{Diagnosis, MomentErrors};
use firebrand::core::record::Request;
use firebrand::core::{Block, Comparison, Spread};
use firebrand::{Ended, Fitted, Quantity, Verdict};

use super::table::table;

/// Entries of transformed parameters and generated quantities that are shown; there may be thousands.
const OTHERS: usize = 60;

/// Digits of a standard deviation that are shown, and with it of everything in its row.
const DIGITS: usize = 3;

/// From here on numbers are shown with an exponent.
const LARGE: f64 = 1e9;

/// The table of parameters and the verdict, as text.
pub fn report(request: &Request, fitted: &Fitted) -> String {
    let (level, because) = words(&fitted.verdict);
    let mut text = format!(
        "{}\nverdict: {level}",
        summary_table(&fitted.summary, fitted.reference.as_ref())
    );
    match because {
        [] => {}
        [only] => text += &format!(": {only}"),
        several => several
            .iter()
            .for_each(|clause| text += &format!("\n  - {clause}")),
    }
    text += "\n\n";
    for (label, fact) in facts(request, fitted) {
        text += &format!("  {label:<20} {fact}\n");
    }
    text
}

/// A verdict in plain words, and the reasons for it.
pub fn words(verdict: &Verdict) -> (&'static str, &[String]) {
    match verdict {
        Verdict::Trustworthy => ("trustworthy", &[]),
        Verdict::UseWithCare { because } => ("use with care", because),
        Verdict::DoNotTrust { because } => ("do not trust", because),
    }
}

/// The table of quantities, with how far they are from a reference.
pub fn summary_table(summary: &[Quantity], reference: Option<&Comparison>) -> String {
    if summary.is_empty() {
        return "the model has no quantities but the weights of networks\n".into();
    }
    let mut headings = vec!["", "mean", "sd", "5%", "50%", "95%"];
    if reference.is_some() {
        headings.extend(["mean error", "sd ratio"]);
    }
    let mut table = table(&headings, 1);
    let (parameters, others): (Vec<_>, Vec<_>) = summary
        .iter()
        .partition(|quantity| quantity.block == Block::Parameters);
    let left_out = others.len().saturating_sub(OTHERS);
    for quantity in parameters
        .into_iter()
        .chain(others.into_iter().take(OTHERS))
    {
        let sd = quantity.sd;
        let numbers = [
            quantity.mean,
            sd,
            quantity.q5,
            quantity.median,
            quantity.q95,
        ];
        let numbers = numbers.map(|value| number(value, sd));
        let mut row: Vec<String> = [quantity.name.clone()].into_iter().chain(numbers).collect();
        if let Some(deviation) = reference.and_then(|reference| reference.of(&quantity.name)) {
            row.push(format!("{:+.3}", deviation.mean_error));
            row.push(format!("{:.3}", deviation.sd_ratio));
        }
        table.add_row(row);
    }
    let mut text = table.trim_fmt() + "\n";
    if left_out > 0 {
        text += &format!("and {left_out} more quantities, which `--json` and `--out` have\n");
    }
    text
}

/// A number with as many decimals as its standard deviation asks for.
fn number(value: f64, sd: f64) -> String {
    let magnitude = if sd > 0.0 { sd.log10().floor() } else { 0.0 };
    if !value.is_finite() {
        value.to_string()
    } else if value.abs() >= LARGE || magnitude < -6.0 {
        format!("{value:.DIGITS$e}")
    } else {
        let decimals = (DIGITS as f64 - 1.0 - magnitude).max(0.0) as usize;
        format!("{value:.decimals$}")
    }
}

/// What the verdict rests on, and how the run went.
fn facts(request: &Request, fitted: &Fitted) -> Vec<(&'static str, String)> {
    let (fit, starts) = (&fitted.fit, &fitted.fit.start.agreement);
    let plural = if fit.steps == 1 { "" } else { "s" };
    let rejected = match fit.rejected {
        0 => String::new(),
        rejected => format!(" ({rejected} rejected)"),
    };
    let Request {
        inference,
        family,
        options,
        device,
        precision,
        ..
    } = request;
    let mut facts = fitted.diagnosis.as_ref().map_or_else(Vec::new, measured);
    facts.extend(fitted.reference.as_ref().map(compared));
    facts.extend([
        (
            "starts",
            format!(
                "{} of {} reached the best place",
                starts.agreed, starts.tried
            ),
        ),
        (
            "run",
            format!(
                "{} with {}, seed {}",
                inference.name, family.name, options.seed
            ),
        ),
        ("device", format!("{device}, {} bits", precision.bits())),
        (
            "ended",
            format!(
                "after {} step{plural}{rejected}: {}",
                fit.steps,
                ended(&fit.ended)
            ),
        ),
        (
            "cost",
            format!("{} gradients, {:.2} s", fit.counts.gradients, fit.seconds),
        ),
    ]);
    facts
}

fn measured(diagnosis: &Diagnosis) -> Vec<(&'static str, String)> {
    let Diagnosis {
        elbo,
        elbo_error,
        effective,
        draws,
        ..
    } = diagnosis;
    let weights = tail(diagnosis.k_hat);
    let mut facts = vec![
        ("ELBO", format!("{elbo:.3} +- {elbo_error:.3}")),
        (
            "importance weights",
            format!("{weights}, effective sample size {effective:.0} of {draws}"),
        ),
    ];
    if let Some(scores) = &diagnosis.scores {
        let divergence = scores.divergence;
        facts.push((
            "score divergence",
            format!("{divergence:.3}, whitened (0 for an exact fit)"),
        ));
    }
    if let Some(drift) = &diagnosis.drift {
        facts.push(("Markov chains", moved(&drift.errors)));
    }
    if diagnosis.invalid > 0.0 {
        let percent = 100.0 * diagnosis.invalid;
        facts.push(("outside the support", format!("{percent:.2}% of the draws")));
    }
    facts
}

/// How far the fit is from reference draws.
fn compared(comparison: &Comparison) -> (&'static str, String) {
    let Comparison { mean, sd, .. } = comparison;
    let of = |spread: &Spread| spread.worst_name.clone();
    let fact = format!(
        "means off by at most {:.2} sd ({}), median {:.2}; sds by {:.0}% ({}), median {:.0}%",
        mean.worst,
        of(mean),
        mean.median,
        100.0 * sd.worst,
        of(sd),
        100.0 * sd.median
    );
    ("reference draws", fact)
}

/// The tail of the importance weights, in words.
fn tail(k_hat: f64) -> String {
    match k_hat {
        f64::NEG_INFINITY => "all equal".into(),
        _ if k_hat < 0.5 => format!("k-hat {k_hat:.2} (good)"),
        _ if k_hat < 0.7 => format!("k-hat {k_hat:.2} (they can be used)"),
        _ => format!("k-hat {k_hat:.2} (they say little)"),
    }
}

/// How far Markov chains moved away from the approximation.
fn moved(errors: &MomentErrors) -> String {
    let mean = errors.worst_mean.as_ref().map(|worst| {
        let size = worst.mean.abs();
        format!("moved means by at most {size:.2} sd ({})", worst.name)
    });
    let sd = errors.worst_sd.as_ref().map(|worst| {
        let percent = 100.0 * (worst.log_sd.abs().exp() - 1.0);
        format!("sds by {percent:.0}% ({})", worst.name)
    });
    let both: Vec<String> = mean.into_iter().chain(sd).collect();
    both.join(", ")
}

/// Why a run ended, in words.
fn ended(ended: &Ended) -> String {
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
        assert_eq!(number(2.7e307, f64::INFINITY), "2.700e307");
        assert_eq!(number(f64::NAN, f64::NAN), "NaN");
    }

    #[test]
    fn a_long_list_of_quantities_is_cut_but_not_that_of_parameters() {
        let quantity = |block| Quantity {
            name: "x".into(),
            block,
            mean: 0.0,
            sd: 1.0,
            q5: -1.6,
            median: 0.0,
            q95: 1.6,
        };
        let mut summary = vec![quantity(Block::Parameters); OTHERS + 2];
        summary.extend(vec![quantity(Block::GeneratedQuantities); OTHERS + 3]);
        let text = summary_table(&summary, None);
        assert_eq!(text.lines().count(), 1 + OTHERS + 2 + OTHERS + 1);
        assert!(text.contains("and 3 more quantities"), "{text}");
    }
}
