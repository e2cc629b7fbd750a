//! Targets, variational families and inference algorithms: the traits, the registry, and the driver that joins them.
//!
//! Three nouns carry everything. A [`Target`] is an unnormalised log density on R^D, batched over draws. An
//! [`Approximation`] is one member of a variational [`Family`]: it draws from noise, has a density and a score, and
//! pulls derivatives back into its parameters. An [`Inference`] is an iteration that moves an approximation.
//!
//! This crate knows no model language, and no algorithm.

#![deny(unsafe_code)]

#[allow(unsafe_code)]
pub mod boundary;
mod checkpoint;
pub mod diagnostics;
mod draws;
mod driver;
mod family;
mod gaussian;
mod inference;
mod lost;
mod low_rank;
mod minibatch;
pub mod network;
mod options;
mod panics;
mod placement;
mod randomness;
pub mod record;
mod reference;
pub mod registry;
mod resample;
mod source;
pub mod start;
mod stop;
mod suggest;
mod target;
#[cfg(test)]
mod testing;
mod trace;

pub use checkpoint::{Checkpoint, Held, Keeper};
pub use draws::{Draws, points, seed_of_block};
pub use driver::{Ended, Fit, FitOptions, Moment, Surroundings, fit, fit_within};
pub use family::{
    Approximation, Family, FamilyCapabilities, FamilyError, MOST_DENSE, Sample, SampleCotangent,
    check_dense,
};
pub use gaussian::{Covariance, Gaussian, GaussianStart, Structure, cholesky};
pub use inference::{
    Inference, InferenceError, Progress, Requirements, Running, StepContext, StepError, StepReport,
};
pub use inventory;
pub use low_rank::{LowRank, LowRankRoot, PATCHED, nearest as nearest_low_rank};
pub use minibatch::{Batches, Minibatch};
#[doc(hidden)]
pub use options::ron_of as __ron_of;
pub use options::{OptionField, Options, OptionsError};
pub use panics::{Panic, caught};
pub use placement::{KEPT_FROM, Placement, Precision, from_mat, into_host, to_host, to_mat};
pub use randomness::{DeviceNormals, Normals, Stream, generator, noise, normals};
pub use reference::{Comparison, Deviation, Moments, Reference, Spread};
pub use registry::{
    ChoiceError, Chosen, FamilyPlugin, InferencePlugin, NetworkPlugin, Plugin, SourcePlugin,
    TargetPlugin,
};
pub use source::{Located, SourceError, TargetSource};
pub use stop::{Stop, StopReason};
pub use suggest::nearest;
pub use target::{
    Batch, Block, Column, Constrained, Counted, Counters, Counts, Density, Evaluation, FnTarget,
    GaussianTarget, Joined, Parameter, Plate, Target, TargetError,
};
pub use trace::{Trace, TraceRow};
