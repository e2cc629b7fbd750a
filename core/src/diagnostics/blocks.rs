//! Draws of an approximation in blocks, so that the check of a fit needs no more memory in many dimensions than in few, and a few
//! vectors where one draw alone is larger than that.

use burn::tensor::Tensor;
use faer::{Mat, MatRef};

use super::DiagnosisError;
use super::whitening::Whitening;
use crate::family::{Approximation, FamilyError};
use crate::placement::{to_host, to_mat};
use crate::randomness::{Stream, noise};
use crate::stop::Stop;
use crate::target::{Batch, Evaluation, Joined, Target, TargetError};

/// Numbers that the draws of a block have, about: 16 megabytes.
pub const BLOCK_NUMBERS: usize = 1 << 21;
/// Draws that are evaluated together at most: where rows are many, a thousand would take a long while. As many are looked at however
/// little time there is.
const EVALUATED_AT_ONCE: usize = 64;
/// Numbers of all draws whose scores are compared: where there are more, some of the coordinates are.
const COMPARED_NUMBERS: usize = 1 << 23;
/// Coordinates that are compared at most: of a million, so many say what all would.
const MOST_COMPARED: usize = 1 << 16;

/// The draws that a fit is checked with, made anew whenever they are asked for.
pub struct Blocks<'a> {
    pub approximation: &'a dyn Approximation,
    pub seed: u64,
    /// In all.
    pub draws: usize,
    /// In a block; one is made at least.
    pub at_once: usize,
}

/// The draws of a block.
pub struct Block {
    /// `[S, D]`.
    pub theta: Tensor<2>,
    /// The logarithms of their weights among all draws, `[S]`.
    pub log_base: Vec<f64>,
}

impl Blocks<'_> {
    fn size(&self) -> usize {
        self.at_once.clamp(1, self.draws)
    }

    /// How many blocks there are.
    pub fn count(&self) -> usize {
        self.draws.div_ceil(self.size())
    }

    /// The draws of a block.
    ///
    /// # Errors
    /// If the approximation cannot be evaluated.
    pub fn sample(&self, number: usize) -> Result<Block, FamilyError> {
        let first = number * self.size();
        let wanted = self.size().min(self.draws - first);
        let shape = self.approximation.noise_shape(wanted);
        let placement = self.approximation.placement();
        let noise = noise(
            self.seed,
            Stream::Diagnostics,
            number as u64,
            shape,
            placement,
        );
        let sample = self.approximation.sample(&noise)?;
        let draws = sample.theta.dims()[0];
        let log_weight = match &sample.log_weight {
            Some(log_weight) => to_host(log_weight),
            None => vec![-(draws as f64).ln(); draws],
        };
        // A block has the share of its draws.
        let share = (wanted as f64 / self.draws as f64).ln();
        Ok(Block {
            theta: sample.theta,
            log_base: log_weight.into_iter().map(|w| w + share).collect(),
        })
    }

    /// The whitening of the approximation; of one that is no Gaussian from all draws, by coordinates if they are more than a block.
    ///
    /// # Errors
    /// If the approximation cannot be evaluated.
    pub fn whitening(&self) -> Result<Whitening, FamilyError> {
        if let Some(whitening) = Whitening::of_gaussian(self.approximation) {
            return Ok(whitening);
        }
        if self.count() == 1 {
            let Block { theta, log_base } = self.sample(0)?;
            let weights: Vec<f64> = log_base.iter().map(|w| w.exp()).collect();
            return Ok(Whitening::estimated(&to_mat(&theta), &weights));
        }
        let dimension = self.approximation.dimension();
        let (mut mean, mut square) = (vec![0.0; dimension], vec![0.0; dimension]);
        let mut weight_so_far = 0.0;
        for number in 0..self.count() {
            let Block { theta, log_base } = self.sample(number)?;
            let theta = to_host(&theta);
            for (row, log_weight) in theta.chunks(dimension).zip(log_base) {
                // The update of West (1979), which does not cancel.
                let weight = log_weight.exp();
                weight_so_far += weight;
                for ((mean, square), value) in mean.iter_mut().zip(&mut square).zip(row) {
                    let away = value - *mean;
                    *mean += weight / weight_so_far * away;
                    *square += weight * away * (value - *mean);
                }
            }
        }
        let deviation = square.into_iter().map(f64::sqrt).collect();
        Ok(Whitening::of_coordinates(mean, deviation))
    }
}

/// What is known of all draws so far.
#[derive(Default)]
pub struct Drawn {
    /// `[S]`.
    pub log_base: Vec<f64>,
    /// log p - log q, `[S]`; minus infinity where p is zero.
    pub log_ratios: Vec<f64>,
    /// On the model's scale, without generated quantities.
    pub constrained: Joined,
    /// How many are valid.
    pub valid: usize,
    /// Differences of whitened scores, of the valid draws in the coordinates that are compared.
    pub differences: Rows,
    /// Those draws, whitened, in the same coordinates.
    pub whitened: Rows,
}

