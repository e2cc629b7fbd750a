//! Weights of networks from files: safetensors, whose tensors have the names that the network gives to its own.

use firebrand_core::network::WeightTensor;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::Reference;

/// Missing tensors that a message names.
const MOST_NAMES: usize = 3;

/// All weights of a network in their order, out of a file.
///
/// A tensor may have a longer name in the file, `model.fc.weight` for `fc.weight`, if there is only one such, or the reference
/// names `model`. Tensors that the network has not are ignored.
///
/// # Errors
/// A sentence on a file that cannot be read, or lacks one of the tensors, or has it in another shape.
pub(crate) fn read_weights(
    reference: &Reference,
    tensors: &[WeightTensor],
) -> Result<Vec<f64>, String> {
    let file = reference.file.display();
    let bytes =
        std::fs::read(&reference.file).map_err(|error| format!("cannot read {file}: {error}"))?;
    if bytes.starts_with(b"PK") {
        return Err(format!(
            "{file} is a file of PyTorch's own; write it as safetensors, which takes one line of Python: \
             safetensors.torch.save_file(torch.load(\"{file}\", map_location=\"cpu\"), \"weights.safetensors\")"
        ));
    }
    let read = SafeTensors::deserialize(&bytes)
        .map_err(|error| format!("{file} is not readable as safetensors: {error}"))?;
    let mut weights = Vec::with_capacity(tensors.iter().map(WeightTensor::size).sum());
    let mut missing = Vec::new();
    for tensor in tensors {
        let name = match &reference.name {
            Some(before) => format!("{before}.{}", tensor.name),
            None => tensor.name.clone(),
        };
        let Some(found) = named(&read, &name) else {
            missing.push(name);
            continue;
        };
        if found.shape() != tensor.shape {
            return Err(format!(
                "`{}` has the shape {:?} in {file}, but {:?} in the network",
                tensor.name,
                found.shape(),
                tensor.shape
            ));
        }
        weights.extend(numbers(&found).ok_or_else(|| {
            let (name, dtype) = (&tensor.name, found.dtype());
            format!("`{name}` in {file} has numbers of the type {dtype:?}: F64, F32, F16 and BF16 can be read")
        })?);
    }
    if missing.is_empty() {
        return Ok(weights);
    }
    let more = match missing.len().saturating_sub(MOST_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    missing.truncate(MOST_NAMES);
    let there = read.names();
    Err(format!(
        "{file} has no tensor `{}`{more}; it has {} tensors, such as `{}`",
        missing.join("`, `"),
        there.len(),
        there.iter().min().map_or("", |name| name)
    ))
}

/// The tensor of this name, or the one whose name ends with it.
fn named<'d>(read: &SafeTensors<'d>, name: &str) -> Option<TensorView<'d>> {
    if let Ok(found) = read.tensor(name) {
        return Some(found);
    }
    let ending = format!(".{name}");
    let names = read.names();
    let mut longer = names.iter().filter(|other| other.ends_with(&ending));
    match (longer.next(), longer.next()) {
        (Some(only), None) => read.tensor(only).ok(),
        _ => None,
    }
}

/// The numbers of a tensor, row-major.
fn numbers(tensor: &TensorView<'_>) -> Option<Vec<f64>> {
    let data = tensor.data();
    let halves = || {
        data.as_chunks::<2>()
            .0
            .iter()
            .copied()
            .map(u16::from_le_bytes)
    };
    Some(match tensor.dtype() {
        Dtype::F64 => {
            let chunks = data.as_chunks::<8>().0.iter();
            chunks.copied().map(f64::from_le_bytes).collect()
        }
        Dtype::F32 => {
            let chunks = data.as_chunks::<4>().0.iter();
            chunks.map(|x| f64::from(f32::from_le_bytes(*x))).collect()
        }
        Dtype::BF16 => {
            let single = |half: u16| f32::from_bits(u32::from(half) << 16);
            halves().map(|half| f64::from(single(half))).collect()
        }
        Dtype::F16 => halves().map(half_precision).collect(),
        _ => return None,
    })
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
