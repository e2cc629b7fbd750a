//! Where each stored value lies: values whose lives do not overlap share memory.

use super::kernel::{Memory, Place};
use super::plan::{Plan, ValueId};

/// Places of values, and how many rows they take in all.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    places: Vec<Option<Place>>,
    /// Rows with one number each.
    pub(super) shared_rows: usize,
    /// Rows with a number for each draw.
    pub(super) batched_rows: usize,
}

impl Layout {
    pub(super) fn place(&self, value: ValueId) -> Place {
        self.places[value].expect("what a step reads or writes has a place")
    }

    pub(super) fn new(plan: &Plan) -> Layout {
        let mut layout = Layout {
            places: vec![None; plan.values.len()],
            ..Layout::default()
        };
        let lives = lives(plan);
        let mut starting: Vec<Vec<ValueId>> = vec![Vec::new(); plan.steps.len()];
        for (id, value) in plan.values.iter().enumerate() {
            if value.constant.is_some() {
                layout.places[id] = Some(Place {
                    memory: Memory::Constant(id),
                    start: 0,
                });
            } else if let Some((first, _)) = lives[id] {
                if value.batched {
                    starting[first].push(id);
                } else {
                    layout.places[id] = Some(Place {
                        memory: Memory::Shared,
                        start: layout.shared_rows,
                    });
                    layout.shared_rows += value.rows;
                }
            }
        }
        // First rows, ends and last steps of what is alive, by first row.
        let mut alive: Vec<(usize, usize, usize)> = Vec::new();
        for (step, starting) in starting.iter().enumerate() {
            alive.retain(|(.., last)| *last >= step);
            for id in starting {
                let (rows, last) = (
                    plan.values[*id].rows,
                    lives[*id].map_or(step, |(_, last)| last),
                );
                let mut start = 0;
                let mut position = 0;
                for (first, end, _) in &alive {
                    if start + rows <= *first {
                        break;
                    }
                    start = *end;
                    position += 1;
                }
                alive.insert(position, (start, start + rows, last));
                layout.places[*id] = Some(Place {
                    memory: Memory::Batched,
                    start,
                });
                layout.batched_rows = layout.batched_rows.max(start + rows);
            }
        }
        for id in 0..plan.values.len() {
            if let Some((root, start)) = root(plan, id)
                && let Some(place) = layout.places[root]
            {
                layout.places[id] = Some(Place {
                    memory: place.memory,
                    start: place.start + start,
                });
            }
        }
        layout
    }
}

/// The value that a value lies within, and where.
fn root(plan: &Plan, mut id: ValueId) -> Option<(ValueId, usize)> {
    let mut start = 0;
    plan.values[id].within?;
    while let Some((outer, row)) = plan.values[id].within {
        (id, start) = (outer, start + row);
    }
    Some((id, start))
}

/// The first and the last step that touch each value that does not lie within another.
fn lives(plan: &Plan) -> Vec<Option<(usize, usize)>> {
    let mut lives: Vec<Option<(usize, usize)>> = vec![None; plan.values.len()];
    let mut touch = |id: ValueId, step: usize| {
        let id = root(plan, id).map_or(id, |(root, _)| root);
        let (first, last) = lives[id].unwrap_or((step, step));
        lives[id] = Some((first.min(step), last.max(step)));
    };
    for (index, step) in plan.steps.iter().enumerate() {
        for id in step.reads.iter().chain(&step.writes) {
            touch(*id, index);
        }
    }
    for output in &plan.outputs {
        touch(output.read.value, plan.steps.len());
    }
    lives
}
