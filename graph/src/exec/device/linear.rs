//! Linear algebra in 64 bits, and masses of distributions, which no library for devices has with their derivatives: on the host, and back.

use burn::backend::Dispatch;

use super::algebra::AlgebraOps;
use super::value::{Place, Value};
use crate::{Array, MassDerivative, MatrixFunction, System, fold};

/// The function of matrices in the two axes before that of the draws.
pub(super) fn matrix_function(kind: MatrixFunction, x: Value, place: &Place) -> Value {
    let rank = x.dims.len();
    let x = draws_first(x, rank).in_64_bits();
    let (lead, n) = (&x.dims[..rank - 2], x.dims[rank - 1]);
    let dims = [lead, &kind.result_shape(n)].concat();
    let tensor = Dispatch::matrix_function(kind, x.tensor);
    draws_last(Value { tensor, dims }.in_precision_of(place))
}

/// The arguments lie along the first axis, behind the draws on the host.
pub(super) fn mass(mass: MassDerivative, x: Value, place: &Place) -> Value {
    let rank = x.dims.len();
    let mut axes: Vec<usize> = (0..rank).collect();
    axes.swap(0, 1);
    let x = draws_first(x, rank);
    let by_draw = Array::new(x.dims.clone(), x.into_host());
    let result = fold::mass(mass, &fold::permute(&by_draw, &axes));
    draws_last(place.upload(result.data().to_vec(), result.shape()))
}

/// Both have their matrices in the two axes before that of the draws.
pub(super) fn solve(system: System, matrix: Value, right: Value, place: &Place) -> Value {
    let rank = matrix.dims.len().max(right.dims.len());
    let matrix = draws_first(matrix, rank).in_64_bits();
    let right = draws_first(right, rank).in_64_bits();
    let lead = crate::broadcast_shape(&matrix.dims[..rank - 2], &right.dims[..rank - 2])
        .expect("the graph's shapes broadcast");
    let dims = [&lead, &right.dims[rank - 2..]].concat();
    let tensor = Dispatch::linear_solve(system, matrix.tensor, right.tensor);
    draws_last(Value { tensor, dims }.in_precision_of(place))
}

/// A value with its draws first, behind them new axes of size one up to `rank`.
fn draws_first(x: Value, rank: usize) -> Value {
    let mut axes: Vec<usize> = (0..rank).collect();
    axes.rotate_right(1);
    x.ranked(rank).permute(&axes)
}

/// And last again.
fn draws_last(x: Value) -> Value {
    let mut axes: Vec<usize> = (0..x.dims.len()).collect();
    axes.rotate_left(1);
    x.permute(&axes)
}
