//! Elementwise operations on slices, compiled for several instruction sets; the best one is chosen when the program runs.

use super::math;
use crate::{Binary, Unary};

/// An operand of a loop: a number for each position, or one for all.
#[derive(Clone, Copy)]
pub(super) enum Values<'a> {
    Each(&'a [f64]),
    All(f64),
    /// A number for each row, and the positions in a row: for additions, subtractions and multiplications.
    Rows(&'a [f64], usize),
}

/// Whether the machine multiplies and adds in one instruction.
#[inline(always)]
pub(super) fn has_fma() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    return cfg!(target_arch = "aarch64");
}

/// Compiles the loop `$body::<FMA>` for several instruction sets, as one function that chooses when it is called.
macro_rules! dispatched {
    ($(#[$doc:meta])* $name:ident, $body:ident, ($($argument:ident: $type:ty),*)) => {
        $(#[$doc])*
        pub(super) fn $name($($argument: $type),*) {
            #[multiversion::multiversion(targets(
                "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi2",
                "x86_64+avx2+fma+bmi2",
            ))]
            fn with_fma($($argument: $type),*) {
                $body::<true>($($argument),*)
            }
            if $crate::exec::cpu::elementwise::has_fma() {
                with_fma($($argument),*)
            } else {
                $body::<false>($($argument),*)
            }
        }
    };
}
pub(super) use dispatched;

dispatched!(
    /// `to[i] = kind(x[i])`
    unary, unary_loop, (kind: Unary, to: &mut [f64], x: &[f64])
);
dispatched!(
    /// `to[i] = kind(x[i], y[i])`
    binary, binary_loop, (kind: Binary, to: &mut [f64], x: Values<'_>, y: Values<'_>)
);
dispatched!(
    /// `to[i] = if condition[i] != 0 { if_true[i] } else { if_false[i] }`
    select, select_loop, (to: &mut [f64], condition: &[f64], if_true: Values<'_>, if_false: Values<'_>)
);

/// The loop of a binary operation for which rows need not be repeated beforehand.
macro_rules! map_rows {
    ($to:ident, $x:ident, $y:ident => $body:expr) => {
        match ($x, $y) {
            (Values::Each(x), Values::Rows(rows, width)) => {
                for ((to, x), y) in $to.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(rows) {
                    let $y = *y;
                    for (to, x) in to.iter_mut().zip(x) {
                        let $x = *x;
                        *to = $body;
                    }
                }
            }
            (Values::Rows(rows, width), Values::Each(y)) => {
                for ((to, y), x) in $to.chunks_exact_mut(width).zip(y.chunks_exact(width)).zip(rows) {
                    let $x = *x;
                    for (to, y) in to.iter_mut().zip(y) {
                        let $y = *y;
                        *to = $body;
                    }
                }
            }
            ($x, $y) => map!($to, $x, $y => $body),
        }
    };
}

/// A loop whose body is in its place: a closure as large as `exp` would be left as a function of its own, which is not
/// compiled for the instruction set of the loop.
macro_rules! map {
    ($to:ident, $x:ident => $body:expr) => {
        for (to, x) in $to.iter_mut().zip($x) {
            let $x = *x;
            *to = $body;
        }
    };
    ($to:ident, $x:ident, $y:ident => $body:expr) => {
        match ($x, $y) {
            (Values::Each(x), Values::Each(y)) => {
                for ((to, x), y) in $to.iter_mut().zip(x).zip(y) {
                    let ($x, $y) = (*x, *y);
                    *to = $body;
                }
            }
            (Values::Each(x), Values::All($y)) => {
                for (to, x) in $to.iter_mut().zip(x) {
                    let $x = *x;
                    *to = $body;
                }
            }
            (Values::All($x), Values::Each(y)) => {
                for (to, y) in $to.iter_mut().zip(y) {
                    let $y = *y;
                    *to = $body;
                }
            }
            (Values::All($x), Values::All($y)) => $to.fill($body),
            (Values::Rows(..), _) | (_, Values::Rows(..)) => {
                unreachable!("rows have been repeated")
            }
        }
    };
}

/// The loop of a function that is for positive numbers; then the others, one by one.
macro_rules! map_positive {
    ($kind:ident, $to:ident, $x:ident => $body:expr) => {{
        map!($to, $x => $body);
        let other = |x: f64| x <= 0.0 || x.is_nan();
        if $x.iter().any(|x| other(*x)) {
            for (to, x) in $to.iter_mut().zip($x) {
                if other(*x) {
                    *to = $kind.apply(*x);
                }
            }
        }
    }};
}

