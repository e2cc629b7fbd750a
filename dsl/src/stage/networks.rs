//! Networks: made once their sizes are known, and applied to the rows of all lanes at once.

use std::fmt;
use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};
use firebrand_core::network::{self, Network};
use firebrand_core::registry;
use firebrand_graph::{Array, Expr, Function, RowFunction, Shape, Wanted};

use super::interpreter::{Interpreter, Scope, Staged};
use crate::data::{Data, read_weights};
use crate::hir::{self, Expression, NetworkOption};
use crate::syntax::Span;
use crate::value::Value;

/// More weights than this are a mistake: a hundred times those of the largest networks that a machine of today fits.
const MOST_WEIGHTS: u128 = 1 << 35;

/// A network of the program.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    pub network: Arc<dyn Network>,
    /// The same one, as the graph calls it.
    function: Function,
    /// The weights that it was given to begin with.
    pub initial: Option<Array>,
}

impl Built {
    pub fn new(network: Arc<dyn Network>, initial: Option<Array>) -> Self {
        Built {
            function: Function(Arc::new(InGraph(Arc::clone(&network)))),
            network,
            initial,
        }
    }

    pub fn weights(&self) -> usize {
        self.network.weights()
    }
}

/// A network as a function of the graph.
struct InGraph(Arc<dyn Network>);

impl fmt::Debug for InGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl RowFunction for InGraph {
    fn weights(&self) -> usize {
        self.0.weights()
    }

    fn inputs(&self) -> usize {
        self.0.inputs()
    }

    fn outputs(&self) -> usize {
        self.0.outputs()
    }

    fn apply(&self, weights: Tensor<2>, inputs: Tensor<3>) -> Tensor<3> {
        network::forward(&*self.0, weights, inputs)
    }

    fn pullback(
        &self,
        weights: Tensor<2>,
        inputs: Tensor<3>,
        cotangent: Tensor<3>,
        wanted: Wanted,
    ) -> (Option<Tensor<2>>, Option<Tensor<3>>) {
        let wanted = network::Wanted {
            weights: wanted.weights,
            inputs: wanted.inputs,
        };
        network::pullback(&*self.0, weights, inputs, cotangent, wanted)
    }
}

