//! The headings that every algorithm's tests have.

use firebrand_conformance::{inference, targets::random_gaussian};
use firebrand_core::{FitOptions, InferenceError, OptionsError, Plugin, fit};
use firebrand_gaussian::{FullRank, MeanField};
use firebrand_gsm::{Gsm, GsmOptions};
use proptest::prelude::*;

fn gsm() -> Gsm {
    Gsm::new(GsmOptions::default()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_gaussian_target_is_reached(seed in 0u64..1000) {
        // Averages begin at the refined start, within a hundredth, and epochs agree within two.
        let target = random_gaussian(seed, 6);
        inference::a_gaussian_target_is_reached(&gsm(), &FullRank, &target, false, 0.02).assert();
    }
}

#[test]
fn a_gaussian_target_is_a_fixed_point() {
    inference::a_gaussian_target_is_a_fixed_point(&gsm(), &FullRank, 1e-9).assert();
}

#[test]
fn seeds_resumption_and_endings() {
    inference::check(&gsm(), &FullRank);
}

#[test]
fn noise_in_the_scores_is_all_that_it_cannot_bear() {
    // The update is quadratic in the scores, so that noise in them widens the covariance.
    let report = inference::report(&gsm(), &FullRank);
    let missed = report.checks.iter().filter(|check| !check.passed());
    let missed: Vec<&str> = missed.map(|check| check.identity).collect();
    assert_eq!(
        missed,
        ["noise in the scores leaves the answer where it is"]
    );
    report.assert();
}

#[test]
fn a_family_without_a_dense_covariance_is_refused_by_name() {
    let target = random_gaussian(1, 3);
    let error = fit(&target, &gsm(), &MeanField, &FitOptions::default())
        .err()
        .unwrap();
    assert!(matches!(&error, InferenceError::Refused { .. }));
    assert_eq!(
        error.to_string(),
        "`gsm` needs a family with a dense covariance, which `mean-field` does not have; `full-rank` has it"
    );
}

#[test]
fn a_batch_of_no_draws_is_refused() {
    let error: OptionsError = Gsm::new(GsmOptions {
        batch: Some(0),
        ..GsmOptions::default()
    })
    .err()
    .unwrap();
    assert!(error.to_string().contains("`batch` must be at least 1"));
}
