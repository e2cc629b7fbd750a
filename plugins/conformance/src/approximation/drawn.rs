//! Draws of a member, their weights and their scales.

use burn::tensor::Tensor;
use firebrand_core::{Approximation, FamilyError, Stream, noise, to_host};

/// Draws behind every average.
pub const DRAWS: usize = 20_000;
/// Standard errors allowed of an average. A report has some hundred averages, each beyond with a chance of 6e-7 if it is right.
pub const ERRORS: f64 = 5.0;

/// Noise, and the draws that follow from it, row by row.
pub fn draws(q: &dyn Approximation, count: usize) -> Result<(Tensor<2>, Vec<f64>), FamilyError> {
    let noise = noise(11, Stream::Other(7), 0, q.noise_shape(count), q.placement());
    let theta = to_host(&q.sample(&noise)?.theta);
    let expected = count * q.dimension();
    if theta.len() == expected {
        return Ok((noise, theta));
    }
    Err(FamilyError::Size {
        what: "the draws".into(),
        expected,
        found: theta.len(),
    })
}

/// The weights of draws in an average, which are one on average.
pub fn weights(q: &dyn Approximation, noise: &Tensor<2>) -> Result<Vec<f64>, FamilyError> {
    let count = noise.dims()[0];
    Ok(match q.sample(noise)?.log_weight {
        None => vec![1.0; count],
        Some(log_weight) => {
            let weights = to_host(&log_weight).into_iter();
            weights.map(|w| w.exp() * count as f64).collect()
        }
    })
}

/// The standard deviation of every coordinate over draws: the scale of finite differences.
pub fn deviations(q: &dyn Approximation) -> Result<Vec<f64>, FamilyError> {
    let (dimension, count) = (q.dimension(), 200);
    let (_, theta) = draws(q, count)?;
    Ok((0..dimension)
        .map(|d| {
            let column = || theta.iter().skip(d).step_by(dimension);
            let mean = column().sum::<f64>() / count as f64;
            (column().map(|x| (x - mean).powi(2)).sum::<f64>() / count as f64).sqrt()
        })
        .collect())
}

/// Cotangents of a size that makes every coordinate matter alike.
pub fn scaled(weight: &[f64], deviations: &[f64]) -> Vec<f64> {
    let sizes = deviations.iter().cycle();
    weight.iter().zip(sizes).map(|(w, s)| w / s).collect()
}

/// The inner product.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
