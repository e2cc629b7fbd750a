//! A line search for the weak Wolfe conditions, as a state machine.
//!
//! The caller evaluates the objective; several searches can then advance in step with one batched
//! evaluation. Bracketing with expansion (Lewis and Overton 2013), cubic interpolation inside the
//! bracket, and the approximate Wolfe test of Hager and Zhang (2005) where the objective's own
//! rounding hides the decrease.

/// Sufficient decrease asked of a step, as a fraction of the linear prediction.
const ARMIJO: f64 = 1e-4;
/// The slope at an accepted step is at least this fraction of the first slope.
const CURVATURE: f64 = 0.9;
/// Growth of the step while no upper end of the bracket is known.
const EXPANSION: f64 = 4.0;
/// Relative rounding error assumed of the objective.
const ROUNDING: f64 = 1e-14;
/// Trials after which the search gives up.
const MAX_TRIALS: usize = 60;

/// What the search wants next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Advice {
    /// Evaluate the objective at this step.
    Try(f64),
    /// The step just evaluated satisfies the conditions.
    Accept,
    /// No acceptable step was found.
    GiveUp,
}

#[derive(Clone, Copy, Debug)]
struct End {
    step: f64,
    value: f64,
    slope: f64,
}

/// A search along one descent direction.
#[derive(Clone, Debug)]
pub(super) struct LineSearch {
    start: End,
    low: End,
    high: Option<End>,
    trial: f64,
    trials: usize,
    expansion: f64,
}

impl LineSearch {
    /// A search from a point of the given value, along a direction of the given (negative) slope.
    pub(super) fn new(value: f64, slope: f64, first_step: f64) -> Self {
        let start = End {
            step: 0.0,
            value,
            slope,
        };
        Self {
            start,
            low: start,
            high: None,
            trial: first_step,
            trials: 0,
            expansion: EXPANSION,
        }
    }

    /// Takes the objective's value and slope at the step last advised, at first the first step.
    ///
    /// A value that is not finite counts as infinitely high.
    pub(super) fn advance(&mut self, value: f64, slope: f64) -> Advice {
        self.trials += 1;
        let here = End {
            step: self.trial,
            value,
            slope,
        };
        let finite = value.is_finite() && slope.is_finite();
        if finite && self.decreases(here) {
            if slope >= CURVATURE * self.start.slope {
                return Advice::Accept;
            }
            self.low = here;
        } else {
            self.high = Some(End {
                value: if finite { value } else { f64::INFINITY },
                ..here
            });
        }
        if self.trials >= MAX_TRIALS {
            return Advice::GiveUp;
        }
        self.trial = match self.high {
            None => {
                let next = self.trial * self.expansion;
                // Exponential targets ask for steps many powers of ten beyond the first.
                self.expansion = (self.expansion * 2.0).min(1e3);
                next
            }
            Some(high) => between(self.low, high),
        };
        if self.trial.is_finite() && self.trial > 0.0 && self.trial != here.step {
            Advice::Try(self.trial)
        } else {
            Advice::GiveUp
        }
    }

    fn decreases(&self, here: End) -> bool {
        let start = self.start;
        let armijo = here.value <= start.value + ARMIJO * here.step * start.slope;
        let lost_in_rounding = here.value <= start.value + ROUNDING * start.value.abs()
            && here.slope <= (2.0 * ARMIJO - 1.0) * start.slope;
        armijo || lost_in_rounding
    }
}

/// The minimiser of the cubic through both ends, kept away from them.
fn between(low: End, high: End) -> f64 {
    let width = high.step - low.step;
    if !high.value.is_finite() {
        // Nothing is known beyond the finite region except that it ends: shrink fast.
        return low.step + 0.1 * width;
    }
    let theta = 3.0 * (low.value - high.value) / width + low.slope + high.slope;
    let radicand = theta * theta - low.slope * high.slope;
    let cubic = if radicand >= 0.0 && high.slope.is_finite() {
        let root = radicand.sqrt();
        high.step - width * (high.slope + root - theta) / (high.slope - low.slope + 2.0 * root)
    } else {
        f64::NAN
    };
    let (nearest, farthest) = (low.step + 0.01 * width, high.step - 0.1 * width);
    if cubic.is_finite() {
        cubic.clamp(nearest, farthest)
    } else {
        low.step + 0.5 * width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(f: impl Fn(f64) -> (f64, f64), first_step: f64) -> (Option<f64>, usize) {
        let (value, slope) = f(0.0);
        let mut search = LineSearch::new(value, slope, first_step);
        let mut step = first_step;
        for trials in 1.. {
            let (value, slope) = f(step);
            match search.advance(value, slope) {
                Advice::Try(next) => step = next,
                Advice::Accept => return (Some(step), trials),
                Advice::GiveUp => return (None, trials),
            }
        }
        unreachable!("the search is bounded")
    }

    fn satisfies_wolfe(f: impl Fn(f64) -> (f64, f64), step: f64) -> bool {
        let ((v0, s0), (v, s)) = (f(0.0), f(step));
        v <= v0 + ARMIJO * step * s0 && s >= CURVATURE * s0
    }

    #[test]
    fn a_quadratic_is_searched_from_steps_too_short_and_too_long() {
        let f = |t: f64| ((t - 1.0).powi(2), 2.0 * (t - 1.0));
        for first in [1e-13, 1e-3, 0.5, 3.0, 1e6] {
            let (step, trials) = search(f, first);
            assert!(satisfies_wolfe(f, step.unwrap()), "first step {first}");
            assert!(trials < 15, "{trials} trials from {first}");
        }
    }

    #[test]
    fn a_wall_of_infinite_values_is_backed_away_from() {
        let f = |t: f64| {
            if t > 1e-4 {
                (f64::INFINITY, f64::NAN)
            } else {
                (-t - (1e-4 - t).ln(), -1.0 + 1.0 / (1e-4 - t))
            }
        };
        // The slope at zero is positive for this barrier, so search on its descending mirror.
        let g = |t: f64| {
            let (v, s) = f(5e-5 - t);
            (v, -s)
        };
        let (step, _) = search(g, 1.0);
        assert!(satisfies_wolfe(g, step.unwrap()));
    }

    #[test]
    fn an_objective_without_a_minimum_is_given_up() {
        let (step, trials) = search(|t| (-t, -1.0), 1.0);
        assert_eq!((step, trials <= MAX_TRIALS), (None, true));
    }
}
