//! Plugins of this program, as if a library had brought them: for tests of the boundary, and of plugins before they are shipped.

use super::export;
use super::import::{ForeignFamily, ForeignInference, ForeignTarget};
use crate::family::{Family, FamilyError};
use crate::inference::{Inference, InferenceError};
use crate::target::{Target, TargetError};

/// A family, seen across the boundary.
///
/// # Errors
/// As if a library had brought it.
pub fn family(family: Box<dyn Family>) -> Result<Box<dyn Family>, FamilyError> {
    let name = family.name().to_string();
    // SAFETY: it was handed out for this.
    let foreign = unsafe { ForeignFamily::take(export::family(family), &name) };
    Ok(Box::new(foreign.map_err(|failure| failure.family(&name))?))
}

/// An algorithm, seen across the boundary.
///
/// # Errors
/// As if a library had brought it.
pub fn inference(inference: Box<dyn Inference>) -> Result<Box<dyn Inference>, InferenceError> {
    let name = inference.name().to_string();
    // SAFETY: it was handed out for this.
    let foreign = unsafe { ForeignInference::take(export::inference(inference), &name) };
    Ok(Box::new(
        foreign.map_err(|failure| failure.inference(&name))?,
    ))
}

/// A target, seen across the boundary.
///
/// # Errors
/// As if a library had brought it.
pub fn target(target: Box<dyn Target>, name: &str) -> Result<Box<dyn Target>, TargetError> {
    // SAFETY: it was handed out for this.
    let foreign = unsafe { ForeignTarget::take(export::target(target), name) };
    Ok(Box::new(foreign.map_err(|failure| failure.target(name))?))
}
