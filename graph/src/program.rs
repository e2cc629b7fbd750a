use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::exec::{Cpu, HostExecutor, Reference};
use crate::{Graph, NodeId};

/// Width of the numbers a program computes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    F32,
    #[default]
    F64,
}

/// Where and how a program runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The device that holds the program's constants, and that its outputs are on.
    pub device: Device,
    /// Width of the numbers it computes with.
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

/// A compiled straight-line program: vectors in, vectors out, for any number of draws at once.
#[derive(Debug)]
pub struct Program {
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    executor: Box<dyn HostExecutor>,
    options: Options,
}

impl Program {
    /// Compiles what the given outputs need. Outputs are scalars or vectors per draw.
    ///
    /// # Panics
    /// When an output has two axes or more.
    pub fn compile(graph: &Graph, outputs: &[NodeId], options: &Options) -> Program {
        Program::with_executor(graph, outputs, options, Box::new(Cpu::new(graph, outputs)))
    }

    /// A program that works on one node and one draw at a time, on the host, in double precision: slow, obvious, and
    /// what fast programs are checked against.
    ///
    /// # Panics
    /// When an output has two axes or more.
    pub fn interpret(graph: &Graph, outputs: &[NodeId]) -> Program {
        Program::with_executor(
            graph,
            outputs,
            &Options::default(),
            Box::new(Reference::new(graph, outputs)),
        )
    }

    fn with_executor(
        graph: &Graph,
        outputs: &[NodeId],
        options: &Options,
        executor: Box<dyn HostExecutor>,
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
            executor,
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
        let batched = |(port, _): &(&Port, &Tensor<2>)| port.batched;
        let draws = self
            .inputs
            .iter()
            .zip(inputs)
            .find(batched)
            .map_or(1, |(_, tensor)| tensor.dims()[0]);
        let host: Vec<Vec<f64>> = inputs
            .iter()
            .map(|tensor| tensor.to_data().iter::<f64>().collect())
            .collect();
        let host: Vec<&[f64]> = host.iter().map(Vec::as_slice).collect();
        let dtype = match self.options.precision {
            Precision::F32 => DType::F32,
            Precision::F64 => DType::F64,
        };
        let results = self.run_host(&host, draws).into_iter().zip(&self.outputs);
        results
            .map(|(data, port)| {
                let rows = if port.batched { draws } else { 1 };
                let data = TensorData::new(data, [rows, port.length]).convert_dtype(dtype);
                Tensor::from_data(data, (&self.options.device, dtype))
            })
            .collect()
    }

    /// Runs on the host: inputs and outputs are row-major, `[draws, length]` where batched and `[length]` where not.
    ///
    /// # Panics
    /// When the inputs are not as many, or not of the lengths, that the graph declared.
    pub fn run_host(&self, inputs: &[&[f64]], draws: usize) -> Vec<Vec<f64>> {
        assert_eq!(inputs.len(), self.inputs.len(), "number of inputs");
        for (number, (input, port)) in inputs.iter().zip(&self.inputs).enumerate() {
            let rows = if port.batched { draws } else { 1 };
            assert_eq!(
                input.len(),
                rows * port.length,
                "length of input {number} for {draws} draws"
            );
        }
        self.executor.run(inputs, draws)
    }
}
