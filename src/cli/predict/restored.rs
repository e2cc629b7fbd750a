//! A finished run, with its model compiled for other data.

use std::path::Path;

use firebrand::core::record::SavedApproximation;
use firebrand::core::{Approximation, Parameter, Placement};
use firebrand::{Data, Posterior, Target};

use crate::cli::Failure;
use crate::cli::checkpoint::{ORIGIN, Origin, Used, inferred};
use crate::cli::fit;
use crate::cli::inputs::{Computing, read_model};
use crate::cli::output::read_record;

/// A run whose approximation is there again.
pub struct Restored {
    /// What was asked for.
    pub origin: Origin,
    /// Where it is: what came of it.
    pub saved: SavedApproximation,
    /// The approximation itself.
    pub approximation: Box<dyn Approximation>,
    /// The model with the new data. Only its generated quantities mean anything: its log density is of other rows.
    pub posterior: Posterior,
    /// The new data.
    pub data: Data,
}

impl Restored {
    /// The run in a folder, with this data. What is asked for of `computing` takes the place of what the run had.
    ///
    /// # Errors
    /// A folder without a finished run, files that cannot be read, data that do not fit the model, and parameters whose size they change.
    pub fn open(run: &Path, data: &Path, computing: Computing) -> Result<Self, Failure> {
        let name = run.display();
        let refused =
            |because: &str| Failure::Usage(format!("cannot predict with `{name}`: {because}"));
        if !run.is_dir() {
            return Err(refused(
                "there is no such folder; name the one that `firebrand fit --out` made",
            ));
        }
        let has_record = read_record(run)?.is_some();
        let Some(origin) = Origin::read(&run.join(ORIGIN))? else {
            return Err(refused(if has_record {
                "the run in it does not say what it was asked for; fit again"
            } else {
                "there is no run in it; name the folder that `firebrand fit --out` made"
            }));
        };
        let unusable =
            |error: &dyn std::fmt::Display| refused(&format!("its approximation: {error}"));
        let saved = match SavedApproximation::read(run) {
            Ok(Some(saved)) => saved,
            Ok(None) => {
                return Err(refused(&if has_record {
                    "its run came to no approximation".to_string()
                } else {
                    format!(
                        "its run is not finished; go on with it by `firebrand fit --resume {name}`"
                    )
                }));
            }
            Err(error) => return Err(unusable(&error)),
        };
        origin.load_libraries();
        let (data, posterior) = compiled(&origin, data, computing)?;
        check_parameters(&origin.parameters, &inferred(&posterior))?;
        let approximation = saved.restore(posterior.placement());
        let approximation = approximation.map_err(|error| unusable(&error))?;
        if approximation.dimension() != posterior.dimension() {
            return Err(unusable(&"it is of another run"));
        }
        Ok(Restored {
            origin,
            saved,
            approximation,
            posterior,
            data,
        })
    }

    /// D, the number of unconstrained parameters.
    pub fn dimension(&self) -> usize {
        self.posterior.dimension()
    }
}

/// The model of a run with other data.
fn compiled(origin: &Origin, data: &Path, asked: Computing) -> Result<(Data, Posterior), Failure> {
    let before = fit::computing(&origin.plan)?;
    let computing = Computing {
        device: asked.device.or(before.device),
        precision: asked.precision.or(before.precision),
        solver_tolerance: asked.solver_tolerance.or(before.solver_tolerance),
    };
    let place = origin.sources().place(&origin.plan.model_path(), None)?;
    let model = read_model(&origin.folder().join(place.files.model))?;
    for changed in origin.changed(|what| what != Used::Data) {
        eprintln!("note: {changed}; its parameters are taken to mean what they did");
    }
    let data = Data::from_file(data)?;
    let placement: Placement = computing.placement()?;
    let posterior = computing.model(model).compile(&data, &placement)?;
    for line in posterior.printed() {
        eprintln!("{line}");
    }
    Ok((data, posterior))
}

/// Checks that the parameters are those that were inferred.
fn check_parameters(before: &[Parameter], now: &[Parameter]) -> Result<(), Failure> {
    let has = |parameters: &[Parameter], name: &str| parameters.iter().any(|p| p.name == name);
    let differs = |because: String| {
        Err(Failure::Model(format!(
            "the run cannot be applied to this data: {because}"
        )))
    };
    if let Some(gone) = before.iter().find(|parameter| !has(now, &parameter.name)) {
        return differs(format!(
            "the model has no parameter `{}` any more",
            gone.name
        ));
    }
    if let Some(new) = now.iter().find(|parameter| !has(before, &parameter.name)) {
        return differs(format!("the run did not infer `{}`", new.name));
    }
    for (before, now) in before.iter().zip(now) {
        if before.name != now.name {
            return differs(format!(
                "`{}` stands where `{}` did among the parameters",
                now.name, before.name
            ));
        }
        if (&before.shape, before.unconstrained) != (&now.shape, now.unconstrained) {
            return differs(format!(
                "the parameter `{}` has {} in the run, and {} with it; what sizes a parameter has to stay as it was",
                now.name,
                size(before),
                size(now)
            ));
        }
    }
    Ok(())
}

fn size(parameter: &Parameter) -> String {
    let sizes: Vec<String> = parameter.shape.iter().map(usize::to_string).collect();
    match sizes.as_slice() {
        [] => "one number".into(),
        [one] => format!("size {one}"),
        _ => format!("sizes {}", sizes.join(" x ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refusal(before: &[Parameter], now: &[Parameter]) -> String {
        match check_parameters(before, now) {
            Err(Failure::Model(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn parameters_have_to_be_those_of_the_run() {
        let (a, b) = (Parameter::scalar("a"), Parameter::vector("b", 3));
        let both = [a.clone(), b.clone()];
        assert!(check_parameters(&both, &both).is_ok());
        for (now, part) in [
            (vec![a.clone()], "no parameter `b` any more"),
            (
                vec![a.clone(), b.clone(), Parameter::scalar("c")],
                "did not infer `c`",
            ),
            (vec![b, a.clone()], "`b` stands where `a` did"),
            (
                vec![a, Parameter::vector("b", 2)],
                "`b` has size 3 in the run, and size 2",
            ),
        ] {
            let message = refusal(&both, &now);
            assert!(message.contains(part), "{message}");
        }
    }
}
