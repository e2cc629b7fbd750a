//! The behaviour of an algorithm. Each function takes it with a family, and panics with what is wrong.

use std::sync::atomic::AtomicBool;

use firebrand_core::start::{Agreement, Candidate, Start, StartOptions, enough_draws, whitened};
use firebrand_core::{
    Approximation, Batch, Checkpoint, Covariance, Ended, Family, Fit, FitOptions, GaussianStart,
    GaussianTarget, Inference, InferenceError, Progress, StepContext, StepError, Stop, Stream,
    Surroundings, Target, fit, fit_within, from_mat, noise, normals, to_host,
};

use crate::Member;
use crate::targets::{Failing, random_gaussian, skewed};

/// All that holds for every algorithm with every family that it takes.
pub fn check(inference: &dyn Inference, family: &dyn Family) {
    the_same_seed_gives_the_same_bits(inference, family);
    a_run_that_was_cut_goes_on_as_if_it_had_not_been(inference, family);
    every_run_ends_with_a_reason(inference, family);
}

fn options(seed: u64, steps: Option<u64>) -> FitOptions {
    FitOptions {
        seed,
        max_steps: steps,
        ..FitOptions::default()
    }
}

fn lambda(fit: &Fit) -> Vec<u64> {
    let lambda = to_host(&fit.approximation.lambda());
    lambda.iter().map(|value| value.to_bits()).collect()
}

/// The largest error of a mean in standard deviations, and of a standard deviation relative to it, of a fit to a
/// Gaussian target. Where the family has independent coordinates, its best member has the target's conditional variances.
pub fn errors(fit: &Fit, target: &GaussianTarget, independent: bool) -> (f64, f64) {
    let dimension = target.dimension();
    let expected: Vec<f64> = if independent {
        let covariance = target.covariance().as_ref();
        let factor = covariance
            .llt(faer::Side::Lower)
            .expect("positive definite");
        let precision =
            faer::prelude::Solve::solve(&factor, faer::Mat::<f64>::identity(dimension, dimension));
        (0..dimension)
            .map(|d| precision[(d, d)].recip().sqrt())
            .collect()
    } else {
        (0..dimension)
            .map(|d| target.covariance()[(d, d)].sqrt())
            .collect()
    };
    let (mean, deviation) = moments(fit);
    let mut worst = (0.0_f64, 0.0_f64);
    for d in 0..dimension {
        worst.0 = worst
            .0
            .max((mean[d] - target.mean()[d]).abs() / expected[d]);
        worst.1 = worst.1.max((deviation[d] / expected[d] - 1.0).abs());
    }
    worst
}

/// Mean and standard deviations of the fit, by its Gaussian capability or over whitened draws.
fn moments(fit: &Fit) -> (Vec<f64>, Vec<f64>) {
    if let Some(gaussian) = fit.approximation.gaussian() {
        let variances = gaussian.covariance().diagonal();
        return (
            gaussian.mean(),
            variances.iter().map(|v| v.sqrt()).collect(),
        );
    }
    let q = fit.approximation.as_ref();
    let dimension = q.dimension();
    let draws = enough_draws(dimension, 20_000);
    let [rows, width] = q.noise_shape(draws);
    let numbers = normals(1, Stream::Other(5), 0, rows * width);
    let noise = whitened(&numbers, width, rows);
    let noise = from_mat(noise.transpose(), q.placement());
    let theta = to_host(&q.sample(&noise).expect("sample").theta);
    let column = |d: usize| theta.iter().skip(d).step_by(dimension);
    let mean: Vec<f64> = (0..dimension)
        .map(|d| column(d).sum::<f64>() / rows as f64)
        .collect();
    let deviation = (0..dimension)
        .map(|d| (column(d).map(|x| (x - mean[d]).powi(2)).sum::<f64>() / rows as f64).sqrt())
        .collect();
    (mean, deviation)
}

