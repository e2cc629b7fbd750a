//! Functions that map rows to rows by code of their own, such as neural networks: opaque to the graph, with their own adjoint.

use std::fmt;
use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};

/// A function of weights that maps rows of numbers to rows of numbers, each row by itself.
///
/// Draws lead. Tensors are on the device, and in the precision, of the program that calls it.
pub trait RowFunction: fmt::Debug + Send + Sync {
    /// How many weights it has.
    fn weights(&self) -> usize;

    /// How many numbers it takes in a row.
    fn inputs(&self) -> usize;

    /// How many numbers it makes of a row.
    fn outputs(&self) -> usize;

    /// The outputs `[draws, rows, outputs]` for each draw's weights `[draws, weights]` and inputs `[draws, rows, inputs]`, or
    /// `[1, rows, inputs]` where they are the same for all draws.
    fn apply(&self, weights: Tensor<2>, inputs: Tensor<3>) -> Tensor<3>;

    /// The sums of cotangents `[draws, rows, outputs]` times derivatives with respect to what is wanted, for each draw: to the
    /// weights `[draws, weights]`, and to the inputs `[draws, rows, inputs]`.
    fn pullback(
        &self,
        weights: Tensor<2>,
        inputs: Tensor<3>,
        cotangent: Tensor<3>,
        wanted: Wanted,
    ) -> (Option<Tensor<2>>, Option<Tensor<3>>);
}

/// What the cotangents of a [`RowFunction`] are wanted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The weights.
    pub weights: bool,
    /// The inputs.
    pub inputs: bool,
}

/// A [`RowFunction`] in a node. It equals itself alone: functions are not compared by what they compute.
#[derive(Clone, Debug)]
pub struct Function(pub Arc<dyn RowFunction>);

impl PartialEq for Function {
    fn eq(&self, other: &Function) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Numbers on the host, `[draws, rows, columns]`.
pub(crate) type HostRows = (Vec<f64>, [usize; 3]);

impl Function {
    /// Numbers in the result for this many rows: outputs, or what is wanted of a pullback, weights first.
    pub(crate) fn result_size(&self, pullback: Option<Wanted>, rows: usize) -> usize {
        match pullback {
            None => rows * self.0.outputs(),
            Some(wanted) => {
                let weights = if wanted.weights { self.0.weights() } else { 0 };
                let inputs = if wanted.inputs { self.0.inputs() } else { 0 };
                weights + rows * inputs
            }
        }
    }

    /// The result for `draws` draws, `[draws, size]`, of weights `[draws or 1, weights]`, inputs and, for a pullback, cotangents
    /// `[draws or 1, rows, columns]`.
    pub(crate) fn evaluate(
        &self,
        pullback: Option<Wanted>,
        weights: Tensor<2>,
        inputs: Tensor<3>,
        cotangent: Option<Tensor<3>>,
        draws: usize,
    ) -> Tensor<2> {
        let weights = weights.expand([draws, self.0.weights()]);
        let rows = inputs.dims()[1];
        let (Some(wanted), Some(cotangent)) = (pullback, cotangent) else {
            let outputs = self.0.apply(weights, inputs);
            return outputs.reshape([draws, rows * self.0.outputs()]);
        };
        let cotangent = cotangent.expand([draws, rows, self.0.outputs()]);
        let (to_weights, to_inputs) = self.0.pullback(weights, inputs, cotangent, wanted);
        let to_inputs = to_inputs.map(|x| x.reshape([draws, rows * self.0.inputs()]));
        let mut parts: Vec<Tensor<2>> = to_weights.into_iter().chain(to_inputs).collect();
        match parts.len() {
            1 => parts.remove(0),
            _ => Tensor::cat(parts, 1),
        }
    }

    /// The same on the host in 64 bits: arguments `[draws or 1, rows, columns]`, of which weights are one row.
    pub(crate) fn evaluate_host(
        &self,
        pullback: Option<Wanted>,
        arguments: Vec<HostRows>,
        draws: usize,
    ) -> Vec<f64> {
        let device = Device::flex();
        let mut tensors = arguments.into_iter().map(|(numbers, shape)| {
            Tensor::<3>::from_data(TensorData::new(numbers, shape), (&device, DType::F64))
        });
        let (Some(weights), Some(inputs)) = (tensors.next(), tensors.next()) else {
            unreachable!("a function of weights and inputs")
        };
        let [own, _, count] = weights.dims();
        let weights = weights.reshape([own, count]);
        let result = self.evaluate(pullback, weights, inputs, tensors.next(), draws);
        result
            .into_data()
            .try_into_vec::<f64>()
            .expect("a function keeps the precision of its arguments")
    }
}
