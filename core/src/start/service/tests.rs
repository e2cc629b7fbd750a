//! Starts of targets whose posterior is known.

use burn::tensor::Tensor;

use super::*;
use crate::placement::Placement;
use crate::target::{Constrained, Evaluation, FnTarget, GaussianTarget, Parameter, TargetError};

fn found(target: &dyn Target) -> Start {
    find_start(target, 1, &StartOptions::default()).unwrap()
}

fn deviations(candidate: &Candidate) -> Vec<f64> {
    let variances = candidate.gaussian.covariance.diagonal();
    variances.iter().map(|v| v.sqrt()).collect()
}

#[test]
fn a_gaussian_target_is_found_by_all_starts() {
    let covariance = faer::mat![[4.0, 1.9], [1.9, 1.0]];
    let target = GaussianTarget::new(&[100.0, -3.0], &covariance).unwrap();
    let start = found(&target);
    let best = start.best();
    // Refinement stops within a hundredth of a standard deviation.
    assert!((best.gaussian.mean[0] - 100.0).abs() < 0.02 && best.elbo.abs() < 1e-3);
    assert!((best.gaussian.covariance.dense() - covariance).norm_max() < 0.08);
    assert_eq!((start.agreement.agreed, start.candidates.len()), (4, 1));
}

#[test]
fn a_regression_on_raw_units_is_found_from_starts_near_zero() {
    // Incomes of tens of thousands on heights in inches, with a log residual scale: gradients of 1e12 at the start.
    let rows: Vec<(f64, f64)> = (0..200)
        .map(|i| {
            let height = 60.0 + 0.07 * f64::from(i);
            (
                height,
                1300.0 * height - 61000.0 + 19000.0 * (f64::from(i) * 12.9898).sin(),
            )
        })
        .collect();
    let target = FnTarget::new(3, move |x: &[f64], score: &mut [f64]| {
        let precision = (-2.0 * x[2]).exp();
        score.fill(0.0);
        let mut squares = 0.0;
        for (height, income) in &rows {
            let residual = income - x[0] - x[1] * height;
            squares += residual * residual;
            score[0] += residual * precision;
            score[1] += residual * height * precision;
        }
        score[2] = squares * precision - 199.0;
        -0.5 * squares * precision - 199.0 * x[2]
    });
    let start = found(&target);
    let (mean, deviation) = (&start.best().gaussian.mean, deviations(start.best()));
    assert_eq!(start.agreement.agreed, 4);
    // Least squares: a slope of 1290 with standard error 231; log(19000 / sqrt 2) = 9.505 with error 1 / sqrt(400).
    assert!(
        (mean[1] - 1300.0).abs() < 3.0 * deviation[1],
        "{mean:?} {deviation:?}"
    );
    assert!(
        (mean[2] - 9.505).abs() < 0.05 && (deviation[2] - 0.05).abs() < 0.005,
        "{mean:?}"
    );
    assert!((deviation[1] - 234.0).abs() < 15.0, "{deviation:?}");
}

#[test]
fn two_separate_modes_are_both_found_and_do_not_agree() {
    let target = FnTarget::new(1, |x: &[f64], score: &mut [f64]| {
        // N(-1.5, 0.1) with weight 0.9 and N(1.5, 0.1) with weight 0.1.
        let log = |m: f64, w: f64| w.ln() - 0.5 * ((x[0] - m) / 0.1).powi(2);
        let (a, b) = (log(-1.5, 0.9), log(1.5, 0.1));
        let top = a.max(b);
        let total = top + ((a - top).exp() + (b - top).exp()).ln();
        let weight = (a - total).exp();
        score[0] = -(weight * (x[0] + 1.5) + (1.0 - weight) * (x[0] - 1.5)) / 0.01;
        total
    });
    let options = StartOptions {
        starts: 8,
        ..StartOptions::default()
    };
    let start = find_start(&target, 1, &options).unwrap();
    assert_eq!(start.candidates.len(), 2);
    assert!((start.best().gaussian.mean[0] + 1.5).abs() < 1e-6);
    assert!((start.candidates[1].gaussian.mean[0] - 1.5).abs() < 1e-6);
    // The modes' ELBOs differ by the log ratio of their weights.
    let gap = start.candidates[0].elbo - start.candidates[1].elbo;
    assert!((gap - 9f64.ln()).abs() < 1e-6, "{gap}");
    assert!(start.agreement.agreed < start.agreement.succeeded);
}

