//! The records of a database: what it says of a posterior, of a model and of data.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// The record of a posterior.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// The name of its model.
    pub model_name: String,
    /// The name of its data.
    pub data_name: String,
    /// The name of its reference draws, where the record names some. A checkout need not have them.
    #[serde(default)]
    pub reference_posterior_name: Option<String>,
    /// Words that it can be found by.
    #[serde(default, deserialize_with = "words")]
    pub keywords: Vec<String>,
    /// The sizes of the quantities that describe it, on the model's scale; `None` if the record has none.
    #[serde(default)]
    pub dimensions: Option<BTreeMap<String, Sizes>>,
}

/// The sizes of one quantity, as a record writes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Sizes {
    /// A scalar or a vector.
    One(usize),
    /// A matrix or an array.
    Several(Vec<usize>),
}

impl Sizes {
    /// The number of its entries.
    pub fn count(&self) -> usize {
        match self {
            Sizes::One(size) => *size,
            Sizes::Several(sizes) => sizes.iter().product(),
        }
    }
}

impl Entry {
    /// The number of entries of the quantities that describe the posterior. It is near the number of its parameters, but may count
    /// transformed ones instead, and constrained ones with all their entries.
    pub fn dimension(&self) -> Option<usize> {
        let dimensions = self.dimensions.as_ref()?;
        Some(dimensions.values().map(Sizes::count).sum())
    }
}

/// What a database says in words of a model or of data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// In a line.
    pub title: Option<String>,
    /// At length.
    pub description: Option<String>,
}

/// The record of a model.
#[derive(Deserialize)]
pub(crate) struct ModelRecord {
    #[serde(flatten)]
    pub info: Info,
    pub model_implementations: Implementations,
}

/// The languages that a model is there in.
#[derive(Deserialize)]
pub(crate) struct Implementations {
    #[serde(default)]
    pub stan: Option<Implementation>,
}

#[derive(Deserialize)]
pub(crate) struct Implementation {
    /// The file, below the folder of the database.
    pub model_code: String,
}

/// The record of data.
#[derive(Deserialize)]
pub(crate) struct DataRecord {
    #[serde(flatten)]
    pub info: Info,
    /// The file, below the folder of the database, without the `.zip` that may have been added.
    pub data_file: String,
}

/// Words as the records have them: a list, a single text, or nothing.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        List(Vec<String>),
        One(String),
    }
    Ok(match Option::<Written>::deserialize(deserializer)? {
        None => Vec::new(),
        Some(Written::One(word)) => vec![word],
        Some(Written::List(words)) => words,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(rest: &str) -> Entry {
        let text = format!(r#"{{"name": "n", "model_name": "m", "data_name": "d"{rest}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_dimension_counts_the_entries_of_every_quantity() {
        let sizes = entry(r#", "dimensions": {"mu": 1, "theta": 8, "A": [3, 2]}"#);
        assert_eq!(sizes.dimension(), Some(1 + 8 + 6));
        assert_eq!(entry("").dimension(), None);
    }

    #[test]
    fn keywords_may_be_a_list_one_text_or_missing() {
        assert_eq!(entry(r#", "keywords": ["a", "b"]"#).keywords, ["a", "b"]);
        assert_eq!(entry(r#", "keywords": "a b""#).keywords, ["a b"]);
        assert!(entry(r#", "keywords": null"#).keywords.is_empty());
        assert!(entry("").keywords.is_empty());
    }
}
