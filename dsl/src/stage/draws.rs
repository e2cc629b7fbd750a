//! Draws as lanes: a block of which all inputs are known runs once for many draws.
//!
//! The draws are the iterations of a loop around the block. Loops inside run one iteration after the other: with many
//! draws at once there is little to gain from more lanes, and so random numbers are drawn in the program's order,
//! whatever the draws beside a draw do.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use firebrand_graph::{Array, Expr};
use rand_chacha::ChaCha8Rng;
use rustc_hash::FxHashSet;

use super::dependence::{Region, Remedy};
use super::interpreter::{Interpreter, Scope, StageError, Staged, Stop};
use super::lanes::Lanes;
use super::storage::Variable;
use crate::hir::{Slot, Statement};
use crate::library::{Requirement, Streams};
use crate::value::Value;

/// Why draws cannot run together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    /// Those for which these numbers, one for each draw, are equal perhaps can.
    #[error("draws differ in a size")]
    Apart(Vec<i64>),
    /// Fewer of them perhaps can.
    #[error("draws take ways that cannot be followed together")]
    Together,
    /// One of them at least goes wrong.
    #[error("{}", .0.message)]
    Wrong(StageError),
    /// They were interrupted.
    #[error("interrupted")]
    Interrupted,
}

impl Interpreter<'_> {
    /// From now on there are as many draws as generators of random numbers, each with its own.
    ///
    /// Variables that were set before are the same for all of them.
    pub(crate) fn begin_draws(&mut self, generators: Vec<ChaCha8Rng>) {
        let draws = Lanes::inside(&self.root(), vec![0; generators.len()]);
        if draws.count > 1 {
            // Nothing outside the block is assigned, so there is nothing to watch.
            let assigned = Arc::new(FxHashSet::default());
            self.regions.push(Region::new(&draws, 0, &assigned));
        }
        self.generators = generators;
        self.draws = Some(draws);
    }

    /// Sets a variable of the program; `value` leads with the draws.
    pub(crate) fn set_by_draw(&mut self, slot: Slot, value: Value) {
        let scope = self.draws.clone().unwrap_or_else(|| self.root());
        let variable = Variable::holding(value, &self.graph, &scope);
        self.frames[0].variables[slot] = Some(variable);
    }

    /// Runs statements of the program's frame for all draws.
    pub(crate) fn run_draws(&mut self, statements: &[Statement]) -> Result<(), Unfit> {
        let scope = self.draws.clone().unwrap_or_else(|| self.root());
        match self.block(statements, &scope) {
            Ok(_) => Ok(()),
            Err(Stop::Error(error)) => Err(Unfit::Wrong(error)),
            Err(Stop::Dependence(_, Remedy::Apart(numbers))) => Err(Unfit::Apart(numbers)),
            Err(Stop::Dependence(..)) => Err(Unfit::Together),
            Err(Stop::Interrupted) => Err(Unfit::Interrupted),
        }
    }

    pub(super) fn check_not_cancelled(&self) -> Staged<()> {
        match self.cancelled {
            Some(cancelled) if cancelled.load(Ordering::Relaxed) => Err(Stop::Interrupted),
            _ => Ok(()),
        }
    }

    /// Whether a scope's lanes are draws, or belong to them.
    pub(super) fn in_draws(&self, scope: &Scope) -> bool {
        let draws = self.draws.as_ref();
        draws.is_some_and(|draws| draws.depth <= scope.depth)
    }

    /// Whether a requirement is broken without telling in which of the lanes, where these belong to several draws.
    pub(super) fn is_of_unknown_draws(&self, requirement: &Requirement, scope: &Scope) -> bool {
        let met = requirement.met.as_data();
        self.in_draws(scope)
            && scope.count > 1
            && met.is_some_and(|met| {
                met.data().contains(&0.0) && met.shape().first() != Some(&scope.count)
            })
    }

    /// A requirement of lanes as one of draws: `[draws]`.
    pub(super) fn by_draw(&self, requirement: &Requirement, scope: &Scope) -> Option<Requirement> {
        let draws = self.draws.as_ref()?;
        let met = requirement.met.as_data()?;
        if !self.in_draws(scope) {
            return None;
        }
        let mut by_draw = vec![1.0; draws.count];
        let each = match met.shape().first() {
            Some(lanes) if *lanes == scope.count => met.len() / lanes.max(&1),
            _ => 0,
        };
        for (lane, draw) in scope.origin_at(draws.depth).iter().enumerate() {
            let own = match each {
                0 => met.data(),
                each => &met.data()[lane * each..(lane + 1) * each],
            };
            if own.contains(&0.0) {
                by_draw[*draw as usize] = 0.0;
            }
        }
        Some(Requirement {
            met: Expr::Data(Array::vector(by_draw)),
            message: requirement.message.clone(),
        })
    }
}

/// Random numbers for the lanes of a scope, where they may be drawn.
pub(super) fn streams<'g>(
    generators: &'g mut [ChaCha8Rng],
    draws: Option<&Scope>,
    scope: &Scope,
) -> Option<Streams<'g>> {
    match (generators, draws) {
        ([], _) => None,
        ([generator], _) => Some(Streams::shared(generator)),
        (generators, Some(draws)) => {
            let of = scope.origin_at(draws.depth);
            Some(Streams::by_lane(generators, of))
        }
        ([generator, ..], None) => Some(Streams::shared(generator)),
    }
}
