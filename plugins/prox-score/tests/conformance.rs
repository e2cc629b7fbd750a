//! The headings that every algorithm's tests have.

use firebrand_conformance::targets::{low_rank_gaussian, random_gaussian};
use firebrand_conformance::{Opaque, inference};
use firebrand_core::{GaussianTarget, Plugin};
use firebrand_gaussian::{FullRank, MeanField};
use firebrand_low_rank::{LowRankFamily, LowRankOptions};
use firebrand_prox_score::{ProxScore, ProxScoreOptions};
use proptest::prelude::*;

fn prox_score(options: ProxScoreOptions) -> ProxScore {
    ProxScore::new(options).unwrap()
}

fn low_rank(rank: usize) -> LowRankFamily {
    LowRankFamily::new(LowRankOptions { rank }).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_gaussian_target_is_reached(seed in 0u64..1000) {
        let target = random_gaussian(seed, 6);
        let prox = prox_score(ProxScoreOptions::default());
        inference::a_gaussian_target_is_reached(&prox, &FullRank, &target, false, 0.02).assert();
    }
}

#[test]
fn a_gaussian_target_is_a_fixed_point() {
    let prox = prox_score(ProxScoreOptions::default());
    inference::a_gaussian_target_is_a_fixed_point(&prox, &FullRank, 1e-9).assert();
    inference::a_gaussian_target_is_a_fixed_point(&prox, &MeanField, 1e-9).assert();
}

#[test]
fn mean_field_takes_the_conditional_variances() {
    let covariance = faer::mat![[1.0, 0.7, 0.0], [0.7, 2.0, -0.3], [0.0, -0.3, 0.5]];
    let target = GaussianTarget::new(&[1.0, -1.0, 0.0], &covariance).unwrap();
    let prox = prox_score(ProxScoreOptions::default());
    inference::a_gaussian_target_is_reached(&prox, &MeanField, &target, true, 0.02).assert();
}

#[test]
fn any_family_with_a_score_reaches_a_gaussian_target() {
    let covariance = faer::mat![[1.0, 0.5], [0.5, 2.0]];
    let target = GaussianTarget::new(&[1.0, -1.0], &covariance).unwrap();
    let prox = prox_score(ProxScoreOptions::default());
    inference::a_gaussian_target_is_reached(&prox, &Opaque(FullRank), &target, false, 0.05)
        .assert();
    inference::a_gaussian_target_is_reached(&prox, &Opaque(MeanField), &target, true, 0.05)
        .assert();
}

#[test]
fn a_gaussian_of_low_rank_is_reached_with_its_correlations() {
    // Columns to spare, as one has who does not know the rank.
    let target = low_rank_gaussian(6, 50, 3);
    let prox = prox_score(ProxScoreOptions::default());
    inference::a_gaussian_target_is_reached(&prox, &low_rank(5), &target, false, 0.05).assert();
}

#[test]
fn seeds_resumption_and_endings() {
    let prox = prox_score(ProxScoreOptions::default());
    inference::check(&prox, &FullRank);
    inference::check(&prox, &MeanField);
    inference::check(&prox, &Opaque(FullRank));
    inference::check(&prox, &low_rank(1));
}

#[test]
fn noise_in_the_scores_leaves_the_answer_where_it_is() {
    let prox = prox_score(ProxScoreOptions {
        tolerance: 0.005,
        ..ProxScoreOptions::default()
    });
    inference::noise_in_the_scores_leaves_the_answer_where_it_is(&prox, &FullRank, 0.05).assert();
}

#[test]
fn an_eta_that_is_not_positive_is_refused() {
    let error = ProxScore::new(ProxScoreOptions {
        eta: 0.0,
        ..ProxScoreOptions::default()
    })
    .err()
    .unwrap();
    assert!(error.to_string().contains("`eta` must be positive"));
}
