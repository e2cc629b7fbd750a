//! Options of plugins: one declaration gives the serde type, its defaults, and the schema that help and errors show.
//!
//! ```
//! firebrand_core::options! {
//!     /// Options of `bam`.
//!     pub struct BamOptions {
//!         /// Draws per step.
//!         batch: usize = 32,
//!         /// Strength of each step; by default `batch * dimension`.
//!         strength: Option<f64> = None,
//!     }
//! }
//! use firebrand_core::Options;
//! assert_eq!(BamOptions::parse("bam", "(batch: 8)")?, BamOptions { batch: 8, strength: None });
//! # Ok::<(), firebrand_core::OptionsError>(())
//! ```

use std::fmt::{self, Display};

use ron::extensions::Extensions;
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use crate::suggest::nearest;

/// One option, as help shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OptionField {
    /// Its name.
    pub name: &'static str,
    /// Its type, as in Rust.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its default, in RON.
    pub default: String,
    /// What it does.
    pub doc: String,
}

/// Name, default and type, in a line: `batch = 32 (a whole number)`.
impl Display for OptionField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} ({})", self.name, self.default, self.takes())
    }
}

impl OptionField {
    /// What is to be given, in words: "a whole number" where Rust has `usize`.
    pub fn takes(&self) -> String {
        in_words(self.kind)
    }
}

/// A type's name for who does not write Rust; a name of the plugin's own, such as that of an enumeration, is left as it is.
fn in_words(kind: &str) -> String {
    let kind = kind.trim();
    let inside = |outer: &str| -> Option<&str> {
        let rest = kind.strip_prefix(outer)?.trim_start().strip_prefix('<')?;
        rest.strip_suffix('>')
    };
    if let Some(kind) = inside("Option") {
        return format!("{}, or None", in_words(kind));
    }
    if let Some(kind) = inside("Vec") {
        return format!("a list, of {} each", in_words(kind));
    }
    match kind {
        "usize" | "u64" | "u32" => "a whole number",
        "i64" | "i32" | "isize" => "an integer",
        "f64" | "f32" => "a number",
        "bool" => "true or false",
        "String" => "text",
        other => other,
    }
    .into()
}

/// The options of a plugin. Declare them with [`options!`](crate::options!).
pub trait Options: Default + Serialize + DeserializeOwned {
    /// Every option, in the order of its declaration.
    fn schema() -> Vec<OptionField>;

    /// Reads options for the plugin `owner` from RON, such as `(batch: 32)`; empty text means all defaults.
    fn parse(owner: &str, text: &str) -> Result<Self, OptionsError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::default());
        }
        dialect()
            .from_str(text)
            .map_err(|error| explain::<Self>(text, &error).into_error(owner, Self::schema()))
    }

    /// All options, defaults included, as RON on one line.
    fn to_ron(&self) -> String {
        dialect()
            .to_string(self)
            .unwrap_or_else(|error| format!("/* {error} */"))
    }
}

/// A plugin without options.
impl Options for () {
    fn schema() -> Vec<OptionField> {
        vec![]
    }

    fn parse(owner: &str, text: &str) -> Result<Self, OptionsError> {
        match text.trim() {
            "" | "()" => Ok(()),
            _ => Err(Reason::Invalid("it takes no options".into()).into_error(owner, vec![])),
        }
    }

    fn to_ron(&self) -> String {
        "()".into()
    }
}

/// Options that could not be read: what is wrong, and which are right.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("options of `{owner}`: {reason}{}", list(.schema))]
pub struct OptionsError {
    /// The plugin.
    pub owner: String,
    /// What is wrong, in a sentence.
    pub reason: String,
    /// The right options.
    pub schema: Vec<OptionField>,
}

impl OptionsError {
    /// An option whose value has the right type but cannot be used, such as a batch of zero draws.
    pub fn invalid<O: Options>(owner: &str, reason: impl Into<String>) -> Self {
        Reason::Invalid(reason.into()).into_error(owner, O::schema())
    }
}

/// The options with types, defaults and documentation, one a line.
fn list(schema: &[OptionField]) -> String {
    if schema.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = schema
        .iter()
        .map(|o| format!("\n  {o}  {}", o.doc))
        .collect();
    format!("\nits options are:{}", lines.concat())
}

enum Reason {
    Unknown {
        found: String,
        suggestion: Option<&'static str>,
    },
    Mistyped {
        name: String,
        expected: String,
        because: String,
    },
    Invalid(String),
}

impl Reason {
    fn into_error(self, owner: &str, schema: Vec<OptionField>) -> OptionsError {
        let reason = match self {
            Reason::Unknown {
                found,
                suggestion: None,
            } => format!("there is no option `{found}`"),
            Reason::Unknown {
                found,
                suggestion: Some(name),
            } => {
                format!("there is no option `{found}`; did you mean `{name}`?")
            }
            Reason::Mistyped {
                name,
                expected,
                because,
            } => {
                format!("`{name}` takes {expected}: {because}")
            }
            Reason::Invalid(reason) => reason,
        };
        OptionsError {
            owner: owner.into(),
            reason,
            schema,
        }
    }
}

/// RON in which an optional value needs no `Some(..)`.
fn dialect() -> ron::Options {
    ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME)
}

