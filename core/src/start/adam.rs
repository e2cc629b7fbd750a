//! Stochastic gradient steps whose length is adapted for each parameter (Kingma and Ba 2015, arXiv 1412.6980).
//!
//! In Adam as published a step is as long in every parameter. Here it is as long as the draws move with it: parameters have units,
//! those of a mean say, and a model's may be thousands or thousandths.

use crate::family::{Approximation, FamilyError};
use crate::placement::to_host;
use crate::randomness::{Stream, noise, normals};

use super::bytes::{StateReader, StateWriter};
use super::noise::draws_at_once;
use crate::inference::InferenceError;

pub(super) const MEAN_DECAY: f64 = 0.9;
pub(super) const SQUARE_DECAY: f64 = 0.99;
/// Draws and probes that scales of parameters are averaged over.
const DRAWS: usize = 64;
const PROBES: usize = 16;
const FEWEST_DRAWS: usize = 8;

/// Running moments of the gradient, and how far a step goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    first_moment: Vec<f64>,
    second_moment: Vec<f64>,
    /// Steps whose gradient entered the moments.
    count: u64,
    scales: Vec<f64>,
    step_size: f64,
}

impl Adam {
    /// For parameters with these scales, none of which moves by much more than `step_size` of its own in a step.
    pub fn new(scales: Vec<f64>, step_size: f64) -> Self {
        Self {
            first_moment: vec![0.0; scales.len()],
            second_moment: vec![0.0; scales.len()],
            count: 0,
            scales,
            step_size,
        }
    }

    /// How far a step goes.
    pub fn step_size(&self) -> f64 {
        self.step_size
    }

    /// The parameters' units.
    pub fn scales(&self) -> &[f64] {
        &self.scales
    }

    /// Makes later steps shorter.
    pub fn shrink(&mut self, factor: f64) {
        self.step_size *= factor;
    }

    /// Moves the parameters up the gradient.
    pub fn ascend(&mut self, lambda: &mut [f64], gradient: &[f64]) {
        self.propose(lambda, gradient);
        self.learn(gradient);
    }

    /// Moves the parameters up the gradient, as if it had been [learnt](Self::learn): for steps that may yet be refused.
    pub fn propose(&self, lambda: &mut [f64], gradient: &[f64]) {
        let count = (self.count + 1) as f64;
        let mean_bias = 1.0 - MEAN_DECAY.powf(count);
        let square_bias = 1.0 - SQUARE_DECAY.powf(count);
        let moments = self.first_moment.iter().zip(&self.second_moment);
        let moments = moments.zip(&self.scales);
        for ((lambda, g), ((first, second), unit)) in lambda.iter_mut().zip(gradient).zip(moments) {
            let (first, second) = moved(*first, *second, *g);
            let size = (second / square_bias).sqrt() + f64::MIN_POSITIVE;
            *lambda += self.step_size * unit * first / (mean_bias * size);
        }
    }

    /// Takes the gradient of a step into the moments.
    pub fn learn(&mut self, gradient: &[f64]) {
        self.count += 1;
        let moments = self.first_moment.iter_mut().zip(&mut self.second_moment);
        for ((first, second), g) in moments.zip(gradient) {
            (*first, *second) = moved(*first, *second, *g);
        }
    }

    /// Its state.
    pub fn save(&self, writer: StateWriter) -> StateWriter {
        writer
            .numbers(&self.first_moment)
            .numbers(&self.second_moment)
            .numbers(&self.scales)
            .count(self.count)
            .number(self.step_size)
    }

    /// Sets the state to what [`save`](Self::save) wrote.
    pub fn restore(&mut self, reader: &mut StateReader<'_>) -> Result<(), InferenceError> {
        self.first_moment = reader.numbers()?;
        self.second_moment = reader.numbers()?;
        self.scales = reader.numbers()?;
        self.count = reader.count()?;
        self.step_size = reader.number()?;
        Ok(())
    }
}

