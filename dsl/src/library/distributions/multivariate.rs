//! Multivariate normal and Student t distributions, by a covariance, a precision or a Cholesky factor; Gaussian
//! processes.
//!
//! Outcomes and locations are vectors, or arrays of them that share one matrix, which is factored once.

use std::f64::consts::PI;

use firebrand_graph::{Array, Expr, Graph, Shape, System};
use rand_distr::{ChiSquared, Distribution, StandardNormal};

use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::library::checks::{finite, not_nan, positive, positive_finite};
use crate::library::density::{known, total_of};
use crate::library::functions::{factor, half_log_determinant, square};
use crate::library::special::HALF_LOG_TWO_PI;
use crate::types::Type;
use crate::value::Value;

const NORMAL: &[&str] = &["real(vectors | vectors, matrix)"];
const STUDENT: &[&str] = &["real(vectors | real, vectors, matrix)"];
const PROCESS: &[&str] = &["real(matrix, matrix, vector)"];
const NORMAL_DRAW: &[&str] = &["vectors(vectors, matrix)"];
const STUDENT_DRAW: &[&str] = &["vectors(real, vectors, matrix)"];

pub(in crate::library) const TABLE: &[Function] = &[
    Function::rule("multi_normal_lpdf", normal_type, NORMAL, |call| {
        normal(call, Spread::Covariance)
    }),
    Function::rule("multi_normal_prec_lpdf", normal_type, NORMAL, |call| {
        normal(call, Spread::Precision)
    }),
    Function::rule("multi_normal_cholesky_lpdf", normal_type, NORMAL, |call| {
        normal(call, Spread::Factor)
    }),
    Function::rule("multi_normal_rng", normal_draw_type, NORMAL_DRAW, |call| {
        draw(call, Spread::Covariance, None)
    }),
    Function::rule(
        "multi_normal_cholesky_rng",
        normal_draw_type,
        NORMAL_DRAW,
        |call| draw(call, Spread::Factor, None),
    ),
    Function::rule("multi_student_t_lpdf", student_type, STUDENT, |call| {
        student_t(call, Spread::Covariance)
    }),
    Function::rule(
        "multi_student_t_cholesky_lpdf",
        student_type,
        STUDENT,
        |call| student_t(call, Spread::Factor),
    ),
    Function::rule(
        "multi_student_t_rng",
        student_draw_type,
        STUDENT_DRAW,
        |call| draw(call, Spread::Covariance, Some(0)),
    ),
    Function::rule(
        "multi_student_t_cholesky_rng",
        student_draw_type,
        STUDENT_DRAW,
        |call| draw(call, Spread::Factor, Some(0)),
    ),
    Function::listed("multi_gp_lpdf", PROCESS, |call| {
        process(call, Spread::Covariance)
    }),
    Function::listed("multi_gp_cholesky_lpdf", PROCESS, |call| {
        process(call, Spread::Factor)
    }),
];

/// A vector, a row vector, or an array of such.
fn is_vectors(x: &Type) -> bool {
    match x {
        Type::Array {
            element,
            dimensions: 1,
        } => element.is_vector(),
        other => other.is_vector(),
    }
}

fn normal_type(arguments: &[Type]) -> Option<Type> {
    match arguments {
        [y, mu, Type::Matrix] if is_vectors(y) && is_vectors(mu) => Some(Type::Real),
        _ => None,
    }
}

fn student_type(arguments: &[Type]) -> Option<Type> {
    match arguments {
        [y, nu, rest @ ..] if nu.is_scalar() => {
            normal_type(&[[y.clone()].as_slice(), rest].concat())
        }
        _ => None,
    }
}

fn normal_draw_type(arguments: &[Type]) -> Option<Type> {
    match arguments {
        [mu, Type::Matrix] if mu.is_vector() => Some(Type::Vector),
        [mu, Type::Matrix] if is_vectors(mu) => Some(Type::Vector.array()),
        _ => None,
    }
}

fn student_draw_type(arguments: &[Type]) -> Option<Type> {
    let (nu, rest) = arguments.split_first()?;
    nu.is_scalar().then(|| normal_draw_type(rest)).flatten()
}

/// What a distribution's matrix is.
#[derive(Clone, Copy, PartialEq)]
enum Spread {
    Covariance,
    Precision,
    /// The Cholesky factor of the covariance.
    Factor,
}

/// Residuals on the scale where they are independent.
struct Standardised {
    /// The sum of squares of each residual: `[lanes|1, sets]`.
    squares: Expr,
    /// Half the logarithm of the covariance's determinant: `[lanes|1]`.
    half_log_determinant: Expr,
}

