//! The result of a fit.

use firebrand_core::diagnostics::{Diagnosis, Verdict};
use firebrand_core::record::{Course, Outcome, Request, RunRecord};
use firebrand_core::{Comparison, Draws, Fit, Reference};

use crate::summary::{Quantity, summarize};

/// A fit that took steps, with draws of its approximation and a verdict on it.
pub struct Fitted {
    /// The run: its approximation, why it ended, its trace.
    pub fit: Fit,
    /// What was measured of the approximation; `None` if it could not be evaluated.
    pub diagnosis: Option<Diagnosis>,
    /// Whether the approximation can be relied upon.
    pub verdict: Verdict,
    /// Draws of the approximation.
    pub draws: Draws,
    /// Mean, standard deviation and quantiles of every quantity of the model.
    pub summary: Vec<Quantity>,
    /// What did not go as it should, though the fit has a result.
    pub notes: Vec<String>,
    /// How far it is from a reference, once it was [compared](Fitted::compare) with one.
    pub reference: Option<Comparison>,
}

impl Fitted {
    pub(crate) fn new(
        fit: Fit,
        diagnosis: Option<Diagnosis>,
        verdict: Verdict,
        draws: Draws,
        notes: Vec<String>,
    ) -> Self {
        let summary = summarize(&draws.constrained);
        Fitted {
            fit,
            diagnosis,
            verdict,
            draws,
            summary,
            notes,
            reference: None,
        }
    }

    /// The draws of one quantity, such as `mu` or `theta[2]`; `None` if the model has no such quantity.
    pub fn draws_of(&self, name: &str) -> Option<Vec<f64>> {
        let table = &self.draws.constrained;
        table.position(name).map(|column| table.column(column))
    }

    /// The summary of one quantity, such as `mu` or `theta[2]`; `None` if the model has no such quantity.
    pub fn quantity(&self, name: &str) -> Option<&Quantity> {
        self.summary.iter().find(|quantity| quantity.name == name)
    }

    /// Compares means and standard deviations with what is known of the posterior. The verdict is not told of it.
    pub fn compare(&mut self, reference: &Reference) {
        self.reference = Comparison::new(reference, |name| {
            let quantity = self.quantity(name)?;
            Some((quantity.mean, quantity.sd))
        });
    }

    /// The record of this run, which was asked for by `request`.
    pub fn record(&self, request: Request) -> RunRecord {
        let mut course = Course::new(&self.fit, self.diagnosis.clone(), self.verdict.clone());
        course.reference = self.reference.clone();
        RunRecord {
            request,
            outcome: Outcome::Ran(Box::new(course)),
        }
    }
}
