//! Linear algebra and masses of distributions, which Burn lacks: on the host, in 64 bits, and back.

use super::value::{Place, Value};
use crate::{Array, MassDerivative, MatrixFunction, System, fold, linear};

pub(super) fn matrix_function(kind: MatrixFunction, x: Value, place: &Place) -> Value {
    let rank = x.dims.len();
    to_device(&linear::matrix_function(kind, &to_host(x, rank)), place)
}

/// The arguments lie along the first axis, behind the draws on the host.
pub(super) fn mass(mass: MassDerivative, x: Value, place: &Place) -> Value {
    let rank = x.dims.len();
    let mut axes: Vec<usize> = (0..rank).collect();
    axes.swap(0, 1);
    let by_draw = to_host(x, rank);
    to_device(&fold::mass(mass, &fold::permute(&by_draw, &axes)), place)
}

pub(super) fn solve(system: System, matrix: Value, right: Value, place: &Place) -> Value {
    let rank = matrix.dims.len().max(right.dims.len());
    let (matrix, right) = (to_host(matrix, rank), to_host(right, rank));
    to_device(&linear::solve(system, &matrix, &right), place)
}

/// The numbers of a value, its draws first, with new axes of size one up to `rank`.
fn to_host(x: Value, rank: usize) -> Array {
    let x = x.ranked(rank);
    let mut axes: Vec<usize> = (0..rank).collect();
    axes.rotate_right(1);
    let x = x.permute(&axes);
    Array::new(x.dims.clone(), x.read())
}

/// A value from numbers whose draws come first.
fn to_device(x: &Array, place: &Place) -> Value {
    let mut axes: Vec<usize> = (0..x.shape().len()).collect();
    axes.rotate_left(1);
    place.upload(x.data().to_vec(), x.shape()).permute(&axes)
}
