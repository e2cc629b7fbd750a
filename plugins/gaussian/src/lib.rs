//! The Gaussian variational families: [`MeanField`] with independent coordinates and [`FullRank`] with any covariance.
//!
//! Sample, log density, score and their three pullbacks are closed forms. Linear algebra on a covariance is done on the
//! host in 64 bits when the parameters are set; what runs per draw is matrix products on the device of the run.

mod full_rank;
mod mean_field;

pub use full_rank::{FullRank, FullRankGaussian};
pub use mean_field::{MeanField, MeanFieldGaussian};

use firebrand_core::{FamilyPlugin, inventory};

inventory::submit! { FamilyPlugin::of::<MeanField>() }
inventory::submit! { FamilyPlugin::of::<FullRank>() }

/// Half the logarithm of two pi, which every dimension of a Gaussian's log density has.
const HALF_LOG_TWO_PI: f64 = 0.918_938_533_204_672_8;
