//! What most subcommands begin with: a model, its data, and where to compute.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use firebrand::DeviceName;
use firebrand::core::{Placement, Precision};
use firebrand::dsl::{Data, Model, Posterior};
use serde::{Deserialize, Serialize};

use super::failure::{Failure, colour};
use super::sources::{Place, Sources};

/// A model and its data.
#[derive(Args)]
pub struct Source {
    /// The model: a file in the Stan language, or `posteriordb:NAME` for a posterior of PosteriorDB.
    pub model: PathBuf,
    /// Its data: Stan's JSON, also inside a `.zip`. Variables that the model does not declare are ignored. Arrays may be in files of their
    /// own: `{"file": "train.npz", "name": "x"}`.
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    pub sources: Sources,
}

/// Where numbers are computed, and how precise they are.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Computing {
    /// Where to compute: `cpu`, or, for programs built with the cargo feature `tch`, `libtorch` (on the CPU), `cuda` or `cuda:1`.
    #[arg(long, value_name = "cpu|libtorch|cuda[:N]")]
    pub device: Option<DeviceName>,
    /// The width of numbers: `f64` unless something else is asked for. On the device `cpu` programs compute in `f64` in either case, and
    /// what they are given and give is rounded.
    #[arg(long, value_enum)]
    pub precision: Option<PrecisionName>,
    /// The relative and absolute tolerance of differential equations, in place of the model's own.
    #[arg(long, value_name = "X", value_parser = tolerance)]
    pub solver_tolerance: Option<f64>,
}

fn tolerance(text: &str) -> Result<f64, String> {
    let number: f64 = text
        .trim()
        .parse()
        .map_err(|_| "not a number".to_string())?;
    usable_tolerance(number)
}

/// A tolerance that a solver can meet.
///
/// # Errors
/// A sentence on why there is none such.
pub fn usable_tolerance(number: f64) -> Result<f64, String> {
    match number > 0.0 && number.is_finite() {
        true => Ok(number),
        false => Err(format!(
            "a tolerance must be positive and finite, but is {number}"
        )),
    }
}

/// A precision, as the command line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrecisionName {
    /// 32 bits.
    F32,
    /// 64 bits.
    F64,
}

impl Computing {
    /// The device and the precision.
    ///
    /// # Errors
    /// A device that is not there.
    pub fn placement(self) -> Result<Placement, Failure> {
        let device = self.device.unwrap_or_default().device();
        Ok(Placement {
            device: device.map_err(|error| Failure::Usage(error.to_string()))?,
            precision: match self.precision {
                Some(PrecisionName::F32) => Precision::F32,
                None | Some(PrecisionName::F64) => Precision::F64,
            },
        })
    }

    /// The model, with the tolerance that was asked for.
    pub fn model(self, model: Model) -> Model {
        match self.solver_tolerance {
            Some(tolerance) => model.with_solver_tolerance(tolerance),
            None => model,
        }
    }
}

impl Source {
    /// Where model and data are.
    pub fn place(&self) -> Result<Place, Failure> {
        self.sources.place(&self.model, self.data.as_deref())
    }

    /// Reads and compiles the model with its data.
    pub fn compile(&self, computing: Computing) -> Result<Posterior, Failure> {
        let files = self.place()?.files;
        let model = computing.model(read_model(&files.model)?);
        compile(&model, files.data.as_deref(), &computing.placement()?, None)
    }
}

/// Reads a model; its warnings go to standard error.
pub fn read_model(path: &Path) -> Result<Model, Failure> {
    let model = Model::from_file(path)?;
    eprint!("{}", model.warnings().render(colour()));
    Ok(model)
}

/// Compiles a model with its data; what it prints goes to standard error. `plate` is the data size that counts the rows of minibatches.
pub fn compile(
    model: &Model,
    data: Option<&Path>,
    placement: &Placement,
    plate: Option<&str>,
) -> Result<Posterior, Failure> {
    if data.is_none() && !model.program().data.is_empty() {
        let names: Vec<&str> = model
            .program()
            .data
            .iter()
            .map(|variable| variable.name.as_str())
            .collect();
        return Err(Failure::Model(format!(
            "the model declares data ({}): name its file with `--data`",
            names.join(", ")
        )));
    }
    let data = data.map_or_else(|| Ok(Data::empty()), Data::from_file)?;
    let posterior = match plate {
        Some(plate) => model.compile_with_plate(&data, placement, plate)?,
        None => model.compile(&data, placement)?,
    };
    for line in posterior.printed() {
        eprintln!("{line}");
    }
    Ok(posterior)
}
