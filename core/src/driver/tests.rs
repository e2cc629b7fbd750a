use std::sync::atomic::Ordering;

use burn::tensor::Tensor;

use super::*;
use crate::placement::{Placement, to_host};
use crate::registry;
use crate::target::{Constrained, Evaluation, GaussianTarget, Parameter, TargetError};

fn target() -> GaussianTarget {
    let covariance = faer::mat![[1.0, 0.0], [0.0, 4.0]];
    GaussianTarget::new(&[1.0, -2.0], &covariance).unwrap()
}

fn steps(number: u64) -> FitOptions {
    FitOptions {
        max_steps: Some(number),
        ..FitOptions::default()
    }
}

fn run(inference: &str, options: &FitOptions) -> Fit {
    let inference = registry::inference(inference).unwrap();
    let family = registry::family("independent").unwrap();
    fit(&target(), &*inference.plugin, &*family.plugin, options).unwrap()
}

#[test]
fn a_run_without_trouble_takes_all_its_steps_and_counts_them() {
    let fit = run("nudge(draws: 4)", &steps(30));
    assert_eq!(fit.ended, Ended::OutOfSteps);
    assert_eq!((fit.steps, fit.rejected), (30, 0));
    assert_eq!(fit.counts.since(fit.start_counts).gradients, 30 * 4);
    assert_eq!(fit.trace.column("size").unwrap().len(), 30);
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_does_not() {
    let lambda = |seed| {
        let options = FitOptions { seed, ..steps(10) };
        to_host(&run("nudge", &options).approximation.lambda())
    };
    assert_eq!(lambda(3), lambda(3));
    assert_ne!(lambda(3), lambda(4));
}

#[test]
fn too_many_rejections_in_a_row_end_the_run_with_the_last_reason() {
    let options = FitOptions {
        max_rejections: 5,
        ..FitOptions::default()
    };
    let fit = run("nudge(trouble: \"reject\")", &options);
    assert_eq!((fit.steps, fit.rejected), (7, 5));
    let Ended::Failed { because } = fit.ended else {
        panic!("{:?}", fit.ended)
    };
    assert_eq!(
        because,
        "5 steps in a row were rejected, the last because the covariance is not positive definite"
    );
}

#[test]
fn a_fatal_error_and_a_panic_end_the_run_and_keep_its_record() {
    for (trouble, expected) in [
        ("fatal", "the sky fell"),
        ("panic", "the step panicked: index out of bounds"),
    ] {
        let fit = run(
            &format!("nudge(trouble: \"{trouble}\")"),
            &FitOptions::default(),
        );
        assert_eq!(fit.trace.rows.len(), 3);
        assert_eq!(
            fit.ended,
            Ended::Failed {
                because: expected.into()
            }
        );
    }
}

#[test]
fn a_cancelled_run_keeps_what_was_done() {
    let cancelled = AtomicBool::new(false);
    let mut seen = vec![];
    let mut watch = |moment: &Moment<'_>| {
        seen.push(moment.steps);
        if moment.steps == 3 {
            cancelled.store(true, Ordering::Relaxed);
        }
    };
    let mut surroundings = Surroundings {
        cancelled: &cancelled,
        progress: &mut watch,
        resume: None,
        keeper: None,
    };
    let inference = registry::inference("nudge").unwrap();
    let family = registry::family("independent").unwrap();
    let fit = fit_within(
        &target(),
        &*inference.plugin,
        &*family.plugin,
        &FitOptions::default(),
        &mut surroundings,
    )
    .unwrap();
    assert_eq!(fit.ended, Ended::Interrupted);
    assert_eq!(seen, [0, 1, 2, 3]);
}

#[test]
fn a_time_limit_of_zero_ends_the_search_for_a_start() {
    let options = FitOptions {
        max_seconds: Some(0.0),
        ..FitOptions::default()
    };
    let inference = registry::inference("nudge").unwrap();
    let family = registry::family("independent").unwrap();
    let out = fit(&target(), &*inference.plugin, &*family.plugin, &options);
    assert!(out.is_err() || out.is_ok_and(|fit| fit.ended == Ended::OutOfTime));
}

