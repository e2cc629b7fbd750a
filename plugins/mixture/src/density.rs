//! The formulas of a mixture.

use firebrand_core::{FamilyError, Plugin, Structure};
use firebrand_graph::{Expr, Graph, Unary};
use firebrand_graph_family::{Formulas, Scale};

use crate::plugin::Mixture;

/// Half the logarithm of two pi.
const HALF_LOG_TWO_PI: f64 = 0.918_938_533_204_672_8;

/// A mixture of K Gaussians in D dimensions. Its parameters are K logits of the weights, of which only differences matter, K
/// means, and the square roots of K covariances as [`Scale`] keeps them.
#[derive(Clone, Copy, Debug)]
pub struct MixtureDensity {
    components: usize,
    dimension: usize,
    scale: Scale,
}

impl MixtureDensity {
    /// Of `components` Gaussians in `dimension` dimensions.
    pub fn new(components: usize, structure: Structure, dimension: usize) -> Self {
        MixtureDensity {
            components,
            dimension,
            scale: Scale::new(structure, dimension, components),
        }
    }

    /// How the covariances are kept.
    pub fn scale(&self) -> &Scale {
        &self.scale
    }

    fn first_scale(&self) -> usize {
        self.components * (1 + self.dimension)
    }

    /// `[K, D]`.
    fn means(&self, graph: &mut Graph, lambda: &Expr) -> Expr {
        let count = self.components * self.dimension;
        let means = graph.slice(lambda, 0, self.components, count);
        graph.reshape(&means, &[self.components, self.dimension])
    }

    fn packed_scale(&self, graph: &mut Graph, lambda: &Expr) -> Expr {
        graph.slice(lambda, 0, self.first_scale(), self.scale.parameters())
    }
}

impl Formulas for MixtureDensity {
    fn family(&self) -> &str {
        Mixture::NAME
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn parameters(&self) -> usize {
        self.first_scale() + self.scale.parameters()
    }

    /// log sum_k pi_k N(theta; mean_k, L_k L_k'), with u_k = L_k^-1 (theta - mean_k).
    fn log_prob(&self, graph: &mut Graph, lambda: &Expr, theta: &Expr) -> Expr {
        let packed = self.packed_scale(graph, lambda);
        let factors = self.scale.factors(graph, &packed);
        let means = self.means(graph, lambda);
        let centred = graph.sub(theta, &means);
        let u = factors.solve(graph, &centred);
        let squares = graph.unary(Unary::Square, &u);
        let squares = graph.sum(&squares, 1);
        let exponents = graph.scale(&squares, -0.5);
        let log_weights = self.log_weights(graph, lambda);
        let log_determinants = factors.log_determinants(graph);
        let heights = graph.sub(&log_weights, &log_determinants);
        let heights = graph.add_scalar(&heights, -HALF_LOG_TWO_PI * self.dimension as f64);
        let terms = graph.add(&heights, &exponents);
        match self.components {
            1 => graph.sum(&terms, 0),
            _ => graph.log_sum_exp(&terms, 0),
        }
    }

    fn sample(&self, graph: &mut Graph, lambda: &Expr, noise: &Expr, stratum: &Expr) -> Expr {
        let packed = self.packed_scale(graph, lambda);
        let factors = self.scale.factors(graph, &packed);
        let means = self.means(graph, lambda);
        let spread = factors.multiply(graph, noise);
        let draws = graph.add(&means, &spread);
        let stratum = graph.reshape(stratum, &[self.components, 1]);
        let chosen = graph.mul(&draws, &stratum);
        graph.sum(&chosen, 0)
    }

    fn strata(&self) -> usize {
        self.components
    }

    fn log_weights(&self, graph: &mut Graph, lambda: &Expr) -> Expr {
        let logits = graph.slice(lambda, 0, 0, self.components);
        let total = graph.log_sum_exp(&logits, 0);
        graph.sub(&logits, &total)
    }

    fn check(&self, lambda: &[f64]) -> Result<(), FamilyError> {
        self.scale.check(&lambda[self.first_scale()..])
    }
}
