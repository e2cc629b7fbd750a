//! Joining kernels over the same rows, and the final order of steps.
//!
//! Depth alone separates kernels that need not be apart: what a kernel computed early may first be needed by one that runs
//! late. Two kernels may be one where the later reads from the earlier only what is computed row by row, and nothing
//! else that the later needs waits for the earlier. A value that no other step reads then never reaches memory.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use super::plan::{Member, OutputRead, PlannedStep, Read, Task, Value, ValueId};
use super::rows::RowMap;

/// Kernels that one kernel is compared with, at most: the latest ones over as many rows.
const CANDIDATES: usize = 8;

/// Steps that are searched for a way from one kernel to another, at most: where there may be more, the two stay apart. A
/// recursion over time has thousands of steps, each of which waits for all those before.
const SEARCHED: usize = 128;

/// Joins kernels, marks the values that reach memory, and puts the steps in an order in which they can run.
pub(super) fn merge(
    values: &mut [Value],
    mut steps: Vec<PlannedStep>,
    outputs: &[OutputRead],
) -> Vec<PlannedStep> {
    steps.sort_by_key(|step| (step.stage, step.depth));
    let mut links = Links::new(values, &steps);
    let mut classes: FxHashMap<(usize, usize), Vec<usize>> = FxHashMap::default();
    for index in 0..steps.len() {
        let Task::Kernel { rows, .. } = steps[index].task else {
            continue;
        };
        let class = classes.entry((steps[index].stage, rows)).or_default();
        match class
            .iter()
            .rev()
            .take(CANDIDATES)
            .copied()
            .find(|earlier| links.may_join(*earlier, index))
        {
            Some(earlier) => {
                links.join(earlier, index);
                join(&mut steps, earlier, index);
            }
            None => class.push(index),
        }
    }
    let mut steps = ordered(steps, &links);
    mark_stored(values, &mut steps, outputs);
    steps
}

fn join(steps: &mut [PlannedStep], into: usize, from: usize) {
    let Task::Kernel { members: moved, .. } = &mut steps[from].task else {
        return;
    };
    let moved = std::mem::take(moved);
    let Task::Kernel { members, .. } = &mut steps[into].task else {
        return;
    };
    members.extend(moved);
}

/// Which steps wait for which.
struct Links {
    /// Steps that each waits for, and whether what it reads of them is computed row by row.
    before: Vec<FxHashMap<usize, bool>>,
    /// The step that each has been joined to.
    joined: Vec<usize>,
}

impl Links {
    fn new(values: &[Value], steps: &[PlannedStep]) -> Links {
        let mut writers: Vec<Vec<usize>> = vec![Vec::new(); values.len()];
        for (index, step) in steps.iter().enumerate() {
            for value in written(step) {
                writers[value].push(index);
            }
        }
        // What is written into a part is written into the whole.
        for value in 0..values.len() {
            let mut whole = values[value].within;
            while let Some((outer, _)) = whole {
                let more = writers[value].clone();
                writers[outer].extend(more);
                whole = values[outer].within;
            }
        }
        let mut before = vec![FxHashMap::default(); steps.len()];
        for (index, step) in steps.iter().enumerate() {
            for_each_read(step, |read, by_row| {
                let by_row =
                    by_row && values[read.value].elementwise && read.rows == RowMap::IDENTITY;
                for writer in writers[read.value]
                    .iter()
                    .filter(|writer| **writer != index)
                {
                    *before[index].entry(*writer).or_insert(true) &= by_row;
                }
            });
        }
        Links {
            before,
            joined: (0..steps.len()).collect(),
        }
    }

    fn root(&self, mut step: usize) -> usize {
        while self.joined[step] != step {
            step = self.joined[step];
        }
        step
    }

    /// Whether `later` is known to wait for `earlier` through nothing but rows that it reads directly.
    fn may_join(&self, earlier: usize, later: usize) -> bool {
        let mut seen = FxHashSet::default();
        let mut open = Vec::new();
        for (step, by_row) in &self.before[later] {
            match self.root(*step) {
                step if step == earlier && !by_row => return false,
                step if step == earlier => {}
                step => open.push(step),
            }
        }
        while let Some(step) = open.pop() {
            if step == earlier || seen.len() > SEARCHED {
                return false;
            }
            if seen.insert(step) {
                open.extend(self.before[step].keys().map(|step| self.root(*step)));
            }
        }
        true
    }

