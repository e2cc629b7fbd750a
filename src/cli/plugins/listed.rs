//! A plugin as it is listed, whatever its kind.

use firebrand::core::registry::{self, OptionField, Registered};
use firebrand::core::{FamilyCapabilities, Requirements, Structure};
use serde::Serialize;

/// One plugin, whatever its kind.
#[derive(Serialize)]
pub struct Listed {
    pub kind: &'static str,
    pub name: &'static str,
    pub version: &'static str,
    /// "linked", or a file.
    pub source: &'static str,
    pub description: &'static str,
    /// What a family can do, or an algorithm needs of one, with all options at their defaults.
    pub capabilities: Vec<String>,
    pub options: Vec<OptionField>,
}

/// All plugins that there are.
pub fn all() -> Vec<Listed> {
    let inferences = registry::inferences()
        .into_iter()
        .map(|plugin| Listed::of("inference", plugin, |made| needed(made.requires())));
    let families = registry::families()
        .into_iter()
        .map(|plugin| Listed::of("family", plugin, |made| capable(made.capabilities())));
    let targets = registry::targets().into_iter().map(|plugin| {
        Listed::of("target", plugin, |made| {
            vec![format!("dimension {}", made.dimension())]
        })
    });
    let sources = registry::sources()
        .into_iter()
        .map(|plugin| Listed::of("source", plugin, |_| Vec::new()));
    let networks = registry::networks()
        .into_iter()
        .map(|plugin| Listed::of("network", plugin, |_| Vec::new()));
    inferences
        .chain(families)
        .chain(targets)
        .chain(sources)
        .chain(networks)
        .collect()
}

impl Listed {
    fn of<T: ?Sized>(
        kind: &'static str,
        plugin: &Registered<T>,
        capabilities: impl FnOnce(&T) -> Vec<String>,
    ) -> Self {
        // What cannot be made without options has no capabilities to show.
        let made = plugin.build("");
        Listed {
            kind,
            name: plugin.name,
            version: plugin.version,
            source: plugin.source,
            description: plugin.doc,
            capabilities: made.map_or_else(|_| Vec::new(), |made| capabilities(&made.plugin)),
            options: plugin.schema(),
        }
    }
}

fn capable(capabilities: FamilyCapabilities) -> Vec<String> {
    let gaussian = capabilities.gaussian.map(|structure| match structure {
        Structure::Diagonal => "diagonal Gaussian",
        Structure::LowRank => "low-rank Gaussian",
        Structure::Dense => "Gaussian",
    });
    let score = capabilities.score.then_some("score");
    gaussian.into_iter().chain(score).map(Into::into).collect()
}

fn needed(requirements: Requirements) -> Vec<String> {
    let gaussian = requirements.gaussian.map(|structure| match structure {
        Structure::Diagonal => "needs a Gaussian",
        Structure::LowRank => "needs a Gaussian with correlations",
        Structure::Dense => "needs a dense Gaussian",
    });
    let score = requirements.score.then_some("needs score");
    gaussian.into_iter().chain(score).map(Into::into).collect()
}
