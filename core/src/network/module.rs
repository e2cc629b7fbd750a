//! Any Burn module as a [`Network`]: its weights as one flat vector, its derivatives from Burn's autodiff.

use std::fmt;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};

use super::{Cotangents, Network, Wanted, WeightTensor};
use crate::placement::to_host;
use crate::randomness::seeded;

/// A Burn module whose weights come from outside.
///
/// The module must work on each row by itself and hold nothing random: no batch normalisation, no dropout. It must keep the
/// precision of its inputs. Draws are worked on one after the other, each with a pass forward and one back.
///
/// ```
/// use burn::nn::{Linear, LinearConfig};
/// use firebrand_core::network::{ModuleNetwork, Network};
///
/// let network = ModuleNetwork::new(
///     2,
///     1,
///     |device| LinearConfig::new(2, 1).init(device),
///     |linear: &Linear, rows| linear.forward(rows),
/// );
/// assert_eq!(network.weights(), 3);
/// assert_eq!(network.tensors()[0].name, "weight");
/// ```
pub struct ModuleNetwork<M> {
    parts: Parts<M>,
    forward: Box<Forward<M>>,
    inputs: usize,
    outputs: usize,
    numbers_per_row: usize,
}

type Forward<M> = dyn Fn(&M, Tensor<2>) -> Tensor<2> + Send + Sync;

impl<M: Module + Sync> ModuleNetwork<M> {
    /// The module that `make` makes on a device; `forward` maps rows `[rows, inputs]` to `[rows, outputs]`.
    pub fn new(
        inputs: usize,
        outputs: usize,
        make: impl Fn(&Device) -> M + Send + Sync + 'static,
        forward: impl Fn(&M, Tensor<2>) -> Tensor<2> + Send + Sync + 'static,
    ) -> Self {
        ModuleNetwork {
            parts: Parts::new(make),
            forward: Box::new(forward),
            inputs,
            outputs,
            numbers_per_row: 8 * (inputs + outputs),
        }
    }

    /// With a better estimate of [`Network::numbers_per_row`] than eight times what goes in and out.
    pub fn with_numbers_per_row(self, numbers_per_row: usize) -> Self {
        ModuleNetwork {
            numbers_per_row,
            ..self
        }
    }

    /// The rows of one draw, of those that there are.
    fn rows(inputs: &Tensor<3>, draw: usize) -> Tensor<2> {
        let [draws, rows, columns] = inputs.dims();
        let own = inputs.clone().narrow(0, draw % draws, 1);
        own.reshape([rows, columns])
    }
}

impl<M> fmt::Debug for ModuleNetwork<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (inputs, outputs) = (self.inputs, self.outputs);
        write!(f, "a module from {inputs} to {outputs} numbers")
    }
}

impl<M: Module + Sync> Network for ModuleNetwork<M> {
    fn tensors(&self) -> &[WeightTensor] {
        &self.parts.tensors
    }

