//! What a user sees while a sweep runs.

use std::time::Duration;

use firebrand::Event;
use indicatif::ProgressBar;

use super::results::Row;
use crate::cli::progress::style;

/// A bar on standard error, if that is a terminal, and a line for each posterior that is done.
pub struct SweepProgress {
    bar: ProgressBar,
    posterior: String,
}

impl SweepProgress {
    /// A bar for this many posteriors.
    pub fn begin(posteriors: usize) -> Self {
        let bar = ProgressBar::new(posteriors as u64)
            .with_style(style("{spinner} {bar:30} {pos} of {len} [{elapsed}] {msg}"));
        bar.enable_steady_tick(Duration::from_millis(100));
        SweepProgress {
            bar,
            posterior: String::new(),
        }
    }

    /// One was done before.
    pub fn skip(&self) {
        self.bar.inc(1);
    }

    /// One begins.
    pub fn posterior(&mut self, name: &str) {
        self.posterior = name.into();
        self.phase("compiling");
    }

    /// Shows what its fit is doing.
    pub fn show(&self, event: &Event<'_>) {
        match event {
            Event::Step(moment) if moment.steps == 0 => self.phase("seeking a start"),
            Event::Step(moment) => self.phase(&format!("step {}", moment.steps)),
            Event::Checking => self.phase("checking the result"),
            Event::Drawing => self.phase("drawing"),
        }
    }

    /// One is done.
    pub fn done(&self, row: &Row) {
        self.bar.suspend(|| eprintln!("{}", line(row)));
        self.bar.inc(1);
    }

    fn phase(&self, what: &str) {
        self.bar.set_message(format!("{}: {what}", self.posterior));
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
