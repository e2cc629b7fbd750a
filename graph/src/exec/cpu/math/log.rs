use super::exp::exp_of_nonpositive;
use super::{LN2_HIGH, LN2_LOW, exp, expm1, fma, polynomial};

/// Two numbers whose sum is log(u) + c, for positive finite u and a correction c that is small beside the rounding of u:
/// the argument's exponent and a fraction within [1/sqrt(2), sqrt(2)], then the series of fdlibm's `log` (Sun
/// Microsystems 1993). The first is the larger and exact.
#[inline(always)]
fn exponent_and_series<const FMA: bool>(u: f64, correction: f64) -> (f64, f64) {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    const ONE: u64 = 0x3ff0_0000_0000_0000;
    let subnormal = u < f64::MIN_POSITIVE;
    let scaled = if subnormal {
        u * 18_014_398_509_481_984.0
    } else {
        u
    };
    let lost = if subnormal { 54.0 } else { 0.0 };
    let bits = scaled.to_bits();
    // The exponent k, raised by 1023 so that it is not negative; as a number by way of the low bits of 2^52.
    let raised = bits.wrapping_sub(SQRT_HALF).wrapping_add(ONE) >> 52;
    let fraction = f64::from_bits(bits.wrapping_sub(raised << 52).wrapping_add(ONE));
    let k =
        f64::from_bits(raised | 0x4330_0000_0000_0000) - 4_503_599_627_370_496.0 - 1023.0 - lost;
    let f = fraction - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let series = z * polynomial::<FMA, 7>(
        z,
        [
            1.479_819_860_511_658_6e-1,
            1.531_383_769_920_937_3e-1,
            1.818_357_216_161_805e-1,
            2.222_219_843_214_978_4e-1,
            2.857_142_874_366_239e-1,
            3.999_999_999_940_942e-1,
            6.666_666_666_666_735e-1,
        ],
    );
    let half_square = 0.5 * f * f;
    let low = fma::<FMA>(s, half_square + series, fma::<FMA>(k, LN2_LOW, correction));
    (k * LN2_HIGH, f - (half_square - low))
}

/// log(u) + c, as above.
#[inline(always)]
fn log_with_correction<const FMA: bool>(u: f64, correction: f64) -> f64 {
    let (high, low) = exponent_and_series::<FMA>(u, correction);
    high + low
}

/// log(x) for positive finite x, and what its rounding lost.
#[inline(always)]
pub(super) fn log_in_parts<const FMA: bool>(x: f64) -> (f64, f64) {
    let (high, low) = exponent_and_series::<FMA>(x, 0.0);
    let sum = high + low;
    (sum, (high - sum) + low)
}

#[inline(always)]
pub(in crate::exec::cpu) fn log<const FMA: bool>(x: f64) -> f64 {
    let result = log_with_correction::<FMA>(x, 0.0);
    // Infinity and NaN are their own logarithm.
    let result = if x < f64::INFINITY { result } else { x };
    let result = if x == 0.0 { f64::NEG_INFINITY } else { result };
    if x < 0.0 { f64::NAN } else { result }
}

#[inline(always)]
pub(in crate::exec::cpu) fn log1p<const FMA: bool>(x: f64) -> f64 {
    let u = 1.0 + x;
    // What the rounding of 1 + x lost, whichever of the two is larger.
    let large = if x > 1.0 { x } else { 1.0 };
    let small = if x > 1.0 { 1.0 } else { x };
    let lost = small - (u - large);
    let result = log_with_correction::<FMA>(u, lost / u);
    let result = if u < f64::INFINITY { result } else { u };
    let result = if x == 0.0 { x } else { result };
    let result = if x == -1.0 { f64::NEG_INFINITY } else { result };
    if x < -1.0 { f64::NAN } else { result }
}

/// log(1 + e) for e within [0, 1]: twice the inverse hyperbolic tangent of s = e / (2 + e), by Chebyshev's approximation
/// of (atanh(s) / s - 1) / s^2 in s^2, off by 4.5e-17.
#[inline(always)]
fn log1p_of_unit<const FMA: bool>(e: f64) -> f64 {
    let s = e / (2.0 + e);
    let square = s * s;
    let series = polynomial::<FMA, 10>(
        square,
        [
            8.082_022_805_971_766e-2,
            4.400_369_243_072_337e-2,
            6.000_536_404_795_356e-2,
            6.657_072_104_827_468e-2,
            7.692_785_032_479_312e-2,
            9.090_894_718_066_429e-2,
            1.111_111_135_871_393_2e-1,
            1.428_571_428_355_438e-1,
            2.000_000_000_000_729_2e-1,
            3.333_333_333_333_333e-1,
        ],
    );
    let double = s + s;
    fma::<FMA>(double * square, series, double)
}

/// log(1 + exp(x)), to one unit of the larger of the result and 1e-307.
#[inline(always)]
pub(in crate::exec::cpu) fn log1p_exp<const FMA: bool>(x: f64) -> f64 {
    let positive = if x < 0.0 { 0.0 } else { x };
    positive + log1p_of_unit::<FMA>(exp_of_nonpositive::<FMA>(-x.abs()))
}

/// log(1 - exp(x)) for x <= 0
#[inline(always)]
pub(in crate::exec::cpu) fn log1m_exp<const FMA: bool>(x: f64) -> f64 {
    let near = log::<FMA>(-expm1::<FMA>(x));
    let far = log1p::<FMA>(-exp::<FMA>(x));
    if x > -std::f64::consts::LN_2 {
        near
    } else {
        far
    }
}

/// log(exp(x) + exp(y))
#[inline(always)]
pub(in crate::exec::cpu) fn log_add_exp<const FMA: bool>(x: f64, y: f64) -> f64 {
    let larger = if x > y { x } else { y };
    // Equal infinities differ by NaN; their sum is themselves.
    let difference = if x == y { 0.0 } else { -(x - y).abs() };
    let result = larger + log1p_of_unit::<FMA>(exp_of_nonpositive::<FMA>(difference));
    if x.is_nan() || y.is_nan() {
        f64::NAN
    } else {
        result
    }
}
