//! Which plugins there are, and how a plugin and its options are chosen by name: `bam(batch: 32)`.
//!
//! A crate registers what it has with `inventory`:
//!
//! ```ignore
//! impl Plugin for Bam {
//!     type Options = BamOptions;
//!     const NAME: &'static str = "bam";
//!     const DOC: &'static str = "Batch and match: ...";
//!     fn new(options: BamOptions) -> Result<Self, OptionsError> { Ok(Bam { options }) }
//! }
//! inventory::submit! { InferencePlugin::of::<Bam>() }
//! ```

use thiserror::Error;

use crate::family::Family;
use crate::inference::Inference;
use crate::options::{OptionField, Options, OptionsError};
use crate::source::TargetSource;
use crate::suggest::nearest;

/// A family, an algorithm or a source of targets that can be made from options.
pub trait Plugin: Sized + 'static {
    /// Its options; `()` if it has none.
    type Options: Options;
    /// The name it is chosen by, in lower case with hyphens.
    const NAME: &'static str;
    /// What it is, on one line.
    const DOC: &'static str;
    /// Makes it.
    ///
    /// # Errors
    /// If the options cannot be used together; see [`OptionsError::invalid`].
    fn new(options: Self::Options) -> Result<Self, OptionsError>;
}

/// A plugin with the options it was made from.
pub struct Chosen<T: ?Sized> {
    /// The name it is registered under.
    pub name: &'static str,
    /// All of its options, defaults included, in RON.
    pub options: String,
    /// The plugin.
    pub plugin: Box<T>,
}

/// A registered plugin, of the kind that `T` says.
pub struct Registered<T: ?Sized + 'static> {
    /// The name it is chosen by.
    pub name: &'static str,
    /// What it is, on one line.
    pub doc: &'static str,
    /// The crate that it comes from.
    pub source: &'static str,
    schema: fn() -> Vec<OptionField>,
    build: fn(&str) -> Result<Chosen<T>, OptionsError>,
}

/// A registered family.
pub type FamilyPlugin = Registered<dyn Family>;

/// A registered inference algorithm.
pub type InferencePlugin = Registered<dyn Inference>;

/// A registered source of targets.
pub type SourcePlugin = Registered<dyn TargetSource>;

inventory::collect!(FamilyPlugin);
inventory::collect!(InferencePlugin);
inventory::collect!(SourcePlugin);

impl<T: ?Sized> Registered<T> {
    /// Its options.
    pub fn schema(&self) -> Vec<OptionField> {
        (self.schema)()
    }

    /// Makes it from options in RON; empty text means all defaults.
    pub fn build(&self, options: &str) -> Result<Chosen<T>, OptionsError> {
        (self.build)(options)
    }
}

impl FamilyPlugin {
    /// The entry of a family that is linked into this program.
    pub const fn of<P: Plugin + Family>() -> Self {
        Registered {
            name: P::NAME,
            doc: P::DOC,
            source: "linked",
            schema: P::Options::schema,
            build: |text| make::<P, dyn Family>(text, |plugin| Box::new(plugin)),
        }
    }
}

impl InferencePlugin {
    /// The entry of an algorithm that is linked into this program.
    pub const fn of<P: Plugin + Inference>() -> Self {
        Registered {
            name: P::NAME,
            doc: P::DOC,
            source: "linked",
            schema: P::Options::schema,
            build: |text| make::<P, dyn Inference>(text, |plugin| Box::new(plugin)),
        }
    }
}

impl SourcePlugin {
    /// The entry of a source of targets that is linked into this program.
    pub const fn of<P: Plugin + TargetSource>() -> Self {
        Registered {
            name: P::NAME,
            doc: P::DOC,
            source: "linked",
            schema: P::Options::schema,
            build: |text| make::<P, dyn TargetSource>(text, |plugin| Box::new(plugin)),
        }
    }
}

