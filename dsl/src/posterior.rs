//! A model compiled with its data: the target that algorithms see.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use burn::tensor::Tensor;
use firebrand_core::{
    Batch, Block, Column, Constrained, Density, Evaluation, Parameter, Placement, Plate, Precision,
    Target, TargetError, to_host,
};
use firebrand_graph as graph;
use firebrand_graph::{Expr, NodeId, Op, Program};

use crate::data::{Data, bind};
use crate::diagnostics::Diagnostic;
use crate::generated::{First, Generator};
use crate::hir;
use crate::plate::{Outputs, Plated, stays_in_file};
use crate::stage::Interpreter;
use crate::stager::{Networks, Staged, one, run_data, stage_blocks};
use crate::validity::{finite_rows, met_by_draw, spread, validity};

/// A posterior: unnormalised log density and score on the unconstrained scale, and the way back to the model's own.
///
/// The log density is Stan's with Jacobians and all constants.
pub struct Posterior {
    dimension: usize,
    parameters: Vec<Parameter>,
    columns: Vec<Column>,
    placement: Placement,
    score_program: Program,
    density_program: Program,
    constrain_program: Program,
    reasons_program: Program,
    reasons: Vec<String>,
    generator: Generator,
    networks: Networks,
    plated: Option<Plated>,
    /// Whether the programs have all data in them; else there is a plate, and all data are worked on in blocks of its rows.
    whole: bool,
    size: Size,
    printed: Vec<String>,
    data_files: Vec<PathBuf>,
}

/// How large a compiled posterior is; without what belongs to rows, where these are too many to be compiled at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Calls of densities, functions and operators in the source that the log density needs; a loop's count once.
    pub source_operations: usize,
    /// Nodes of the program for log density and score.
    pub nodes: usize,
    /// Systems of differential equations among them: solved for state and sensitivities at once.
    pub equations: usize,
}

impl Posterior {
    pub(crate) fn compile(
        program: &Arc<hir::Program>,
        data: &Data,
        placement: &Placement,
        plate: Option<&str>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let options = graph::Options {
            device: placement.device.clone(),
            precision: match placement.precision {
                Precision::F32 => graph::Precision::F32,
                Precision::F64 => graph::Precision::F64,
            },
        };
        let mut interpreter = Interpreter::new(program);
        let stays = |declaration: &hir::Declaration| {
            plate.is_some_and(|plate| stays_in_file(program, declaration, plate))
        };
        let files = bind(&mut interpreter, &program.data, data, &stays)?;
        let environment = run_data(&mut interpreter)?;
        interpreter.build_networks(data).map_err(one)?;
        let built = &interpreter.networks;
        let plated = match plate {
            Some(plate) => Some(Plated::new(
                program,
                &environment,
                files,
                built,
                plate,
                &options,
            )?),
            None => None,
        };
        let whole = plated.as_ref().is_none_or(Plated::fits_whole);
        let Staged {
            mut graph,
            theta,
            dimension,
            log_density,
            requirements,
            parameters,
            constrained,
            environment,
            networks,
            printed,
        } = stage_blocks(interpreter, environment, whole)?;
        let source_operations = source_operations(&graph, &log_density);
        graph.set_source(graph::SourceId::default());
        let density = graph.node_of(&log_density);
        let mut valid = Expr::scalar(1.0);
        let mut reasons = Vec::new();
        let mut reason_nodes = Vec::new();
        for requirement in requirements {
            let met = met_by_draw(&mut graph, &requirement.met);
            valid = graph.mul(&valid, &met);
            reason_nodes.push(graph.node_of(&met));
            reasons.push(requirement.message);
        }
        let valid = graph.node_of(&valid);
        let mut outputs = vec![density, valid, graph.node_of(&constrained)];
        outputs.append(&mut reason_nodes);
        let outputs = graph.simplify(&outputs);
        let [density, valid, constrained] = [outputs[0], outputs[1], outputs[2]];
        let reason_nodes = &outputs[3..];
        let score = match theta.as_node() {
            Some(theta) => graph.gradient(density, &[theta]).remove(0),
            None => graph::Array::full([dimension], 0.0).into(),
        };
        let score = graph.node_of(&score);
        let score_program = Program::compile(&graph, &[density, score, valid], &options);
        let equations = graph.equations(&[density, score, valid]);
        let nodes = live_operations(&graph, &[density, score, valid]);
        let mut columns: Vec<Column> = parameters
            .iter()
            .flat_map(|p| {
                p.columns().into_iter().map(|name| Column {
                    name,
                    block: p.block,
                })
            })
            .collect();
        let generator = Generator::new(program, environment, &parameters, &networks);
        let mut printed = printed;
        if !generator.left_out().is_empty() {
            let names = generator.left_out().join("`, `");
            printed.push(format!(
                "note: left out, since their sizes are known by running the generated quantities alone: `{names}`; declare them with sizes of data or of parameters"
            ));
        }
        let mut parameters = parameters;
        for generated in generator.declared() {
            columns.extend(generated.columns().into_iter().map(|name| Column {
                name,
                block: Block::GeneratedQuantities,
            }));
            parameters.push(generated.clone());
        }
        Ok(Posterior {
            dimension,
            parameters,
            columns,
            placement: placement.clone(),
            density_program: Program::compile(&graph, &[density, valid], &options),
            constrain_program: Program::compile(&graph, &[constrained], &options),
            reasons_program: Program::compile(&graph, reason_nodes, &options),
            score_program,
            reasons,
            generator,
            networks,
            plated,
            whole,
            size: Size {
                source_operations,
                nodes,
                equations,
            },
            printed,
            data_files: data.files(),
        })
    }

