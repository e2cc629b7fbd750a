//! The behaviour of an algorithm. Each function takes it with a family, and measures how far it is from what should be.

use std::sync::atomic::AtomicBool;

use firebrand_core::start::{Start, StartOptions, enough_draws, whitened};
use firebrand_core::{
    Approximation, Batch, Covariance, Ended, Family, FamilyError, Fit, FitOptions, GaussianStart,
    GaussianTarget, Held, Inference, InferenceError, Progress, StepContext, StepError, Stop,
    Stream, Structure, Surroundings, Target, fit, fit_within, from_mat, noise, normals, to_host,
};

use crate::Member;
use crate::report::{Check, Report, Worst};
use crate::targets::{Failing, NoisyScores, random_gaussian, skewed};

/// All that holds for every algorithm with a family that it takes. With one that has every Gaussian, or every one of independent
/// coordinates, that is also how Gaussian targets are fitted, which others are by steps that are exact only on average; and whether noise
/// in the scores leaves the answer where it is, which need not be. An algorithm that says that its result is no approximation of the
/// posterior is not measured by one.
pub fn report(inference: &dyn Inference, family: &dyn Family) -> Report {
    let mut report = endings(inference, family);
    let structure = family.capabilities().gaussian;
    let is_gaussian = matches!(structure, Some(Structure::Diagonal | Structure::Dense));
    if !is_gaussian || inference.caveat().is_some() {
        return report;
    }
    let independent = structure == Some(Structure::Diagonal);
    report.add([
        a_gaussian_target_is_a_fixed_point(inference, family, 1e-6),
        a_gaussian_target_is_reached(inference, family, &plain(independent), independent, 0.05),
        noise_in_the_scores_leaves_the_answer_where_it_is(inference, family, 0.15).optional(),
    ]);
    report
}

fn endings(inference: &dyn Inference, family: &dyn Family) -> Report {
    let mut report = Report::default();
    report.add([
        the_same_seed_gives_the_same_bits(inference, family),
        a_run_that_was_cut_goes_on_as_if_it_had_not_been(inference, family),
        every_run_ends_with_a_reason(inference, family),
    ]);
    report
}

/// Seeds, resumption and endings: what takes no target that the family has to be able to reach.
///
/// # Panics
/// If something does not hold.
#[track_caller]
pub fn check(inference: &dyn Inference, family: &dyn Family) {
    endings(inference, family).assert();
}

/// The check, or that a run could not even begin.
fn outcome(identity: &'static str, measured: Result<Worst, InferenceError>) -> Check {
    measured.map_or_else(
        |error| Check::impossible(identity, error),
        |worst| worst.check(),
    )
}

