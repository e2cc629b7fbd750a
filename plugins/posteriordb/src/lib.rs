//! Posteriors of [PosteriorDB](https://github.com/stan-dev/posteriordb): models, data and reference draws, by name.
//!
//! Magnusson, Torgander, Bürkner, Zhang, Carpenter and Vehtari 2024, arXiv 2407.04967. A [`Database`] is a checkout in the official
//! layout. This crate knows its files and what they say of each other; it reads neither models nor data.
//!
//! ```text
//! posterior_database/
//!   alias/posteriors.json                      other names of some posteriors
//!   posteriors/NAME.json                       an Entry: names of model, data and reference; keywords; dimensions
//!   models/info/NAME.info.json                 where the model's text is
//!   data/info/NAME.info.json                   where the data are: as JSON, or zipped with `.zip` added
//!   reference_posteriors/draws/draws/NAME.json.zip    chains of reference draws
//! ```

mod database;
mod draws;
mod entry;
mod files;
mod plugin;

pub use database::Database;
pub use entry::{Entry, Info, Sizes};
pub use plugin::{PosteriorDb, PosteriorDbOptions, VARIABLE};

use firebrand_core::{SourcePlugin, inventory};

inventory::submit! { SourcePlugin::of::<PosteriorDb>() }
