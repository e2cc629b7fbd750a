//! Limited-memory BFGS by asking and telling, so that several paths share one batched evaluation.

use std::collections::VecDeque;

use super::line_search::{Advice, LineSearch};

/// Steps in a row that must promise next to nothing. One is not enough: a direction that the model has not met yet has the
/// scale of those it has, and where that is far too small, so is the decrease it predicts.
const NEGLIGIBLE_STEPS: usize = 3;

/// Why a path ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathEnd {
    /// The predicted decrease of a quasi-Newton step is negligible.
    Converged,
    /// The line search found no acceptable step.
    NoProgress,
    /// The allowed number of iterations was used.
    IterationLimit,
}

/// When a path stops, and how much it remembers.
#[derive(Clone, Copy, Debug)]
pub struct LbfgsOptions {
    /// Pairs of differences kept.
    pub memory: usize,
    /// Iterations after which the path ends.
    pub max_iterations: usize,
    /// The path ends when half the Newton decrement, the decrease that a quadratic model
    /// predicts, stays below this for a few steps. It is in units of the objective, here nats.
    pub tolerance: f64,
}

impl Default for LbfgsOptions {
    fn default() -> Self {
        Self {
            memory: 8,
            max_iterations: 200,
            tolerance: 1e-6,
        }
    }
}

/// One accepted difference: of points, of gradients, and their product.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) step: Vec<f64>,
    pub(super) change: Vec<f64>,
    product: f64,
}

/// A minimisation in progress.
#[derive(Clone, Debug)]
pub struct Lbfgs {
    options: LbfgsOptions,
    point: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    pairs: VecDeque<Pair>,
    /// Diagonal of the initial inverse Hessian.
    diagonal: Vec<f64>,
    direction: Vec<f64>,
    search: LineSearch,
    trial: Vec<f64>,
    iterations: usize,
    /// Steps in a row that promised less than the tolerance.
    negligible: usize,
    end: Option<PathEnd>,
}

/// What became of one told evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The trial point became the current point.
    Moved,
    /// Another trial along the same direction is wanted.
    Searching,
    /// The path has ended.
    Ended(PathEnd),
}

impl Lbfgs {
    /// Starts at a point whose value and gradient are known and finite.
    pub fn new(point: Vec<f64>, value: f64, gradient: Vec<f64>, options: LbfgsOptions) -> Self {
        let mut path = Self {
            options,
            diagonal: vec![1.0; point.len()],
            direction: Vec::new(),
            search: LineSearch::new(value, 0.0, 0.0),
            trial: Vec::new(),
            pairs: VecDeque::with_capacity(options.memory),
            iterations: 0,
            negligible: 0,
            end: None,
            point,
            value,
            gradient,
        };
        path.turn();
        path
    }

    /// The point to evaluate next; `None` once the path has ended.
    pub fn trial(&self) -> Option<&[f64]> {
        self.end.is_none().then_some(self.trial.as_slice())
    }

    /// The current point.
    pub fn point(&self) -> &[f64] {
        &self.point
    }

    /// The objective at the current point.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The gradient of the objective at the current point.
    pub fn gradient(&self) -> &[f64] {
        &self.gradient
    }

