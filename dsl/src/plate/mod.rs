//! Plates: a model on some of the rows that a data size counts.
//!
//! The program is staged again on a batch's rows: data and transformed data that are declared with the size are cut down to them, and
//! the size is their number. Transformed data have been run once, on everything; they are constants.
//!
//! - [`variables`]: what is declared with the size, and how it is cut down;
//! - [`blocks`]: the model on rows, and what of it belongs to no row;
//! - [`additive`]: the proof, by trial, that the rest is a sum over rows;
//! - [`stand_in`]: what takes the place of networks in that;
//! - [`programs`]: compiled programs, each used for all batches that have its structure.

mod additive;
mod blocks;
mod mentions;
mod programs;
mod stand_in;
#[cfg(test)]
mod tests;
mod variables;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Tensor;
use firebrand_core::{Stream, generator};
use firebrand_graph::{Expr, Options};
use rand::RngExt;

use crate::data::Bound;
use crate::diagnostics::Diagnostic;
use crate::hir::{self, Declaration, Slot};
use crate::library::Requirement;
use crate::stage::Built;
use crate::syntax::Span;
use crate::value::Value;
use blocks::{Base, Ran};
use programs::{Program, Programs};
use variables::Variables;

/// Numbers of the data up to which all rows are compiled into one program.
const MOST_WHOLE: usize = 1 << 22;
/// Of the rows that programs are made for.
const REFERENCES: Stream = Stream::Other(0x7265_6673);
/// Numbers of the data in a block of rows, where all are evaluated without such a program.
const NUMBERS_IN_BLOCK: usize = 1 << 20;

/// A program with its data, evaluated on rows of one plate.
pub(crate) struct Plated {
    program: Arc<hir::Program>,
    name: String,
    variables: Variables,
    base: Base,
    options: Options,
    programs: Mutex<Programs>,
}

/// Log density `[S, 1]`, score `[S, D]`, and whether each draw meets the model's conditions `[S, 1]`; one row where it is the same for
/// all draws.
pub(crate) struct Outputs {
    pub density: Tensor<2>,
    pub score: Tensor<2>,
    pub met: Tensor<2>,
}

/// Whether a variable of the data can stay in its file, if it is in one, once `name` is a plate.
pub(crate) fn stays_in_file(program: &hir::Program, declaration: &Declaration, name: &str) -> bool {
    variables::stays_in_file(program, declaration, name)
}

impl Plated {
    /// Makes the data variable `name` of a program a plate. `files` are those of its data that stay in their files, as
    /// [`stays_in_file`] allows them to.
    ///
    /// # Errors
    /// If there is no such size, or the model is no sum over its rows: with the place.
    pub fn new(
        program: &Arc<hir::Program>,
        environment: &[(Slot, Value)],
        files: Bound,
        networks: &Arc<Vec<Built>>,
        name: &str,
        options: &Options,
    ) -> Result<Self, Vec<Diagnostic>> {
        let variables = Variables::of(program, environment, files, networks, name)?;
        blocks::parameters_do_not_depend(program, &variables)?;
        let base = Base::run(program, &variables)?;
        let mut plated = Plated {
            program: Arc::clone(program),
            name: name.into(),
            variables,
            base,
            options: options.clone(),
            programs: Mutex::default(),
        };
        let whole = match plated.found_with_stand_ins(networks) {
            Some(whole) => whole,
            None => additive::check(&plated)?,
        };
        plated.base.leave_out(|span| whole.contains(&span));
        Ok(plated)
    }

    /// What [`additive::check`] finds with other functions in the place of the networks; `None` if there are none, or if it finds
    /// anything to refuse: then it is for the networks themselves to show it.
    fn found_with_stand_ins(&mut self, networks: &Arc<Vec<Built>>) -> Option<BTreeSet<Span>> {
        if networks.is_empty() || !stand_in::keep_rows_apart(networks) {
            return None;
        }
        self.variables.set_networks(stand_in::for_all(networks));
        let found = Base::run(&self.program, &self.variables).and_then(|base| {
            let base = std::mem::replace(&mut self.base, base);
            let found = additive::check(self);
            self.base = base;
            found
        });
        self.variables.set_networks(Arc::clone(networks));
        found.ok()
    }