/// Scores at the draws of a block, `[S, D]` each.
pub struct Scores {
    pub score: Tensor<2>,
    pub own_score: Tensor<2>,
    pub valid: Vec<bool>,
}

impl Drawn {
    /// Has these draws alone have all of the weight.
    pub fn share_weight(&mut self) {
        let total: f64 = self.log_base.iter().map(|w| w.exp()).sum();
        self.log_base.iter_mut().for_each(|w| *w -= total.ln());
    }

    /// Adds a block's densities and values, and gives its scores; those of the first draws alone if there is no time for more.
    ///
    /// # Errors
    /// If target or approximation cannot be evaluated.
    pub fn add(
        &mut self,
        target: &dyn Target,
        approximation: &dyn Approximation,
        theta: &Tensor<2>,
        mut log_base: Vec<f64>,
        stop: Stop<'_>,
    ) -> Result<Scores, DiagnosisError> {
        let at = evaluate(target, theta, stop)?;
        log_base.truncate(at.valid.len());
        let theta = &theta.clone().narrow(0, 0, at.valid.len());
        let log_q = to_host(&approximation.log_prob(theta)?);
        let log_p = to_host(&at.log_density);
        let ratio = |(p, q): (&f64, &f64)| match p.is_finite() {
            true => p - q,
            false => f64::NEG_INFINITY,
        };
        self.log_ratios.extend(log_p.iter().zip(&log_q).map(ratio));
        self.log_base.extend(log_base);
        self.constrained.push(target.constrain_parameters(theta))?;
        self.valid += at.valid.iter().filter(|&&valid| valid).count();
        Ok(Scores {
            own_score: approximation.score(theta)?,
            score: at.score,
            valid: at.valid,
        })
    }
}

/// Log densities and scores, of some draws after the others, until it is time to end.
fn evaluate(
    target: &dyn Target,
    theta: &Tensor<2>,
    stop: Stop<'_>,
) -> Result<Evaluation, TargetError> {
    let (mut log_density, mut score, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for part in theta.clone().split(EVALUATED_AT_ONCE, 0) {
        let part = target.log_density_and_score(&part, &Batch::Full)?;
        log_density.push(part.log_density);
        score.push(part.score);
        valid.extend(part.valid);
        if stop.reason().is_some() {
            break;
        }
    }
    Ok(Evaluation {
        log_density: Tensor::cat(log_density, 0),
        score: Tensor::cat(score, 0),
        valid,
    })
}

/// The coordinates whose scores are compared: all, or in very many dimensions as many as there is room for, evenly spaced.
pub fn compared(dimension: usize, draws: usize) -> Vec<usize> {
    let most = (COMPARED_NUMBERS / draws.max(1)).clamp(1, MOST_COMPARED);
    (0..dimension).step_by(dimension.div_ceil(most)).collect()
}

/// Rows of some columns of matrices.
#[derive(Default)]
pub struct Rows {
    values: Vec<f64>,
    columns: usize,
}

impl Rows {
    /// Adds points, each a column of a matrix.
    pub fn push(&mut self, points: &Mat<f64>, columns: &[usize]) {
        self.columns = columns.len();
        for point in points.col_iter() {
            self.values
                .extend(columns.iter().map(|&column| point[column]));
        }
    }

    /// All rows.
    pub fn matrix(&self) -> MatRef<'_, f64> {
        let rows = self.values.len() / self.columns.max(1);
        MatRef::from_row_major_slice(&self.values, rows, self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Independent;

    #[test]
    fn coordinates_are_all_compared_where_there_is_room_and_evenly_spaced_elsewhere() {
        assert_eq!(compared(3, 4000), [0, 1, 2]);
        let some = compared(300_000_000, 10);
        assert!(some.len() <= MOST_COMPARED && some.len() * 2 > MOST_COMPARED);
        let few = compared(100_000, 4000);
        assert!(few.len() * 4000 <= COMPARED_NUMBERS && few.len() * 8000 > COMPARED_NUMBERS);
        assert!(*some.last().unwrap() > 299_000_000);
    }

    #[test]
    fn blocks_share_the_weight_of_all_draws_and_are_other_draws() {
        let q = Independent::new(&[1.0, -2.0], &[0.5, 3.0]);
        let blocks = Blocks {
            approximation: &q,
            seed: 1,
            draws: 7,
            at_once: 3,
        };
        let all: Vec<Block> = (0..blocks.count())
            .map(|number| blocks.sample(number).unwrap())
            .collect();
        assert_eq!(all.len(), 3);
        let weights = all.iter().flat_map(|block| &block.log_base);
        let weights: Vec<f64> = weights.map(|w| w.exp()).collect();
        assert_eq!(weights.len(), 7);
        assert!(weights.iter().all(|w| (w - 1.0 / 7.0).abs() < 1e-15));
        assert_ne!(to_host(&all[0].theta), to_host(&all[1].theta));
    }
}
