//! Dormand and Prince's method of order 5 with steps controlled by its embedded solution of order 4, after Hairer, Norsett and
//! Wanner, "Solving Ordinary Differential Equations I", sections II.4 to II.6 (their code DOPRI5).

use super::systems::{Rows, Systems};

/// Where in the step each evaluation is.
const NODES: [f64; 7] = [0.0, 0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0];

/// How the evaluations so far are weighted to reach the next; the last of these is the solution of order 5.
const STAGES: [&[f64]; 6] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[
        19372.0 / 6561.0,
        -25360.0 / 2187.0,
        64448.0 / 6561.0,
        -212.0 / 729.0,
    ],
    &[
        9017.0 / 3168.0,
        -355.0 / 33.0,
        46732.0 / 5247.0,
        49.0 / 176.0,
        -5103.0 / 18656.0,
    ],
    &[
        35.0 / 384.0,
        0.0,
        500.0 / 1113.0,
        125.0 / 192.0,
        -2187.0 / 6784.0,
        11.0 / 84.0,
    ],
];

/// The solution of order 5 less that of order 4.
const ERROR: [f64; 7] = [
    71.0 / 57600.0,
    0.0,
    -71.0 / 16695.0,
    71.0 / 1920.0,
    -17253.0 / 339200.0,
    22.0 / 525.0,
    -1.0 / 40.0,
];

/// The highest coefficient of the solution within a step.
const WITHIN: [f64; 7] = [
    -12715105075.0 / 11282082432.0,
    0.0,
    87487479700.0 / 32700410799.0,
    -10690763975.0 / 1880347072.0,
    701980252875.0 / 199316789632.0,
    -1453857185.0 / 822651844.0,
    69997945.0 / 29380423.0,
];

/// How much of the last error's size enters the choice of a step, against oscillations of the step sizes.
const MEMORY: f64 = 0.04;
const SAFETY: f64 = 0.9;
/// A step is at most this much shorter or longer than the last.
const SHORTEST: f64 = 0.2;
const LONGEST: f64 = 10.0;

/// Solves all systems: `[systems, 1 + columns, outputs, states]`.
pub(super) fn solve(mut systems: Systems) -> Vec<f64> {
    systems.write_initial_outputs();
    systems.drop_ended();
    let width = systems.states.width;
    let mut first = systems.slopes();
    systems.choose_first_steps(&first, 5.0);
    let mut last_errors = Rows::new(1, vec![1e-4; systems.count()]);
    while systems.count() > 0 {
        (0..systems.count()).for_each(|i| systems.begin_step(i));
        if let Some(keep) = systems.drop_ended() {
            first.retain(&keep);
            last_errors.retain(&keep);
        }
        let count = systems.count();
        let mut slopes = vec![first];
        let mut ahead = Rows::zeros(width, count);
        let mut times = vec![0.0; count];
        for (weights, node) in STAGES.iter().zip(&NODES[1..]) {
            for (i, time) in times.iter_mut().enumerate() {
                let progress = &systems.progress[i];
                *time = progress.time + node * progress.step;
                let to = ahead.row_mut(i);
                combine(to, weights, progress.step, &slopes, i);
                to.iter_mut()
                    .zip(systems.states.row(i))
                    .for_each(|(to, x)| *to += x);
            }
            slopes.push(Rows::new(
                width,
                systems.derivative(&times, &ahead.data, None),
            ));
        }
        let mut error = vec![0.0; width];
        for i in 0..count {
            let step = systems.progress[i].step;
            combine(&mut error, &ERROR, step, &slopes, i);
            let size = systems.norm(&error, systems.states.row(i), ahead.row(i));
            let shorter = size.powf(0.2 - 0.75 * MEMORY);
            if size <= 1.0 {
                let factor = shorter / last_errors.row(i)[0].powf(MEMORY) / SAFETY;
                let mut next = step / factor.clamp(1.0 / LONGEST, 1.0 / SHORTEST);
                if systems.progress[i].rejected {
                    next = next.min(step);
                }
                last_errors.row_mut(i)[0] = size.max(1e-4);
                let end = systems.end(i);
                if systems.has_output(i, end) {
                    let states = [systems.states.row(i), ahead.row(i)];
                    let within = Within::new(states, &slopes, i, step);
                    systems.write_outputs(i, end, |share, to| within.at(share, to));
                }
                systems.advance(i, ahead.row(i));
                systems.progress[i].step = next;
                systems.progress[i].rejected = false;
            } else {
                systems.progress[i].step = step / (shorter / SAFETY).min(1.0 / SHORTEST);
                systems.progress[i].rejected = true;
            }
        }
        // The last evaluation of a step that was taken is the first of the next.
        let last = slopes.pop().unwrap_or_else(|| Rows::zeros(width, count));
        first = slopes.swap_remove(0);
        for i in (0..count).filter(|i| !systems.progress[*i].rejected) {
            first.row_mut(i).copy_from_slice(last.row(i));
        }
        if let Some(keep) = systems.drop_ended() {
            first.retain(&keep);
            last_errors.retain(&keep);
        }
    }
    systems.into_solution()
}

