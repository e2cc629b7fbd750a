use super::{LN2_HIGH, LN2_LOW, fma, polynomial};

/// 1.5 * 2^52: added to a small number, it leaves the nearest integer in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// 2^k for an integer k of -1022 to 1023.
#[inline(always)]
fn power_of_two(k: f64) -> f64 {
    f64::from_bits((k + ROUND).to_bits().wrapping_add(1023) << 52)
}

/// The integer k nearest to x / log 2, and x - k log 2.
#[inline(always)]
fn reduce<const FMA: bool>(x: f64) -> (f64, f64) {
    let k = fma::<FMA>(x, std::f64::consts::LOG2_E, ROUND) - ROUND;
    let r = fma::<FMA>(-k, LN2_HIGH, x);
    (k, fma::<FMA>(-k, LN2_LOW, r))
}

/// (exp(r) - 1 - r) / r^2 for |r| <= log(2) / 2: Chebyshev's approximation, off by 1.1e-16.
#[inline(always)]
fn tail<const FMA: bool>(r: f64) -> f64 {
    polynomial::<FMA, 10>(
        r,
        [
            2.510_037_611_136_142e-8,
            2.762_007_624_252_725_4e-7,
            2.755_726_847_972_400_4e-6,
            2.480_152_132_160_664_7e-5,
            1.984_126_986_304_092_2e-4,
            1.388_888_891_719_720_9e-3,
            8.333_333_333_330_065e-3,
            4.166_666_666_662_416_4e-2,
            1.666_666_666_666_666_9e-1,
            5.000_000_000_000_001e-1,
        ],
    )
}

#[inline(always)]
fn clamp(x: f64, low: f64, high: f64) -> f64 {
    // Comparisons that are false for NaN let it through.
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

#[inline(always)]
pub(in crate::exec::cpu) fn exp<const FMA: bool>(x: f64) -> f64 {
    let (k, r) = reduce::<FMA>(clamp(x, -746.0, 710.0));
    let p = 1.0 + fma::<FMA>(r * r, tail::<FMA>(r), r);
    // In two factors, because 2^k itself can be out of range where the result is not.
    let half = fma::<FMA>(k, 0.5, ROUND) - ROUND;
    p * power_of_two(half) * power_of_two(k - half)
}

#[inline(always)]
pub(in crate::exec::cpu) fn expm1<const FMA: bool>(x: f64) -> f64 {
    let (k, r) = reduce::<FMA>(clamp(x, -60.0, 710.0));
    let p = fma::<FMA>(r * r, tail::<FMA>(r), r);
    // 2^k (1 + p) - 1; the last factor of two apart, because 2^1024 is out of range.
    let scale = power_of_two(k - 1.0);
    let result = 2.0 * (fma::<FMA>(scale, p, scale) - 0.5);
    let exact = 2.0 * fma::<FMA>(scale, p, scale - 0.5);
    // For large k, subtracting 1 last is what rounds once.
    let result = if k > 52.0 { result } else { exact };
    // Zero keeps its sign, and half of a subnormal number is not lost.
    if x.abs() < 1e-300 { x } else { result }
}

/// exp(x) for x <= 0, and 0 below 1e-307; anything for NaN.
#[inline(always)]
pub(super) fn exp_of_nonpositive<const FMA: bool>(x: f64) -> f64 {
    const LOWEST: f64 = -707.0;
    let (k, r) = reduce::<FMA>(if x < LOWEST { LOWEST } else { x });
    let p = 1.0 + fma::<FMA>(r * r, tail::<FMA>(r), r);
    // 2^k is in range, and so is the product: k goes into the exponent.
    let result = f64::from_bits(p.to_bits().wrapping_add((k + ROUND).to_bits() << 52));
    if x < LOWEST { 0.0 } else { result }
}

#[inline(always)]
pub(in crate::exec::cpu) fn sigmoid<const FMA: bool>(x: f64) -> f64 {
    let e = exp_of_nonpositive::<FMA>(-x.abs());
    let numerator = if x < 0.0 { e } else { 1.0 };
    let result = numerator / (1.0 + e);
    if x.is_nan() { x } else { result }
}

#[inline(always)]
pub(in crate::exec::cpu) fn tanh<const FMA: bool>(x: f64) -> f64 {
    let e = expm1::<FMA>(-2.0 * x.abs());
    let result = -e / (2.0 + e);
    result.copysign(x)
}
