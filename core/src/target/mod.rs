//! The first noun: a [`Target`] is an unnormalised log density on R^D, batched over draws.

mod constrained;
mod counted;
mod function;
mod gaussian;

pub use constrained::{Block, Column, Constrained, Joined, Parameter};
pub use counted::{Counted, Counters, Counts};
pub use function::FnTarget;
pub use gaussian::GaussianTarget;

use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::{Device, Tensor};
use thiserror::Error;

use crate::placement::{Placement, Precision};

/// Which rows of the data a density is evaluated on.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Batch {
    /// All of the data.
    #[default]
    Full,
    /// Some rows of one plate, their terms scaled up so that the score averages to the full one.
    Rows {
        /// The data size whose rows these are.
        plate: String,
        /// Indices of the rows, from zero.
        rows: Vec<usize>,
    },
}

/// A data size that counts rows of which a target can be evaluated on some alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plate {
    /// The name of the size.
    pub name: String,
    /// How many rows there are.
    pub rows: usize,
}

/// Log density and score of S draws.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// `[S]`; minus infinity where a draw is invalid.
    pub log_density: Tensor<1>,
    /// `[S, D]`: the gradient of the log density in the draw; zero where a draw is invalid.
    pub score: Tensor<2>,
    /// `[S]`: false where a draw is outside the support or was rejected by the model.
    pub valid: Vec<bool>,
}

/// Log density alone of S draws.
#[derive(Clone, Debug)]
pub struct Density {
    /// `[S]`; minus infinity where a draw is invalid.
    pub log_density: Tensor<1>,
    /// `[S]`: false where a draw is outside the support or was rejected by the model.
    pub valid: Vec<bool>,
}

/// Why a target could not be evaluated at all. A draw outside the support is not an error: see [`Evaluation::valid`].
#[derive(Clone, Debug, Error, PartialEq)]
pub enum TargetError {
    /// The points are not `[S, D]`.
    #[error("the target has {expected} dimensions, but the points have {found}")]
    Dimension {
        /// The target's dimension.
        expected: usize,
        /// The second size of the points.
        found: usize,
    },
    /// The target has no such plate, or cannot be evaluated on part of its data.
    #[error("this target cannot be evaluated on a batch of rows of `{plate}`: {because}")]
    Batch {
        /// The plate that was asked for.
        plate: String,
        /// What the target supports.
        because: String,
    },
    /// The run was asked to end.
    #[error("the run was interrupted")]
    Interrupted,
    /// The model itself failed, in its own words.
    #[error("{0}")]
    Model(String),
    /// Generated quantities went wrong in every draw.
    #[error("{because}")]
    Rejected {
        /// How, in the model's own words, in one of them.
        because: String,
        /// The draws, with NaN in the place of what could not be generated.
        draws: Box<Constrained>,
    },
}

/// An unnormalised log density on R^D. Draws lead: points are `[S, D]`, for any S.
///
/// Evaluation is a pure function of points and batch. Nothing is ever silently NaN: a draw whose log density or
/// score is not finite is invalid, with log density minus infinity and score zero, and the rest of the batch goes on.
pub trait Target: Send + Sync {
    /// D, the number of unconstrained parameters.
    fn dimension(&self) -> usize;

    /// Log density `[S]` and score `[S, D]` at the points `theta` `[S, D]`.
    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError>;

    /// Log density `[S]` alone. Targets for which this is cheaper than with the score override it.
    fn log_density(&self, theta: &Tensor<2>, batch: &Batch) -> Result<Density, TargetError> {
        let Evaluation {
            log_density, valid, ..
        } = self.log_density_and_score(theta, batch)?;
        Ok(Density { log_density, valid })
    }

    /// The plates of which [`Batch::Rows`] may name one.
    fn plates(&self) -> Vec<Plate> {
        Vec::new()
    }

    /// What the model declares, in order: names, shapes, and where in the unconstrained vector each one is.
    fn parameters(&self) -> &[Parameter];

    /// The draws `theta` `[S, D]` on the scale of the model: parameters, then transformed parameters, then generated
    /// quantities, whose random numbers follow from `seed` and the draw's index.
    fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError>;

    /// The same, given up with [`TargetError::Interrupted`] once `cancelled` is raised. Targets for which it is costly override
    /// it.
    fn constrain_until(
        &self,
        theta: &Tensor<2>,
        seed: u64,
        cancelled: &AtomicBool,
    ) -> Result<Constrained, TargetError> {
        if cancelled.load(Ordering::Relaxed) {
            return Err(TargetError::Interrupted);
        }
        self.constrain(theta, seed)
    }

    /// The draws on the scale of the model without generated quantities. Targets for which these are costly override it.
    fn constrain_parameters(&self, theta: &Tensor<2>) -> Result<Constrained, TargetError> {
        let all = self.constrain(theta, 0)?;
        Ok(all.without(Block::GeneratedQuantities))
    }

    /// Changes a point that a search is about to start from, uniform in a cube about the origin, where the target knows better:
    /// the weights of networks have their own random beginnings, since zero is a saddle point. `seed` tells points apart.
    fn propose_start(&self, _seed: u64, _point: &mut [f64]) {}

    /// Where the target computes, and in what precision; points must be there too.
    fn placement(&self) -> &Placement;

    /// The device of [`placement`](Target::placement).
    fn device(&self) -> &Device {
        &self.placement().device
    }

    /// The precision of [`placement`](Target::placement).
    fn precision(&self) -> Precision {
        self.placement().precision
    }
}
