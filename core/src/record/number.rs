//! Numbers in records: those that are not finite, for which JSON has no notation, as strings.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Writes a finite number as such, and any other as `"nan"`, `"inf"` or `"-inf"`.
pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() {
        value.serialize(serializer)
    } else if value.is_nan() {
        "nan".serialize(serializer)
    } else if *value > 0.0 {
        "inf".serialize(serializer)
    } else {
        "-inf".serialize(serializer)
    }
}

/// Reads what [`serialize`] writes.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Word(String),
    }
    match Written::deserialize(deserializer)? {
        Written::Number(value) => Ok(value),
        Written::Word(word) => word.parse().map_err(de::Error::custom),
    }
}
