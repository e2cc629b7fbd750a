//! What every architecture has to fulfil, and perceptrons beside Burn's own layers and derivatives.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation::gelu};
use firebrand_core::network::{ModuleNetwork, ModuleTarget, Network, Wanted, forward, pullback};
use firebrand_core::{Batch, Placement, Stream, Target, normals, registry, to_host};
use firebrand_networks as _;

const BOTH: Wanted = Wanted {
    weights: true,
    inputs: true,
};

fn network(text: &str) -> Box<dyn Network> {
    registry::network(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .plugin
}

/// Small networks of every architecture.
fn all() -> Vec<(&'static str, Box<dyn Network>)> {
    [
        "mlp(inputs: 3, hidden: [4, 5], outputs: 2, activation: silu)",
        "mlp(inputs: 3, outputs: 2)",
        "lenet(height: 16, width: 18, classes: 3, filters: [2, 3], units: 4)",
        "resnet(depth: 18, channels: 1, height: 9, width: 8, classes: 2, filters: 4, group: 4)",
        "resnet(depth: 50, channels: 1, height: 64, width: 64, classes: 2, filters: 1, group: 1)",
        "vit(patch: 4, width: 6, depth: 2, heads: 3, mlp: 5, image: 8, classes: 2, channels: 1)",
    ]
    .map(|text| (text, network(text)))
    .into()
}

/// Numbers without a pattern, of any shape.
fn numbers<const D: usize>(stream: u32, shape: [usize; D]) -> Tensor<D> {
    let count = shape.iter().product();
    let values = normals(1, Stream::Other(stream), 0, count);
    Placement::cpu().vector(&values).reshape(shape)
}

/// Weights of as many draws: each a small step away from where the network begins.
fn weights(network: &dyn Network, draws: usize) -> Tensor<2> {
    let initial: Vec<f64> = (0..draws as u64)
        .flat_map(|seed| network.initial(seed))
        .collect();
    let shape = [draws, network.weights()];
    Placement::cpu().matrix(initial, shape) + numbers(1, shape).mul_scalar(0.1)
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
    let pairs = a.iter().zip(b);
    pairs.fold(0.0, |most: f64, (a, b)| most.max((a - b).abs())) / scale
}

#[test]
fn pullbacks_are_derivatives_along_any_direction() {
    // Short, so that no rectifier is at its kink between the points.
    const STEP: f64 = 1e-6;
    for (text, network) in all() {
        let weights = weights(&*network, 2);
        let inputs = numbers(2, [2, 3, network.inputs()]);
        let cotangent = numbers(3, [2, 3, network.outputs()]);
        let (to_weights, to_inputs) =
            network.pullback(weights.clone(), inputs.clone(), cotangent.clone(), BOTH);
        let unit = |length: f64| length.sqrt().recip();
        let along_weights = numbers(4, weights.dims()).mul_scalar(unit(network.weights() as f64));
        let along_inputs = numbers(5, inputs.dims()).mul_scalar(unit(network.inputs() as f64));
        let derivative = |gradient: f64, moved: &dyn Fn(f64) -> Tensor<3>| {
            let value = |step: f64| to_host(&(moved(step) * cotangent.clone()).sum())[0];
            let slope = (8.0 * (value(STEP) - value(-STEP)) - value(2.0 * STEP)
                + value(-2.0 * STEP))
                / (12.0 * STEP);
            let error = (gradient - slope).abs() / slope.abs().max(1.0);
            // Rounding of 1e-14 over the step, and what Burn's autodiff does in single precision.
            assert!(error < 1e-6, "{text}: {gradient} is not {slope}");
        };
        let total = |a: Tensor<1>| to_host(&a)[0];
        derivative(
            total((to_weights.unwrap() * along_weights.clone()).sum()),
            &|step| {
                let moved = weights.clone() + along_weights.clone().mul_scalar(step);
                network.forward(moved, inputs.clone())
            },
        );
        derivative(
            total((to_inputs.unwrap() * along_inputs.clone()).sum()),
            &|step| {
                let moved = inputs.clone() + along_inputs.clone().mul_scalar(step);
                network.forward(weights.clone(), moved)
            },
        );
    }
}

#[test]
fn rows_and_draws_are_worked_on_by_themselves() {
    for (text, network) in all() {
        let weights = weights(&*network, 3);
        let inputs = numbers(2, [1, 4, network.inputs()]);
        let together = forward(&*network, weights.clone(), inputs.clone());
        assert_eq!(together.dims(), [3, 4, network.outputs()], "{text}");
        let row = network.forward(
            weights.clone().narrow(0, 1, 1),
            inputs.clone().narrow(1, 2, 1),
        );
        let same = together.clone().narrow(0, 1, 1).narrow(1, 2, 1);
        assert!(
            largest_difference(&to_host(&row), &to_host(&same)) < 1e-12,
            "{text}"
        );
        let own = inputs.clone().repeat_dim(0, 3);
        let apart = forward(&*network, weights, own);
        assert!(
            largest_difference(&to_host(&apart), &to_host(&together)) < 1e-12,
            "{text}"
        );
    }
}

#[test]
fn names_and_random_beginnings_are_those_of_the_architecture() {
    for (text, network) in all() {
        assert_eq!(network.initial(3), network.initial(3), "{text}");
        assert_ne!(network.initial(3), network.initial(4), "{text}");
        let mut names: Vec<&str> = network.tensors().iter().map(|t| t.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), network.tensors().len(), "{text}");
    }
    let weights = |text: &str| network(text).weights();
    assert_eq!(
        weights("mlp(inputs: 784, hidden: [1200, 1200], outputs: 10)"),
        2_395_210
    );
    assert_eq!(weights("lenet"), 431_080);
    // As many as PyTorch's, whose normalisation has two weights a channel too.
    assert_eq!(weights("resnet(depth: 18)"), 11_689_512);
    assert_eq!(weights("resnet(depth: 34)"), 21_797_672);
    assert_eq!(weights("resnet(depth: 50)"), 25_557_032);
    assert_eq!(weights("resnet(depth: 101)"), 44_549_160);
    assert_eq!(weights("vit"), 86_567_656);
    let large = "vit(patch: 32, width: 1024, depth: 24, heads: 16, mlp: 4096)";
    assert_eq!(weights(large), 306_535_400);
    let bottleneck = network("resnet(depth: 50)");
    let named = |name: &str| bottleneck.tensors().iter().find(|t| t.name == name);
    let shape = |name: &str| named(name).map(|tensor| tensor.shape.as_slice());
    assert_eq!(
        shape("layer1.0.downsample.0.weight"),
        Some([256, 64, 1, 1].as_slice())
    );
    assert_eq!(shape("layer3.5.bn2.bias"), Some([256].as_slice()));
    assert_eq!(shape("fc.weight"), Some([1000, 2048].as_slice()));
}

