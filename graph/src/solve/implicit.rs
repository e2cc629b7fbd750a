//! The implicit method Radau IIA of order 5, after Hairer and Wanner, "Solving Ordinary Differential Equations II", section IV.8.
//!
//! A step solves for the states at three points in it at once, by Newton's method with the Jacobian at its start. Sensitivities
//! obey equations with the same Jacobian, so they are corrected with the same factors, beside the state; what couples them to
//! it is left to the iteration.

use super::SolveOptions;
use super::collocation::{
    ERROR, FROM_STAGES, NODES, Newton, POLYNOMIAL, Stages, TO_STAGES, combine, combine_one,
};
use super::systems::Systems;

/// Iterations of Newton's method at most; a step that needs more is halved.
const ITERATIONS: usize = 8;
/// A step is at most this much shorter or longer than the last.
const SHORTEST: f64 = 0.2;
const LONGEST: f64 = 10.0;

/// The tolerances for single steps. The error estimate is of order 3, and overstates the error of a method of order 5; as in
/// RADAU5 a larger one is asked for, so that the solution is about as accurate as the tolerances say.
pub(super) fn step_options(options: &SolveOptions) -> SolveOptions {
    let relative = 0.1 * options.relative_tolerance.powf(2.0 / 3.0);
    let factor = (relative / options.relative_tolerance).max(1.0);
    SolveOptions {
        relative_tolerance: options.relative_tolerance * factor,
        absolute_tolerance: options.absolute_tolerance * factor,
        ..*options
    }
}

/// What a system at work has of its own, from step to step.
#[derive(Debug)]
struct Work {
    newton: Newton,
    /// Distances of the stages to the start of the step; the same in the basis of the eigenvectors; and what corrects those.
    stages: Stages,
    turned: Stages,
    correction: Stages,
    last_correction: f64,
    iterations: usize,
    state: Convergence,
    /// The step before and its error, once there was one, and the coefficients of the solution in it.
    last: Option<(f64, f64)>,
    within: Stages,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Convergence {
    Running,
    Converged,
    Failed,
}

impl Work {
    fn new(states: usize, width: usize) -> Work {
        let stages = || std::array::from_fn(|_| vec![0.0; width]);
        Work {
            newton: Newton::new(states),
            stages: stages(),
            turned: stages(),
            correction: stages(),
            last_correction: f64::NAN,
            iterations: 0,
            state: Convergence::Running,
            last: None,
            within: stages(),
        }
    }

    /// Begins a step, with the continuation of the last step's solution as a first guess.
    fn begin(&mut self, jacobian: &[f64], step: f64) {
        self.newton.factor(jacobian, step);
        self.last_correction = f64::NAN;
        self.iterations = 0;
        self.state = Convergence::Running;
        match self.last {
            Some((last, _)) => {
                let [linear, square, cube] = self.within.each_ref().map(Vec::as_slice);
                for (stage, node) in self.stages.iter_mut().zip(NODES) {
                    let x = 1.0 + node * step / last;
                    let weights = [x - 1.0, x * x - 1.0, x * x * x - 1.0];
                    combine_one(stage, &weights, [linear, square, cube]);
                }
            }
            None => self.stages.iter_mut().for_each(|stage| stage.fill(0.0)),
        }
        let stages = self.stages.each_ref().map(Vec::as_slice);
        combine(&mut self.turned, &FROM_STAGES, stages);
    }

    /// One iteration of Newton's method, given the derivatives at the stages.
    fn iterate(&mut self, slopes: &[f64], state: &[f64], tolerance: f64, systems: &Systems) {
        let (first, rest) = slopes.split_at(state.len());
        let (second, third) = rest.split_at(state.len());
        self.newton
            .correct(&mut self.correction, &self.turned, [first, second, third]);
        let sizes = self
            .correction
            .iter()
            .map(|correction| systems.norm(correction, state, state));
        let size = sizes.fold(0.0, f64::max);
        self.iterations += 1;
        // The first iteration has no rate: NaN compares as neither.
        let rate = size / self.last_correction;
        let left = (ITERATIONS - self.iterations) as i32;
        if !size.is_finite() || rate >= 1.0 || rate.powi(left) / (1.0 - rate) * size > tolerance {
            self.state = Convergence::Failed;
            return;
        }
        for (turned, correction) in self.turned.iter_mut().zip(&self.correction) {
            turned.iter_mut().zip(correction).for_each(|(x, d)| *x += d);
        }
        let turned = self.turned.each_ref().map(Vec::as_slice);
        combine(&mut self.stages, &TO_STAGES, turned);
        self.last_correction = size;
        if size == 0.0 || rate / (1.0 - rate) * size < tolerance {
            self.state = Convergence::Converged;
        } else if left == 0 {
            self.state = Convergence::Failed;
        }
    }

