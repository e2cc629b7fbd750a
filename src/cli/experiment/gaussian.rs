//! Gaussian targets: what every algorithm must reach, and how soon.

use std::rc::Rc;

use firebrand::core::{Covariance, GaussianStart};

use super::Experiment;
use super::contest::{Contestant, Problem, Setting};
use super::measures::from_gaussian;
use super::targets::{random_gaussian, spaced};

/// The condition number of covariances of targets.
const CONDITION: f64 = 100.0;

/// Dimensions with the score evaluations that they get.
const SIZES: [(usize, u64); 4] = [(4, 20_000), (16, 20_000), (64, 50_000), (256, 50_000)];

/// The variances of the narrow approximation are spaced from this to 1: it is narrow in most directions, far below the target.
const NARROWEST: f64 = 1e-4;

/// The settings, from N(0, I) and from an approximation with small eigenvalues.
pub fn experiment(quick: bool) -> Experiment {
    let sizes: &[(usize, u64)] = if quick { &[(4, 5_000)] } else { &SIZES };
    let narrow = if quick { (4, 5_000) } else { (16, 20_000) };
    let mut settings: Vec<Setting> = sizes
        .iter()
        .map(|&(dimension, budget)| {
            let name = format!("dimension-{dimension}");
            setting(name, budget, dimension, vec![1.0; dimension])
        })
        .collect();
    let (dimension, budget) = narrow;
    // `spaced` is symmetric about 1 in logarithm.
    let variances = spaced(dimension, 1.0 / NARROWEST)
        .iter()
        .map(|variance| variance * NARROWEST.sqrt())
        .collect();
    let name = format!("dimension-{dimension}-narrow-start");
    settings.push(setting(name, budget, dimension, variances));
    Experiment {
        name: "gaussian",
        settings,
        arrived: 0.1,
    }
}

fn setting(name: String, budget: u64, dimension: usize, variances: Vec<f64>) -> Setting {
    let problem = move |seed| {
        let target = random_gaussian(dimension, CONDITION, seed)
            .ok_or("the target's covariance is not positive definite")?;
        let target = Rc::new(target);
        Ok(Problem {
            target: target.clone(),
            start: GaussianStart {
                mean: vec![0.0; dimension],
                covariance: Covariance::Diagonal(variances.clone()),
            },
            measure: Box::new(move |approximation| from_gaussian(&target, approximation)),
        })
    };
    Setting {
        name,
        problem: Box::new(problem),
        contestants: Contestant::gaussians(),
        budget,
    }
}
