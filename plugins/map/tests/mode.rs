//! The mode is found, and shown as a point.

use firebrand_conformance::inference;
use firebrand_core::start::StartOptions;
use firebrand_core::{FitOptions, GaussianTarget, Plugin, fit};
use firebrand_gaussian::MeanField;
use firebrand_map::{Map, MapOptions};

fn map() -> Map {
    Map::new(MapOptions::default()).unwrap()
}

#[test]
fn the_mode_of_a_gaussian_is_its_mean_and_is_shown_as_a_point() {
    let covariance = faer::mat![[1.0, 0.6], [0.6, 1.0]];
    let target = GaussianTarget::new(&[1.5, -1.5], &covariance).unwrap();
    // From a point near zero, with nothing searched for.
    let options = FitOptions {
        start: StartOptions {
            path_limit: 0,
            ..StartOptions::default()
        },
        max_steps: Some(8128),
        ..FitOptions::default()
    };
    let fit = fit(&target, &map(), &MeanField, &options).unwrap();
    let gaussian = fit.approximation.gaussian().unwrap();
    for (found, expected) in gaussian.mean().iter().zip([1.5, -1.5]) {
        // Steps of 0.001 swing about the mode by a few of them, and are averaged.
        assert!((found - expected).abs() < 0.01, "{found}, not {expected}");
    }
    assert!(gaussian.covariance().diagonal().iter().all(|v| *v < 1e-15));
}

#[test]
fn seeds_resumption_and_endings() {
    inference::check(&map(), &MeanField);
}

#[test]
fn steps_without_length_are_refused() {
    let options = MapOptions {
        step_size: 0.0,
        ..MapOptions::default()
    };
    assert!(Map::new(options).is_err());
}
