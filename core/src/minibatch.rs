//! Minibatches: which rows of a plate each step sees.
//!
//! Rows come in epochs: each is all rows of the plate in an order of its own. A batch is the next so many rows, and one that reaches
//! the end of an epoch takes the rest from the beginning of the next. So every row is seen equally often, all batches are of one
//! size, and scores average to the full one. The batch of a step follows from seed and step alone.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::inference::InferenceError;
use crate::randomness::{Stream, generator};
use crate::suggest::nearest;
use crate::target::{Batch, Plate, Target};

/// Rows that each step sees, as text: `N=128`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Minibatch {
    /// The data size that counts the rows.
    pub plate: String,
    /// Rows in a batch.
    pub size: usize,
}

impl FromStr for Minibatch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || {
            format!(
                "`{text}` is no minibatch: write the data size that counts the rows and how many of them a step sees, such as \
                 `N=128`"
            )
        };
        let (plate, size) = text.split_once('=').ok_or_else(wanted)?;
        let (plate, size) = (plate.trim(), size.trim());
        if plate.is_empty() {
            return Err(wanted());
        }
        match size.parse() {
            Ok(0) => Err("a minibatch has at least one row".into()),
            Ok(size) => Ok(Minibatch {
                plate: plate.into(),
                size,
            }),
            Err(_) => Err(wanted()),
        }
    }
}

impl TryFrom<String> for Minibatch {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Minibatch> for String {
    fn from(minibatch: Minibatch) -> String {
        minibatch.to_string()
    }
}

impl fmt::Display for Minibatch {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}={}", self.plate, self.size)
    }
}

/// Rows, at least, on which a start is sought.
const FEWEST_START_ROWS: usize = 4096;
/// Batches' worth of rows, at least, on which a start is sought.
const START_BATCHES: usize = 16;
/// Orders of epochs that are kept: a batch lies in two at most.
const KEPT: usize = 2;

/// The batches of a run, by step.
#[derive(Clone, Debug)]
pub struct Batches {
    plate: Plate,
    size: usize,
    seed: u64,
    /// The order of the rows in the epochs last asked for.
    orders: VecDeque<(u64, Vec<u32>)>,
}

impl Batches {
    /// Batches of a target's rows.
    ///
    /// # Errors
    /// If the target has no such plate, or fewer rows than a batch.
    pub fn of(
        target: &dyn Target,
        minibatch: &Minibatch,
        seed: u64,
    ) -> Result<Self, InferenceError> {
        let plates = target.plates();
        let Some(plate) = plates.iter().find(|plate| plate.name == minibatch.plate) else {
            let known = match plates.as_slice() {
                [] => "it is evaluated on all of its data".to_string(),
                plates => {
                    let names: Vec<_> = plates.iter().map(|p| format!("`{}`", p.name)).collect();
                    let near = nearest(&minibatch.plate, plates.iter().map(|p| p.name.as_str()));
                    let near = near.map(|near| format!("; did you mean `{near}`?"));
                    format!("it has {}{}", names.join(", "), near.unwrap_or_default())
                }
            };
            return Err(InferenceError::Minibatch(format!(
                "the target has no plate `{}`: {known}",
                minibatch.plate
            )));
        };
        if minibatch.size == 0 || minibatch.size > plate.rows || u32::try_from(plate.rows).is_err()
        {
            let remedy = match plate.rows {
                rows if minibatch.size > rows => "; without minibatches each step sees them all",
                _ => "",
            };
            return Err(InferenceError::Minibatch(format!(
                "a minibatch of {} rows cannot be drawn from the {} of `{}`{remedy}",
                minibatch.size, plate.rows, plate.name
            )));
        }
        Ok(Batches {
            plate: plate.clone(),
            size: minibatch.size,
            seed,
            orders: VecDeque::new(),
        })
    }

    /// Steps that see as many rows as there are, rounded up.
    pub fn steps_per_epoch(&self) -> u64 {
        self.plate.rows.div_ceil(self.size) as u64
    }

    /// The rows of a step, ascending. The end of one epoch and the beginning of the next may have a row in common.
    pub fn at(&mut self, step: u64) -> Batch {
        let first = u128::from(step) * self.size as u128;
        let total = self.plate.rows as u128;
        // Where a run has got after 2^64 epochs does not matter.
        let (mut epoch, mut position) = ((first / total) as u64, (first % total) as usize);
        let size = self.size;
        let mut rows = Vec::with_capacity(size);
        while rows.len() < size {
            let order = self.order(epoch);
            let end = order.len().min(position + size - rows.len());
            rows.extend(order[position..end].iter().map(|row| *row as usize));
            (epoch, position) = (epoch.wrapping_add(1), 0);
        }
        rows.sort_unstable();
        self.rows(rows)
    }

    /// The rows on which a start is sought: more than a batch, the same at each evaluation.
    pub fn for_start(&self) -> Batch {
        let enough = self.rows_of_start();
        if enough >= self.plate.rows {
            return Batch::Full;
        }
        // An epoch that no run reaches.
        let mut rows: Vec<usize> = self.shuffled(u64::MAX)[..enough]
            .iter()
            .map(|row| *row as usize)
            .collect();
        rows.sort_unstable();
        self.rows(rows)
    }

