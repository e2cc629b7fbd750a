//! The score and the three pullbacks against central differences.

use burn::tensor::Tensor;
use firebrand_core::{Approximation, FamilyError, SampleCotangent, Stream, normals, to_host};

use super::drawn::{deviations, dot, draws, scaled};
use crate::report::{Check, Worst};

/// Relative step of central differences: the cube root of the rounding error, where truncation and rounding balance.
const STEP: f64 = 6e-6;
/// Relative error allowed of a central difference.
const TOLERANCE: f64 = 1e-6;

/// `score` against central differences of `log_prob`.
pub fn the_score_is_the_gradient_of_the_log_density(q: &dyn Approximation) -> Check {
    let identity = "the score is the gradient of the log density";
    Worst::of(
        identity,
        differences_of_log_prob(q, Worst::new(identity, TOLERANCE)),
    )
}

fn differences_of_log_prob(q: &dyn Approximation, mut worst: Worst) -> Result<Worst, FamilyError> {
    let (count, dimension) = (4, q.dimension());
    let (_, theta) = draws(q, count)?;
    let points = q.placement().matrix(theta.clone(), [count, dimension]);
    let score = to_host(&q.score(&points)?);
    for (d, deviation) in deviations(q)?.into_iter().enumerate() {
        let step = STEP * deviation;
        let shifted = |sign: f64| {
            let mut moved = theta.clone();
            for s in 0..count {
                moved[s * dimension + d] += sign * step;
            }
            let theta = q.placement().matrix(moved, [count, dimension]);
            Ok::<_, FamilyError>(to_host(&q.log_prob(&theta)?))
        };
        let (up, down) = (shifted(1.0)?, shifted(-1.0)?);
        for s in 0..count {
            let expected = (up[s] - down[s]) / (2.0 * step);
            let found = score[s * dimension + d];
            // Rounding in the log density, a number of order D, is what limits a difference.
            let scale = found.abs() + dimension as f64 / deviation;
            worst.close(found, expected, scale, || {
                format!("the score of coordinate {d}, draw {s}")
            });
        }
    }
    Ok(worst)
}

/// The inner product of a fixed cotangent with an output, as a function of the member.
type Product<'a> = dyn Fn(&dyn Approximation) -> Result<f64, FamilyError> + 'a;

/// A pullback against central differences of the product in lambda.
fn differences_in_lambda(
    q: &dyn Approximation,
    mut worst: Worst,
    pulled: &Tensor<1>,
    product: &Product<'_>,
) -> Result<Worst, FamilyError> {
    let (lambda, pulled) = (to_host(&q.lambda()), to_host(pulled));
    if pulled.len() != lambda.len() {
        return Err(FamilyError::Size {
            what: "the pullback".into(),
            expected: lambda.len(),
            found: pulled.len(),
        });
    }
    let largest = pulled.iter().fold(1e-300, |m: f64, p| m.max(p.abs()));
    let size = product(q)?.abs().max(1.0);
    let mut moved = q.clone_box();
    for (i, found) in pulled.iter().enumerate() {
        let mut difference = |step: f64| {
            let mut along = |sign: f64| {
                let mut shifted = lambda.clone();
                shifted[i] += sign * step;
                let shifted = moved.placement().vector(&shifted);
                moved.set_lambda(&shifted)?;
                product(moved.as_ref())
            };
            Ok::<_, FamilyError>((along(1.0)? - along(-1.0)?) / (2.0 * step))
        };
        // Which step balances truncation and rounding depends on the parameter's unit, which its value does not always tell.
        let step = STEP * lambda[i].abs().max(1e-3);
        let differences = [difference(step)?, difference(100.0 * step)?];
        let [near, far] = differences.map(|difference| (difference - found).abs());
        let expected = differences[usize::from(far < near)];
        // Terms of order one, some tens of them, each with some units of rounding from the program behind it.
        let rounding = 1e-14 * size / step;
        let scale = found.abs() + largest * 1e-3 + rounding / TOLERANCE;
        worst.close(*found, expected, scale, || format!("entry {i} of lambda"));
    }
    Ok(worst)
}

/// `pull_sample` against central differences of `sample` in lambda, through the draws and through their weights.
pub fn the_pullback_of_sample_is_its_derivative(q: &dyn Approximation) -> Check {
    let identity = "the pullback of sample is its derivative";
    let worst = Worst::new(identity, TOLERANCE);
    let measured = || {
        const COUNT: usize = 12;
        let (noise, theta) = draws(q, COUNT)?;
        let weight = normals(3, Stream::Other(8), 0, theta.len());
        let weight: Vec<f64> = scaled(&weight, &deviations(q)?);
        let of_weights = normals(6, Stream::Other(8), 0, COUNT);
        let has_weights = q.sample(&noise)?.log_weight.is_some();
        let cotangent = SampleCotangent {
            theta: q.placement().matrix(weight.clone(), [COUNT, q.dimension()]),
            log_weight: has_weights.then(|| q.placement().vector(&of_weights)),
        };
        let pulled = q.pull_sample(&noise, &cotangent)?;
        differences_in_lambda(q, worst, &pulled, &|q| {
            let sample = q.sample(&noise)?;
            let through_weights = sample.log_weight.map(|w| dot(&of_weights, &to_host(&w)));
            Ok(dot(&weight, &to_host(&sample.theta)) + through_weights.unwrap_or(0.0))
        })
    };
    Worst::of(identity, measured())
}

/// `pull_log_prob` against central differences of `log_prob` in lambda.
pub fn the_pullback_of_log_prob_is_its_derivative(q: &dyn Approximation) -> Check {
    let identity = "the pullback of log_prob is its derivative";
    let worst = Worst::new(identity, TOLERANCE);
    let measured = || {
        let (_, theta) = draws(q, 3)?;
        let theta = q.placement().matrix(theta, [3, q.dimension()]);
        let weight = normals(4, Stream::Other(8), 0, 3);
        let pulled = q.pull_log_prob(&theta, &q.placement().vector(&weight))?;
        differences_in_lambda(q, worst, &pulled, &|q| {
            Ok(dot(&weight, &to_host(&q.log_prob(&theta)?)))
        })
    };
    Worst::of(identity, measured())
}

/// `pull_score` against central differences of `score` in lambda.
pub fn the_pullback_of_score_is_its_derivative(q: &dyn Approximation) -> Check {
    let identity = "the pullback of score is its derivative";
    let worst = Worst::new(identity, TOLERANCE);
    let measured = || {
        let (_, theta) = draws(q, 3)?;
        let theta = q.placement().matrix(theta, [3, q.dimension()]);
        let weight = normals(5, Stream::Other(8), 0, 3 * q.dimension());
        let inverse: Vec<f64> = deviations(q)?.iter().map(|s| 1.0 / s).collect();
        let weight = scaled(&weight, &inverse);
        let cotangent = q.placement().matrix(weight.clone(), [3, q.dimension()]);
        let pulled = q.pull_score(&theta, &cotangent)?;
        differences_in_lambda(q, worst, &pulled, &|q| {
            Ok(dot(&weight, &to_host(&q.score(&theta)?)))
        })
    };
    Worst::of(identity, measured())
}
