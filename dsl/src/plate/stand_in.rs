//! Small functions of rows in the place of networks, where it matters how a model uses their outputs and not what they compute.
//!
//! Whether a model is a sum over rows is tried at many points and on many rows. Millions of weights take minutes for what a sine of the
//! inputs says as well: both map each row by itself, the network by its contract, of which [`keep_rows_apart`] looks at a sample.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use firebrand_core::network::{self, Cotangents, Network, Wanted, WeightTensor};
use firebrand_core::{Placement, Stream, normals, to_host};
use firebrand_graph::Array;

use crate::stage::Built;

/// What rounding may make of a row's outputs, relative to their size, where other rows are computed with it.
const TOLERANCE: f64 = 1e-8;
const STREAM: Stream = Stream::Other(0x7374_616e);

/// For each network one of a few weights with the same inputs and outputs.
pub(super) fn for_all(networks: &[Built]) -> Arc<Vec<Built>> {
    let standing_in = networks.iter().map(|built| {
        let network = StandIn::of(&*built.network);
        let count = network.weights();
        let first = |weights: &Array| Array::vector(weights.data()[..count].to_vec());
        let initial = built.initial.as_ref().map(first);
        Built::new(Arc::new(network), initial)
    });
    Arc::new(standing_in.collect())
}

/// Whether each network has the same outputs for two rows, at random, as for one and the other.
pub(super) fn keep_rows_apart(networks: &[Built]) -> bool {
    networks
        .iter()
        .all(|built| keeps_rows_apart(&*built.network))
}

fn keeps_rows_apart(network: &dyn Network) -> bool {
    let (here, inputs) = (Placement::cpu(), network.inputs());
    let weights = here.matrix(network.initial(0), [1, network.weights()]);
    let rows = here.matrix(normals(0, STREAM, 0, 2 * inputs), [2, inputs]);
    let rows = rows.unsqueeze::<3>();
    let outputs = |rows: Tensor<3>| to_host(&network::forward(network, weights.clone(), rows));
    let both = outputs(rows.clone());
    let apart = [0, 1].map(|row| outputs(rows.clone().narrow(1, row, 1)));
    let size = both.iter().fold(1.0, |size: f64, x| size.max(x.abs()));
    let mut pairs = both.iter().zip(apart.iter().flatten());
    both.len() == 2 * network.outputs() && pairs.all(|(a, b)| (a - b).abs() <= TOLERANCE * size)
}

/// The sine of a linear function of the inputs, with a phase for every output.
#[derive(Debug)]
struct StandIn {
    inputs: usize,
    outputs: usize,
    slopes: [WeightTensor; 1],
}

impl StandIn {
    /// One with a weight for each input, or for as many as the network has weights.
    fn of(network: &dyn Network) -> Self {
        StandIn {
            inputs: network.inputs(),
            outputs: network.outputs(),
            slopes: [WeightTensor {
                name: "slopes".into(),
                shape: vec![network.inputs().min(network.weights())],
            }],
        }
    }
}

impl Network for StandIn {
    fn tensors(&self) -> &[WeightTensor] {
        &self.slopes
    }

    fn inputs(&self) -> usize {
        self.inputs
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn numbers_per_row(&self) -> usize {
        self.inputs + 2 * self.outputs
    }

    fn initial(&self, _seed: u64) -> Vec<f64> {
        vec![0.0; self.weights()]
    }

    fn forward(&self, weights: Tensor<2>, inputs: Tensor<3>) -> Tensor<3> {
        let [draws, used] = weights.dims();
        let rows = inputs.dims()[1];
        let inputs = inputs.narrow(2, 0, used).expand([draws, rows, used]);
        let phases: Vec<f64> = (0..self.outputs).map(|output| output as f64).collect();
        let place = (&weights.device(), weights.dtype());
        let phases = Tensor::<3>::from_data(TensorData::new(phases, [1, 1, self.outputs]), place);
        let share = 1.0 / (used.max(1) as f64).sqrt();
        let slopes = weights.reshape([draws, used, 1]);
        (inputs.matmul(slopes) * share + phases).sin()
    }

    fn pullback(
        &self,
        _weights: Tensor<2>,
        _inputs: Tensor<3>,
        _cotangent: Tensor<3>,
        _wanted: Wanted,
    ) -> Cotangents {
        unreachable!("what stands in for a network is never differentiated")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::{Linear, LinearConfig};
    use firebrand_core::network::ModuleNetwork;

    fn network(
        forward: impl Fn(&Linear, Tensor<2>) -> Tensor<2> + Send + Sync + 'static,
    ) -> ModuleNetwork<Linear> {
        ModuleNetwork::new(3, 2, |device| LinearConfig::new(3, 2).init(device), forward)
    }

    #[test]
    fn a_network_that_couples_rows_is_found_out() {
        let apart = network(|linear, rows| linear.forward(rows).tanh());
        assert!(keeps_rows_apart(&apart));
        // As batch normalisation does.
        let coupled = network(|linear, rows| {
            let outputs = linear.forward(rows);
            outputs.clone() - outputs.mean_dim(0)
        });
        assert!(!keeps_rows_apart(&coupled));
    }

    #[test]
    fn a_stand_in_has_the_rows_of_the_network_and_depends_on_weights_and_row() {
        let stand_in = StandIn::of(&network(|linear, rows| linear.forward(rows)));
        let numbers = |stream, shape: [usize; 2]| {
            let numbers = normals(1, Stream::Other(stream), 0, shape.iter().product());
            Placement::cpu().matrix(numbers, shape)
        };
        let found = stand_in.forward(numbers(1, [2, 3]), numbers(2, [4, 3]).unsqueeze());
        assert_eq!(found.dims(), [2, 4, 2]);
        let mut found = to_host(&found);
        found.sort_by(f64::total_cmp);
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
