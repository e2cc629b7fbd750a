//! The trace of a run: what every step reported, in columns.

use serde::{Deserialize, Serialize};

use crate::inference::StepReport;

/// What each step of a run reported. Columns are named by the algorithm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// The names of the diagnostics, in the order of their first appearance.
    pub names: Vec<String>,
    /// One row a step, rejected ones included.
    pub rows: Vec<TraceRow>,
}

/// One step in a [`Trace`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceRow {
    /// The number of the step, from zero.
    pub step: u64,
    /// Since the run began.
    pub seconds: f64,
    /// Evaluations of log density and score since the run began.
    pub gradients: u64,
    /// Why the step was rejected, if it was.
    pub rejected: Option<String>,
    /// The diagnostics, in the order of [`Trace::names`]; NaN, or left out at the end, where a step did not report one.
    pub values: Vec<f64>,
}

impl Trace {
    /// Adds a step that was taken.
    pub fn taken(&mut self, step: u64, seconds: f64, gradients: u64, report: &StepReport) {
        let mut values = vec![f64::NAN; self.names.len()];
        for &(name, value) in &report.diagnostics {
            match self.names.iter().position(|known| known == name) {
                Some(column) => values[column] = value,
                None => {
                    self.names.push(name.into());
                    values.push(value);
                }
            }
        }
        self.rows.push(TraceRow {
            step,
            seconds,
            gradients,
            rejected: None,
            values,
        });
    }

    /// Adds a step that was rejected.
    pub fn rejected(&mut self, step: u64, seconds: f64, gradients: u64, because: String) {
        self.rows.push(TraceRow {
            step,
            seconds,
            gradients,
            rejected: Some(because),
            values: vec![],
        });
    }

    /// How many of the last steps were rejected, without one between them that was not.
    pub(crate) fn rejected_last(&self) -> u64 {
        let last = self.rows.iter().rev();
        last.take_while(|row| row.rejected.is_some()).count() as u64
    }

    /// One diagnostic over all steps; NaN where a step did not report it. `None` if no step ever did.
    pub fn column(&self, name: &str) -> Option<Vec<f64>> {
        let column = self.names.iter().position(|known| known == name)?;
        let value = |row: &TraceRow| row.values.get(column).copied().unwrap_or(f64::NAN);
        Some(self.rows.iter().map(value).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_that_comes_late_gets_a_column_of_its_own() {
        let mut trace = Trace::default();
        trace.taken(0, 0.1, 8, &StepReport::going([("elbo", -3.0)]));
        trace.rejected(1, 0.2, 16, "not positive definite".into());
        trace.taken(
            2,
            0.3,
            24,
            &StepReport::going([("rate", 0.5), ("elbo", -2.0)]),
        );
        assert_eq!(trace.names, ["elbo", "rate"]);
        let elbo = trace.column("elbo").unwrap();
        assert_eq!((elbo[0], elbo[2]), (-3.0, -2.0));
        assert!(elbo[1].is_nan());
        assert!(trace.column("rate").unwrap()[0].is_nan());
        assert_eq!(trace.column("loss"), None);
    }
}
