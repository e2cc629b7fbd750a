//! What a user sees, and can do, while a fit runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use firebrand::Event;
use indicatif::{ProgressBar, ProgressStyle};

use super::Failure;

/// Raised by Ctrl-C.
static CANCELLED: AtomicBool = AtomicBool::new(false);

/// The exit status of a process that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// From here on Ctrl-C raises a flag, which ends what is being done and keeps what was; a second one before the first is heard ends
/// the process.
pub fn catch_interrupts() -> Result<&'static AtomicBool, Failure> {
    ctrlc::set_handler(|| {
        if CANCELLED.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED);
        }
        eprintln!("\nstopping, and keeping what was done; once more ends it at once");
    })
    .map_err(|error| Failure::Usage(format!("cannot listen for Ctrl-C: {error}")))?;
    Ok(&CANCELLED)
}

/// A bar on standard error, if that is a terminal.
pub struct Progress {
    bar: ProgressBar,
    stepping: bool,
}

impl Progress {
    /// A bar that says that a start is sought.
    pub fn begin() -> Self {
        let bar = ProgressBar::new_spinner().with_style(style("{spinner} {msg} [{elapsed}]"));
        bar.set_message("seeking a start");
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress {
            bar,
            stepping: false,
        }
    }

    /// Shows what the fit is doing.
    pub fn show(&mut self, event: &Event<'_>) {
        match event {
            Event::Step(moment) if moment.steps == 0 => {}
            Event::Step(moment) => {
                if !self.stepping {
                    self.stepping = true;
                    self.bar.set_style(style(
                        "{spinner} {bar:30} step {pos} of at most {len} [{elapsed}] {msg}",
                    ));
                    self.bar.set_length(moment.max_steps);
                }
                self.bar.set_position(moment.steps);
                if let Some(report) = moment.report {
                    let numbers = report.diagnostics.iter().take(2);
                    let numbers: Vec<String> = numbers
                        .map(|(name, value)| format!("{name} {value:.4}"))
                        .collect();
                    self.bar.set_message(numbers.join(", "));
                }
            }
            Event::Checking => self.phase("checking the result"),
            Event::Drawing => self.phase("drawing, with generated quantities"),
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }

    fn phase(&mut self, message: &'static str) {
        self.bar.set_style(style("{spinner} {msg} [{elapsed}]"));
        self.bar.set_message(message);
    }
}

/// A style from a template; the default one should the template be wrong.
pub fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
