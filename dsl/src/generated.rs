//! Generated quantities: the interpreter, run on each finished draw.

use std::num::NonZero;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};

use firebrand_core::{Block, Parameter};
use firebrand_graph::{Array, Shape};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::hir::{self, Element, Slot};
use crate::library::Requirement;
use crate::stage::Interpreter;
use crate::stager::declarations;
use crate::value::{Ints, Value};

/// Draws for which a thread of their own is worth its while.
const FEWEST: usize = 8;

/// What runs the generated quantities of a compiled model.
pub(crate) struct Generator {
    program: Arc<hir::Program>,
    /// Data and transformed data.
    environment: Vec<(Slot, Value)>,
    /// Parameters and transformed parameters, in the order of their columns.
    inputs: Vec<Input>,
}

struct Input {
    slot: Slot,
    shape: Vec<usize>,
    is_int: bool,
}

impl Generator {
    pub(crate) fn new(
        program: &Arc<hir::Program>,
        environment: Vec<(Slot, Value)>,
        parameters: &[Parameter],
    ) -> Self {
        let slots = program
            .parameters
            .iter()
            .chain(declarations(&program.transformed_parameters));
        let inputs = slots
            .zip(parameters)
            .map(|(declaration, parameter)| Input {
                slot: declaration.slot,
                shape: parameter.shape.clone(),
                is_int: matches!(declaration.type_.element, Element::Int),
            })
            .collect();
        Generator {
            program: Arc::clone(program),
            environment,
            inputs,
        }
    }

    /// The generated quantities with their shapes, where sizes are known before any draw is.
    pub(crate) fn declared(&self) -> Vec<Parameter> {
        let mut interpreter = Interpreter::new(&self.program);
        for (slot, value) in &self.environment {
            interpreter.set(*slot, value.clone());
        }
        let root = interpreter.root();
        declarations(&self.program.generated_quantities)
            .filter_map(|declaration| {
                let dims = interpreter.dims_of(&declaration.type_, &root).ok()?;
                Some(Parameter {
                    name: declaration.name.clone(),
                    shape: dims.to_vec(),
                    block: Block::GeneratedQuantities,
                    unconstrained: 0,
                })
            })
            .collect()
    }

    /// Appends generated quantities to each draw's row: NaN in the draws that the block rejects.
    ///
    /// # Errors
    /// What the block does wrong, in a sentence, if no draw is spared.
    pub(crate) fn extend(
        &self,
        values: Vec<f64>,
        draws: usize,
        seed: u64,
    ) -> Result<Vec<f64>, String> {
        if self.program.generated_quantities.is_empty() || draws == 0 {
            return Ok(values);
        }
        let width = values.len() / draws;
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let share = draws.div_ceil(workers).max(FEWEST);
        let parts: Vec<Part> = thread::scope(|scope| {
            let running: Vec<_> = (0..draws)
                .step_by(share)
                .map(|first| first..draws.min(first + share))
                .map(|part| scope.spawn(|| self.part(&values, width, part, seed)))
                .collect();
            let done = running.into_iter().map(ScopedJoinHandle::join);
            done.map(|part| part.unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        });
        let failed: usize = parts.iter().map(|part| part.failed).sum();
        match parts.iter().find_map(|part| part.why.clone()) {
            Some(why) if failed == draws => Err(why),
            _ => Ok(parts.into_iter().flat_map(|part| part.rows).collect()),
        }
    }

    /// Extends some of the draws.
    fn part(&self, values: &[f64], width: usize, draws: Range<usize>, seed: u64) -> Part {
        let generated: usize = self.declared().iter().map(|p| p.columns().len()).sum();
        let mut part = Part::default();
        for draw in draws {
            let row = &values[draw * width..(draw + 1) * width];
            part.rows.extend_from_slice(row);
            let end = part.rows.len();
            if let Err(why) = self.generate(row, draw, seed, &mut part.rows) {
                part.failed += 1;
                part.why.get_or_insert(why);
                part.rows.truncate(end);
                part.rows.resize(end + generated, f64::NAN);
            }
        }
        part
    }

    fn generate(
        &self,
        row: &[f64],
        draw: usize,
        seed: u64,
        into: &mut Vec<f64>,
    ) -> Result<(), String> {
        let mut interpreter = Interpreter::new(&self.program);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(draw as u64);
        interpreter.set_rng(rng);
        for (slot, value) in &self.environment {
            interpreter.set(*slot, value.clone());
        }
        let mut start = 0;
        for input in &self.inputs {
            let count: usize = input.shape.iter().product();
            interpreter.set(input.slot, from_columns(&row[start..start + count], input));
            start += count;
        }
        interpreter
            .run(&self.program.generated_quantities)
            .map_err(|error| error.message)?;
        if let Some(broken) = interpreter.take_requirements().into_iter().find(is_broken) {
            return Err(broken.message);
        }
        for declaration in declarations(&self.program.generated_quantities) {
            if let Some(value) = interpreter.get(declaration.slot) {
                push_columns(&value, into);
            }
        }
        Ok(())
    }
}

/// Some draws with their generated quantities.
#[derive(Default)]
struct Part {
    rows: Vec<f64>,
    /// Draws that were rejected.
    failed: usize,
    /// Why the first of them was.
    why: Option<String>,
}

fn is_broken(requirement: &Requirement) -> bool {
    requirement
        .met
        .as_data()
        .is_some_and(|met| met.data().contains(&0.0))
}

/// A value of one lane from its elements with the first index fastest.
fn from_columns(elements: &[f64], input: &Input) -> Value {
    let mut data = vec![0.0; elements.len()];
    for (from, to) in column_major(&input.shape).enumerate() {
        data[to] = elements[from];
    }
    let mut shape = Shape::from_slice(&[1]);
    shape.extend_from_slice(&input.shape);
    if input.is_int {
        Value::Int(Ints::new(shape, data.iter().map(|x| *x as i64).collect()))
    } else {
        Value::Real(Array::new(shape, data).into())
    }
}

fn push_columns(value: &Value, into: &mut Vec<f64>) {
    if let firebrand_graph::Expr::Data(array) = value.to_reals() {
        into.extend(column_major(&array.shape()[1..]).map(|offset| array.data()[offset]));
    }
}

/// Row-major offsets in the order of the first index fastest.
fn column_major(shape: &[usize]) -> impl Iterator<Item = usize> {
    let count: usize = shape.iter().product();
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    let shape = shape.to_vec();
    (0..count).map(move |mut flat| {
        let mut offset = 0;
        for (size, stride) in shape.iter().zip(&strides) {
            offset += flat % size * stride;
            flat /= size;
        }
        offset
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_visit_the_first_index_fastest() {
        assert_eq!(
            column_major(&[2, 3]).collect::<Vec<_>>(),
            [0, 3, 1, 4, 2, 5]
        );
        assert_eq!(column_major(&[]).collect::<Vec<_>>(), [0]);
    }
}
