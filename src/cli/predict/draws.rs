//! Draws of a run's approximation, with what the model generates of them from the new data.

use std::sync::atomic::AtomicBool;

use firebrand::core::{Block, Constrained, Joined, TargetError, points, seed_of_block};
use firebrand::{First, Target};
use indicatif::ProgressBar;

use super::restored::Restored;
use crate::cli::Failure;
use crate::cli::progress::style;

/// Draws at most that are made together: after each such block progress is shown.
const BLOCK: usize = 1024;

/// Numbers at most that a block holds, of parameters or of quantities.
const NUMBERS: usize = 1 << 22;

/// What was drawn.
pub struct Drawn {
    /// The draws of generated quantities.
    pub table: Constrained,
    /// How many draws were to be made, if the drawing was interrupted before it had them.
    pub interrupted_of: Option<usize>,
}

/// Draws of everything that the model computes of its parameters. Draws are independent of each other; so those that there are when
/// `cancelled` is raised are draws of the same distribution, and are kept.
///
/// # Errors
/// A model that generates nothing, or cannot; and an interruption before anything is there.
pub fn draw(restored: &Restored, count: usize, cancelled: &AtomicBool) -> Result<Drawn, Failure> {
    let posterior = &restored.posterior;
    let generates = |block| block == Block::GeneratedQuantities;
    if !posterior.parameters().iter().any(|p| generates(p.block)) {
        return Err(Failure::Model(
            "the model predicts nothing: compute it in `generated quantities`, of the data and the parameters".into(),
        ));
    }
    let width: usize = posterior
        .parameters()
        .iter()
        .map(|p| p.shape.iter().product::<usize>())
        .sum();
    let block = (NUMBERS / width.max(restored.dimension()).max(1)).clamp(1, BLOCK);
    let bar = ProgressBar::new(count as u64);
    bar.set_style(style("{spinner} {bar:30} {pos} of {len} draws [{elapsed}]"));
    let cannot =
        |error: TargetError| Failure::Model(format!("no draw can be predicted from: {error}"));
    let mut joined = Joined::default();
    let mut done = 0;
    for (step, first) in (0..count).step_by(block).enumerate() {
        let some = block.min(count - first);
        let first = generated(restored, some, step as u64, cancelled).map_err(cannot)?;
        let whole = first.count;
        joined.push(first.unless_rejected()).map_err(cannot)?;
        done += whole;
        bar.set_position(done as u64);
        if whole < some {
            break;
        }
    }
    bar.finish_and_clear();
    if done == 0 {
        return Err(Failure::Usage("interrupted, before the first draws".into()));
    }
    let interrupted_of = (done < count).then_some(count);
    if let Some(count) = interrupted_of {
        eprintln!("note: interrupted, with {done} of {count} draws");
    }
    Ok(Drawn {
        table: joined.finish().map_err(cannot)?,
        interrupted_of,
    })
}

/// The first draws of a block: all of them, unless they are interrupted.
fn generated(
    restored: &Restored,
    count: usize,
    step: u64,
    cancelled: &AtomicBool,
) -> Result<First, TargetError> {
    let seed = restored.origin.plan.seed;
    let theta = points(restored.approximation.as_ref(), count, seed, step)
        .map_err(|error| TargetError::Model(error.to_string()))?;
    let seed = seed_of_block(seed, step);
    let mut first = restored
        .posterior
        .constrain_first(&theta, seed, cancelled)?;
    first.draws = first.draws.without(Block::Parameters);
    Ok(first)
}
