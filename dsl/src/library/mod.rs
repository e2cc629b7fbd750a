//! The functions and distributions of the language: one table, one file for each group.
//!
//! An entry holds a function's name, its signatures and what it builds. To add one, write the entry in the file of
//! its group; to add a group, add its table to `TABLES`.

mod call;
mod checks;
mod density;
mod distributions;
mod formula;
mod functions;
mod known;
mod signature;
mod solvers;
mod special;
mod streams;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::OnceLock;

pub use call::{Call, Evaluate, Failure, Requirement, align, elementwise_shape};
pub use formula::power;
pub use functions::{dot, left_division, right_division};
pub use known::known_to_stan;
use signature::Scalar;
pub use signature::Signature;
pub use solvers::{Form, Solver, solver};
pub use streams::Streams;

use crate::types::Type;

/// A function of the language.
#[derive(Debug)]
pub struct Function {
    /// The name in the source, suffix included: `normal_lpdf`.
    pub name: &'static str,
    /// The types that it takes and returns.
    pub signature: Signature,
    /// What it builds.
    pub evaluate: Evaluate,
}

impl Function {
    /// A density or mass function, or one of its cumulative functions: scalars or containers of one axis.
    const fn density(name: &'static str, arguments: &'static [Scalar], evaluate: Evaluate) -> Self {
        Function {
            name,
            signature: Signature::Density(arguments),
            evaluate,
        }
    }

    /// Random numbers for scalars or containers of one axis.
    const fn random(
        name: &'static str,
        returns: Scalar,
        arguments: &'static [Scalar],
        evaluate: Evaluate,
    ) -> Self {
        Function {
            name,
            signature: Signature::Random(returns, arguments),
            evaluate,
        }
    }

    /// A function of any container of reals, element by element.
    const fn elementwise(name: &'static str, evaluate: Evaluate) -> Self {
        Function {
            name,
            signature: Signature::Elementwise,
            evaluate,
        }
    }

    /// A function of two equal containers of reals, or of one and a scalar, element by element.
    const fn elementwise_pair(name: &'static str, evaluate: Evaluate) -> Self {
        Function {
            name,
            signature: Signature::ElementwisePair,
            evaluate,
        }
    }

    /// A function whose types follow a rule.
    const fn rule(
        name: &'static str,
        rule: fn(&[Type]) -> Option<Type>,
        usage: &'static [&'static str],
        evaluate: Evaluate,
    ) -> Self {
        Function {
            name,
            signature: Signature::Rule(rule, usage),
            evaluate,
        }
    }

    /// A function with its overloads written out.
    const fn listed(
        name: &'static str,
        overloads: &'static [&'static str],
        evaluate: Evaluate,
    ) -> Self {
        Function {
            name,
            signature: Signature::Listed(overloads),
            evaluate,
        }
    }
}

/// Every table of functions.
const TABLES: &[&[Function]] = &[
    distributions::location_scale::TABLE,
    distributions::positive::TABLE,
    distributions::bounded::TABLE,
    distributions::binary::TABLE,
    distributions::counts::TABLE,
    distributions::categorical::TABLE,
    distributions::ordered::TABLE,
    distributions::simplex::TABLE,
    distributions::multinomial::TABLE,
    distributions::multivariate::TABLE,
    distributions::wishart::TABLE,
    distributions::finite::TABLE,
    distributions::glm::TABLE,
    distributions::correlation::TABLE,
    distributions::cumulative::TABLE,
    distributions::state_space::TABLE,
    distributions::cumulative::OTHERS,
    distributions::incomplete::TABLE,
    distributions::incomplete::OTHERS,
    functions::construct::CONSTANTS,
    functions::construct::TABLE,
    functions::covariances::TABLE,
    functions::elementwise::TABLE,
    functions::elementwise::OTHERS,
    functions::exponential::TABLE,
    functions::factors::TABLE,
    functions::hidden_markov::TABLE,
    functions::integers::TABLE,
    functions::linear::TABLE,
    functions::matrices::TABLE,
    functions::mixtures::TABLE,
    functions::order::TABLE,
    functions::pairs::TABLE,
    functions::pairs::INT_FIRST,
    functions::pairs::INT_SECOND,
    functions::pairs::OTHERS,
    functions::parts::TABLE,
    functions::incomplete::TABLE,
    functions::reductions::TABLE,
    functions::reshape::TABLE,
    functions::sparse::TABLE,
];

/// The function of this name. All constants are kept, so `_lupdf` is `_lpdf` and `_lupmf` is `_lpmf`.
pub fn lookup(name: &str) -> Option<&'static Function> {
    let unnormalised = |suffix| name.strip_suffix(suffix);
    match (unnormalised("_lupdf"), unnormalised("_lupmf")) {
        (Some(stem), _) => index().get(format!("{stem}_lpdf").as_str()).copied(),
        (_, Some(stem)) => index().get(format!("{stem}_lpmf").as_str()).copied(),
        _ => index().get(name).copied(),
    }
}

/// The names of all functions, sorted.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = index().keys().copied().collect();
    names.sort_unstable();
    names
}

fn index() -> &'static HashMap<&'static str, &'static Function> {
    static INDEX: OnceLock<HashMap<&'static str, &'static Function>> = OnceLock::new();
    INDEX.get_or_init(|| {
        TABLES
            .iter()
            .flat_map(|table| table.iter())
            .map(|f| (f.name, f))
            .collect()
    })
}
