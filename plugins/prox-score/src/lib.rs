//! Proximal score matching: each step matches the target's score on frozen draws, held near the present approximation.
//!
//! With draws z frozen from q_t, step t minimises over lambda
//!
//! ```text
//! E_{q_t} | d log q_lambda(z) / dz - s(z) |^2_M + KL(q_t || q_lambda) / eta,
//! ```
//!
//! with M the covariance of q_t (after arXiv 2602.05873). No gradient flows through the draws, so that unbiased noisy scores s, as from
//! minibatches, only add a constant and leave the fixed point where it is: for Gaussians, that of maximum ELBO. It needs of a
//! family the score and the log density with their pullbacks, so any family will do; Gaussians have their steps solved exactly, those with independent
//! coordinates in time linear in the dimension.

mod coordinates;
mod epochs;
mod frozen;
mod gaussian;
mod general;
mod independent;
mod noise;
mod on_device;
mod pace;
mod patience;
mod plugin;
mod running;
mod settings;
mod stochastic;
mod strides;

pub use gaussian::{ProximalStep, proximal_step};
pub use independent::coordinate_step;
pub use plugin::{ProxScore, ProxScoreOptions};

use firebrand_core::{InferencePlugin, inventory};

inventory::submit! { InferencePlugin::of::<ProxScore>() }
