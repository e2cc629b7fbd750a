//! The identities of a family, on random flows; algorithms on curved targets.

use firebrand_advi::{Advi, AdviOptions};
use firebrand_conformance::{Broken, Fault, approximation, inference};
use firebrand_core::{
    Covariance, Family, FitOptions, FnTarget, GaussianStart, Inference, Placement, Plugin, Stream,
    Structure, Target, fit, normals, to_host,
};
use firebrand_flow::{Flow, FlowDensity, FlowOptions, Kind};
use firebrand_gaussian::FullRank;
use firebrand_graph_family::{Formulas, GraphApproximation};
use firebrand_prox_score::{ProxScore, ProxScoreOptions};
use proptest::prelude::*;

fn options(kind: Kind) -> FlowOptions {
    FlowOptions {
        kind,
        hidden: 5,
        bins: 5,
        ..FlowOptions::default()
    }
}

/// A flow all of whose parameters are random.
fn random_member(seed: u64, options: &FlowOptions, dimension: usize) -> GraphApproximation {
    let density = FlowDensity::new(options, dimension);
    let numbers = normals(seed, Stream::Other(20), 0, density.parameters());
    let lambda = numbers.iter().map(|number| 0.3 * number).collect();
    GraphApproximation::new(density, lambda, &Placement::cpu()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn affine_members_keep_their_identities(seed in 0u64..1000, dimension in 1usize..4) {
        approximation::check(&random_member(seed, &options(Kind::Affine), dimension));
    }

    #[test]
    fn spline_members_keep_their_identities(seed in 0u64..1000, dimension in 1usize..4) {
        approximation::check(&random_member(seed, &options(Kind::Spline), dimension));
    }

    #[test]
    fn the_density_is_that_of_the_draws(seed in 0u64..1000, dimension in 1usize..6, spline in any::<bool>()) {
        // By the change of variables, with the derivative of the draw in its noise by central differences.
        let kind = if spline { Kind::Spline } else { Kind::Affine };
        let q = random_member(seed, &options(kind), dimension);
        let draw = |noise: &[f64]| to_host(&firebrand_core::Approximation::sample(
            &q, &Placement::cpu().matrix(noise.to_vec(), [1, dimension])).unwrap().theta);
        let noise = normals(seed, Stream::Other(22), 0, dimension);
        let step = 1e-5;
        let jacobian = faer::Mat::from_fn(dimension, dimension, |i, j| {
            let along = |sign: f64| {
                let mut moved = noise.clone();
                moved[j] += sign * step;
                draw(&moved)[i]
            };
            (along(1.0) - along(-1.0)) / (2.0 * step)
        });
        let square: f64 = noise.iter().map(|x| x * x).sum();
        let normal = -0.5 * square - 0.5 * dimension as f64 * (2.0 * std::f64::consts::PI).ln();
        let expected = normal - jacobian.determinant().abs().ln();
        let theta = Placement::cpu().matrix(draw(&noise), [1, dimension]);
        let found = to_host(&firebrand_core::Approximation::log_prob(&q, &theta).unwrap())[0];
        prop_assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
}

#[test]
fn every_fault_of_a_member_is_found_by_the_identities_that_it_breaks() {
    let member = random_member(2, &options(Kind::Affine), 2);
    let broken: [(Fault, &[&str]); 4] = [
        (
            Fault::SignOfScore,
            &[
                "the score is the gradient of the log density",
                "E[score (theta - mean)'] = -I",
            ],
        ),
        (Fault::Unnormalised, &["the density integrates to one"]),
        (
            Fault::SignOfPullback,
            &["the pullback of log_prob is its derivative"],
        ),
        (
            Fault::PullbackWithoutLast,
            &["the pullback of sample is its derivative"],
        ),
    ];
    for (fault, identities) in broken {
        let report = approximation::report(&Broken::new(&member, fault), true);
        let failed: Vec<&str> = report.failures().map(|check| check.identity).collect();
        assert_eq!(failed, identities, "{fault:?}");
    }
}

#[test]
fn a_flow_starts_at_its_gaussian() {
    let start = GaussianStart {
        mean: vec![1.0, -2.0, 0.3],
        covariance: Covariance::Dense(faer::mat![
            [4.0, 1.0, 0.0],
            [1.0, 0.5, 0.1],
            [0.0, 0.1, 2.0]
        ]),
    };
    let placement = Placement::cpu();
    let points = placement.matrix(normals(1, Stream::Other(23), 0, 30), [10, 3]);
    let exact = FullRank.start(3, &start, &placement).unwrap();
    for kind in [Kind::Affine, Kind::Spline] {
        let flow = Flow::new(options(kind)).unwrap();
        let member = flow.start(3, &start, &placement).unwrap();
        for (found, expected) in [(member.log_prob(&points), exact.log_prob(&points))] {
            let (found, expected) = (to_host(&found.unwrap()), to_host(&expected.unwrap()));
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0));
            }
        }
        let noise = placement.matrix(normals(2, Stream::Other(23), 0, 30), [10, 3]);
        let draws = [&member, &exact].map(|q| to_host(&q.sample(&noise).unwrap().theta));
        for (found, expected) in draws[0].iter().zip(&draws[1]) {
            assert!((found - expected).abs() < 1e-12 * expected.abs().max(1.0));
        }
    }
}