    /// How large the program is.
    pub fn size(&self) -> Size {
        self.size
    }

    #[cfg(test)]
    pub(crate) fn generator(&self) -> &Generator {
        &self.generator
    }

    /// What the model printed while it was compiled, and which of its generated quantities are left out.
    pub fn printed(&self) -> &[String] {
        &self.printed
    }

    /// The files that the data refer to.
    pub fn data_files(&self) -> &[PathBuf] {
        &self.data_files
    }

    /// Why each draw is rejected, where one is: the first condition of the model that it does not meet.
    pub fn rejections(&self, theta: &Tensor<2>) -> Vec<Option<String>> {
        let draws = theta.dims()[0];
        let mut rejections = vec![None; draws];
        if self.reasons.is_empty() {
            return rejections;
        }
        let met = self.reasons_program.run(std::slice::from_ref(theta));
        for (met, message) in met.iter().zip(&self.reasons) {
            let met = to_host(met);
            for (draw, rejection) in rejections.iter_mut().enumerate() {
                if rejection.is_none() && met[draw % met.len()] == 0.0 {
                    *rejection = Some(message.clone());
                }
            }
        }
        rejections
    }

    /// Parameters and transformed parameters, a row for each draw.
    fn constrained(&self, theta: &Tensor<2>, draws: usize) -> Result<Vec<f64>, TargetError> {
        let outputs = self.constrain_program.run(std::slice::from_ref(theta));
        let Some(output) = outputs.into_iter().next() else {
            return Err(TargetError::Model("the program has no outputs".into()));
        };
        Ok(to_host(&spread(output, draws)))
    }

    /// [`constrain`](Target::constrain) of the first draws, and how many those are: all of them, or once `cancelled` is raised as many as
    /// are whole by then.
    ///
    /// # Errors
    /// A `theta` of another dimension.
    pub fn constrain_first(
        &self,
        theta: &Tensor<2>,
        seed: u64,
        cancelled: &AtomicBool,
    ) -> Result<First, TargetError> {
        let draws = self.check(theta)?;
        let values = self.constrained(theta, draws)?;
        let columns = self.columns.clone();
        self.generator
            .extend(columns, values, theta, seed, cancelled)
    }

    fn check(&self, theta: &Tensor<2>) -> Result<usize, TargetError> {
        let [draws, found] = theta.dims();
        if found != self.dimension {
            return Err(TargetError::Dimension {
                expected: self.dimension,
                found,
            });
        }
        Ok(draws)
    }

    /// Log density, score and whether the model's conditions are met, on a batch.
    fn run(&self, theta: &Tensor<2>, batch: &Batch) -> Result<Outputs, TargetError> {
        let wrong = |diagnostics: Vec<Diagnostic>| {
            let first = diagnostics.into_iter().next();
            first
                .map(|diagnostic| diagnostic.message)
                .unwrap_or_default()
        };
        let Batch::Rows { plate, rows } = batch else {
            if let (Some(plated), false) = (&self.plated, self.whole) {
                let all = plated.evaluate_all(theta);
                return all.map_err(|diagnostics| TargetError::Model(wrong(diagnostics)));
            }
            let outputs = self.score_program.run(std::slice::from_ref(theta));
            return match <[Tensor<2>; 3]>::try_from(outputs) {
                Ok([density, score, met]) => Ok(Outputs {
                    density,
                    score,
                    met,
                }),
                Err(_) => Err(TargetError::Model("the program has no outputs".into())),
            };
        };
        let refused = |because: String| TargetError::Batch {
            plate: plate.clone(),
            because,
        };
        let Some(plated) = &self.plated else {
            return Err(refused("the model was compiled without plates".into()));
        };
        if plated.name() != plate {
            return Err(refused(format!("its plate is `{}`", plated.name())));
        }
        let total = plated.rows();
        if rows.is_empty() || rows.iter().any(|row| *row >= total) {
            return Err(refused(format!(
                "its rows are 0 to {}",
                total.saturating_sub(1)
            )));
        }
        plated
            .evaluate(theta, rows, total as f64 / rows.len() as f64)
            .map_err(|diagnostics| refused(wrong(diagnostics)))
    }
}

