//! What of a batch's scores is noise: what no Gaussian's score explains.

use faer::Mat;
use firebrand_core::start::ScoreMoments;

/// The mean square, per dimension, of what remains of the whitened scores `[D, S]` when the score of the best Gaussian is taken away,
/// `E[s] - P eps` with P symmetric. Far from the fixed point it is much less than the score divergence, most of which is distance.
///
/// Draws are in antithetic pairs, the partner of draw i being draw i + S / 2, with whitened noise. Then what is even in the noise
/// has to do with the mean alone and what is odd with P alone, and each has its own count of fitted numbers: one of S / 2 and (D + 1) / 2
/// of S / 2. `None` where there are too few pairs to tell.
pub fn unexplained(whitened: &Mat<f64>, moments: &ScoreMoments) -> Option<f64> {
    let (dimension, draws) = (whitened.nrows(), whitened.ncols());
    let pairs = draws / 2;
    if !draws.is_multiple_of(2) || pairs <= dimension {
        return None;
    }
    let (first, second) = whitened.split_at_col(pairs);
    let even = (first + second).squared_norm_l2() / 4.0;
    let odd = (first - second).squared_norm_l2() / 4.0;
    let pairs = pairs as f64;
    let mean: f64 = moments.mean.iter().map(|m| m * m).sum();
    let even = (even / pairs - mean).max(0.0) * pairs / (pairs - 1.0);
    let slope = moments.precision.squared_norm_l2();
    let fitted = (dimension as f64 + 1.0) / 2.0;
    let odd = (odd / pairs - slope).max(0.0) * pairs / (pairs - fitted);
    Some((even + odd) / dimension as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use firebrand_core::start::{Evaluated, FactoredGaussian, whitened};
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    /// Scores of a Gaussian far away, with noise of this standard deviation.
    fn measured(noise: f64, dimension: usize, draws: usize, seed: u64) -> f64 {
        let rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut normal = StandardNormal.sample_iter(rng);
        let numbers: Vec<f64> = normal.by_ref().take(dimension * draws).collect();
        let eps = whitened(&numbers, dimension, draws);
        let slope = Mat::from_fn(dimension, dimension, |i, j| 40.0 / (1.0 + (i + j) as f64));
        let line = &slope * &eps;
        let score = Mat::from_fn(dimension, draws, |d, s| {
            let error: f64 = normal.next().unwrap();
            100.0 - line[(d, s)] + noise * error
        });
        let at = Evaluated {
            log_density: vec![0.0; draws],
            score,
            valid: vec![true; draws],
        };
        let standard = FactoredGaussian {
            mean: vec![0.0; dimension],
            factor: Mat::identity(dimension, dimension),
        };
        let moments = ScoreMoments::new(&standard, &eps, &at);
        unexplained(&at.score, &moments).unwrap()
    }

    #[test]
    fn a_gaussian_far_away_has_no_noise() {
        // What is left is rounding, of squares of 100.
        assert!(measured(0.0, 5, 64, 1) < 64.0 * 1e4 * f64::EPSILON);
    }

    #[test]
    fn the_variance_of_noise_is_found_without_bias() {
        for (dimension, draws) in [(5, 12), (5, 64), (1, 4)] {
            let batches = 100;
            let total: f64 = (0..batches)
                .map(|seed| measured(3.0, dimension, draws, seed))
                .sum();
            let mean = total / batches as f64;
            // Half of the noise is even and half odd, each a chi-square with its own degrees of freedom: four standard deviations.
            let (pairs, dimensions) = (draws as f64 / 2.0, dimension as f64);
            let even = dimensions * (pairs - 1.0);
            let odd = dimensions * (pairs - (dimensions + 1.0) / 2.0);
            let tolerance = 4.0 * (0.5 * (1.0 / even + 1.0 / odd) / batches as f64).sqrt();
            assert!(
                (mean / 9.0 - 1.0).abs() < tolerance,
                "{dimension} dimensions, {draws} draws: {mean}"
            );
        }
    }

    #[test]
    fn too_few_pairs_do_not_tell() {
        let moments = ScoreMoments {
            mean: vec![0.0; 4],
            precision: Mat::identity(4, 4),
        };
        assert!(unexplained(&Mat::zeros(4, 8), &moments).is_none());
    }
}
