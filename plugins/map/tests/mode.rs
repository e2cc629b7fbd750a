//! The mode is found, and shown as a point.

use firebrand_conformance::{inference, targets::random_gaussian};
use firebrand_core::{FitOptions, Plugin, fit};
use firebrand_gaussian::MeanField;
use firebrand_map::{Map, MapOptions};

fn map() -> Map {
    Map::new(MapOptions::default()).unwrap()
}

#[test]
fn the_mode_of_a_gaussian_is_its_mean() {
    let target = random_gaussian(1, 4);
    let fit = fit(&target, &map(), &MeanField, &FitOptions::default()).unwrap();
    let gaussian = fit.approximation.gaussian().unwrap();
    for (d, (found, expected)) in gaussian.mean().iter().zip(target.mean()).enumerate() {
        // A start is within a standard deviation; from there steps of 0.001 swing about the mode by no more than that.
        let deviation = target.covariance()[(d, d)].sqrt();
        assert!((found - expected).abs() < 0.05 * deviation + 0.002);
    }
    assert!(gaussian.covariance().diagonal().iter().all(|v| *v < 1e-12));
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
