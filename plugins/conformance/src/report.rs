//! What came of an identity: a measured residual beside its tolerance.

use std::fmt::{self, Display};

use firebrand_core::FamilyError;

/// An identity that was measured.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a check that nobody looks at checks nothing"]
pub struct Check {
    /// What should hold, as a sentence.
    pub identity: &'static str,
    /// How far from it the worst comparison is, in units that make the tolerance a number: relative errors for finite differences,
    /// standard errors for averages. Infinite where nothing could be measured.
    pub residual: f64,
    /// How far it may be.
    pub tolerance: f64,
    /// Whether a plugin has to fulfil it. What it need not is measured all the same, for whoever chooses a plugin.
    pub required: bool,
    /// Where the residual was found, and what was found there.
    pub detail: String,
}

impl Check {
    /// An identity that could not be measured, for this reason.
    pub fn impossible(identity: &'static str, reason: impl Display) -> Self {
        Check {
            identity,
            residual: f64::INFINITY,
            tolerance: 0.0,
            required: true,
            detail: reason.to_string(),
        }
    }

    /// Whether it holds.
    pub fn passed(&self) -> bool {
        self.residual <= self.tolerance
    }

    /// Whether it should hold, and does not.
    pub fn failed(&self) -> bool {
        self.required && !self.passed()
    }

    /// As an identity that a plugin need not fulfil.
    pub fn optional(self) -> Self {
        Check {
            required: false,
            ..self
        }
    }

    /// For tests.
    ///
    /// # Panics
    /// If it does not hold.
    #[track_caller]
    pub fn assert(self) {
        assert!(self.passed(), "{self}");
    }

    /// The one that is further from its identity, in units of the tolerance.
    fn worse(self, other: Self) -> Self {
        let excess = |check: &Check| check.residual / check.tolerance.max(f64::MIN_POSITIVE);
        if excess(&other) > excess(&self) {
            other
        } else {
            self
        }
    }
}

impl Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Check {
            identity,
            residual,
            tolerance,
            detail,
            ..
        } = self;
        write!(
            f,
            "{identity}: {residual:.1e}, at most {tolerance:.1e}; {detail}"
        )
    }
}

/// All identities of a plugin, in the order in which they were measured.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "a report that nobody looks at checks nothing"]
pub struct Report {
    /// One for each identity: the worst case of it.
    pub checks: Vec<Check>,
}

impl Report {
    /// Adds cases. Of an identity that is there already, the worse case stays.
    pub fn add(&mut self, checks: impl IntoIterator<Item = Check>) {
        for check in checks {
            let known = self.checks.iter_mut();
            match known.into_iter().find(|old| old.identity == check.identity) {
                Some(old) => *old = old.clone().worse(check),
                None => self.checks.push(check),
            }
        }
    }

    /// Those that should hold, and do not.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.failed())
    }

    /// For tests.
    ///
    /// # Panics
    /// If an identity that should hold does not, with all of these.
    #[track_caller]
    pub fn assert(&self) {
        let failures: Vec<String> = self.failures().map(Check::to_string).collect();
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}

/// The worst of many comparisons.
pub(crate) struct Worst(Check);

impl Worst {
    pub fn new(identity: &'static str, tolerance: f64) -> Self {
        Worst(Check {
            identity,
            residual: 0.0,
            tolerance,
            required: true,
            detail: String::new(),
        })
    }

    /// A comparison with this residual; NaN is as bad as can be.
    pub fn residual(&mut self, residual: f64, detail: impl FnOnce() -> String) {
        let residual = if residual.is_nan() {
            f64::INFINITY
        } else {
            residual
        };
        if residual > self.0.residual || self.0.detail.is_empty() {
            self.0.residual = residual;
            self.0.detail = detail();
        }
    }

    /// A number beside what it should be, in units of `scale`.
    pub fn close(&mut self, found: f64, expected: f64, scale: f64, what: impl FnOnce() -> String) {
        let residual = (found - expected).abs() / scale.max(1e-300);
        self.residual(residual, || {
            format!("{}: {found} should be {expected}", what())
        });
    }

    /// The mean of independent values beside what it should be, in standard errors.
    pub fn mean(&mut self, values: &[f64], expected: f64, what: impl FnOnce() -> String) {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        let error = (variance / count).sqrt();
        // Where all values agree, rounding is what is left.
        let residual = (mean - expected).abs() / (error + 1e-10);
        self.residual(residual, || {
            format!(
                "{}: the mean {mean} should be {expected}, with a standard error of {error}",
                what()
            )
        });
    }

    /// A condition.
    pub fn holds(&mut self, condition: bool, otherwise: impl FnOnce() -> String) {
        if !condition {
            self.residual(f64::INFINITY, otherwise);
        }
    }

    pub fn check(self) -> Check {
        self.0
    }

    /// The check, or that a family failed at it.
    pub fn of(identity: &'static str, measured: Result<Worst, FamilyError>) -> Check {
        measured.map_or_else(
            |error| Check::impossible(identity, error),
            |worst| worst.check(),
        )
    }
}