/// A Gaussian target is reached within `tolerance` standard deviations, by the member nearest to it.
pub fn a_gaussian_target_is_reached(
    inference: &dyn Inference,
    family: &dyn Family,
    target: &GaussianTarget,
    independent: bool,
    tolerance: f64,
) {
    let fit = fit(target, inference, family, &options(3, None)).expect("the fit");
    assert!(
        matches!(fit.ended, Ended::Converged { .. }),
        "{}: {:?} after {} steps",
        inference.name(),
        fit.ended,
        fit.steps
    );
    let (shift, spread) = errors(&fit, target, independent);
    assert!(
        shift < tolerance && spread < tolerance,
        "{}: means within {shift}, standard deviations within {spread}; {:?}",
        inference.name(),
        fit.ended
    );
}

/// Started at a Gaussian target in the family, ten steps leave the approximation where it is, within `tolerance`.
pub fn a_gaussian_target_is_a_fixed_point(
    inference: &dyn Inference,
    family: &dyn Family,
    tolerance: f64,
) {
    let diagonal = faer::Mat::from_fn(3, 3, |i, j| if i == j { [4.0, 1e-4, 0.3][i] } else { 0.0 });
    let target = GaussianTarget::new(&[1.0, -0.2, 30.0], &diagonal).expect("positive");
    let gaussian = GaussianStart {
        mean: target.mean().to_vec(),
        covariance: Covariance::Dense(diagonal),
    };
    let approximation = family
        .start(3, &gaussian, target.placement())
        .expect("start");
    let before = approximation.clone_box();
    let start = Start {
        candidates: vec![Candidate {
            gaussian,
            elbo: 0.0,
            elbo_error: 0.0,
        }],
        agreement: Agreement {
            tried: 1,
            succeeded: 1,
            agreed: 1,
        },
    };
    let mut running = inference
        .begin(approximation, &target, &start)
        .expect("begin");
    for step in 0..10 {
        let context = StepContext {
            target: &target,
            batch: &Batch::Full,
            step,
            seed: 5,
            stop: Stop::never(),
        };
        running.step(&context).expect("a step at the target");
    }
    let noise = noise(
        1,
        Stream::Other(6),
        0,
        before.noise_shape(8),
        before.placement(),
    );
    let draws = |q: &dyn Approximation| to_host(&q.sample(&noise).expect("sample").theta);
    let (old, new) = (draws(before.as_ref()), draws(running.approximation()));
    for (i, (old, new)) in old.iter().zip(&new).enumerate() {
        let deviation = target.covariance()[(i % 3, i % 3)].sqrt();
        assert!(
            (old - new).abs() < tolerance * deviation,
            "{}: a draw of coordinate {} went from {old} to {new}",
            inference.name(),
            i % 3
        );
    }
}

/// The mean square difference of two scores, in units of the first one's mean square, over draws of the first.
pub fn score_divergence(target: &dyn Approximation, q: &dyn Approximation) -> f64 {
    let shape = target.noise_shape(2000);
    let noise = noise(2, Stream::Other(6), 0, shape, target.placement());
    let theta = target.sample(&noise).expect("sample").theta;
    let (expected, found) = (target.score(&theta), q.score(&theta));
    let expected = to_host(&expected.expect("score"));
    let found = to_host(&found.expect("score"));
    let difference: f64 = expected
        .iter()
        .zip(&found)
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    difference / expected.iter().map(|a| a * a).sum::<f64>()
}

/// Started at a perturbation of a target that is itself in the family, some steps lower the score divergence by the factor
/// `factor` at least. Every parameter is moved by about `perturbation`.
pub fn the_score_divergence_to_a_member_falls(
    inference: &dyn Inference,
    member: &dyn Approximation,
    perturbation: f64,
    steps: u64,
    factor: f64,
) {
    let target = Member::new(member);
    let mut q = member.clone_box();
    let lambda = to_host(&member.lambda());
    let moves = normals(8, Stream::Other(6), 0, lambda.len());
    let moved: Vec<f64> = lambda
        .iter()
        .zip(&moves)
        .map(|(l, m)| l + perturbation * m)
        .collect();
    q.set_lambda(&member.placement().vector(&moved))
        .expect("set_lambda");
    let before = score_divergence(member, q.as_ref());
    let start = Start::standard(member.dimension());
    let mut running = inference.begin(q, &target, &start).expect("begin");
    for step in 0..steps {
        let context = StepContext {
            target: &target,
            batch: &Batch::Full,
            step,
            seed: 5,
            stop: Stop::never(),
        };
        match running.step(&context) {
            Ok(report) if report.progress != Progress::Continue => break,
            Ok(_) | Err(StepError::Recoverable(_)) => {}
            Err(error) => panic!("{}: {error}", inference.name()),
        }
    }
    let after = score_divergence(member, running.approximation());
    assert!(
        after * factor <= before,
        "{} with {}: the score divergence went from {before} to {after}",
        inference.name(),
        member.family()
    );
}

