//! Whether the iterations of a loop may run together, decided while they do.
//!
//! A loop's body runs once for all its iterations. Every access to a variable that the body assigns and that lives
//! outside is recorded with its iteration. The run stands if no iteration read what an earlier one wrote; otherwise
//! it is undone, and tried again with a private copy of a scratch variable, or one iteration after the other.

use std::sync::Arc;

use firebrand_graph::Index;
use rustc_hash::{FxHashMap, FxHashSet};

use super::lanes::Lanes;
use super::storage::Variable;
use crate::hir::Slot;

/// What to do about an access that the order of the iterations matters to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Give each iteration its own copy of this variable.
    Private(Slot),
    /// Run apart the iterations for which these numbers differ, such as sizes of local variables.
    Apart(Vec<i64>),
    /// Run one iteration after the other.
    Sequential,
}

/// A loop whose iterations run together.
#[derive(Clone, Debug)]
pub struct Region {
    /// Its iterations.
    pub lanes: Arc<Lanes>,
    /// The frame of variables that the loop stands in.
    pub frame: usize,
    assigned: Arc<FxHashSet<Slot>>,
    shared: FxHashMap<Slot, Trace>,
    private: FxHashMap<Slot, Private>,
}

/// Which iterations touched each cell of a variable that they share. An iteration is its number plus 1; 0 is none.
#[derive(Clone, Debug)]
struct Trace {
    writer: Vec<u32>,
    last_reader: Vec<u32>,
}

/// Stands for the writers of a cell that iterations only add to.
const ACCUMULATED: u32 = u32::MAX;

/// A variable of which each iteration has a copy.
#[derive(Clone, Debug)]
struct Private {
    base: Variable,
    /// For each cell of each copy.
    written: Vec<bool>,
    /// For each cell of the base.
    first_writer: Vec<u32>,
    last_reader: Vec<u32>,
}

/// What remains of a variable of which each iteration had a copy.
pub struct Finished {
    pub slot: Slot,
    /// The variable around the copies, as it was.
    pub base: Variable,
    /// For each cell that was written: its offset in the base, and in the copies that of the last iteration to do so.
    pub writes: Vec<(u32, u32)>,
}

/// Cells that are read or written together: for each, its offset in the variable and its lane.
pub struct Access<'a> {
    pub slot: Slot,
    pub offsets: &'a [u32],
    pub lanes: &'a [u32],
    /// The lanes that `lanes` counts in.
    pub within: &'a Arc<Lanes>,
}

impl Region {
    /// A loop over `lanes` in a frame; its body assigns the variables `assigned`.
    pub fn new(lanes: &Arc<Lanes>, frame: usize, assigned: &Arc<FxHashSet<Slot>>) -> Self {
        Region {
            lanes: Arc::clone(lanes),
            frame,
            assigned: Arc::clone(assigned),
            shared: FxHashMap::default(),
            private: FxHashMap::default(),
        }
    }

    /// Whether accesses to this variable need recording.
    pub fn tracks(&self, frame: usize, slot: Slot, owner: &Lanes) -> bool {
        self.frame == frame
            && self.assigned.contains(&slot)
            && (owner.depth < self.lanes.depth || self.private.contains_key(&slot))
    }

    /// Whether each iteration has its own copy of a variable.
    pub fn has_private(&self, slot: Slot) -> bool {
        self.private.contains_key(&slot)
    }

    /// Whether reads that inner copies pass on to a variable outside them need recording.
    pub fn tracks_base(&self, frame: usize, slot: Slot, owns_copy: bool) -> bool {
        self.frame == frame
            && self.assigned.contains(&slot)
            && (owns_copy || !self.private.contains_key(&slot))
    }

    /// Of cells of the private copies, those not written yet: their offsets in the base and their lanes, and how
    /// many cells the base has.
    pub fn exposed(
        &self,
        slot: Slot,
        offsets: &[u32],
        lanes: &[u32],
    ) -> Option<(Vec<u32>, Vec<u32>, usize)> {
        let private = self.private.get(&slot)?;
        let origin = self.lanes.origin_at(private.base.owner.depth);
        let size = private.base.size();
        let (base_offsets, base_lanes) = offsets
            .iter()
            .zip(lanes)
            .filter(|(offset, _)| !private.written[**offset as usize])
            .map(|(offset, lane)| (base_cell(&origin, size, *offset as usize) as u32, *lane))
            .unzip();
        Some((base_offsets, base_lanes, private.first_writer.len()))
    }

    /// Takes a variable into private copies; returns the copies.
    pub fn make_private(&mut self, slot: Slot, base: Variable, copy: Variable) -> Variable {
        let (cells, base_cells) = (
            copy.size() * self.lanes.count,
            base.size() * base.owner.count,
        );
        let private = Private {
            base,
            written: vec![false; cells],
            first_writer: vec![0; base_cells],
            last_reader: vec![0; base_cells],
        };
        self.private.insert(slot, private);
        copy
    }

