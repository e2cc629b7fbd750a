//! Staging: a checked program is run once, with its data known and its parameters as nodes of a graph.
//!
//! The same interpreter runs transformed data and generated quantities, where everything is known. Loops run all
//! their iterations together, as lanes of every value, wherever a concrete dependence test allows it
//! ([`dependence`]); so a program's size does not grow with its data. Generated quantities have many draws as their
//! lanes instead ([`draws`]), and call networks for many iterations at once ([`ahead`]).

mod ahead;
mod assignments;
mod declarations;
mod dependence;
mod draws;
mod equations;
mod expressions;
mod functions;
mod indexing;
mod interpreter;
mod lanes;
mod loops;
mod matrices;
mod networks;
mod operators;
mod statements;
mod storage;
#[cfg(test)]
mod tests;

pub(crate) use draws::Unfit;
pub use interpreter::{Interpreter, StageError};
pub(crate) use interpreter::{Scope, Staged, Stop, Term};
pub(crate) use loops::mentions;
pub(crate) use networks::Built;