/// A perceptron of Burn's layers, whose matrices are `[from, to]`.
#[derive(Module, Debug)]
struct Perceptron {
    first: Linear,
    second: Linear,
}

fn perceptron() -> ModuleNetwork<Perceptron> {
    ModuleNetwork::new(
        3,
        2,
        |device: &Device| Perceptron {
            first: LinearConfig::new(3, 4).init(device),
            second: LinearConfig::new(4, 2).init(device),
        },
        |module: &Perceptron, rows| module.second.forward(gelu(module.first.forward(rows))),
    )
}

/// The weights of two layers, whose matrices have these shapes, with both transposed.
fn transposed(weights: &Tensor<2>, matrices: [[usize; 2]; 2]) -> Tensor<2> {
    let draws = weights.dims()[0];
    let (mut parts, mut next) = (Vec::new(), 0);
    for ([rows, columns], biases) in matrices.into_iter().zip([4, 2]) {
        let size = rows * columns;
        let matrix = weights.clone().narrow(1, next, size);
        let matrix = matrix.reshape([draws, rows, columns]).transpose();
        parts.push(matrix.reshape([draws, size]));
        parts.push(weights.clone().narrow(1, next + size, biases));
        next += size + biases;
    }
    Tensor::cat(parts, 1)
}

#[test]
fn perceptrons_are_those_of_burn_with_its_derivatives() {
    let burn = perceptron();
    let own = network("mlp(inputs: 3, hidden: [4], outputs: 2, activation: gelu)");
    let shape = [5, own.weights()];
    let weights = numbers(1, shape);
    let burns = transposed(&weights, [[4, 3], [2, 4]]);
    let inputs = numbers(2, [1, 6, 3]);
    let cotangent = numbers(3, [5, 6, 2]);
    let (a, b) = (
        own.forward(weights.clone(), inputs.clone()),
        burn.forward(burns.clone(), inputs.clone()),
    );
    assert!(largest_difference(&to_host(&a), &to_host(&b)) < 1e-14);
    let (w, x) = pullback(&*own, weights, inputs.clone(), cotangent.clone(), BOTH);
    let (burn_w, burn_x) = pullback(&burn, burns, inputs, cotangent, BOTH);
    let back = transposed(&burn_w.unwrap(), [[3, 4], [4, 2]]);
    // Burn's gelu has some constants in single precision.
    assert!(largest_difference(&to_host(&w.unwrap()), &to_host(&back)) < 1e-6);
    assert!(largest_difference(&to_host(&x.unwrap()), &to_host(&burn_x.unwrap())) < 1e-6);
}

#[test]
fn a_module_is_a_target_in_a_few_lines() {
    let x = numbers(1, [20, 3]);
    let y = x.clone().sum_dim(1).repeat_dim(1, 2);
    let target = ModuleTarget::new(
        |device: &Device| Perceptron {
            first: LinearConfig::new(3, 4).init(device),
            second: LinearConfig::new(4, 2).init(device),
        },
        move |module: &Perceptron, batch: &Batch| {
            let of_batch = |data: &Tensor<2>| match batch {
                Batch::Full => data.clone().autodiff(),
                Batch::Rows { rows, .. } => {
                    let rows: Vec<i64> = rows.iter().map(|row| *row as i64).collect();
                    let rows = Tensor::from_data(rows.as_slice(), &data.device());
                    data.clone().select(0, rows).autodiff()
                }
            };
            let hidden = module.first.forward(of_batch(&x)).tanh();
            let residual = module.second.forward(hidden) - of_batch(&y);
            residual.square().sum().mul_scalar(-0.5)
        },
    )
    .with_prior(2.0)
    .with_rows("N", 20);
    let names: Vec<&str> = target
        .parameters()
        .iter()
        .map(|p| p.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["first.weight", "first.bias", "second.weight", "second.bias"]
    );
    firebrand_conformance::target::report(&target).assert();
}
