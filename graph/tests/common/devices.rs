//! The devices that are compiled in, and how near to double precision they come.

use burn::tensor::Device;
use firebrand_graph::{Graph, NodeId, Options, Precision, Program};

use super::difference;

/// The devices, each with the precisions it is tried in. With `FIREBRAND_CUDA` set to a device's number, that one is among them.
pub fn devices() -> Vec<Options> {
    let devices = [
        Some(Device::flex()),
        #[cfg(feature = "tch")]
        Some(Device::libtorch()),
        #[cfg(feature = "tch")]
        cuda(),
    ];
    let both = [Precision::F64, Precision::F32];
    devices
        .into_iter()
        .flatten()
        .flat_map(|device| {
            both.map(|precision| Options {
                device: device.clone(),
                precision,
            })
        })
        .collect()
}

#[cfg(feature = "tch")]
fn cuda() -> Option<Device> {
    let index: usize = std::env::var("FIREBRAND_CUDA").ok()?.parse().ok()?;
    Some(Device::libtorch_cuda(index))
}

/// How far results may be from those in double precision, given how many operations follow each other.
pub fn tolerance(options: &Options) -> f64 {
    match options.precision {
        Precision::F64 => 1e-12,
        Precision::F32 => 2e-4,
    }
}

/// The largest difference between a device and the obvious executor.
pub fn compare(
    graph: &Graph,
    outputs: &[NodeId],
    inputs: &[&[f64]],
    draws: usize,
    options: &Options,
) -> f64 {
    let burn = Program::on_burn(graph, outputs, options).run_host(inputs, draws);
    difference(
        &burn,
        &Program::interpret(graph, outputs).run_host(inputs, draws),
    )
}
