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

use std::sync::{PoisonError, RwLock};

use thiserror::Error;

use crate::boundary::{self, Refusal};
use crate::family::Family;
use crate::inference::Inference;
use crate::network::Network;
pub use crate::options::OptionField;
use crate::options::{Options, OptionsError};
use crate::source::TargetSource;
use crate::suggest::nearest;
use crate::target::Target;

/// A family, an algorithm, a target, a source of targets or a network that can be made from options.
pub trait Plugin: Sized + 'static {
    /// Its options; `()` if it has none.
    type Options: Options;
    /// The name it is chosen by, in lower case with hyphens.
    const NAME: &'static str;
    /// What it is, on one line.
    const DOC: &'static str;
    /// Its version: `env!("CARGO_PKG_VERSION")` in a crate of its own. By default that of this crate, which all of this project have.
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
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
    /// Its version.
    pub version: &'static str,
    /// The file that it comes from, or "linked".
    pub source: &'static str,
    maker: Maker<T>,
}

/// How a plugin is made.
enum Maker<T: ?Sized> {
    Linked {
        schema: fn() -> Vec<OptionField>,
        build: fn(&str) -> Result<Chosen<T>, OptionsError>,
    },
    Loaded {
        schema: Vec<OptionField>,
        build: Box<Build<T>>,
    },
}

type Build<T> = dyn Fn(&str) -> Result<Chosen<T>, OptionsError> + Send + Sync;

/// A registered family.
pub type FamilyPlugin = Registered<dyn Family>;

/// A registered inference algorithm.
pub type InferencePlugin = Registered<dyn Inference>;

/// A registered target: a log density that is code, not a model.
pub type TargetPlugin = Registered<dyn Target>;

/// A registered source of targets.
pub type SourcePlugin = Registered<dyn TargetSource>;

/// A registered architecture of networks.
pub type NetworkPlugin = Registered<dyn Network>;

inventory::collect!(FamilyPlugin);
inventory::collect!(InferencePlugin);
inventory::collect!(TargetPlugin);
inventory::collect!(SourcePlugin);
inventory::collect!(NetworkPlugin);

/// A kind of plugin.
pub(crate) trait Kind: 'static {
    /// What it is called in messages.
    const NAME: &'static str;
    /// The plugins of this kind that came from libraries.
    fn loaded() -> &'static RwLock<Vec<&'static Registered<Self>>>;
}

macro_rules! kinds {
    ($($kind:ty, $name:literal);* $(;)?) => { $(
        impl Kind for $kind {
            const NAME: &'static str = $name;
            fn loaded() -> &'static RwLock<Vec<&'static Registered<Self>>> {
                static LOADED: RwLock<Vec<&'static Registered<$kind>>> = RwLock::new(Vec::new());
                &LOADED
            }
        }
    )* };
}

kinds! {
    dyn Family, "family";
    dyn Inference, "inference algorithm";
    dyn Target, "target";
    dyn TargetSource, "source of targets";
    dyn Network, "architecture of networks";
}

impl<T: ?Sized> Registered<T> {
    /// Its options.
    pub fn schema(&self) -> Vec<OptionField> {
        match &self.maker {
            Maker::Linked { schema, .. } => schema(),
            Maker::Loaded { schema, .. } => schema.clone(),
        }
    }

    /// Makes it from options in RON; empty text means all defaults.
    pub fn build(&self, options: &str) -> Result<Chosen<T>, OptionsError> {
        match &self.maker {
            Maker::Linked { build, .. } => build(options),
            Maker::Loaded { build, .. } => build(options),
        }
    }

    /// The entry of a plugin that a library brought.
    pub(crate) fn loaded(
        name: &'static str,
        doc: &'static str,
        version: &'static str,
        source: &'static str,
        schema: Vec<OptionField>,
        build: impl Fn(&str) -> Result<Chosen<T>, OptionsError> + Send + Sync + 'static,
    ) -> Self {
        Registered {
            name,
            doc,
            version,
            source,
            maker: Maker::Loaded {
                schema,
                build: Box::new(build),
            },
        }
    }

    const fn linked<P: Plugin>(build: fn(&str) -> Result<Chosen<T>, OptionsError>) -> Self {
        Registered {
            name: P::NAME,
            doc: P::DOC,
            version: P::VERSION,
            source: "linked",
            maker: Maker::Linked {
                schema: P::Options::schema,
                build,
            },
        }
    }
}

impl FamilyPlugin {
    /// The entry of a family that is linked into this program.
    pub const fn of<P: Plugin + Family>() -> Self {
        Self::linked::<P>(|text| make::<P, dyn Family>(text, |plugin| Box::new(plugin)))
    }
}

impl InferencePlugin {
    /// The entry of an algorithm that is linked into this program.
    pub const fn of<P: Plugin + Inference>() -> Self {
        Self::linked::<P>(|text| make::<P, dyn Inference>(text, |plugin| Box::new(plugin)))
    }
}

impl TargetPlugin {
    /// The entry of a target that is linked into this program.
    pub const fn of<P: Plugin + Target>() -> Self {
        Self::linked::<P>(|text| make::<P, dyn Target>(text, |plugin| Box::new(plugin)))
    }
}