impl Spread {
    /// Standardises residuals `[lanes, sets, n]` by the matrix that is argument `i`.
    fn standardise(self, call: &mut Call, i: usize, residuals: &Expr) -> Standardised {
        let factor = self.factor(call, i);
        let half_log_determinant = half_log_determinant(call, &factor);
        let graph = &mut *call.graph;
        if self == Spread::Precision {
            let products = graph.matmul(residuals, &factor);
            return Standardised {
                squares: sums_of_squares(graph, &products, 2),
                half_log_determinant: graph.neg(&half_log_determinant),
            };
        }
        Standardised {
            squares: whitened_squares(graph, &factor, residuals),
            half_log_determinant,
        }
    }

    /// The lower triangular factor of argument `i`; for a precision that of the precision.
    fn factor(self, call: &mut Call, i: usize) -> Expr {
        let matrix = call.real(i);
        match self {
            Spread::Covariance => factor(call, &matrix, "Covariance matrix"),
            Spread::Precision => factor(call, &matrix, "Precision matrix"),
            Spread::Factor => matrix,
        }
    }
}

fn sums_of_squares(graph: &mut Graph, x: &Expr, axis: usize) -> Expr {
    let squares = graph.unary(firebrand_graph::Unary::Square, x);
    graph.sum(&squares, axis)
}

/// The squared lengths of `L^-1 r` for each residual: `[lanes, sets]`.
fn whitened_squares(graph: &mut Graph, factor: &Expr, residuals: &Expr) -> Expr {
    let (factors, shape) = (graph.shape(factor), graph.shape(residuals));
    let (lanes, sets, n) = (shape[0], shape[1], shape[2]);
    if factors[0] == 1 {
        // The residuals of all lanes are the columns of one right-hand side.
        let factor = graph.reshape(factor, &[n, n]);
        let rows = graph.reshape(residuals, &[lanes * sets, n]);
        let columns = graph.transpose(&rows);
        let white = graph.linear_solve(System::Lower, &factor, &columns);
        let squares = sums_of_squares(graph, &white, 0);
        return graph.reshape(&squares, &[lanes, sets]);
    }
    let columns = graph.transpose(residuals);
    let white = graph.linear_solve(System::Lower, factor, &columns);
    sums_of_squares(graph, &white, 1)
}

/// Vectors as `[lanes, sets, n]`.
fn as_sets(graph: &mut Graph, x: &Expr) -> Expr {
    match *graph.shape(x) {
        [lanes, n] => graph.reshape(x, &[lanes, 1, n]),
        _ => x.clone(),
    }
}

/// Outcomes (argument 0) less locations (argument `mu`), which agree in size with each other and with the matrix after them:
/// `[lanes, sets, n]`. `None` where there are no outcomes, or they are of no numbers.
fn residuals(call: &mut Call, mu: usize) -> Result<Option<Expr>, Failure> {
    let n = square(call, mu + 1)?;
    let dims = [call.dims(0), call.dims(mu)];
    let sets = |dims: &Shape| (dims.len() == 2).then(|| dims[0]);
    let fits = |dims: &Shape| dims[dims.len() - 1] == n || sets(dims) == Some(0);
    let [left, right] = &dims;
    let apart = matches!((sets(left), sets(right)), (Some(m), Some(k)) if m != k);
    if apart || !fits(left) || !fits(right) {
        return Err(Failure::Wrong(format!(
            "{}: sizes {left:?}, {right:?} and {n} do not match (random variable, location parameter, rows of the matrix)",
            call.name
        )));
    }
    if n == 0 || sets(left) == Some(0) || sets(right) == Some(0) {
        return Ok(None);
    }
    let (y, location) = (call.real(0), call.real(mu));
    call.check(&y, not_nan("Random variable"));
    call.check(&location, finite("Location parameter"));
    let (y, location) = (as_sets(call.graph, &y), as_sets(call.graph, &location));
    Ok(Some(call.graph.sub(&y, &location)))
}

fn normal(call: &mut Call, spread: Spread) -> Result<Value, Failure> {
    let Some(residuals) = residuals(call, 1)? else {
        return Ok(Value::real(0.0));
    };
    let shape = call.graph.shape(&residuals);
    let standardised = spread.standardise(call, 2, &residuals);
    total_of(call, shape[1], |sheet| {
        vec![
            sheet.num(standardised.squares) * -0.5,
            -sheet.num(standardised.half_log_determinant),
            sheet.num(-HALF_LOG_TWO_PI * shape[2] as f64),
        ]
    })
}

