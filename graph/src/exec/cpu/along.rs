//! Reductions and running sums along the middle one of three axes, the last of which includes the draws.

use super::elementwise::dispatched;
use super::math;
use super::plan::Along;

dispatched!(
    /// Works on `x` of shape `[outer, size, inner]`; the result is `[outer, inner]`, or `[outer, size, inner]` for running sums.
    along, along_loop, (kind: Along, to: &mut [f64], x: &[f64], size: usize, inner: usize)
);

/// Lines worked on at once.
const CHUNK: usize = 64;

#[inline(always)]
fn along_loop<const FMA: bool>(kind: Along, to: &mut [f64], x: &[f64], size: usize, inner: usize) {
    if inner == 0 {
        return;
    }
    if size == 0 {
        to.fill(f64::NEG_INFINITY);
        return;
    }
    match kind {
        Along::CumulativeSum { reverse } => {
            for (to, x) in to
                .chunks_exact_mut(size * inner)
                .zip(x.chunks_exact(size * inner))
            {
                running_sum(to, x, size, inner, reverse);
            }
        }
        Along::Mass(mass) => {
            let mut arguments = vec![0.0; size];
            for (to, x) in to.chunks_exact_mut(inner).zip(x.chunks_exact(size * inner)) {
                for (i, to) in to.iter_mut().enumerate() {
                    for (argument, line) in arguments.iter_mut().zip(x.chunks_exact(inner)) {
                        *argument = line[i];
                    }
                    *to = mass.apply(&arguments);
                }
            }
        }
        Along::Max | Along::LogSumExp => {
            for (to, x) in to.chunks_exact_mut(inner).zip(x.chunks_exact(size * inner)) {
                if inner == 1 {
                    to[0] = if kind == Along::Max {
                        largest(x)
                    } else {
                        log_sum_exp::<FMA>(x)
                    };
                    continue;
                }
                for (chunk, to) in to.chunks_mut(CHUNK).enumerate() {
                    let line = |k: usize| &x[k * inner + chunk * CHUNK..][..to.len()];
                    let mut top = [f64::NEG_INFINITY; CHUNK];
                    for k in 0..size {
                        for (top, x) in top.iter_mut().zip(line(k)) {
                            *top = larger(*top, *x);
                        }
                    }
                    if kind == Along::Max {
                        to.copy_from_slice(&top[..to.len()]);
                        continue;
                    }
                    for top in &mut top {
                        *top = finite(*top);
                    }
                    let mut sums = [0.0; CHUNK];
                    for k in 0..size {
                        for ((sum, top), x) in sums.iter_mut().zip(&top).zip(line(k)) {
                            *sum += math::exp::<FMA>(x - top);
                        }
                    }
                    for ((to, top), sum) in to.iter_mut().zip(&top).zip(&sums) {
                        *to = top + math::log::<FMA>(*sum);
                    }
                }
            }
        }
    }
}

/// The larger one; NaN if either is.
#[inline(always)]
fn larger(x: f64, y: f64) -> f64 {
    let larger = if x > y { x } else { y };
    if x.is_nan() { x } else { larger }
}

/// Zero in place of infinity: exp of the terms themselves then says what their sum is.
#[inline(always)]
fn finite(x: f64) -> f64 {
    if x.abs() == f64::INFINITY { 0.0 } else { x }
}

#[inline(always)]
fn largest(x: &[f64]) -> f64 {
    let mut tops = [f64::NEG_INFINITY; 8];
    for chunk in x.chunks(8) {
        for (top, x) in tops.iter_mut().zip(chunk) {
            *top = larger(*top, *x);
        }
    }
    tops.into_iter().fold(f64::NEG_INFINITY, larger)
}

#[inline(always)]
fn log_sum_exp<const FMA: bool>(x: &[f64]) -> f64 {
    let top = finite(largest(x));
    let mut sums = [0.0; 8];
    for chunk in x.chunks(8) {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += math::exp::<FMA>(x - top);
        }
    }
    top + math::log::<FMA>(sums.into_iter().sum())
}

#[inline(always)]
fn running_sum(to: &mut [f64], x: &[f64], size: usize, inner: usize, reverse: bool) {
    let row = |k: usize| if reverse { size - 1 - k } else { k };
    to[row(0) * inner..][..inner].copy_from_slice(&x[row(0) * inner..][..inner]);
    for k in 1..size {
        let (before, now) = (row(k - 1) * inner, row(k) * inner);
        let x = &x[now..][..inner];
        // The row before lies on one side or the other of the row being written.
        let (before, now) = if before < now {
            let (left, right) = to.split_at_mut(now);
            (&left[before..][..inner], &mut right[..inner])
        } else {
            let (left, right) = to.split_at_mut(before);
            (&right[..inner], &mut left[now..][..inner])
        };
        for ((now, before), x) in now.iter_mut().zip(before).zip(x) {
            *now = before + x;
        }
    }
}
