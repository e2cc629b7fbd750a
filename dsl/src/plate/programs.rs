//! Compiled programs of batches.
//!
//! Batches of one size give graphs that differ in the rows' numbers and, for most models, in nothing else. So a program is compiled with
//! those numbers as inputs, once, and runs for all batches whose graph is the same but for them. Where a batch's graph is another
//! (its rows take other branches, or pick other elements of a parameter) it is compiled by itself.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use firebrand_graph::{self as graph, Array, Expr, Graph, NodeId, Options, Template};
use rustc_hash::FxHashMap;

/// Programs of single batches that are kept: a start, and evaluations of all rows in blocks, come back to theirs.
const REMEMBERED: usize = 8;
/// Batches that are compared to see what differs between batches.
const REFERENCES: u64 = 4;

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

    fn differences(&self, template: &Template) -> Option<Vec<NodeId>> {
        template.differences(&self.graph, &self.outputs)
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

/// The programs of a plate.
///
/// **Invariant:** which program serves a batch depends on the batch alone and not on those before it, so that evaluation is a pure
/// function of points and batch, to the bit.
#[derive(Default)]
pub(super) struct Programs {
    /// For each size of batches the program that takes their numbers as inputs; `None` where batches of that size have no common
    /// structure.
    common: FxHashMap<usize, Option<Arc<Program>>>,
    /// Programs with their batch's numbers in them, the most recent one first.
    own: Vec<Arc<Program>>,
    #[cfg(test)]
    compiled: usize,
}

impl Programs {
    /// The program for a batch of `size` rows. `reference` gives batches of that size, always the same ones.
    pub fn find_or_compile(
        &mut self,
        size: usize,
        staged: &Staged,
        options: &Options,
        reference: impl Fn(u64) -> Option<Staged>,
    ) -> Arc<Program> {
        if !self.common.contains_key(&size) {
            let program = common(reference)
                .map(|(template, theta)| Arc::new(self.compile(template, theta, options)));
            self.common.insert(size, program);
        }
        if let Some(Some(program)) = self.common.get(&size)
            && let Some(different) = staged.differences(&program.template)
            && program.template.are_open(&different)
        {
            return Arc::clone(program);
        }
        let known = self.own.iter().position(|program| {
            let different = staged.differences(&program.template);
            different.is_some_and(|different| different.is_empty())
        });
        let program = match known {
            Some(position) => self.own.remove(position),
            None => {
                let template = Template::new(staged.graph.clone(), &staged.outputs);
                Arc::new(self.compile(template, staged.theta, options))
            }
        };
        self.own.truncate(REMEMBERED - 1);
        self.own.insert(0, Arc::clone(&program));
        program
    }

    fn compile(&mut self, template: Template, theta: NodeId, options: &Options) -> Program {
        #[cfg(test)]
        {
            self.compiled += 1;
        }
        Program::compile(template, theta, options)
    }

    /// How many programs were compiled.
    #[cfg(test)]
    pub fn compiled(&self) -> usize {
        self.compiled
    }
}

/// What reference batches have in common, with what differs between them left open; `None` if they have different structures.
fn common(reference: impl Fn(u64) -> Option<Staged>) -> Option<(Template, NodeId)> {
    let first = reference(0)?;
    let mut template = Template::new(first.graph.clone(), &first.outputs);
    for number in 1..REFERENCES {
        let different = reference(number)?.differences(&template)?;
        template.open(&different);
    }
    Some((template, first.theta))
}
