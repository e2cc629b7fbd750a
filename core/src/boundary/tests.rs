//! Both sides of the boundary in one program: what crosses it comes out the same, and what breaks its rules is told.

use super::across;
use crate::driver::{Ended, Fit, FitOptions, fit};
use crate::family::{Approximation, Family, FamilyError};
use crate::gaussian::{Covariance, GaussianStart};
use crate::inference::Inference;
use crate::low_rank::LowRank;
use crate::placement::{Placement, Precision, to_host};
use crate::randomness::{Stream, noise};
use crate::registry;
use crate::target::{Batch, FnTarget, GaussianTarget, Target, TargetError};

fn target() -> Box<dyn Target> {
    let covariance = faer::mat![[1.0, 0.0], [0.0, 4.0]];
    Box::new(GaussianTarget::new(&[1.0, -2.0], &covariance).unwrap())
}

fn family() -> Box<dyn Family> {
    registry::family("independent").unwrap().plugin
}

fn inference(options: &str) -> Box<dyn Inference> {
    let chosen = registry::inference(&format!("nudge{options}"));
    chosen.unwrap().plugin
}

fn steps(target: &dyn Target, inference: &dyn Inference, family: &dyn Family, steps: u64) -> Fit {
    let options = FitOptions {
        max_steps: Some(steps),
        ..FitOptions::default()
    };
    fit(target, inference, family, &options).unwrap()
}

fn member(placement: &Placement) -> Box<dyn Approximation> {
    let start = GaussianStart {
        mean: vec![0.5, -1.0],
        covariance: Covariance::Diagonal(vec![4.0, 0.25]),
    };
    across::family(family())
        .unwrap()
        .start(2, &start, placement)
        .unwrap()
}

#[test]
fn a_fit_has_the_same_bits_whatever_is_across_the_boundary() {
    let linked = steps(&*target(), &*inference(""), &*family(), 20);
    let across_target = across::target(target(), "gaussian").unwrap();
    let across_family = across::family(family()).unwrap();
    let across_inference = across::inference(inference("")).unwrap();
    for (which, found) in [
        (
            "target",
            steps(&*across_target, &*inference(""), &*family(), 20),
        ),
        (
            "family",
            steps(&*target(), &*inference(""), &*across_family, 20),
        ),
        (
            "inference",
            steps(&*target(), &*across_inference, &*family(), 20),
        ),
        (
            "all",
            steps(&*across_target, &*across_inference, &*across_family, 20),
        ),
    ] {
        assert_eq!(
            to_host(&found.approximation.lambda()),
            to_host(&linked.approximation.lambda()),
            "{which}"
        );
        assert_eq!(found.start, linked.start, "{which}");
        assert_eq!(found.state, linked.state, "{which}");
        assert_eq!(found.trace.names, linked.trace.names, "{which}");
        let last = |fit: &Fit| fit.trace.rows[19].values.clone();
        assert_eq!(last(&found), last(&linked), "{which}");
    }
}

#[test]
fn a_member_answers_as_it_does_on_its_own_side() {
    for precision in [Precision::F64, Precision::F32] {
        let placement = Placement {
            precision,
            ..Placement::cpu()
        };
        let q = member(&placement);
        let start = GaussianStart {
            mean: vec![0.5, -1.0],
            covariance: Covariance::Diagonal(vec![4.0, 0.25]),
        };
        let own = family().start(2, &start, &placement).unwrap();
        let noise = noise(1, Stream::Draws, 0, q.noise_shape(5), &placement);
        let theta = q.sample(&noise).unwrap().theta;
        assert_eq!(theta.dtype(), precision.dtype());
        assert_eq!(to_host(&theta), to_host(&own.sample(&noise).unwrap().theta));
        assert_eq!(
            to_host(&q.log_prob(&theta).unwrap()),
            to_host(&own.log_prob(&theta).unwrap())
        );
        assert_eq!(
            to_host(&q.score(&theta).unwrap()),
            to_host(&own.score(&theta).unwrap())
        );
        let (q, own) = (q.gaussian().unwrap(), own.gaussian().unwrap());
        assert_eq!((q.mean(), q.scale()), (own.mean(), own.scale()));
        assert_eq!(q.covariance(), own.covariance());
        assert_eq!(q.structure(), own.structure());
    }
}

