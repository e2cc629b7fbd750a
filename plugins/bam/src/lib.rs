//! Batch and match: each step minimises the score divergence on a batch of draws, held near the present Gaussian.
//!
//! Cai, Modi, Pillaud-Vivien, Margossian, Gower, Blei and Saul 2024, arXiv 2402.14758. A Gaussian target is reached within a few steps. On
//! other targets its fixed point has the expected score zero and the covariance of the scores equal to the precision, which is
//! near the Gaussian of highest ELBO but not it. Noise in the scores, as from minibatches, is taken for curvature and shrinks the
//! covariance: use `prox-score` there.
//!
//! With fewer draws than dimensions the update is done on as many columns as there are draws (`few_draws.rs`). Gaussians of low rank take it
//! in that form, patched to their rank after each step (`patch.rs`), at a cost that is linear in the dimension.

mod average;
mod few_draws;
mod patch;
mod patched;
mod plugin;
mod running;
mod strength;
mod update;

pub use few_draws::update as update_from_few_draws;
pub use patch::patched_update;
pub use plugin::{Bam, BamOptions};
pub use update::update;

use firebrand_core::{InferencePlugin, inventory};

inventory::submit! { InferencePlugin::of::<Bam>() }
