//! Mixtures of Gaussians: a variational family with any number of components, each with a mean and a covariance of its own.
//!
//! It holds several modes, and skewed ones that several Gaussians cover together. Draws are stratified: every component
//! gives its share of them, and each carries the logarithm of its weight, so that the gradient of an expectation reaches the
//! components' weights without noise (Morningstar et al. 2021, arXiv 2003.01687).
//!
//! Scores say nothing of how much weight separate modes have against each other (arXiv 2008.10087): what starts them is
//! the evidence lower bound of a Gaussian at each mode.

mod density;
mod placed;
mod plugin;

pub use density::MixtureDensity;
pub use plugin::{Mixture, MixtureOptions};

use firebrand_core::{FamilyPlugin, inventory};

inventory::submit! { FamilyPlugin::of::<Mixture>() }
