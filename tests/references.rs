//! Fits of the posteriors that have reference draws, with defaults: how far they are from the references, and what
//! the verdict says.
//!
//! Takes minutes. With `FIREBRAND_POSTERIORDB` naming a checkout of PosteriorDB:
//!
//! ```text
//! cargo test --release --test references -- --ignored --nocapture
//! ```
//!
//! `FIREBRAND_FITS` narrows it to some rows of [`GOALS`] (`advi,bam`), `FIREBRAND_ONLY` to posteriors whose names
//! contain a text.

use firebrand::core::{Placement, Reference};
use firebrand::{compile, fit};
use firebrand_posteriordb::Database;

/// An algorithm with a family, and on how many reference posteriors it must be within a tenth.
const GOALS: &[(&str, &str, &str, usize)] = &[
    ("advi", "advi", "full-rank", 30),
    ("bam", "bam", "full-rank", 28),
    ("prox-score", "prox-score", "full-rank", 30),
    ("gsm", "gsm", "full-rank", 0),
    ("pathfinder", "pathfinder", "full-rank", 0),
    ("advi-mean-field", "advi", "mean-field", 0),
    ("prox-score-mean-field", "prox-score", "mean-field", 0),
];

const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

/// Posteriors whose models belong to later stages of the language: they are fitted, but count for no goal.
const LATER: &[&str] = &["arma-arma11", "garch-garch11", "hmm_drive", "hmm_example"];

#[test]
#[ignore = "takes minutes, and a checkout of PosteriorDB"]
fn fits_with_defaults_are_near_the_reference_draws() {
    let checkout = std::env::var("FIREBRAND_POSTERIORDB").expect("FIREBRAND_POSTERIORDB");
    let database = Database::open(checkout.as_ref()).expect("a checkout");
    let names = database.names().expect("names");
    let chosen = std::env::var("FIREBRAND_FITS").unwrap_or_default();
    let only = std::env::var("FIREBRAND_ONLY").unwrap_or_default();
    let mut failures = Vec::new();
    for (label, inference, family, goal) in GOALS {
        if !chosen.is_empty() && !chosen.split(',').any(|name| name == *label) {
            continue;
        }
        println!("\n## {label}\n");
        println!("| posterior | mean error | sd error | gradients | seconds | verdict | ended |");
        println!("|---|--:|--:|--:|--:|---|---|");
        let (mut near, mut fitted, mut overtrusted) = (0, 0, Vec::new());
        for name in names.iter().filter(|name| name.contains(&only)) {
            let entry = database.entry(name).expect("a record");
            let Some(reference) = database.reference(&entry).expect("reference draws") else {
                continue;
            };
            let files = database.locate(&entry).expect("a model and its data");
            let Ok(posterior) = compile(&files, &Placement::cpu()) else {
                continue;
            };
            let counts = !LATER.iter().any(|later| name.contains(later));
            let mut rows = Vec::new();
            for seed in SEEDS {
                rows.push(
                    match fit(&posterior)
                        .inference(*inference)
                        .family(*family)
                        .seed(seed)
                        .run()
                    {
                        Ok(fitted) => Row::new(fitted, &reference),
                        Err(error) => Row::failed(error.to_string()),
                    },
                );
            }
            for row in &rows {
                println!("| {name} | {row}");
                if row.verdict == "trustworthy" && (row.mean > 0.3 || row.sd > 0.3) {
                    overtrusted.push(name.clone());
                }
            }
            rows.sort_by(|a, b| a.worst().total_cmp(&b.worst()));
            fitted += usize::from(counts);
            near += usize::from(counts && rows[rows.len() / 2].worst() <= 0.1);
        }
        println!(
            "\n{label}: {near} of {fitted} within a tenth, {} fits trusted that should not be",
            overtrusted.len()
        );
        if only.is_empty() && near < *goal {
            failures.push(format!(
                "{label}: {near} of {fitted} within a tenth, not {goal}"
            ));
        }
        if !overtrusted.is_empty() {
            failures.push(format!(
                "{label}: called trustworthy though it misses: {overtrusted:?}"
            ));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// One fit against its reference.
struct Row {
    /// Of the worst quantity, in reference standard deviations.
    mean: f64,
    /// Of the worst quantity: the ratio of standard deviations, less 1.
    sd: f64,
    gradients: u64,
    seconds: f64,
    verdict: String,
    ended: String,
}

impl Row {
    fn new(mut fitted: firebrand::Fitted, reference: &Reference) -> Self {
        fitted.compare(reference);
        let comparison = fitted.reference.as_ref().expect("quantities to compare");
        assert!(comparison.missing.is_empty(), "{:?}", comparison.missing);
        Row {
            mean: comparison.mean.worst,
            sd: comparison.sd.worst,
            gradients: fitted.fit.counts.gradients,
            seconds: fitted.fit.seconds,
            verdict: fitted.verdict.to_string(),
            ended: format!("{:?}", fitted.fit.ended),
        }
    }

    fn failed(why: String) -> Self {
        Row {
            mean: f64::INFINITY,
            sd: f64::INFINITY,
            gradients: 0,
            seconds: 0.0,
            verdict: "none".into(),
            ended: why,
        }
    }

    fn worst(&self) -> f64 {
        self.mean.max(self.sd)
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Row {
            mean,
            sd,
            gradients,
            seconds,
            verdict,
            ended,
        } = self;
        write!(
            f,
            "{mean:.3} | {sd:.3} | {gradients} | {seconds:.2} | {verdict} | {ended} |"
        )
    }
}
