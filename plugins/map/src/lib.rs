//! The mode of the posterior, by stochastic gradient steps: a point to hold distributions against, not a posterior.
//!
//! Densities on the unconstrained scale are what has its mode, and what the other algorithms approximate. Steps are those of
//! [`Adam`](firebrand_core::start::Adam), whose iterates are averaged over epochs that double in length. What it shows is a Gaussian about the
//! average that is as good as a point, so that everything that takes draws of an approximation can be done with it.

mod climb;
mod plugin;

pub use plugin::{Map, MapOptions};

use firebrand_core::{InferencePlugin, inventory};

inventory::submit! { InferencePlugin::of::<Map>() }
