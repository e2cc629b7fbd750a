//! Graphs that differ in their constants alone, so that one program serves all of them.

use crate::graph::same_op;
use crate::{Array, Expr, Graph, NodeId, Op};

/// A graph whose constants may be others: those that are *open* become inputs of its program, after the graph's own.
///
/// What a program is made of (its derivatives, its kernels, its plan) is then worked out once, and nothing in it looks at the
/// values of open constants.
#[derive(Clone, Debug)]
pub struct Template {
    graph: Graph,
    outputs: Vec<NodeId>,
    live: Vec<bool>,
    open: Vec<NodeId>,
}

impl Template {
    /// The graph that the outputs need, with no open constants.
    pub fn new(graph: Graph, outputs: &[NodeId]) -> Self {
        Template {
            live: graph.live(outputs),
            graph,
            outputs: outputs.to_vec(),
            open: Vec::new(),
        }
    }

    /// The constants in which another graph differs: those positions where both have a constant of one shape. `None` if it differs in
    /// anything else.
    ///
    /// Nodes are compared by position, so both graphs must have been built by the same steps.
    pub fn differences(&self, other: &Graph, outputs: &[NodeId]) -> Option<Vec<NodeId>> {
        if outputs != self.outputs {
            return None;
        }
        let mut different = Vec::new();
        for (index, node) in self.graph.nodes().iter().enumerate() {
            if !self.live[index] {
                continue;
            }
            let found = other.nodes().get(index)?;
            if found.shape != node.shape || found.batched != node.batched {
                return None;
            }
            if same_op(&node.op, &found.op) {
                continue;
            }
            match (&node.op, &found.op) {
                (Op::Const(_), Op::Const(_)) => different.push(NodeId(index as u32)),
                _ => return None,
            }
        }
        Some(different)
    }

    /// Whether all of these constants are open.
    pub fn are_open(&self, constants: &[NodeId]) -> bool {
        constants
            .iter()
            .all(|constant| self.open.binary_search(constant).is_ok())
    }

    /// Opens constants.
    pub fn open(&mut self, constants: &[NodeId]) {
        self.open.extend_from_slice(constants);
        self.open.sort_unstable();
        self.open.dedup();
    }

    /// The graph in which open constants are inputs, and its outputs.
    pub fn opened(&self) -> (Graph, Vec<NodeId>) {
        let mut graph = self.graph.clone();
        let outputs = graph.rewrite(&self.outputs, |graph, node, rebuilt| {
            if self.open.binary_search(&node).is_err() {
                return rebuilt;
            }
            let shape = graph.node(node).shape.clone();
            let vector = graph.input(shape.iter().product(), false);
            graph.reshape(&vector, &shape)
        });
        (graph, outputs)
    }

    /// The values that the open constants have in a graph of the same structure, in the order of their inputs.
    pub fn values<'a>(&'a self, other: &'a Graph) -> impl Iterator<Item = Array> + 'a {
        self.open
            .iter()
            .filter_map(|constant| match other.value(*constant) {
                Expr::Data(array) => Some(array),
                Expr::Node(_) => None,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Program};

    /// sum(exp(x * data)) + 3 x[1]
    fn graph(data: [f64; 3]) -> (Graph, Vec<NodeId>) {
        let mut graph = Graph::new();
        let x = graph.input(1, true);
        let products = graph.mul(&x, &Array::vector(data.to_vec()).into());
        let powers = graph.unary(crate::Unary::Exp, &products);
        let sum = graph.sum_all(&powers);
        let x = graph.reshape(&x, &[]);
        let linear = graph.scale(&x, 3.0);
        let total = graph.add(&sum, &linear);
        let output = graph.node_of(&total);
        (graph, vec![output])
    }

    #[test]
    fn one_program_serves_graphs_that_differ_in_their_constants() {
        let (first, outputs) = graph([1.0, 2.0, 3.0]);
        let mut template = Template::new(first, &outputs);
        let (second, outputs) = graph([0.5, -2.0, 4.0]);
        let different = template.differences(&second, &outputs).unwrap();
        assert_eq!(different.len(), 1);
        assert!(!template.are_open(&different));
        template.open(&different);
        assert!(template.are_open(&different));

        let (mut opened, outputs) = template.opened();
        let gradient = opened.gradient(outputs[0], &[NodeId(0)]).remove(0);
        let gradient = opened.node_of(&gradient);
        let program = Program::compile(&opened, &[outputs[0], gradient], &Options::default());
        let x = 0.3;
        for data in [[1.0, 2.0, 3.0], [0.5, -2.0, 4.0], [0.0, 0.1, 0.2]] {
            let (graph, _) = graph(data);
            let values: Vec<Array> = template.values(&graph).collect();
            let found = program.run_host(&[&[x], values[0].data()], 1);
            let value: f64 = data.iter().map(|d| (x * d).exp()).sum::<f64>() + 3.0 * x;
            let slope: f64 = data.iter().map(|d| d * (x * d).exp()).sum::<f64>() + 3.0;
            assert!((found[0][0] - value).abs() < 1e-13 * value, "{data:?}");
            assert!((found[1][0] - slope).abs() < 1e-13 * slope, "{data:?}");
        }
    }

    #[test]
    fn graphs_of_another_structure_are_told_apart() {
        let (first, outputs) = graph([1.0, 2.0, 3.0]);
        let template = Template::new(first, &outputs);
        let mut other = Graph::new();
        let x = other.input(1, true);
        let square = other.unary(crate::Unary::Square, &x);
        let sum = other.sum_all(&square);
        let output = other.node_of(&sum);
        assert_eq!(template.differences(&other, &[output]), None);
        assert_eq!(template.differences(&other, &outputs), None);
    }
}
