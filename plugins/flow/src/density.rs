//! The formulas of a flow.

use faer::Mat;
use firebrand_core::{FamilyError, Plugin};
use firebrand_graph::{Expr, Graph, Unary};
use firebrand_graph_family::{Factors, Formulas, Scale};

use crate::coupling::{Coupling, Kind};
use crate::plugin::{Flow, FlowOptions};
use crate::spline::Spline;

/// Half the logarithm of two pi.
const HALF_LOG_TWO_PI: f64 = 0.918_938_533_204_672_8;

/// A flow in D dimensions. Its parameters are the mean and the square root of the covariance of the outermost map, then those of
/// its layers, from the outermost to the innermost.
#[derive(Clone, Debug)]
pub struct FlowDensity {
    dimension: usize,
    scale: Scale,
    layers: Vec<Coupling>,
}

impl FlowDensity {
    /// With these options, in `dimension` dimensions.
    pub fn new(options: &FlowOptions, dimension: usize) -> Self {
        let spline = match options.kind {
            Kind::Affine => None,
            Kind::Spline => Some(Spline { bins: options.bins }),
        };
        FlowDensity {
            dimension,
            scale: Scale::new(options.covariance, dimension, 1),
            layers: (0..options.layers)
                .map(|number| Coupling::new(number, dimension, options.hidden, spline))
                .collect(),
        }
    }

    /// The parameters of the Gaussian with this mean and this lower triangular square root of the covariance.
    pub fn gaussian(&self, mean: &[f64], factor: Mat<f64>) -> Vec<f64> {
        let mut lambda = mean.to_vec();
        lambda.extend(self.scale.pack(&[factor]));
        for (number, layer) in self.layers.iter().enumerate() {
            lambda.extend(layer.beginning(number));
        }
        lambda
    }

    /// How many parameters all layers have.
    pub fn layer_parameters(&self) -> usize {
        self.layers.iter().map(Coupling::parameters).sum()
    }

    fn first_layer(&self) -> usize {
        self.dimension + self.scale.parameters()
    }

    /// The mean and the factor of the outermost map.
    fn outermost(&self, graph: &mut Graph, lambda: &Expr) -> (Expr, Factors) {
        let mean = graph.slice(lambda, 0, 0, self.dimension);
        let packed = graph.slice(lambda, 0, self.dimension, self.scale.parameters());
        (mean, self.scale.factors(graph, &packed))
    }

    /// Every layer with its parameters, from the outermost.
    fn layers(&self, graph: &mut Graph, lambda: &Expr) -> Vec<(&Coupling, Expr)> {
        let mut first = self.first_layer();
        let mut with_parameters = |layer| {
            let count = Coupling::parameters(layer);
            let parameters = graph.slice(lambda, 0, first, count);
            first += count;
            (layer, parameters)
        };
        self.layers.iter().map(&mut with_parameters).collect()
    }
}

impl Formulas for FlowDensity {
    fn family(&self) -> &str {
        Flow::NAME
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn parameters(&self) -> usize {
        self.first_layer() + self.layer_parameters()
    }

    /// The normal log density of the noise that leads to theta, plus the log determinant of the way there.
    fn log_prob(&self, graph: &mut Graph, lambda: &Expr, theta: &Expr) -> Expr {
        let (mean, factors) = self.outermost(graph, lambda);
        let centred = graph.sub(theta, &mean);
        let x = factors.solve(graph, &centred);
        let mut x = graph.reshape(&x, &[self.dimension]);
        let outermost = factors.log_determinants(graph);
        let outermost = graph.sum(&outermost, 0);
        let mut log_determinant = graph.neg(&outermost);
        for (layer, parameters) in self.layers(graph, lambda) {
            let (next, step) = layer.to_noise(graph, &parameters, &x);
            x = next;
            log_determinant = graph.add(&log_determinant, &step);
        }
        let squares = graph.unary(Unary::Square, &x);
        let square = graph.sum(&squares, 0);
        let normal = graph.scale(&square, -0.5);
        let normal = graph.add_scalar(&normal, -HALF_LOG_TWO_PI * self.dimension as f64);
        graph.add(&normal, &log_determinant)
    }

    fn sample(&self, graph: &mut Graph, lambda: &Expr, noise: &Expr, _: &Expr) -> Expr {
        let mut x = noise.clone();
        for (layer, parameters) in self.layers(graph, lambda).iter().rev() {
            x = layer.of_noise(graph, parameters, &x);
        }
        let (mean, factors) = self.outermost(graph, lambda);
        let x = factors.multiply(graph, &x);
        let x = graph.reshape(&x, &[self.dimension]);
        graph.add(&mean, &x)
    }

    fn check(&self, lambda: &[f64]) -> Result<(), FamilyError> {
        self.scale
            .check(&lambda[self.dimension..self.first_layer()])
    }
}
