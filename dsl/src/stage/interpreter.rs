use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use firebrand_graph::{Array, Expr, Graph, Shape, SourceId};
use rand_chacha::ChaCha8Rng;

use super::ahead::Ahead;
use super::dependence::{Access, Region, Remedy};
use super::lanes::Lanes;
use super::networks::Built;
use super::storage::Variable;
use crate::hir::{self, Slot};
use crate::library::{Failure, Requirement};
use crate::syntax::Span;
use crate::value::Value;

/// Why a program cannot be staged with its data.
#[derive(Clone, Debug, PartialEq)]
pub struct StageError {
    /// Where.
    pub span: Span,
    /// What, in a sentence.
    pub message: String,
    /// True when it is right in Stan, but not supported here.
    pub unsupported: bool,
}

/// A part of the log density.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    /// A scalar.
    pub value: Expr,
    /// The statement that added it; empty for a Jacobian, and for what [`Interpreter::target`] has summed.
    pub span: Span,
}

/// What ends an evaluation early.
#[derive(Debug)]
pub(crate) enum Stop {
    Error(StageError),
    /// The iterations of this region (by position among the open ones) may not run together as they did.
    Dependence(usize, Remedy),
    /// It was asked to end.
    Interrupted,
}

pub(crate) type Staged<T> = Result<T, Stop>;

/// The lanes that a statement runs in.
pub(crate) type Scope = Arc<Lanes>;

/// The variables of a running block or function.
#[derive(Debug)]
pub(crate) struct Frame {
    pub variables: Vec<Option<Variable>>,
    pub names: Arc<Vec<hir::Variable>>,
    /// What the function returns, once a lane has.
    pub result: Option<Variable>,
    /// The lanes of the call.
    pub scope: Scope,
    /// How many conditions on parameters the call stands under.
    pub masks: usize,
}

/// Runs blocks of a checked program.
pub struct Interpreter<'p> {
    pub(crate) program: &'p hir::Program,
    /// The graph that symbolic values grow.
    pub graph: Graph,
    pub(crate) frames: Vec<Frame>,
    pub(crate) regions: Vec<Region>,
    /// Conditions on parameters that the running statements stand under, each with its lanes.
    pub(crate) masks: Vec<(Expr, Scope)>,
    /// What adds up to the log density.
    pub(crate) target: Vec<Term>,
    pub(crate) requirements: Vec<Requirement>,
    /// Random numbers for `_rng` functions: one generator, or one for each draw. None where none may be drawn.
    pub(crate) generators: Vec<ChaCha8Rng>,
    /// Ends what runs, once it is raised.
    pub(crate) cancelled: Option<&'p AtomicBool>,
    /// The lanes that are draws, where a block runs for many of them.
    pub(crate) draws: Option<Scope>,
    pub(crate) printed: Vec<String>,
    /// Outputs of networks that the running loops have found ahead.
    pub(super) ahead: Vec<Ahead>,
    /// The program's networks, once data are known.
    pub(crate) networks: Arc<Vec<Built>>,
    /// Whether loops may run their iterations together. The other way is slow and obvious: tests compare the two.
    pub(crate) in_lanes: bool,
    sources: u32,
}

impl<'p> Interpreter<'p> {
    /// An interpreter with every variable of the program's frame unset.
    pub fn new(program: &'p hir::Program) -> Self {
        let frame = Frame {
            variables: vec![None; program.variables.len()],
            names: Arc::new(program.variables.clone()),
            result: None,
            scope: Lanes::root(),
            masks: 0,
        };
        Interpreter {
            program,
            graph: Graph::new(),
            frames: vec![frame],
            regions: Vec::new(),
            masks: Vec::new(),
            target: Vec::new(),
            requirements: Vec::new(),
            generators: Vec::new(),
            cancelled: None,
            draws: None,
            printed: Vec::new(),
            ahead: Vec::new(),
            networks: Arc::default(),
            in_lanes: true,
            sources: 0,
        }
    }

    /// Random numbers for `_rng` functions.
    pub fn set_rng(&mut self, rng: ChaCha8Rng) {
        self.generators = vec![rng];
    }

    /// Sets a variable of the program; `value` leads with one lane.
    pub fn set(&mut self, slot: Slot, value: Value) {
        let scope = Arc::clone(&self.frames[0].scope);
        let variable = Variable::holding(value, &self.graph, &scope);
        self.frames[0].variables[slot] = Some(variable);
    }

    /// Takes a variable of the program its value.
    pub(crate) fn unset(&mut self, slot: Slot) {
        self.frames[0].variables[slot] = None;
    }

    /// The value of a variable of the program, if it has been declared.
    pub fn get(&mut self, slot: Slot) -> Option<Value> {
        let variable = self.frames[0].variables[slot].as_mut()?;
        Some(variable.whole(&mut self.graph))
    }

    /// What was printed since the last call.
    pub fn take_printed(&mut self) -> Vec<String> {
        std::mem::take(&mut self.printed)
    }