    /// The estimated error of the step, given the derivative at its start.
    fn estimate(&self, to: &mut [f64], slope: &[f64], step: f64) {
        combine_one(to, &ERROR, self.stages.each_ref().map(Vec::as_slice));
        to.iter_mut()
            .zip(slope)
            .for_each(|(to, slope)| *to = *to / step + slope);
        self.newton.solve_real(to);
    }
}

/// Solves all systems: `[systems, 1 + columns, outputs, states]`.
pub(super) fn solve(mut systems: Systems) -> Vec<f64> {
    systems.write_initial_outputs();
    systems.drop_ended();
    let width = systems.states.width;
    let slopes = systems.slopes();
    systems.choose_first_steps(&slopes, 3.0);
    let new = |_| Work::new(systems.programs.states, width);
    let mut works: Vec<Work> = (0..systems.count()).map(new).collect();
    while systems.count() > 0 {
        (0..systems.count()).for_each(|i| systems.begin_step(i));
        drop_ended(&mut systems, &mut works);
        if systems.count() == 0 {
            break;
        }
        begin(&systems, &mut works);
        while iterate(&systems, &mut works) {}
        let errors = errors(&systems, &works);
        for (i, work) in works.iter_mut().enumerate() {
            match work.state {
                Convergence::Converged => end_step(&mut systems, work, i, errors[i]),
                Convergence::Running | Convergence::Failed => {
                    systems.progress[i].step *= 0.5;
                    systems.progress[i].rejected = true;
                }
            }
        }
        drop_ended(&mut systems, &mut works);
    }
    systems.into_solution()
}

fn drop_ended(systems: &mut Systems, works: &mut Vec<Work>) {
    if let Some(keep) = systems.drop_ended() {
        let mut kept = keep.iter();
        works.retain(|_| kept.next() == Some(&true));
    }
}

/// Begins each system's step with the Jacobian at its time.
fn begin(systems: &Systems, works: &mut [Work]) {
    let (own, width) = (systems.programs.states, systems.states.width);
    let times = systems.times();
    let mut state = Vec::with_capacity(times.len() * own);
    for row in systems.states.data.chunks_exact(width) {
        state.extend_from_slice(&row[..own]);
    }
    let inputs: [&[f64]; 3] = [&times, &state, &systems.parameters.data];
    let jacobians = match &systems.programs.jacobian {
        Some(jacobian) => jacobian.run_host(&inputs, times.len()).remove(0),
        None => vec![0.0; times.len() * own * own],
    };
    for (i, (work, jacobian)) in works
        .iter_mut()
        .zip(jacobians.chunks_exact(own * own))
        .enumerate()
    {
        work.begin(jacobian, systems.progress[i].step);
    }
}

/// One iteration of Newton's method for all systems that need more; whether any did.
fn iterate(systems: &Systems, works: &mut [Work]) -> bool {
    let running: Vec<usize> = (0..works.len())
        .filter(|i| works[*i].state == Convergence::Running)
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
        for (node, stage) in NODES.iter().zip(&works[*i].stages) {
            times.push(progress.time + node * progress.step);
            states.extend(stage.iter().zip(systems.states.row(*i)).map(|(z, x)| x + z));
        }
    }
    let slopes = systems.derivative(&times, &states, Some(&of));
    let relative = systems.options.relative_tolerance;
    let tolerance = (10.0 * f64::EPSILON / relative).max(relative.sqrt().min(0.03));
    for (i, slopes) in running.into_iter().zip(slopes.chunks_exact(3 * width)) {
        works[i].iterate(slopes, systems.states.row(i), tolerance, systems);
    }
    true
}

/// The error of each converged step, in units of what is tolerated.
fn errors(systems: &Systems, works: &[Work]) -> Vec<f64> {
    let width = systems.states.width;
    let slopes = systems.slopes();
    let mut after = vec![0.0; width];
    let mut size = |i: usize, error: &[f64]| {
        let state = systems.states.row(i);
        let last = state.iter().zip(&works[i].stages[2]);
        after
            .iter_mut()
            .zip(last)
            .for_each(|(after, (x, z))| *after = x + z);
        systems.norm(error, state, &after)
    };
    let mut errors = vec![f64::INFINITY; works.len()];
    let mut error = vec![0.0; width];
    let (mut again, mut times, mut states) = (Vec::new(), Vec::new(), Vec::new());
    for (i, work) in works.iter().enumerate() {
        if work.state != Convergence::Converged {
            continue;
        }
        let progress = &systems.progress[i];
        work.estimate(&mut error, slopes.row(i), progress.step);
        errors[i] = size(i, &error);
        // Of a stiff component that has not been damped yet, at first or after a rejection, the estimate is far too large: filter
        // it once more.
        if errors[i] > 1.0 && (progress.rejected || work.last.is_none()) {
            again.push(i);
            times.push(progress.time);
            states.extend(systems.states.row(i).iter().zip(&error).map(|(x, e)| x + e));
        }
    }
    let slopes = systems.derivative(&times, &states, Some(&again));
    for (i, slope) in again.into_iter().zip(slopes.chunks_exact(width)) {
        works[i].estimate(&mut error, slope, systems.progress[i].step);
        errors[i] = size(i, &error);
    }
    errors
}

/// Takes a step that converged, or rejects it, and chooses the next.
fn end_step(systems: &mut Systems, work: &mut Work, i: usize, error: f64) {
    let step = systems.progress[i].step;
    // Where convergence was slow, smaller steps are safer.
    let most = 2.0 * ITERATIONS as f64 + 1.0;
    let safety = 0.9 * most / (most - 1.0 + work.iterations as f64);
    let trend = match work.last {
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
    let stages = work.stages.each_ref().map(Vec::as_slice);
    combine(&mut work.within, &POLYNOMIAL, stages);
    let before = systems.states.row(i).to_vec();
    let after: Vec<f64> = before
        .iter()
        .zip(&work.stages[2])
        .map(|(x, z)| x + z)
        .collect();
    let within = work.within.each_ref().map(Vec::as_slice);
    let end = systems.end(i);
    systems.write_outputs(i, end, |share, to| {
        let powers = [share, share * share, share * share * share];
        combine_one(to, &powers, within);
        to.iter_mut().zip(&before).for_each(|(to, x)| *to += x);
    });
    systems.advance(i, &after);
    let limit = if systems.progress[i].rejected {
        1.0
    } else {
        LONGEST
    };
    systems.progress[i].step = step * factor.min(limit);
    systems.progress[i].rejected = false;
    // A tiny error says nothing about the trend.
    work.last = Some((step, error.max(1e-2)));
}