/// Three dimensions, of unit scale and mildly correlated. For families with independent coordinates they are not correlated: which
/// member is nearest to correlated ones depends on what the algorithm minimises.
fn plain(independent: bool) -> GaussianTarget {
    let correlation = if independent { 0.0 } else { 0.4 };
    let scale = [1.0, 1.4, 0.7];
    let covariance = faer::Mat::from_fn(3, 3, |i, j| {
        let correlation = if i == j { 1.0 } else { correlation };
        correlation * scale[i] * scale[j]
    });
    GaussianTarget::new(&[1.0, -1.0, 0.5], &covariance).expect("positive definite")
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
///
/// # Errors
/// If draws cannot be taken.
pub fn errors(
    fit: &Fit,
    target: &GaussianTarget,
    independent: bool,
) -> Result<(f64, f64), FamilyError> {
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
    let (mean, deviation) = moments(fit)?;
    let mut worst = (0.0_f64, 0.0_f64);
    for d in 0..dimension {
        worst.0 = worst
            .0
            .max((mean[d] - target.mean()[d]).abs() / expected[d]);
        worst.1 = worst.1.max((deviation[d] / expected[d] - 1.0).abs());
    }
    Ok(worst)
}

/// Mean and standard deviations of the fit, by its Gaussian capability or over whitened draws.
fn moments(fit: &Fit) -> Result<(Vec<f64>, Vec<f64>), FamilyError> {
    if let Some(gaussian) = fit.approximation.gaussian() {
        let variances = gaussian.covariance().diagonal();
        let deviations = variances.iter().map(|v| v.sqrt()).collect();
        return Ok((gaussian.mean(), deviations));
    }
    let q = fit.approximation.as_ref();
    let dimension = q.dimension();
    let draws = enough_draws(dimension, 20_000);
    let [rows, width] = q.noise_shape(draws);
    let numbers = normals(1, Stream::Other(5), 0, rows * width);
    let noise = whitened(&numbers, width, rows);
    let noise = from_mat(noise.transpose(), q.placement());
    let theta = to_host(&q.sample(&noise)?.theta);
    let column = |d: usize| theta.iter().skip(d).step_by(dimension);
    let mean: Vec<f64> = (0..dimension)
        .map(|d| column(d).sum::<f64>() / rows as f64)
        .collect();
    let deviation = (0..dimension)
        .map(|d| (column(d).map(|x| (x - mean[d]).powi(2)).sum::<f64>() / rows as f64).sqrt())
        .collect();
    Ok((mean, deviation))
}

/// A Gaussian target is reached within `tolerance` standard deviations, by the member nearest to it.
pub fn a_gaussian_target_is_reached(
    inference: &dyn Inference,
    family: &dyn Family,
    target: &GaussianTarget,
    independent: bool,
    tolerance: f64,
) -> Check {
    let identity = "a Gaussian target is reached";
    let mut worst = Worst::new(identity, tolerance);
    let measured = || {
        let fit = fit(target, inference, family, &options(3, None))?;
        worst.holds(matches!(fit.ended, Ended::Converged { .. }), || {
            format!("{:?} after {} steps", fit.ended, fit.steps)
        });
        let (shift, spread) = errors(&fit, target, independent)?;
        worst.residual(shift, || "the means, in standard deviations".into());
        worst.residual(spread, || "the standard deviations, relative".into());
        Ok(worst)
    };
    outcome(identity, measured())
}

/// With independent noise in every entry of the scores, three times as large as the scores, the sum of the fitted variances is that of
/// the target, within `tolerance` of it. The fit's own error shrinks with the number of draws, some 1e5 over the last epochs.
///
/// It holds for algorithms in which scores enter linearly. Others are biased, and say so: what squares a score takes noise for
/// curvature.
pub fn noise_in_the_scores_leaves_the_answer_where_it_is(
    inference: &dyn Inference,
    family: &dyn Family,
    tolerance: f64,
) -> Check {
    let identity = "noise in the scores leaves the answer where it is";
    let mut worst = Worst::new(identity, tolerance);
    let scale = [1.0, 2.0, 0.5, 1.5, 0.7, 1.2];
    let correlation = match family.capabilities().gaussian {
        // What has no correlations has the conditional variances.
        Some(Structure::Dense) => 0.3,
        _ => 0.0,
    };
    let covariance = faer::Mat::from_fn(6, 6, |i, j| {
        let correlation = if i == j { 1.0 } else { correlation };
        correlation * scale[i] * scale[j]
    });
    let target = GaussianTarget::new(&[0.0, 1.0, -1.0, 2.0, 0.5, -0.5], &covariance)
        .expect("positive definite");
    let noisy = NoisyScores::new(target, 3.0);
    let measured = || {
        let fit = fit(&noisy, inference, family, &options(1, None))?;
        let found: f64 = moments(&fit)?.1.iter().map(|s| s * s).sum();
        let expected: f64 = scale.iter().map(|s| s * s).sum();
        worst.close(found, expected, expected, || "the sum of variances".into());
        Ok(worst)
    };
    outcome(identity, measured())
}

/// Started at a Gaussian target in the family, ten steps leave the approximation where it is, within `tolerance`.
pub fn a_gaussian_target_is_a_fixed_point(
    inference: &dyn Inference,
    family: &dyn Family,
    tolerance: f64,
) -> Check {
    let identity = "a Gaussian target is a fixed point";
    let mut worst = Worst::new(identity, tolerance);
    let diagonal = faer::Mat::from_fn(3, 3, |i, j| if i == j { [4.0, 1e-4, 0.3][i] } else { 0.0 });
    let target = GaussianTarget::new(&[1.0, -0.2, 30.0], &diagonal).expect("positive definite");
    let gaussian = GaussianStart {
        mean: target.mean().to_vec(),
        covariance: Covariance::Dense(diagonal),
    };
    let measured = || {
        let approximation = family.start(3, &gaussian, target.placement())?;
        let before = approximation.clone_box();
        let mut start = Start::standard(3);
        start.candidates[0].gaussian = gaussian.clone();
        let mut running = inference.begin(approximation, &target, &start)?;
        for step in 0..10 {
            if let Err(error) = running.step(&step_of(&target, step)) {
                worst.holds(false, || format!("step {step}: {error}"));
            }
        }
        let shape = before.noise_shape(8);
        let noise = noise(1, Stream::Other(6), 0, shape, before.placement());
        let draws = |q: &dyn Approximation| Ok::<_, FamilyError>(to_host(&q.sample(&noise)?.theta));
        let (old, new) = (draws(before.as_ref())?, draws(running.approximation())?);
        for (i, (old, new)) in old.iter().zip(&new).enumerate() {
            let deviation = target.covariance()[(i % 3, i % 3)].sqrt();
            worst.close(*new, *old, deviation, || {
                format!("a draw of coordinate {}", i % 3)
            });
        }
        Ok(worst)
    };
    outcome(identity, measured())
}

fn step_of(target: &dyn Target, step: u64) -> StepContext<'_> {
    StepContext {
        target,
        batch: &Batch::Full,
        step,
        seed: 5,
        stop: Stop::never(),
    }
}

