//! The headings that every algorithm's tests have.

use firebrand_bam::{Bam, BamOptions};
use firebrand_conformance::inference;
use firebrand_conformance::targets::{low_rank_gaussian, random_gaussian};
use firebrand_core::{Covariance, Ended, FitOptions, FnTarget, Plugin, fit};
use firebrand_gaussian::{FullRank, MeanField};
use firebrand_low_rank::{LowRankFamily, LowRankOptions};
use proptest::prelude::*;

fn bam(options: BamOptions) -> Bam {
    Bam::new(options).unwrap()
}

fn low_rank(rank: usize) -> LowRankFamily {
    LowRankFamily::new(LowRankOptions { rank }).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_gaussian_target_is_reached(seed in 0u64..1000, decay: bool) {
        let target = random_gaussian(seed, 6);
        let bam = bam(BamOptions { decay, ..BamOptions::default() });
        inference::a_gaussian_target_is_reached(&bam, &FullRank, &target, false, 0.02).assert();
    }
}

#[test]
fn a_gaussian_target_is_a_fixed_point() {
    let bam = bam(BamOptions::default());
    inference::a_gaussian_target_is_a_fixed_point(&bam, &FullRank, 1e-9).assert();
    inference::a_gaussian_target_is_a_fixed_point(&bam, &low_rank(2), 1e-9).assert();
}

#[test]
fn few_draws_reach_a_gaussian_of_many_dimensions() {
    let bam = bam(BamOptions {
        batch: Some(8),
        ..BamOptions::default()
    });
    let target = low_rank_gaussian(6, 30, 3);
    inference::a_gaussian_target_is_reached(&bam, &FullRank, &target, false, 0.02).assert();
}

#[test]
fn a_gaussian_of_the_rank_is_reached_with_its_correlations() {
    let target = low_rank_gaussian(6, 50, 3);
    // From independent coordinates, as where there are too many for a dense start.
    let mut options = FitOptions::default();
    options.start.dense_limit = 10;
    let bam = bam(BamOptions::default());
    let fit = fit(&target, &bam, &low_rank(3), &options).unwrap();
    assert!(
        matches!(fit.ended, Ended::Converged { .. }),
        "{:?}",
        fit.ended
    );
    let (shift, spread) = inference::errors(&fit, &target, false).unwrap();
    assert!(shift < 0.02 && spread < 0.02, "{shift} {spread}");
    let covariance = fit.approximation.gaussian().unwrap().covariance();
    assert!(matches!(covariance, Covariance::LowRank(_)));
    let (found, expected) = (covariance.dense(), target.covariance());
    for i in 0..50 {
        for j in 0..i {
            let scale = (expected[(i, i)] * expected[(j, j)]).sqrt();
            let error = (found[(i, j)] - expected[(i, j)]).abs() / scale;
            assert!(error < 0.02, "correlation of {i} and {j}: off by {error}");
        }
    }
}

#[test]
fn seeds_resumption_and_endings() {
    inference::check(&bam(BamOptions::default()), &FullRank);
    inference::check(&bam(BamOptions::default()), &low_rank(1));
}

#[test]
fn a_family_without_correlations_is_refused_by_name() {
    let target = random_gaussian(1, 3);
    let bam = bam(BamOptions::default());
    let error = fit(&target, &bam, &MeanField, &FitOptions::default())
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "`bam` needs a family with a covariance with correlations, which `mean-field` does not have; these have it: \
         `full-rank`, `low-rank`"
    );
}

#[test]
fn a_strength_that_is_not_positive_is_refused() {
    let error = Bam::new(BamOptions {
        strength: Some(-1.0),
        ..BamOptions::default()
    })
    .err()
    .unwrap();
    assert!(error.to_string().contains("`strength` must be positive"));
}

#[test]
fn its_fixed_point_has_mean_score_zero_and_score_covariance_the_precision() {
    // x = log of a gamma variable of shape k: score k - exp(x). For N(m, v): E[exp(x)] = exp(m + v/2) = k, and the variance of the
    // score, exp(2 m + v) (exp(v) - 1) = k^2 (exp(v) - 1), is 1 / v.
    let shape = 5.0;
    let target = FnTarget::new(1, move |x: &[f64], score: &mut [f64]| {
        score[0] = shape - x[0].exp();
        shape * x[0] - x[0].exp()
    });
    let bam = bam(BamOptions {
        batch: Some(256),
        tolerance: 0.002,
        ..BamOptions::default()
    });
    let fit = fit(&target, &bam, &FullRank, &FitOptions::default()).unwrap();
    assert!(
        matches!(fit.ended, Ended::Converged { .. }),
        "{:?}",
        fit.ended
    );
    let gaussian = fit.approximation.gaussian().unwrap();
    let (mean, variance) = (gaussian.mean()[0], gaussian.covariance().diagonal()[0]);
    assert!(
        ((mean + 0.5 * variance).exp() / shape - 1.0).abs() < 0.01,
        "{mean} {variance}"
    );
    let score_variance = shape * shape * (variance.exp() - 1.0);
    assert!(
        (score_variance * variance - 1.0).abs() < 0.03,
        "{mean} {variance}"
    );
}
