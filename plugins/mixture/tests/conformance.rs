//! The identities of a family, on random mixtures; algorithms on targets that are mixtures.

use faer::Mat;
use firebrand_advi::{Advi, AdviOptions};
use firebrand_conformance::{Broken, Fault, approximation, inference};
use firebrand_core::start::{Agreement, Candidate, Start};
use firebrand_core::{
    Approximation, Covariance, Family, FamilyError, FitOptions, GaussianStart, Placement, Plugin,
    Stream, Structure, normals, to_host,
};
use firebrand_graph_family::{Formulas, GraphApproximation};
use firebrand_mixture::{Mixture, MixtureDensity, MixtureOptions};
use firebrand_prox_score::{ProxScore, ProxScoreOptions};
use proptest::prelude::*;

fn mixture(components: usize, covariance: Structure) -> Mixture {
    Mixture::new(MixtureOptions {
        components,
        covariance,
    })
    .unwrap()
}

/// A mixture all of whose parameters are random: weights that differ by factors, means some standard deviations apart.
fn random_member(
    seed: u64,
    components: usize,
    structure: Structure,
    dimension: usize,
) -> GraphApproximation {
    let density = MixtureDensity::new(components, structure, dimension);
    let numbers = normals(seed, Stream::Other(20), 0, density.parameters());
    let means = components..components * (1 + dimension);
    let lambda = numbers.iter().enumerate().map(|(i, number)| {
        if means.contains(&i) {
            1.5 * number
        } else {
            0.5 * number
        }
    });
    GraphApproximation::new(density, lambda.collect(), &Placement::cpu()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn members_keep_their_identities(
        seed in 0u64..1000,
        components in 1usize..4,
        dimension in 1usize..4,
        dense in any::<bool>(),
    ) {
        let structure = if dense { Structure::Dense } else { Structure::Diagonal };
        approximation::check(&random_member(seed, components, structure, dimension));
    }
}

#[test]
fn gradients_of_expectations_are_those_of_quadrature_in_the_weights_too() {
    for components in [2, 3] {
        let member = random_member(4, components, Structure::Dense, 1);
        approximation::the_gradient_of_an_expectation_is_that_of_quadrature(&member).assert();
    }
}

#[test]
#[should_panic(expected = "the gradient of E[f] is that of quadrature: ")]
fn a_pullback_without_the_weights_is_found_out() {
    let member = random_member(4, 2, Structure::Dense, 1);
    let broken = Broken::new(&member, Fault::PullbackWithoutWeights);
    approximation::the_gradient_of_an_expectation_is_that_of_quadrature(&broken).assert();
}

#[test]
fn one_component_is_the_full_rank_gaussian() {
    let start = GaussianStart {
        mean: vec![1.0, -2.0],
        covariance: Covariance::Dense(faer::mat![[4.0, 1.0], [1.0, 0.5]]),
    };
    let placement = Placement::cpu();
    let points = placement.matrix(vec![0.0, 0.0, 3.0, -2.5, 1.0, 7.0], [3, 2]);
    let one = mixture(1, Structure::Dense);
    let members: Vec<Box<dyn Approximation>> = [&one as &dyn Family, &firebrand_gaussian::FullRank]
        .map(|family| family.start(2, &start, &placement).unwrap())
        .into();
    let densities = members
        .iter()
        .map(|q| to_host(&q.log_prob(&points).unwrap()));
    let scores = members.iter().map(|q| to_host(&q.score(&points).unwrap()));
    for values in [densities.collect::<Vec<_>>(), scores.collect()] {
        for (graph, closed) in values[0].iter().zip(&values[1]) {
            assert!(
                (graph - closed).abs() < 1e-13 * closed.abs().max(1.0),
                "{graph} {closed}"
            );
        }
    }
}

/// Weighted mean and covariance of many draws.
fn moments(q: &dyn Approximation) -> (Vec<f64>, Mat<f64>) {
    let (count, dimension) = (40_000, q.dimension());
    let noise = normals(1, Stream::Other(21), 0, count * dimension);
    let sample = q
        .sample(&q.placement().matrix(noise, [count, dimension]))
        .unwrap();
    let weights: Vec<f64> = to_host(&sample.log_weight.unwrap())
        .iter()
        .map(|w| w.exp())
        .collect();
    let theta = to_host(&sample.theta);
    let row = |s: usize| &theta[s * dimension..][..dimension];
    let mean: Vec<f64> = (0..dimension)
        .map(|d| (0..count).map(|s| weights[s] * row(s)[d]).sum())
        .collect();
    let covariance = Mat::from_fn(dimension, dimension, |i, j| {
        (0..count)
            .map(|s| weights[s] * (row(s)[i] - mean[i]) * (row(s)[j] - mean[j]))
            .sum()
    });
    (mean, covariance)
}

#[test]
fn a_start_has_the_mean_and_the_covariance_of_its_gaussian() {
    let covariance = faer::mat![[4.0, 1.0, 0.0], [1.0, 0.5, 0.1], [0.0, 0.1, 2.0]];
    let start = GaussianStart {
        mean: vec![1.0, -2.0, 30.0],
        covariance: Covariance::Dense(covariance.clone()),
    };
    for components in [2, 3, 5] {
        let family = mixture(components, Structure::Dense);
        let member = family.start(3, &start, &Placement::cpu()).unwrap();
        let (mean, found) = moments(member.as_ref());
        for i in 0..3 {
            // Five standard errors of 40,000 draws.
            let error = 0.025 * covariance[(i, i)].sqrt();
            assert!((mean[i] - start.mean[i]).abs() < error, "{mean:?}");
            for j in 0..3 {
                let scale = (covariance[(i, i)] * covariance[(j, j)]).sqrt();
                assert!(
                    (found[(i, j)] - covariance[(i, j)]).abs() < 0.04 * scale,
                    "{found:?}"
                );
            }
        }
    }
}

#[test]
fn components_start_where_starts_ended_with_the_weights_of_their_evidence() {
    let candidate = |centre: f64, elbo: f64| Candidate {
        gaussian: GaussianStart {
            mean: vec![centre],
            covariance: Covariance::Diagonal(vec![0.01]),
        },
        elbo,
        elbo_error: 0.0,
    };
    let start = Start {
        candidates: vec![
            candidate(-3.0, 0.0),
            candidate(2.0, -(3f64.ln())),
            candidate(9.0, -20.0),
        ],
        agreement: Agreement {
            tried: 4,
            succeeded: 4,
            agreed: 2,
        },
    };
    let family = mixture(4, Structure::Dense);
    let member = family.start_from(&start, &Placement::cpu()).unwrap();
    let lambda = to_host(&member.lambda());
    let near = |centre: f64| -> f64 {
        let at = |k: &usize| (lambda[4 + k] - centre).abs() < 0.1;
        (0..4).filter(at).map(|k| lambda[k].exp()).sum()
    };
    // Three quarters and one quarter; the third place is e^-20 of the first.
    assert!(
        (near(-3.0) - 0.75).abs() < 1e-12 && (near(2.0) - 0.25).abs() < 1e-12,
        "{lambda:?}"
    );
}

#[test]
fn fewer_draws_than_components_are_refused() {
    let member = random_member(1, 3, Structure::Dense, 2);
    let error = member.sample(&Placement::cpu().zeros([2, 2])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the family `mixture` cannot give fewer draws than its 3 components"
    );
}

#[test]
fn deviations_that_overflow_are_refused_so_that_a_smaller_step_is_tried() {
    let mut member = random_member(1, 2, Structure::Dense, 2);
    let mut lambda = to_host(&member.lambda());
    lambda[6] = 1000.0;
    let refused = member.set_lambda(&Placement::cpu().vector(&lambda));
    assert_eq!(refused, Err(FamilyError::NotPositiveDefinite));
}

#[test]
fn a_mixture_target_is_approached_from_nearby() {
    let member = random_member(3, 2, Structure::Dense, 2);
    let prox = ProxScore::new(ProxScoreOptions::default()).unwrap();
    inference::the_score_divergence_to_a_member_falls(&prox, &member, 0.2, 300, 50.0).assert();
    let advi = Advi::new(AdviOptions::default()).unwrap();
    inference::the_score_divergence_to_a_member_falls(&advi, &member, 0.2, 1500, 10.0).assert();
}

#[test]
fn two_separate_modes_are_fitted_with_their_weights() {
    // N((-3, 0), 0.25 I) with weight 0.7 and N((3, 1), diag(1, 0.25)) with weight 0.3; its log normaliser is zero.
    let density = MixtureDensity::new(2, Structure::Diagonal, 2);
    let half = 0.5f64.ln();
    let lambda = vec![
        0.7f64.ln(),
        0.3f64.ln(),
        -3.0,
        0.0,
        3.0,
        1.0,
        half,
        half,
        0.0,
        half,
    ];
    let truth = GraphApproximation::new(density, lambda, &Placement::cpu()).unwrap();
    let target = firebrand_conformance::Member::new(&truth);
    let family = mixture(2, Structure::Dense);
    let prox = ProxScore::new(ProxScoreOptions::default()).unwrap();
    let fit = firebrand_core::fit(&target, &prox, &family, &FitOptions::default()).unwrap();
    let q = fit.approximation.as_ref();
    let (mean, covariance) = moments(q);
    assert!(
        (mean[0] + 1.2).abs() < 0.05 && (mean[1] - 0.3).abs() < 0.05,
        "{mean:?}"
    );
    // Between the modes 0.7 0.3 6^2, within them 0.7 0.25 + 0.3.
    assert!((covariance[(0, 0)] - 8.035).abs() < 0.2, "{covariance:?}");
    assert!(
        inference::score_divergence(&truth, q).unwrap() < 1e-3,
        "{:?}",
        fit.ended
    );
}

#[test]
fn units_of_the_target_make_no_difference() {
    // Two modes, four standard deviations apart in both coordinates, in units of a thousand and of a thousandth.
    let density = MixtureDensity::new(2, Structure::Diagonal, 2);
    let logs = [1e3f64.ln(), 1e-3f64.ln()];
    let lambda = vec![
        0.0, 0.5, 5e3, 0.0, 9e3, 4e-3, logs[0], logs[1], logs[0], logs[1],
    ];
    let truth = GraphApproximation::new(density, lambda, &Placement::cpu()).unwrap();
    let target = firebrand_conformance::Member::new(&truth);
    let family = mixture(2, Structure::Diagonal);
    // By `advi`: whether modes that far apart are told from each other is not a question that scores answer.
    let advi = Advi::new(AdviOptions::default()).unwrap();
    let fit = firebrand_core::fit(&target, &advi, &family, &FitOptions::default()).unwrap();
    let divergence = inference::score_divergence(&truth, fit.approximation.as_ref()).unwrap();
    assert!(divergence < 1e-2, "{divergence}: {:?}", fit.ended);
}

#[test]
fn seeds_resumption_and_endings() {
    let prox = ProxScore::new(ProxScoreOptions::default()).unwrap();
    inference::check(&prox, &mixture(2, Structure::Dense));
}
