//! Factorisations and solutions of linear equations in row-major order, with the draws innermost.

use super::elementwise::dispatched;
use super::{gemm, math};
use crate::{MatrixFunction, System};

dispatched!(
    /// The Cholesky factor of each of `lanes` matrices `[n, n]`.
    cholesky, cholesky_loop, (to: &mut [f64], x: &[f64], n: usize, lanes: usize)
);

dispatched!(
    /// Replaces the right-hand side of each of `lanes` draws, `[n, columns]`, by its solution. There is one matrix for
    /// each of them, or one for all.
    solve_triangular, solve_triangular_loop,
    (to: &mut [f64], matrix: &[f64], transposed: bool, n: usize, lanes: usize)
);

#[inline(always)]
fn cholesky_loop<const FMA: bool>(to: &mut [f64], x: &[f64], n: usize, lanes: usize) {
    to.fill(0.0);
    for i in 0..n {
        for j in 0..=i {
            let (done, cell) = to.split_at_mut((i * n + j) * lanes);
            let cell = &mut cell[..lanes];
            cell.copy_from_slice(&x[(i * n + j) * lanes..][..lanes]);
            if lanes == 1 {
                cell[0] -= gemm::dot::<FMA>(&done[i * n..][..j], &done[j * n..][..j]);
            } else {
                for k in 0..j {
                    let left = &done[(i * n + k) * lanes..][..lanes];
                    let right = &done[(j * n + k) * lanes..][..lanes];
                    for ((cell, left), right) in cell.iter_mut().zip(left).zip(right) {
                        *cell = math::fma::<FMA>(-left, *right, *cell);
                    }
                }
            }
            if i == j {
                for cell in cell {
                    *cell = cell.sqrt();
                }
            } else {
                let pivots = &done[(j * n + j) * lanes..][..lanes];
                for (cell, pivot) in cell.iter_mut().zip(pivots) {
                    *cell /= pivot;
                }
            }
        }
    }
}

#[inline(always)]
fn solve_triangular_loop<const FMA: bool>(
    to: &mut [f64],
    matrix: &[f64],
    transposed: bool,
    n: usize,
    lanes: usize,
) {
    // Numbers in a row of the right-hand side, and in an element of the matrix.
    let row = to.len() / n;
    let width = matrix.len() / (n * n);
    for step in 0..n {
        let i = if transposed { n - 1 - step } else { step };
        for before in 0..step {
            let k = if transposed { n - 1 - before } else { before };
            let at = if transposed { k * n + i } else { i * n + k };
            let factors = &matrix[at * width..][..width];
            let (known, unknown) = if k < i {
                let (left, right) = to.split_at_mut(i * row);
                (&left[k * row..][..row], &mut right[..row])
            } else {
                let (left, right) = to.split_at_mut(k * row);
                (&right[..row], &mut left[i * row..][..row])
            };
            if let [factor] = factors {
                for (unknown, known) in unknown.iter_mut().zip(known) {
                    *unknown = math::fma::<FMA>(-factor, *known, *unknown);
                }
                continue;
            }
            let columns = unknown.chunks_exact_mut(lanes);
            for (unknown, known) in columns.zip(known.chunks_exact(lanes)) {
                for ((unknown, known), factor) in unknown.iter_mut().zip(known).zip(factors) {
                    *unknown = math::fma::<FMA>(-factor, *known, *unknown);
                }
            }
        }
        let pivots = &matrix[(i * n + i) * width..][..width];
        for unknown in to[i * row..][..row].chunks_exact_mut(width) {
            for (unknown, pivot) in unknown.iter_mut().zip(pivots) {
                *unknown /= pivot;
            }
        }
    }
}

/// A function of each of `lanes` matrices `[n, n]`.
pub(super) fn matrix_function(
    kind: MatrixFunction,
    to: &mut [f64],
    x: &[f64],
    n: usize,
    lanes: usize,
) {
    if kind == MatrixFunction::Cholesky {
        return cholesky(to, x, n, lanes);
    }
    // The others are too long for their arithmetic to be bound by memory: one draw after the other.
    let (mut matrix, mut result) = (vec![0.0; n * n], vec![0.0; to.len() / lanes]);
    for lane in 0..lanes {
        take_lane(&mut matrix, x, lane, lanes);
        kind.apply(&mut result, &matrix, n);
        put_lane(to, &result, lane, lanes);
    }
}

/// Replaces the right-hand side of each of `lanes` draws, `[n, columns]`, by its solution.
pub(super) fn solve(system: System, to: &mut [f64], matrix: &[f64], n: usize, lanes: usize) {
    match system {
        System::Lower => solve_triangular(to, matrix, false, n, lanes),
        System::LowerTransposed => solve_triangular(to, matrix, true, n, lanes),
        System::General => {
            let width = matrix.len() / (n * n);
            let (mut one, mut solution) = (vec![0.0; n * n], vec![0.0; to.len() / lanes]);
            for lane in 0..lanes {
                take_lane(&mut one, matrix, lane % width, width);
                take_lane(&mut solution, to, lane, lanes);
                let columns = solution.len() / n;
                system.apply(&one, &mut solution, columns);
                put_lane(to, &solution, lane, lanes);
            }
        }
    }
}

fn take_lane(to: &mut [f64], from: &[f64], lane: usize, lanes: usize) {
    for (to, from) in to.iter_mut().zip(from.chunks_exact(lanes)) {
        *to = from[lane];
    }
}

fn put_lane(to: &mut [f64], from: &[f64], lane: usize, lanes: usize) {
    for (to, from) in to.chunks_exact_mut(lanes).zip(from) {
        to[lane] = *from;
    }
}
