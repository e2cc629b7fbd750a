//! Compiled programs of batches.
//!
//! Batches of one size give graphs that differ in the rows' numbers and, for most models, in nothing else. So a program is compiled with
//! those numbers as inputs, once, and runs for all batches whose graph is the same but for them. Where a batch's graph is another
//! (its rows take other branches, or pick other elements of a parameter) it is compiled too.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use firebrand_graph::{self as graph, Array, Expr, Graph, NodeId, Options, Template};

/// Structures that are remembered: the last ones that were met.
const REMEMBERED: usize = 8;

/// A batch's graph.
pub(super) struct Staged {
    graph: Graph,
    theta: NodeId,
    /// Log density, and whether a draw is valid.
    outputs: [NodeId; 2],
}

impl Staged {
    pub fn new(mut graph: Graph, density: &Expr, met: &Expr, theta: &Expr) -> Self {
        let outputs = [graph.node_of(density), graph.node_of(met)];
        let theta = graph.node_of(theta);
        Staged {
            graph,
            theta,
            outputs,
        }
    }
}

/// A program for all batches of one structure.
pub(super) struct Program {
    template: Template,
    /// Gives log density, score, and whether a draw is valid.
    pub score: graph::Program,
}

impl Program {
    fn compile(template: Template, theta: NodeId, options: &Options) -> Self {
        let (mut graph, outputs) = template.opened();
        let (density, met) = (outputs[0], outputs[1]);
        let score = graph.gradient(density, &[theta]).remove(0);
        let score = graph.node_of(&score);
        Program {
            score: graph::Program::compile(&graph, &[density, score, met], options),
            template,
        }
    }

    /// The numbers of a batch, as inputs after the points.
    pub fn inputs<'a>(
        &'a self,
        staged: &'a Staged,
        options: &'a Options,
    ) -> impl Iterator<Item = Tensor<2>> + 'a {
        let dtype = options.precision.dtype();
        let upload = move |array: Array| {
            let count = array.len();
            let data = TensorData::new(array.data().to_vec(), [1, count]).convert_dtype(dtype);
            Tensor::from_data(data, (&options.device, dtype))
        };
        self.template.values(&staged.graph).map(upload)
    }
}

/// The programs of the structures last met, the most recent one first.
#[derive(Default)]
pub(super) struct Programs {
    remembered: Vec<Arc<Program>>,
    #[cfg(test)]
    compiled: usize,
}

impl Programs {
    /// The program for a batch. `other` is another batch of as many rows: what differs between the two is given to the program as
    /// inputs from the beginning.
    pub fn find_or_compile(
        &mut self,
        staged: &Staged,
        options: &Options,
        other: impl FnOnce() -> Option<Staged>,
    ) -> Arc<Program> {
        let found = self
            .remembered
            .iter()
            .enumerate()
            .find_map(|(position, program)| {
                let different = program
                    .template
                    .differences(&staged.graph, &staged.outputs)?;
                Some((position, different))
            });
        let template = match found {
            Some((position, different)) => {
                let program = self.remembered.remove(position);
                if program.template.are_open(&different) {
                    self.remembered.insert(0, Arc::clone(&program));
                    return program;
                }
                // A number that was the same in all batches so far.
                let mut template = program.template.clone();
                template.open(&different);
                template
            }
            None => {
                let mut template = Template::new(staged.graph.clone(), &staged.outputs);
                let different =
                    other().and_then(|other| template.differences(&other.graph, &other.outputs));
                template.open(&different.unwrap_or_default());
                template
            }
        };
        let program = Arc::new(Program::compile(template, staged.theta, options));
        #[cfg(test)]
        {
            self.compiled += 1;
        }
        self.remembered.truncate(REMEMBERED - 1);
        self.remembered.insert(0, Arc::clone(&program));
        program
    }

    /// How many programs were compiled.
    #[cfg(test)]
    pub fn compiled(&self) -> usize {
        self.compiled
    }
}