    /// The conditions that draws must meet, as found so far.
    pub fn take_requirements(&mut self) -> Vec<Requirement> {
        std::mem::take(&mut self.requirements)
    }

    /// What has been added to the log density.
    pub(crate) fn take_terms(&mut self) -> Vec<Term> {
        std::mem::take(&mut self.target)
    }

    /// The log density so far: a scalar.
    pub fn target(&mut self) -> Expr {
        let mut known = 0.0;
        let mut total: Option<Expr> = None;
        for Term { value, .. } in self.take_terms() {
            match &value {
                Expr::Data(array) => known += array.data()[0],
                Expr::Node(_) => {
                    total = Some(match total {
                        Some(sum) => self.graph.add(&sum, &value),
                        None => value,
                    });
                }
            }
        }
        let total = match total {
            Some(sum) => self.graph.add(&sum, &Expr::scalar(known)),
            None => Expr::scalar(known),
        };
        self.target.push(Term {
            value: total.clone(),
            span: Span::default(),
        });
        total
    }

    pub(crate) fn root(&self) -> Scope {
        Arc::clone(&self.frames[0].scope)
    }

    pub(crate) fn frame(&mut self) -> &mut Frame {
        self.frames
            .last_mut()
            .expect("the program's frame is never popped")
    }

    pub(crate) fn name(&self, slot: Slot) -> String {
        self.names()[slot].name.clone()
    }

    /// The names of the running frame's variables.
    pub(crate) fn names(&self) -> Arc<Vec<hir::Variable>> {
        self.frames
            .last()
            .map_or_else(Arc::default, |frame| Arc::clone(&frame.names))
    }

    /// Nodes made from now on belong to a new call of the source.
    pub(crate) fn next_source(&mut self) {
        self.sources += 1;
        self.graph.set_source(SourceId(self.sources));
    }

    pub(crate) fn fail<T>(&self, span: Span, message: impl Into<String>) -> Staged<T> {
        Err(Stop::Error(StageError {
            span,
            message: message.into(),
            unsupported: false,
        }))
    }

    pub(crate) fn unsupported<T>(&self, span: Span, message: impl Into<String>) -> Staged<T> {
        Err(Stop::Error(StageError {
            span,
            message: message.into(),
            unsupported: true,
        }))
    }

    pub(crate) fn failure<T>(&self, span: Span, failure: Failure) -> Staged<T> {
        match failure {
            Failure::Wrong(message) => self.fail(span, message),
            Failure::Unsupported(message) | Failure::Differs(message, _)
                if self.regions.is_empty() =>
            {
                self.unsupported(span, message)
            }
            // One iteration at a time may have what all of them together have not: one size.
            Failure::Unsupported(_) | Failure::Differs(..) => self.one_by_one(),
        }
    }

    /// Gives up on running the innermost loop's iterations together.
    ///
    /// # Panics
    /// Outside all such loops, where there is one lane and so nothing that differs between lanes.
    pub(crate) fn one_by_one<T>(&self) -> Staged<T> {
        let innermost = self
            .regions
            .len()
            .checked_sub(1)
            .expect("lanes differ only within a loop that runs in lanes");
        Err(Stop::Dependence(innermost, Remedy::Sequential))
    }

    /// Ends the attempt to run together those iterations of the innermost loop for which a number differs, given for each lane.
    pub(crate) fn apart<T>(&self, numbers: impl Fn(usize) -> i64, scope: &Scope) -> Staged<T> {
        let Some(region) = self.regions.last() else {
            return self.one_by_one();
        };
        let origin = scope.origin_at(region.lanes.depth);
        let mut keys: Vec<Option<i64>> = vec![None; region.lanes.count];
        for (lane, iteration) in origin.iter().enumerate() {
            let key = &mut keys[*iteration as usize];
            if key.is_some_and(|key| key != numbers(lane)) {
                return self.one_by_one();
            }
            *key = Some(numbers(lane));
        }
        // Iterations that do not come here go with any of the others.
        let keys = keys.into_iter().map(Option::unwrap_or_default).collect();
        Err(Stop::Dependence(
            self.regions.len() - 1,
            Remedy::Apart(keys),
        ))
    }

    /// All conditions on parameters that hold here, as one mask for these lanes.
    pub(crate) fn mask(&mut self, scope: &Scope) -> Option<Expr> {
        self.mask_since(0, scope)
    }

    /// The conditions that were opened after the first `outer` of them.
    pub(crate) fn mask_since(&mut self, outer: usize, scope: &Scope) -> Option<Expr> {
        let mut total: Option<Expr> = None;
        for (mask, within) in self.masks.get(outer..).unwrap_or_default().to_vec() {
            let mask = self.in_scope_expr(&mask, &within, scope);
            total = Some(match total {
                Some(sum) => self.graph.mul(&sum, &mask),
                None => mask,
            });
        }
        total
    }

