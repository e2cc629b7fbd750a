//! `firebrand bench`: how long log density and score take, on one thread.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use clap::Args;
use firebrand::core::{Batch, Target};
use firebrand::dsl::Posterior;
use serde::Serialize;

use super::Failure;
use super::inputs::{Computing, Source};
use super::typical::typical_points;

/// Time for each size, after first calls that warm caches up.
const TIME: Duration = Duration::from_millis(400);
/// Time of one round of calls, long against the clock's resolution.
const ROUND: Duration = Duration::from_millis(25);
/// Rounds at least, unless these take ...
const ROUNDS: u32 = 3;
/// ... as long as this.
const LONG: Duration = Duration::from_secs(20);

/// Measure how long batched log density and score take, on one thread.
#[derive(Args)]
#[command(after_help = "\
Examples:
  firebrand bench eight_schools.stan --data eight_schools.json
  firebrand bench eight_schools.stan --data eight_schools.json --draws 1,64,1024 --json
  firebrand bench posteriordb:arK-arK --posteriordb ~/posteriordb")]
pub struct BenchArgs {
    #[command(flatten)]
    source: Source,
    /// Numbers of draws that are evaluated together.
    #[arg(long, value_delimiter = ',', default_value = "1,16,256", value_name = "N,..", value_parser = positive)]
    draws: Vec<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    computing: Computing,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(0) => Err("a batch has at least one draw".into()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}

#[derive(Serialize)]
struct Measured {
    source_operations: usize,
    nodes: usize,
    compile_seconds: f64,
    results: Vec<Timing>,
}

#[derive(Serialize)]
struct Timing {
    draws: usize,
    us_per_batch: f64,
    us_per_draw: f64,
}

/// Runs the subcommand.
pub fn run(args: &BenchArgs) -> Result<(), Failure> {
    let began = Instant::now();
    let posterior = args.source.compile(args.computing)?;
    let compile_seconds = began.elapsed().as_secs_f64();
    let most = args.draws.iter().copied().max().unwrap_or(1);
    let points = typical_points(&posterior, most)?;
    let results: Result<_, Failure> = args
        .draws
        .iter()
        .map(|&draws| time(&posterior, &points, draws))
        .collect();
    let size = posterior.size();
    let measured = Measured {
        source_operations: size.source_operations,
        nodes: size.nodes,
        compile_seconds,
        results: results?,
    };
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &measured).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        print(&mut out, &measured)?;
    }
    Ok(())
}

/// The time of one batch: the fastest of several rounds of calls, for whatever else the machine does can only slow one down.
fn time(posterior: &Posterior, points: &[f64], draws: usize) -> Result<Timing, Failure> {
    let dimension = posterior.dimension();
    let theta = posterior
        .placement()
        .matrix(points[..draws * dimension].to_vec(), [draws, dimension]);
    let calls = |count: u32| -> Result<Duration, Failure> {
        let began = Instant::now();
        for _ in 0..count {
            let evaluation = posterior.log_density_and_score(&theta, &Batch::Full);
            std::hint::black_box(evaluation.map_err(|error| Failure::Model(error.to_string()))?);
        }
        Ok(began.elapsed())
    };
    calls(1)?;
    let once = calls(1)?.max(Duration::from_nanos(100));
    let count = (ROUND.as_secs_f64() / once.as_secs_f64()).max(1.0) as u32;
    let (mut fastest, mut rounds, began) = (Duration::MAX, 0, Instant::now());
    while (rounds < ROUNDS && began.elapsed() < LONG) || began.elapsed() < TIME {
        fastest = fastest.min(calls(count)?);
        rounds += 1;
    }
    let us_per_batch = fastest.as_secs_f64() * 1e6 / f64::from(count);
    Ok(Timing {
        draws,
        us_per_batch,
        us_per_draw: us_per_batch / draws as f64,
    })
}

fn print(out: &mut impl Write, measured: &Measured) -> io::Result<()> {
    let Measured {
        source_operations,
        nodes,
        compile_seconds,
        results,
    } = measured;
    writeln!(
        out,
        "{source_operations} operations in the source, {nodes} nodes, compiled in {compile_seconds:.3} s"
    )?;
    writeln!(out)?;
    writeln!(
        out,
        "{:>8}  {:>14}  {:>13}",
        "draws", "us per batch", "us per draw"
    )?;
    for Timing {
        draws,
        us_per_batch,
        us_per_draw,
    } in results
    {
        writeln!(out, "{draws:>8}  {us_per_batch:>14.2}  {us_per_draw:>13.3}")?;
    }
    Ok(())
}