    /// Steps accepted so far.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    pub(super) fn pairs(&self) -> impl ExactSizeIterator<Item = &Pair> {
        self.pairs.iter()
    }

    /// Diagonal of the inverse Hessian that the remembered pairs update.
    pub(super) fn diagonal(&self) -> &[f64] {
        &self.diagonal
    }

    /// Takes the objective's value and gradient at [`trial`](Self::trial).
    pub fn tell(&mut self, value: f64, gradient: &[f64]) -> Told {
        if let Some(end) = self.end {
            return Told::Ended(end);
        }
        match self.search.advance(value, dot(gradient, &self.direction)) {
            Advice::Try(step) => {
                self.aim(step);
                Told::Searching
            }
            Advice::Accept => {
                self.remember(gradient);
                std::mem::swap(&mut self.point, &mut self.trial);
                self.value = value;
                self.gradient.copy_from_slice(gradient);
                self.iterations += 1;
                self.turn();
                // An accepted point is kept even where the path ends at it.
                Told::Moved
            }
            Advice::GiveUp if !self.pairs.is_empty() => {
                // The quasi-Newton model may be what is wrong: restart along the gradient once.
                self.forget();
                self.turn();
                Told::Searching
            }
            Advice::GiveUp => {
                self.end = Some(PathEnd::NoProgress);
                Told::Ended(PathEnd::NoProgress)
            }
        }
    }

    /// Why the path ended, if it did.
    pub fn end(&self) -> Option<PathEnd> {
        self.end
    }

    fn forget(&mut self) {
        self.pairs.clear();
        self.diagonal.fill(1.0);
    }

    /// Chooses a new direction from the current point and the first step along it.
    fn turn(&mut self) {
        if self.iterations >= self.options.max_iterations {
            self.end = Some(PathEnd::IterationLimit);
            return;
        }
        let downhill = self.gradient.iter().map(|g| -g).collect();
        self.direction = self.inverse_hessian_times(downhill);
        let slope = dot(&self.direction, &self.gradient);
        let first_step = if self.pairs.is_empty() {
            // No curvature is known: move no coordinate by more than one. The search expands.
            let largest = self.direction.iter().fold(0.0, |m: f64, d| m.max(d.abs()));
            1.0 / largest.max(1.0)
        } else {
            1.0
        };
        if !slope.is_finite() || slope >= 0.0 {
            self.end = Some(if slope == 0.0 {
                PathEnd::Converged
            } else {
                PathEnd::NoProgress
            });
            return;
        }
        let negligible = !self.pairs.is_empty() && -0.5 * slope < self.options.tolerance;
        self.negligible = if negligible { self.negligible + 1 } else { 0 };
        if self.negligible >= NEGLIGIBLE_STEPS {
            self.end = Some(PathEnd::Converged);
            return;
        }
        self.search = LineSearch::new(self.value, slope, first_step);
        self.aim(first_step);
    }

    fn aim(&mut self, step: f64) {
        self.trial.clear();
        self.trial.extend(
            self.point
                .iter()
                .zip(&self.direction)
                .map(|(x, d)| x + step * d),
        );
    }

    /// The inverse Hessian of the model times a vector, by the two-loop recursion.
    pub(super) fn inverse_hessian_times(&self, vector: Vec<f64>) -> Vec<f64> {
        let mut direction = vector;
        let mut weights = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let weight = dot(&pair.step, &direction) / pair.product;
            add_scaled(&mut direction, -weight, &pair.change);
            weights.push(weight);
        }
        for (d, scale) in direction.iter_mut().zip(&self.diagonal) {
            *d *= scale;
        }
        for (pair, weight) in self.pairs.iter().zip(weights.into_iter().rev()) {
            let correction = dot(&pair.change, &direction) / pair.product;
            add_scaled(&mut direction, weight - correction, &pair.step);
        }
        direction
    }

    fn remember(&mut self, gradient: &[f64]) {
        let step: Vec<f64> = difference(&self.trial, &self.point);
        let change: Vec<f64> = difference(gradient, &self.gradient);
        let product = dot(&step, &change);
        // A pair whose curvature is lost in rounding would spoil the model. The threshold is on the angle between the two, so
        // that it does not depend on the scale of the parameters.
        let sizes = (dot(&step, &step) * dot(&change, &change)).sqrt();
        if product.is_nan() || product <= 1e-14 * sizes {
            return;
        }
        self.update_diagonal(&step, &change, product);
        if self.pairs.len() == self.options.memory {
            self.pairs.pop_front();
        }
        self.pairs.push_back(Pair {
            step,
            change,
            product,
        });
    }

    /// The diagonal update of Gilbert and Lemaréchal (1989), as in Pathfinder's equation 5.
    fn update_diagonal(&mut self, step: &[f64], change: &[f64], product: f64) {
        if self.pairs.is_empty() {
            let scale = product / dot(change, change);
            self.diagonal.fill(scale);
        }
        let alpha = &mut self.diagonal;
        let a: f64 = alpha.iter().zip(change).map(|(a, y)| a * y * y).sum();
        let c: f64 = alpha.iter().zip(step).map(|(a, s)| s * s / a).sum();
        for ((alpha, y), s) in alpha.iter_mut().zip(change).zip(step) {
            let inverse = a / (product * *alpha) + y * y / product
                - a * s * s / (product * c * *alpha * *alpha);
            // Rounding alone can break positivity.
            if inverse.is_finite() && inverse > 0.0 {
                *alpha = 1.0 / inverse;
            }
        }
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add_scaled(a: &mut [f64], scale: f64, b: &[f64]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += scale * b;
    }
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minimise(f: impl Fn(&[f64]) -> (f64, Vec<f64>), start: &[f64]) -> (Lbfgs, PathEnd, usize) {
        let (value, gradient) = f(start);
        let mut path = Lbfgs::new(start.to_vec(), value, gradient, LbfgsOptions::default());
        let mut evaluations = 1;
        while let Some(trial) = path.trial() {
            let (value, gradient) = f(trial);
            path.tell(value, &gradient);
            evaluations += 1;
        }
        let end = path.end().expect("the loop ends when the path does");
        (path, end, evaluations)
    }

    /// Half the sum of `scale_i (x_i - 1)^2`.
    fn quadratic(scale: &[f64]) -> impl Fn(&[f64]) -> (f64, Vec<f64>) {
        move |x: &[f64]| {
            let terms = || x.iter().zip(scale);
            let value = terms().map(|(x, s)| 0.5 * s * (x - 1.0).powi(2)).sum();
            (value, terms().map(|(x, s)| s * (x - 1.0)).collect())
        }
    }

    #[test]
    fn a_badly_scaled_quadratic_is_solved_to_the_tolerance() {
        let scale = [1e-8, 1.0, 1e4, 1e8];
        let (path, end, evaluations) = minimise(quadratic(&scale), &[0.0, 5.0, -3.0, 2.0]);
        assert_eq!(end, PathEnd::Converged);
        assert!(path.value() < 1e-6, "{} after {evaluations}", path.value());
    }

    #[test]
    fn the_valley_of_rosenbrock_is_followed_to_its_end() {
        let rosenbrock = |x: &[f64]| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            let value = a * a + 100.0 * b * b;
            (value, vec![-2.0 * a - 400.0 * x[0] * b, 200.0 * b])
        };
        let (path, end, evaluations) = minimise(rosenbrock, &[-1.2, 1.0]);
        assert_eq!(end, PathEnd::Converged);
        assert!(
            path.point().iter().all(|x| (x - 1.0).abs() < 1e-2),
            "{:?}",
            path.point()
        );
        assert!(evaluations < 80, "{evaluations} evaluations");
    }

    #[test]
    fn an_exponential_wall_is_climbed_down_from_any_height() {
        // exp(-2 x) / 2 s + n x: a scale parameter whose data is e^23 times larger than it.
        let wall = |x: &[f64]| {
            let e = 1e10 * (-2.0 * x[0]).exp();
            (e + 100.0 * x[0], vec![-2.0 * e + 100.0])
        };
        let (path, end, evaluations) = minimise(wall, &[0.0]);
        assert_eq!(end, PathEnd::Converged);
        assert!(
            (path.point()[0] - 0.5 * 2e8_f64.ln()).abs() < 1e-3,
            "{:?}",
            path.point()
        );
        assert!(evaluations < 60, "{evaluations} evaluations");
    }

    #[test]
    fn a_start_at_the_minimum_has_converged() {
        let (_, end, evaluations) = minimise(quadratic(&[1.0, 2.0]), &[1.0, 1.0]);
        assert_eq!((end, evaluations), (PathEnd::Converged, 1));
    }

    #[test]
    fn an_objective_that_falls_without_end_is_left_where_it_is_finite() {
        let (path, end, _) = minimise(|x: &[f64]| (-x[0], vec![-1.0]), &[0.0]);
        assert_eq!(end, PathEnd::NoProgress);
        assert!(path.point()[0].is_finite());
    }
}
