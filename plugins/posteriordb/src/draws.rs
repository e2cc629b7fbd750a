//! Reference draws.

use std::collections::BTreeMap;
use std::path::Path;

use firebrand_core::{Moments, Reference, SourceError};

use crate::files::read_json;

/// Draws of each quantity, of one chain.
type Chain = BTreeMap<String, Vec<f64>>;

/// Mean and standard deviation of every quantity over the draws of all chains.
///
/// # Errors
/// A file that cannot be read, and one without draws.
pub fn read_reference(path: &Path) -> Result<Reference, SourceError> {
    let chains: Vec<Chain> = read_json(path)?;
    let mut draws = Chain::new();
    for (name, chain) in chains.into_iter().flatten() {
        draws.entry(name).or_default().extend(chain);
    }
    draws.retain(|_, draws| !draws.is_empty());
    if draws.is_empty() {
        return Err(SourceError::Broken {
            path: path.into(),
            problem: "it holds no draws".into(),
        });
    }
    let quantities = draws.iter().map(|(name, draws)| Moments::of(name, draws));
    Ok(Reference {
        quantities: quantities.collect(),
    })
}
