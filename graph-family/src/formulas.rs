//! What the author of a family writes.

use firebrand_core::FamilyError;
use firebrand_graph::{Array, Expr, Graph};

/// The formulas of a family in one dimension D, for any parameters lambda.
///
/// Expressions have the shape of one draw: theta is `[D]`, a log density is a scalar. Lambda is the same for all draws.
pub trait Formulas: Send + Sync {
    /// The name that the family is registered under.
    fn family(&self) -> &str;

    /// D.
    fn dimension(&self) -> usize;

    /// The length of lambda.
    fn parameters(&self) -> usize;

    /// Standard normal numbers that a draw takes.
    fn noise(&self) -> usize {
        self.dimension()
    }

    /// Normalised log density, a scalar, of `theta` `[D]`.
    fn log_prob(&self, graph: &mut Graph, lambda: &Expr, theta: &Expr) -> Expr;

    /// The draw `[D]` that `noise` `[noise]` gives.
    ///
    /// It comes from one of the [`strata`](Formulas::strata): `stratum` `[strata]` is one for that one and zero elsewhere.
    fn sample(&self, graph: &mut Graph, lambda: &Expr, noise: &Expr, stratum: &Expr) -> Expr;

    /// How many distributions this one is a mixture of. Draws are shared out between them in proportion to their weights, at
    /// least one to each, and each draw carries its share as `log_weight`.
    fn strata(&self) -> usize {
        1
    }

    /// Logarithms of the strata's weights, `[strata]`; their exponentials sum to one.
    fn log_weights(&self, graph: &mut Graph, lambda: &Expr) -> Expr {
        let _ = (graph, lambda);
        Array::vector(vec![0.0]).into()
    }

    /// Whether these parameters can be used; they are as many as there should be, and finite.
    ///
    /// # Errors
    /// A recoverable one where a smaller step would have led to parameters that can be.
    fn check(&self, lambda: &[f64]) -> Result<(), FamilyError> {
        let _ = lambda;
        Ok(())
    }
}
