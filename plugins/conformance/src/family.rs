//! A family, by members of it in one to three dimensions.

use firebrand_core::{
    Approximation, Covariance, Family, FamilyError, GaussianStart, Placement, Stream, normals,
    to_host,
};

use crate::approximation;
use crate::report::{Check, Report};

/// Every identity, in the worst of several members.
pub fn report(family: &dyn Family) -> Report {
    let mut report = Report::default();
    for dimension in 1..=3 {
        match member(family, dimension, dimension as u64) {
            Ok(q) => {
                let has_score = family.capabilities().score;
                report.add(approximation::report(q.as_ref(), has_score).checks);
            }
            Err(error) => report.add([Check::impossible("it can be started", error)]),
        }
    }
    report
}

/// A member off the family's starts: the one nearest to a correlated Gaussian, with every parameter moved a little.
///
/// # Errors
/// If it cannot be started, or these parameters cannot be set.
pub fn member(
    family: &dyn Family,
    dimension: usize,
    seed: u64,
) -> Result<Box<dyn Approximation>, FamilyError> {
    let numbers = normals(seed, Stream::Other(10), 0, 2 * dimension);
    let (mean, scale) = numbers.split_at(dimension);
    let covariance = faer::Mat::from_fn(dimension, dimension, |i, j| {
        let correlation = if i == j { 1.0 } else { 0.4 };
        correlation * (0.5 * (scale[i] + scale[j])).exp()
    });
    let gaussian = GaussianStart {
        mean: mean.to_vec(),
        covariance: Covariance::Dense(covariance),
    };
    let mut q = family.start(dimension, &gaussian, &Placement::cpu())?;
    let lambda = to_host(&q.lambda());
    // A tenth bends flows and parts components, and leaves densities that a Gaussian can still be a proposal for.
    let moves = normals(seed, Stream::Other(11), 0, lambda.len());
    let moved: Vec<f64> = lambda
        .iter()
        .zip(&moves)
        .map(|(l, m)| l + 0.1 * m)
        .collect();
    q.set_lambda(&q.placement().vector(&moved))?;
    Ok(q)
}
