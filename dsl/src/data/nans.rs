//! Numbers in the data that are none.

use super::{Data, Entry, Numbers};

/// Arrays with more numbers are not searched: whoever asks waits.
const MOST_NUMBERS: usize = 1 << 27;

impl Data {
    /// The variables with NaN among their numbers, each in words: "`y[3]`, and 2 more of the 8 numbers of `y`".
    pub fn nans(&self) -> Vec<String> {
        let nans = |(name, entry): (&String, &Entry)| {
            if entry.count()? > MOST_NUMBERS {
                return None;
            }
            let (dims, Numbers::Reals(numbers)) = entry.numbers().ok()? else {
                return None;
            };
            let is_nan = |number: &f64| number.is_nan();
            let first = numbers.iter().position(is_nan)?;
            let place = format!("`{name}{}`", index(&dims, first));
            Some(match numbers.iter().filter(|x| is_nan(x)).count() - 1 {
                0 => place,
                more => format!(
                    "{place}, and {more} more of the {} numbers of `{name}`",
                    numbers.len()
                ),
            })
        };
        self.variables.iter().filter_map(nans).collect()
    }
}

/// Stan's index of a number, the last index fastest: nothing for a scalar.
fn index(dims: &[usize], position: usize) -> String {
    let mut rest = position;
    let mut indices: Vec<String> = Vec::with_capacity(dims.len());
    for size in dims.iter().rev() {
        indices.push((rest % size + 1).to_string());
        rest /= size;
    }
    indices.reverse();
    match indices.is_empty() {
        true => String::new(),
        false => format!("[{}]", indices.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nans_are_told_by_variable_with_the_place_of_the_first() {
        let text = r#"{"a": "NaN", "b": [1, 2.5], "c": [[1, 2, 3], [4, "NaN", "NaN"]], "n": 3}"#;
        let data = Data::from_json(text).unwrap();
        let expected = ["`a`", "`c[2, 2]`, and 1 more of the 6 numbers of `c`"];
        assert_eq!(data.nans(), expected);
    }
}
