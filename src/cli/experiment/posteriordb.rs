//! Posteriors with reference draws: targets that nobody made up.

use std::path::Path;
use std::rc::Rc;

use clap::Args;
use firebrand::Placement;
use firebrand::core::{GaussianStart, Target};

use super::contest::{Contestant, Problem, Setting};
use super::measures::from_reference;
use super::{Experiment, RunArgs};
use crate::cli::Failure;
use crate::cli::sources::Sources;

/// Small posteriors that N(0, I) is not too far from, of regression, time series, a hierarchy and a mixture.
const POSTERIORS: &str = "arK-arK,eight_schools-eight_schools_noncentered,\
    garch-garch11,low_dim_gauss_mix-low_dim_gauss_mix,nes1976-nes,sblri-blr";

/// Posteriors of PosteriorDB, against the moments of their reference draws.
#[derive(Args)]
#[command(after_help = "\
Examples:
  firebrand experiment posteriordb --posteriordb ~/posteriordb --out posteriordb
  firebrand experiment posteriordb --posteriors arK-arK,nes1976-nes --seeds 3 --out two")]
pub struct PosteriorDbArgs {
    /// Which ones; all need reference draws.
    #[arg(long, value_delimiter = ',', value_name = "NAME,..", default_value = POSTERIORS)]
    posteriors: Vec<String>,
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

/// The settings: all posteriors are compiled before the first run.
///
/// # Errors
/// A name that there is not, one without reference draws, and what is wrong with a model.
pub fn experiment(args: &PosteriorDbArgs) -> Result<Experiment, Failure> {
    let budget = if args.run.quick { 5_000 } else { 50_000 };
    let settings = args
        .posteriors
        .iter()
        .map(|name| setting(name, &args.sources, budget))
        .collect::<Result<_, _>>()?;
    Ok(Experiment {
        name: "posteriordb",
        settings,
        arrived: 0.3,
    })
}

fn setting(name: &str, sources: &Sources, budget: u64) -> Result<Setting, Failure> {
    let place = sources.place(Path::new(&format!("posteriordb:{name}")), None)?;
    let reference = place.reference()?;
    let reference = reference.ok_or_else(|| {
        Failure::Usage(format!("`{name}` has no reference draws to compare with"))
    })?;
    let posterior = Rc::new(firebrand::compile(&place.files, &Placement::cpu())?);
    let reference = Rc::new(reference);
    let problem = move |seed| {
        let (target, reference) = (posterior.clone(), reference.clone());
        Ok(Problem {
            start: GaussianStart::standard(posterior.dimension()),
            target: posterior.clone(),
            measure: Box::new(move |approximation| {
                from_reference(&reference, &*target, approximation, seed)
            }),
        })
    };
    Ok(Setting {
        name: name.into(),
        problem: Box::new(problem),
        contestants: Contestant::gaussians(),
        budget,
    })
}
