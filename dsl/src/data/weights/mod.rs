//! Weights of networks from files, whose tensors have the names that the network gives to its own.

mod numbers;
mod pickle;
mod pytorch;
mod safetensors;

use std::collections::BTreeSet;
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
/// names `model`. Tensors that the network has not are ignored, but for those of modules that it has, or has fewer of.
///
/// # Errors
/// A sentence on a file that cannot be read, or lacks one of the tensors, or has it in another shape or with numbers that are not finite, or
/// that has those of a larger network.
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
    let (mut taken, mut prefixes) = (BTreeSet::new(), BTreeSet::new());
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
        let wrong = |problem: String| format!("`{}` in {file} {problem}", tensor.name);
        let numbers = read.numbers(found).map_err(wrong)?;
        if let Some(number) = numbers.iter().find(|number| !number.is_finite()) {
            return Err(wrong(format!(
                "has the number {number}, and no run can begin there"
            )));
        }
        weights.extend(numbers);
        taken.insert(found);
        prefixes.extend(found.strip_suffix(&*tensor.name));
    }
    if missing.is_empty() {
        let left = left_over(&there, &taken, &prefixes, tensors);
        if left.is_empty() {
            return Ok(weights);
        }
        return Err(format!(
            "{file} has {}, which the network has not, so it would be another one than the file's: declare it with as many layers, or write \
             a file without them",
            some_of(&left)
        ));
    }
    let has = match there.first() {
        None => "no tensors".into(),
        Some(first) => format!("{} tensors, such as `{first}`", there.len()),
    };
    Err(format!(
        "{file} has no tensor {}; it has {has}",
        some_of(&missing)
    ))
}

/// Names in a sentence, the first few of them.
fn some_of(names: &[impl AsRef<str>]) -> String {
    let first = names.iter().take(MOST_NAMES);
    let first: Vec<String> = first.map(|name| format!("`{}`", name.as_ref())).collect();
    let more = match names.len().saturating_sub(MOST_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    first.join(", ") + &more
}

/// The weights and biases of modules that are called as those of the network are, but for numbers, and that it has not: without them it
/// would be another network than that of the file.
fn left_over<'n>(
    there: &[&'n str],
    taken: &BTreeSet<&str>,
    prefixes: &BTreeSet<&str>,
    tensors: &[WeightTensor],
) -> Vec<&'n str> {
    let own: BTreeSet<String> = tensors
        .iter()
        .map(|tensor| without_numbers(module(&tensor.name)))
        .collect();
    let is_learned = |name: &str| name.ends_with("weight") || name.ends_with("bias");
    let is_like_own = |name: &str| {
        let within = prefixes
            .iter()
            .filter_map(|before| name.strip_prefix(before));
        within
            .map(module)
            .any(|module| own.contains(&without_numbers(module)))
    };
    let is_left = |name: &&&str| !taken.contains(**name) && is_learned(name) && is_like_own(name);
    there.iter().filter(is_left).copied().collect()
}

/// The path of the module that a tensor belongs to.
fn module(tensor: &str) -> &str {
    tensor.rsplit_once('.').map_or("", |(module, _)| module)
}

/// A path with the same sign for all numbers.
fn without_numbers(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for c in path.chars() {
        match c.is_ascii_digit() {
            false => text.push(c),
            true if text.ends_with('#') => {}
            true => text.push('#'),
        }
    }
    text
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
