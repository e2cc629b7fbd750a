//! Generated quantities: the interpreter, run once for a block of finished draws, which are its lanes.
//!
//! Draws that cannot run together (one of them has other sizes, or goes wrong) run in smaller blocks, at last alone. What
//! comes of a draw depends on its values, its index and the seed, up to rounding, and on no other draw.

mod columns;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};

use burn::tensor::Tensor;
use firebrand_core::{Block, Column, Constrained, Parameter, TargetError, to_host};
use firebrand_graph::{Array, Expr, Shape};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::hir::{self, Slot};
use crate::library::Requirement;
use crate::stage::{Interpreter, Unfit};
use crate::stager::{Networks, declarations};
use crate::value::Value;
use columns::{Generated, Variable};

/// Draws in a block at most: enough to spread what a statement costs, few enough for the caches.
const MOST_DRAWS: usize = 256;

/// Numbers that a block's variables hold at most, as far as their sizes are known.
const MOST_NUMBERS: usize = 1 << 22;

/// Blocks to make of many draws at least, so that there is work for several cores. That it is a constant makes results the
/// same on all machines.
const FEWEST_BLOCKS: usize = 16;

/// What runs the generated quantities of a compiled model.
pub(crate) struct Generator {
    program: Arc<hir::Program>,
    /// Data and transformed data.
    environment: Vec<(Slot, Value)>,
    networks: Networks,
    /// Parameters and transformed parameters, in the order of their columns; the weights of networks have none.
    inputs: Vec<Variable>,
    /// The generated quantities whose sizes are known before any draw is, in the order of their columns.
    outputs: Vec<Variable>,
    parameters: Vec<Parameter>,
    /// The names of the others.
    left_out: Vec<String>,
}

/// The first of some draws on the model's scale.
#[derive(Debug)]
pub struct First {
    /// All that the model computes of them, with NaN in the place of what could not be generated.
    pub draws: Constrained,
    /// How many they are; also where there are no columns.
    pub count: usize,
    /// What generated quantities did wrong in one of them, if none was spared.
    pub rejected: Option<String>,
}

impl First {
    /// The draws.
    ///
    /// # Errors
    /// [`TargetError::Rejected`] if none was spared.
    pub fn unless_rejected(self) -> Result<Constrained, TargetError> {
        match self.rejected {
            None => Ok(self.draws),
            Some(because) => Err(TargetError::Rejected {
                because,
                draws: Box::new(self.draws),
            }),
        }
    }
}

/// Draws to extend.
struct Draws<'a> {
    /// Their parameters and transformed parameters, row by row.
    values: &'a [f64],
    width: usize,
    /// On the unconstrained scale, where the weights of networks are.
    theta: &'a Tensor<2>,
    seed: u64,
    cancelled: &'a AtomicBool,
}

impl<'a> Draws<'a> {
    fn row(&self, draw: usize) -> &'a [f64] {
        &self.values[draw * self.width..(draw + 1) * self.width]
    }

    /// The weights of a network, one row for each of these draws.
    fn weights(&self, draws: &[usize], first: usize, count: usize) -> Value {
        let of = |draw: &usize| {
            let row = self.theta.clone().narrow(0, *draw, 1);
            to_host(&row.narrow(1, first, count))
        };
        let data = draws.iter().flat_map(of).collect();
        Value::Real(Array::new([draws.len(), count], data).into())
    }
}

impl Generator {
    pub(crate) fn new(
        program: &Arc<hir::Program>,
        environment: Vec<(Slot, Value)>,
        parameters: &[Parameter],
        networks: &Networks,
    ) -> Self {
        let declared = program
            .parameters
            .iter()
            .chain(declarations(&program.transformed_parameters));
        let inputs: Vec<Variable> = declared
            .zip(parameters)
            .filter(|(_, parameter)| !parameter.weights)
            .map(|(declaration, parameter)| Variable::new(declaration, &parameter.shape))
            .collect();
        let mut interpreter = Interpreter::new(program);
        for (slot, value) in &environment {
            interpreter.set(*slot, value.clone());
        }
        // Sizes may be those of parameters, whatever their values; where nothing is generated, nobody asks for them.
        if !program.generated_quantities.is_empty() {
            for input in &inputs {
                interpreter.set(input.slot, unknown(input.shape()));
            }
            for (built, slot, _) in networks.iter() {
                if built.weights() <= MOST_NUMBERS {
                    interpreter.set(slot, unknown(&[built.weights()]));
                }
            }
        }
        let root = interpreter.root();
        // Data can be large, and nothing else looks at them again.
        let environment = match program.generated_quantities.as_slice() {
            [] => Vec::new(),
            _ => environment,
        };
        let (mut outputs, mut parameters) = (Vec::new(), Vec::new());
        let mut left_out = Vec::new();
        for declaration in declarations(&program.generated_quantities) {
            let Ok(dims) = interpreter.dims_of(&declaration.type_, &root) else {
                left_out.push(declaration.name.clone());
                continue;
            };
            outputs.push(Variable::new(declaration, &dims));
            parameters.push(Parameter {
                name: declaration.name.clone(),
                shape: dims.to_vec(),
                block: Block::GeneratedQuantities,
                unconstrained: 0,
                weights: false,
            });
        }
        Generator {
            program: Arc::clone(program),
            environment,
            networks: networks.clone(),
            inputs,
            outputs,
            parameters,
            left_out,
        }
    }

