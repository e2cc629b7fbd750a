//! The systems that are still being solved, in lockstep, and what has been found of them.

use super::SolveOptions;
use super::programs::Programs;

/// Vectors of one length, one for each system at work.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) width: usize,
    pub(super) data: Vec<f64>,
}

impl Rows {
    pub(super) fn new(width: usize, data: Vec<f64>) -> Rows {
        Rows { width, data }
    }

    pub(super) fn zeros(width: usize, count: usize) -> Rows {
        Rows::new(width, vec![0.0; width * count])
    }

    pub(super) fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.width..(i + 1) * self.width]
    }

    pub(super) fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.data[i * self.width..(i + 1) * self.width]
    }

    /// Only the rows for which `keep` holds, in order.
    pub(super) fn retain(&mut self, keep: &[bool]) {
        let mut to = 0;
        for (from, _) in keep.iter().enumerate().filter(|(_, keep)| **keep) {
            let width = self.width;
            self.data
                .copy_within(from * width..(from + 1) * width, to * width);
            to += 1;
        }
        self.data.truncate(to * self.width);
    }

    /// Some of the rows, one after another.
    pub(super) fn picked(&self, rows: &[usize]) -> Vec<f64> {
        let mut picked = Vec::with_capacity(rows.len() * self.width);
        rows.iter()
            .for_each(|row| picked.extend_from_slice(self.row(*row)));
        picked
    }
}

/// What each system at work has of its own beside its state.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// Its number among all systems.
    pub(super) system: usize,
    pub(super) time: f64,
    /// The step to try next, or being tried.
    pub(super) step: f64,
    /// Outputs that have been written.
    pub(super) outputs: usize,
    /// Steps since the last output.
    steps: u64,
    /// Whether the last step was rejected.
    pub(super) rejected: bool,
    /// There is no solution, or all of it is written.
    pub(super) ended: bool,
}

/// The systems at work, with what has been found.
#[derive(Debug)]
pub(super) struct Systems<'p> {
    pub(super) programs: &'p Programs,
    pub(super) options: &'p SolveOptions,
    /// Initial time and times of output, of all systems.
    times: &'p [f64],
    outputs: usize,
    /// `[systems, 1 + columns, outputs, states]`
    solution: Vec<f64>,
    pub(super) progress: Vec<Progress>,
    /// States and sensitivities at each system's time.
    pub(super) states: Rows,
    pub(super) parameters: Rows,
}

/// A step below this share of the time is lost in its rounding.
const SMALLEST_STEP: f64 = 16.0 * f64::EPSILON;

impl<'p> Systems<'p> {
    pub(super) fn new(
        programs: &'p Programs,
        options: &'p SolveOptions,
        initial: Vec<f64>,
        [times, parameters]: [&'p [f64]; 2],
        systems: usize,
    ) -> Systems<'p> {
        let share = |numbers: &[f64]| numbers.len().checked_div(systems).unwrap_or(0);
        let outputs = share(times).saturating_sub(1);
        let width = programs.width();
        let progress = (0..systems)
            .map(|system| Progress {
                system,
                time: times[system * (1 + outputs)],
                step: 0.0,
                outputs: 0,
                steps: 0,
                rejected: false,
                ended: false,
            })
            .collect();
        let mut all = Systems {
            programs,
            options,
            times,
            outputs,
            solution: vec![f64::NAN; systems * width * outputs],
            progress,
            states: Rows::new(width, initial),
            parameters: Rows::new(share(parameters), parameters.to_vec()),
        };
        for i in 0..systems {
            let times = all.times_of(i);
            let sorted = times.windows(2).all(|pair| pair[0] <= pair[1]);
            all.progress[i].ended = !sorted || times.iter().any(|time| !time.is_finite());
            all.end_unless_finite(i);
        }
        all
    }

    /// Systems at work.
    pub(super) fn count(&self) -> usize {
        self.progress.len()
    }

    /// What has been found: `[systems, 1 + columns, outputs, states]`.
    pub(super) fn into_solution(self) -> Vec<f64> {
        self.solution
    }

