//! Covariance functions of Gaussian processes, over points that are reals or vectors.

use firebrand_graph::{Binary, Expr, Graph, Unary};

use super::arrange::same_size;
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{finite, positive};
use crate::library::formula::{Num, Sheet};
use crate::value::Value;

pub(in crate::library) const TABLE: &[Function] = &[
    // sigma^2 exp(-d^2 / (2 l^2))
    Function::listed("gp_exp_quad_cov", SCALED, |call| {
        covariance(call, |square, _| (square * -0.5).exp())
    }),
    // sigma^2 exp(-d / l)
    Function::listed("gp_exponential_cov", SCALED, |call| {
        covariance(call, |_, distance| (-distance).exp())
    }),
    // sigma^2 (1 + sqrt(3) d / l) exp(-sqrt(3) d / l)
    Function::listed("gp_matern32_cov", SCALED, |call| {
        covariance(call, |_, distance| {
            let x = distance * 3.0_f64.sqrt();
            (&x + 1.0) * (-&x).exp()
        })
    }),
    // sigma^2 (1 + sqrt(5) d / l + 5 d^2 / (3 l^2)) exp(-sqrt(5) d / l)
    Function::listed("gp_matern52_cov", SCALED, |call| {
        covariance(call, |square, distance| {
            let x = distance * 5.0_f64.sqrt();
            (&x + 1.0 + square * (5.0 / 3.0)) * (-&x).exp()
        })
    }),
    Function::listed("gp_periodic_cov", PERIODIC, periodic),
    Function::listed("gp_dot_prod_cov", DOT_PRODUCT, dot_product),
];

const SCALED: &[&str] = &[
    "matrix(array[] real, real, real)",
    "matrix(array[] vector, real, real)",
    "matrix(array[] vector, real, array[] real)",
    "matrix(array[] real, array[] real, real, real)",
    "matrix(array[] vector, array[] vector, real, real)",
    "matrix(array[] vector, array[] vector, real, array[] real)",
];
const PERIODIC: &[&str] = &[
    "matrix(array[] real, real, real, real)",
    "matrix(array[] vector, real, real, real)",
    "matrix(array[] real, array[] real, real, real, real)",
    "matrix(array[] vector, array[] vector, real, real, real)",
];
const DOT_PRODUCT: &[&str] = &[
    "matrix(array[] real, real)",
    "matrix(array[] vector, real)",
    "matrix(array[] real, array[] real, real)",
    "matrix(array[] vector, array[] vector, real)",
];

/// The two sets of points, `[lanes, n, 1, dimensions]` and `[lanes, 1, m, dimensions]`, and where the other arguments
/// begin.
fn points(call: &mut Call, others: usize) -> Result<(Expr, Expr, usize), Failure> {
    let sets = call.arguments.len() - others;
    let (left, right) = (call.dims(0), call.dims(sets - 1));
    if left.len() == 2 && left[0] > 0 && right[0] > 0 {
        same_size(call, left[1], right[1])?;
    }
    let (x, y) = (call.real(0), call.real(sets - 1));
    call.check(&x, finite("x"));
    if sets == 2 {
        call.check(&y, finite("x2"));
    }
    let graph = &mut *call.graph;
    let (x_shape, y_shape) = (graph.shape(&x), graph.shape(&y));
    let size = |dims: &[usize]| dims.get(1).copied().unwrap_or(1);
    let x = graph.reshape(&x, &[x_shape[0], left[0], 1, size(&left)]);
    let y = graph.reshape(&y, &[y_shape[0], 1, right[0], size(&right)]);
    Ok((x, y, sets))
}

/// A positive scalar argument as `[lanes, 1, 1]`.
fn scale(call: &mut Call, i: usize, what: &'static str) -> Expr {
    let x = call.real(i);
    call.check(&x, positive(what));
    let lanes = call.graph.shape(&x)[0];
    call.graph.reshape(&x, &[lanes, 1, 1])
}

/// sigma^2 times a function of the squared distance, and the distance, in units of the length scale.
fn covariance(
    call: &mut Call,
    kernel: impl for<'s> FnOnce(Num<'s>, Num<'s>) -> Num<'s>,
) -> Result<Value, Failure> {
    let (mut x, mut y, first) = points(call, 2)?;
    let sigma = scale(call, first, "magnitude");
    // One length scale for each dimension scales the points; one for all of them scales the distances, which are known
    // where the points are.
    let each = call.types[first + 1].rank() == 1;
    let length = if each {
        let lengths = call.real(first + 1);
        call.check(&lengths, positive("length scale"));
        let shape = call.graph.shape(&lengths);
        same_size(call, call.graph.shape(&x)[3], shape[1])?;
        let lengths = call.graph.reshape(&lengths, &[shape[0], 1, 1, shape[1]]);
        x = call.graph.div(&x, &lengths);
        y = call.graph.div(&y, &lengths);
        Expr::scalar(1.0)
    } else {
        scale(call, first + 1, "length scale")
    };
    let squares = squared_distances(call.graph, &x, &y);
    Ok(Value::Real(Sheet::over(call.graph, |sheet| {
        let [sigma, length, squares] = [sigma, length, squares].map(|x| sheet.num(x));
        let inverse = length.recip();
        let distances = root(&squares) * &inverse;
        (kernel(squares * inverse.square(), distances) * sigma.square())
            .expr()
            .clone()
    })))
}

/// sigma^2 exp(-2 sin(pi d / p)^2 / l^2)
fn periodic(call: &mut Call) -> Result<Value, Failure> {
    let (x, y, first) = points(call, 3)?;
    let sigma = scale(call, first, "signal standard deviation");
    let length = scale(call, first + 1, "length-scale");
    let period = scale(call, first + 2, "period");
    let squares = squared_distances(call.graph, &x, &y);
    Ok(Value::Real(Sheet::over(call.graph, |sheet| {
        let [sigma, length, period, squares] =
            [sigma, length, period, squares].map(|x| sheet.num(x));
        let wave =
            (root(&squares) * (period.recip() * std::f64::consts::PI)).sin() * length.recip();
        ((wave.square() * -2.0).exp() * sigma.square())
            .expr()
            .clone()
    })))
}

/// sigma^2 + x . y
fn dot_product(call: &mut Call) -> Result<Value, Failure> {
    let (x, y, first) = points(call, 1)?;
    let sigma = scale(call, first, "sigma");
    let products = call.graph.mul(&x, &y);
    let products = call.graph.sum(&products, 3);
    let square = call.graph.unary(Unary::Square, &sigma);
    Ok(Value::Real(call.graph.add(&products, &square)))
}

fn squared_distances(graph: &mut Graph, x: &Expr, y: &Expr) -> Expr {
    let differences = graph.sub(x, y);
    let squares = graph.unary(Unary::Square, &differences);
    graph.sum(&squares, 3)
}

/// The square root, with derivative 0 at 0: distances of points from themselves do not change.
fn root<'s>(squares: &Num<'s>) -> Num<'s> {
    squares.binary(Binary::Max, &squares.constant(0.0)).sqrt()
}
