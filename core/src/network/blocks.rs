//! Networks at work on as many draws and rows at a time as the caches of a CPU, or the memory of a GPU, have room for.

use burn::tensor::Tensor;

use super::{Cotangents, Network, Wanted};
use crate::placement::is_gpu;

/// Numbers that a block holds at most, about: half a gigabyte in 64 bits.
const MOST_NUMBERS: usize = 1 << 26;
/// Numbers that a block holds on a CPU, about, which its caches have room for ...
const CACHED_NUMBERS: usize = 1 << 18;
/// ... unless the weights, which are read anew for each block, are so many that they would be most of what is read.
const NUMBERS_PER_WEIGHT: usize = 8;

/// Numbers that a block may hold where these weights are.
fn block_numbers(weights: &Tensor<2>) -> usize {
    if is_gpu(&weights.device()) {
        return MOST_NUMBERS;
    }
    (NUMBERS_PER_WEIGHT * weights.dims()[1]).clamp(CACHED_NUMBERS, MOST_NUMBERS)
}

/// Draws and rows worked on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    draws: usize,
    rows: usize,
}

impl Block {
    /// All rows of as many draws as fit; where one draw's do not fit, as many of its rows as do.
    fn new(network: &dyn Network, draws: usize, rows: usize, most: usize) -> Block {
        let row = network.numbers_per_row().max(1);
        let fitting = most / (row * rows.max(1) + network.weights());
        let block = Block {
            draws: fitting.clamp(1, draws.max(1)),
            rows: rows.max(1),
        };
        if fitting > 0 {
            return block;
        }
        let rows = (most.saturating_sub(network.weights()) / row).max(most / 8 / row);
        Block {
            rows: rows.clamp(1, block.rows),
            ..block
        }
    }
}

/// The outputs of a network, see [`Network::forward`], block by block.
pub fn forward(network: &dyn Network, weights: Tensor<2>, inputs: Tensor<3>) -> Tensor<3> {
    let most = block_numbers(&weights);
    forward_within(network, weights, inputs, most)
}

/// The cotangents that a network pulls back, see [`Network::pullback`], block by block.
pub fn pullback(
    network: &dyn Network,
    weights: Tensor<2>,
    inputs: Tensor<3>,
    cotangent: Tensor<3>,
    wanted: Wanted,
) -> Cotangents {
    let most = block_numbers(&weights);
    pullback_within(network, weights, inputs, cotangent, wanted, most)
}

fn forward_within(
    network: &dyn Network,
    weights: Tensor<2>,
    inputs: Tensor<3>,
    most: usize,
) -> Tensor<3> {
    let (draws, rows) = (weights.dims()[0], inputs.dims()[1]);
    let block = Block::new(network, draws, rows, most);
    in_blocks(draws, block.draws, 0, |first, count| {
        let weights = weights.clone().narrow(0, first, count);
        let inputs = own_draws(&inputs, first, count);
        in_blocks(rows, block.rows, 1, |first, count| {
            network.forward(weights.clone(), inputs.clone().narrow(1, first, count))
        })
    })
}

fn pullback_within(
    network: &dyn Network,
    weights: Tensor<2>,
    inputs: Tensor<3>,
    cotangent: Tensor<3>,
    wanted: Wanted,
    most: usize,
) -> Cotangents {
    let (draws, rows) = (weights.dims()[0], inputs.dims()[1]);
    let block = Block::new(network, draws, rows, most);
    let (mut to_weights, mut to_inputs) = (Vec::new(), Vec::new());
    for first in (0..draws).step_by(block.draws) {
        let count = block.draws.min(draws - first);
        let weights = weights.clone().narrow(0, first, count);
        let inputs = own_draws(&inputs, first, count);
        let cotangent = cotangent.clone().narrow(0, first, count);
        let mut total: Option<Tensor<2>> = None;
        let mut by_row = Vec::new();
        for first in (0..rows).step_by(block.rows) {
            let count = block.rows.min(rows - first);
            let (of_weights, of_inputs) = network.pullback(
                weights.clone(),
                inputs.clone().narrow(1, first, count),
                cotangent.clone().narrow(1, first, count),
                wanted,
            );
            total = match (total, of_weights) {
                (Some(total), Some(more)) => Some(total + more),
                (total, more) => total.or(more),
            };
            by_row.extend(of_inputs);
        }
        to_weights.extend(total);
        to_inputs.extend(joined(by_row, 1));
    }
    (joined(to_weights, 0), joined(to_inputs, 0))
}

