//! From the files of a target to a posterior.

use firebrand_core::{Located, Placement};
use firebrand_dsl::{CompileError, Data, Model, Posterior};

/// Compiles a model with its data, where a [source of targets](firebrand_core::TargetSource) says they are.
///
/// # Errors
/// Files that cannot be read, and whatever is wrong with them.
pub fn compile(files: &Located, placement: &Placement) -> Result<Posterior, CompileError> {
    let model = Model::from_file(&files.model)?;
    let data = files.data.as_deref();
    let data = data.map_or_else(|| Ok(Data::empty()), Data::from_file)?;
    Ok(model.compile(&data, placement)?)
}
