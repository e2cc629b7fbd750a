use super::{exp, fma, log_in_parts};

/// x^y for positive finite x: the exponential of y log x, whose rounding is carried along.
#[inline(always)]
pub(in crate::exec::cpu) fn pow<const FMA: bool>(x: f64, y: f64) -> f64 {
    let (high, low) = log_in_parts::<FMA>(x);
    let exponent = y * high;
    // Without the instruction this part of the error is lost: some units in the last place for large exponents.
    let lost = if FMA {
        fma::<FMA>(y, high, -exponent)
    } else {
        0.0
    };
    let correction = fma::<FMA>(y, low, lost);
    let result = exp::<FMA>(exponent);
    // Not where the result is infinite or zero already.
    let corrected = fma::<FMA>(result, correction, result);
    if exponent.abs() < 700.0 {
        corrected
    } else {
        result
    }
}
