//! How far means go in very many dimensions, where steps see other rows of the data each: a share of a standard deviation, in every
//! coordinate.
//!
//! A run of some thousand steps hardly gets to where noise would let means wander, so that steps which the noise decides go nowhere. Nor
//! does one length for all coordinates do: scores of a network's layers differ by orders of magnitude, and those of few would take all of it.
//! So scores are taken in units of what they were of late (as by Kingma and Ba 2015, arXiv 1412.6980), and steps in units of the
//! approximation's deviations at the start.

use burn::tensor::Tensor;
use firebrand_core::start::{StateReader, StateWriter};
use firebrand_core::{InferenceError, Placement};

use crate::gaussian::mean_step;

/// How far a mean goes in a step at first, in standard deviations of the approximation as it was at the start: one that widens on its way
/// would take ever longer steps.
const LENGTH: f64 = 1.0;
/// What becomes of that with every epoch. Epochs double in length, so that steps shorten with the square root of their number, as averages
/// of stochastic gradient steps ask for (Polyak and Juditsky 1992).
const SLOWING: f64 = std::f64::consts::FRAC_1_SQRT_2;
/// The share of a new square in the running means.
const SHARE: f64 = 0.05;
/// What eta of a mean may be at most: near the fixed point a step covers two thirds of the way to it, if the other coordinates stand still.
const LIMIT: f64 = 1.0;
/// Squares are held between these, which are in the range of 32 bits.
const SQUARES: (f64, f64) = (1e-30, 1e30);

/// How long steps are, in standard deviations.
#[derive(Clone, Debug, PartialEq)]
pub struct Stride {
    length: f64,
    steps: f64,
    /// The mean log deviation at the start, once a step has been taken.
    start: Option<f64>,
}

impl Stride {
    fn new() -> Self {
        Stride {
            length: LENGTH,
            steps: 0.0,
            start: None,
        }
    }

    /// The weight of the next step's squares in the running means.
    fn next_share(&self) -> f64 {
        SHARE.max(1.0 / (self.steps + 1.0))
    }

    /// The length of a step from an approximation whose log deviations have this mean.
    fn from(&self, log_deviation: f64) -> f64 {
        let start = self.start.unwrap_or(log_deviation);
        self.length * (start - log_deviation).exp()
    }

    /// A step was taken from an approximation whose log deviations had this mean.
    fn taken(&mut self, log_deviation: f64) {
        self.steps += 1.0;
        self.start.get_or_insert(log_deviation);
    }

    /// A step was rejected.
    pub fn rejected(&mut self) {
        self.length *= 0.5;
    }

    /// An epoch ended.
    pub fn slow(&mut self) {
        self.length *= SLOWING;
    }

    fn save(&self, writer: StateWriter) -> StateWriter {
        writer
            .number(self.length)
            .number(self.steps)
            .numbers(self.start.as_slice())
    }

    fn restore(&mut self, reader: &mut StateReader<'_>) -> Result<(), InferenceError> {
        self.length = reader.number()?;
        self.steps = reader.number()?;
        self.start = reader.numbers()?.first().copied();
        Ok(())
    }
}

/// The strides of all means, on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Strides {
    /// How long they are.
    pub stride: Stride,
    /// Running means of the squares of the whitened mean scores, `[D]`.
    squares: Vec<f64>,
    /// Of the step that has begun: the weight of its squares, and its length.
    share: f64,
    length: f64,
}

impl Strides {
    /// Of as many means.
    pub fn new(dimension: usize) -> Self {
        Strides {
            stride: Stride::new(),
            squares: vec![0.0; dimension],
            share: 1.0,
            length: 0.0,
        }
    }

    /// Begins a step from an approximation whose log deviations have this mean.
    pub fn begin(&mut self, log_deviation: f64) -> &mut Self {
        self.share = self.stride.next_share();
        self.length = self.stride.from(log_deviation);
        self.stride.taken(log_deviation);
        self
    }

    /// The shift of the whitened mean of a coordinate with this whitened mean score, in the step that has begun.
    pub fn shift(&mut self, coordinate: usize, score: f64) -> f64 {
        let square = &mut self.squares[coordinate];
        let now = (score * score).clamp(SQUARES.0, SQUARES.1);
        *square += self.share * (now - *square);
        mean_step(score, (self.length / square.sqrt()).min(LIMIT))
    }

    pub fn save(&self, writer: StateWriter) -> StateWriter {
        self.stride.save(writer).numbers(&self.squares)
    }

    pub fn restore(&mut self, reader: &mut StateReader<'_>) -> Result<(), InferenceError> {
        self.stride.restore(reader)?;
        self.squares = reader.numbers()?;
        Ok(())
    }
}

/// The strides of all means, on a device.
#[derive(Clone, Debug)]
pub struct PlacedStrides {
    /// How long they are.
    pub stride: Stride,
    /// As of [`Strides`], `[1, D]`.
    squares: Tensor<2>,
}

impl PlacedStrides {
    /// Of as many means as there are columns in this row.
    pub fn new(like: &Tensor<2>) -> Self {
        PlacedStrides {
            stride: Stride::new(),
            squares: like.zeros_like(),
        }
    }