/// Finds which option is at fault: the first that has no such name, or that does not parse on its own.
fn explain<O: Options>(text: &str, error: &ron::error::SpannedError) -> Reason {
    let schema = O::schema();
    if let ron::Error::NoSuchStructField { found, .. } = &error.code {
        return Reason::Unknown {
            found: found.clone(),
            suggestion: nearest(found, schema.iter().map(|option| option.name)),
        };
    }
    if let ron::Error::NoSuchEnumVariant {
        expected, found, ..
    } = &error.code
    {
        return Reason::Invalid(format!(
            "there is no `{found}`: it can be {}",
            expected.join(", ")
        ));
    }
    if let Ok(ron::Value::Map(map)) = dialect().from_str::<ron::Value>(text) {
        for (key, value) in map.iter() {
            let ron::Value::String(name) = key else {
                continue;
            };
            let Some(option) = schema.iter().find(|option| option.name == name) else {
                continue;
            };
            let Ok(value) = dialect().to_string(value) else {
                continue;
            };
            if let Err(error) = dialect().from_str::<O>(&format!("({name}: {value})")) {
                return Reason::Mistyped {
                    name: name.clone(),
                    expected: option.takes(),
                    because: lower_first(&error.code.to_string()),
                };
            }
        }
    }
    Reason::Invalid(format!(
        "`{text}` is not readable: {}",
        lower_first(&error.to_string())
    ))
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

/// The default value of every option, in RON.
#[doc(hidden)]
pub fn ron_of<T: Serialize>(value: &T) -> String {
    dialect().to_string(value).unwrap_or_default()
}

/// Declares the options of a plugin: a struct whose fields have documentation and defaults.
///
/// It derives `Clone`, `Debug`, `PartialEq`, `Serialize` and `Deserialize` (unknown fields are refused, absent ones take
/// their defaults), and implements `Default` and [`Options`](crate::Options). Crates that use it need serde as a
/// dependency.
#[macro_export]
macro_rules! options {
    (
        $(#[$outer:meta])*
        $visibility:vis struct $name:ident {
            $( $(#[doc = $doc:literal])+ $field:ident : $kind:ty = $default:expr ),* $(,)?
        }
    ) => {
        $(#[$outer])*
        #[derive(Clone, Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        $visibility struct $name {
            $( $(#[doc = $doc])+ pub $field: $kind ),*
        }

        impl ::std::default::Default for $name {
            fn default() -> Self {
                $name { $( $field: $default ),* }
            }
        }

        impl $crate::Options for $name {
            fn schema() -> ::std::vec::Vec<$crate::OptionField> {
                let defaults = $name::default();
                ::std::vec![$(
                    $crate::OptionField {
                        name: stringify!($field),
                        kind: stringify!($kind),
                        default: $crate::__ron_of(&defaults.$field),
                        doc: [$($doc),+].map(str::trim).join(" "),
                    }
                ),*]
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::options! {
        /// For these tests.
        struct Example {
            /// Draws per step.
            batch: usize = 32,
            /// Strength, on two
            /// lines.
            strength: Option<f64> = None,
            /// The schedule.
            schedule: String = "constant".into(),
        }
    }

    fn reason(text: &str) -> String {
        Example::parse("bam", text).unwrap_err().reason
    }

    #[test]
    fn what_is_left_out_takes_its_default() {
        assert_eq!(Example::parse("bam", "").unwrap(), Example::default());
        let strong = Example {
            strength: Some(2.5),
            ..Example::default()
        };
        assert_eq!(Example::parse("bam", "(strength: 2.5)").unwrap(), strong);
    }

    #[test]
    fn options_survive_being_written_and_read() {
        let options = Example {
            batch: 3,
            strength: Some(1e-300),
            schedule: "a\"b".into(),
        };
        assert_eq!(Example::parse("bam", &options.to_ron()).unwrap(), options);
    }

    #[test]
    fn an_unknown_option_is_named_with_the_nearest() {
        assert_eq!(
            reason("(bacth: 3)"),
            "there is no option `bacth`; did you mean `batch`?"
        );
        assert_eq!(reason("(quux: 3)"), "there is no option `quux`");
    }

    #[test]
    fn a_mistyped_option_is_named_with_its_type() {
        assert!(
            reason("(strength: 1.0, batch: \"many\")")
                .starts_with("`batch` takes a whole number: ")
        );
        assert!(reason("(batch: -3)").starts_with("`batch` takes a whole number: "));
    }

    #[test]
    fn types_are_told_in_words() {
        assert_eq!(
            in_words("Option < Vec < usize > >"),
            "a list, of a whole number each, or None"
        );
        assert_eq!(in_words("Vec<f64>"), "a list, of a number each");
        assert_eq!(in_words("Activation"), "Activation");
    }

    #[test]
    fn text_that_is_not_ron_is_shown() {
        assert!(reason("(batch: ").starts_with("`(batch:` is not readable: "));
    }

    #[test]
    fn an_error_lists_the_right_options_with_types_defaults_and_documentation() {
        let message = Example::parse("bam", "(quux: 3)").unwrap_err().to_string();
        assert_eq!(
            message,
            "options of `bam`: there is no option `quux`\n\
             its options are:\n  \
             batch = 32 (a whole number)  Draws per step.\n  \
             strength = None (a number, or None)  Strength, on two lines.\n  \
             schedule = \"constant\" (text)  The schedule."
        );
    }
}
