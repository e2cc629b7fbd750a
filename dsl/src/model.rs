use std::fmt;
use std::path::Path;
use std::sync::Arc;

use firebrand_core::Placement;

use crate::check::check;
use crate::data::{Data, DataError};
use crate::diagnostics::Diagnostic;
use crate::hir;
use crate::posterior::Posterior;
use crate::syntax::{SourceMap, no_includes, parse};

/// A model that parsed and checked: ready to meet its data.
#[derive(Clone, Debug)]
pub struct Model {
    program: Arc<hir::Program>,
    sources: Arc<SourceMap>,
    warnings: Vec<Diagnostic>,
}

/// Why a model, or a model with its data, is no posterior: diagnostics, and the texts that they point into.
#[derive(Clone, Debug)]
pub struct Report {
    /// What is wrong, and where.
    pub diagnostics: Vec<Diagnostic>,
    sources: Arc<SourceMap>,
}

impl Report {
    /// The diagnostics with their source lines, for a terminal.
    pub fn render(&self, colour: bool) -> String {
        self.diagnostics
            .iter()
            .map(|diagnostic| diagnostic.render(&self.sources, colour))
            .collect()
    }

    /// The diagnostics, a line each: file, line, column, message.
    pub fn lines(&self) -> Vec<String> {
        self.diagnostics
            .iter()
            .map(|diagnostic| diagnostic.one_line(&self.sources))
            .collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

impl std::error::Error for Report {}

/// Why a model file does not compile with its data.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The data file cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model, or the model with this data, is wrong.
    #[error("{0}")]
    Model(#[from] Report),
}

impl CompileError {
    /// On one line: the first diagnostic of a report.
    pub fn one_line(&self) -> String {
        let text = match self {
            CompileError::Model(report) => report.lines().into_iter().next().unwrap_or_default(),
            other => other.to_string(),
        };
        text.trim().replace(['\n', '\r'], " ")
    }
}

impl Model {
    /// Parses and checks a model's text. `name` is what diagnostics call it.
    ///
    /// # Errors
    /// Everything that is wrong with the text, or not supported.
    pub fn parse(name: &str, text: &str) -> Result<Self, Report> {
        Self::parse_with_includes(name, text, &no_includes)
    }

    /// Parses and checks a model file; what it includes is sought in its folder.
    ///
    /// # Errors
    /// A file that cannot be read, and everything that is wrong with it.
    pub fn from_file(path: &Path) -> Result<Self, CompileError> {
        let text = std::fs::read(path).map_err(|source| CompileError::Unreadable {
            path: path.display().to_string(),
            source,
        })?;
        let text = String::from_utf8_lossy(&text);
        let folder = path.parent().unwrap_or(Path::new(""));
        let include = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        Ok(Self::parse_with_includes(
            &path.display().to_string(),
            &text,
            &include,
        )?)
    }

    /// Parses and checks a model's text with the texts that it includes.
    ///
    /// # Errors
    /// Everything that is wrong with the text, or not supported.
    pub fn parse_with_includes(
        name: &str,
        text: &str,
        include: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Report> {
        let mut sources = SourceMap::new(name, text);
        let (tree, mut diagnostics) = parse(&mut sources, include);
        let mut program = None;
        if !diagnostics.iter().any(Diagnostic::is_error) {
            let (checked, found) = check(&tree);
            program = checked;
            diagnostics.extend(found);
        }
        let sources = Arc::new(sources);
        match program {
            Some(program) if !diagnostics.iter().any(Diagnostic::is_error) => Ok(Model {
                program: Arc::new(program),
                sources,
                warnings: diagnostics,
            }),
            _ => Err(Report {
                diagnostics,
                sources,
            }),
        }
    }

    /// Compiles the model with its data to a program for log density and score.
    ///
    /// # Errors
    /// Data that contradicts its declaration, and constructs that are not supported with this data.
    pub fn compile(&self, data: &Data, placement: &Placement) -> Result<Posterior, Report> {
        Posterior::compile(&self.program, data, placement, None)
            .map_err(|diagnostics| self.report(diagnostics))
    }

    /// The same, with the data variable `plate` as a [`Plate`](firebrand_core::Plate): the posterior can also be evaluated on some of
    /// the rows that it counts.
    ///
    /// # Errors
    /// What [`compile`](Self::compile) refuses, and a model that is no sum over these rows: with the place where it is none.
    pub fn compile_with_plate(
        &self,
        data: &Data,
        placement: &Placement,
        plate: &str,
    ) -> Result<Posterior, Report> {
        Posterior::compile(&self.program, data, placement, Some(plate))
            .map_err(|diagnostics| self.report(diagnostics))
    }

    /// The same model with this relative and absolute tolerance in place of those of its differential equations. Steps are then
    /// limited no more than by default.
    pub fn with_solver_tolerance(self, tolerance: f64) -> Self {
        let mut program = Arc::unwrap_or_clone(self.program);
        program.solver_tolerance = Some(tolerance);
        Model {
            program: Arc::new(program),
            ..self
        }
    }

    /// What is worth a look in the model, though it is not wrong.
    pub fn warnings(&self) -> Report {
        self.report(self.warnings.clone())
    }

    /// The checked program.
    pub fn program(&self) -> &hir::Program {
        &self.program
    }

    /// The texts that the program's spans point into.
    pub fn sources(&self) -> &SourceMap {
        &self.sources
    }

    fn report(&self, diagnostics: Vec<Diagnostic>) -> Report {
        Report {
            diagnostics,
            sources: Arc::clone(&self.sources),
        }
    }
}
