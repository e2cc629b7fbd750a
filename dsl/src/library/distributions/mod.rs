//! Distributions: densities, mass functions, cumulative functions and random numbers.

pub(super) mod binary;
pub(super) mod bounded;
pub(super) mod categorical;
pub(super) mod correlation;
pub(super) mod counts;
pub(super) mod cumulative;
pub(super) mod finite;
pub(super) mod glm;
pub(super) mod incomplete;
pub(super) mod location_scale;
pub(super) mod multinomial;
pub(super) mod multivariate;
pub(super) mod ordered;
pub(super) mod positive;
pub(super) mod simplex;
pub(super) mod state_space;
mod terms;

pub(super) use simplex::require_simplex;
pub(super) use terms::unit;
pub(super) mod wishart;
