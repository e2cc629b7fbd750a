//! Sums over rows.

use super::elementwise::{Values, dispatched};
use super::rows::RowMap;

dispatched!(
    /// Adds each row of a tile, whose first row is `rows.0` and which has `rows.1` of them, to the row of the sum that `map` says.
    add_rows, add_rows_loop, (to: &mut [f64], x: Values<'_>, map: &RowMap, rows: (usize, usize), width: usize)
);

#[inline(always)]
fn add_rows_loop<const FMA: bool>(
    to: &mut [f64],
    x: Values<'_>,
    map: &RowMap,
    (first, count): (usize, usize),
    width: usize,
) {
    match (x, map) {
        (Values::Each(x), RowMap::Same(row)) if width == 1 => to[*row] += total(x),
        (Values::Each(x), RowMap::Same(row)) => add_all(&mut to[row * width..][..width], x),
        (Values::Each(x), map) => {
            for (i, x) in x.chunks_exact(width).enumerate() {
                let to = &mut to[map.row(first + i) * width..][..width];
                for (to, x) in to.iter_mut().zip(x) {
                    *to += x;
                }
            }
        }
        (Values::Rows(..), _) => unreachable!("rows have been repeated"),
        (Values::All(x), map) => {
            for i in first..first + count {
                for to in &mut to[map.row(i) * width..][..width] {
                    *to += x;
                }
            }
        }
    }
}

/// Adds all rows of `x` to one row.
#[inline(always)]
fn add_all(to: &mut [f64], x: &[f64]) {
    const CHUNK: usize = 16;
    let width = to.len();
    let whole = width - width % CHUNK;
    for start in (0..whole).step_by(CHUNK) {
        let mut sums = [0.0; CHUNK];
        for row in x.chunks_exact(width) {
            for (sum, x) in sums.iter_mut().zip(&row[start..start + CHUNK]) {
                *sum += x;
            }
        }
        for (to, sum) in to[start..start + CHUNK].iter_mut().zip(sums) {
            *to += sum;
        }
    }
    if whole < width {
        let mut sums = [0.0; CHUNK];
        let sums = &mut sums[..width - whole];
        for row in x.chunks_exact(width) {
            for (sum, x) in sums.iter_mut().zip(&row[whole..]) {
                *sum += x;
            }
        }
        for (to, sum) in to[whole..].iter_mut().zip(sums) {
            *to += *sum;
        }
    }
}

/// The sum of all numbers, in sixteen interleaved parts.
#[inline(always)]
pub(super) fn total(x: &[f64]) -> f64 {
    const PARTS: usize = 16;
    let mut sums = [0.0; PARTS];
    let chunks = x.chunks_exact(PARTS);
    let rest: f64 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += x;
        }
    }
    let mut width = PARTS / 2;
    while width > 0 {
        for i in 0..width {
            sums[i] += sums[i + width];
        }
        width /= 2;
    }
    sums[0] + rest
}