#[test]
fn a_covariance_of_low_rank_arrives_as_one_and_not_as_a_matrix() {
    // In two dimensions a factor of one column makes a table as large as the matrix.
    let low_rank = LowRank {
        diagonal: vec![1.0, 0.5],
        factor: faer::mat![[2.0], [-0.5]],
    };
    let mut q = member(&Placement::cpu());
    let gaussian = q.gaussian_mut().unwrap();
    let given = Covariance::LowRank(low_rank);
    gaussian.set(&[0.0, 0.0], &given).unwrap();
    for (found, expected) in gaussian.covariance().diagonal().iter().zip([5.0, 0.75]) {
        assert!((found / expected - 1.0).abs() < 1e-15, "{found}");
    }
}

#[test]
fn a_copy_has_a_state_of_its_own() {
    let mut q = member(&Placement::cpu());
    let copy = q.clone_box();
    let saved = q.save();
    q.set_lambda(&Placement::cpu().vector(&[9.0, 9.0, 0.0, 0.0]))
        .unwrap();
    assert_eq!(to_host(&q.lambda())[0], 9.0);
    assert_eq!(to_host(&copy.lambda())[0], 0.5);
    q.restore(&saved).unwrap();
    assert_eq!(to_host(&q.lambda()), to_host(&copy.lambda()));
}

#[test]
fn errors_keep_their_words_and_their_kind() {
    let q = member(&Placement::cpu());
    let theta = Placement::cpu().zeros([3, 2]);
    let error = q.pull_score(&theta, &theta).unwrap_err();
    let words = "`independent` says: the family `independent` cannot pull back its score";
    assert_eq!(error.to_string(), words);
    let error = q.restore_error();
    assert!(matches!(error, FamilyError::Other(_)), "{error}");
    for (trouble, ended) in [
        (
            "reject",
            "50 steps in a row were rejected, the last because the covariance is not positive definite",
        ),
        ("fatal", "`nudge` says: the sky fell"),
        ("panic", "`nudge` panicked: index out of bounds"),
    ] {
        let inference = inference(&format!("(trouble: \"{trouble}\")"));
        let inference = across::inference(inference).unwrap();
        let fit = steps(&*target(), &*inference, &*family(), 100);
        let because = ended.into();
        assert_eq!(fit.ended, Ended::Failed { because });
    }
}

trait RestoreError {
    fn restore_error(&self) -> FamilyError;
}

impl RestoreError for Box<dyn Approximation> {
    /// What comes of a state that was cut.
    fn restore_error(&self) -> FamilyError {
        self.clone_box().restore(&[1, 2, 3]).unwrap_err()
    }
}

#[test]
fn a_draw_outside_the_support_stays_invalid_and_nan_is_an_error() {
    let half = FnTarget::new(1, |x: &[f64], score: &mut [f64]| {
        score[0] = -1.0;
        if x[0] < 0.0 { f64::NEG_INFINITY } else { -x[0] }
    });
    let half = across::target(Box::new(half), "half").unwrap();
    let theta = Placement::cpu().matrix(vec![-1.0, 2.0], [2, 1]);
    let out = half.log_density_and_score(&theta, &Batch::Full).unwrap();
    assert_eq!(out.valid, [false, true]);
    assert_eq!(to_host(&out.log_density), [f64::NEG_INFINITY, -2.0]);
    assert_eq!(to_host(&out.score), [0.0, -1.0]);
    assert_eq!(half.parameters()[0].columns(), ["theta[1]"]);
    assert_eq!(half.constrain(&theta, 1).unwrap().column(0), [-1.0, 2.0]);
}

#[test]
fn a_batch_of_rows_crosses_with_its_plate() {
    let target = across::target(target(), "gaussian").unwrap();
    let batch = Batch::Rows {
        plate: "N".into(),
        rows: vec![0, 7],
    };
    let error = target.log_density(&Placement::cpu().zeros([1, 2]), &batch);
    let expected = "`gaussian` says: this target cannot be evaluated on a batch of rows of `N`: it is a function of its \
                    parameters alone";
    assert_eq!(error.unwrap_err(), TargetError::Model(expected.into()));
}

#[test]
fn an_algorithm_across_the_boundary_sees_that_the_run_is_to_end() {
    use std::sync::atomic::AtomicBool;
    let inference = across::inference(inference("")).unwrap();
    let raised = AtomicBool::new(true);
    let mut surroundings = crate::Surroundings {
        cancelled: &raised,
        progress: &mut |_| {},
        resume: None,
        keeper: None,
    };
    let outcome = crate::fit_within(
        &*target(),
        &*inference,
        &*family(),
        &FitOptions::default(),
        &mut surroundings,
    );
    let error = outcome.err().unwrap();
    assert_eq!(error, TargetError::Interrupted.into());
}
