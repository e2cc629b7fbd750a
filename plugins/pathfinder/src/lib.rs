//! Multi-path Pathfinder: the Gaussian of highest ELBO along several quasi-Newton paths.
//!
//! Zhang, Carpenter, Gelman and Vehtari 2022, arXiv 2108.03782. It is the search for a start that every algorithm begins with, offered
//! on its own: the paths' own Gaussians without the refinement that the others add, so the fastest answer and the roughest. Where
//! the authors resample the draws of all paths by importance, this keeps the best Gaussian: the verdict weighs its draws.

mod plugin;

pub use plugin::{Pathfinder, PathfinderOptions};

use firebrand_core::{InferencePlugin, inventory};

inventory::submit! { InferencePlugin::of::<Pathfinder>() }