    /// A value of one scope, seen from a scope inside it.
    pub(crate) fn in_scope_expr(&mut self, value: &Expr, from: &Scope, to: &Scope) -> Expr {
        if from.depth == to.depth || self.graph.shape(value)[0] == 1 {
            return value.clone();
        }
        let origin = to.origin_at(from.depth);
        self.graph.gather(value, &origin)
    }

    /// Records a read with every open loop that it may matter to.
    pub(crate) fn note_read(&mut self, access: &Access) -> Staged<()> {
        let frame = self.frames.len() - 1;
        let Some((cells, owner)) = self.cells_of(access.slot) else {
            return Ok(());
        };
        let innermost = self.innermost_private(access.slot);
        for position in innermost.unwrap_or(0)..self.regions.len() {
            let region = &mut self.regions[position];
            if region.tracks(frame, access.slot, &owner) {
                region
                    .read(access, cells)
                    .map_err(|remedy| Stop::Dependence(position, remedy))?;
            }
        }
        // What a private copy has not written yet it reads from the variable around it.
        let (mut offsets, mut lanes) = (access.offsets.to_vec(), access.lanes.to_vec());
        let mut copy = innermost;
        while let Some(position) = copy {
            let Some((base_offsets, base_lanes, base_cells)) =
                self.regions[position].exposed(access.slot, &offsets, &lanes)
            else {
                break;
            };
            (offsets, lanes) = (base_offsets, base_lanes);
            let access = Access {
                slot: access.slot,
                offsets: &offsets,
                lanes: &lanes,
                within: access.within,
            };
            copy = (0..position)
                .rev()
                .find(|outer| self.regions[*outer].has_private(access.slot));
            for outer in copy.unwrap_or(0)..position {
                let region = &mut self.regions[outer];
                if region.tracks_base(frame, access.slot, copy == Some(outer)) {
                    region
                        .read(&access, base_cells)
                        .map_err(|remedy| Stop::Dependence(outer, remedy))?;
                }
            }
        }
        Ok(())
    }

    /// Records a write. Private copies keep it from the loops around theirs until theirs ends.
    pub(crate) fn note_write(&mut self, access: &Access) -> Staged<()> {
        self.note_change(access, Region::write)
    }

    /// Records that values are added to cells.
    pub(crate) fn note_accumulate(&mut self, access: &Access) -> Staged<()> {
        self.note_change(access, Region::accumulate)
    }

    fn note_change(
        &mut self,
        access: &Access,
        record: fn(&mut Region, &Access, usize) -> Result<(), Remedy>,
    ) -> Staged<()> {
        let frame = self.frames.len() - 1;
        let Some((cells, owner)) = self.cells_of(access.slot) else {
            return Ok(());
        };
        for position in self.innermost_private(access.slot).unwrap_or(0)..self.regions.len() {
            let region = &mut self.regions[position];
            if region.tracks(frame, access.slot, &owner) {
                record(region, access, cells)
                    .map_err(|remedy| Stop::Dependence(position, remedy))?;
            }
        }
        Ok(())
    }

    /// The innermost open loop whose iterations have copies of a variable of the running frame.
    fn innermost_private(&self, slot: Slot) -> Option<usize> {
        let frame = self.frames.len() - 1;
        (0..self.regions.len()).rev().find(|position| {
            self.regions[*position].frame == frame && self.regions[*position].has_private(slot)
        })
    }

    fn cells_of(&self, slot: Slot) -> Option<(usize, Scope)> {
        let variable = self.frames.last()?.variables[slot].as_ref()?;
        Some((
            variable.owner.count * variable.size(),
            Arc::clone(&variable.owner),
        ))
    }

    pub(crate) fn tracked(&self, slot: Slot) -> bool {
        let frame = self.frames.len() - 1;
        match &self.frames[frame].variables[slot] {
            Some(variable) => self
                .regions
                .iter()
                .any(|region| region.tracks(frame, slot, &variable.owner)),
            None => false,
        }
    }

    /// Adds a requirement, as far as the conditions on parameters that hold here ask for it.
    pub(crate) fn require(&mut self, requirement: Requirement, scope: &Scope) {
        if let Some(requirement) = self.by_draw(&requirement, scope) {
            self.requirements.push(requirement);
            return;
        }
        let met = match self.mask(scope) {
            Some(mask) => {
                let rank = self
                    .graph
                    .shape(&requirement.met)
                    .len()
                    .max(self.graph.shape(&mask).len());
                let mask = crate::library::align(&mut self.graph, &mask, rank);
                let met = crate::library::align(&mut self.graph, &requirement.met, rank);
                self.graph.select(&mask, &met, &Expr::scalar(1.0))
            }
            None => requirement.met,
        };
        self.requirements.push(Requirement {
            met,
            message: requirement.message,
        });
    }

    /// NaN in the shape of a scalar of one lane.
    pub(crate) fn undefined() -> Value {
        Value::Real(Array::full(Shape::from_slice(&[1]), f64::NAN).into())
    }
}