    /// Rows that together are all of them: two batches, and the others in parts of as many as a start is sought on, in the data's order. No
    /// part has fewer rows than a batch. Each has the share of its rows, by which its density averages to that of all.
    pub fn parts(&self) -> Vec<(Batch, f64)> {
        let total = self.plate.rows;
        let mut parts: Vec<Vec<usize>> = Vec::new();
        let mut others: Vec<usize> = (0..total).collect();
        if total >= 2 * self.size {
            let order = self.shuffled(u64::MAX);
            let batches = order.chunks(self.size).take(2);
            parts.extend(batches.map(|batch| batch.iter().map(|row| *row as usize).collect()));
            let mut is_taken = vec![false; total];
            parts.iter().flatten().for_each(|row| is_taken[*row] = true);
            others.retain(|row| !is_taken[*row]);
        }
        parts.extend(others.chunks(self.rows_of_start()).map(<[usize]>::to_vec));
        if let Some(few) = parts.pop_if(|last| last.len() < self.size)
            && let Some(last) = parts.last_mut()
        {
            last.extend(few);
        }
        let with_share = |mut rows: Vec<usize>| {
            rows.sort_unstable();
            let share = rows.len() as f64 / total as f64;
            (self.rows(rows), share)
        };
        parts.into_iter().map(with_share).collect()
    }

    /// On how many rows a start is sought, if there are more.
    fn rows_of_start(&self) -> usize {
        FEWEST_START_ROWS.max(START_BATCHES.saturating_mul(self.size))
    }

    /// How many rows a batch has, and of what.
    pub fn minibatch(&self) -> Minibatch {
        Minibatch {
            plate: self.plate.name.clone(),
            size: self.size,
        }
    }

    fn rows(&self, rows: Vec<usize>) -> Batch {
        Batch::Rows {
            plate: self.plate.name.clone(),
            rows,
        }
    }

    fn order(&mut self, epoch: u64) -> &[u32] {
        let position = match self.orders.iter().position(|(known, _)| *known == epoch) {
            Some(position) => position,
            None => {
                let order = self.shuffled(epoch);
                if self.orders.len() == KEPT {
                    self.orders.pop_front();
                }
                self.orders.push_back((epoch, order));
                self.orders.len() - 1
            }
        };
        &self.orders[position].1
    }

    fn shuffled(&self, epoch: u64) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.plate.rows as u32).collect();
        order.shuffle(&mut generator(self.seed, Stream::Minibatch, epoch));
        order
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::target::GaussianTarget;

    fn batches(rows: usize, size: usize) -> Batches {
        Batches {
            plate: Plate {
                name: "N".into(),
                rows,
            },
            size,
            seed: 5,
            orders: VecDeque::new(),
        }
    }

    fn rows(batch: Batch) -> Vec<usize> {
        match batch {
            Batch::Rows { plate, rows } if plate == "N" => rows,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn parts_are_all_rows_once_and_no_fewer_than_a_batch_each() {
        for (total, size) in [
            (1, 1),
            (8, 8),
            (9, 8),
            (17, 8),
            (100, 8),
            (2 * 8 + FEWEST_START_ROWS + 3, 8),
            (3 * FEWEST_START_ROWS, 300),
        ] {
            let parts = batches(total, size).parts();
            let shares: f64 = parts.iter().map(|(_, share)| share).sum();
            assert!((shares - 1.0).abs() < 1e-12);
            let parts: Vec<Vec<usize>> = parts.into_iter().map(|(part, _)| rows(part)).collect();
            assert!(
                parts
                    .iter()
                    .all(|part| part.len() >= size && part.is_sorted())
            );
            assert!(total < 2 * size || parts[0].len() == size);
            let mut all = parts.concat();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..total), "{total} rows, {size} a batch");
        }
    }

    #[test]
    fn a_minibatch_is_read_from_text_and_written_as_it_was_read() {
        let minibatch: Minibatch = " N = 128 ".parse().unwrap();
        assert_eq!((minibatch.plate.as_str(), minibatch.size), ("N", 128));
        assert_eq!(minibatch.to_string(), "N=128");
        for text in ["N", "N=", "=3", "N=-1", "N=many"] {
            let error = text.parse::<Minibatch>().unwrap_err();
            assert!(error.contains("such as `N=128`"), "{error}");
        }
        assert!(
            "N=0"
                .parse::<Minibatch>()
                .unwrap_err()
                .contains("at least one row")
        );
    }

    #[test]
    fn the_batch_of_a_step_does_not_depend_on_the_steps_before() {
        let mut all = batches(10, 4);
        let in_order: Vec<Batch> = (0..12).map(|step| all.at(step)).collect();
        for step in [11, 3, 7, 0] {
            assert_eq!(batches(10, 4).at(step), in_order[step as usize]);
            assert_eq!(all.at(step), in_order[step as usize]);
        }
        assert_ne!(in_order[0], in_order[5]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_epoch_has_every_row_once_and_every_batch_is_of_one_size(
            total in 1usize..40,
            share in 0.0f64..1.0,
        ) {
            let size = ((total as f64 * share) as usize).clamp(1, total);
            let mut batches = batches(total, size);
            // As many steps as rows are as many epochs as a batch has rows.
            let mut seen = vec![0; total];
            for step in 0..total as u64 {
                let rows = rows(batches.at(step));
                prop_assert_eq!(rows.len(), size);
                rows.iter().for_each(|row| seen[*row] += 1);
            }
            prop_assert!(seen.iter().all(|times| *times == size));
        }
    }

    #[test]
    fn a_start_is_sought_on_a_part_of_many_rows_and_on_all_of_few() {
        assert_eq!(batches(4000, 10).for_start(), Batch::Full);
        assert_eq!(rows(batches(10_000, 10).for_start()).len(), 4096);
        assert_eq!(rows(batches(10_000, 300).for_start()).len(), 4800);
        assert_eq!(
            batches(10_000, 10).for_start(),
            batches(10_000, 10).for_start()
        );
    }

    #[test]
    fn a_target_without_plates_is_refused() {
        let minibatch = "N=2".parse().unwrap();
        let error = Batches::of(&GaussianTarget::standard(1), &minibatch, 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the target has no plate `N`: it is evaluated on all of its data"
        );
    }
}