    /// The names of the generated quantities that no draw will have, since their sizes are not known before there is one.
    pub(crate) fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// The generated quantities with their shapes, where sizes are known before any draw is.
    pub(crate) fn declared(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Appends generated quantities to the row of each draw, at `theta` on the unconstrained scale: NaN in the draws that the block rejects.
    /// `columns` are those of the whole. Once `cancelled` is raised, these are the first draws, as far as they are done.
    ///
    /// # Errors
    /// What goes wrong in no draw of its own.
    pub(crate) fn extend(
        &self,
        columns: Vec<Column>,
        values: Vec<f64>,
        theta: &Tensor<2>,
        seed: u64,
        cancelled: &AtomicBool,
    ) -> Result<First, TargetError> {
        let draws = theta.dims()[0];
        if self.program.generated_quantities.is_empty() || draws == 0 {
            return Ok(First {
                draws: Constrained { columns, values },
                count: draws,
                rejected: None,
            });
        }
        let width = values.len() / draws;
        let all = Draws {
            values: &values,
            width,
            theta,
            seed,
            cancelled,
        };
        let blocks = self.generate_all(&all, draws)?;
        let failed: usize = blocks.iter().map(|block| block.failed).sum();
        let done: usize = blocks.iter().map(|block| block.draws).sum();
        let why = blocks.iter().find_map(|block| block.why.clone());
        let generated = self.generated_width();
        let mut rows = Vec::with_capacity(draws * (width + generated));
        let mut draw = 0;
        for block in &blocks {
            for position in 0..block.draws {
                rows.extend_from_slice(all.row(draw));
                rows.extend_from_slice(&block.rows[position * generated..][..generated]);
                draw += 1;
            }
        }
        let values = rows;
        Ok(First {
            draws: Constrained { columns, values },
            count: done,
            rejected: why.filter(|_| failed == done),
        })
    }

    fn generated_width(&self) -> usize {
        self.outputs.iter().map(Variable::size).sum()
    }

    /// How many draws a block has.
    fn block_size(&self, draws: usize) -> usize {
        let variables = self.inputs.iter().chain(&self.outputs);
        let longest = |(_, value): &(Slot, Value)| match value {
            Value::Int(ints) => ints.dims().iter().copied().max(),
            Value::Real(Expr::Data(array)) => array.shape().iter().copied().max(),
            Value::Real(Expr::Node(_)) => None,
        };
        // Local variables are mostly as long as the data.
        let data = self.environment.iter().filter_map(longest).max();
        let weights: usize = self
            .networks
            .iter()
            .map(|(built, ..)| built.weights())
            .sum();
        let numbers = variables.map(Variable::size).sum::<usize>() + data.unwrap_or(0) + weights;
        (MOST_NUMBERS / numbers.max(1))
            .min(draws.div_ceil(FEWEST_BLOCKS))
            .clamp(1, MOST_DRAWS)
    }

    /// The generated quantities of all draws, block by block; of the first blocks, if they were interrupted.
    fn generate_all(&self, all: &Draws, draws: usize) -> Result<Vec<Generated>, TargetError> {
        let size = self.block_size(draws);
        let count = draws.div_ceil(size);
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let next = AtomicUsize::new(0);
        let work = || -> Result<Vec<(usize, Generated)>, TargetError> {
            let mut done = Vec::new();
            loop {
                let block = next.fetch_add(1, Ordering::Relaxed);
                if block >= count {
                    return Ok(done);
                }
                let first = block * size;
                let members: Vec<usize> = (first..draws.min(first + size)).collect();
                let mut generated = Generated::new(first, members.len(), self.generated_width());
                match self.generate(all, &members, &mut generated) {
                    Ok(()) => done.push((block, generated)),
                    Err(TargetError::Interrupted) => return Ok(done),
                    Err(error) => return Err(error),
                }
            }
        };
        let parts: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> = (0..workers.min(count)).map(|_| scope.spawn(work)).collect();
            let done = running.into_iter().map(ScopedJoinHandle::join);
            done.map(|part| part.unwrap_or_else(|panic| resume_unwind(panic)))
                .collect::<Result<_, _>>()
        })?;
        let mut blocks: Vec<(usize, Generated)> = parts.into_iter().flatten().collect();
        blocks.sort_by_key(|(block, _)| *block);
        let without_gaps = blocks.into_iter().enumerate();
        Ok(without_gaps
            .take_while(|(position, (block, _))| position == block)
            .map(|(_, (_, generated))| generated)
            .collect())
    }

    /// Generates for these draws, together if that is possible.
    fn generate(
        &self,
        all: &Draws,
        draws: &[usize],
        into: &mut Generated,
    ) -> Result<(), TargetError> {
        if all.cancelled.load(Ordering::Relaxed) {
            return Err(TargetError::Interrupted);
        }
        let parts = match self.generate_together(all, draws, into) {
            Ok(()) => return Ok(()),
            Err(Unfit::Interrupted) => return Err(TargetError::Interrupted),
            Err(unfit) if draws.len() == 1 => {
                into.reject(draws[0], unfit.to_string());
                return Ok(());
            }
            Err(Unfit::Apart(numbers)) => apart(draws, &numbers),
            Err(Unfit::Together | Unfit::Wrong(_)) => halves(draws),
        };
        parts
            .into_iter()
            .try_for_each(|part| self.generate(all, &part, into))
    }

    fn generate_together(
        &self,
        all: &Draws,
        draws: &[usize],
        into: &mut Generated,
    ) -> Result<(), Unfit> {
        let mut interpreter = Interpreter::new(&self.program);
        interpreter.cancelled = Some(all.cancelled);
        interpreter.networks = Arc::clone(&self.networks.built);
        for (slot, value) in &self.environment {
            interpreter.set(*slot, value.clone());
        }
        let generator = |draw: &usize| {
            let mut generator = ChaCha8Rng::seed_from_u64(all.seed);
            generator.set_stream(*draw as u64);
            generator
        };
        interpreter.begin_draws(draws.iter().map(generator).collect());
        let mut start = 0;
        for input in &self.inputs {
            let rows = draws.iter().map(|draw| all.row(*draw));
            interpreter.set_by_draw(input.slot, input.of_rows(rows, start));
            start += input.size();
        }
        for (built, slot, first) in self.networks.iter() {
            interpreter.set_by_draw(slot, all.weights(draws, first, built.weights()));
        }
        interpreter.run_draws(&self.program.generated_quantities)?;
        let mut start = 0;
        for output in &self.outputs {
            if let Some(value) = interpreter.get(output.slot) {
                into.write(draws, start, &value, output);
            }
            start += output.size();
        }
        let requirements = interpreter.take_requirements();
        for (position, draw) in draws.iter().enumerate() {
            if let Some(broken) = requirements.iter().find(|r| is_broken(r, position)) {
                into.reject(*draw, broken.message.clone());
            }
        }
        Ok(())
    }
}

/// A variable of this shape, the same for all draws, of whose numbers nothing is known.
fn unknown(shape: &[usize]) -> Value {
    let shape: Shape = [1].iter().chain(shape).copied().collect();
    Value::Real(Array::full(shape, f64::NAN).into())
}

/// Draws with equal numbers together.
fn apart(draws: &[usize], numbers: &[i64]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (draw, number) in draws.iter().zip(numbers) {
        groups.entry(*number).or_default().push(*draw);
    }
    match groups.len() {
        1 => halves(draws),
        _ => groups.into_values().collect(),
    }
}

fn halves(draws: &[usize]) -> Vec<Vec<usize>> {
    let (first, second) = draws.split_at(draws.len() / 2);
    vec![first.to_vec(), second.to_vec()]
}

/// Whether a requirement, of each draw or of all of them, is broken in one.
fn is_broken(requirement: &Requirement, draw: usize) -> bool {
    requirement.met.as_data().is_some_and(|met| {
        let own = match met.shape() {
            [draws] if *draws > 1 => &met.data()[draw..=draw],
            _ => met.data(),
        };
        own.contains(&0.0)
    })
}

#[cfg(test)]
mod tests;
