//! Monotone rational-quadratic splines (Gregory and Delbourgo 1982; Durkan et al. 2019, arXiv 1906.04032), many at once.

use firebrand_graph::{Array, Binary, Expr, Graph, Unary};

/// Splines map from minus this to this onto the same interval, and are the identity outside of it: what a standard normal
/// variable hardly ever leaves.
const BORDER: f64 = 4.0;
/// The least share of the interval that a bin has.
const LEAST_BIN: f64 = 1e-3;
/// The least slope at a knot.
const LEAST_SLOPE: f64 = 1e-3;

/// The splines of a layer, each of so many bins.
///
/// One takes `3 bins - 1` numbers: logits of the bins' widths, logits of their heights, and the slopes at the inner knots before a
/// softplus. Where all are zero it is the identity.
#[derive(Clone, Copy, Debug)]
pub struct Spline {
    pub bins: usize,
}

/// Which end of a bin a point is looked up by.
#[derive(Clone, Copy)]
enum Side {
    Argument,
    Value,
}

/// For each spline, the bin that its point is in: `[M]` each.
struct Bin {
    left: Expr,
    width: Expr,
    bottom: Expr,
    height: Expr,
    slope_left: Expr,
    slope_right: Expr,
}

impl Spline {
    /// Numbers that shape one spline.
    pub fn numbers(&self) -> usize {
        3 * self.bins - 1
    }

    /// The values `[M]` at `x` `[M]` and the logarithms of the slopes there, `[M]`, for shapes `[M, numbers]`.
    pub fn forward(&self, graph: &mut Graph, shape: &Expr, x: &Expr) -> (Expr, Expr) {
        let (inside, clipped) = within_borders(graph, x);
        let bin = self.bin(graph, shape, &clipped, Side::Argument);
        let secant = graph.div(&bin.height, &bin.width);
        let offset = graph.sub(&clipped, &bin.left);
        let t = graph.div(&offset, &bin.width);
        let rest = graph.sub(&1.0.into(), &t);
        let product = graph.mul(&t, &rest);
        let square = graph.unary(Unary::Square, &t);
        let bend = bend(graph, &bin, &secant);
        let denominator = graph.mul(&bend, &product);
        let denominator = graph.add(&secant, &denominator);
        // bottom + height (secant t^2 + slope_left t (1 - t)) / denominator
        let value = weighted(graph, &[(&secant, &square), (&bin.slope_left, &product)]);
        let value = graph.mul(&value, &bin.height);
        let value = graph.div(&value, &denominator);
        let value = graph.add(&value, &bin.bottom);
        // secant^2 (slope_right t^2 + 2 secant t (1 - t) + slope_left (1 - t)^2) / denominator^2
        let rest_square = graph.unary(Unary::Square, &rest);
        let twice = graph.scale(&secant, 2.0);
        let terms = [
            (&bin.slope_right, &square),
            (&twice, &product),
            (&bin.slope_left, &rest_square),
        ];
        let slope = weighted(graph, &terms);
        let slope = graph.log(&slope);
        let ratio = graph.div(&secant, &denominator);
        let ratio = graph.log(&ratio);
        let ratio = graph.scale(&ratio, 2.0);
        let log_slope = graph.add(&slope, &ratio);
        (
            graph.select(&inside, &value, x),
            graph.select(&inside, &log_slope, &0.0.into()),
        )
    }

    /// The arguments `[M]` at which the values are `y` `[M]`.
    ///
    /// In its bin a value is a ratio of quadratics in t, so that t solves a t^2 + b t + c = 0. Of the two forms of the solution
    /// this one does not cancel.
    pub fn backward(&self, graph: &mut Graph, shape: &Expr, y: &Expr) -> Expr {
        let (inside, clipped) = within_borders(graph, y);
        let bin = self.bin(graph, shape, &clipped, Side::Value);
        let secant = graph.div(&bin.height, &bin.width);
        let offset = graph.sub(&clipped, &bin.bottom);
        let bend = bend(graph, &bin, &secant);
        let bent = graph.mul(&offset, &bend);
        let steeper = graph.sub(&secant, &bin.slope_left);
        let a = graph.mul(&bin.height, &steeper);
        let a = graph.add(&a, &bent);
        let b = graph.mul(&bin.height, &bin.slope_left);
        let b = graph.sub(&b, &bent);
        let minus_c = graph.mul(&secant, &offset);
        let square = graph.unary(Unary::Square, &b);
        let four = graph.scale(&minus_c, 4.0);
        let discriminant = graph.mul(&four, &a);
        let discriminant = graph.add(&square, &discriminant);
        // Not negative but by rounding.
        let discriminant = graph.binary(Binary::Max, &discriminant, &0.0.into());
        let root = graph.unary(Unary::Sqrt, &discriminant);
        let denominator = graph.add(&b, &root);
        let twice = graph.scale(&minus_c, 2.0);
        let t = graph.div(&twice, &denominator);
        let x = graph.mul(&t, &bin.width);
        let x = graph.add(&x, &bin.left);
        graph.select(&inside, &x, y)
    }

