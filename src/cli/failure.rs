//! Why a command did not do what it was asked, and the exit status that says so.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use firebrand::dsl::{CompileError, DataError, Report};

/// A command that ended early.
#[derive(Debug)]
pub enum Failure {
    /// The model or its data is wrong.
    Model(String),
    /// The diagnostics of a model, with their source lines.
    Diagnostics(Report),
    /// The command cannot do what it was asked, whatever the model.
    Usage(String),
    /// The fit failed; its record is kept.
    Fit(String),
    /// These plugins do not fulfil what they should; the report is printed.
    Conformance(String),
    /// Whoever reads the output has left: nothing more is to be done, or to be said.
    ReaderLeft,
}

impl Failure {
    /// Says on standard error what is wrong, and gives the exit status.
    pub fn report(self) -> ExitCode {
        let (message, status) = match self {
            Failure::Model(message) => (message, 1),
            Failure::Diagnostics(report) => {
                eprint!("{}", report.render(colour()));
                return ExitCode::from(1);
            }
            Failure::Usage(message) => (message, 2),
            Failure::Fit(because) => (format!("the fit failed: {because}"), 3),
            Failure::Conformance(plugins) => (format!("not conforming: {plugins}"), 3),
            Failure::ReaderLeft => return ExitCode::SUCCESS,
        };
        eprintln!("error: {message}");
        ExitCode::from(status)
    }

    /// What is wrong, as a part of something that is said of more.
    pub fn sentence(self) -> String {
        match self {
            Failure::Diagnostics(report) => report.to_string(),
            Failure::Model(message)
            | Failure::Usage(message)
            | Failure::Fit(message)
            | Failure::Conformance(message) => message,
            Failure::ReaderLeft => "the output is read no more".into(),
        }
    }
}

/// Whether diagnostics are in colour: on a terminal, unless `NO_COLOR` is set.
pub fn colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// An error of standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ReaderLeft,
            _ => Failure::Usage(format!("cannot write the output: {error}")),
        }
    }
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        Failure::Diagnostics(report)
    }
}

impl From<CompileError> for Failure {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::Model(report) => Failure::Diagnostics(report),
            other => Failure::Model(other.to_string()),
        }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Failure::Model(error.to_string())
    }
}
