//! How far each coordinate may go by itself, where steps see other rows of the data each.
//!
//! The noise that rows bring differs from coordinate to coordinate by orders of magnitude: far from the fixed point one of them, such as the
//! scale of a likelihood, may have most of it. By one eta for all of them the others would hardly move.

use firebrand_core::InferenceError;
use firebrand_core::start::{StateReader, StateWriter};

use crate::patience::WANDERING;

/// The share of a new step in running moments.
const SHARE: f64 = 0.05;
/// Steps after which running moments say something.
const FIRST: f64 = 20.0;
/// What eta of a mean may be at most: coordinates move all at once, each as if the others stood still.
const MEAN_LIMIT: f64 = 0.05;
/// The same of a deviation.
const DEVIATION_LIMIT: f64 = 0.2;

/// What eta times the distance of a precision may be, where that is no noise: a deviation that is far too wide has scores whose noise is as
/// large as what they say, and by noise alone would stay so.
const APPROACH: f64 = 0.02;
/// How many standard errors of its running mean such a distance has.
const CERTAIN: f64 = 2.0;

/// What eta times a number may be away from what it would be at the running mean: half of a standard deviation in the mean, and a fifth of a
/// deviation. A row that few batches have and that alone says something of a coordinate comes when nothing is known of its noise.
const SURPRISE: f64 = 0.25;
/// Unless noise of that size is nothing unusual, in standard deviations.
const USUAL: f64 = 10.0;

/// Running moments of what a step finds of the coordinates, by which noise is told from what persists.
#[derive(Clone, Debug, Default)]
struct Moments {
    /// `[D]`.
    mean: Vec<f64>,
    /// `[D]`.
    square: Vec<f64>,
}

impl Moments {
    fn zeros(dimension: usize) -> Self {
        Moments {
            mean: vec![0.0; dimension],
            square: vec![0.0; dimension],
        }
    }

    /// The variance of one step's number about the running mean, when the squares of the weights in that add up to `squares`.
    fn noise(&self, coordinate: usize, squares: f64) -> f64 {
        let (mean, square) = (self.mean[coordinate], self.square[coordinate]);
        (square - mean * mean).max(0.0) / (1.0 - squares)
    }

    /// How far the running mean is from `goal`; zero where that may be noise.
    fn distance(&self, coordinate: usize, goal: f64, squares: f64) -> f64 {
        let far = (self.mean[coordinate] - goal).abs();
        let error = (self.noise(coordinate, squares) * squares).sqrt();
        if far > CERTAIN * error { far } else { 0.0 }
    }

    /// The number, or if it is a surprise the nearest one that is not.
    fn tempered(&self, coordinate: usize, number: f64, squares: f64, eta: f64) -> f64 {
        let most = (USUAL * self.noise(coordinate, squares).sqrt()).max(SURPRISE / eta);
        let mean = self.mean[coordinate];
        mean + (number - mean).clamp(-most, most)
    }

    fn add(&mut self, coordinate: usize, number: f64, weight: f64) {
        self.mean[coordinate] += weight * (number - self.mean[coordinate]);
        self.square[coordinate] += weight * (number * number - self.square[coordinate]);
    }
}

/// Eta of means and deviations for every coordinate, from the noise in its whitened mean score and in its whitened precision. What eta
/// times the noise is, the variance of the means about the fixed point in variances of the approximation, is [`WANDERING`].
#[derive(Clone, Debug)]
pub struct Pace {
    score: Moments,
    precision: Moments,
    steps: f64,
    /// The sum of the squares of the weights that steps have in the running moments.
    squares: f64,
    /// The share of their limits that etas may be: one, unless steps were rejected.
    share: f64,
}

impl Pace {
    pub fn new(dimension: usize) -> Self {
        Pace {
            score: Moments::zeros(dimension),
            precision: Moments::zeros(dimension),
            steps: 0.0,
            squares: 0.0,
            share: 1.0,
        }
    }

    /// Eta of the mean and of the deviation of a coordinate, by the steps before this one: what this step finds has no part in how much
    /// of it is taken. `None` while there were too few.
    pub fn etas(&self, coordinate: usize) -> Option<(f64, f64)> {
        let by_noise = |moments: &Moments| WANDERING / moments.noise(coordinate, self.squares);
        (self.steps >= FIRST).then(|| {
            let far = self.precision.distance(coordinate, 1.0, self.squares);
            let approach = if far > 0.0 { APPROACH / far } else { 0.0 };
            (
                by_noise(&self.score).min(self.share * MEAN_LIMIT),
                by_noise(&self.precision)
                    .max(approach)
                    .min(self.share * DEVIATION_LIMIT),
            )
        })
    }

    /// What a step finds of a coordinate as far as it is no surprise, mean score and precision, each with its eta; `None` while there were
    /// too few steps to tell.
    pub fn tempered(
        &self,
        coordinate: usize,
        score: f64,
        precision: f64,
    ) -> Option<[(f64, f64); 2]> {
        let (mean_eta, eta) = self.etas(coordinate)?;
        let of = |moments: &Moments, number: f64, eta: f64| {
            (moments.tempered(coordinate, number, self.squares, eta), eta)
        };
        Some([
            of(&self.score, score, mean_eta),
            of(&self.precision, precision, eta),
        ])
    }

