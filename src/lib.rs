//! Variational inference for models in the Stan language: a posterior with an honest verdict.
//!
//! ```
//! use firebrand::{Data, Model, Placement, fit};
//!
//! let model = Model::parse(
//!     "coin.stan",
//!     "data { int n; int heads; } parameters { real<lower=0, upper=1> p; } model { heads ~ binomial(n, p); }",
//! )?;
//! let data = Data::from_json(r#"{"n": 20, "heads": 14}"#)?;
//! let posterior = model.compile(&data, &Placement::cpu())?;
//! let fitted = fit(&posterior).inference("prox-score").family("full-rank").seed(1).run()?;
//! println!("{} draws of p, {}", fitted.draws_of("p").unwrap_or_default().len(), fitted.verdict);
//! // With a flat prior p is Beta(15, 7), whose mean is 15/22.
//! assert!((fitted.quantity("p").unwrap().mean - 15.0 / 22.0).abs() < 0.02);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The crates behind this one: [`core`] has the traits of targets, families and algorithms, the registry, the driver and the
//! diagnostics; [`dsl`] compiles models. Every plugin of this project is linked.

mod allocation;
mod compile;
pub mod defaults;
mod device;
mod fit;
mod fitted;
mod plugins;
mod reported;
mod summary;

pub use firebrand_core as core;
pub use firebrand_dsl as dsl;

pub use allocation::{keep_freed_memory, spare_memory};
pub use compile::compile;
pub use device::{DeviceError, DeviceName};
pub use firebrand_core::diagnostics::{Diagnosis, DiagnosisOptions, Verdict};
pub use firebrand_core::{Draws, Ended, FitOptions, Placement, Target};
pub use firebrand_dsl::{Data, First, Model, Posterior};
pub use fit::{Event, FitError, Fitting, Keeping, Ready, fit};
pub use fitted::Fitted;
pub use summary::{Quantity, summarize};
