//! Gaussian score matching: each step moves a Gaussian to where it matches the target's score at its own draws.
//!
//! Modi, Margossian, Yao, Gower, Blei and Saul 2023, arXiv 2307.07849. It needs no step size, and a Gaussian target is reached within
//! a few steps. On other targets its fixed point is an average of exact matches at single draws, which is not the Gaussian of
//! highest ELBO: where the score is skewed, as it is in the logarithm of a scale, means are off by up to a quarter of a standard
//! deviation. With few draws the covariance can collapse to near singularity, even on a Gaussian target: keep the batch at
//! 32 or more. Noise in the scores, as from minibatches, biases it: use `prox-score` there.

mod running;
mod update;

pub use running::{Gsm, GsmOptions};
pub use update::update;

use firebrand_core::{InferencePlugin, inventory};

inventory::submit! { InferencePlugin::of::<Gsm>() }
