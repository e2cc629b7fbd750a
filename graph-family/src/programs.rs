//! The programs that follow from a family's formulas, each compiled when it is first asked for.

use std::sync::OnceLock;

use burn::tensor::Tensor;
use firebrand_core::{Placement, Precision};
use firebrand_graph::{self as graph, Array, Expr, Graph, NodeId, Program};

use crate::formulas::Formulas;

/// Formulas and what they were compiled to; clones of an approximation share it.
pub(crate) struct Programs {
    formulas: Box<dyn Formulas>,
    options: graph::Options,
    weights: OnceLock<Program>,
    sample: OnceLock<Program>,
    pull_sample: OnceLock<Program>,
    log_prob: OnceLock<Program>,
    pull_log_prob: OnceLock<Program>,
    score: OnceLock<Program>,
    pull_score: OnceLock<Program>,
}

/// A graph that begins with lambda.
struct Sketch<'f> {
    formulas: &'f dyn Formulas,
    graph: Graph,
    lambda: Expr,
}

impl<'f> Sketch<'f> {
    fn new(formulas: &'f dyn Formulas) -> Self {
        let mut graph = Graph::new();
        let lambda = graph.input(formulas.parameters(), false);
        Sketch {
            formulas,
            graph,
            lambda,
        }
    }

    fn each(&mut self, length: usize) -> Expr {
        self.graph.input(length, true)
    }

    /// A scalar for each draw.
    fn each_scalar(&mut self) -> Expr {
        let vector = self.each(1);
        self.graph.reshape(&vector, &[])
    }

    /// The draw, and where there are strata the log weight of its own.
    fn sample(&mut self) -> Vec<Expr> {
        let noise = self.each(self.formulas.noise());
        let strata = self.formulas.strata();
        if strata == 1 {
            let only = Array::vector(vec![1.0]).into();
            let theta = self
                .formulas
                .sample(&mut self.graph, &self.lambda, &noise, &only);
            return vec![theta];
        }
        let stratum = self.each(strata);
        let theta = self
            .formulas
            .sample(&mut self.graph, &self.lambda, &noise, &stratum);
        let log_weights = self.formulas.log_weights(&mut self.graph, &self.lambda);
        let chosen = self.graph.mul(&stratum, &log_weights);
        let log_weight = self.graph.sum(&chosen, 0);
        vec![theta, log_weight]
    }

    /// Theta and its log density.
    fn log_prob(&mut self) -> (Expr, Expr) {
        let theta = self.each(self.formulas.dimension());
        let log_prob = self
            .formulas
            .log_prob(&mut self.graph, &self.lambda, &theta);
        (theta, log_prob)
    }

    fn score(&mut self) -> Expr {
        let (theta, log_prob) = self.log_prob();
        let log_prob = self.graph.node_of(&log_prob);
        let theta = self.graph.node_of(&theta);
        self.graph.gradient(log_prob, &[theta]).remove(0)
    }

    /// The cotangent in lambda of outputs with cotangents.
    fn pulled(&mut self, outputs: &[(Expr, Expr)]) -> Expr {
        let outputs: Vec<(NodeId, Expr)> = outputs
            .iter()
            .map(|(output, cotangent)| (self.graph.node_of(output), cotangent.clone()))
            .collect();
        let lambda = self.graph.node_of(&self.lambda);
        self.graph.pullback(&outputs, &[lambda]).remove(0)
    }

    fn compile(mut self, outputs: &[Expr], options: &graph::Options) -> Program {
        let outputs: Vec<NodeId> = outputs.iter().map(|x| self.graph.node_of(x)).collect();
        Program::compile(&self.graph, &outputs, options)
    }
}

impl Programs {
    pub(crate) fn new(formulas: Box<dyn Formulas>, placement: &Placement) -> Self {
        let options = graph::Options {
            device: placement.device.clone(),
            precision: match placement.precision {
                Precision::F32 => graph::Precision::F32,
                Precision::F64 => graph::Precision::F64,
            },
        };
        Programs {
            formulas,
            options,
            weights: OnceLock::new(),
            sample: OnceLock::new(),
            pull_sample: OnceLock::new(),
            log_prob: OnceLock::new(),
            pull_log_prob: OnceLock::new(),
            score: OnceLock::new(),
            pull_score: OnceLock::new(),
        }
    }

    pub(crate) fn formulas(&self) -> &dyn Formulas {
        self.formulas.as_ref()
    }

    fn sketch(&self) -> Sketch<'_> {
        Sketch::new(self.formulas())
    }

    /// Log weights of the strata, `[strata]`.
    pub(crate) fn weights(&self, lambda: &Tensor<2>) -> Tensor<2> {
        let program = self.weights.get_or_init(|| {
            let mut sketch = self.sketch();
            let weights = self.formulas.log_weights(&mut sketch.graph, &sketch.lambda);
            sketch.compile(&[weights], &self.options)
        });
        program.run(std::slice::from_ref(lambda)).remove(0)
    }

    /// Draws `[S, D]`; where there are strata, the log weight `[S, 1]` of each draw's own.
    pub(crate) fn sample(&self, inputs: &[Tensor<2>]) -> Vec<Tensor<2>> {
        let program = self.sample.get_or_init(|| {
            let mut sketch = self.sketch();
            let outputs = sketch.sample();
            sketch.compile(&outputs, &self.options)
        });
        program.run(inputs)
    }

    /// The inputs of `sample`, then a cotangent for each of its outputs.
    pub(crate) fn pull_sample(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        let program = self.pull_sample.get_or_init(|| {
            let mut sketch = self.sketch();
            let mut outputs = sketch.sample().into_iter();
            let mut pairs = Vec::new();
            if let Some(theta) = outputs.next() {
                let cotangent = sketch.each(self.formulas.dimension());
                pairs.push((theta, cotangent));
            }
            if let Some(log_weight) = outputs.next() {
                let cotangent = sketch.each_scalar();
                pairs.push((log_weight, cotangent));
            }
            let pulled = sketch.pulled(&pairs);
            sketch.compile(&[pulled], &self.options)
        });
        program.run(inputs).remove(0)
    }

    /// `[S, 1]`.
    pub(crate) fn log_prob(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        let program = self.log_prob.get_or_init(|| {
            let mut sketch = self.sketch();
            let (_, log_prob) = sketch.log_prob();
            sketch.compile(&[log_prob], &self.options)
        });
        program.run(inputs).remove(0)
    }

    pub(crate) fn pull_log_prob(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        let program = self.pull_log_prob.get_or_init(|| {
            let mut sketch = self.sketch();
            let (_, log_prob) = sketch.log_prob();
            let cotangent = sketch.each_scalar();
            let pulled = sketch.pulled(&[(log_prob, cotangent)]);
            sketch.compile(&[pulled], &self.options)
        });
        program.run(inputs).remove(0)
    }

    /// `[S, D]`.
    pub(crate) fn score(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        let program = self.score.get_or_init(|| {
            let mut sketch = self.sketch();
            let score = sketch.score();
            sketch.compile(&[score], &self.options)
        });
        program.run(inputs).remove(0)
    }

    pub(crate) fn pull_score(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        let program = self.pull_score.get_or_init(|| {
            let mut sketch = self.sketch();
            let score = sketch.score();
            let cotangent = sketch.each(self.formulas.dimension());
            let pulled = sketch.pulled(&[(score, cotangent)]);
            sketch.compile(&[pulled], &self.options)
        });
        program.run(inputs).remove(0)
    }
}
