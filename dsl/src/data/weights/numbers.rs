//! Numbers as the bytes of files have them, in 16, 32 or 64 bits.

/// Kinds of numbers that are read, for messages.
pub(super) const KINDS: &str = "F64, F32, F16 and BF16 can be read";

/// A kind of floating-point number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Precision {
    F64,
    F32,
    /// Five bits of exponent and ten of fraction.
    F16,
    /// The first half of an `F32`.
    BF16,
}

impl Precision {
    /// The numbers that these bytes are, the smallest byte of each first.
    pub fn numbers(self, bytes: &[u8]) -> Vec<f64> {
        let halves = || {
            let chunks = bytes.as_chunks::<2>().0.iter();
            chunks.copied().map(u16::from_le_bytes)
        };
        match self {
            Precision::F64 => {
                let chunks = bytes.as_chunks::<8>().0.iter();
                chunks.copied().map(f64::from_le_bytes).collect()
            }
            Precision::F32 => {
                let chunks = bytes.as_chunks::<4>().0.iter();
                chunks.map(|x| f64::from(f32::from_le_bytes(*x))).collect()
            }
            Precision::BF16 => {
                let single = |half: u16| f32::from_bits(u32::from(half) << 16);
                halves().map(|half| f64::from(single(half))).collect()
            }
            Precision::F16 => halves().map(half_precision).collect(),
        }
    }
}

/// A number of one bit of sign, five of exponent and ten of fraction.
fn half_precision(bits: u16) -> f64 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023) / 1024.0);
    sign * match exponent {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + fraction) * 2f64.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_has_its_known_numbers() {
        let known = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 2f64.powi(-24)),
            (0x3555, 0.333251953125),
            (0xfc00, f64::NEG_INFINITY),
        ];
        for (bits, number) in known {
            assert_eq!(half_precision(bits), number);
        }
        assert!(half_precision(0x7e00).is_nan());
    }
}
