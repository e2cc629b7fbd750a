//! Standard normal draws whose first two moments are exact.

use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Mat, MatRef, Par, Side};

/// Turns standard normal numbers into a `D x S` matrix of draws, one a column, in antithetic
/// pairs and, where there are enough of them, with covariance exactly the identity.
///
/// `normals` holds `D * ceil(S / 2)` numbers. For an odd S the last draw has no partner, so S is
/// best even. With exact moments every average of a quadratic function is exact, so that all
/// error left in a Gaussian fit comes from what is not Gaussian in the target. Fewer than D pairs
/// cannot span the space: they keep their own covariance.
///
/// # Panics
/// If there are fewer numbers than that.
pub fn whitened(normals: &[f64], dimension: usize, draws: usize) -> Mat<f64> {
    let pairs = draws.div_ceil(2);
    let mut half = Mat::from_fn(dimension, pairs, |d, s| normals[s * dimension + d]);
    if pairs >= dimension {
        whiten(&mut half);
    }
    Mat::from_fn(dimension, draws, |d, s| {
        if s < pairs {
            half[(d, s)]
        } else {
            -half[(d, s - pairs)]
        }
    })
}

/// Above this dimension draws are not whitened: the cost of it grows with the square of the dimension, and more.
const WHITENED_LIMIT: usize = 1000;

/// How many draws make [`whitened`] exact in `dimension` dimensions, at least `wish`; `wish` itself in very many dimensions.
pub fn enough_draws(dimension: usize, wish: usize) -> usize {
    let exact = if dimension <= WHITENED_LIMIT {
        2 * dimension + 2
    } else {
        2
    };
    exact.max(wish).next_multiple_of(2)
}

/// Numbers in a table of draws that is worked on at once, about: 16 megabytes.
const NUMBERS_AT_ONCE: usize = 1 << 21;

/// How many of some draws are worked on at once: all where that is not too many numbers, and at least one.
///
/// So what a step needs beside its parameters stops growing with the draws, and is a few vectors in very many dimensions.
pub fn draws_at_once(dimension: usize, draws: usize) -> usize {
    (NUMBERS_AT_ONCE / dimension.max(1)).clamp(1, draws.max(1))
}

fn whiten(draws: &mut Mat<f64>) {
    let count = draws.ncols() as f64;
    let second_moment = covariance_about_zero(draws.as_ref());
    // A failure (collinear draws) has probability zero; the draws are then left as they are.
    if let Ok(factor) = second_moment.llt(Side::Lower) {
        solve_lower_triangular_in_place(factor.L(), draws.as_mut(), Par::Seq);
        debug_assert!(count > 0.0);
    }
}

fn covariance_about_zero(draws: MatRef<'_, f64>) -> Mat<f64> {
    (draws * draws.transpose()) * faer::Scale(1.0 / draws.ncols() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    fn normals(count: usize) -> Vec<f64> {
        let rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        StandardNormal.sample_iter(rng).take(count).collect()
    }

    #[test]
    fn mean_and_covariance_are_exact_from_as_many_pairs_as_dimensions() {
        for (dimension, draws) in [(1, 2), (3, 8), (20, enough_draws(20, 0)), (5, 64)] {
            let noise = whitened(&normals(dimension * draws), dimension, draws);
            let moment = covariance_about_zero(noise.as_ref());
            for i in 0..dimension {
                let mean: f64 = (0..draws).map(|s| noise[(i, s)]).sum();
                assert!(mean.abs() < 1e-12);
                for j in 0..dimension {
                    let expected = f64::from(i == j);
                    assert!(
                        (moment[(i, j)] - expected).abs() < 1e-9,
                        "{dimension} {draws}"
                    );
                }
            }
        }
    }

    #[test]
    fn in_very_many_dimensions_draws_are_worked_on_one_by_one() {
        assert_eq!(draws_at_once(100, 64), 64);
        assert_eq!(draws_at_once(100_000, 64), 20);
        assert_eq!(draws_at_once(300_000_000, 64), 1);
        assert_eq!(draws_at_once(10, 5), 5);
    }

    #[test]
    fn too_few_draws_stay_what_was_drawn() {
        let drawn = normals(20);
        let noise = whitened(&drawn, 10, 4);
        assert_eq!((noise[(3, 0)], noise[(3, 2)]), (drawn[3], -drawn[3]));
    }
}
