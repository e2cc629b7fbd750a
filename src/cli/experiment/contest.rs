//! One run of one algorithm, measured on its way.

use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use firebrand::FitOptions;
use firebrand::core::start::Start;
use firebrand::core::{
    Approximation, Batch, Counted, Counters, GaussianStart, Progress, StepContext, StepError, Stop,
    Target, registry,
};

/// Some numbers, each with the name of what it measures.
pub type Measured = Vec<(&'static str, f64)>;

/// Measures how far an approximation is from a target.
pub type Measure = Box<dyn Fn(&dyn Approximation) -> Result<Measured, String>>;

/// A target, where all algorithms begin, and how far an approximation is from it.
pub struct Problem {
    pub target: Rc<dyn Target>,
    pub start: GaussianStart,
    pub measure: Measure,
}

/// One picture of an experiment: a kind of problem, and who competes.
pub struct Setting {
    /// Without blanks and commas, for it is the name of a file too.
    pub name: String,
    /// The problem of one seed.
    pub problem: Box<dyn Fn(u64) -> Result<Problem, String>>,
    pub contestants: Vec<Contestant>,
    /// Score evaluations at most.
    pub budget: u64,
}

/// An algorithm and a family, as the registry names them.
#[derive(Clone, Debug)]
pub struct Contestant {
    pub inference: &'static str,
    pub family: String,
}

impl Contestant {
    /// All algorithms with the family of Gaussians. `advi` takes natural-gradient steps there, which are not what the literature
    /// compares with; so it competes with stochastic gradient steps as well.
    pub fn gaussians() -> Vec<Contestant> {
        ["prox-score", "advi", "advi(adaptive: true)", "gsm", "bam"]
            .map(|inference| Contestant {
                inference,
                family: "full-rank".into(),
            })
            .to_vec()
    }

    /// As tables and figures have it; it names the family if that is no Gaussian.
    pub fn label(&self) -> String {
        match self.family.as_str() {
            "full-rank" => self.inference.into(),
            family => format!("{} {family}", self.inference),
        }
    }
}

/// What came of a run.
pub struct Course {
    /// Score evaluations, and how far the approximation was that a run with so many would have given.
    pub points: Vec<(u64, Measured)>,
    /// How it ended, in a word.
    pub ended: &'static str,
}

/// The numbers of score evaluations at which runs are measured: eight for each power of ten, the last one the budget.
pub fn checkpoints(budget: u64) -> Vec<u64> {
    const FIRST: f64 = 100.0;
    const PER_DECADE: f64 = 8.0;
    let count = ((budget as f64 / FIRST).log10().max(0.0) * PER_DECADE).floor() as i32;
    (0..=count)
        .rev()
        .map(|back| (budget as f64 / 10f64.powf(f64::from(back) / PER_DECADE)).round() as u64)
        .collect()
}

/// Runs an algorithm until its budget is spent, it has converged, or it can go no further; after that its result stays what it is.
///
/// # Errors
/// If the run cannot begin, or its approximation cannot be measured.
pub fn compete(
    problem: &Problem,
    contestant: &Contestant,
    budget: u64,
    seed: u64,
    interrupted: &AtomicBool,
) -> Result<Course, String> {
    let inference = registry::inference(contestant.inference).map_err(|e| e.to_string())?;
    let family = registry::family(&contestant.family).map_err(|e| e.to_string())?;
    let counters = Counters::default();
    let counted = Counted::new(&*problem.target, &counters);
    let dimension = problem.target.dimension();
    let approximation = family
        .plugin
        .start(dimension, &problem.start, problem.target.placement())
        .map_err(|error| error.to_string())?;
    let mut start = Start::standard(dimension);
    start.candidates[0].gaussian = problem.start.clone();
    let mut running = inference
        .plugin
        .begin(approximation, &counted, &start)
        .map_err(|error| error.to_string())?;

    let stop = Stop::new(interrupted, None);
    let mut left = checkpoints(budget).into_iter().peekable();
    let mut points = Vec::new();
    let (mut step, mut rejected_in_a_row) = (0, 0);
    let ended = loop {
        if stop.reason().is_some() {
            break "interrupted";
        }
        let before = running.approximation().clone_box();
        let outcome = running.step(&StepContext {
            target: &counted,
            batch: &Batch::Full,
            step,
            seed,
            stop,
        });
        step += 1;
        // Runs that end at these checkpoints would not have had this step.
        let spent = counters.counts().gradients;
        let mut measured: Option<Measured> = None;
        while let Some(at) = left.next_if(|&at| at < spent) {
            let values = match measured.take() {
                Some(values) => values,
                None => (problem.measure)(&*before)?,
            };
            points.push((at, values.clone()));
            measured = Some(values);
        }
        if left.peek().is_none() {
            break "out of evaluations";
        }
        match outcome {
            Ok(report) => {
                rejected_in_a_row = 0;
                if let Progress::Converged(_) = report.progress {
                    break "converged";
                }
            }
            Err(StepError::Recoverable(_)) => {
                rejected_in_a_row += 1;
                if rejected_in_a_row >= FitOptions::default().max_rejections {
                    break "failed";
                }
            }
            Err(StepError::Fatal(_)) => break "failed",
        }
    };
    if left.peek().is_some() && ended != "interrupted" {
        let values = (problem.measure)(running.approximation())?;
        points.extend(left.map(|at| (at, values.clone())));
    }
    Ok(Course { points, ended })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_rise_to_the_budget() {
        let all = checkpoints(20_000);
        assert_eq!(all.last(), Some(&20_000));
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(all[0] >= 100 && all[0] < 134, "{}", all[0]);
        assert_eq!(checkpoints(50), [50]);
    }
}
