//! Automatic differentiation variational inference: maximises the ELBO by gradients through the draws.
//!
//! Kucukelbir, Tran, Ranganath, Gelman and Blei 2017, arXiv 1603.00788, with steps that nobody tunes by hand. How they are taken depends
//! on the family:
//!
//! - Gaussians with any covariance climb by natural gradients on fixed draws, guarded by a line search (`natural.rs`).
//! - Gaussians with independent coordinates climb by a quasi-Newton method on fixed draws (`quasi_newton.rs`).
//! - Any other family follows adaptive stochastic steps, and its parameters are averaged (`adaptive.rs`). So do Gaussians with very many
//!   independent coordinates, whose numbers can stay on a device (`on_device.rs`).
//!
//! On fixed draws the ELBO is a deterministic function, so that convergence is a fact and not a guess (Giordano, Ingram and Broderick
//! 2024, arXiv 2304.05527). Their number doubles until fresh draws agree with what the old ones led to.

mod adaptive;
mod judgement;
mod natural;
mod on_device;
mod parts;
mod plugin;
mod quasi_newton;
mod rounds;
mod wide;

pub use plugin::{Advi, AdviOptions};

use firebrand_core::{InferencePlugin, inventory};

inventory::submit! { InferencePlugin::of::<Advi>() }
