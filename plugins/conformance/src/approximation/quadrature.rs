//! Gradients of expectations, through the draws and by quadrature.

use burn::tensor::Tensor;
use firebrand_core::{Approximation, FamilyError, Sample, SampleCotangent, to_host};

use super::drawn::{DRAWS, ERRORS, deviations, draws};
use crate::report::{Check, Worst};

/// The gradient of `E_q[f]` through the draws equals that by quadrature of the density, for f = cos about the member's centre: a
/// term that the pullback of `sample` leaves out shows. The member has one dimension.
pub fn the_gradient_of_an_expectation_is_that_of_quadrature(q: &dyn Approximation) -> Check {
    let identity = "the gradient of E[f] is that of quadrature";
    if q.dimension() != 1 {
        return Check::impossible(identity, "quadrature is in one dimension");
    }
    Worst::of(identity, measure(q, Worst::new(identity, ERRORS)))
}

/// f.
struct Wave {
    centre: f64,
    deviation: f64,
}

impl Wave {
    fn phase(&self, x: f64) -> f64 {
        (x - self.centre) / self.deviation + 0.7
    }

    fn value(&self, x: f64) -> f64 {
        self.phase(x).cos()
    }

    fn slope(&self, x: f64) -> f64 {
        -self.phase(x).sin() / self.deviation
    }
}

fn measure(q: &dyn Approximation, mut worst: Worst) -> Result<Worst, FamilyError> {
    let (noise, theta) = draws(q, DRAWS)?;
    let wave = Wave {
        centre: theta.iter().sum::<f64>() / DRAWS as f64,
        deviation: deviations(q)?[0],
    };
    let exact = to_host(&by_quadrature(q, &wave)?);
    // Through the draws, in batches whose spread gives the standard error.
    let (batches, size) = (50, DRAWS / 50);
    let noise = to_host(&noise);
    let width = noise.len() / DRAWS;
    let mut estimates = vec![Vec::with_capacity(batches); exact.len()];
    for rows in noise.chunks(size * width) {
        let noise = q.placement().matrix(rows.to_vec(), [size, width]);
        let pulled = to_host(&through_draws(q, &noise, &wave)?);
        for (estimates, value) in estimates.iter_mut().zip(pulled) {
            estimates.push(value);
        }
    }
    for (i, (estimates, exact)) in estimates.iter().zip(&exact).enumerate() {
        worst.mean(estimates, *exact, || {
            format!("the gradient in entry {i} of lambda")
        });
    }
    Ok(worst)
}

/// The derivative of the integral of f q is that of f q d log q.
fn by_quadrature(q: &dyn Approximation, wave: &Wave) -> Result<Tensor<1>, FamilyError> {
    // Wide enough that what tails like Student's with five degrees of freedom have beyond is less than the standard error.
    let (nodes, half_width) = (8001, 24.0 * wave.deviation);
    let spacing = 2.0 * half_width / (nodes - 1) as f64;
    let grid: Vec<f64> = (0..nodes)
        .map(|i| wave.centre - half_width + spacing * i as f64)
        .collect();
    let points = q.placement().matrix(grid.clone(), [nodes, 1]);
    let log_q = to_host(&q.log_prob(&points)?);
    let weight: Vec<f64> = grid
        .iter()
        .zip(&log_q)
        .map(|(x, l)| wave.value(*x) * l.exp() * spacing)
        .collect();
    q.pull_log_prob(&points, &q.placement().vector(&weight))
}

/// The pullback of the average of f over the draws of this noise.
fn through_draws(
    q: &dyn Approximation,
    noise: &Tensor<2>,
    wave: &Wave,
) -> Result<Tensor<1>, FamilyError> {
    let Sample { theta, log_weight } = q.sample(noise)?;
    let theta = to_host(&theta);
    let count = theta.len();
    let weight: Vec<f64> = match &log_weight {
        Some(log_weight) => to_host(log_weight).iter().map(|l| l.exp()).collect(),
        None => vec![1.0 / count as f64; count],
    };
    let pairs = || theta.iter().zip(&weight);
    let slope: Vec<f64> = pairs().map(|(x, w)| wave.slope(*x) * w).collect();
    let value: Vec<f64> = pairs().map(|(x, w)| wave.value(*x) * w).collect();
    let cotangent = SampleCotangent {
        theta: q.placement().matrix(slope, [count, 1]),
        log_weight: log_weight.is_some().then(|| q.placement().vector(&value)),
    };
    q.pull_sample(noise, &cotangent)
}
