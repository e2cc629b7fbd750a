//! Executors: the ways to run a compiled program.

mod cpu;
mod device;
mod reference;

pub(crate) use cpu::Cpu;
pub(crate) use device::OnDevice;
pub(crate) use reference::Reference;

/// Runs one fixed program on the host.
pub(crate) trait HostExecutor: Send + Sync + std::fmt::Debug {
    /// `inputs` are draw-major: `[draws, length]` where the input is batched, `[length]` where it is not. So are the outputs.
    fn run(&self, inputs: &[&[f64]], draws: usize) -> Vec<Vec<f64>>;
}