    /// The smallest eta of all means and deviations.
    pub fn slowest(&self) -> Option<f64> {
        let etas = (0..self.score.mean.len()).map(|coordinate| self.etas(coordinate));
        etas.map(|etas| etas.map(|(mean, deviation)| mean.min(deviation)))
            .reduce(|a, b| Some(a?.min(b?)))?
    }

    /// A step begins: what is learned from now on is its own.
    pub fn begin(&mut self) {
        self.steps += 1.0;
        let weight = self.weight();
        self.squares = (1.0 - weight).powi(2) * self.squares + weight * weight;
    }

    /// The weight of the step that has begun.
    fn weight(&self) -> f64 {
        SHARE.max(1.0 / self.steps)
    }

    /// Learns what the step that has begun finds of a coordinate: the mean of its whitened score, and its whitened precision.
    pub fn learn(&mut self, coordinate: usize, score: f64, precision: f64) {
        let weight = self.weight();
        self.score.add(coordinate, score, weight);
        self.precision.add(coordinate, precision, weight);
    }

    /// A step was rejected.
    pub fn rejected(&mut self) {
        self.share *= 0.5;
    }

    pub fn save(&self, writer: StateWriter) -> StateWriter {
        let writer = [&self.score, &self.precision]
            .into_iter()
            .fold(writer, |writer, moments| {
                writer.numbers(&moments.mean).numbers(&moments.square)
            });
        writer
            .number(self.steps)
            .number(self.squares)
            .number(self.share)
    }

    pub fn restore(&mut self, reader: &mut StateReader<'_>) -> Result<(), InferenceError> {
        for moments in [&mut self.score, &mut self.precision] {
            moments.mean = reader.numbers()?;
            moments.square = reader.numbers()?;
        }
        self.steps = reader.number()?;
        self.squares = reader.number()?;
        self.share = reader.number()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    /// After steps that found noise of these deviations about the same distance.
    fn after(steps: usize, distance: f64, deviations: &[f64]) -> Pace {
        let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let mut normal = StandardNormal.sample_iter(rng);
        let mut pace = Pace::new(deviations.len());
        for _ in 0..steps {
            pace.begin();
            for (coordinate, deviation) in deviations.iter().enumerate() {
                let mut number =
                    || distance + deviation * Iterator::next(&mut normal).unwrap_or(0.0);
                pace.learn(coordinate, number(), number());
            }
        }
        pace
    }

    #[test]
    fn a_coordinate_goes_by_its_own_noise_however_far_it_has_to_go() {
        let deviations = [3.0, 30.0, 300.0];
        let pace = after(400, 1e6, &deviations);
        for (coordinate, deviation) in deviations.iter().enumerate() {
            let (mean, of_deviation) = pace.etas(coordinate).expect("steps enough");
            for eta in [mean, of_deviation] {
                // About (2 - SHARE) / SHARE = 39 numbers are in a running variance, whose relative error is 0.23: four of them.
                let ratio = WANDERING / (eta * deviation * deviation);
                assert!((ratio - 1.0).abs() < 0.9, "{ratio}");
            }
        }
        let slowest = pace.slowest().expect("steps enough");
        assert!(slowest < 2.0 * WANDERING / 9e4);
    }

    #[test]
    fn without_noise_limits_hold_and_rejections_lower_them() {
        let mut pace = after(40, 1.0, &[0.0]);
        assert_eq!(pace.etas(0), Some((MEAN_LIMIT, DEVIATION_LIMIT)));
        pace.rejected();
        assert_eq!(
            pace.etas(0),
            Some((0.5 * MEAN_LIMIT, 0.5 * DEVIATION_LIMIT))
        );
    }

    #[test]
    fn a_surprise_is_taken_as_far_as_it_moves_a_mean_by_half_a_deviation_and_what_is_usual_whole() {
        let pace = after(400, 1.0, &[0.0]);
        let [(score, eta), (precision, deviation_eta)] =
            pace.tempered(0, 300.0, -1e5).expect("steps enough");
        assert!((eta * (score - 1.0) - SURPRISE).abs() < 1e-9);
        assert!((deviation_eta * (precision - 1.0) + SURPRISE).abs() < 1e-9);
        let noisy = after(400, 1.0, &[30.0]);
        let [(score, _), (precision, _)] = noisy.tempered(0, 120.0, -100.0).expect("steps enough");
        assert_eq!((score, precision), (120.0, -100.0));
    }

    #[test]
    fn a_deviation_that_is_far_too_wide_is_approached_through_noise_of_that_size() {
        let of = |distance: f64| {
            let pace = after(400, distance, &[1e6]);
            pace.etas(0).expect("steps enough").1 * 1e6
        };
        // By noise alone it would be 5e-8. The mean of 39 numbers is off by 0.16 of their deviation: three of that.
        assert!((of(1e6) - APPROACH).abs() < 0.5 * APPROACH, "{}", of(1e6));
        assert!(of(1.0) < 0.3 * APPROACH / 1e3, "{}", of(1.0));
    }

    #[test]
    fn few_steps_say_nothing() {
        assert_eq!(after(19, 0.0, &[1.0]).etas(0), None);
        assert_eq!(after(19, 0.0, &[1.0]).slowest(), None);
    }
}