#[test]
fn a_flow_target_is_approached_from_nearby() {
    let member = random_member(3, &options(Kind::Affine), 2);
    let prox = ProxScore::new(ProxScoreOptions::default()).unwrap();
    inference::the_score_divergence_to_a_member_falls(&prox, &member, 0.1, 40, 10.0).assert();
    let advi = Advi::new(AdviOptions::default()).unwrap();
    inference::the_score_divergence_to_a_member_falls(&advi, &member, 0.1, 1500, 5.0).assert();
}

/// A banana: x_0 is normal with standard deviation 1, x_1 given x_0 is normal about x_0^2 with standard deviation 0.5. Its log
/// normaliser is zero.
fn banana() -> impl Target {
    FnTarget::new(2, |x: &[f64], score: &mut [f64]| {
        let residual = (x[1] - x[0] * x[0]) / 0.25;
        score[0] = -x[0] + 2.0 * x[0] * residual;
        score[1] = -residual;
        let constant = (2.0 * std::f64::consts::PI).ln() - 2f64.ln();
        -0.5 * x[0] * x[0] - 0.125 * residual * residual - constant
    })
}

/// The evidence lower bound over many fresh draws.
fn elbo(inference: &dyn Inference, family: &dyn Family) -> f64 {
    let target = banana();
    let fit = fit(&target, inference, family, &FitOptions::default()).unwrap();
    let options = firebrand_core::diagnostics::DiagnosisOptions::default();
    let diagnosis = firebrand_core::diagnostics::diagnose(
        &target,
        fit.approximation.as_ref(),
        &options,
        None,
        firebrand_core::Stop::never(),
        9,
    );
    diagnosis.unwrap().elbo
}

#[test]
fn a_banana_is_bent_to() {
    let advi = Advi::new(AdviOptions::default()).unwrap();
    let prox = ProxScore::new(ProxScoreOptions::default()).unwrap();
    let gaussian = elbo(&advi, &FullRank);
    let cases: [(&dyn Inference, Kind); 3] = [
        (&advi, Kind::Affine),
        (&advi, Kind::Spline),
        (&prox, Kind::Affine),
    ];
    for (inference, kind) in cases {
        let flow = Flow::new(FlowOptions {
            kind,
            ..FlowOptions::default()
        });
        let found = elbo(inference, &flow.unwrap());
        // The best Gaussian is half a nat below zero, which is the log normaliser.
        assert!(
            found > 0.3 * gaussian,
            "{} {kind:?}: {found} for {gaussian}",
            inference.name()
        );
    }
}

#[test]
fn seeds_resumption_and_endings() {
    let advi = Advi::new(AdviOptions::default()).unwrap();
    inference::check(&advi, &Flow::new(options(Kind::Affine)).unwrap());
}

#[test]
fn the_structure_of_the_outermost_map_is_an_option() {
    let diagonal = Flow::new(FlowOptions {
        covariance: Structure::Diagonal,
        ..options(Kind::Affine)
    });
    let dense = Flow::new(options(Kind::Affine));
    let [diagonal, dense] = [diagonal, dense].map(|flow| {
        let start = GaussianStart::standard(4);
        let member = flow.unwrap().start(4, &start, &Placement::cpu()).unwrap();
        member.lambda().dims()[0]
    });
    assert_eq!(dense - diagonal, 6);
}