    fn times_of(&self, i: usize) -> &'p [f64] {
        let start = self.progress[i].system * (1 + self.outputs);
        &self.times[start..=start + self.outputs]
    }

    fn last_time(&self, i: usize) -> f64 {
        self.times_of(i)[self.outputs]
    }

    /// The time of each system.
    pub(super) fn times(&self) -> Vec<f64> {
        let progress = self.progress.iter();
        progress.map(|progress| progress.time).collect()
    }

    /// The derivatives of all systems where they stand.
    pub(super) fn slopes(&self) -> Rows {
        let slopes = self.derivative(&self.times(), &self.states.data, None);
        Rows::new(self.states.width, slopes)
    }

    /// The derivatives with respect to time of some states (with sensitivities) at some times, for the systems `of`.
    pub(super) fn derivative(
        &self,
        times: &[f64],
        states: &[f64],
        of: Option<&[usize]>,
    ) -> Vec<f64> {
        if times.is_empty() {
            return Vec::new();
        }
        let picked = of.map(|of| self.parameters.picked(of));
        let parameters = picked.as_ref().unwrap_or(&self.parameters.data);
        let (width, own) = (self.programs.width(), self.programs.states);
        let count = times.len();
        let program = &self.programs.derivative;
        if self.programs.columns == 0 {
            return program
                .run_host(&[times, states, parameters], count)
                .remove(0);
        }
        let mut state = Vec::with_capacity(count * own);
        let mut sensitivities = Vec::with_capacity(count * (width - own));
        for row in states.chunks_exact(width) {
            state.extend_from_slice(&row[..own]);
            sensitivities.extend_from_slice(&row[own..]);
        }
        program
            .run_host(&[times, &state, parameters, &sensitivities], count)
            .remove(0)
    }

    /// The largest error, in units of what is tolerated of numbers of these sizes. NaN counts as infinite.
    pub(super) fn norm(&self, error: &[f64], before: &[f64], after: &[f64]) -> f64 {
        let (absolute, relative) = (
            self.options.absolute_tolerance,
            self.options.relative_tolerance,
        );
        let mut largest = 0.0_f64;
        let mut finite = true;
        for ((error, before), after) in error.iter().zip(before).zip(after) {
            let scaled = error.abs() / (absolute + relative * before.abs().max(after.abs()));
            finite &= scaled.is_finite();
            largest = largest.max(scaled);
        }
        if finite { largest } else { f64::INFINITY }
    }

    /// Steps to begin with, for a method whose error estimate is of this order, after Hairer, Norsett and Wanner, "Solving
    /// Ordinary Differential Equations I", section II.4. `slopes` are the derivatives at the initial times.
    pub(super) fn choose_first_steps(&mut self, slopes: &Rows, order: f64) {
        let count = self.count();
        let (mut times, mut ahead) = (vec![0.0; count], Rows::zeros(slopes.width, count));
        for (i, time) in times.iter_mut().enumerate() {
            let (state, slope) = (self.states.row(i), slopes.row(i));
            let (size, speed) = (
                self.norm(state, state, state),
                self.norm(slope, state, state),
            );
            let small = size < 1e-5 || speed < 1e-5;
            let step = if small { 1e-6 } else { 0.01 * size / speed };
            let step = step.min(self.last_time(i) - self.progress[i].time);
            self.progress[i].step = step;
            *time = self.progress[i].time + step;
            for ((ahead, state), slope) in ahead
                .row_mut(i)
                .iter_mut()
                .zip(self.states.row(i))
                .zip(slope)
            {
                *ahead = state + step * slope;
            }
        }
        let new = Rows::new(slopes.width, self.derivative(&times, &ahead.data, None));
        for i in 0..count {
            let (state, slope) = (self.states.row(i), slopes.row(i));
            let step = self.progress[i].step;
            let change: Vec<f64> = new
                .row(i)
                .iter()
                .zip(slope)
                .map(|(a, b)| (a - b) / step)
                .collect();
            let most = self
                .norm(slope, state, state)
                .max(self.norm(&change, state, state));
            let estimate = if most <= 1e-15 {
                (step * 1e-3).max(1e-6)
            } else {
                (0.01 / most).powf(1.0 / (order + 1.0))
            };
            let estimate = if estimate > 0.0 { estimate } else { step };
            self.progress[i].step = estimate.min(100.0 * step);
        }
    }

    /// Counts a step, and keeps it within the times of output. Ends systems whose steps are too many or too small.
    pub(super) fn begin_step(&mut self, i: usize) {
        let last = self.last_time(i);
        let progress = &mut self.progress[i];
        progress.steps += 1;
        let too_small =
            progress.step <= SMALLEST_STEP * progress.time.abs() || progress.step.is_nan();
        let left = last - progress.time;
        if progress.steps > self.options.most_steps || (too_small && left > progress.step) {
            progress.ended = true;
        }
        // A remainder just above a step makes two equal ones, not a whole one and a tiny one.
        if progress.step * 1.01 >= left {
            progress.step = left;
        } else if progress.step * 2.0 > left {
            progress.step = left / 2.0;
        }
    }

    /// Whether there are outputs to write up to this time.
    pub(super) fn has_output(&self, i: usize, end: f64) -> bool {
        self.times_of(i)
            .get(1 + self.progress[i].outputs)
            .is_some_and(|time| *time <= end)
    }

    /// Writes the outputs up to the new time of a system, as `interpolate` gives them at a share of the step.
    pub(super) fn write_outputs(
        &mut self,
        i: usize,
        end: f64,
        mut interpolate: impl FnMut(f64, &mut [f64]),
    ) {
        let (width, own, outputs) = (self.programs.width(), self.programs.states, self.outputs);
        let times = self.times_of(i);
        let mut now = vec![0.0; width];
        let progress = &mut self.progress[i];
        while progress.outputs < outputs && times[1 + progress.outputs] <= end {
            let time = times[1 + progress.outputs];
            let share = if time == end {
                1.0
            } else {
                (time - progress.time) / progress.step
            };
            interpolate(share, &mut now);
            let first = progress.system * width * outputs;
            for (column, now) in now.chunks_exact(own).enumerate() {
                let to = first + (column * outputs + progress.outputs) * own;
                self.solution[to..to + own].copy_from_slice(now);
            }
            progress.outputs += 1;
            progress.steps = 0;
        }
        progress.ended |= progress.outputs == outputs;
    }

    /// Writes the outputs at the initial time itself, and ends what has no more of them.
    pub(super) fn write_initial_outputs(&mut self) {
        for i in 0..self.count() {
            if !self.progress[i].ended {
                let state = self.states.row(i).to_vec();
                let time = self.progress[i].time;
                self.write_outputs(i, time, |_, to| to.copy_from_slice(&state));
            }
        }
    }

    /// Moves a system to the end of its step.
    pub(super) fn advance(&mut self, i: usize, state: &[f64]) {
        let last = self.last_time(i);
        self.states.row_mut(i).copy_from_slice(state);
        let progress = &mut self.progress[i];
        progress.time = end_of_step(progress, last);
        self.end_unless_finite(i);
    }

    /// The time at the end of the step that a system tries.
    pub(super) fn end(&self, i: usize) -> f64 {
        end_of_step(&self.progress[i], self.last_time(i))
    }

    fn end_unless_finite(&mut self, i: usize) {
        if self.states.row(i).iter().any(|x| !x.is_finite()) {
            self.progress[i].ended = true;
        }
    }

    /// Leaves out the systems that have ended; which stayed, if any did not.
    pub(super) fn drop_ended(&mut self) -> Option<Vec<bool>> {
        if self.progress.iter().all(|progress| !progress.ended) {
            return None;
        }
        let keep: Vec<bool> = self
            .progress
            .iter()
            .map(|progress| !progress.ended)
            .collect();
        self.states.retain(&keep);
        self.parameters.retain(&keep);
        self.progress.retain(|progress| !progress.ended);
        Some(keep)
    }
}

/// Exactly the last time where the step ends there, whatever rounding says.
fn end_of_step(progress: &Progress, last: f64) -> f64 {
    let end = progress.time + progress.step;
    if progress.step == last - progress.time {
        last
    } else {
        end.min(last)
    }
}