    fn bin(&self, graph: &mut Graph, shape: &Expr, point: &Expr, side: Side) -> Bin {
        let bins = self.bins;
        let count = graph.shape(shape)[0];
        let widths = graph.slice(shape, 1, 0, bins);
        let widths = shares(graph, &widths);
        let heights = graph.slice(shape, 1, bins, bins);
        let heights = shares(graph, &heights);
        let (lefts, bottoms) = (starts(graph, &widths), starts(graph, &heights));
        let slopes = self.slopes(graph, shape);
        let starts = match side {
            Side::Argument => &lefts,
            Side::Value => &bottoms,
        };
        // One where the point is at or behind the bin's start; a bin holds it if the next one does not.
        let point = graph.reshape(point, &[count, 1]);
        let later = graph.slice(starts, 1, 1, bins - 1);
        let behind = graph.binary(Binary::LessEqual, &later, &point);
        let (all, none) = (Array::full([count, 1], 1.0), Array::full([count, 1], 0.0));
        let entered = graph.concat(&[all.into(), behind.clone()], 1);
        let left_again = graph.concat(&[behind, none.into()], 1);
        let here = graph.sub(&entered, &left_again);
        let mut at = |values: &Expr| {
            let chosen = graph.mul(&here, values);
            graph.sum(&chosen, 1)
        };
        let (left, width) = (at(&lefts), at(&widths));
        let (bottom, height) = (at(&bottoms), at(&heights));
        let slopes_left = graph.slice(&slopes, 1, 0, bins);
        let slopes_right = graph.slice(&slopes, 1, 1, bins);
        let mut at = |values: &Expr| {
            let chosen = graph.mul(&here, values);
            graph.sum(&chosen, 1)
        };
        Bin {
            left,
            width,
            bottom,
            height,
            slope_left: at(&slopes_left),
            slope_right: at(&slopes_right),
        }
    }

    /// At all knots, `[M, bins + 1]`; one at the borders, where the identity follows.
    fn slopes(&self, graph: &mut Graph, shape: &Expr) -> Expr {
        let count = graph.shape(shape)[0];
        let inner = graph.slice(shape, 1, 2 * self.bins, self.bins - 1);
        // softplus(x) + least = 1 at x = 0 with this shift.
        let shift = (1.0 - LEAST_SLOPE).exp_m1().ln();
        let inner = graph.add_scalar(&inner, shift);
        let inner = graph.unary(Unary::Log1pExp, &inner);
        let inner = graph.add_scalar(&inner, LEAST_SLOPE);
        let one = Expr::from(Array::full([count, 1], 1.0));
        graph.concat(&[one.clone(), inner, one], 1)
    }
}

/// One where x is within the borders, and x moved to the nearer border where it is not.
fn within_borders(graph: &mut Graph, x: &Expr) -> (Expr, Expr) {
    let size = graph.unary(Unary::Abs, x);
    let inside = graph.binary(Binary::Less, &size, &BORDER.into());
    let clipped = graph.binary(Binary::Min, x, &BORDER.into());
    let clipped = graph.binary(Binary::Max, &clipped, &(-BORDER).into());
    (inside, clipped)
}

/// Lengths of bins `[M, bins]` that fill the interval.
fn shares(graph: &mut Graph, logits: &Expr) -> Expr {
    let [count, bins] = graph.shape(logits)[..] else {
        unreachable!("one row for each spline")
    };
    let total = graph.log_sum_exp(logits, 1);
    let total = graph.reshape(&total, &[count, 1]);
    let log_shares = graph.sub(logits, &total);
    let shares = graph.exp(&log_shares);
    let shares = graph.scale(&shares, 2.0 * BORDER * (1.0 - LEAST_BIN * bins as f64));
    graph.add_scalar(&shares, 2.0 * BORDER * LEAST_BIN)
}

/// Where bins of these lengths begin.
fn starts(graph: &mut Graph, lengths: &Expr) -> Expr {
    let ends = graph.cumulative_sum(lengths, 1, false);
    let starts = graph.sub(&ends, lengths);
    graph.add_scalar(&starts, -BORDER)
}

/// slope_left + slope_right - 2 secant
fn bend(graph: &mut Graph, bin: &Bin, secant: &Expr) -> Expr {
    let slopes = graph.add(&bin.slope_left, &bin.slope_right);
    let twice = graph.scale(secant, 2.0);
    graph.sub(&slopes, &twice)
}

/// The sum of products.
fn weighted(graph: &mut Graph, terms: &[(&Expr, &Expr)]) -> Expr {
    terms.iter().fold(Expr::from(0.0), |sum, (x, y)| {
        let product = graph.mul(x, y);
        graph.add(&sum, &product)
    })
}
