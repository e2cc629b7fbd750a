//! Draws of a run's approximation, with what the model generates of them from the new data.

use std::sync::atomic::AtomicBool;

use firebrand::Target;
use firebrand::core::{Block, Constrained, TargetError, points, seed_of_block};
use indicatif::ProgressBar;

use super::restored::Restored;
use crate::cli::Failure;
use crate::cli::progress::style;

/// Draws at most that are made together: after each such block progress is shown.
const BLOCK: usize = 1024;

/// Numbers at most that a block holds, of parameters or of quantities.
const NUMBERS: usize = 1 << 22;

/// Draws of everything that the model computes of its parameters. Blocks are independent draws; so those that there are when `cancelled`
/// is raised are draws of the same distribution, and are kept.
///
/// # Errors
/// A model that generates nothing, or cannot; and an interruption before anything is there.
pub fn draw(
    restored: &Restored,
    count: usize,
    cancelled: &AtomicBool,
) -> Result<Constrained, Failure> {
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
    let mut all = Constrained::default();
    for (step, first) in (0..count).step_by(block).enumerate() {
        let some = block.min(count - first);
        match generated(restored, some, step as u64, cancelled) {
            Ok(more) if all.columns.is_empty() => all = more,
            Ok(more) => all.values.extend(more.values),
            Err(TargetError::Interrupted) if first > 0 => {
                bar.finish_and_clear();
                eprintln!("note: interrupted, with {first} of {count} draws");
                return Ok(all);
            }
            Err(TargetError::Interrupted) => {
                return Err(Failure::Usage("interrupted, before the first draws".into()));
            }
            Err(error) => {
                return Err(Failure::Model(format!(
                    "no draw can be predicted from: {error}"
                )));
            }
        }
        bar.set_position((first + some) as u64);
    }
    bar.finish_and_clear();
    Ok(all)
}

fn generated(
    restored: &Restored,
    count: usize,
    step: u64,
    cancelled: &AtomicBool,
) -> Result<Constrained, TargetError> {
    let seed = restored.origin.plan.seed;
    let theta = points(restored.approximation.as_ref(), count, seed, step)
        .map_err(|error| TargetError::Model(error.to_string()))?;
    let seed = seed_of_block(seed, step);
    let table = restored
        .posterior
        .constrain_until(&theta, seed, cancelled)?;
    Ok(table.without(Block::Parameters))
}
