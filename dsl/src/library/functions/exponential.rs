//! The exponential of a matrix.

use std::f64::consts::LN_2;

use firebrand_graph::{Array, Binary, Expr, Graph, System, Unary};

use super::arrange::same_size;
use super::matrices::square;
use crate::library::Function;
use crate::library::call::Call;
use crate::value::Value;

pub(in crate::library) const TABLE: &[Function] = &[
    Function::listed("matrix_exp", &["matrix(matrix)"], |call| {
        square(call, 0)?;
        let x = call.real(0);
        Ok(Value::Real(exponential(call, &x)))
    }),
    Function::listed("matrix_exp_multiply", &["matrix(matrix, matrix)"], |call| {
        let n = square(call, 0)?;
        same_size(call, n, call.dims(1)[0])?;
        let (x, right) = (call.real(0), call.real(1));
        let left = exponential(call, &x);
        Ok(Value::Real(call.graph.matmul(&left, &right)))
    }),
    Function::listed(
        "scale_matrix_exp_multiply",
        &["matrix(real, matrix, matrix)"],
        |call| {
            let n = square(call, 1)?;
            same_size(call, n, call.dims(2)[0])?;
            let (scale, x, right) = (call.real(0), call.real(1), call.real(2));
            let (scale, x) = call.aligned(&scale, &x);
            let x = call.graph.mul(&scale, &x);
            let left = exponential(call, &x);
            Ok(Value::Real(call.graph.matmul(&left, &right)))
        },
    ),
];

/// The norm up to which the approximation is exact to rounding (Higham 2005, table 2.3).
const LARGEST_NORM: f64 = 5.371_920_351_148_152;

/// Coefficients of the Padé approximation of degree 13, divided by the first.
const PADE: [f64; 14] = {
    let whole = [
        64_764_752_532_480_000.0,
        32_382_376_266_240_000.0,
        7_771_770_303_897_600.0,
        1_187_353_796_428_800.0,
        129_060_195_264_000.0,
        10_559_470_521_600.0,
        670_442_572_800.0,
        33_522_128_640.0,
        1_323_241_920.0,
        40_840_800.0,
        960_960.0,
        16_380.0,
        182.0,
        1.0,
    ];
    let mut scaled = [0.0; 14];
    let mut k = 0;
    while k < 14 {
        scaled[k] = whole[k] / whole[0];
        k += 1;
    }
    scaled
};

/// How often the result may be squared: norms up to 5.4 * 2^16 are exact, larger ones reject the draw.
const MOST_SQUARINGS: usize = 16;

/// Scaling and squaring with a Padé approximation (Higham 2005), of `[lanes, n, n]`. Each draw and lane is scaled by its own
/// power of two, and squared as often.
fn exponential(call: &mut Call, x: &Expr) -> Expr {
    let shape = call.graph.shape(x);
    let (lanes, n) = (shape[0], shape[1]);
    if n == 0 {
        return x.clone();
    }
    let graph = &mut *call.graph;
    let sizes = graph.unary(Unary::Abs, x);
    let columns = graph.sum(&sizes, 1);
    let norm = graph.max(&columns, 1);
    let ratio = graph.scale(&norm, LARGEST_NORM.recip());
    let ratio = graph.binary(Binary::Max, &ratio, &1.0.into());
    let doublings = graph.log(&ratio);
    let doublings = graph.scale(&doublings, LN_2.recip());
    let squarings = graph.unary(Unary::Ceil, &doublings);
    let met = graph.binary(
        Binary::LessEqual,
        &squarings,
        &(MOST_SQUARINGS as f64).into(),
    );
    let name = call.name;
    call.require(met, || format!("{name}: the matrix is too large"));
    let graph = &mut *call.graph;
    let squarings = graph.reshape(&squarings, &[lanes, 1, 1]);
    let scale = graph.scale(&squarings, -LN_2);
    let scale = graph.exp(&scale);
    let scaled = graph.mul(x, &scale);
    let mut result = pade(graph, &scaled, n);
    let most = squarings.as_data().map_or(MOST_SQUARINGS, |known| {
        let most = known.data().iter().copied().fold(0.0, f64::max);
        (most as usize).min(MOST_SQUARINGS)
    });
    for k in 0..most {
        let square = graph.matmul(&result, &result);
        let more = graph.binary(Binary::Less, &(k as f64).into(), &squarings);
        result = graph.select(&more, &square, &result);
    }
    result
}

/// `(V - U) \ (V + U)`, U and V being the odd and the even terms.
fn pade(graph: &mut Graph, x: &Expr, n: usize) -> Expr {
    let square = graph.matmul(x, x);
    let fourth = graph.matmul(&square, &square);
    let sixth = graph.matmul(&fourth, &square);
    let powers = [identity(n), square, fourth, sixth.clone()];
    let combined = |graph: &mut Graph, first: usize, count: usize| {
        (0..count)
            .map(|k| (k, PADE[first + 2 * k]))
            .fold(None, |sum: Option<Expr>, (k, coefficient)| {
                // The higher half has no identity: its powers begin with the square.
                let power = &powers[if count == 3 { k + 1 } else { k }];
                let term = graph.scale(power, coefficient);
                Some(match sum {
                    Some(sum) => graph.add(&sum, &term),
                    None => term,
                })
            })
            .unwrap_or_else(|| identity(n))
    };
    let half = |graph: &mut Graph, parity: usize| {
        let high = combined(graph, 8 + parity, 3);
        let high = graph.matmul(&sixth, &high);
        let low = combined(graph, parity, 4);
        graph.add(&high, &low)
    };
    let odd = half(graph, 1);
    let odd = graph.matmul(x, &odd);
    let even = half(graph, 0);
    let (above, below) = (graph.add(&even, &odd), graph.sub(&even, &odd));
    graph.linear_solve(System::General, &below, &above)
}

/// The identity matrix, the same in all lanes.
pub(super) fn identity(n: usize) -> Expr {
    let data = (0..n * n).map(|k| f64::from(k / n == k % n)).collect();
    Array::new([1, n, n], data).into()
}
