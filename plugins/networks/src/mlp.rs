//! Multilayer perceptrons: products with matrices, for all draws at once.

use burn::tensor::Tensor;
use firebrand_core::network::{Cotangents, Network, Wanted, WeightTensor};
use firebrand_core::{NetworkPlugin, OptionsError, Plugin, Stream, generator, inventory};
use rand::RngExt;

use crate::Activation;

firebrand_core::options! {
    /// Options of `mlp`.
    pub struct MlpOptions {
        /// Numbers in a row of inputs.
        inputs: usize = 0,
        /// Units of each hidden layer; none for a linear function.
        hidden: Vec<usize> = vec![],
        /// Numbers in a row of outputs.
        outputs: usize = 0,
        /// Between the layers: relu, tanh, gelu, silu or sigmoid.
        activation: Activation = Activation::Relu,
    }
}

/// A multilayer perceptron: `x W' + b` in each layer, and an activation between layers.
///
/// Its weights are `layers.0.weight` `[units, inputs]`, `layers.0.bias` `[units]`, and so on: PyTorch's layout.
#[derive(Debug)]
pub struct Mlp {
    /// Numbers that go into each layer, and come out of the last.
    sizes: Vec<usize>,
    activation: Activation,
    tensors: Vec<WeightTensor>,
}

/// One layer's weights of all draws.
struct Layer {
    /// `[S, to, from]`
    matrix: Tensor<3>,
    /// `[S, 1, to]`
    bias: Tensor<3>,
}

/// What a forward pass computed: what went into each layer, and the sums that activations were applied to.
struct Passed {
    into: Vec<Tensor<3>>,
    sums: Vec<Tensor<3>>,
    outputs: Tensor<3>,
}

impl Plugin for Mlp {
    type Options = MlpOptions;
    const NAME: &'static str = "mlp";
    const DOC: &'static str =
        "Multilayer perceptron: fully connected layers with an activation between them.";

    fn new(options: MlpOptions) -> Result<Self, OptionsError> {
        let MlpOptions {
            inputs,
            hidden,
            outputs,
            activation,
        } = options;
        let sizes = [&[inputs], hidden.as_slice(), &[outputs]].concat();
        if let Some(zero) = sizes.iter().position(|size| *size == 0) {
            let what = match zero {
                0 => "`inputs` must".to_string(),
                last if last == sizes.len() - 1 => "`outputs` must".into(),
                hidden => format!("units of hidden layer {hidden} must"),
            };
            let reason = format!("{what} be at least 1");
            return Err(OptionsError::invalid::<MlpOptions>(Mlp::NAME, reason));
        }
        let tensors = sizes.windows(2).enumerate().flat_map(|(layer, pair)| {
            let tensor = |name: &str, shape: &[usize]| WeightTensor {
                name: format!("layers.{layer}.{name}"),
                shape: shape.to_vec(),
            };
            [
                tensor("weight", &[pair[1], pair[0]]),
                tensor("bias", &[pair[1]]),
            ]
        });
        Ok(Mlp {
            tensors: tensors.collect(),
            sizes,
            activation,
        })
    }
}

inventory::submit! { NetworkPlugin::of::<Mlp>() }

impl Mlp {
    fn layers(&self, weights: &Tensor<2>) -> Vec<Layer> {
        let draws = weights.dims()[0];
        let mut next = 0;
        let mut take = |count: usize| {
            next += count;
            weights.clone().narrow(1, next - count, count)
        };
        self.sizes
            .windows(2)
            .map(|pair| Layer {
                matrix: take(pair[0] * pair[1]).reshape([draws, pair[1], pair[0]]),
                bias: take(pair[1]).reshape([draws, 1, pair[1]]),
            })
            .collect()
    }

    fn pass(&self, layers: &[Layer], inputs: Tensor<3>) -> Passed {
        let (mut into, mut sums) = (Vec::new(), Vec::new());
        let mut values = inputs;
        for (number, layer) in layers.iter().enumerate() {
            let sum = values.clone().matmul(layer.matrix.clone().transpose()) + layer.bias.clone();
            into.push(values);
            values = if number + 1 < layers.len() {
                let value = self.activation.apply(sum.clone());
                sums.push(sum);
                value
            } else {
                sum
            };
        }
        Passed {
            into,
            sums,
            outputs: values,
        }
    }
}

impl Network for Mlp {
    fn tensors(&self) -> &[WeightTensor] {
        &self.tensors
    }

    fn inputs(&self) -> usize {
        self.sizes[0]
    }

    fn outputs(&self) -> usize {
        self.sizes[self.sizes.len() - 1]
    }

    fn numbers_per_row(&self) -> usize {
        3 * self.sizes.iter().sum::<usize>()
    }

    /// Uniform between -k and k, where k = 1 / sqrt(numbers that go into the layer): as in Burn and PyTorch.
    fn initial(&self, seed: u64) -> Vec<f64> {
        let mut rng = generator(seed, Stream::Weights, 0);
        let mut weights = Vec::with_capacity(self.weights());
        for pair in self.sizes.windows(2) {
            let bound = (pair[0] as f64).sqrt().recip();
            let count = (pair[0] + 1) * pair[1];
            weights.extend((0..count).map(|_| rng.random_range(-bound..bound)));
        }
        weights
    }

    fn forward(&self, weights: Tensor<2>, inputs: Tensor<3>) -> Tensor<3> {
        self.pass(&self.layers(&weights), inputs).outputs
    }

    fn pullback(
        &self,
        weights: Tensor<2>,
        inputs: Tensor<3>,
        cotangent: Tensor<3>,
        wanted: Wanted,
    ) -> Cotangents {
        let draws = weights.dims()[0];
        let layers = self.layers(&weights);
        let Passed { into, sums, .. } = self.pass(&layers, inputs);
        let rows = cotangent.dims()[1];
        let ones = Tensor::ones([1, 1, rows], (&weights.device(), weights.dtype()));
        // From the last layer to the first.
        let mut to_weights: Vec<Tensor<2>> = Vec::new();
        let mut back = cotangent;
        for (number, layer) in layers.iter().enumerate().rev() {
            if wanted.weights {
                let size = self.sizes[number] * self.sizes[number + 1];
                // A product with ones adds up rows faster than a sum does.
                let bias = ones.clone().matmul(back.clone());
                to_weights.push(bias.reshape([draws, self.sizes[number + 1]]));
                let matrix = back.clone().transpose().matmul(into[number].clone());
                to_weights.push(matrix.reshape([draws, size]));
            }
            if number > 0 || wanted.inputs {
                back = back.matmul(layer.matrix.clone());
            }
            if number > 0 {
                back = self
                    .activation
                    .pull_back(&sums[number - 1], &into[number], back);
            }
        }
        to_weights.reverse();
        (
            wanted.weights.then(|| Tensor::cat(to_weights, 1)),
            wanted.inputs.then_some(back),
        )
    }
}
