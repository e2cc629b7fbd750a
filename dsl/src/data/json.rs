//! Stan's JSON, read straight into typed arrays.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Entry, Numbers, Reference};

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut reading = Reading::default();
        Element {
            reading: &mut reading,
            depth: 0,
        }
        .deserialize(deserializer)?;
        Ok(match (reading.other, reading.file) {
            (Some(other), _) => Entry::Other(other),
            (None, Some(reference)) => Entry::File(reference),
            (None, None) => Entry::Numbers {
                dims: reading.dims,
                numbers: reading.numbers,
            },
        })
    }
}

/// What has been read of one variable.
struct Reading {
    /// The length of the first array found at each depth.
    dims: Vec<usize>,
    numbers: Numbers,
    scalar_depth: Option<usize>,
    other: Option<String>,
    file: Option<Reference>,
}

impl Default for Reading {
    fn default() -> Self {
        Reading {
            dims: Vec::new(),
            numbers: Numbers::Ints(Vec::new()),
            scalar_depth: None,
            other: None,
            file: None,
        }
    }
}

impl Reading {
    fn int(&mut self, value: i64, depth: usize) {
        self.scalar_at(depth);
        match &mut self.numbers {
            Numbers::Ints(ints) => ints.push(value),
            Numbers::Reals(reals) => reals.push(value as f64),
        }
    }

    fn real(&mut self, value: f64, depth: usize) {
        self.scalar_at(depth);
        if let Numbers::Ints(ints) = &self.numbers {
            self.numbers = Numbers::Reals(ints.iter().map(|x| *x as f64).collect());
        }
        if let Numbers::Reals(reals) = &mut self.numbers {
            reals.push(value);
        }
    }

    fn scalar_at(&mut self, depth: usize) {
        if *self.scalar_depth.get_or_insert(depth) != depth {
            self.refuse("an array of numbers beside arrays".into());
        }
    }

    fn array(&mut self, length: usize, depth: usize) {
        match self.dims.get(depth) {
            Some(known) if *known != length => {
                self.refuse("an array whose rows differ in length".into())
            }
            Some(_) => {}
            None => self.dims.resize(depth + 1, length),
        }
    }

    fn refuse(&mut self, what: String) {
        self.other.get_or_insert(what);
    }
}

/// One JSON value at a depth of nesting.
struct Element<'a> {
    reading: &'a mut Reading,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a number or an array of numbers")
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.reading.int(value, self.depth);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.reading.int(value, self.depth),
            Err(_) => self.reading.real(value as f64, self.depth),
        }
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.reading.real(value, self.depth);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        match value {
            "NaN" => self.reading.real(f64::NAN, self.depth),
            "Inf" | "+Inf" | "Infinity" | "+Infinity" => {
                self.reading.real(f64::INFINITY, self.depth)
            }
            "-Inf" | "-Infinity" => self.reading.real(f64::NEG_INFINITY, self.depth),
            other => self.reading.refuse(format!("the text {other:?}")),
        }
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.reading.refuse(value.to_string());
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.reading.refuse("null".into());
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut file, mut name, mut other) = (None, None, None);
        while let Some(key) = map.next_key::<String>()? {
            match (key.as_str(), map.next_value::<serde_json::Value>()?) {
                ("file", serde_json::Value::String(value)) => file = Some(value),
                ("name", serde_json::Value::String(value)) => name = Some(value),
                _ => other = Some(key),
            }
        }
        match (file, other) {
            (Some(file), None) if self.depth == 0 => {
                let file = file.into();
                self.reading.file = Some(Reference { file, name });
            }
            (Some(_), Some(other)) => self.reading.refuse(format!(
                "an object with {other:?}; one that says where an array is has a \"file\" and a \"name\", both texts, and no more"
            )),
            _ => self.reading.refuse(
                "an object; only one that says where an array is, {\"file\": \"x.npz\", \"name\": \"x\"}, may stand in its place"
                    .into(),
            ),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        // The place of this axis must be known before those inside it are met.
        if self.reading.dims.len() <= self.depth {
            self.reading.dims.push(usize::MAX);
        }
        let mut length = 0;
        while seq
            .next_element_seed(Element {
                reading: self.reading,
                depth: self.depth + 1,
            })?
            .is_some()
        {
            length += 1;
        }
        if self.reading.dims[self.depth] == usize::MAX {
            self.reading.dims[self.depth] = length;
        } else {
            self.reading.array(length, self.depth);
        }
        Ok(())
    }
}
