//! What an iteration over Gaussians with independent coordinates is told, wherever its numbers are.

use crate::patience::{Patience, WANDERING};

/// Steps in the first epoch.
const FIRST_EPOCH: u64 = 8;
/// The same in many dimensions on batches of rows, where a few steps have gone nowhere yet.
const FIRST_EXPLORING_EPOCH: u64 = 64;
/// Up to this dimension every coordinate has to have settled; above it, where some are always extreme, their mean square.
pub const EVERY_COORDINATE: usize = 1000;

/// How steps are taken.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Draws in a step.
    pub draws: usize,
    /// How far steps go at first.
    pub patience: Patience,
    /// Steps in the first epoch.
    pub first_epoch: u64,
    /// How many standard deviations averages of two epochs may differ by once the run has converged.
    pub tolerance: f64,
    /// How far means go.
    pub means: MeanSteps,
}

/// How far means go in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeanSteps {
    /// As far as solves for means and deviations together, by one eta.
    Together,
    /// Apart from deviations, in steps that the noise of each coordinate decides, see [`Pace`](crate::pace::Pace).
    ByNoise,
    /// Apart from deviations, in steps of a length, see [`Strides`](crate::strides::Strides).
    ByLength,
}

impl Settings {
    /// For exact scores.
    pub fn exact(dimension: usize, draws: usize, eta: f64, tolerance: f64) -> Self {
        // The noise of one coordinate's precision does not grow with the number of coordinates.
        let patience = match dimension <= EVERY_COORDINATE {
            true => Patience::new(eta, draws, 1),
            false => Patience::cautious(eta, draws),
        };
        Self {
            draws,
            patience,
            first_epoch: FIRST_EPOCH,
            tolerance,
            means: MeanSteps::Together,
        }
    }

    /// For steps that see other rows of the data each: means and deviations take steps of their own, as in
    /// [`Exact`](crate::running::Exact::apart). In many dimensions, as networks have, a run hardly gets to where it would wander: there
    /// steps are as long as lets it get anywhere, and averages take out what noise they bring.
    pub fn on_batches(dimension: usize, draws: usize, eta: f64, tolerance: f64) -> Self {
        let exact = Self::exact(dimension, draws, eta, tolerance);
        let explores = dimension > EVERY_COORDINATE;
        let (patience, first_epoch, means) = match explores {
            true => (
                Patience::exploring(eta),
                FIRST_EXPLORING_EPOCH,
                MeanSteps::ByLength,
            ),
            false => (
                exact.patience.on_batches(WANDERING),
                FIRST_EPOCH,
                MeanSteps::ByNoise,
            ),
        };
        Self {
            patience,
            first_epoch,
            means,
            ..exact
        }
    }
}
