//! The small networks that shape couplings.

use firebrand_core::Stream;
use firebrand_core::normals;
use firebrand_graph::{Expr, Graph, Unary};

/// A network with one hidden layer of hyperbolic tangents: smooth, as the score of a flow has its second derivatives, and
/// bounded, so that a point far out is moved no further than one at the border of what was seen.
///
/// Its parameters are the weights and biases of the hidden layer, then those of the outputs. Without inputs it is constant:
/// the biases of the outputs alone.
#[derive(Clone, Copy, Debug)]
pub struct Conditioner {
    pub inputs: usize,
    pub hidden: usize,
    pub outputs: usize,
}

impl Conditioner {
    pub fn parameters(&self) -> usize {
        match self.inputs {
            0 => self.outputs,
            _ => self.hidden * (self.inputs + 1) + self.outputs * (self.hidden + 1),
        }
    }

    /// Parameters with which all outputs are zero, and from which they can learn: the hidden units differ. `number` tells
    /// networks apart.
    pub fn beginning(&self, number: usize) -> Vec<f64> {
        let mut parameters = vec![0.0; self.parameters()];
        if self.inputs > 0 {
            let count = self.hidden * (self.inputs + 1);
            let numbers = normals(0, Stream::Other(1), number as u64, count);
            let (weights, biases) = numbers.split_at(self.hidden * self.inputs);
            let shrink = 1.0 / (self.inputs as f64).sqrt();
            let scaled = weights
                .iter()
                .map(|w| w * shrink)
                .chain(biases.iter().copied());
            for (parameter, number) in parameters.iter_mut().zip(scaled) {
                *parameter = number;
            }
        }
        parameters
    }

    /// The outputs `[outputs]` for inputs `[inputs]`.
    pub fn outputs(&self, graph: &mut Graph, parameters: &Expr, x: &Expr) -> Expr {
        let Conditioner {
            inputs,
            hidden,
            outputs,
        } = *self;
        if inputs == 0 {
            return parameters.clone();
        }
        let mut first = 0;
        let mut take = |graph: &mut Graph, shape: &[usize]| {
            let count = shape.iter().product();
            let part = graph.slice(parameters, 0, first, count);
            first += count;
            graph.reshape(&part, shape)
        };
        let weights = take(graph, &[hidden, inputs]);
        let biases = take(graph, &[hidden]);
        let x = linear(graph, &weights, &biases, x);
        let units = graph.unary(Unary::Tanh, &x);
        let weights = take(graph, &[outputs, hidden]);
        let biases = take(graph, &[outputs]);
        linear(graph, &weights, &biases, &units)
    }
}

fn linear(graph: &mut Graph, weights: &Expr, biases: &Expr, x: &Expr) -> Expr {
    let [rows, columns] = graph.shape(weights)[..] else {
        unreachable!("weights are a matrix")
    };
    let column = graph.reshape(x, &[columns, 1]);
    let product = graph.matmul(weights, &column);
    let product = graph.reshape(&product, &[rows]);
    graph.add(&product, biases)
}
