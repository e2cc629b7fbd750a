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
fn dot<const FMA: bool>(x: &[f64], y: &[f64]) -> f64 {
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