/// Both moments after a gradient.
fn moved(first: f64, second: f64, gradient: f64) -> (f64, f64) {
    (
        first + (1.0 - MEAN_DECAY) * (gradient - first),
        second + (1.0 - SQUARE_DECAY) * (gradient * gradient - second),
    )
}

/// For each parameter, the change that moves draws by about one of their standard deviations; one for a parameter with which no draw
/// moves now.
///
/// The root mean square of the draws' derivatives, each over the deviation of its coordinate, is that of pullbacks of random
/// cotangents. A parameter that hardly matters has no large unit for that: none is beyond the deviations of the draws, or one.
/// In very many dimensions the family's own [`parameter_scales`](Approximation::parameter_scales) are taken, or an average over fewer draws.
///
/// # Errors
/// If draws cannot be taken or pulled back.
pub fn parameter_scales(q: &dyn Approximation) -> Result<Vec<f64>, FamilyError> {
    let (dimension, placement) = (q.dimension(), q.placement());
    let draws = draws_at_once(dimension, DRAWS).max(FEWEST_DRAWS);
    if draws < DRAWS
        && let Some(scales) = q.parameter_scales()
    {
        return Ok(scales);
    }
    let noise = noise(0, Stream::Start, 0, q.noise_shape(draws), placement);
    let theta = to_host(&q.sample(&noise)?.theta);
    let deviations: Vec<f64> = (0..dimension)
        .map(|d| {
            let column = || theta.iter().skip(d).step_by(dimension);
            let mean = column().sum::<f64>() / draws as f64;
            let square = column().map(|x| (x - mean).powi(2)).sum::<f64>();
            (square / draws as f64).sqrt()
        })
        .collect();
    let mut squares = vec![0.0; q.lambda().dims()[0]];
    for probe in 0..PROBES {
        let mut cotangent = normals(0, Stream::Start, 1 + probe as u64, draws * dimension);
        for (entry, deviation) in cotangent.iter_mut().zip(deviations.iter().cycle()) {
            *entry /= deviation;
        }
        let cotangent = placement.matrix(cotangent, [draws, dimension]);
        let pulled = to_host(&q.pull_sample(&noise, &cotangent.into())?);
        for (square, pulled) in squares.iter_mut().zip(pulled) {
            *square += pulled * pulled / (draws * PROBES) as f64;
        }
    }
    let smallest = deviations.iter().copied().fold(1.0, f64::min);
    let largest = deviations.iter().copied().fold(1.0, f64::max);
    let scale = |square: f64| match square.sqrt().recip() {
        scale if scale.is_finite() => scale.max(smallest).min(largest),
        _ => 1.0,
    };
    Ok(squares.into_iter().map(scale).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Independent;

    #[test]
    fn scales_are_those_of_the_draws() {
        let q = Independent::new(&[5.0, 0.0], &[1000.0, 1e-3]);
        let scales = parameter_scales(&q).unwrap();
        // Two means, then the logarithms of two deviations. The deviation of 64 draws has a standard error of nine percent.
        for (scale, expected) in scales.iter().zip([1000.0, 1e-3, 1.0, 1.0]) {
            assert!((scale / expected - 1.0).abs() < 0.4, "{scales:?}");
        }
    }

    #[test]
    fn a_first_step_has_the_length_of_its_scale_whatever_the_gradient() {
        let mut adam = Adam::new(vec![1.0, 10.0], 0.1);
        let mut lambda = [1.0, 1.0];
        adam.ascend(&mut lambda, &[1e6, -1e-3]);
        assert!((lambda[0] - 1.1).abs() < 1e-12);
        assert!(lambda[1].abs() < 1e-12);
    }

    #[test]
    fn a_quadratic_is_climbed() {
        let mut adam = Adam::new(vec![1.0], 0.1);
        let mut lambda = [5.0];
        for step in 0..400 {
            let gradient = [-2.0 * lambda[0]];
            adam.ascend(&mut lambda, &gradient);
            if step % 100 == 99 {
                adam.shrink(0.1);
            }
        }
        // From where it swings to with steps of a tenth, the shorter ones do not bring it quite back.
        assert!(lambda[0].abs() < 0.05, "{lambda:?}");
    }
}
