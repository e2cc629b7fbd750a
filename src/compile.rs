//! From the files of a target to a posterior.

use firebrand_core::{Located, Placement};
use firebrand_dsl::{CompileError, Data, Model, Posterior};

/// Compiles a model with its data, where a [source of targets](firebrand_core::TargetSource) says they are.
///
/// ```no_run
/// let source = firebrand::core::registry::source("posteriordb(path: \"posteriordb\")")?;
/// let files = source.plugin.locate("arK-arK")?;
/// let posterior = firebrand::compile(&files, &firebrand::Placement::cpu())?;
/// let mut fitted = firebrand::fit(&posterior).run()?;
/// if let Some(reference) = source.plugin.reference("arK-arK")? {
///     fitted.compare(&reference);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Files that cannot be read, and whatever is wrong with them.
pub fn compile(files: &Located, placement: &Placement) -> Result<Posterior, CompileError> {
    let model = Model::from_file(&files.model)?;
    let data = files.data.as_deref();
    let data = data.map_or_else(|| Ok(Data::empty()), Data::from_file)?;
    Ok(model.compile(&data, placement)?)
}
