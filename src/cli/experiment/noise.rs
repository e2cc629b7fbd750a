//! Noise in the scores: what it does to where an algorithm ends.

use std::rc::Rc;

use firebrand::core::GaussianStart;

use super::Experiment;
use super::contest::{Contestant, Problem, Setting};
use super::measures::from_gaussian;
use super::targets::{NoisyGaussian, random_gaussian};

/// As in the table.
pub const NAME: &str = "noise";

/// The condition number of covariances of targets.
const CONDITION: f64 = 10.0;

/// What the names of settings have before the variance.
pub const PREFIX: &str = "variance-";

/// The settings. Log densities stay exact; `advi` alone looks at them, to guard its steps.
pub fn experiment(quick: bool) -> Experiment {
    let (dimension, budget) = if quick { (4, 10_000) } else { (8, 50_000) };
    let variances: &[f64] = if quick {
        &[0.01, 1.0]
    } else {
        &[0.001, 0.01, 0.1, 1.0, 10.0]
    };
    Experiment {
        name: NAME,
        settings: variances
            .iter()
            .map(|&variance| setting(dimension, variance, budget))
            .collect(),
        arrived: 0.1,
    }
}

fn setting(dimension: usize, variance: f64, budget: u64) -> Setting {
    let problem = move |seed| {
        let exact = random_gaussian(dimension, CONDITION, seed)
            .ok_or("the target's covariance is not positive definite")?;
        Ok(Problem {
            target: Rc::new(NoisyGaussian::new(exact.clone(), variance, seed)),
            start: GaussianStart::standard(dimension),
            measure: Box::new(move |approximation| from_gaussian(&exact, approximation)),
        })
    };
    Setting {
        name: format!("{PREFIX}{variance}"),
        problem: Box::new(problem),
        contestants: Contestant::gaussians(),
        budget,
    }
}
