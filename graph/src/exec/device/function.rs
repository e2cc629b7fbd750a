//! Functions of rows take their tensors with draws first, and keep them on the device.

use burn::tensor::Tensor;

use super::value::Value;
use crate::{Function, Wanted};

/// The result, of these sizes: the last is the number of draws. The arguments are weights, inputs and, for a pullback,
/// the cotangent.
pub(super) fn evaluate(
    function: &Function,
    pullback: Option<Wanted>,
    (weights, inputs, cotangent): (Value, Value, Option<Value>),
    dims: &[usize],
) -> Value {
    let rows = |value: Value| Tensor::<3>::from_dispatch(value.permute(&[2, 0, 1]).tensor);
    let weights = Tensor::<2>::from_dispatch(weights.permute(&[1, 0]).tensor);
    let draws = dims[dims.len() - 1];
    let result = function.evaluate(pullback, weights, rows(inputs), cotangent.map(rows), draws);
    let size = dims[..dims.len() - 1].iter().product();
    let value = Value {
        tensor: result.into_dispatch(),
        dims: vec![draws, size],
    };
    value.permute(&[1, 0]).reshape(dims)
}
