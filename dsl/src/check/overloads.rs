//! Which function a call means: the program's own, or one of the language.

use super::Checker;
use super::slices;
use crate::hir::{self, ExpressionKind};
use crate::library;
use crate::syntax::Span;
use crate::types::Type;

/// The function that a call means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Callee {
    /// A function of the program, by its number.
    User(usize),
    Library(&'static library::Function),
}

impl Callee {
    /// The call itself.
    pub fn call(self, args: Vec<hir::Expression>, type_: Type, span: Span) -> hir::Expression {
        let kind = match self {
            Self::User(number) => ExpressionKind::UserCall(number, args),
            Self::Library(function) => slices::selection(function.name, &args)
                .unwrap_or(ExpressionKind::Call(function, args)),
        };
        hir::Expression { kind, type_, span }
    }
}

/// What was found for a name and the types of arguments.
#[derive(Debug)]
pub(super) enum Resolution {
    /// The function, and what it returns.
    Found(Callee, Type),
    /// Several functions of the program fit equally well; how they are used.
    Ambiguous(Vec<String>),
    /// Functions of that name do not take such arguments; how they are used.
    Mismatch(Vec<String>),
    /// No function has that name.
    Missing,
}

impl Checker {
    /// Whether the program or the library has a function of this name.
    pub(super) fn is_function(&self, name: &str) -> bool {
        self.functions.iter().any(|function| function.name == name)
            || library::lookup(name).is_some()
    }

    /// Whether a function of the program was refused for its types, so that calls stay unjudged.
    pub(super) fn is_refused(&self, name: &str) -> bool {
        self.functions
            .iter()
            .any(|function| function.name == name && function.types().contains(&Type::Unknown))
    }

    /// Finds a function by its name and the types of its arguments. Functions of the program come
    /// first; among them the one that converts the fewest arguments.
    pub(super) fn resolve(&self, name: &str, args: &[Type]) -> Resolution {
        let own = || {
            self.functions
                .iter()
                .enumerate()
                .filter(|(_, function)| function.name == name)
        };
        let mut fitting: Vec<(usize, usize)> = own()
            .filter_map(|(number, function)| Some((conversions(args, &function.types())?, number)))
            .collect();
        fitting.sort_unstable();
        match fitting[..] {
            [(fewest, _), (next, _), ..] if fewest == next => {
                let alike = fitting.iter().filter(|(n, _)| *n == fewest);
                return Resolution::Ambiguous(
                    alike.map(|(_, f)| self.functions[*f].usage()).collect(),
                );
            }
            [(_, number), ..] => {
                return Resolution::Found(
                    Callee::User(number),
                    self.functions[number].returns.clone(),
                );
            }
            [] => {}
        }
        let mut usages: Vec<String> = own().map(|(_, function)| function.usage()).collect();
        if let Some(function) = library::lookup(name) {
            if let Some(type_) = function.signature.returns(args) {
                return Resolution::Found(Callee::Library(function), type_);
            }
            usages.extend(function.signature.usage(name));
        }
        if usages.is_empty() {
            Resolution::Missing
        } else {
            Resolution::Mismatch(usages)
        }
    }
}

/// How many arguments must be converted, or `None` when they do not fit.
fn conversions(args: &[Type], expected: &[Type]) -> Option<usize> {
    let fit =
        args.len() == expected.len() && args.iter().zip(expected).all(|(a, e)| a.converts_to(e));
    fit.then(|| args.iter().zip(expected).filter(|(a, e)| a != e).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ints_convert_to_reals_and_nothing_else_converts() {
        let (int, real, vector) = (Type::Int, Type::Real, Type::Vector);
        let fits = |args: &[&Type], expected: &[&Type]| {
            let own = |types: &[&Type]| types.iter().map(|t| (*t).clone()).collect::<Vec<_>>();
            conversions(&own(args), &own(expected))
        };
        assert_eq!(fits(&[&int, &real], &[&int, &real]), Some(0));
        assert_eq!(fits(&[&int, &int], &[&real, &real]), Some(2));
        assert_eq!(fits(&[&real], &[&int]), None);
        assert_eq!(fits(&[&vector], &[&real]), None);
        assert_eq!(fits(&[&int], &[&int, &int]), None);
    }
}