#[inline(always)]
fn unary_loop<const FMA: bool>(kind: Unary, to: &mut [f64], x: &[f64]) {
    match kind {
        Unary::Neg => map!(to, x => -x),
        Unary::Abs => map!(to, x => f64::abs(x)),
        Unary::Sign => map!(to, x => {
            let sign = if x > 0.0 { 1.0 } else { x };
            if x < 0.0 { -1.0 } else { sign }
        }),
        Unary::Exp => map!(to, x => math::exp::<FMA>(x)),
        Unary::Expm1 => map!(to, x => math::expm1::<FMA>(x)),
        Unary::Log => map!(to, x => math::log::<FMA>(x)),
        Unary::Log1p => map!(to, x => math::log1p::<FMA>(x)),
        Unary::Log1mExp => map!(to, x => math::log1m_exp::<FMA>(x)),
        Unary::Log1pExp => map!(to, x => math::log1p_exp::<FMA>(x)),
        Unary::Sqrt => map!(to, x => f64::sqrt(x)),
        Unary::Square => map!(to, x => x * x),
        Unary::Recip => map!(to, x => 1.0 / x),
        Unary::Sigmoid => map!(to, x => math::sigmoid::<FMA>(x)),
        Unary::Tanh => map!(to, x => math::tanh::<FMA>(x)),
        Unary::Lgamma => map_positive!(kind, to, x => math::lgamma::<FMA>(x)),
        Unary::Digamma => map_positive!(kind, to, x => math::digamma::<FMA>(x)),
        Unary::Trigamma => map_positive!(kind, to, x => math::trigamma::<FMA>(x)),
        kind => map!(to, x => kind.apply(x)),
    }
}

/// Powers of what is not positive and finite, and powers that are not finite, one by one.
#[inline(always)]
fn powers_of_others(to: &mut [f64], x: Values<'_>, y: Values<'_>) {
    let at = |values: Values<'_>, i: usize| match values {
        Values::Each(values) => values[i],
        Values::All(value) => value,
        Values::Rows(rows, width) => rows[i / width],
    };
    let usual = |x: f64, y: f64| x > 0.0 && x < f64::INFINITY && y.abs() < f64::INFINITY;
    for (i, to) in to.iter_mut().enumerate() {
        let (x, y) = (at(x, i), at(y, i));
        if !usual(x, y) {
            *to = Binary::Pow.apply(x, y);
        }
    }
}

#[inline(always)]
fn truth(condition: bool) -> f64 {
    if condition { 1.0 } else { 0.0 }
}

#[inline(always)]
fn binary_loop<const FMA: bool>(kind: Binary, to: &mut [f64], x: Values<'_>, y: Values<'_>) {
    match kind {
        Binary::Add => map_rows!(to, x, y => x + y),
        Binary::Sub => map_rows!(to, x, y => x - y),
        Binary::Mul => map_rows!(to, x, y => x * y),
        Binary::ZeroMul => map!(to, x, y => if x == 0.0 { 0.0 } else { x * y }),
        Binary::Div => map!(to, x, y => x / y),
        Binary::Min => map!(to, x, y => {
            let smaller = if x < y { x } else { y };
            if x.is_nan() { x } else { smaller }
        }),
        Binary::Max => map!(to, x, y => {
            let larger = if x > y { x } else { y };
            if x.is_nan() { x } else { larger }
        }),
        Binary::MultiplyLog => map!(to, x, y => {
            let product = x * math::log::<FMA>(y);
            if x == 0.0 && y == 0.0 { 0.0 } else { product }
        }),
        Binary::LogAddExp => map!(to, x, y => math::log_add_exp::<FMA>(x, y)),
        Binary::Less => map!(to, x, y => truth(x < y)),
        Binary::LessEqual => map!(to, x, y => truth(x <= y)),
        Binary::Equal => map!(to, x, y => truth(x == y)),
        Binary::Pow => {
            map!(to, x, y => math::pow::<FMA>(x, y));
            powers_of_others(to, x, y);
        }
        kind @ Binary::Atan2 => map!(to, x, y => kind.apply(x, y)),
    }
}

#[inline(always)]
fn select_loop<const FMA: bool>(
    to: &mut [f64],
    condition: &[f64],
    if_true: Values<'_>,
    if_false: Values<'_>,
) {
    match (if_true, if_false) {
        (Values::Each(t), Values::Each(f)) => {
            for (((to, c), t), f) in to.iter_mut().zip(condition).zip(t).zip(f) {
                *to = if *c != 0.0 { *t } else { *f };
            }
        }
        (Values::Each(t), Values::All(f)) => {
            for ((to, c), t) in to.iter_mut().zip(condition).zip(t) {
                *to = if *c != 0.0 { *t } else { f };
            }
        }
        (Values::All(t), Values::Each(f)) => {
            for ((to, c), f) in to.iter_mut().zip(condition).zip(f) {
                *to = if *c != 0.0 { t } else { *f };
            }
        }
        (Values::All(t), Values::All(f)) => {
            for (to, c) in to.iter_mut().zip(condition) {
                *to = if *c != 0.0 { t } else { f };
            }
        }
        (Values::Rows(..), _) | (_, Values::Rows(..)) => unreachable!("rows have been repeated"),
    }
}
