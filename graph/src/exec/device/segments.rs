//! Sums of rows into rows at known positions, the same on every run and every device: no atomic additions.
//!
//! Rows are gathered in groups of a fixed width, padded with a row of zeros, and each group is summed; the groups of one
//! result again, until each result is one row.

use burn::backend::DispatchTensor;

use super::value::{Place, Value};

/// Rows summed at once.
const WIDTH: usize = 8;

/// One round of sums.
#[derive(Clone, Debug)]
struct Round {
    positions: DispatchTensor,
    groups: usize,
    width: usize,
}

/// How to add up rows.
#[derive(Clone, Debug)]
pub(super) struct Segments {
    rounds: Vec<Round>,
}

impl Segments {
    /// Row `i` is added to row `index[i]` of `rows`.
    pub(super) fn new(index: &[u32], rows: usize, place: &Place) -> Segments {
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); rows];
        for (from, to) in (0..).zip(index) {
            members[*to as usize].push(from);
        }
        let mut present = index.len();
        let mut rounds = Vec::new();
        loop {
            let longest = members.iter().map(Vec::len).max().unwrap_or(0);
            let width = longest.clamp(1, WIDTH);
            let zero = present as u32;
            let mut positions = Vec::new();
            let mut next = Vec::with_capacity(rows);
            let mut groups = 0;
            for members in &members {
                let first = groups;
                // A result of no rows is a group of zeros.
                for group in members
                    .chunks(width)
                    .chain(members.is_empty().then_some(&[] as &[u32]))
                {
                    positions.extend_from_slice(group);
                    positions.resize(positions.len() + width - group.len(), zero);
                    groups += 1;
                }
                next.push((first as u32..groups as u32).collect());
            }
            rounds.push(Round {
                positions: place.positions(&positions),
                groups,
                width,
            });
            if groups == rows {
                return Segments { rounds };
            }
            (members, present) = (next, groups);
        }
    }

    pub(super) fn sum(&self, mut x: Value, place: &Place) -> Value {
        for Round {
            positions,
            groups,
            width,
        } in &self.rounds
        {
            let mut dims = x.dims.clone();
            dims[0] = 1;
            let zeros = place.number(0.0).expand(&dims);
            let padded = Value::join(vec![x, zeros], 0);
            let rows = padded.rows(positions.clone(), groups * width);
            let mut grouped = rows.dims.clone();
            grouped[0] = *width;
            grouped.insert(0, *groups);
            let summed = rows.reshape(&grouped).sum(1);
            dims[0] = *groups;
            x = summed.reshape(&dims);
        }
        x
    }
}
