//! The update of a covariance of low rank: batch and match, then the nearest covariance of that rank.
//!
//! Modi, Cai and Saul 2024, arXiv 2410.22292 (pBaM). The update leaves a diagonal plus a few columns more than the rank and less a few; the
//! patch, some steps of factor analysis from where the last one ended, brings it back. Nothing costs more than linear in the dimension.

use faer::{Mat, MatRef};
use firebrand_core::{Covariance, LowRank, PATCHED, nearest_low_rank};

use crate::few_draws::{Batch, Change};

/// Mean and covariance after one step, or `None` where rounding has broken positive definiteness. Arguments are those of
/// [`update`](crate::update).
pub fn patched_update(
    mean: &[f64],
    covariance: &LowRank,
    draws: &Mat<f64>,
    scores: &Mat<f64>,
    strength: f64,
) -> Option<(Vec<f64>, LowRank)> {
    let present = Covariance::LowRank(covariance.clone());
    let batch = Batch::new(mean, draws, scores, strength);
    let Change { mean, plus, minus } = batch.change(mean, &present)?;
    let variances: Vec<f64> = covariance
        .variances()
        .iter()
        .enumerate()
        .map(|(i, v)| v + plus.row(i).squared_norm_l2() - minus.row(i).squared_norm_l2())
        .collect();
    // Not a number is not positive.
    if !variances.iter().all(|v| *v > 0.0) {
        return None;
    }
    let multiply = |columns: MatRef<'_, f64>| {
        covariance.multiply(columns) + &plus * (plus.transpose() * columns)
            - &minus * (minus.transpose() * columns)
    };
    let patched = nearest_low_rank(&variances, multiply, covariance.clone(), PATCHED)?;
    Some((mean, patched))
}

/// `(1 - weight) a + weight b`, or what of the same rank is nearest to it.
pub fn mixed(a: &LowRank, b: &LowRank, weight: f64) -> Option<LowRank> {
    let (from_a, from_b) = (a.variances(), b.variances());
    let mix = |(a, b): (&f64, &f64)| (1.0 - weight) * a + weight * b;
    let variances: Vec<f64> = from_a.iter().zip(&from_b).map(mix).collect();
    let multiply = |columns: MatRef<'_, f64>| {
        a.multiply(columns) * faer::Scale(1.0 - weight) + b.multiply(columns) * faer::Scale(weight)
    };
    nearest_low_rank(&variances, multiply, a.clone(), PATCHED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::Side;
    use faer::prelude::Solve;
    use firebrand_core::{Stream, normals};

    const DIMENSION: usize = 20;

    fn random(columns: usize, seed: u64) -> Mat<f64> {
        let numbers = normals(seed, Stream::Other(1), 0, DIMENSION * columns);
        Mat::from_fn(DIMENSION, columns, |i, j| numbers[i * columns + j])
    }

    fn covariance() -> LowRank {
        LowRank {
            diagonal: (0..DIMENSION).map(|i| 0.1 + i as f64).collect(),
            factor: random(2, 1),
        }
    }

    #[test]
    fn a_target_in_the_family_is_a_fixed_point() {
        let (target, mean) = (covariance(), vec![0.5; DIMENSION]);
        let draws = random(6, 2);
        let away = Mat::from_fn(DIMENSION, 6, |i, b| mean[i] - draws[(i, b)]);
        let scores = target.dense().llt(Side::Lower).unwrap().solve(&away);
        let (new_mean, new) = patched_update(&mean, &target, &draws, &scores, 120.0).unwrap();
        assert!((new.dense() - target.dense()).norm_max() < 1e-10);
        assert!(
            new_mean
                .iter()
                .zip(&mean)
                .all(|(a, b)| (a - b).abs() < 1e-10)
        );
    }

    #[test]
    fn a_mixture_with_itself_is_itself_and_one_of_two_keeps_the_variances() {
        let (a, b) = (
            covariance(),
            LowRank {
                factor: random(2, 5),
                ..covariance()
            },
        );
        let same = mixed(&a, &a, 0.3).unwrap();
        assert!((same.dense() - a.dense()).norm_max() < 1e-10);
        let found = mixed(&a, &b, 0.25).unwrap().variances();
        for (i, (a, b)) in a.variances().iter().zip(b.variances()).enumerate() {
            let expected = 0.75 * a + 0.25 * b;
            // Of a mixture of two subspaces no member of this rank is the whole, and few steps are not all.
            assert!(
                (found[i] / expected - 1.0).abs() < 0.1,
                "{i}: {} {expected}",
                found[i]
            );
        }
    }
}
