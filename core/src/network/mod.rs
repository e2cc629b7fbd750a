//! Neural networks: functions of weights that map rows to rows, with their own derivatives.
//!
//! A [`Network`] is a plugin like a family is: chosen by name, made from options, `mlp(inputs: 784, hidden: [1200], outputs:
//! 10)`. It holds no weights: those are parameters of the model that uses it, a block of the unconstrained vector, and differ
//! from draw to draw. [`ModuleNetwork`] makes one of any Burn module; [`forward`] and [`pullback`] call one with bounded memory.

mod blocks;
mod module;
mod target;

use std::fmt;

use burn::tensor::Tensor;

pub use blocks::{forward, pullback};
pub use module::ModuleNetwork;
pub use target::ModuleTarget;

/// One named tensor among a network's weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightTensor {
    /// Its name, such as `layers.0.weight`: what it is called in a file of weights.
    pub name: String,
    /// Its shape; the elements are row-major.
    pub shape: Vec<usize>,
}

impl WeightTensor {
    /// How many weights it holds.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

/// What a pullback is wanted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The weights.
    pub weights: bool,
    /// The inputs.
    pub inputs: bool,
}

/// Cotangents of weights `[S, P]` and inputs `[S, rows, inputs]`, as they were wanted.
pub type Cotangents = (Option<Tensor<2>>, Option<Tensor<3>>);

/// A function of weights that maps each row of inputs, by itself, to a row of outputs.
///
/// Draws lead: weights are `[S, P]`, and each draw has its own. A row's outputs depend on no other row; so there is no batch
/// normalisation, and nothing is random.
pub trait Network: fmt::Debug + Send + Sync {
    /// Its weights, in the order in which they make up the flat vector of P numbers.
    fn tensors(&self) -> &[WeightTensor];

    /// How many numbers a row of inputs has.
    fn inputs(&self) -> usize;

    /// How many numbers a row of outputs has.
    fn outputs(&self) -> usize;

    /// P, the number of weights.
    fn weights(&self) -> usize {
        self.tensors().iter().map(WeightTensor::size).sum()
    }

    /// Numbers that a pullback holds for one row of one draw, about: what rows and draws at once are chosen by.
    fn numbers_per_row(&self) -> usize;

    /// Random weights to begin from, `[P]`. The same seed gives the same weights.
    fn initial(&self, seed: u64) -> Vec<f64>;

    /// Outputs `[S, rows, outputs]` for weights `[S, P]` and inputs `[S, rows, inputs]`, or `[1, rows, inputs]` where all draws
    /// have the same.
    fn forward(&self, weights: Tensor<2>, inputs: Tensor<3>) -> Tensor<3>;

    /// Cotangents `[S, rows, outputs]` times the derivatives at weights and inputs: for each draw, summed over the rows.
    fn pullback(
        &self,
        weights: Tensor<2>,
        inputs: Tensor<3>,
        cotangent: Tensor<3>,
        wanted: Wanted,
    ) -> Cotangents;
}