fn make<P: Plugin, T: ?Sized>(
    text: &str,
    erase: fn(P) -> Box<T>,
) -> Result<Chosen<T>, OptionsError> {
    let options = P::Options::parse(P::NAME, text)?;
    let effective = options.to_ron();
    Ok(Chosen {
        name: P::NAME,
        options: effective,
        plugin: erase(P::new(options)?),
    })
}

/// Why no plugin could be chosen.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ChoiceError {
    /// There is no plugin of that name.
    #[error("there is no {kind} `{name}`{}; there are: {}", did_you_mean(.suggestion), .available.join(", "))]
    Unknown {
        /// "family", "inference algorithm" or "source of targets".
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// The nearest name there is.
        suggestion: Option<&'static str>,
        /// All names there are.
        available: Vec<&'static str>,
    },
    /// Its options are wrong.
    #[error(transparent)]
    Options(#[from] OptionsError),
}

fn did_you_mean(suggestion: &Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}

/// All registered families, by name.
pub fn families() -> Vec<&'static FamilyPlugin> {
    let mut all: Vec<_> = inventory::iter::<FamilyPlugin>().collect();
    all.sort_by_key(|plugin| plugin.name);
    all
}

/// All registered inference algorithms, by name.
pub fn inferences() -> Vec<&'static InferencePlugin> {
    let mut all: Vec<_> = inventory::iter::<InferencePlugin>().collect();
    all.sort_by_key(|plugin| plugin.name);
    all
}

/// All registered sources of targets, by name.
pub fn sources() -> Vec<&'static SourcePlugin> {
    let mut all: Vec<_> = inventory::iter::<SourcePlugin>().collect();
    all.sort_by_key(|plugin| plugin.name);
    all
}

/// The family that text such as `full-rank` or `mixture(components: 3)` names.
pub fn family(text: &str) -> Result<Chosen<dyn Family>, ChoiceError> {
    choose("family", text, &families())
}

/// The algorithm that text such as `advi` or `bam(batch: 32)` names.
pub fn inference(text: &str) -> Result<Chosen<dyn Inference>, ChoiceError> {
    choose("inference algorithm", text, &inferences())
}

/// The source of targets that text such as `posteriordb(path: "db")` names.
pub fn source(text: &str) -> Result<Chosen<dyn TargetSource>, ChoiceError> {
    choose("source of targets", text, &sources())
}

fn choose<T: ?Sized>(
    kind: &'static str,
    text: &str,
    plugins: &[&'static Registered<T>],
) -> Result<Chosen<T>, ChoiceError> {
    let text = text.trim();
    let (name, options) = text.split_at(text.find('(').unwrap_or(text.len()));
    let name = name.trim_end();
    match plugins.iter().find(|plugin| plugin.name == name) {
        Some(plugin) => Ok(plugin.build(options)?),
        None => Err(ChoiceError::Unknown {
            kind,
            name: name.into(),
            suggestion: nearest(name, plugins.iter().map(|plugin| plugin.name)),
            available: plugins.iter().map(|plugin| plugin.name).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NudgeOptions;

    #[test]
    fn a_plugin_is_chosen_by_name_with_options_inline() {
        let chosen = inference("nudge(draws: 3)").unwrap();
        assert_eq!(chosen.name, "nudge");
        let options = NudgeOptions {
            draws: 3,
            ..NudgeOptions::default()
        };
        assert_eq!(chosen.options, options.to_ron());
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_and_all() {
        let message = |text: &str| inference(text).err().unwrap().to_string();
        assert_eq!(
            message("nugde(draws: 3)"),
            "there is no inference algorithm `nugde` (did you mean `nudge`?); there are: nudge"
        );
        assert_eq!(
            message("hamiltonian"),
            "there is no inference algorithm `hamiltonian`; there are: nudge"
        );
    }

    #[test]
    fn options_that_cannot_be_used_are_refused_with_the_reason() {
        let error = inference("nudge(draws: 0)").err().unwrap();
        let start =
            "options of `nudge`: `draws` must be at least 1\nits options are:\n  draws: usize = 8";
        assert!(error.to_string().starts_with(start), "{error}");
    }
}
