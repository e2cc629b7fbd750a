use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::exec::{Cpu, HostExecutor, OnDevice, Reference};
use crate::{Graph, NodeId};

/// Width of the numbers a program computes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    F32,
    #[default]
    F64,
}

impl Precision {
    /// Burn's name for it.
    pub fn dtype(self) -> DType {
        match self {
            Precision::F32 => DType::F32,
            Precision::F64 => DType::F64,
        }
    }
}

/// Where and how a program runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The device that holds the program's constants, and that its outputs are on.
    pub device: Device,
    /// Width of the numbers it computes with, and of its outputs. On Burn's own CPU device (`Device::flex()`) programs
    /// compute in double precision whatever it is.
    pub precision: Precision,
}

impl Default for Options {
    /// The CPU, in double precision.
    fn default() -> Self {
        Options {
            device: Device::flex(),
            precision: Precision::F64,
        }
    }
}

/// What is known of an input or an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Port {
    length: usize,
    batched: bool,
}

/// What runs a program.
#[derive(Debug)]
enum Engine {
    Host(Box<dyn HostExecutor>),
    Device(Box<OnDevice>),
}

/// A compiled straight-line program: vectors in, vectors out, for any number of draws at once.
///
/// On the CPU it runs as fused loops over the host's memory; on other devices, as operations of Burn. The same inputs give
/// the same bits each time.
#[derive(Debug)]
pub struct Program {
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    engine: Engine,
    options: Options,
}

impl Program {
    /// Compiles what the given outputs need. Outputs are scalars or vectors per draw.
    ///
    /// # Panics
    /// When an output has two axes or more.
    pub fn compile(graph: &Graph, outputs: &[NodeId], options: &Options) -> Program {
        if options.device == Device::flex() {
            let graph = &*graph.with_joint_solutions(outputs);
            return Program::with_engine(
                graph,
                outputs,
                options,
                Engine::Host(Box::new(Cpu::new(graph, outputs))),
            );
        }
        Program::on_burn(graph, outputs, options)
    }

    /// A program that runs as operations of Burn even where there is a faster way.
    ///
    /// # Panics
    /// When an output has two axes or more.
    pub fn on_burn(graph: &Graph, outputs: &[NodeId], options: &Options) -> Program {
        let graph = &*graph.with_joint_solutions(outputs);
        let engine = OnDevice::new(graph, outputs, &options.device, options.precision.dtype());
        Program::with_engine(graph, outputs, options, Engine::Device(Box::new(engine)))
    }

    /// A program that works on one node and one draw at a time, on the host, in double precision: slow, obvious, and
    /// what fast programs are checked against.
    ///
    /// # Panics
    /// When an output has two axes or more.
    pub fn interpret(graph: &Graph, outputs: &[NodeId]) -> Program {
        let graph = &*graph.with_joint_solutions(outputs);
        let engine = Engine::Host(Box::new(Reference::new(graph, outputs)));
        Program::with_engine(graph, outputs, &Options::default(), engine)
    }

    fn with_engine(
        graph: &Graph,
        outputs: &[NodeId],
        options: &Options,
        engine: Engine,
    ) -> Program {
        let output_ports = outputs.iter().map(|output| {
            let node = graph.node(*output);
            assert!(
                node.shape.len() <= 1,
                "an output is a scalar or a vector, not of shape {:?}",
                node.shape
            );
            Port {
                length: node.shape.iter().product(),
                batched: node.batched,
            }
        });
        Program {
            inputs: graph
                .inputs()
                .map(|(length, batched)| Port { length, batched })
                .collect(),
            outputs: output_ports.collect(),
            engine,
            options: options.clone(),
        }
    }

    /// Where and how it runs.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Runs on tensors: `[draws, length]` for a batched input, `[1, length]` for one that is the same for all draws. The
    /// outputs are of the same form.
    ///
    /// # Panics
    /// When the inputs are not as many, or not of the lengths, that the graph declared.
    pub fn run(&self, inputs: &[Tensor<2>]) -> Vec<Tensor<2>> {
        assert_eq!(inputs.len(), self.inputs.len(), "number of inputs");
        let batched = |(port, _): &(&Port, &Tensor<2>)| port.batched;
        let draws = self
            .inputs
            .iter()
            .zip(inputs)
            .find(batched)
            .map_or(1, |(_, tensor)| tensor.dims()[0]);
        match &self.engine {
            Engine::Device(engine) => {
                for (number, (input, port)) in inputs.iter().zip(&self.inputs).enumerate() {
                    assert_eq!(
                        input.dims(),
                        [port.rows(draws), port.length],
                        "input {number} for {draws} draws"
                    );
                }
                let batched: Vec<bool> = self.inputs.iter().map(|port| port.batched).collect();
                engine.run(inputs, &batched, draws)
            }
            Engine::Host(_) => {
                let host: Vec<Vec<f64>> = inputs
                    .iter()
                    .map(|input| input.to_data().iter::<f64>().collect())
                    .collect();
                let host: Vec<&[f64]> = host.iter().map(Vec::as_slice).collect();
                let results = self.run_host(&host, draws).into_iter().zip(&self.outputs);
                results
                    .map(|(data, port)| self.upload(data, port.rows(draws), port.length))
                    .collect()
            }
        }
    }

    /// Runs on the host's numbers: inputs and outputs are row-major, `[draws, length]` where batched and `[length]` where
    /// not.
    ///
    /// # Panics
    /// When the inputs are not as many, or not of the lengths, that the graph declared.
    pub fn run_host(&self, inputs: &[&[f64]], draws: usize) -> Vec<Vec<f64>> {
        assert_eq!(inputs.len(), self.inputs.len(), "number of inputs");
        for (number, (input, port)) in inputs.iter().zip(&self.inputs).enumerate() {
            assert_eq!(
                input.len(),
                port.rows(draws) * port.length,
                "length of input {number} for {draws} draws"
            );
        }
        match &self.engine {
            Engine::Host(engine) => engine.run(inputs, draws),
            Engine::Device(_) => {
                let ports = inputs.iter().zip(&self.inputs);
                let inputs: Vec<Tensor<2>> = ports
                    .map(|(data, port)| self.upload(data.to_vec(), port.rows(draws), port.length))
                    .collect();
                self.run(&inputs)
                    .into_iter()
                    .map(|output| output.into_data().iter::<f64>().collect())
                    .collect()
            }
        }
    }

    fn upload(&self, data: Vec<f64>, rows: usize, length: usize) -> Tensor<2> {
        let dtype = self.options.precision.dtype();
        let data = TensorData::new(data, [rows, length]).convert_dtype(dtype);
        Tensor::from_data(data, (&self.options.device, dtype))
    }
}

impl Port {
    fn rows(self, draws: usize) -> usize {
        if self.batched { draws } else { 1 }
    }
}
