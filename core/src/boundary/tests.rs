//! Both sides of the boundary in one program: what crosses it comes out the same, and what breaks its rules is told.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Tensor;

use super::import::ForeignTarget;
use super::{across, export};
use crate::checkpoint::Held;
use crate::driver::{Ended, Fit, FitOptions, Surroundings, fit_within};
use crate::family::{Approximation, Family, FamilyCapabilities, FamilyError};
use crate::gaussian::{Covariance, GaussianStart};
use crate::inference::Inference;
use crate::low_rank::LowRank;
use crate::placement::{Placement, Precision, to_host};
use crate::randomness::{Stream, noise};
use crate::registry;
use crate::start::{Agreement, Candidate, Start};
use crate::target::{
    Batch, Constrained, Evaluation, FnTarget, GaussianTarget, Parameter, Target, TargetError,
};

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

/// A run, and the algorithm's state at its end.
fn fitted(
    target: &dyn Target,
    inference: &dyn Inference,
    family: &dyn Family,
    steps: u64,
) -> (Fit, Vec<u8>) {
    let options = FitOptions {
        max_steps: Some(steps),
        ..FitOptions::default()
    };
    let mut held = Held::default();
    let mut surroundings = Surroundings {
        cancelled: &AtomicBool::new(false),
        progress: &mut |_| {},
        resume: None,
        keeper: Some(&mut held),
    };
    let fit = fit_within(target, inference, family, &options, &mut surroundings).unwrap();
    (fit, held.checkpoint.unwrap().state)
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
    let (linked, linked_state) = fitted(&*target(), &*inference(""), &*family(), 20);
    let across_target = across::target(target(), "gaussian").unwrap();
    let across_family = across::family(family()).unwrap();
    let across_inference = across::inference(inference("")).unwrap();
    for (which, (found, state)) in [
        (
            "target",
            fitted(&*across_target, &*inference(""), &*family(), 20),
        ),
        (
            "family",
            fitted(&*target(), &*inference(""), &*across_family, 20),
        ),
        (
            "inference",
            fitted(&*target(), &*across_inference, &*family(), 20),
        ),
        (
            "all",
            fitted(&*across_target, &*across_inference, &*across_family, 20),
        ),
    ] {
        assert_eq!(
            to_host(&found.approximation.lambda()),
            to_host(&linked.approximation.lambda()),
            "{which}"
        );
        assert_eq!(found.start, linked.start, "{which}");
        assert_eq!(state, linked_state, "{which}");
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

/// Begins in the middle between all Gaussians that were found.
struct Between;

impl Family for Between {
    fn name(&self) -> &str {
        "between"
    }

    fn capabilities(&self) -> FamilyCapabilities {
        family().capabilities()
    }

    fn start(
        &self,
        dimension: usize,
        gaussian: &GaussianStart,
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        family().start(dimension, gaussian, placement)
    }

    fn start_from(
        &self,
        start: &Start,
        placement: &Placement,
    ) -> Result<Box<dyn Approximation>, FamilyError> {
        let mut gaussian = start.best().gaussian.clone();
        for (d, middle) in gaussian.mean.iter_mut().enumerate() {
            let means = start.candidates.iter().map(|c| c.gaussian.mean[d]);
            *middle = means.sum::<f64>() / start.candidates.len() as f64;
        }
        self.start(gaussian.mean.len(), &gaussian, placement)
    }
}

#[test]
fn a_family_is_told_of_all_gaussians_to_start_from() {
    let candidate = |mean: [f64; 2], elbo| Candidate {
        gaussian: GaussianStart {
            mean: mean.into(),
            covariance: Covariance::Diagonal(vec![1.0, 1.0]),
        },
        elbo,
        elbo_error: 0.1,
    };
    let start = Start {
        candidates: vec![
            candidate([1.0, -1.0], -2.0),
            candidate([3.0, 7.0], f64::NAN),
        ],
        agreement: Agreement {
            tried: 4,
            succeeded: 3,
            agreed: 1,
        },
    };
    let across = across::family(Box::new(Between)).unwrap();
    let member = across.start_from(&start, &Placement::cpu()).unwrap();
    assert_eq!(to_host(&member.lambda())[..2], [2.0, 3.0]);
    let member = across
        .start(2, &start.best().gaussian, &Placement::cpu())
        .unwrap();
    assert_eq!(to_host(&member.lambda())[..2], [1.0, -1.0]);
}

/// Takes as long over its draws as it is let, and then says whether it was told to stop.
struct Slow {
    target: Box<dyn Target>,
    begun: AtomicBool,
}

impl Target for Slow {
    fn dimension(&self) -> usize {
        self.target.dimension()
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        self.target.log_density_and_score(theta, batch)
    }

    fn parameters(&self) -> &[Parameter] {
        self.target.parameters()
    }

    fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError> {
        self.target.constrain(theta, seed)
    }

    fn constrain_until(
        &self,
        theta: &Tensor<2>,
        seed: u64,
        cancelled: &AtomicBool,
    ) -> Result<Constrained, TargetError> {
        if seed == 0 {
            return self.constrain(theta, seed);
        }
        self.begun.store(true, Ordering::Relaxed);
        while !cancelled.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        Err(TargetError::Interrupted)
    }

    fn placement(&self) -> &Placement {
        self.target.placement()
    }
}

#[test]
fn draws_on_the_models_scale_are_given_up_when_the_other_side_asks() {
    let slow = Slow {
        target: target(),
        begun: AtomicBool::new(false),
    };
    let lent: &dyn Target = &slow;
    // SAFETY: it is lent until the end of this function.
    let across = unsafe { ForeignTarget::borrow(export::lent_target(&lent), None) }.unwrap();
    let theta = Placement::cpu().zeros([3, 2]);
    let cancelled = AtomicBool::new(false);
    let quick = across.constrain_until(&theta, 0, &cancelled).unwrap();
    assert_eq!((quick.draws(), quick.columns.len()), (3, 2));
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| across.constrain_until(&theta, 1, &cancelled));
        while !slow.begun.load(Ordering::Relaxed) && !asked.is_finished() {
            std::thread::yield_now();
        }
        cancelled.store(true, Ordering::Relaxed);
        assert_eq!(asked.join().unwrap(), Err(TargetError::Interrupted));
    });
    assert_eq!(
        across.constrain_until(&theta, 0, &cancelled),
        Err(TargetError::Interrupted)
    );
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
        let (fit, _) = fitted(&*target(), &*inference, &*family(), 100);
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