    /// The shifts of whitened means with these whitened mean scores, `[1, D]`, from an approximation whose log deviations have this mean;
    /// and what [`taken`](Self::taken) is told if they are taken.
    pub fn shift(&self, score: Tensor<2>, log_deviation: f64) -> (Tensor<2>, Tensor<2>) {
        let share = self.stride.next_share();
        let now = (score.clone() * score.clone()).clamp(SQUARES.0, SQUARES.1);
        let squares = now * share + self.squares.clone() * (1.0 - share);
        let eta =
            (squares.clone().sqrt().recip() * self.stride.from(log_deviation)).clamp_max(LIMIT);
        // 2 eta / (1 + 2 eta)
        let taken = ((eta * 2.0).recip() + 1.0).recip();
        (score * taken, squares)
    }

    /// A step with these shifts was taken from there.
    pub fn taken(&mut self, squares: Tensor<2>, log_deviation: f64) {
        self.stride.taken(log_deviation);
        self.squares = squares;
    }

    pub fn save(&self, writer: StateWriter) -> StateWriter {
        self.stride.save(writer).row(&self.squares)
    }

    pub fn restore(
        &mut self,
        reader: &mut StateReader<'_>,
        placement: &Placement,
    ) -> Result<(), InferenceError> {
        self.stride.restore(reader)?;
        let because = "the strides have another dimension";
        self.squares = reader.row(&self.squares, placement, because)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firebrand_core::to_host;

    /// The shifts of so many steps, with these scores in each.
    fn shifts(steps: usize, scores: &[f64]) -> Vec<Vec<f64>> {
        let mut strides = Strides::new(scores.len());
        (0..steps)
            .map(|_| {
                strides.begin(0.0);
                scores
                    .iter()
                    .enumerate()
                    .map(|(d, s)| strides.shift(d, *s))
                    .collect()
            })
            .collect()
    }

    #[test]
    fn every_mean_goes_as_far_whatever_the_size_of_its_scores() {
        for shifts in shifts(3, &[1e3, -1e6, 1e12]) {
            for (shift, sign) in shifts.iter().zip([1.0, -1.0, 1.0]) {
                // Two lengths, for a score of one: the step is 2 eta of it, less what the proximal term keeps.
                assert!((shift - sign * 2.0 * LENGTH).abs() < 0.01, "{shift}");
            }
        }
    }

    #[test]
    fn a_score_that_is_larger_than_ever_takes_no_step_much_longer_than_all() {
        let mut strides = Strides::new(1);
        for _ in 0..100 {
            strides.begin(0.0).shift(0, 1e-9);
        }
        let shift = strides.begin(0.0).shift(0, 1e6);
        assert!(
            shift > LENGTH && shift < 2.0 * LENGTH / SHARE.sqrt(),
            "{shift}"
        );
    }

    #[test]
    fn without_scores_nothing_moves_and_near_the_fixed_point_steps_end_there() {
        assert_eq!(shifts(2, &[0.0]), [[0.0], [0.0]]);
        let small = shifts(1, &[1e-6])[0][0];
        assert!((small - 1e-6 * 2.0 / 3.0).abs() < 1e-18, "{small}");
    }

    #[test]
    fn strides_do_not_grow_where_the_approximation_does() {
        let mut strides = Strides::new(1);
        let first = strides.begin(-7.0).shift(0, 1e6);
        // The shift is in units of deviations that are three times as large.
        let last = strides.begin(-7.0 + 3.0_f64.ln()).shift(0, 1e6);
        assert!((last / first - 1.0 / 3.0).abs() < 1e-5);
    }

    #[test]
    fn strides_shorten_with_every_epoch_and_every_rejection() {
        let mut strides = Strides::new(1);
        let first = strides.begin(0.0).shift(0, 1e6);
        strides.stride.slow();
        strides.stride.rejected();
        let last = strides.begin(0.0).shift(0, 1e6);
        assert!((last / first - 0.5 * SLOWING).abs() < 1e-5);
    }

    #[test]
    fn on_a_device_they_are_those_of_the_host() {
        let placement = Placement::cpu();
        let row = |scores: &[f64]| placement.matrix(scores.to_vec(), [1, scores.len()]);
        let mut placed = PlacedStrides::new(&row(&[0.0; 4]));
        let mut host = Strides::new(4);
        for scores in [
            [0.0, 1e-3, -3.0, 1e8],
            [1.0, -1e3, 0.2, 1e2],
            [0.0, 5.0, 5.0, 1e200],
        ] {
            let (shift, squares) = placed.shift(row(&scores), 0.0);
            placed.taken(squares, 0.0);
            host.begin(0.0);
            for (d, found) in to_host(&shift).into_iter().enumerate() {
                let expected = host.shift(d, scores[d]);
                assert!(
                    (found - expected).abs() <= 1e-13 * expected.abs(),
                    "{found} {expected}"
                );
            }
        }
        let saved = placed.save(StateWriter::default()).finish();
        assert_eq!(saved, host.save(StateWriter::default()).finish());
        let mut again = PlacedStrides::new(&row(&[0.0; 4]));
        again
            .restore(&mut StateReader::new(&saved), &placement)
            .unwrap();
        assert_eq!(again.save(StateWriter::default()).finish(), saved);
    }
}
