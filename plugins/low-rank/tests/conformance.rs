//! The identities of a variational family on random members, and what a low rank adds to them.

use firebrand_conformance::{approximation, targets::random_gaussian};
use firebrand_core::{
    Approximation, Covariance, Family, FamilyError, GaussianStart, LowRank, Placement, Plugin,
    Precision, Stream, Structure, noise, normals, to_host,
};
use firebrand_gaussian::FullRank;
use firebrand_low_rank::{LowRankFamily, LowRankOptions};
use proptest::prelude::*;

fn family(rank: usize) -> LowRankFamily {
    LowRankFamily::new(LowRankOptions { rank }).unwrap()
}

fn start(seed: u64, largest: usize) -> GaussianStart {
    let target = random_gaussian(seed, largest);
    GaussianStart {
        mean: target.mean().to_vec(),
        covariance: Covariance::Dense(target.covariance().clone()),
    }
}

fn member(rank: usize, start: &GaussianStart) -> Box<dyn Approximation> {
    let made = family(rank).start(start.dimension(), start, &Placement::cpu());
    made.unwrap()
}

/// A member of this rank far from both a diagonal and a full covariance.
fn low_rank(dimension: usize, rank: usize) -> GaussianStart {
    let numbers = normals(8, Stream::Other(1), 0, dimension * (rank + 1));
    let (own, common) = numbers.split_at(dimension);
    GaussianStart {
        mean: own.to_vec(),
        covariance: Covariance::LowRank(LowRank {
            diagonal: own.iter().map(|x| 0.2 + x * x).collect(),
            factor: faer::Mat::from_fn(dimension, rank, |i, k| common[i * rank + k]),
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn members_keep_their_identities(seed in 0u64..1000, rank in 1usize..3) {
        approximation::check(member(rank, &start(seed, 4)).as_ref());
    }

    #[test]
    fn members_from_independent_coordinates_keep_their_identities(rank in 1usize..4) {
        let start = GaussianStart {
            mean: vec![0.02, -2.0, 0.0],
            covariance: Covariance::Diagonal(vec![1e-4, 1.0, 25.0]),
        };
        approximation::check(member(rank, &start).as_ref());
    }

    #[test]
    fn enough_columns_hold_any_covariance(seed in 0u64..1000) {
        let start = start(seed, 6);
        let member = member(10, &start);
        let gaussian = member.gaussian().unwrap();
        prop_assert_eq!(gaussian.mean(), start.mean.clone());
        let (found, expected) = (gaussian.covariance().dense(), start.covariance.dense());
        for i in 0..start.dimension() {
            for j in 0..start.dimension() {
                let scale = (expected[(i, i)] * expected[(j, j)]).sqrt();
                prop_assert!((found[(i, j)] - expected[(i, j)]).abs() < 1e-12 * scale);
            }
        }
    }
}

#[test]
fn log_density_and_score_are_those_of_the_same_dense_gaussian() {
    let start = low_rank(7, 2);
    let member = member(2, &start);
    let dense = GaussianStart {
        covariance: Covariance::Dense(start.covariance.dense()),
        ..start
    };
    let dense = FullRank.start(7, &dense, &Placement::cpu()).unwrap();
    let points = noise(2, Stream::Other(2), 0, [5, 7], &Placement::cpu());
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-11);
    let log_prob = |q: &dyn Approximation| to_host(&q.log_prob(&points).unwrap());
    assert!(close(&log_prob(member.as_ref()), &log_prob(dense.as_ref())));
    let score = |q: &dyn Approximation| to_host(&q.score(&points).unwrap());
    assert!(close(&score(member.as_ref()), &score(dense.as_ref())));
}

#[test]
fn the_gradient_of_an_expectation_is_that_of_quadrature() {
    let start = GaussianStart {
        mean: vec![0.4],
        covariance: Covariance::LowRank(LowRank {
            diagonal: vec![0.3],
            factor: faer::mat![[1.2]],
        }),
    };
    let member = member(1, &start);
    approximation::the_gradient_of_an_expectation_is_that_of_quadrature(member.as_ref()).assert();
}

#[test]
fn its_parameters_grow_linearly_and_its_noise_by_the_rank() {
    let member = member(10, &GaussianStart::standard(20_000));
    assert_eq!(member.lambda().dims(), [20_000 * 12]);
    assert_eq!(member.noise_shape(3), [3, 20_010]);
    let gaussian = member.gaussian().unwrap();
    assert_eq!(gaussian.structure(), Structure::LowRank);
    let points = noise(1, Stream::Other(3), 0, [2, 20_000], member.placement());
    assert!(
        to_host(&member.log_prob(&points).unwrap())
            .iter()
            .all(|l| l.is_finite())
    );
}

#[test]
fn a_covariance_of_higher_rank_is_narrowed_to_the_nearest() {
    let start = low_rank(30, 2);
    let Covariance::LowRank(covariance) = start.covariance.clone() else {
        panic!("made of low rank");
    };
    // A column beside the first: the rank is two, in three columns.
    let factor = faer::Mat::from_fn(30, 3, |i, k| {
        covariance.factor[(i, k % 2)] * [0.6_f64.sqrt(), 1.0, 0.4_f64.sqrt()][k]
    });
    let three = GaussianStart {
        covariance: Covariance::LowRank(LowRank {
            factor,
            diagonal: covariance.diagonal,
        }),
        ..start.clone()
    };
    let found = member(2, &three).gaussian().unwrap().covariance().dense();
    assert!((found - start.covariance.dense()).norm_max() < 1e-3);
}

#[test]
fn what_is_not_positive_definite_is_refused_and_changes_nothing() {
    let mut member = member(2, &low_rank(3, 2));
    let before = to_host(&member.lambda());
    for wrong in [
        Covariance::Diagonal(vec![1.0, -1.0, 1.0]),
        Covariance::Dense(faer::mat![
            [1.0, 2.0, 0.0],
            [2.0, 1.0, 0.0],
            [0.0, 0.0, 1.0]
        ]),
        Covariance::LowRank(LowRank {
            diagonal: vec![1.0, 0.0, 1.0],
            factor: faer::mat![[1.0], [1.0], [1.0]],
        }),
    ] {
        let refused = member.gaussian_mut().unwrap().set(&[5.0; 3], &wrong);
        assert_eq!(refused, Err(FamilyError::NotPositiveDefinite));
    }
    assert_eq!(to_host(&member.lambda()), before);
}

#[test]
fn a_rank_of_zero_is_refused_with_the_family_that_has_it() {
    let error = LowRankFamily::new(LowRankOptions { rank: 0 })
        .err()
        .unwrap();
    assert!(error.to_string().contains("`mean-field`"), "{error}");
}

#[test]
fn single_precision_agrees_with_double_to_its_rounding() {
    let start = low_rank(6, 2);
    let single = Placement {
        precision: Precision::F32,
        ..Placement::cpu()
    };
    let scores = [single, Placement::cpu()].map(|placement| {
        let member = family(2).start(6, &start, &placement).unwrap();
        let points = placement.matrix(vec![0.3; 12], [2, 6]);
        to_host(&member.score(&points).unwrap())
    });
    for (single, double) in scores[0].iter().zip(&scores[1]) {
        assert!((single - double).abs() < 1e-5 * double.abs().max(1.0));
    }
}