/// The weighted sum of evaluations of a system, times its step.
fn combine(to: &mut [f64], weights: &[f64], step: f64, slopes: &[Rows], i: usize) {
    // As many as are written out, so that the loop over the numbers is the inner one.
    match weights.len() {
        1 => combine_some::<1>(to, weights, step, slopes, i),
        2 => combine_some::<2>(to, weights, step, slopes, i),
        3 => combine_some::<3>(to, weights, step, slopes, i),
        4 => combine_some::<4>(to, weights, step, slopes, i),
        5 => combine_some::<5>(to, weights, step, slopes, i),
        6 => combine_some::<6>(to, weights, step, slopes, i),
        _ => combine_some::<7>(to, weights, step, slopes, i),
    }
}

fn combine_some<const COUNT: usize>(
    to: &mut [f64],
    weights: &[f64],
    step: f64,
    slopes: &[Rows],
    i: usize,
) {
    let width = to.len();
    let weights: [f64; COUNT] = std::array::from_fn(|k| weights[k] * step);
    let slopes: [&[f64]; COUNT] = std::array::from_fn(|k| &slopes[k].row(i)[..width]);
    for (j, to) in to.iter_mut().enumerate() {
        let mut total = 0.0;
        for k in 0..COUNT {
            total += weights[k] * slopes[k][j];
        }
        *to = total;
    }
}

/// The solution within a step, of order 4.
struct Within {
    coefficients: [Vec<f64>; 5],
}

impl Within {
    fn new([before, after]: [&[f64]; 2], slopes: &[Rows], i: usize, step: f64) -> Within {
        let change: Vec<f64> = after.iter().zip(before).map(|(b, a)| b - a).collect();
        let with = |slope: &[f64], f: fn(f64, f64) -> f64| -> Vec<f64> {
            slope
                .iter()
                .zip(&change)
                .map(|(slope, change)| f(step * slope, *change))
                .collect()
        };
        let first = with(slopes[0].row(i), |slope, change| slope - change);
        let mut last = with(slopes[6].row(i), |slope, change| change - slope);
        last.iter_mut()
            .zip(&first)
            .for_each(|(last, first)| *last -= first);
        let mut highest = vec![0.0; before.len()];
        combine(&mut highest, &WITHIN, step, slopes, i);
        Within {
            coefficients: [before.to_vec(), change, first, last, highest],
        }
    }

    /// The solution at this share of the step.
    fn at(&self, share: f64, to: &mut [f64]) {
        let [before, change, first, last, highest] = &self.coefficients;
        let rest = 1.0 - share;
        for (j, to) in to.iter_mut().enumerate() {
            *to = before[j]
                + share * (change[j] + rest * (first[j] + share * (last[j] + rest * highest[j])));
        }
    }
}