/// Two runs with one seed agree in every bit; another seed gives other bits.
pub fn the_same_seed_gives_the_same_bits(inference: &dyn Inference, family: &dyn Family) {
    // Not a Gaussian: that would be fitted exactly, whatever the draws.
    let target = skewed();
    let run = |seed| {
        let steps = Some(inference.max_steps().min(12));
        lambda(&fit(&target, inference, family, &options(seed, steps)).expect("the fit"))
    };
    assert_eq!(
        run(1),
        run(1),
        "{}: one seed, two results",
        inference.name()
    );
    assert_ne!(
        run(1),
        run(2),
        "{}: the seed changes nothing",
        inference.name()
    );
}

/// A run of some steps, saved and resumed, gives the bits of the run that was not cut.
pub fn a_run_that_was_cut_goes_on_as_if_it_had_not_been(
    inference: &dyn Inference,
    family: &dyn Family,
) {
    // Not a Gaussian, so that runs do not end at once.
    let target = skewed();
    let whole = fit(&target, inference, family, &options(4, Some(11))).expect("the fit");
    let first = fit(&target, inference, family, &options(4, Some(5))).expect("the fit");
    if first.ended != Ended::OutOfSteps {
        return;
    }
    let cancelled = AtomicBool::new(false);
    let checkpoint = Checkpoint {
        steps: first.steps,
        state: first.state,
    };
    let mut surroundings = Surroundings {
        cancelled: &cancelled,
        progress: &mut |_| {},
        resume: Some(&checkpoint),
    };
    let options = options(4, Some(11));
    let rest = fit_within(&target, inference, family, &options, &mut surroundings);
    let rest = rest.expect("the resumed fit");
    assert_eq!(
        lambda(&whole),
        lambda(&rest),
        "{}: resuming changed the result",
        inference.name()
    );
    let half = Checkpoint {
        steps: 5,
        state: checkpoint.state[..checkpoint.state.len() / 2].to_vec(),
    };
    surroundings.resume = Some(&half);
    let refused = fit_within(&target, inference, family, &options, &mut surroundings);
    assert!(
        refused.is_err(),
        "{}: half a state is accepted",
        inference.name()
    );
}

/// A run out of steps says so; one whose target fails midway fails with a reason, counts what was rejected, and keeps an
/// approximation with finite parameters; one whose target never worked is refused.
pub fn every_run_ends_with_a_reason(inference: &dyn Inference, family: &dyn Family) {
    let target = || random_gaussian(3, 3);
    let none = fit(&target(), inference, family, &options(1, Some(0))).expect("the fit");
    assert_eq!(none.ended, Ended::OutOfSteps);
    let never = fit(
        &Failing::after(target(), 0),
        inference,
        family,
        &options(1, None),
    );
    assert!(
        matches!(never, Err(InferenceError::Start(_))),
        "{}",
        inference.name()
    );
    let healthy = Failing::after(target(), u64::MAX);
    let start = inference.find_start(&healthy, 1, &StartOptions::default());
    start.expect("the start");
    let broken = Failing::after(target(), healthy.calls());
    let failed = fit(&broken, inference, family, &options(1, None)).expect("the fit");
    // An algorithm that asks nothing of the target after the start has nothing to fail at.
    if failed.counts.gradients > failed.start_counts.gradients {
        let Ended::Failed { because } = &failed.ended else {
            panic!(
                "{}: {:?} on a broken target",
                inference.name(),
                failed.ended
            );
        };
        assert!(because.contains("draws"), "{}: {because}", inference.name());
        assert!(
            failed.rejected > 0,
            "{}: nothing was counted",
            inference.name()
        );
    }
    let lambda = to_host(&failed.approximation.lambda());
    assert!(
        lambda.iter().all(|value| value.is_finite()),
        "{}",
        inference.name()
    );
}
