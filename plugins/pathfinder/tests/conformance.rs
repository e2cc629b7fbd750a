//! The headings that every algorithm's tests have.

use firebrand_conformance::{inference, targets::random_gaussian};
use firebrand_core::Plugin;
use firebrand_gaussian::{FullRank, MeanField};
use firebrand_pathfinder::{Pathfinder, PathfinderOptions};
use proptest::prelude::*;

fn pathfinder() -> Pathfinder {
    Pathfinder::new(PathfinderOptions::default()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_gaussian_target_is_reached_roughly(seed in 0u64..1000) {
        // The inverse Hessian of a quasi-Newton path is as good as the steps that built it: right in order of magnitude.
        let target = random_gaussian(seed, 4);
        inference::a_gaussian_target_is_reached(&pathfinder(), &FullRank, &target, false, 1.0);
    }
}

#[test]
fn seeds_resumption_and_endings() {
    inference::check(&pathfinder(), &FullRank);
    inference::check(&pathfinder(), &MeanField);
}

#[test]
fn no_paths_are_refused() {
    let options = PathfinderOptions {
        paths: 0,
        ..PathfinderOptions::default()
    };
    assert!(Pathfinder::new(options).is_err());
}
