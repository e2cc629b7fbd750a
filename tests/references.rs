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

mod posteriordb;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use firebrand::fit;
use posteriordb::Database;

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

/// Mean and standard deviation of the reference draws of each quantity.
type Reference = BTreeMap<String, (f64, f64)>;

#[test]
#[ignore = "takes minutes, and a checkout of PosteriorDB"]
fn fits_with_defaults_are_near_the_reference_draws() {
    let Some(database) = Database::from_environment() else {
        panic!("FIREBRAND_POSTERIORDB names no checkout of PosteriorDB");
    };
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
        for name in database.names().iter().filter(|name| name.contains(&only)) {
            let entry = database.entry(name);
            let Some(reference) = &entry.reference_posterior_name else {
                continue;
            };
            let reference = database.reference(reference);
            if !reference.exists() {
                continue;
            }
            let Ok(posterior) = database.compile(&entry) else {
                continue;
            };
            let reference = read_reference(&reference);
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
                        Ok(fitted) => Row::new(&fitted, &reference),
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
    fn new(fitted: &firebrand::Fitted, reference: &Reference) -> Self {
        let (mut mean, mut sd) = (0.0_f64, 0.0_f64);
        for (name, (reference_mean, reference_sd)) in reference {
            let Some(quantity) = fitted.quantity(name) else {
                panic!("the fit has no {name}")
            };
            mean = mean.max((quantity.mean - reference_mean).abs() / reference_sd);
            sd = sd.max((quantity.sd / reference_sd - 1.0).abs());
        }
        Row {
            mean,
            sd,
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

fn read_reference(path: &Path) -> Reference {
    let file = std::fs::File::open(path).expect("reference draws");
    let mut archive = zip::ZipArchive::new(file).expect("a zip file");
    let mut text = String::new();
    archive
        .by_index(0)
        .expect("one file")
        .read_to_string(&mut text)
        .expect("text");
    let chains: Vec<BTreeMap<String, Vec<f64>>> =
        serde_json::from_str(&text).expect("draws by chain and name");
    let names: BTreeSet<&String> = chains.iter().flat_map(|chain| chain.keys()).collect();
    let moments = |name: &String| {
        let draws: Vec<f64> = chains
            .iter()
            .filter_map(|chain| chain.get(name))
            .flatten()
            .copied()
            .collect();
        let count = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / count;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance.sqrt())
    };
    names
        .into_iter()
        .map(|name| (name.clone(), moments(name)))
        .collect()
}
