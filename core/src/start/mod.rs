//! Where a fit begins: Gaussians near the target's modes, found once for every algorithm.
//!
//! The start decides more of a fit's quality than the algorithm that follows. So it is a service, in four stages: points of
//! finite density ([`initial_points`]); quasi-Newton paths from several of them, evaluated together, and along each path the
//! Gaussian of highest ELBO, as in Pathfinder ([`follow`]); natural-gradient ascent of the ELBO from there, which does not depend
//! on the target's scales ([`NaturalAscent`]); and the comparison of what the starts reached ([`find_start`]).
//!
//! All of it works on the host in 64 bits, with points `[D, S]`, one draw a column. Algorithms use its parts: whitened draws,
//! moments of scores, guarded steps, averages of iterates.

mod adam;
mod averaged;
mod averaged_lambda;
mod averaging;
mod bytes;
mod evaluate;
mod factored;
mod found;
mod independent;
mod initial;
mod inverse_hessian;
mod lambda_average;
mod lbfgs;
mod line_search;
mod narrow;
mod natural;
mod noise;
mod paths;
mod placed;
mod placed_adam;
mod service;
mod settling;
mod shown;
mod wide;

pub use adam::{Adam, parameter_scales};
pub use averaged::{AveragedGaussian, Drawn};
pub use averaged_lambda::AveragedLambda;
pub use averaging::{Epoch, EpochAverage};
pub use bytes::{StateReader, StateWriter};
pub use evaluate::{Evaluate, Evaluated, StartError, evaluator};
pub use factored::FactoredGaussian;
pub use found::{Agreement, Candidate, Start};
pub use independent::{Ascended, IndependentGaussian, ascend};
pub use initial::{InitialPoint, initial_points};
pub use inverse_hessian::PathGaussian;
pub use lambda_average::{LambdaAverage, LambdaEpoch};
pub use lbfgs::{Lbfgs, LbfgsOptions, PathEnd, Told};
pub use natural::{Climb, NaturalAscent, ScoreMoments};
pub use noise::{draws_at_once, enough_draws, whitened};
pub use paths::{PathResult, follow};
pub use placed::{PlacedAverage, PlacedGaussian};
pub use placed_adam::PlacedAdam;
pub use service::{StartOptions, find_start};
pub use settling::Settling;
pub use shown::Shown;
