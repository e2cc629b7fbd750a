//! Linear algebra: factors, quotients, inverses, determinants, eigenvalues.

use firebrand_graph::{Array, Expr, Graph, MatrixFunction, System};

use super::arrange::same_size;
use super::definite::{factor, half_log_determinant, require_lower, require_symmetric};
use super::matrices::{diagonal, square};
use crate::library::Function;
use crate::library::call::{Call, Failure};
use crate::value::Value;

const OF_MATRIX: &[&str] = &["matrix(matrix)"];
const REAL: &[&str] = &["real(matrix)"];
const LEFT: &[&str] = &["vector(matrix, vector)", "matrix(matrix, matrix)"];
const RIGHT: &[&str] = &["row_vector(row_vector, matrix)", "matrix(matrix, matrix)"];

pub(in crate::library) const TABLE: &[Function] = &[
    Function::listed("cholesky_decompose", OF_MATRIX, |call| {
        square(call, 0)?;
        let x = call.real(0);
        Ok(Value::Real(factor(call, &x, "m")))
    }),
    Function::listed("mdivide_left", LEFT, |call| {
        left(call, |_, a| (a.clone(), &[System::General]))
    }),
    Function::listed("mdivide_left_spd", LEFT, |call| {
        left(call, |call, a| (factor(call, a, "A"), SYMMETRIC))
    }),
    Function::listed("mdivide_left_tri_low", LEFT, |call| {
        left(call, |_, a| (a.clone(), &[System::Lower]))
    }),
    Function::listed("mdivide_right", RIGHT, |call| {
        right(call, |call, a| {
            (call.graph.transpose(a), &[System::General])
        })
    }),
    Function::listed("mdivide_right_spd", RIGHT, |call| {
        right(call, |call, a| (factor(call, a, "A"), SYMMETRIC))
    }),
    Function::listed("mdivide_right_tri_low", RIGHT, |call| {
        right(call, |_, a| (a.clone(), &[System::LowerTransposed]))
    }),
    Function::listed("inverse", OF_MATRIX, |call| {
        let n = square(call, 0)?;
        let x = call.real(0);
        let inverse = call.graph.linear_solve(System::General, &x, &identity(n));
        Ok(Value::Real(inverse))
    }),
    Function::listed("inverse_spd", OF_MATRIX, |call| {
        square(call, 0)?;
        let x = call.real(0);
        let factor = factor(call, &x, "m");
        Ok(Value::Real(inverse_of_square(call.graph, &factor)))
    }),
    Function::listed("chol2inv", OF_MATRIX, |call| {
        square(call, 0)?;
        let factor = call.real(0);
        require_lower(call, &factor, "L");
        Ok(Value::Real(inverse_of_square(call.graph, &factor)))
    }),
    Function::listed("determinant", REAL, |call| {
        square(call, 0)?;
        let x = call.real(0);
        let kind = MatrixFunction::Determinant;
        Ok(Value::Real(call.graph.matrix_function(kind, &x)))
    }),
    Function::listed("log_determinant", REAL, |call| {
        square(call, 0)?;
        let x = call.real(0);
        let kind = MatrixFunction::LogDeterminant;
        Ok(Value::Real(call.graph.matrix_function(kind, &x)))
    }),
    Function::listed("log_determinant_spd", REAL, |call| {
        square(call, 0)?;
        let x = call.real(0);
        let factor = factor(call, &x, "m");
        let half = half_log_determinant(call, &factor);
        Ok(Value::Real(call.graph.scale(&half, 2.0)))
    }),
    Function::listed("eigenvalues_sym", &["vector(matrix)"], |call| {
        Ok(Value::Real(eigen(call)?.0))
    }),
    Function::listed("eigenvectors_sym", OF_MATRIX, |call| {
        Ok(Value::Real(eigen(call)?.1))
    }),
    Function::listed(
        "trace_gen_quad_form",
        &["real(matrix, matrix, matrix)"],
        trace_gen_quad_form,
    ),
    Function::listed("matrix_power", &["matrix(matrix, int)"], matrix_power),
];

/// What solves `A X = B` for a symmetric A, given its factor.
const SYMMETRIC: &[System] = &[System::Lower, System::LowerTransposed];