/// Keeps every checkpoint, in memory.
#[derive(Default)]
struct Every(Vec<Checkpoint>);

impl Keeper for Every {
    fn is_due(&self) -> bool {
        true
    }

    fn keep(&mut self, checkpoint: &Checkpoint) {
        self.0.push(checkpoint.clone());
    }
}

fn kept(inference: &str, options: &FitOptions, resume: Option<Checkpoint>) -> (Fit, Every) {
    let mut every = Every::default();
    let mut surroundings = Surroundings {
        cancelled: &AtomicBool::new(false),
        progress: &mut |_| {},
        resume,
        keeper: Some(&mut every),
    };
    let inference = registry::inference(inference).unwrap();
    let family = registry::family("independent").unwrap();
    let fit = fit_within(
        &target(),
        &*inference.plugin,
        &*family.plugin,
        options,
        &mut surroundings,
    )
    .unwrap();
    (fit, every)
}

#[test]
fn every_checkpoint_leads_to_the_same_end() {
    let timeless = |every: &Every| {
        let mut end = every.0.last().unwrap().clone();
        end.seconds = 0.0;
        end.trace.rows.iter_mut().for_each(|row| row.seconds = 0.0);
        end
    };
    let (_, every) = kept("nudge", &steps(6), None);
    let whole = timeless(&every);
    assert!(!whole.state.is_empty());
    // At the start, after each step, and at the end.
    assert_eq!(every.0.len(), 1 + 6 + 1);
    for checkpoint in every.0 {
        let before = checkpoint.seconds;
        let (fit, again) = kept("nudge", &steps(6), Some(checkpoint));
        assert!(fit.seconds >= before);
        assert_eq!(timeless(&again), whole);
    }
}

#[test]
fn a_run_that_failed_keeps_what_was_before() {
    let (fit, every) = kept("nudge(trouble: \"fatal\")", &steps(6), None);
    assert!(matches!(fit.ended, Ended::Failed { .. }));
    let last = every.0.last().unwrap();
    assert_eq!((last.steps, &last.ended), (2, &None));
}

#[test]
fn the_time_before_a_checkpoint_counts() {
    let (_, mut every) = kept("nudge", &steps(3), None);
    let mut checkpoint = every.0.pop().unwrap();
    checkpoint.seconds = 100.0;
    let options = FitOptions {
        max_seconds: Some(99.0),
        ..steps(6)
    };
    let (fit, _) = kept("nudge", &options, Some(checkpoint));
    assert_eq!((fit.ended, fit.steps), (Ended::OutOfTime, 3));
}

#[test]
fn a_family_that_lacks_what_the_algorithm_needs_is_refused_in_a_sentence() {
    let inference = registry::inference("nudge(dense: true)").unwrap();
    let family = registry::family("independent").unwrap();
    let error = fit(
        &target(),
        &*inference.plugin,
        &*family.plugin,
        &FitOptions::default(),
    )
    .err()
    .unwrap();
    assert_eq!(
        error.to_string(),
        "`nudge` needs a family with a dense covariance, which `independent` does not have; \
         no registered family has it"
    );
}

/// A target that knows where to begin, and whether it was asked.
struct Proposing {
    target: GaussianTarget,
    asked: AtomicBool,
}

impl Target for Proposing {
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

    fn propose_start(&self, _seed: u64, _point: &mut [f64]) {
        self.asked.store(true, Ordering::Relaxed);
    }

    fn placement(&self) -> &Placement {
        self.target.placement()
    }
}

#[test]
fn the_search_for_a_start_asks_the_target_where_to_begin() {
    let target = Proposing {
        target: target(),
        asked: AtomicBool::new(false),
    };
    let inference = registry::inference("nudge").unwrap();
    let family = registry::family("independent").unwrap();
    fit(&target, &*inference.plugin, &*family.plugin, &steps(1)).unwrap();
    assert!(target.asked.load(Ordering::Relaxed));
}
