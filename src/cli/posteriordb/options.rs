//! What a sweep is told, and whether it is what it was told before.

use serde::{Deserialize, Serialize};

use crate::cli::inputs::Computing;

/// What every fit of a sweep is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepOptions {
    /// The algorithm with all of its options.
    pub inference: String,
    /// The family with all of its options; by default the one that suits algorithm and dimension.
    pub family: Option<String>,
    pub seed: u64,
    /// Seconds at most for a phase of a fit.
    pub time_limit: Option<f64>,
    /// Device, precision, and the tolerance of differential equations.
    #[serde(default)]
    pub computing: Computing,
}

/// Whether a sweep that was begun with the options in `text` can be gone on with.
pub fn same_options(text: &str, options: &SweepOptions) -> Result<(), String> {
    let before: SweepOptions = serde_json::from_str(text)
        .map_err(|error| format!("its options cannot be read: {error}"))?;
    match changes(&before, options) {
        None => Ok(()),
        Some(changes) => Err(format!(
            "it holds a sweep with other options ({changes}); choose another folder"
        )),
    }
}

/// Which options are not what they were, if any.
fn changes(before: &SweepOptions, now: &SweepOptions) -> Option<String> {
    let family = |options: &SweepOptions| options.family.clone().unwrap_or("default".into());
    let limit = |options: &SweepOptions| {
        options
            .time_limit
            .map_or_else(|| "none".into(), |seconds| format!("{seconds} s"))
    };
    let computing = |options: &SweepOptions| {
        let Computing {
            device,
            precision,
            solver_tolerance,
        } = options.computing;
        let device = device.map(String::from);
        let precision = precision.map(|precision| format!("{precision:?}"));
        let tolerance = solver_tolerance.map(|tolerance| format!("tolerance {tolerance}"));
        let asked: Vec<String> = [device, precision, tolerance]
            .into_iter()
            .flatten()
            .collect();
        match asked.is_empty() {
            true => "default".into(),
            false => asked.join(" "),
        }
    };
    let pairs = [
        ("inference", before.inference.clone(), now.inference.clone()),
        ("family", family(before), family(now)),
        ("seed", before.seed.to_string(), now.seed.to_string()),
        ("time limit", limit(before), limit(now)),
        ("computing", computing(before), computing(now)),
    ];
    let changed = pairs.iter().filter(|(_, before, now)| before != now);
    let changed: Vec<String> = changed
        .map(|(name, before, now)| format!("{name} {before}, now {now}"))
        .collect();
    (!changed.is_empty()).then(|| changed.join("; "))
}