    fn inputs(&self) -> usize {
        self.inputs
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn numbers_per_row(&self) -> usize {
        self.numbers_per_row
    }

    fn initial(&self, seed: u64) -> Vec<f64> {
        self.parts.initial(seed)
    }

    fn forward(&self, weights: Tensor<2>, inputs: Tensor<3>) -> Tensor<3> {
        let draws = weights.dims()[0];
        let outputs = (0..draws).map(|draw| {
            let module = self.parts.with_weights(&weights, draw, false);
            let rows = ModuleNetwork::<M>::rows(&inputs, draw);
            (self.forward)(&module, rows).unsqueeze::<3>()
        });
        Tensor::cat(outputs.collect(), 0)
    }

    fn pullback(
        &self,
        weights: Tensor<2>,
        inputs: Tensor<3>,
        cotangent: Tensor<3>,
        wanted: Wanted,
    ) -> Cotangents {
        let draws = weights.dims()[0];
        let (mut to_weights, mut to_inputs) = (Vec::new(), Vec::new());
        for draw in 0..draws {
            let module = self.parts.with_weights(&weights, draw, true);
            let mut rows = ModuleNetwork::<M>::rows(&inputs, draw).autodiff();
            if wanted.inputs {
                rows = rows.require_grad();
            }
            let cotangent = ModuleNetwork::<M>::rows(&cotangent, draw).autodiff();
            let outputs = (self.forward)(&module, rows.clone());
            let gradients = (outputs * cotangent).sum().backward();
            if wanted.weights {
                to_weights.push(self.parts.gradient(&module, &gradients).unsqueeze::<2>());
            }
            if wanted.inputs {
                let own = rows
                    .grad(&gradients)
                    .unwrap_or_else(|| rows.inner().zeros_like());
                to_inputs.push(own.unsqueeze::<3>());
            }
        }
        (
            wanted.weights.then(|| Tensor::cat(to_weights, 0)),
            wanted.inputs.then(|| Tensor::cat(to_inputs, 0)),
        )
    }
}

/// A module taken apart: how it is made, and the tensors that its weights are.
pub(super) struct Parts<M> {
    make: Box<dyn Fn(&Device) -> M + Send + Sync>,
    pub(super) tensors: Vec<WeightTensor>,
}

impl<M: Module> Parts<M> {
    pub(super) fn new(make: impl Fn(&Device) -> M + Send + Sync + 'static) -> Self {
        let mut names = Names::default();
        make(&Device::flex()).visit(&mut names);
        Parts {
            make: Box::new(make),
            tensors: names.tensors,
        }
    }

    /// Weights as the module initialises them, `[P]`.
    pub(super) fn initial(&self, seed: u64) -> Vec<f64> {
        let device = Device::flex();
        seeded(&device, seed, || {
            let mut values = Values::default();
            (self.make)(&device).visit(&mut values);
            values.values
        })
    }

    /// The module with one draw's weights, of `[S, P]`; `tracked` ones have gradients.
    pub(super) fn with_weights(&self, weights: &Tensor<2>, draw: usize, tracked: bool) -> M {
        let device = weights.device();
        let device = if tracked { device.autodiff() } else { device };
        (self.make)(&device).map(&mut Set {
            weights: weights.clone().narrow(0, draw, 1),
            next: 0,
            tracked,
        })
    }

    /// The gradient of the weights of a tracked module, `[P]`.
    pub(super) fn gradient(&self, module: &M, gradients: &burn::tensor::Gradients) -> Tensor<1> {
        let mut found = Found {
            gradients,
            parts: Vec::with_capacity(self.tensors.len()),
        };
        module.visit(&mut found);
        Tensor::cat(found.parts, 0)
    }
}

/// Names and shapes of the weights, none of which is initialised for it.
#[derive(Default)]
struct Names {
    path: Vec<String>,
    tensors: Vec<WeightTensor>,
}

impl ModuleVisitor for Names {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.tensors.push(WeightTensor {
            name: self.path.join("."),
            shape: param.lazy_shape().to_vec(),
        });
    }

    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }
}

/// The weights as they were initialised.
#[derive(Default)]
struct Values {
    values: Vec<f64>,
}

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.values.extend(to_host(&param.val()));
    }
}

/// Puts weights in the place of a module's own, which are not initialised for it.
struct Set {
    /// `[1, P]`
    weights: Tensor<2>,
    next: usize,
    tracked: bool,
}

impl ModuleMapper for Set {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape: [usize; D] = param.lazy_shape().dims();
        let size = shape.iter().product();
        let own = self.weights.clone().narrow(1, self.next, size);
        self.next += size;
        let mut own = own.reshape(shape);
        if self.tracked {
            own = own.autodiff().require_grad();
        }
        Param::initialized(param.id, own)
    }
}

/// The gradients of the weights, flat; zero where an output does not depend on them.
struct Found<'g> {
    gradients: &'g burn::tensor::Gradients,
    parts: Vec<Tensor<1>>,
}

impl ModuleVisitor for Found<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let gradient = value
            .grad(self.gradients)
            .unwrap_or_else(|| value.inner().zeros_like());
        self.parts.push(gradient.flatten(0, D - 1));
    }
}