    /// What the iterations' own copies leave behind.
    pub fn finish(self) -> Vec<Finished> {
        let lanes = self.lanes;
        let finish = |(slot, private): (Slot, Private)| {
            let origin = lanes.origin_at(private.base.owner.depth);
            let size = private.base.size();
            let mut last = vec![None; private.first_writer.len()];
            for (offset, _) in private
                .written
                .iter()
                .enumerate()
                .filter(|(_, written)| **written)
            {
                last[base_cell(&origin, size, offset)] = Some(offset as u32);
            }
            let writes = last
                .iter()
                .enumerate()
                .filter_map(|(cell, from)| from.map(|from| (cell as u32, from)))
                .collect();
            Finished {
                slot,
                base: private.base,
                writes,
            }
        };
        let mut finished: Vec<_> = self.private.into_iter().map(finish).collect();
        finished.sort_by_key(|finished| finished.slot);
        finished
    }

    /// Records a read of a variable of `cells` cells.
    pub fn read(&mut self, access: &Access, cells: usize) -> Result<(), Remedy> {
        let iterations = self.iterations(access);
        if let Some(private) = self.private.get_mut(&access.slot) {
            let origin = self.lanes.origin_at(private.base.owner.depth);
            for (offset, lane) in access.offsets.iter().zip(iterations) {
                if !private.written[*offset as usize] {
                    let cell = base_cell(&origin, private.base.size(), *offset as usize);
                    let (me, writer) = (lane + 1, private.first_writer[cell]);
                    if writer != 0 && writer < me {
                        return Err(Remedy::Sequential);
                    }
                    private.last_reader[cell] = private.last_reader[cell].max(me);
                }
            }
            return Ok(());
        }
        let trace = self.trace(access.slot, cells);
        for (offset, lane) in access.offsets.iter().zip(iterations) {
            let (cell, me) = (*offset as usize, lane + 1);
            match trace.writer[cell] {
                0 => trace.last_reader[cell] = trace.last_reader[cell].max(me),
                writer if writer == me => {}
                _ => return Err(Remedy::Sequential),
            }
        }
        Ok(())
    }

    /// Records a write to a variable of `cells` cells.
    pub fn write(&mut self, access: &Access, cells: usize) -> Result<(), Remedy> {
        let iterations = self.iterations(access);
        if let Some(private) = self.private.get_mut(&access.slot) {
            let origin = self.lanes.origin_at(private.base.owner.depth);
            for (offset, lane) in access.offsets.iter().zip(iterations) {
                private.written[*offset as usize] = true;
                let cell = base_cell(&origin, private.base.size(), *offset as usize);
                let me = lane + 1;
                if private.last_reader[cell] > me {
                    return Err(Remedy::Sequential);
                }
                let first = &mut private.first_writer[cell];
                *first = if *first == 0 { me } else { (*first).min(me) };
            }
            return Ok(());
        }
        let trace = self.trace(access.slot, cells);
        for (offset, lane) in access.offsets.iter().zip(iterations) {
            let (cell, me) = (*offset as usize, lane + 1);
            match trace.writer[cell] {
                0 if trace.last_reader[cell] > me => return Err(Remedy::Sequential),
                0 => trace.writer[cell] = me,
                writer if writer == me => {}
                ACCUMULATED => return Err(Remedy::Sequential),
                _ => return Err(Remedy::Private(access.slot)),
            }
        }
        Ok(())
    }

    /// Records that values are added to cells, several of them perhaps to one.
    pub fn accumulate(&mut self, access: &Access, cells: usize) -> Result<(), Remedy> {
        let iterations: Vec<u32> = self.iterations(access).collect();
        let mut contributor: FxHashMap<u32, u32> = FxHashMap::default();
        let one_each = access
            .offsets
            .iter()
            .zip(&iterations)
            .all(|(offset, lane)| *contributor.entry(*offset).or_insert(*lane) == *lane);
        if one_each || self.private.contains_key(&access.slot) {
            self.read(access, cells)?;
            return self.write(access, cells);
        }
        let trace = self.trace(access.slot, cells);
        for offset in access.offsets {
            let cell = *offset as usize;
            if trace.last_reader[cell] != 0 || !matches!(trace.writer[cell], 0 | ACCUMULATED) {
                // A scratch total that each iteration starts anew.
                let writer = trace.writer[cell];
                return Err(if writer == 0 {
                    Remedy::Sequential
                } else {
                    Remedy::Private(access.slot)
                });
            }
            trace.writer[cell] = ACCUMULATED;
        }
        Ok(())
    }

    fn trace(&mut self, slot: Slot, cells: usize) -> &mut Trace {
        self.shared.entry(slot).or_insert_with(|| Trace {
            writer: vec![0; cells],
            last_reader: vec![0; cells],
        })
    }

    fn iterations<'a>(&self, access: &'a Access) -> impl Iterator<Item = u32> + use<'a> {
        let origin = access.within.origin_at(self.lanes.depth);
        access.lanes.iter().map(move |lane| origin[*lane as usize])
    }
}

fn base_cell(origin: &Index, size: usize, offset: usize) -> usize {
    origin[offset / size] as usize * size + offset % size
}