#[test]
fn a_funnel_gives_a_start_whose_elbo_beats_its_spike() {
    // Neal's funnel in three dimensions: the density has no maximum as the scale goes to zero.
    let target = FnTarget::new(3, |x: &[f64], score: &mut [f64]| {
        let precision = (-x[0]).exp();
        let squares = x[1] * x[1] + x[2] * x[2];
        score[0] = -x[0] / 9.0 - 1.0 + 0.5 * squares * precision;
        score[1] = -x[1] * precision;
        score[2] = -x[2] * precision;
        -x[0] * x[0] / 18.0 - x[0] - 0.5 * squares * precision
    });
    let start = found(&target);
    let log_normaliser = 1.5 * (2.0 * std::f64::consts::PI).ln() + 3f64.ln();
    // No Gaussian is the funnel; the best is 1.02 nats below its normaliser.
    let gap = log_normaliser - start.best().elbo;
    assert!((0.0..2.0).contains(&gap), "{gap} nats below");
}

#[test]
fn a_support_that_most_points_miss_is_searched_for() {
    let target = FnTarget::new(5, |x: &[f64], score: &mut [f64]| {
        for (score, x) in score.iter_mut().zip(x) {
            *score = -x / 1e-4;
        }
        let square: f64 = x.iter().map(|x| x * x).sum();
        if square < 0.01 {
            -0.5 * square / 1e-4
        } else {
            f64::NEG_INFINITY
        }
    });
    let start = found(&target);
    assert!(
        deviations(start.best())
            .iter()
            .all(|s| (s / 0.01 - 1.0).abs() < 0.05)
    );
}

#[test]
fn a_target_without_support_is_refused_with_the_number_of_points_tried() {
    let target = FnTarget::new(2, |_: &[f64], _: &mut [f64]| f64::NAN);
    let error = find_start(&target, 1, &StartOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no start was found: none of 65 draws has a finite log density and score"
    );
}

#[test]
fn above_the_path_limit_a_start_is_narrow_about_a_point_that_the_target_proposes() {
    /// A standard normal that knows where to begin.
    struct Proposing(GaussianTarget);

    impl Target for Proposing {
        fn dimension(&self) -> usize {
            self.0.dimension()
        }
        fn log_density_and_score(
            &self,
            theta: &Tensor<2>,
            batch: &Batch,
        ) -> Result<Evaluation, TargetError> {
            self.0.log_density_and_score(theta, batch)
        }
        fn parameters(&self) -> &[Parameter] {
            self.0.parameters()
        }
        fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError> {
            self.0.constrain(theta, seed)
        }
        fn propose_start(&self, _seed: u64, point: &mut [f64]) {
            point[1..].fill(0.5);
        }
        fn placement(&self) -> &Placement {
            self.0.placement()
        }
    }

    let target = Proposing(GaussianTarget::standard(4));
    let options = StartOptions {
        path_limit: 3,
        ..StartOptions::default()
    };
    let start = find_start(&target, 1, &options).unwrap();
    let best = start.best();
    assert_eq!(best.gaussian.mean[1..], [0.5; 3]);
    assert!(best.gaussian.mean[0].abs() < 2.0 && best.gaussian.mean[0] != 0.5);
    assert_eq!(deviations(best), [FALLBACK_DEVIATION; 4]);
    // The entropy of the Gaussian, and the target's density about its mean.
    let squares: f64 = best.gaussian.mean.iter().map(|x| x * x).sum();
    let expected = 2.0 + 4.0 * FALLBACK_DEVIATION.ln() - 0.5 * squares;
    assert!(
        (best.elbo - expected).abs() < 1e-4,
        "{} {expected}",
        best.elbo
    );
}

#[test]
fn above_the_dense_limit_a_start_has_independent_coordinates() {
    let covariance = Mat::from_fn(3, 3, |i, j| if i == j { [4.0, 1e-6, 9.0][i] } else { 0.0 });
    let target = GaussianTarget::new(&[1.0, 0.0, -5.0], &covariance).unwrap();
    let options = StartOptions {
        dense_limit: 2,
        ..StartOptions::default()
    };
    let start = find_start(&target, 1, &options).unwrap();
    assert!(matches!(
        start.best().gaussian.covariance,
        Covariance::Diagonal(_)
    ));
    for (found, expected) in deviations(start.best()).iter().zip([2.0, 1e-3, 3.0]) {
        assert!(
            (found / expected - 1.0).abs() < 0.1,
            "{found} for {expected}"
        );
    }
}
