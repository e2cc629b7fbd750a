//! Mixtures of Gaussians: what the family of an approximation can hold, and which algorithms find it.

use std::rc::Rc;

use firebrand::core::GaussianStart;

use super::Experiment;
use super::contest::{Contestant, Problem, Setting};
use super::measures::from_mixture;
use super::targets::MixtureOfGaussians;

/// How far the means of components are from the origin: two to four standard deviations from each other, so that modes are distinct but not
/// separated. Of separated modes scores do not tell the weights (arXiv 2008.10087).
const RADIUS: f64 = 2.0;

struct Shape {
    dimension: usize,
    /// Components of the target.
    order: usize,
    /// Components of the approximation.
    components: usize,
    budget: u64,
}

/// The settings.
pub fn experiment(quick: bool) -> Experiment {
    let shape = |dimension, order, components, budget| Shape {
        dimension,
        order,
        components,
        budget,
    };
    let shapes = if quick {
        vec![shape(2, 2, 2, 50_000)]
    } else {
        vec![
            shape(2, 2, 2, 200_000),
            shape(2, 2, 3, 200_000),
            shape(2, 5, 5, 200_000),
            shape(30, 2, 2, 200_000),
        ]
    };
    Experiment {
        name: "mixture",
        settings: shapes.into_iter().map(setting).collect(),
        arrived: 0.05,
    }
}

fn setting(shape: Shape) -> Setting {
    let Shape {
        dimension,
        order,
        components,
        budget,
    } = shape;
    let problem = move |seed| {
        let mixture = MixtureOfGaussians::random(order, dimension, RADIUS, seed)
            .ok_or("a component's covariance is not positive definite")?;
        let target = Rc::new(mixture.target());
        Ok(Problem {
            target: target.clone(),
            start: GaussianStart::standard(dimension),
            measure: Box::new(move |approximation| {
                from_mixture(&mixture, &*target, approximation, seed)
            }),
        })
    };
    let mixtures = ["prox-score", "advi"].map(|inference| Contestant {
        inference,
        family: format!("mixture(components: {components})"),
    });
    let gaussians = ["prox-score", "advi", "gsm", "bam"].map(|inference| Contestant {
        inference,
        family: "full-rank".into(),
    });
    Setting {
        name: format!("dimension-{dimension}-order-{order}-components-{components}"),
        problem: Box::new(problem),
        contestants: mixtures.into_iter().chain(gaussians).collect(),
        budget,
    }
}