/// The inputs of some draws.
fn own_draws(inputs: &Tensor<3>, first: usize, count: usize) -> Tensor<3> {
    match inputs.dims()[0] {
        1 => inputs.clone(),
        _ => inputs.clone().narrow(0, first, count),
    }
}

/// The results for the blocks `(first, count)` of an axis, joined along it.
fn in_blocks(
    size: usize,
    block: usize,
    axis: usize,
    mut run: impl FnMut(usize, usize) -> Tensor<3>,
) -> Tensor<3> {
    if block >= size {
        return run(0, size);
    }
    let blocks = (0..size).step_by(block);
    Tensor::cat(
        blocks
            .map(|first| run(first, block.min(size - first)))
            .collect(),
        axis,
    )
}

fn joined<const D: usize>(mut parts: Vec<Tensor<D>>, axis: usize) -> Option<Tensor<D>> {
    match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(Tensor::cat(parts, axis)),
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};

    use super::*;
    use crate::network::ModuleNetwork;
    use crate::placement::{Placement, to_host};
    use crate::randomness::{Stream, normals};

    const DRAWS: usize = 5;
    const ROWS: usize = 7;
    const BOTH: Wanted = Wanted {
        weights: true,
        inputs: true,
    };

    /// Eight numbers a row, nine weights.
    fn network() -> impl Network {
        ModuleNetwork::new(
            2,
            3,
            |device| LinearConfig::new(2, 3).init(device),
            |linear: &Linear, rows| linear.forward(rows).tanh(),
        )
        .with_numbers_per_row(8)
    }

    fn numbers<const D: usize>(stream: u32, shape: [usize; D]) -> Tensor<D> {
        let values = normals(1, Stream::Other(stream), 0, shape.iter().product());
        Placement::cpu().vector(&values).reshape(shape)
    }

    fn assert_near(a: Vec<f64>, b: Vec<f64>) {
        assert_eq!(a.len(), b.len());
        // Rows are added up in another order.
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-13));
    }

    #[test]
    fn blocks_of_draws_and_of_rows_give_what_all_give_at_once() {
        let network = network();
        let weights = numbers(1, [DRAWS, 9]);
        let cotangent = numbers(2, [DRAWS, ROWS, 3]);
        for inputs in [numbers(3, [1, ROWS, 2]), numbers(4, [DRAWS, ROWS, 2])] {
            let pull = |most| {
                let (weights, inputs) = (weights.clone(), inputs.clone());
                pullback_within(&network, weights, inputs, cotangent.clone(), BOTH, most)
            };
            let whole = forward(&network, weights.clone(), inputs.clone());
            let (to_weights, to_inputs) = pull(MOST_NUMBERS);
            // Two draws at once, one, and a few rows of one.
            for most in [2 * (8 * ROWS + 9), 8 * ROWS + 9, 30, 1] {
                let parts = forward_within(&network, weights.clone(), inputs.clone(), most);
                assert_near(to_host(&parts), to_host(&whole));
                let (weights_by_parts, inputs_by_parts) = pull(most);
                assert_near(
                    weights_by_parts.as_ref().map(to_host).unwrap(),
                    to_weights.as_ref().map(to_host).unwrap(),
                );
                assert_near(
                    inputs_by_parts.as_ref().map(to_host).unwrap(),
                    to_inputs.as_ref().map(to_host).unwrap(),
                );
            }
        }
    }

    #[test]
    fn a_block_fits_the_memory_as_far_as_one_row_does() {
        let network = network();
        let block = |most| Block::new(&network, 10, 100, most);
        assert_eq!(
            block(1 << 20),
            Block {
                draws: 10,
                rows: 100
            }
        );
        assert_eq!(
            block(2 * 809),
            Block {
                draws: 2,
                rows: 100
            }
        );
        assert_eq!(block(409), Block { draws: 1, rows: 50 });
        assert_eq!(block(1), Block { draws: 1, rows: 1 });
    }
}
