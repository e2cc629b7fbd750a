//! `firebrand score`: log density and score at given points.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use firebrand::core::{Batch, Constrained, Target, TargetError, to_host};
use firebrand::dsl::Posterior;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Failure;
use super::inputs::{Computing, Source};
use super::points::{Block, Points};

/// Compute log density and score at unconstrained points, as JSON, one object a line.
#[derive(Args)]
#[command(after_help = "\
Examples:
  firebrand score eight_schools.stan --data eight_schools.json --at points.txt
  echo '0.1 0.2 0 0 0 0 0 0 0 0' | firebrand score eight_schools.stan --data eight_schools.json --at - --constrained

Each line of output is {\"log_density\": x, \"score\": [...]}. Outside the support of the posterior the log density is null, the
score is zero, and \"rejected\" says why.")]
pub struct ScoreArgs {
    #[command(flatten)]
    source: Source,
    /// The points: a file, or `-` for standard input; one a line, numbers separated by blanks or commas.
    #[arg(long, value_name = "FILE")]
    at: PathBuf,
    /// Also print the values of parameters, transformed parameters and generated quantities.
    #[arg(long)]
    constrained: bool,
    /// The seed of random numbers in generated quantities.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    #[command(flatten)]
    computing: Computing,
}

/// Runs the subcommand.
pub fn run(args: &ScoreArgs) -> Result<(), Failure> {
    let posterior = args.source.compile(args.computing)?;
    let mut points = Points::open(&args.at, posterior.dimension())?;
    let mut out = io::stdout().lock();
    loop {
        let block = points.next_block()?;
        if block.lines.is_empty() {
            return Ok(());
        }
        for scored in score(&posterior, &block, args)? {
            serde_json::to_writer(&mut out, &scored).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        out.flush()?;
    }
}

/// One line of output.
struct Scored {
    log_density: f64,
    score: Vec<f64>,
    rejected: Option<String>,
    constrained: Option<Constrained>,
}

fn score(posterior: &Posterior, block: &Block, args: &ScoreArgs) -> Result<Vec<Scored>, Failure> {
    let (draws, dimension) = (block.lines.len(), posterior.dimension());
    let theta = posterior
        .placement()
        .matrix(block.numbers.clone(), [draws, dimension]);
    let evaluation = posterior
        .log_density_and_score(&theta, &Batch::Full)
        .map_err(model_failed)?;
    let log_density = to_host(&evaluation.log_density);
    let score = to_host(&evaluation.score);
    let rejections = posterior.rejections(&theta);
    let point = |draw: usize| &block.numbers[draw * dimension..(draw + 1) * dimension];
    (0..draws)
        .map(|draw| {
            let rejected = (!evaluation.valid[draw]).then(|| {
                rejections[draw]
                    .clone()
                    .unwrap_or_else(|| why_invalid(point(draw)))
            });
            let constrained = match args.constrained {
                true => Some(constrain(posterior, point(draw), args.seed)?),
                false => None,
            };
            Ok(Scored {
                log_density: log_density[draw],
                score: score[draw * dimension..(draw + 1) * dimension].to_vec(),
                rejected,
                constrained,
            })
        })
        .collect()
}

/// What is wrong with a point that the model itself does not reject.
fn why_invalid(point: &[f64]) -> String {
    if point.iter().all(|number| number.is_finite()) {
        "the log density or its gradient is not finite here".into()
    } else {
        "the point is not finite".into()
    }
}

/// One point on the model's scale, alone: its random numbers do not depend on the points about it. Without generated quantities if
/// those cannot be computed at this point.
fn constrain(posterior: &Posterior, point: &[f64], seed: u64) -> Result<Constrained, Failure> {
    let theta = posterior
        .placement()
        .matrix(point.to_vec(), [1, point.len()]);
    let all = posterior.constrain(&theta, seed);
    all.or_else(|_| posterior.constrain_parameters(&theta))
        .map_err(model_failed)
}

fn model_failed(error: TargetError) -> Failure {
    Failure::Model(error.to_string())
}

impl Serialize for Scored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("log_density", &self.log_density)?;
        map.serialize_entry("score", &self.score)?;
        if let Some(why) = &self.rejected {
            map.serialize_entry("rejected", why)?;
        }
        if let Some(constrained) = &self.constrained {
            map.serialize_entry("constrained", &ByName(constrained))?;
        }
        map.end()
    }
}

/// The only draw of a table as an object, in the order of its columns.
struct ByName<'a>(&'a Constrained);

impl Serialize for ByName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.0.columns.iter().zip(&self.0.values);
        serializer.collect_map(columns.map(|(column, value)| (&column.name, value)))
    }
}
