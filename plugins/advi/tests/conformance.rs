//! The headings that every algorithm's tests have.

use firebrand_advi::{Advi, AdviOptions};
use firebrand_conformance::{Opaque, inference, targets::random_gaussian};
use firebrand_core::{Ended, FitOptions, FnTarget, GaussianTarget, Plugin, fit};
use firebrand_gaussian::{FullRank, MeanField};
use firebrand_low_rank::{LowRankFamily, LowRankOptions};
use proptest::prelude::*;

fn advi(options: AdviOptions) -> Advi {
    Advi::new(options).unwrap()
}

fn low_rank(rank: usize) -> LowRankFamily {
    LowRankFamily::new(LowRankOptions { rank }).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_gaussian_target_is_reached(seed in 0u64..1000) {
        let target = random_gaussian(seed, 6);
        let advi = advi(AdviOptions::default());
        inference::a_gaussian_target_is_reached(&advi, &FullRank, &target, false, 1e-4).assert();
        inference::a_gaussian_target_is_reached(&advi, &MeanField, &target, true, 2e-3).assert();
    }
}

#[test]
fn a_gaussian_target_is_a_fixed_point() {
    let advi = advi(AdviOptions::default());
    inference::a_gaussian_target_is_a_fixed_point(&advi, &FullRank, 1e-9).assert();
    inference::a_gaussian_target_is_a_fixed_point(&advi, &MeanField, 1e-6).assert();
}

#[test]
fn adaptive_steps_reach_a_gaussian_target_of_any_family() {
    // Steps are in units of the parameters, so the target is of unit scale.
    let covariance = faer::mat![[1.0, 0.5], [0.5, 2.0]];
    let target = GaussianTarget::new(&[1.0, -1.0], &covariance).unwrap();
    let advi = advi(AdviOptions::default());
    inference::a_gaussian_target_is_reached(&advi, &Opaque(FullRank), &target, false, 0.05)
        .assert();
    inference::a_gaussian_target_is_reached(&advi, &Opaque(MeanField), &target, true, 0.05)
        .assert();
    inference::a_gaussian_target_is_reached(&advi, &low_rank(1), &target, false, 0.05).assert();
}

#[test]
fn seeds_resumption_and_endings() {
    let advi = advi(AdviOptions::default());
    inference::check(&advi, &FullRank);
    inference::check(&advi, &MeanField);
    inference::check(&advi, &Opaque(FullRank));
    inference::check(&advi, &low_rank(1));
}

#[test]
fn too_few_draws_are_refused() {
    let error = Advi::new(AdviOptions {
        draws: Some(1),
        ..AdviOptions::default()
    })
    .err()
    .unwrap();
    assert!(
        error
            .to_string()
            .contains("`draws` and `max_draws` must be at least 2")
    );
}

#[test]
fn the_maximum_of_the_elbo_on_a_skewed_target_is_found() {
    // x = log of a gamma variable of shape k: the best Gaussian has E[exp(x)] = k and variance 1 / k.
    let shape = 2.0;
    let target = FnTarget::new(1, move |x: &[f64], score: &mut [f64]| {
        score[0] = shape - x[0].exp();
        shape * x[0] - x[0].exp()
    });
    for family in [&FullRank as &dyn firebrand_core::Family, &MeanField] {
        let fit = fit(
            &target,
            &advi(AdviOptions::default()),
            family,
            &FitOptions::default(),
        );
        let fit = fit.unwrap();
        assert!(
            matches!(fit.ended, Ended::Converged { .. }),
            "{:?}",
            fit.ended
        );
        let gaussian = fit.approximation.gaussian().unwrap();
        let (mean, variance) = (gaussian.mean()[0], gaussian.covariance().diagonal()[0]);
        // The run ends when fresh draws ask for less than a hundredth of a standard deviation.
        assert!((variance * shape - 1.0).abs() < 0.03, "{mean} {variance}");
        assert!(
            (mean - (shape.ln() - 0.5 / shape)).abs() < 0.02 * variance.sqrt(),
            "{mean}"
        );
    }
}
