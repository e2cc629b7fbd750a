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
    let mut column = 0;
    while column < width {
        let columns = panel_width(width - column);
        match columns {
            16 => add_panel::<FMA, 4, 16>(to, x, y, k, width, column),
            8 => add_panel::<FMA, 8, 8>(to, x, y, k, width, column),
            4 => add_panel::<FMA, 8, 4>(to, x, y, k, width, column),
            _ => add_panel::<FMA, 8, 1>(to, x, y, k, width, column),
        }
        column += columns;
    }
}

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
    let mut column = 0;
    while column < width {
        let columns = panel_width(width - column);
        match columns {
            16 => panel::<FMA, 4, 16>(to, x, y, k, width, column),
            8 => panel::<FMA, 8, 8>(to, x, y, k, width, column),
            4 => panel::<FMA, 8, 4>(to, x, y, k, width, column),
            _ => panel::<FMA, 8, 1>(to, x, y, k, width, column),
        }
        column += columns;
    }
}

/// Columns of the next panel of a result, of which so many are left.
///
/// Tiles of a panel are of a size known to the compiler, or their sums would not stay in registers.
#[inline(always)]
fn panel_width(left: usize) -> usize {
    match left {
        16.. => 16,
        8.. => 8,
        4.. => 4,
        _ => 1,
    }
}

/// `C` columns of `to = x y`, by tiles of `R` rows.
#[inline(always)]
fn panel<const FMA: bool, const R: usize, const C: usize>(
    to: &mut [f64],
    x: &[f64],
    y: &[f64],
    k: usize,
    width: usize,
    column: usize,
) {
    let m = to.len() / width;
    let whole = m - m % R;
    for row in (0..whole).step_by(R) {
        panel_rows::<FMA, R, C>(to, x, y, k, width, row, column);
    }
    for row in whole..m {
        panel_rows::<FMA, 1, C>(to, x, y, k, width, row, column);
    }
}

#[inline(always)]
fn panel_rows<const FMA: bool, const R: usize, const C: usize>(
    to: &mut [f64],
    x: &[f64],
    y: &[f64],
    k: usize,
    width: usize,
    row: usize,
    column: usize,
) {
    let x: [&[f64]; R] = std::array::from_fn(|r| &x[(row + r) * k..][..k]);
    let mut sums = [[0.0; C]; R];
    for l in 0..k {
        let y: &[f64; C] = array(&y[l * width + column..]);
        add_outer::<FMA, R, C>(&mut sums, &std::array::from_fn(|r| x[r][l]), y);
    }
    for (r, sums) in sums.iter().enumerate() {
        to[(row + r) * width + column..][..C].copy_from_slice(sums);
    }
}

/// `C` columns of `to += transposed(x) y`, by tiles of `R` rows of the result.
#[inline(always)]
fn add_panel<const FMA: bool, const R: usize, const C: usize>(
    to: &mut [f64],
    x: &[f64],
    y: &[f64],
    k: usize,
    width: usize,
    column: usize,
) {
    let whole = k - k % R;
    for row in (0..whole).step_by(R) {
        add_panel_rows::<FMA, R, C>(to, x, y, k, width, row, column);
    }
    for row in whole..k {
        add_panel_rows::<FMA, 1, C>(to, x, y, k, width, row, column);
    }
}

#[inline(always)]
fn add_panel_rows<const FMA: bool, const R: usize, const C: usize>(
    to: &mut [f64],
    x: &[f64],
    y: &[f64],
    k: usize,
    width: usize,
    row: usize,
    column: usize,
) {
    let mut sums = [[0.0; C]; R];
    for l in 0..y.len() / width {
        let y: &[f64; C] = array(&y[l * width + column..]);
        add_outer::<FMA, R, C>(&mut sums, array(&x[l * k + row..]), y);
    }
    for (r, sums) in sums.iter().enumerate() {
        let to = &mut to[(row + r) * width + column..][..C];
        for (to, sum) in to.iter_mut().zip(sums) {
            *to += sum;
        }
    }
}

#[inline(always)]
fn add_outer<const FMA: bool, const R: usize, const C: usize>(
    sums: &mut [[f64; C]; R],
    x: &[f64; R],
    y: &[f64; C],
) {
    for (sums, x) in sums.iter_mut().zip(x) {
        for (sum, y) in sums.iter_mut().zip(y) {
            *sum = super::math::fma::<FMA>(*x, *y, *sum);
        }
    }
}

#[inline(always)]
fn array<const N: usize>(values: &[f64]) -> &[f64; N] {
    values[..N].try_into().expect("that many")
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
