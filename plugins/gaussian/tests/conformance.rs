//! The identities of DESIGN.md for both families, on random members.

use firebrand_conformance::{approximation, targets::random_gaussian};
use firebrand_core::{
    Covariance, Family, FamilyError, GaussianStart, Placement, Structure, Target,
};
use firebrand_gaussian::{FullRank, FullRankGaussian, MeanField, MeanFieldGaussian};
use proptest::prelude::*;

fn start(seed: u64, largest: usize) -> GaussianStart {
    let target = random_gaussian(seed, largest);
    GaussianStart {
        mean: target.mean().to_vec(),
        covariance: Covariance::Dense(target.covariance().clone()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn mean_field_members_keep_their_identities(seed in 0u64..1000) {
        let start = start(seed, 4);
        let member = MeanField.start(start.dimension(), &start, &Placement::cpu()).unwrap();
        approximation::check(member.as_ref());
    }

    #[test]
    fn full_rank_members_keep_their_identities(seed in 0u64..1000) {
        let start = start(seed, 4);
        let member = FullRank.start(start.dimension(), &start, &Placement::cpu()).unwrap();
        approximation::check(member.as_ref());
    }

    #[test]
    fn full_rank_takes_mean_and_covariance_as_they_are(seed in 0u64..1000) {
        let start = start(seed, 6);
        let member = FullRank.start(start.dimension(), &start, &Placement::cpu()).unwrap();
        let gaussian = member.gaussian().unwrap();
        prop_assert_eq!(gaussian.mean(), start.mean.clone());
        let (found, expected) = (gaussian.covariance().dense(), start.covariance.dense());
        for i in 0..start.dimension() {
            for j in 0..start.dimension() {
                let scale = (expected[(i, i)] * expected[(j, j)]).sqrt();
                prop_assert!((found[(i, j)] - expected[(i, j)]).abs() < 1e-13 * scale);
            }
        }
    }
}

#[test]
fn gradients_of_expectations_are_those_of_quadrature() {
    let placement = Placement::cpu();
    let mean_field = MeanFieldGaussian::new(vec![0.4], vec![-1.3], &placement).unwrap();
    approximation::the_gradient_of_an_expectation_is_that_of_quadrature(&mean_field).assert();
    let full_rank = FullRankGaussian::new(vec![-2.0], faer::mat![[3.0]], &placement).unwrap();
    approximation::the_gradient_of_an_expectation_is_that_of_quadrature(&full_rank).assert();
}

#[test]
fn mean_field_takes_the_variances_of_a_dense_covariance() {
    let start = GaussianStart {
        mean: vec![1.0, 2.0],
        covariance: Covariance::Dense(faer::mat![[4.0, 1.0], [1.0, 9.0]]),
    };
    let member = MeanField.start(2, &start, &Placement::cpu()).unwrap();
    let gaussian = member.gaussian().unwrap();
    assert_eq!(gaussian.structure(), Structure::Diagonal);
    for (found, expected) in gaussian.covariance().diagonal().iter().zip([4.0, 9.0]) {
        assert!((found - expected).abs() < 1e-14);
    }
}

#[test]
fn a_covariance_that_is_not_positive_definite_is_refused_and_changes_nothing() {
    let start = GaussianStart::standard(2);
    let singular = Covariance::Dense(faer::mat![[1.0, 2.0], [2.0, 1.0]]);
    let negative = Covariance::Diagonal(vec![1.0, -1.0]);
    for (family, covariance) in [(&FullRank as &dyn Family, singular), (&MeanField, negative)] {
        let mut member = family.start(2, &start, &Placement::cpu()).unwrap();
        let gaussian = member.gaussian_mut().unwrap();
        let refused = gaussian.set(&[5.0, 5.0], &covariance);
        assert_eq!(refused, Err(FamilyError::NotPositiveDefinite));
        assert_eq!(gaussian.mean(), [0.0, 0.0]);
    }
}

#[test]
fn parameters_of_the_wrong_size_are_refused_with_both_sizes() {
    let mut member = FullRank
        .start(3, &GaussianStart::standard(3), &Placement::cpu())
        .unwrap();
    let error = member
        .set_lambda(&Placement::cpu().vector(&[0.0; 5]))
        .unwrap_err();
    assert_eq!(error.to_string(), "lambda has size 5, but 9 was expected");
}

#[test]
fn single_precision_agrees_with_double_to_its_rounding() {
    let target = random_gaussian(5, 4);
    let start = GaussianStart {
        mean: target
            .mean()
            .iter()
            .zip(0..)
            .map(|(_, d)| f64::from(d))
            .collect(),
        covariance: Covariance::Dense(faer::Mat::from_fn(
            target.dimension(),
            target.dimension(),
            |i, j| {
                if i == j { 2.0 } else { 0.5 }
            },
        )),
    };
    let single = Placement {
        precision: firebrand_core::Precision::F32,
        ..Placement::cpu()
    };
    for family in [&FullRank as &dyn Family, &MeanField] {
        let scores = [single.clone(), Placement::cpu()].map(|placement| {
            let member = family.start(start.dimension(), &start, &placement).unwrap();
            let points = vec![0.3; 2 * start.dimension()];
            let points = placement.matrix(points, [2, start.dimension()]);
            firebrand_core::to_host(&member.score(&points).unwrap())
        });
        for (single, double) in scores[0].iter().zip(&scores[1]) {
            assert!((single - double).abs() < 1e-5 * double.abs().max(1.0));
        }
    }
}

#[test]
fn a_matrix_of_too_many_dimensions_is_refused_with_its_size() {
    let start = GaussianStart::standard(30_000);
    let refused = FullRank.start(30_000, &start, &Placement::cpu());
    let message = refused.err().map(|error| error.to_string());
    let message = message.expect("seven gigabytes are not taken");
    assert!(
        message.contains("30000 dimensions would take 7200000000 bytes"),
        "{message}"
    );
    assert!(message.contains("`mean-field`"), "{message}");
    assert!(MeanField.start(30_000, &start, &Placement::cpu()).is_ok());
}
