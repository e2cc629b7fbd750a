//! Products of matrices in row-major order, with a fixed order of summation.

use super::elementwise::dispatched;

dispatched!(
    /// `to = x y`, where `x` is `[to.len() / width, k]` and `y` is `[k, width]`.
    multiply, multiply_loop, (to: &mut [f64], x: &[f64], y: &[f64], k: usize, width: usize)
);

dispatched!(
    /// The same product for each of `lanes` draws: `[m, k]` by `[k, n]`, with the draws innermost everywhere.
    multiply_lanes, multiply_lanes_loop,
    (to: &mut [f64], x: &[f64], y: &[f64], k: usize, n: usize, lanes: usize)
);

/// Some rows of a matrix that is stored by columns.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    pub(super) data: &'a [f64],
    /// Rows of the whole matrix.
    pub(super) rows: usize,
    /// The first of the rows in question.
    pub(super) first: usize,
}

dispatched!(
    /// `to = x y` for one draw.
    add_columns, add_columns_loop, (to: &mut [f64], x: Columns<'_>, y: &[f64])
);

dispatched!(
    /// `to += transposed(x) y` for one draw.
    add_dots, add_dots_loop, (to: &mut [f64], x: Columns<'_>, y: &[f64])
);

dispatched!(
    /// `to += transposed(x) y`, where `x` is `[y.len() / width, k]` and `to` is `[k, width]`.
    add_transposed, add_transposed_loop, (to: &mut [f64], x: &[f64], y: &[f64], k: usize, width: usize)
);

#[inline(always)]
fn add_columns_loop<const FMA: bool>(to: &mut [f64], x: Columns<'_>, y: &[f64]) {
    to.fill(0.0);
    for (column, y) in x.data.chunks_exact(x.rows).zip(y) {
        for (to, x) in to.iter_mut().zip(&column[x.first..]) {
            *to = super::math::fma::<FMA>(*x, *y, *to);
        }
    }
}

#[inline(always)]
fn add_dots_loop<const FMA: bool>(to: &mut [f64], x: Columns<'_>, y: &[f64]) {
    for (column, to) in x.data.chunks_exact(x.rows).zip(to) {
        *to += dot::<FMA>(&column[x.first..][..y.len()], y);
    }
}

#[inline(always)]
fn add_transposed_loop<const FMA: bool>(
    to: &mut [f64],
    x: &[f64],
    y: &[f64],
    k: usize,
    width: usize,
) {
    let rows = y.len() / width;
    let mut start = 0;
    while start < width {
        let columns = COLUMNS.min(width - start);
        let mut first = 0;
        while first < k {
            let count = ROWS.min(k - first);
            let mut sums = [[0.0; COLUMNS]; ROWS];
            if count == ROWS && columns == COLUMNS {
                for row in 0..rows {
                    let y: &[f64; COLUMNS] = y[row * width + start..][..COLUMNS]
                        .try_into()
                        .expect("that many");
                    let x: &[f64; ROWS] =
                        x[row * k + first..][..ROWS].try_into().expect("that many");
                    for (sums, x) in sums.iter_mut().zip(x) {
                        for (sum, y) in sums.iter_mut().zip(y) {
                            *sum = super::math::fma::<FMA>(*x, *y, *sum);
                        }
                    }
                }
            } else {
                for row in 0..rows {
                    let y = &y[row * width + start..][..columns];
                    for (sums, x) in sums.iter_mut().zip(&x[row * k + first..][..count]) {
                        for (sum, y) in sums.iter_mut().zip(y) {
                            *sum = super::math::fma::<FMA>(*x, *y, *sum);
                        }
                    }
                }
            }
            for (i, sums) in sums.iter().enumerate().take(count) {
                for (to, sum) in to[(first + i) * width + start..][..columns]
                    .iter_mut()
                    .zip(sums)
                {
                    *to += sum;
                }
            }
            first += count;
        }
        start += columns;
    }
}

const ROWS: usize = 4;
const COLUMNS: usize = 16;

#[inline(always)]
fn multiply_loop<const FMA: bool>(to: &mut [f64], x: &[f64], y: &[f64], k: usize, width: usize) {
    if width == 1 {
        for (to, x) in to.iter_mut().zip(x.chunks_exact(k.max(1))) {
            *to = dot::<FMA>(x, y);
        }
        if k == 0 {
            to.fill(0.0);
        }
        return;
    }
    let m = to.len() / width.max(1);
    let mut column = 0;
    while column < width {
        let columns = COLUMNS.min(width - column);
        let mut row = 0;
        while row < m {
            let rows = ROWS.min(m - row);
            let mut sums = [[0.0; COLUMNS]; ROWS];
            if rows == ROWS && columns == COLUMNS {
                for l in 0..k {
                    let y: &[f64; COLUMNS] = y[l * width + column..][..COLUMNS]
                        .try_into()
                        .expect("that many");
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let a = x[(row + r) * k + l];
                        for (sum, y) in sums.iter_mut().zip(y) {
                            *sum = super::math::fma::<FMA>(a, *y, *sum);
                        }
                    }
                }
            } else {
                for l in 0..k {
                    let y = &y[l * width + column..][..columns];
                    for (r, sums) in sums.iter_mut().enumerate().take(rows) {
                        let a = x[(row + r) * k + l];
                        for (sum, y) in sums.iter_mut().zip(y) {
                            *sum = super::math::fma::<FMA>(a, *y, *sum);
                        }
                    }
                }
            }
            for (r, sums) in sums.iter().enumerate().take(rows) {
                to[(row + r) * width + column..][..columns].copy_from_slice(&sums[..columns]);
            }
            row += rows;
        }
        column += columns;
    }
}

#[inline(always)]
pub(super) fn dot<const FMA: bool>(x: &[f64], y: &[f64]) -> f64 {
    const PARTS: usize = 8;
    let mut sums = [0.0; PARTS];
    let (xs, ys) = (x.chunks_exact(PARTS), y.chunks_exact(PARTS));
    let rest: f64 = xs
        .remainder()
        .iter()
        .zip(ys.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in xs.zip(ys) {
        for i in 0..PARTS {
            sums[i] = super::math::fma::<FMA>(x[i], y[i], sums[i]);
        }
    }
    let pairs = [
        sums[0] + sums[4],
        sums[1] + sums[5],
        sums[2] + sums[6],
        sums[3] + sums[7],
    ];
    (pairs[0] + pairs[2]) + (pairs[1] + pairs[3]) + rest
}

#[inline(always)]
fn multiply_lanes_loop<const FMA: bool>(
    to: &mut [f64],
    x: &[f64],
    y: &[f64],
    k: usize,
    n: usize,
    lanes: usize,
) {
    for (cell, to) in to.chunks_exact_mut(lanes).enumerate() {
        let (i, j) = (cell / n, cell % n);
        to.fill(0.0);
        for l in 0..k {
            let x = &x[(i * k + l) * lanes..][..lanes];
            let y = &y[(l * n + j) * lanes..][..lanes];
            for ((to, x), y) in to.iter_mut().zip(x).zip(y) {
                *to = super::math::fma::<FMA>(*x, *y, *to);
            }
        }
    }
}
