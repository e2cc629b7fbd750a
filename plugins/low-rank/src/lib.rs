//! The Gaussian variational family whose covariance is a diagonal plus a matrix of low rank: the strongest correlations of very many
//! parameters, at a cost that is linear in their number.
//!
//! Ong, Nott and Smith 2018, arXiv 1701.03208. Sample, log density, score and their three pullbacks are closed forms, by
//! Woodbury's identity and the matrix determinant lemma; no matrix `[D, D]` is made.

mod family;
mod member;

pub use family::{LowRankFamily, LowRankOptions};
pub use member::LowRankGaussian;

use firebrand_core::{FamilyPlugin, inventory};

inventory::submit! { FamilyPlugin::of::<LowRankFamily>() }
