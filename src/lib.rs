//! Variational inference for models in the Stan language.

pub use firebrand_core as core;
pub use firebrand_dsl as dsl;

mod plugins;
