//! Architectures that are a Burn module and nothing else.

/// Implements `Network` for a type that wraps a `ModuleNetwork`.
macro_rules! delegate_network {
    ($architecture:ty) => {
        impl firebrand_core::network::Network for $architecture {
            fn tensors(&self) -> &[firebrand_core::network::WeightTensor] {
                self.0.tensors()
            }

            fn inputs(&self) -> usize {
                self.0.inputs()
            }

            fn outputs(&self) -> usize {
                self.0.outputs()
            }

            fn numbers_per_row(&self) -> usize {
                self.0.numbers_per_row()
            }

            fn initial(&self, seed: u64) -> Vec<f64> {
                self.0.initial(seed)
            }

            fn forward(
                &self,
                weights: burn::tensor::Tensor<2>,
                inputs: burn::tensor::Tensor<3>,
            ) -> burn::tensor::Tensor<3> {
                self.0.forward(weights, inputs)
            }

            fn pullback(
                &self,
                weights: burn::tensor::Tensor<2>,
                inputs: burn::tensor::Tensor<3>,
                cotangent: burn::tensor::Tensor<3>,
                wanted: firebrand_core::network::Wanted,
            ) -> firebrand_core::network::Cotangents {
                self.0.pullback(weights, inputs, cotangent, wanted)
            }
        }
    };
}

pub(crate) use delegate_network;