    fn join(&mut self, earlier: usize, later: usize) {
        self.joined[later] = earlier;
        for (step, by_row) in std::mem::take(&mut self.before[later]) {
            let step = self.root(step);
            if step != earlier {
                *self.before[earlier].entry(step).or_insert(true) &= by_row;
            }
        }
    }
}

fn written(step: &PlannedStep) -> Vec<ValueId> {
    match &step.task {
        Task::Kernel { members, .. } => members.iter().map(Member::value).collect(),
        _ => step.writes.clone(),
    }
}

/// Calls `visit` with all that a step reads, and whether it reads it row by row.
fn for_each_read(step: &PlannedStep, mut visit: impl FnMut(&Read, bool)) {
    if let Task::Kernel { members, .. } = &step.task {
        for member in members {
            member.for_each_read(&mut visit);
        }
    }
    for value in &step.reads {
        visit(
            &Read {
                value: *value,
                rows: RowMap::IDENTITY,
            },
            false,
        );
    }
}

/// The steps that are left, each after those that it waits for; as early as their depth says otherwise.
fn ordered(steps: Vec<PlannedStep>, links: &Links) -> Vec<PlannedStep> {
    let roots: Vec<usize> = (0..steps.len())
        .filter(|step| links.root(*step) == *step)
        .collect();
    let mut waiting = vec![0; steps.len()];
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for step in &roots {
        let before: BTreeSet<usize> = links.before[*step]
            .keys()
            .map(|before| links.root(*before))
            .collect();
        for before in before.into_iter().filter(|before| before != step) {
            after[before].push(*step);
            waiting[*step] += 1;
        }
    }
    let key = |step: usize| (steps[step].stage, steps[step].depth, step);
    let mut ready: BTreeSet<_> = roots
        .iter()
        .filter(|step| waiting[**step] == 0)
        .map(|step| key(*step))
        .collect();
    let mut order = Vec::with_capacity(roots.len());
    while let Some((_, _, step)) = ready.pop_first() {
        order.push(step);
        for after in &after[step] {
            waiting[*after] -= 1;
            if waiting[*after] == 0 {
                ready.insert(key(*after));
            }
        }
    }
    debug_assert_eq!(order.len(), roots.len(), "steps wait for each other");
    let mut steps: Vec<Option<PlannedStep>> = steps.into_iter().map(Some).collect();
    order
        .into_iter()
        .filter_map(|step| steps[step].take())
        .collect()
}

/// Marks what is read from memory, and writes down what each kernel reads there and writes.
fn mark_stored(values: &mut [Value], steps: &mut [PlannedStep], outputs: &[OutputRead]) {
    for output in outputs {
        values[output.read.value].stored = true;
    }
    let here = |members: &[Member]| -> FxHashSet<ValueId> {
        members
            .iter()
            .filter(|member| !member.is_sum())
            .map(Member::value)
            .collect()
    };
    for step in steps.iter() {
        let Task::Kernel { members, .. } = &step.task else {
            continue;
        };
        let here = here(members);
        for member in members {
            member.for_each_read(&mut |read: &Read, _| {
                if !here.contains(&read.value) || read.rows != RowMap::IDENTITY {
                    values[read.value].stored = true;
                }
            });
        }
    }
    for step in steps {
        let Task::Kernel { members, .. } = &step.task else {
            continue;
        };
        let here = here(members);
        let (mut reads, mut writes) = (Vec::new(), Vec::new());
        for member in members {
            member.for_each_read(&mut |read: &Read, _| {
                if !here.contains(&read.value) {
                    reads.push(read.value);
                }
            });
            if values[member.value()].stored {
                writes.push(member.value());
            }
        }
        (step.reads, step.writes) = (reads, writes);
    }
}