    /// The name of the plate.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.variables.rows()
    }

    /// Whether a program on all rows is worth its memory, and the time to compile it.
    pub fn fits_whole(&self) -> bool {
        !self.variables.are_in_files() && self.variables.numbers() <= MOST_WHOLE
    }

    /// The model at points `[S, D]` on all rows, a block of them after the other.
    ///
    /// # Errors
    /// What is wrong with the model on these rows.
    pub fn evaluate_all(&self, theta: &Tensor<2>) -> Result<Outputs, Vec<Diagnostic>> {
        let rows = self.rows();
        let numbers = self.variables.numbers().div_ceil(rows.max(1));
        let length = (NUMBERS_IN_BLOCK / numbers.max(1)).clamp(1, rows.max(1));
        let mut total: Option<Outputs> = None;
        for first in (0..rows).step_by(length) {
            let block: Vec<usize> = (first..rows.min(first + length)).collect();
            // Scores of blocks average to the full one.
            let share = block.len() as f64 / rows as f64;
            let part = self.evaluate(theta, &block, share.recip())?;
            let part = Outputs {
                density: part.density * share,
                score: part.score * share,
                met: part.met,
            };
            total = Some(match total {
                None => part,
                Some(total) => Outputs {
                    density: total.density + part.density,
                    score: total.score + part.score,
                    met: total.met * part.met,
                },
            });
        }
        match total {
            Some(total) => Ok(total),
            None => self.evaluate(theta, &[], 1.0),
        }
    }

    /// The model at points `[S, D]` on some rows, each term of theirs `weight` times.
    ///
    /// # Errors
    /// What is wrong with the model on these rows.
    pub fn evaluate(
        &self,
        theta: &Tensor<2>,
        rows: &[usize],
        weight: f64,
    ) -> Result<Outputs, Vec<Diagnostic>> {
        let staged = self.staged(rows, weight)?;
        let program = {
            let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
            programs.find_or_compile(rows.len(), &staged, &self.options, |number| {
                let reference = self.reference_rows(rows.len(), number);
                self.staged(&reference, weight).ok()
            })
        };
        Ok(program.run(theta, &staged, &self.options))
    }

    fn staged(&self, rows: &[usize], weight: f64) -> Result<programs::Staged, Vec<Diagnostic>> {
        let Ran {
            mut graph,
            terms,
            requirements,
        } = self.run(rows)?;
        let density = self.base.weighted(&mut graph, terms, weight);
        let met = met(&mut graph, &requirements);
        Ok(programs::Staged::new(
            graph,
            &density,
            &met,
            &self.base.theta,
        ))
    }

    fn run(&self, rows: &[usize]) -> Result<Ran, Vec<Diagnostic>> {
        self.base.run_rows(&self.program, &self.variables, rows)
    }

    /// So many rows at random, the same ones for each number.
    fn reference_rows(&self, count: usize, number: u64) -> Vec<usize> {
        let mut rng = generator(0, REFERENCES, number);
        let total = self.rows();
        let mut rows: Vec<usize> = (0..count).map(|_| rng.random_range(0..total)).collect();
        rows.sort_unstable();
        rows
    }
}

/// 1 for a draw that meets all conditions, else 0.
fn met(graph: &mut firebrand_graph::Graph, requirements: &[Requirement]) -> Expr {
    let mut valid = Expr::scalar(1.0);
    for requirement in requirements {
        let met = crate::validity::met_by_draw(graph, &requirement.met);
        valid = graph.mul(&valid, &met);
    }
    valid
}

impl Program {
    fn run(&self, theta: &Tensor<2>, staged: &programs::Staged, options: &Options) -> Outputs {
        let mut inputs = vec![theta.clone()];
        inputs.extend(self.inputs(staged, options));
        let mut outputs = self.score.run(&inputs).into_iter();
        let mut next = || {
            outputs
                .next()
                .expect("a program has as many outputs as it was compiled for")
        };
        Outputs {
            density: next(),
            score: next(),
            met: next(),
        }
    }
}
