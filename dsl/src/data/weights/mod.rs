//! Weights of networks from files, whose tensors have the names that the network gives to its own.

mod numbers;
mod pickle;
mod pytorch;
mod safetensors;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use firebrand_core::network::WeightTensor;

use super::Reference;

/// Missing tensors that a message names.
const MOST_NAMES: usize = 3;

/// The tensors of a file, in whichever form it has them.
trait Tensors {
    /// The names of all of them.
    fn names(&self) -> Vec<&str>;

    /// The sizes of the axes of one of them.
    fn shape(&self, name: &str) -> Option<Vec<usize>>;

    /// Its numbers, row-major.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence that goes on after its name.
    fn numbers(&self, name: &str) -> Result<Vec<f64>, String>;
}

/// All weights of a network in their order, out of a file: safetensors, or what PyTorch's `torch.save` writes.
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
    let path = &reference.file;
    let file = path.display();
    let unreadable = |error: io::Error| format!("cannot read {file}: {error}");
    let head = head(path).map_err(unreadable)?;
    if pytorch::begins(&head) {
        return collect(reference, tensors, &pytorch::open(path, &head)?);
    }
    if safetensors::begins(&head) || path.extension().is_some_and(|e| e == "safetensors") {
        let bytes = std::fs::read(path).map_err(unreadable)?;
        return collect(reference, tensors, &safetensors::open(path, &bytes)?);
    }
    let what = match head.is_empty() {
        true => "is empty",
        false => "is neither a file of PyTorch's nor safetensors",
    };
    Err(format!(
        "{file} {what}: write the weights {}, or as safetensors",
        pytorch::REMEDY
    ))
}

/// The first bytes of a file, by which forms are told from each other: names say little, `.bin` least.
fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?
        .take(pytorch::HEAD)
        .read_to_end(&mut head)?;
    Ok(head)
}

/// The weights, tensor by tensor.
fn collect(
    reference: &Reference,
    tensors: &[WeightTensor],
    read: &impl Tensors,
) -> Result<Vec<f64>, String> {
    let file = reference.file.display();
    let mut there = read.names();
    there.sort_unstable();
    let mut weights = Vec::with_capacity(tensors.iter().map(WeightTensor::size).sum());
    let mut missing = Vec::new();
    for tensor in tensors {
        let name = match &reference.name {
            Some(before) => format!("{before}.{}", tensor.name),
            None => tensor.name.clone(),
        };
        let found = match named(&there, &name)[..] {
            [] => {
                missing.push(name);
                continue;
            }
            [only] => only,
            [first, second, ..] => {
                let before = first.strip_suffix(&tensor.name).unwrap_or(first);
                return Err(format!(
                    "{file} has several tensors `{name}`, such as `{first}` and `{second}`: say with `\"name\"` what comes before it, \
                     as `\"name\": \"{}\"` does",
                    before.trim_end_matches('.')
                ));
            }
        };
        let shape = read.shape(found).unwrap_or_default();
        if shape != tensor.shape {
            return Err(format!(
                "`{}` has the shape {shape:?} in {file}, but {:?} in the network",
                tensor.name, tensor.shape
            ));
        }
        let numbers = read.numbers(found);
        weights
            .extend(numbers.map_err(|problem| format!("`{}` in {file} {problem}", tensor.name))?);
    }
    if missing.is_empty() {
        return Ok(weights);
    }
    let more = match missing.len().saturating_sub(MOST_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    missing.truncate(MOST_NAMES);
    let has = match there.first() {
        None => "no tensors".into(),
        Some(first) => format!("{} tensors, such as `{first}`", there.len()),
    };
    Err(format!(
        "{file} has no tensor `{}`{more}; it has {has}",
        missing.join("`, `")
    ))
}

/// The tensor of this name, or else those whose names end with it.
fn named<'n>(names: &[&'n str], name: &str) -> Vec<&'n str> {
    if let Ok(found) = names.binary_search(&name) {
        return vec![names[found]];
    }
    let ending = format!(".{name}");
    let longer = names.iter().filter(|other| other.ends_with(&ending));
    longer.copied().collect()
}