impl Interpreter<'_> {
    /// Makes the program's networks, whose sizes are known once transformed data are.
    pub(crate) fn build_networks(&mut self, data: &Data) -> Staged<()> {
        let mut built = Vec::with_capacity(self.program.networks.len());
        for network in &self.program.networks {
            let made = self.build_network(network)?;
            let initial = self.weights_of(network, &*made, data)?;
            built.push(Built::new(made, initial));
        }
        self.networks = Arc::new(built);
        Ok(())
    }

    fn build_network(&mut self, network: &hir::Network) -> Staged<Arc<dyn Network>> {
        let mut options = Vec::with_capacity(network.options.len());
        for (name, option) in &network.options {
            let value = match option {
                NetworkOption::Word(word) => word.clone(),
                NetworkOption::Value(value) => self.option_text(value)?,
            };
            options.push(format!("{name}: {value}"));
        }
        let text = format!("{}({})", network.architecture, options.join(", "));
        let made: Arc<dyn Network> = match registry::network(&text) {
            Ok(chosen) => Arc::from(chosen.plugin),
            Err(error) => return self.fail(network.span, error.to_string()),
        };
        let size = |shape: &[usize]| shape.iter().map(|&n| n as u128).product::<u128>();
        let weights: u128 = made.tensors().iter().map(|t| size(&t.shape)).sum();
        if weights > MOST_WEIGHTS {
            let message = format!(
                "{} would have {weights} weights, which take {} GB once, and a fit holds them many times: make it smaller",
                network.name,
                8 * weights / 1_000_000_000
            );
            return self.fail(network.span, message);
        }
        Ok(made)
    }

    /// The weights that the data give a network to begin with: a file, under the name of the network.
    fn weights_of(
        &self,
        network: &hir::Network,
        made: &dyn Network,
        data: &Data,
    ) -> Staged<Option<Array>> {
        let name = &network.name;
        let file = match data.file(name) {
            Ok(None) => return Ok(None),
            Ok(Some(file)) => file,
            Err(found) => {
                let message = format!(
                    "the data's {name} must be a file of weights, {{\"file\": \"weights.safetensors\"}}, but is {found}"
                );
                return self.fail(network.span, message);
            }
        };
        match read_weights(file, made.tensors()) {
            Ok(weights) => Ok(Some(Array::vector(weights))),
            Err(problem) => self.fail(network.span, format!("weights of {name}: {problem}")),
        }
    }

    /// A known value as options spell it.
    fn option_text(&mut self, value: &Expression) -> Staged<String> {
        let root = self.root();
        match self.evaluate(value, &root)? {
            Value::Int(ints) if ints.dims().is_empty() => Ok(ints.data[0].to_string()),
            Value::Int(ints) => Ok(format!("{:?}", ints.data)),
            Value::Real(Expr::Data(number)) => Ok(format!("{:?}", number.data()[0])),
            Value::Real(Expr::Node(_)) => {
                self.fail(value.span, "the size of a network must be known from data")
            }
        }
    }

    /// A network at the rows of an argument in all lanes: one node, however many they are.
    pub(crate) fn apply(
        &mut self,
        number: usize,
        argument: &Expression,
        span: Span,
        scope: &Scope,
    ) -> Staged<Value> {
        if let Some(found) = self.found_ahead(argument, scope) {
            return Ok(found);
        }
        let inputs = self.evaluate(argument, scope)?.to_reals();
        let weights = self.weights(number, span, scope)?;
        let outputs = self.outputs(number, &weights, &inputs, argument.span)?;
        Ok(Value::Real(outputs))
    }

    /// The weights of a network in the given lanes: `[lanes, weights]`.
    pub(super) fn weights(&mut self, number: usize, span: Span, scope: &Scope) -> Staged<Expr> {
        let slot = self.program.networks[number].slot;
        Ok(self.read_variable(slot, &[], span, scope)?.to_reals())
    }

    /// The outputs of a network with weights `[lanes, weights]` at `inputs`, `[lanes, .., inputs]`: `[lanes, .., outputs]`.
    pub(super) fn outputs(
        &mut self,
        number: usize,
        weights: &Expr,
        inputs: &Expr,
        span: Span,
    ) -> Staged<Expr> {
        let networks = Arc::clone(&self.networks);
        let built = &networks[number];
        self.next_source();
        let mut shape = self.graph.shape(inputs);
        let found = shape.pop().unwrap_or(1);
        if found != built.network.inputs() {
            let message = format!(
                "{} takes rows of {} numbers, but this one has {found}",
                self.program.networks[number].name,
                built.network.inputs()
            );
            return self.fail(span, message);
        }
        let rows = shape.iter().product::<usize>();
        let outputs = built.network.outputs();
        let result = match (weights, inputs) {
            (Expr::Data(weights), Expr::Data(inputs)) if weights.shape()[0] > 1 => {
                let lanes = weights.shape()[0];
                let each = rows / shape[0];
                shape[0] = lanes;
                by_lane(built, weights, inputs, each)
            }
            _ => {
                let weights = self.graph.reshape(weights, &[built.weights()]);
                let inputs = self.graph.reshape(inputs, &[rows, found]);
                self.graph.apply(&built.function, &weights, &inputs)
            }
        };
        shape.push(outputs);
        Ok(self.graph.reshape(&result, &shape))
    }

    /// The weights that a network was given to begin with.
    pub(crate) fn initial_weights(&mut self, number: usize, span: Span) -> Staged<Value> {
        match &self.networks[number].initial {
            Some(weights) => {
                let shape = Shape::from_slice(&[1, weights.len()]);
                Ok(Value::Real(weights.reshaped(&shape).into()))
            }
            None => {
                let name = &self.program.networks[number].name;
                let message = format!(
                    "{name} has no weights to begin with: give it a file of them in the data, \"{name}\": {{\"file\": \"weights.safetensors\"}}"
                );
                self.fail(span, message)
            }
        }
    }
}

/// Each lane's own weights `[lanes, weights]` at its own rows, `each` of them, or at those of all lanes: `[lanes * each, outputs]`.
fn by_lane(built: &Built, weights: &Array, inputs: &Array, each: usize) -> Expr {
    let known = |array: &Array, shape: [usize; 3]| {
        let data = TensorData::new(array.data().to_vec(), shape);
        Tensor::<3>::from_data(data, (&Device::flex(), DType::F64))
    };
    let (lanes, outputs) = (weights.shape()[0], built.network.outputs());
    if each * outputs == 0 {
        return Array::full([lanes * each, outputs], 0.0).into();
    }
    let own = inputs.shape()[0];
    let weights = known(weights, [1, lanes, built.weights()]).reshape([lanes, built.weights()]);
    let inputs = known(inputs, [own, each, built.network.inputs()]);
    let result = network::forward(&*built.network, weights, inputs);
    let values = firebrand_core::to_host(&result);
    Array::new([lanes * each, outputs], values).into()
}