/// The mean square difference of two scores, in units of the first one's mean square, over draws of the first.
///
/// # Errors
/// If one of the families fails.
pub fn score_divergence(
    target: &dyn Approximation,
    q: &dyn Approximation,
) -> Result<f64, FamilyError> {
    let shape = target.noise_shape(2000);
    let noise = noise(2, Stream::Other(6), 0, shape, target.placement());
    let theta = target.sample(&noise)?.theta;
    let (expected, found) = (to_host(&target.score(&theta)?), to_host(&q.score(&theta)?));
    let difference: f64 = expected
        .iter()
        .zip(&found)
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    Ok(difference / expected.iter().map(|a| a * a).sum::<f64>())
}

/// Started at a perturbation of a target that is itself in the family, some steps lower the score divergence by the factor
/// `factor` at least. Every parameter is moved by about `perturbation`.
pub fn the_score_divergence_to_a_member_falls(
    inference: &dyn Inference,
    member: &dyn Approximation,
    perturbation: f64,
    steps: u64,
    factor: f64,
) -> Check {
    let identity = "the score divergence to a member of the family falls";
    let mut worst = Worst::new(identity, factor.recip());
    let measured = || {
        let target = Member::new(member);
        let mut q = member.clone_box();
        let lambda = to_host(&member.lambda());
        let moves = normals(8, Stream::Other(6), 0, lambda.len());
        let moved: Vec<f64> = lambda
            .iter()
            .zip(&moves)
            .map(|(l, m)| l + perturbation * m)
            .collect();
        q.set_lambda(&member.placement().vector(&moved))?;
        let before = score_divergence(member, q.as_ref())?;
        let start = Start::standard(member.dimension());
        let mut running = inference.begin(q, &target, &start)?;
        for step in 0..steps {
            match running.step(&step_of(&target, step)) {
                Ok(report) if report.progress != Progress::Continue => break,
                Ok(_) | Err(StepError::Recoverable(_)) => {}
                Err(error) => {
                    worst.holds(false, || format!("step {step}: {error}"));
                    break;
                }
            }
        }
        let after = score_divergence(member, running.approximation())?;
        worst.residual(after / before, || {
            format!("it went from {before} to {after}")
        });
        Ok(worst)
    };
    outcome(identity, measured())
}

/// Two runs with one seed agree in every bit; another seed gives other bits.
pub fn the_same_seed_gives_the_same_bits(inference: &dyn Inference, family: &dyn Family) -> Check {
    let identity = "the same seed gives the same bits";
    let mut worst = Worst::new(identity, 0.0);
    // Not a Gaussian: that would be fitted exactly, whatever the draws.
    let target = skewed();
    let measured = || {
        let run = |seed| {
            let steps = Some(inference.max_steps().min(12));
            Ok::<_, InferenceError>(lambda(&fit(
                &target,
                inference,
                family,
                &options(seed, steps),
            )?))
        };
        let first = run(1)?;
        worst.residual(apart(&first, &run(1)?), || "parameters of two runs".into());
        worst.holds(first != run(2)?, || "the seed changes nothing".into());
        Ok(worst)
    };
    outcome(identity, measured())
}

