//! The identities of targets hold for right ones, and fail for broken ones.

use firebrand_conformance::targets::{NormalRows, skewed};
use firebrand_conformance::{BrokenTarget, TargetFault, target};
use firebrand_core::{FnTarget, GaussianTarget, Target};

/// A half-normal: its support ends at zero.
fn half_normal() -> impl Target {
    FnTarget::new(2, |x: &[f64], score: &mut [f64]| {
        score.copy_from_slice(&[-x[0], -x[1]]);
        if x[0] < 0.0 {
            f64::NEG_INFINITY
        } else {
            -0.5 * (x[0] * x[0] + x[1] * x[1])
        }
    })
}

fn failed(target: &dyn Target) -> Vec<&'static str> {
    let report = target::report(target);
    report.failures().map(|check| check.identity).collect()
}

#[test]
fn right_targets_keep_every_identity() {
    target::report(&skewed()).assert();
    target::report(&half_normal()).assert();
    target::report(&NormalRows::new(1, 23, 2)).assert();
}

#[test]
fn a_target_with_the_unscaled_score_of_half_of_its_data_is_found_out() {
    let broken = BrokenTarget::new(GaussianTarget::standard(3), TargetFault::UnscaledScore);
    let score = "the score is the gradient of the log density";
    assert!(failed(&broken).contains(&score));
    let broken = BrokenTarget::new(skewed(), TargetFault::UnscaledScore);
    assert_eq!(failed(&broken), [score]);
}

#[test]
fn a_target_that_calls_invalid_draws_valid_is_found_out() {
    let broken = BrokenTarget::new(half_normal(), TargetFault::UnmarkedInvalid);
    assert!(failed(&broken).contains(&"invalid draws have density zero and score zero"));
    let broken = BrokenTarget::new(skewed(), TargetFault::UnmarkedInvalid);
    assert_eq!(
        failed(&broken),
        ["invalid draws have density zero and score zero"]
    );
}

#[test]
fn a_target_whose_minibatch_scores_are_unscaled_is_found_out() {
    let broken = BrokenTarget::new(NormalRows::new(1, 23, 2), TargetFault::UnscaledBatches);
    assert_eq!(
        failed(&broken),
        ["minibatch scores average to the full score"]
    );
}
