//! From draws first, as callers have them, to draws last, and back; a few rows at a time, so that both sides stay in
//! the cache.

use super::rows::RowMap;

/// Numbers that are next to each other on the side of the caller, and are worked on together.
const ROWS: usize = 8;

/// Rows of `to`, one number for each draw, from `from` of `[draws, rows]`.
pub(super) fn draws_last(to: &mut [f64], from: &[f64], rows: usize) {
    let Some(draws) = from.len().checked_div(rows) else {
        return;
    };
    if draws == 1 {
        to.copy_from_slice(from);
        return;
    }
    for first in (0..rows).step_by(ROWS) {
        let count = ROWS.min(rows - first);
        let to = &mut to[first * draws..(first + count) * draws];
        for (draw, from) in from.chunks_exact(rows).enumerate() {
            for (row, x) in from[first..first + count].iter().enumerate() {
                to[row * draws + draw] = *x;
            }
        }
    }
}

/// `to` of `[draws, rows]` from rows of `from`, each of `width` numbers: one for each draw, or one for all.
pub(super) fn draws_first(to: &mut [f64], from: &[f64], map: &RowMap, rows: usize, width: usize) {
    for first in (0..rows).step_by(ROWS) {
        let count = ROWS.min(rows - first);
        let mut starts = [0; ROWS];
        for (start, row) in starts.iter_mut().zip(first..first + count) {
            *start = map.row(row) * width;
        }
        for (draw, to) in to.chunks_exact_mut(rows).enumerate() {
            let offset = if width == 1 { 0 } else { draw };
            for (to, start) in to[first..first + count].iter_mut().zip(&starts) {
                *to = from[start + offset];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (draws, rows) in [(1, 3), (5, 1), (3, 8), (7, 21), (4, 0)] {
            let from: Vec<f64> = (0..draws * rows).map(|i| i as f64).collect();
            let (mut last, mut back) = (vec![0.0; from.len()], vec![0.0; from.len()]);
            draws_last(&mut last, &from, rows);
            draws_first(&mut back, &last, &RowMap::IDENTITY, rows, draws);
            assert_eq!(back, from);
            assert!(rows == 0 || draws == 1 || last[1] == from[rows]);
        }
    }
}