/// A matrix, and how it stands in the systems that are solved with it, one after the other.
type Divisor = fn(&mut Call, &Expr) -> (Expr, &'static [System]);

/// A \ B
fn left(call: &mut Call, divisor: Divisor) -> Result<Value, Failure> {
    let n = square(call, 0)?;
    same_size(call, n, call.dims(1)[0])?;
    let (a, b) = (call.real(0), call.real(1));
    let (a, systems) = divisor(call, &a);
    Ok(Value::Real(solutions(call.graph, &a, &b, systems)))
}

/// B / A = (A' \ B')'; the divisor is that of A'.
fn right(call: &mut Call, divisor: Divisor) -> Result<Value, Failure> {
    let n = square(call, 1)?;
    let dims = call.dims(0);
    same_size(call, dims[dims.len() - 1], n)?;
    let (b, a) = (call.real(0), call.real(1));
    let (a, systems) = divisor(call, &a);
    Ok(Value::Real(transposed_solutions(
        call.graph, &a, &b, systems,
    )))
}

/// `a \ b` where `a` is `[lanes, n, n]` and `b` vectors `[lanes, n]` or matrices `[lanes, n, columns]`.
pub fn left_division(graph: &mut Graph, a: &Expr, b: &Expr) -> Result<Expr, Failure> {
    divisible("\\", &graph.shape(a), graph.shape(b)[1])?;
    Ok(solutions(graph, a, b, &[System::General]))
}

/// `b / a` where `a` is `[lanes, n, n]` and `b` row vectors `[lanes, n]` or matrices `[lanes, rows, n]`.
pub fn right_division(graph: &mut Graph, b: &Expr, a: &Expr) -> Result<Expr, Failure> {
    let shape = graph.shape(b);
    divisible("/", &graph.shape(a), shape[shape.len() - 1])?;
    let transposed = graph.transpose(a);
    Ok(transposed_solutions(
        graph,
        &transposed,
        b,
        &[System::General],
    ))
}

fn divisible(operator: &str, divisor: &[usize], size: usize) -> Result<(), Failure> {
    if divisor[1] == size && divisor[2] == size {
        return Ok(());
    }
    Err(Failure::Wrong(format!(
        "{operator}: a matrix of size {:?} cannot divide {size} numbers",
        &divisor[1..]
    )))
}

fn solutions(graph: &mut Graph, a: &Expr, b: &Expr, systems: &[System]) -> Expr {
    let (a_shape, b_shape) = (graph.shape(a), graph.shape(b));
    let solve = |graph: &mut Graph, a: &Expr, b: Expr| {
        systems
            .iter()
            .fold(b, |right, system| graph.linear_solve(*system, a, &right))
    };
    if b_shape.len() == 3 {
        return solve(graph, a, b.clone());
    }
    let n = b_shape[1];
    if a_shape[0] == 1 {
        // The vectors of all lanes are the columns of one right-hand side.
        let matrix = graph.reshape(a, &[n, n]);
        let columns = graph.transpose(b);
        let solution = solve(graph, &matrix, columns);
        return graph.transpose(&solution);
    }
    let columns = graph.reshape(b, &[b_shape[0], n, 1]);
    let solution = solve(graph, a, columns);
    graph.reshape(&solution, &[a_shape[0], n])
}

/// The solutions for the rows of `b`, as rows.
fn transposed_solutions(graph: &mut Graph, a: &Expr, b: &Expr, systems: &[System]) -> Expr {
    if graph.shape(b).len() == 2 {
        return solutions(graph, a, b, systems);
    }
    let columns = graph.transpose(b);
    let solution = solutions(graph, a, &columns, systems);
    graph.transpose(&solution)
}

/// `(L L')^-1`
fn inverse_of_square(graph: &mut Graph, factor: &Expr) -> Expr {
    let n = graph.shape(factor)[1];
    solutions(graph, factor, &identity(n), SYMMETRIC)
}

fn identity(n: usize) -> Expr {
    let data = (0..n * n).map(|k| f64::from(k / n == k % n)).collect();
    Array::new([1, n, n], data).into()
}

/// Eigenvalues, ascending, and their vectors as columns.
fn eigen(call: &mut Call) -> Result<(Expr, Expr), Failure> {
    if square(call, 0)? == 0 {
        return Err(Failure::Wrong(format!("{}: an empty matrix", call.name)));
    }
    let x = call.real(0);
    require_symmetric(call, &x, "m");
    Ok(call.graph.eigen(&x))
}

/// trace(D B' A B)
fn trace_gen_quad_form(call: &mut Call) -> Result<Value, Failure> {
    let (d, a) = (square(call, 0)?, square(call, 1)?);
    let sizes = call.dims(2);
    same_size(call, a, sizes[0])?;
    same_size(call, d, sizes[1])?;
    let [d, a, b] = [0, 1, 2].map(|i| call.real(i));
    let graph = &mut *call.graph;
    let transposed = graph.transpose(&b);
    let product = graph.matmul(&a, &b);
    let form = graph.matmul(&transposed, &product);
    let product = graph.matmul(&d, &form);
    let diagonal = diagonal(graph, &product);
    Ok(Value::Real(graph.sum(&diagonal, 1)))
}

/// By repeated squaring.
fn matrix_power(call: &mut Call) -> Result<Value, Failure> {
    let n = square(call, 0)?;
    let mut exponent = u64::try_from(call.uniform_int(1)?)
        .map_err(|_| Failure::Wrong(format!("{}: a negative exponent", call.name)))?;
    let mut square = call.real(0);
    let lanes = call.graph.shape(&square)[0];
    let mut power = call.graph.broadcast_to(&identity(n), &[lanes, n, n]);
    while exponent > 0 {
        if exponent % 2 == 1 {
            power = call.graph.matmul(&power, &square);
        }
        exponent /= 2;
        if exponent > 0 {
            square = call.graph.matmul(&square, &square);
        }
    }
    Ok(Value::Real(power))
}