impl SourcePlugin {
    /// The entry of a source of targets that is linked into this program.
    pub const fn of<P: Plugin + TargetSource>() -> Self {
        Self::linked::<P>(|text| make::<P, dyn TargetSource>(text, |plugin| Box::new(plugin)))
    }
}

impl NetworkPlugin {
    /// The entry of an architecture that is linked into this program.
    pub const fn of<P: Plugin + Network>() -> Self {
        Self::linked::<P>(|text| make::<P, dyn Network>(text, |plugin| Box::new(plugin)))
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
    #[error("there is no {kind} `{name}`{}; {}", did_you_mean(.suggestion), all_there_are(.available))]
    Unknown {
        /// "family", "inference algorithm", "target", "source of targets" or "architecture of networks".
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

fn all_there_are(available: &[&str]) -> String {
    match available {
        [] => "this program has none of its own, and no library with one was loaded".into(),
        available => format!("there are: {}", available.join(", ")),
    }
}

/// All registered families, by name.
pub fn families() -> Vec<&'static FamilyPlugin> {
    all()
}

/// All registered inference algorithms, by name.
pub fn inferences() -> Vec<&'static InferencePlugin> {
    all()
}

/// All registered targets, by name.
pub fn targets() -> Vec<&'static TargetPlugin> {
    all()
}

/// All registered sources of targets, by name.
pub fn sources() -> Vec<&'static SourcePlugin> {
    all()
}

/// All registered architectures of networks, by name.
pub fn networks() -> Vec<&'static NetworkPlugin> {
    all()
}

/// The linked plugins of a kind, and those of libraries.
fn all<T: Kind + ?Sized>() -> Vec<&'static Registered<T>>
where
    Registered<T>: inventory::Collect,
{
    let loaded = T::loaded().read().unwrap_or_else(PoisonError::into_inner);
    let mut all: Vec<_> = inventory::iter::<Registered<T>>().collect();
    all.extend(loaded.iter());
    all.sort_by_key(|plugin| plugin.name);
    all
}

/// Adds a plugin of a library.
///
/// # Errors
/// If there is one of its kind with its name.
pub(crate) fn add<T: Kind + ?Sized>(plugin: Registered<T>) -> Result<(), Refusal>
where
    Registered<T>: inventory::Collect,
{
    let mut loaded = T::loaded().write().unwrap_or_else(PoisonError::into_inner);
    let mut others = inventory::iter::<Registered<T>>().chain(loaded.iter().copied());
    if let Some(other) = others.find(|other| other.name == plugin.name) {
        return Err(Refusal::NameTaken {
            kind: T::NAME,
            name: plugin.name.into(),
            by: match other.source {
                "linked" => "it is linked into this program".into(),
                file => format!("it is from {file}"),
            },
        });
    }
    loaded.push(Box::leak(Box::new(plugin)));
    Ok(())
}

/// The family that text such as `full-rank` or `mixture(components: 3)` names. In a library the host's families are known too.
pub fn family(text: &str) -> Result<Chosen<dyn Family>, ChoiceError> {
    choose(text).or_else(|error| {
        let (name, options) = split(text);
        match boundary::family_of_host(name, options) {
            Some(Ok(plugin)) => Ok(Chosen {
                name: String::leak(name.into()),
                options: options.into(),
                plugin,
            }),
            _ => Err(error),
        }
    })
}

/// The algorithm that text such as `advi` or `bam(batch: 32)` names.
pub fn inference(text: &str) -> Result<Chosen<dyn Inference>, ChoiceError> {
    choose(text)
}

/// The target that text such as `funnel` or `funnel(dimension: 3)` names.
pub fn target(text: &str) -> Result<Chosen<dyn Target>, ChoiceError> {
    choose(text)
}

/// The source of targets that text such as `posteriordb(path: "db")` names.
pub fn source(text: &str) -> Result<Chosen<dyn TargetSource>, ChoiceError> {
    choose(text)
}

/// The network that text such as `mlp(inputs: 2, hidden: [50], outputs: 1)` names.
pub fn network(text: &str) -> Result<Chosen<dyn Network>, ChoiceError> {
    choose(text)
}

/// Name and options.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let (name, options) = text.split_at(text.find('(').unwrap_or(text.len()));
    (name.trim_end(), options)
}

fn choose<T: Kind + ?Sized>(text: &str) -> Result<Chosen<T>, ChoiceError>
where
    Registered<T>: inventory::Collect,
{
    let plugins = all::<T>();
    let (name, options) = split(text);
    match plugins.iter().find(|plugin| plugin.name == name) {
        Some(plugin) => Ok(plugin.build(options)?),
        None => Err(ChoiceError::Unknown {
            kind: T::NAME,
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
    fn where_there_are_none_the_answer_says_where_they_come_from() {
        assert_eq!(
            source("posteriordb").err().unwrap().to_string(),
            "there is no source of targets `posteriordb`; this program has none of its own, and no library with one was loaded"
        );
    }

    #[test]
    fn options_that_cannot_be_used_are_refused_with_the_reason() {
        let error = inference("nudge(draws: 0)").err().unwrap();
        let start = "options of `nudge`: `draws` must be at least 1\nits options are:\n  draws = 8 (a whole number)";
        assert!(error.to_string().starts_with(start), "{error}");
    }
}