/// How many parameters differ in their bits.
fn apart(a: &[u64], b: &[u64]) -> f64 {
    a.iter().zip(b).filter(|(a, b)| a != b).count() as f64
}

/// The bits of every diagnostic of every step.
fn reported(fit: &Fit) -> Vec<u64> {
    let values = fit.trace.rows.iter().flat_map(|row| &row.values);
    values.map(|value| value.to_bits()).collect()
}

/// A run of some steps, saved and resumed, gives the bits of the run that was not cut, in its parameters, its state and its diagnostics; half
/// of a state is refused.
pub fn a_run_that_was_cut_goes_on_as_if_it_had_not_been(
    inference: &dyn Inference,
    family: &dyn Family,
) -> Check {
    let identity = "a restored run goes on bit for bit";
    let mut worst = Worst::new(identity, 0.0);
    // Not a Gaussian, so that runs do not end at once.
    let target = skewed();
    let measured = || {
        let run = |steps, resume| {
            let mut held = Held::default();
            let mut surroundings = Surroundings {
                cancelled: &AtomicBool::new(false),
                progress: &mut |_| {},
                resume,
                keeper: Some(&mut held),
            };
            let options = options(4, Some(steps));
            let fit = fit_within(&target, inference, family, &options, &mut surroundings)?;
            let kept = held
                .checkpoint
                .ok_or(InferenceError::Restore("nothing was kept".into()))?;
            Ok::<_, InferenceError>((fit, kept))
        };
        let (whole, whole_kept) = run(11, None)?;
        let (first, checkpoint) = run(5, None)?;
        if first.ended != Ended::OutOfSteps {
            worst.residual(0.0, || "it ends within five steps".into());
            return Ok(worst);
        }
        let mut half = checkpoint.clone();
        half.state.truncate(half.state.len() / 2);
        worst.holds(run(11, Some(half)).is_err(), || {
            "half a state is accepted".into()
        });
        let (rest, rest_kept) = run(11, Some(checkpoint))?;
        worst.residual(apart(&lambda(&whole), &lambda(&rest)), || {
            "parameters of the run that was resumed".into()
        });
        worst.holds(rest_kept.state == whole_kept.state, || {
            "the states at the end differ".into()
        });
        worst.residual(apart(&reported(&whole), &reported(&rest)), || {
            "diagnostics of the run that was resumed".into()
        });
        Ok(worst)
    };
    outcome(identity, measured())
}

/// A run out of steps says so; one whose target fails midway fails with a reason, counts what was rejected, and keeps an
/// approximation with finite parameters; one whose target never worked is refused.
pub fn every_run_ends_with_a_reason(inference: &dyn Inference, family: &dyn Family) -> Check {
    let identity = "every run ends with a reason";
    let mut worst = Worst::new(identity, 0.0);
    worst.residual(0.0, || "five ways to end".into());
    let target = || random_gaussian(3, 3);
    let measured = || {
        let none = fit(&target(), inference, family, &options(1, Some(0)))?;
        worst.holds(none.ended == Ended::OutOfSteps, || {
            format!("without steps: {:?}", none.ended)
        });
        let hopeless = Failing::after(target(), 0);
        let never = fit(&hopeless, inference, family, &options(1, None));
        worst.holds(matches!(never, Err(InferenceError::Start(_))), || {
            "a target that never works is not refused".into()
        });
        let healthy = Failing::after(target(), u64::MAX);
        inference.find_start(&healthy, 1, &StartOptions::default())?;
        let broken = Failing::after(target(), healthy.calls());
        let failed = fit(&broken, inference, family, &options(1, None))?;
        // An algorithm that asks nothing of the target after the start has nothing to fail at.
        if failed.counts.gradients > failed.start_counts.gradients {
            let said =
                matches!(&failed.ended, Ended::Failed { because } if because.contains("draws"));
            worst.holds(said, || {
                format!(
                    "on a target that breaks, it does not fail with what is wrong with draws: {:?}",
                    failed.ended
                )
            });
            worst.holds(failed.rejected > 0, || {
                "no rejected step was counted".into()
            });
        }
        let lambda = to_host(&failed.approximation.lambda());
        worst.holds(lambda.iter().all(|value| value.is_finite()), || {
            "parameters are not finite after a failure".into()
        });
        Ok(worst)
    };
    outcome(identity, measured())
}