fn student_t(call: &mut Call, spread: Spread) -> Result<Value, Failure> {
    let nu = call.real(1);
    call.check(&nu, positive_finite("Degrees of freedom parameter"));
    let Some(residuals) = residuals(call, 2)? else {
        return Ok(Value::real(0.0));
    };
    let shape = call.graph.shape(&residuals);
    let n = shape[2] as f64;
    let standardised = spread.standardise(call, 3, &residuals);
    let lanes = call.graph.shape(&nu)[0];
    let each = call.graph.reshape(&nu, &[lanes, 1]);
    total_of(call, shape[1], |sheet| {
        let (nu, each) = (sheet.num(nu), sheet.num(each));
        let tails = (sheet.num(standardised.squares) / &each).log1p();
        vec![
            -(tails * ((each + n) * 0.5)),
            ((&nu + n) * 0.5).lgamma() - (&nu * 0.5).lgamma() - (nu * PI).log() * (0.5 * n),
            -sheet.num(standardised.half_log_determinant),
        ]
    })
}

/// Each row of y is normal with mean zero and the covariance over its own weight.
fn process(call: &mut Call, spread: Spread) -> Result<Value, Failure> {
    let n = square(call, 1)?;
    let (sizes, weights) = (call.dims(0), call.dims(2)[0]);
    if sizes[0] != weights || sizes[1] != n {
        return Err(Failure::Wrong(format!(
            "{}: sizes {sizes:?}, {n} and {weights} do not match (random variable, rows of the matrix, weights)",
            call.name
        )));
    }
    if weights == 0 || n == 0 {
        return Ok(Value::real(0.0));
    }
    let (y, w) = (call.real(0), call.real(2));
    call.check(&y, finite("Random variable"));
    call.check(&w, positive("Kernel scales"));
    let standardised = spread.standardise(call, 1, &y);
    total_of(call, weights, |sheet| {
        let w = sheet.num(w);
        vec![
            sheet.num(standardised.squares) * &w * -0.5,
            w.log() * (0.5 * n as f64),
            -sheet.num(standardised.half_log_determinant),
            sheet.num(-HALF_LOG_TWO_PI * n as f64),
        ]
    })
}

/// Random vectors; of a Student t distribution where an argument is its degrees of freedom.
fn draw(call: &mut Call, spread: Spread, freedom: Option<usize>) -> Result<Value, Failure> {
    let mu = freedom.map_or(0, |i| i + 1);
    let n = square(call, mu + 1)?;
    let (location, dims) = (call.real(mu), call.dims(mu));
    if dims[dims.len() - 1] != n && !dims.contains(&0) {
        return Err(Failure::Wrong(format!(
            "{}: sizes {dims:?} and {n} do not match (location parameter, rows of the matrix)",
            call.name
        )));
    }
    call.check(&location, finite("Location parameter"));
    known(call, &location)?;
    let factor = spread.factor(call, mu + 1);
    known(call, &factor)?;
    let freedom = match freedom {
        Some(i) => {
            let nu = call.real(i);
            call.check(&nu, positive_finite("Degrees of freedom parameter"));
            Some(known(call, &nu)?)
        }
        None => None,
    };
    let (lanes, sets) = (call.lanes, if dims.len() == 2 { dims[0] } else { 1 });
    let random = call.random()?;
    let mut data: Vec<f64> = Vec::with_capacity(lanes * sets * n);
    for lane in 0..lanes {
        let rng = random.of(lane);
        for _ in 0..sets {
            let scale = freedom.as_ref().map_or(1.0, |nu| {
                let nu = nu.data()[lane % nu.len()];
                ChiSquared::new(nu).map_or(f64::NAN, |squares| (nu / squares.sample(rng)).sqrt())
            });
            data.extend((0..n).map(|_| {
                let z: f64 = StandardNormal.sample(rng);
                scale * z
            }));
        }
    }
    let noise = Array::new([lanes, sets, n], data).into();
    let graph = &mut *call.graph;
    let transposed = graph.transpose(&factor);
    let spread = graph.matmul(&noise, &transposed);
    let location = as_sets(graph, &location);
    let drawn = graph.add(&location, &spread);
    let mut shape = Shape::from_slice(&[lanes]);
    shape.extend_from_slice(&dims);
    Ok(Value::Real(graph.reshape(&drawn, &shape)))
}
