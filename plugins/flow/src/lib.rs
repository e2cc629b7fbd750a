//! Normalizing flows: a variational family that bends a Gaussian by layers of invertible maps, so that it can be skewed, curved,
//! or narrow in places.
//!
//! A layer keeps some coordinates and maps each of the others by a monotone function whose shape a small neural network
//! computes from those that are kept (a *coupling*; Dinh, Sohl-Dickstein and Bengio 2017, arXiv 1605.08803). Both directions are closed
//! forms, so draws, log density and score are exact. The monotone functions are affine, or rational-quadratic splines
//! (Durkan, Bekasov, Murray and Papamakarios 2019, arXiv 1906.04032).
//!
//! An affine map with a mean and a covariance is the outermost layer and the others begin as identities, so that a fit starts at
//! the very Gaussian that it is given.

mod conditioner;
mod coupling;
mod density;
mod plugin;
mod spline;

pub use coupling::Kind;
pub use density::FlowDensity;
pub use plugin::{Flow, FlowOptions};

use firebrand_core::{FamilyPlugin, inventory};

inventory::submit! { FamilyPlugin::of::<Flow>() }