impl Target for Posterior {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn log_density_and_score(
        &self,
        theta: &Tensor<2>,
        batch: &Batch,
    ) -> Result<Evaluation, TargetError> {
        let draws = self.check(theta)?;
        let Outputs {
            density,
            score,
            met,
        } = self.run(theta, batch)?;
        let score = spread(score, draws);
        let (mut log_density, mut valid) = validity(&density, &met, draws);
        let finite = finite_rows(&score);
        let is_good = |draw: usize| valid[draw] && finite[draw];
        let score = if (0..draws).all(is_good) {
            score
        } else {
            let mut scores = to_host(&score);
            let rows = scores.chunks_exact_mut(self.dimension.max(1));
            for (draw, row) in rows.enumerate().take(draws) {
                if !is_good(draw) {
                    row.fill(0.0);
                }
            }
            self.placement.matrix(scores, [draws, self.dimension])
        };
        for draw in 0..draws {
            valid[draw] &= finite[draw];
            if !valid[draw] {
                log_density[draw] = f64::NEG_INFINITY;
            }
        }
        Ok(Evaluation {
            log_density: self.placement.vector(&log_density),
            score,
            valid,
        })
    }

    fn log_density(&self, theta: &Tensor<2>, batch: &Batch) -> Result<Density, TargetError> {
        let draws = self.check(theta)?;
        if *batch != Batch::Full || !self.whole {
            let Outputs { density, met, .. } = self.run(theta, batch)?;
            let (log_density, valid) = validity(&density, &met, draws);
            return Ok(Density {
                log_density: self.placement.vector(&log_density),
                valid,
            });
        }
        let outputs = self.density_program.run(std::slice::from_ref(theta));
        let [density, met] = outputs.as_slice() else {
            return Err(TargetError::Model("the program has no outputs".into()));
        };
        let (log_density, valid) = validity(density, met, draws);
        Ok(Density {
            log_density: self.placement.vector(&log_density),
            valid,
        })
    }

    fn plates(&self) -> Vec<Plate> {
        let plate = |plated: &Plated| Plate {
            name: plated.name().into(),
            rows: plated.rows(),
        };
        self.plated.iter().map(plate).collect()
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn constrain(&self, theta: &Tensor<2>, seed: u64) -> Result<Constrained, TargetError> {
        self.constrain_until(theta, seed, &AtomicBool::new(false))
    }

    fn constrain_until(
        &self,
        theta: &Tensor<2>,
        seed: u64,
        cancelled: &AtomicBool,
    ) -> Result<Constrained, TargetError> {
        let first = self.constrain_first(theta, seed, cancelled)?;
        if first.count < theta.dims()[0] {
            return Err(TargetError::Interrupted);
        }
        first.unless_rejected()
    }

    fn constrain_parameters(&self, theta: &Tensor<2>) -> Result<Constrained, TargetError> {
        let draws = self.check(theta)?;
        let columns = self
            .columns
            .iter()
            .filter(|column| column.block != Block::GeneratedQuantities);
        Ok(Constrained {
            columns: columns.cloned().collect(),
            values: self.constrained(theta, draws)?,
        })
    }

    /// Networks begin with the weights that they were given, or with random ones as their architecture has them.
    fn propose_start(&self, seed: u64, point: &mut [f64]) {
        for (number, (built, _, first)) in self.networks.iter().enumerate() {
            let own = &mut point[first..first + built.weights()];
            match &built.initial {
                Some(weights) => own.copy_from_slice(weights.data()),
                None => {
                    let seed = seed.wrapping_add(number as u64);
                    own.copy_from_slice(&built.network.initial(seed));
                }
            }
        }
    }

    fn placement(&self) -> &Placement {
        &self.placement
    }
}

/// Distinct calls of the source among the nodes that an output needs.
fn source_operations(graph: &graph::Graph, output: &Expr) -> usize {
    let Some(output) = output.as_node() else {
        return 0;
    };
    let live = graph.live(&[output]);
    let mut calls: Vec<_> = graph
        .nodes()
        .iter()
        .zip(live)
        .filter(|(node, live)| *live && !matches!(node.op, Op::Const(_) | Op::Input(_)))
        .map(|(node, _)| node.source)
        .filter(|source| *source != graph::SourceId::default())
        .collect();
    calls.sort_unstable();
    calls.dedup();
    calls.len()
}

/// Nodes that compute something for these outputs.
fn live_operations(graph: &graph::Graph, outputs: &[NodeId]) -> usize {
    let live = graph.live(outputs);
    let computes = |op: &Op| !matches!(op, Op::Const(_) | Op::Input(_));
    graph
        .nodes()
        .iter()
        .zip(live)
        .filter(|(node, live)| *live && computes(&node.op))
        .count()
}
