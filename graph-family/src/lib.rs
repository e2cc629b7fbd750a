//! Variational families written once, as tensor graphs.
//!
//! The author of a family states [`Formulas`]: how a draw follows from noise, and the log density of a point. A
//! [`GraphApproximation`] makes an approximation of them: the score is a reverse pass over the log density, each pullback a
//! further one, all of them exact and compiled once.
//!
//! ```
//! use firebrand_core::{Approximation, Placement, to_host};
//! use firebrand_graph::{Expr, Graph, Unary};
//! use firebrand_graph_family::{Formulas, GraphApproximation};
//!
//! /// Independent logistic variables with locations lambda and scales one.
//! struct Logistic {
//!     dimension: usize,
//! }
//!
//! impl Formulas for Logistic {
//!     fn family(&self) -> &str {
//!         "logistic"
//!     }
//!
//!     fn dimension(&self) -> usize {
//!         self.dimension
//!     }
//!
//!     fn parameters(&self) -> usize {
//!         self.dimension
//!     }
//!
//!     /// log q = sum of -z - 2 log(1 + exp(-z)).
//!     fn log_prob(&self, graph: &mut Graph, lambda: &Expr, theta: &Expr) -> Expr {
//!         let minus_z = graph.sub(lambda, theta);
//!         let softplus = graph.unary(Unary::Log1pExp, &minus_z);
//!         let twice = graph.scale(&softplus, 2.0);
//!         let terms = graph.sub(&minus_z, &twice);
//!         graph.sum(&terms, 0)
//!     }
//!
//!     /// The quantile of the normal distribution function: log(p / (1 - p)) with p = erfc(-x / sqrt 2) / 2.
//!     fn sample(&self, graph: &mut Graph, lambda: &Expr, noise: &Expr, _: &Expr) -> Expr {
//!         let tail = |graph: &mut Graph, sign: f64| {
//!             let x = graph.scale(noise, sign * std::f64::consts::FRAC_1_SQRT_2);
//!             let x = graph.unary(Unary::Erfc, &x);
//!             graph.log(&x)
//!         };
//!         let (below, above) = (tail(graph, -1.0), tail(graph, 1.0));
//!         let z = graph.sub(&below, &above);
//!         graph.add(lambda, &z)
//!     }
//! }
//!
//! let placement = Placement::cpu();
//! let q = GraphApproximation::new(Logistic { dimension: 2 }, vec![1.0, -1.0], &placement)?;
//! let at_its_centre = placement.matrix(vec![1.0, -1.0], [1, 2]);
//! assert!(to_host(&q.score(&at_its_centre)?).iter().all(|s| s.abs() < 1e-15));
//! # Ok::<(), firebrand_core::FamilyError>(())
//! ```

mod approximation;
mod formulas;
mod programs;
mod scale;
mod strata;

pub use approximation::GraphApproximation;
pub use formulas::Formulas;
pub use scale::{Factors, Scale};
pub use strata::allocate;
