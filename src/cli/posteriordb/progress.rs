//! What a user sees while a sweep runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use firebrand::Event;
use indicatif::ProgressBar;

use super::results::Row;
use crate::cli::progress::style;

/// A bar on standard error, if that is a terminal, and a line for each posterior that is done.
pub struct SweepProgress {
    bar: ProgressBar,
    /// What is being done to each posterior.
    phases: Mutex<BTreeMap<String, String>>,
}

impl SweepProgress {
    /// A bar for this many posteriors.
    pub fn begin(posteriors: usize) -> Self {
        let bar = ProgressBar::new(posteriors as u64)
            .with_style(style("{spinner} {bar:30} {pos} of {len} [{elapsed}] {msg}"));
        bar.enable_steady_tick(Duration::from_millis(100));
        SweepProgress {
            bar,
            phases: Mutex::default(),
        }
    }

    /// One was done before.
    pub fn skip(&self) {
        self.bar.inc(1);
    }

    /// One begins.
    pub fn posterior(&self, name: &str) {
        self.phase(name, Some("compiling".into()));
    }

    /// Shows what its fit is doing.
    pub fn show(&self, name: &str, event: &Event<'_>) {
        let phase = match event {
            Event::Step(moment) if moment.steps == 0 => "seeking a start".into(),
            Event::Step(moment) => format!("step {}", moment.steps),
            Event::Checking => "checking the result".into(),
            Event::Drawing => "drawing".into(),
        };
        self.phase(name, Some(phase));
    }

    /// One is done.
    pub fn done(&self, row: &Row) {
        self.phase(&row.posterior, None);
        self.bar.suspend(|| eprintln!("{}", line(row)));
        self.bar.inc(1);
    }

    /// Sets what is being done to a posterior; nothing more, if `None`.
    fn phase(&self, posterior: &str, phase: Option<String>) {
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        match phase {
            Some(phase) => phases.insert(posterior.into(), phase),
            None => phases.remove(posterior),
        };
        let shown: Vec<String> = phases
            .iter()
            .map(|(posterior, phase)| format!("{posterior}: {phase}"))
            .collect();
        self.bar.set_message(shown.join("; "));
    }
}

impl Drop for SweepProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A row in a line.
fn line(row: &Row) -> String {
    let verdict = row.verdict.as_ref();
    let mut line = format!("{}: {}", row.posterior, verdict.unwrap_or(&row.ended));
    if let Some(seconds) = row.seconds {
        line += &format!(", {seconds:.2} s");
    }
    if let Some(errors) = &row.reference {
        let (mean, sd) = (errors.mean.worst, 100.0 * errors.sd.worst);
        line += &format!(", means within {mean:.2} sd of the reference and sds within {sd:.0}%");
    }
    line
}
