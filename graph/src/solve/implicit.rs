//! The implicit method Radau IIA of order 5, after Hairer and Wanner, "Solving Ordinary Differential Equations II", section IV.8.
//!
//! A step solves for the states at three points in it at once, by Newton's method with the Jacobian at its start. Sensitivities
//! obey equations with the same Jacobian, so they are corrected with the same factors, beside the state; what couples them to
//! it is left to the iteration.

use super::collocation::{Newton, TO_STAGES, error_weights, nodes, polynomial};
use super::systems::{Rows, Systems};

/// Iterations of Newton's method at most; a step that needs more is halved.
const ITERATIONS: usize = 8;
/// A step is at most this much shorter or longer than the last.
const SHORTEST: f64 = 0.2;
const LONGEST: f64 = 10.0;

/// What a system needs of its own, from step to step.
#[derive(Debug, Default)]
struct Memory {
    /// The step before and its error, once there was one.
    last: Option<(f64, f64)>,
    /// Coefficients of the solution in that step, by powers of the share of it.
    within: Option<[Vec<f64>; 3]>,
}

/// One step of one system while Newton's method runs.
#[derive(Debug)]
struct Attempt {
    newton: Newton,
    /// Distances of the stages to the start of the step, and the same in the basis of the eigenvectors.
    stages: [Vec<f64>; 3],
    turned: [Vec<f64>; 3],
    last_correction: f64,
    iterations: usize,
    state: Convergence,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Convergence {
    Running,
    Converged,
    Failed,
}

/// Solves all systems: `[systems, 1 + columns, outputs, states]`.
pub(super) fn solve(mut systems: Systems) -> Vec<f64> {
    systems.write_initial_outputs();
    systems.drop_ended();
    let width = systems.states.width;
    let all_slopes = |systems: &Systems| {
        let times: Vec<f64> = systems
            .progress
            .iter()
            .map(|progress| progress.time)
            .collect();
        Rows::new(
            width,
            systems.derivative(&times, &systems.states.data, None),
        )
    };
    let slopes = all_slopes(&systems);
    systems.choose_first_steps(&slopes, 3.0);
    let mut memories: Vec<Memory> = (0..systems.count()).map(|_| Memory::default()).collect();
    while systems.count() > 0 {
        (0..systems.count()).for_each(|i| systems.begin_step(i));
        drop_ended(&mut systems, &mut memories);
        if systems.count() == 0 {
            break;
        }
        let slopes = all_slopes(&systems);
        let mut attempts = attempts(&systems, &memories);
        while iterate(&systems, &mut attempts) {}
        let errors = errors(&systems, &attempts, &slopes);
        for (i, attempt) in attempts.into_iter().enumerate() {
            let memory = &mut memories[i];
            match attempt.state {
                Convergence::Converged => end_step(&mut systems, memory, i, &attempt, errors[i]),
                _ => {
                    systems.progress[i].step *= 0.5;
                    systems.progress[i].rejected = true;
                }
            }
        }
        drop_ended(&mut systems, &mut memories);
    }
    systems.into_solution()
}

fn drop_ended(systems: &mut Systems, memories: &mut Vec<Memory>) {
    if let Some(keep) = systems.drop_ended() {
        let mut kept = keep.iter();
        memories.retain(|_| kept.next() == Some(&true));
    }
}

/// Factors the matrices of each system's step, and continues its last step's solution as a first guess.
fn attempts(systems: &Systems, memories: &[Memory]) -> Vec<Attempt> {
    let (own, width) = (systems.programs.states, systems.states.width);
    let times: Vec<f64> = systems
        .progress
        .iter()
        .map(|progress| progress.time)
        .collect();
    let mut state = Vec::with_capacity(times.len() * own);
    systems
        .states
        .data
        .chunks_exact(width)
        .for_each(|row| state.extend_from_slice(&row[..own]));
    let jacobians = match &systems.programs.jacobian {
        Some(jacobian) => jacobian
            .run_host(&[&times, &state, &systems.parameters.data], times.len())
            .remove(0),
        None => vec![0.0; times.len() * own * own],
    };
    let begin = |(i, memory): (usize, &Memory)| {
        let step = systems.progress[i].step;
        let jacobian = &jacobians[i * own * own..(i + 1) * own * own];
        let stages = match (&memory.within, memory.last) {
            (Some(within), Some((last, _))) => nodes().map(|node| {
                let share = 1.0 + node * step / last;
                (0..width)
                    .map(|j| {
                        let at =
                            |x: f64| x * (within[0][j] + x * (within[1][j] + x * within[2][j]));
                        at(share) - at(1.0)
                    })
                    .collect()
            }),
            _ => std::array::from_fn(|_| vec![0.0; width]),
        };
        let turned = super::collocation::FROM_STAGES.map(|row| combined(row, &stages));
        Attempt {
            newton: Newton::new(jacobian, step, own),
            stages,
            turned,
            last_correction: f64::NAN,
            iterations: 0,
            state: Convergence::Running,
        }
    };
    memories.iter().enumerate().map(begin).collect()
}

fn combined(weights: [f64; 3], parts: &[Vec<f64>; 3]) -> Vec<f64> {
    (0..parts[0].len())
        .map(|j| weights[0] * parts[0][j] + weights[1] * parts[1][j] + weights[2] * parts[2][j])
        .collect()
}

/// One iteration of Newton's method for all systems that need more; whether any did.
fn iterate(systems: &Systems, attempts: &mut [Attempt]) -> bool {
    let running: Vec<usize> = (0..attempts.len())
        .filter(|i| attempts[*i].state == Convergence::Running)
        .collect();
    if running.is_empty() {
        return false;
    }
    let width = systems.states.width;
    // The three stages of a system one after another.
    let of: Vec<usize> = running.iter().flat_map(|i| [*i; 3]).collect();
    let mut times = Vec::with_capacity(of.len());
    let mut states = Vec::with_capacity(of.len() * width);
    for i in &running {
        let progress = &systems.progress[*i];
        for (node, stage) in nodes().iter().zip(&attempts[*i].stages) {
            times.push(progress.time + node * progress.step);
            states.extend(stage.iter().zip(systems.states.row(*i)).map(|(z, x)| x + z));
        }
    }
    let slopes = systems.derivative(&times, &states, Some(&of));
    let relative = systems.options.relative_tolerance;
    let tolerance = (10.0 * f64::EPSILON / relative).max(relative.sqrt().min(0.03));
    for (i, slopes) in running.into_iter().zip(slopes.chunks_exact(3 * width)) {
        let attempt = &mut attempts[i];
        let (first, rest) = slopes.split_at(width);
        let (second, third) = rest.split_at(width);
        let correction = attempt
            .newton
            .correction(&attempt.turned, [first, second, third]);
        let state = systems.states.row(i);
        let size = correction
            .iter()
            .map(|correction| systems.norm(correction, state, state))
            .fold(0.0, f64::max);
        attempt.iterations += 1;
        let rate = size / attempt.last_correction;
        let left = (ITERATIONS - attempt.iterations) as i32;
        // The first iteration has no rate: NaN compares as neither.
        if !size.is_finite() || rate >= 1.0 || rate.powi(left) / (1.0 - rate) * size > tolerance {
            attempt.state = Convergence::Failed;
            continue;
        }
        for (turned, correction) in attempt.turned.iter_mut().zip(&correction) {
            turned.iter_mut().zip(correction).for_each(|(x, d)| *x += d);
        }
        attempt.stages = TO_STAGES.map(|row| combined(row, &attempt.turned));
        attempt.last_correction = size;
        if size == 0.0 || rate / (1.0 - rate) * size < tolerance {
            attempt.state = Convergence::Converged;
        } else if left == 0 {
            attempt.state = Convergence::Failed;
        }
    }
    true
}

/// The error of each converged step, in units of what is tolerated.
fn errors(systems: &Systems, attempts: &[Attempt], slopes: &Rows) -> Vec<f64> {
    let width = systems.states.width;
    let estimate = |i: usize, slope: &[f64]| {
        let step = systems.progress[i].step;
        let mut error = combined(error_weights(), &attempts[i].stages);
        error
            .iter_mut()
            .zip(slope)
            .for_each(|(error, slope)| *error = *error / step + slope);
        attempts[i].newton.solve_real(&mut error);
        error
    };
    let size = |i: usize, error: &[f64]| {
        let state = systems.states.row(i);
        let after: Vec<f64> = state
            .iter()
            .zip(&attempts[i].stages[2])
            .map(|(x, z)| x + z)
            .collect();
        systems.norm(error, state, &after)
    };
    let mut errors = vec![f64::INFINITY; attempts.len()];
    let (mut again, mut times, mut states) = (Vec::new(), Vec::new(), Vec::new());
    for (i, attempt) in attempts.iter().enumerate() {
        if attempt.state != Convergence::Converged {
            continue;
        }
        let error = estimate(i, slopes.row(i));
        errors[i] = size(i, &error);
        // Of a stiff component that a repeated step has not damped yet the estimate is far too large: filter it once more.
        let progress = &systems.progress[i];
        if errors[i] > 1.0 && progress.rejected {
            again.push(i);
            times.push(progress.time);
            states.extend(systems.states.row(i).iter().zip(&error).map(|(x, e)| x + e));
        }
    }
    if !again.is_empty() {
        let slopes = systems.derivative(&times, &states, Some(&again));
        for (i, slope) in again.into_iter().zip(slopes.chunks_exact(width)) {
            errors[i] = size(i, &estimate(i, slope));
        }
    }
    errors
}

/// Takes a step that converged, or rejects it, and chooses the next.
fn end_step(systems: &mut Systems, memory: &mut Memory, i: usize, attempt: &Attempt, error: f64) {
    let step = systems.progress[i].step;
    // Where convergence was slow, smaller steps are safer.
    let most = 2.0 * ITERATIONS as f64 + 1.0;
    let safety = 0.9 * most / (most - 1.0 + attempt.iterations as f64);
    let trend = match memory.last {
        Some((last_step, last_error)) if error > 0.0 => {
            (step / last_step * (last_error / error).powf(0.25)).min(1.0)
        }
        _ => 1.0,
    };
    let factor = (safety * trend * error.powf(-0.25)).clamp(SHORTEST, LONGEST);
    if error > 1.0 || error.is_nan() {
        systems.progress[i].step = step * factor;
        systems.progress[i].rejected = true;
        return;
    }
    let before = systems.states.row(i).to_vec();
    let after: Vec<f64> = before
        .iter()
        .zip(&attempt.stages[2])
        .map(|(x, z)| x + z)
        .collect();
    let powers = polynomial();
    let within: [Vec<f64>; 3] = std::array::from_fn(|power| {
        combined(
            std::array::from_fn(|stage| powers[stage][power]),
            &attempt.stages,
        )
    });
    let end = systems.end(i);
    systems.write_outputs(i, end, |share, to| {
        for (j, to) in to.iter_mut().enumerate() {
            *to =
                before[j] + share * (within[0][j] + share * (within[1][j] + share * within[2][j]));
        }
    });
    systems.advance(i, &after);
    let limit = if systems.progress[i].rejected {
        1.0
    } else {
        LONGEST
    };
    systems.progress[i].step = step * factor.min(limit);
    systems.progress[i].rejected = false;
    memory.last = Some((step, error.max(1e-2)));
    memory.within = Some(within);
}
