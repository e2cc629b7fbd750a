//! Calls of functions, and distribution statements.

use super::absent::{functional, replacement};
use super::overloads::{Callee, Resolution};
use super::scope::Role;
use super::suffix::{self, Suffix};
use super::{Block, Checker, unknown};
use crate::diagnostics::Diagnostic;
use crate::hir;
use crate::library;
use crate::syntax::{Span, ast};
use crate::types::Type;

impl Checker {
    /// A call whose value is used.
    pub(super) fn call_expression(
        &mut self,
        name: &ast::Ident,
        args: &[ast::Expr],
        conditional: bool,
        span: Span,
    ) -> hir::Expression {
        let call = self.call(name, args, conditional, span);
        if call.type_ == Type::Void {
            let diagnostic = Diagnostic::error(span, format!("`{}` returns nothing", name.name))
                .label("expected a value")
                .help("call it in a statement of its own");
            return self.wrong(diagnostic, span);
        }
        call
    }

    /// A call of either kind.
    pub(super) fn call(
        &mut self,
        name: &ast::Ident,
        args: &[ast::Expr],
        conditional: bool,
        span: Span,
    ) -> hir::Expression {
        if let Some(network) = self.network_of(&name.name) {
            self.check_bar(name, args, conditional);
            return self.apply(network, name, args, span);
        }
        if self.is_refused_variable(&name.name) {
            return unknown(span);
        }
        if let Some(weights) = self.initial_weights(name, args, span) {
            return weights;
        }
        let normalised = suffix::normalised(&name.name);
        let defined = match &normalised {
            Some(normalised) if !self.is_function(&name.name) => normalised.as_str(),
            _ => name.name.as_str(),
        };
        if !self.is_function(defined)
            && let Some(solver) = library::solver(&name.name)
        {
            self.check_bar(name, args, conditional);
            return self.solver_call(solver, args, span);
        }
        if !self.is_function(defined)
            && let Some(sum) = self.partial_sum(name, args, span)
        {
            return sum;
        }
        if !self.is_function(defined) {
            let diagnostic = self.no_function(name);
            return self.wrong(diagnostic, span);
        }
        self.check_call_site(name);
        self.check_bar(name, args, conditional);
        let args: Vec<_> = args.iter().map(|arg| self.expression(arg)).collect();
        let types: Vec<Type> = args.iter().map(|arg| arg.type_.clone()).collect();
        if types.contains(&Type::Unknown) || self.is_refused(defined) {
            return unknown(span);
        }
        match self.resolve(defined, &types) {
            Resolution::Found(callee, type_) => {
                self.check_data_only(callee, &args);
                callee.call(args, type_, span)
            }
            other => {
                let diagnostic = unresolved(&name.name, span, &types, other);
                self.wrong(diagnostic, span)
            }
        }
    }

    /// That no function has this name, or only functions of Stan that are missing here.
    fn no_function(&self, name: &ast::Ident) -> Diagnostic {
        let text = &name.name;
        if let Some(what) = functional(text) {
            return Diagnostic::unsupported(name.span, format!("{what} `{text}`"))
                .label("called here");
        }
        if let Some(replacement) = replacement(text) {
            return Diagnostic::error(name.span, format!("`{text}` was removed from Stan"))
                .label("called here")
                .help(format!("write `{replacement}`"));
        }
        if library::known_to_stan(text) {
            let message =
                format!("`{text}` is a Stan function that Firebrand does not support yet");
            return Diagnostic::error(name.span, message).label("called here");
        }
        if let Some(binding) = self.scope.find(text) {
            let message = format!("`{text}` is a variable, not a function");
            let diagnostic = Diagnostic::error(name.span, message)
                .label("called here")
                .related(binding.span, "declared here")
                .help(format!("write `{text}[...]` for its elements"));
            let is_vector = self.scope.variables[binding.slot].type_ == Type::Vector;
            if binding.role != Role::Argument || !is_vector {
                return diagnostic;
            }
            return diagnostic.note(
                "networks can be called where they are declared, but are plain vectors of weights as arguments of functions",
            );
        }
        let own = self.functions.iter().map(|function| function.name.as_str());
        let diagnostic = Diagnostic::error(name.span, format!("there is no function `{text}`"))
            .label("not known")
            .suggest(text, own.chain(library::names()));
        match text
            .strip_suffix("_log")
            .or_else(|| text.strip_suffix("_cdf_log"))
        {
            Some(base) => diagnostic.help(format!(
                "densities are now called `{base}_lpdf` or `{base}_lpmf`"
            )),
            None => diagnostic,
        }
    }

    /// Checks that a function with such a name may be called here.
    fn check_call_site(&mut self, name: &ast::Ident) {
        let (block, function) = (
            self.context.block,
            self.context.function.as_ref().map(|(_, s)| *s),
        );
        let (allowed, places) = match Suffix::of(&name.name) {
            Suffix::Rng => (
                match function {
                    Some(suffix) => suffix == Suffix::Rng,
                    None => matches!(block, Block::TransformedData | Block::GeneratedQuantities),
                },
                "random numbers can be drawn in transformed data, in generated quantities, \
                 and in functions whose name ends in `_rng`",
            ),
            Suffix::Lp => (
                match function {
                    Some(suffix) => suffix == Suffix::Lp,
                    None => matches!(block, Block::TransformedParameters | Block::Model),
                },
                "functions that add to the log density can be called in transformed parameters, \
                 in the model block, and in functions whose name ends in `_lp`",
            ),
            suffix if suffix.is_unnormalised() => (
                match function {
                    Some(suffix) => matches!(suffix, Suffix::Lp | Suffix::Lpdf | Suffix::Lpmf),
                    None => block == Block::Model,
                },
                "densities without their constants can be used in the model block, and in \
                 functions whose name ends in `_lpdf`, `_lpmf` or `_lp`",
            ),
            Suffix::Jacobian => {
                self.unsupported(name.span, "functions that add to the log Jacobian");
                return;
            }
            _ => return,
        };
        if !allowed {
            let place = match function {
                Some(_) => "in this function".to_string(),
                None => format!("in the `{}` block", block.name()),
            };
            let message = format!("`{}` cannot be called {place}", name.name);
            self.report(
                Diagnostic::error(name.span, message)
                    .label("called here")
                    .note(places),
            );
        }
    }

    /// Checks that a bar follows the first argument where it must, and nowhere else.
    fn check_bar(&mut self, name: &ast::Ident, args: &[ast::Expr], conditional: bool) {
        let text = &name.name;
        let suffix = Suffix::of(text);
        if conditional && !suffix.is_conditional() {
            self.report(
                Diagnostic::error(
                    name.span,
                    format!("the arguments of `{text}` are separated by commas"),
                )
                .label("a bar follows its first argument")
                .note("a bar belongs to densities, masses and cumulative distributions"),
            );
        }
        let needed = suffix.is_conditional() && !text.ends_with("_cdf") && args.len() > 1;
        if needed && !conditional {
            self.report(
                Diagnostic::error(
                    name.span,
                    format!("a bar follows the first argument of `{text}`"),
                )
                .label("found a comma")
                .related(args[0].span, "the bar comes after this")
                .help(format!("write `{text}(y | ...)`")),
            );
        }
    }

    pub(super) fn check_data_only(&mut self, callee: Callee, args: &[hir::Expression]) {
        let Callee::User(number) = callee else { return };
        let params = self.functions[number].params.clone();
        let function = self.functions[number].name.clone();
        for (arg, param) in args.iter().zip(&params) {
            if param.data_only && !self.is_data_only(arg) {
                self.report(
                    Diagnostic::error(
                        arg.span,
                        format!("this argument of `{function}` must be data"),
                    )
                    .label("may depend on parameters")
                    .related(param.span, "declared as data here"),
                );
            }
        }
    }

    /// `value ~ distribution(args)` as the call of its density.
    pub(super) fn density(
        &mut self,
        value: &ast::Expr,
        distribution: &ast::Ident,
        args: &[ast::Expr],
        span: Span,
    ) -> hir::Expression {
        let name = &distribution.name;
        let checked: Vec<_> = std::iter::once(value)
            .chain(args)
            .map(|arg| self.expression(arg))
            .collect();
        let candidates = [format!("{name}_lpdf"), format!("{name}_lpmf")];
        let known: Vec<&String> = candidates
            .iter()
            .filter(|name| self.is_function(name))
            .collect();
        if known.is_empty() {
            let diagnostic = self.no_distribution(distribution);
            return self.wrong(diagnostic, span);
        }
        let types: Vec<Type> = checked.iter().map(|arg| arg.type_.clone()).collect();
        if types.contains(&Type::Unknown) || known.iter().any(|name| self.is_refused(name)) {
            return unknown(span);
        }
        let mut usages = Vec::new();
        for candidate in known {
            match self.resolve(candidate, &types) {
                Resolution::Found(callee, type_) => {
                    self.check_data_only(callee, &checked);
                    return callee.call(checked, type_, span);
                }
                Resolution::Mismatch(more) | Resolution::Ambiguous(more) => usages.extend(more),
                Resolution::Missing => {}
            }
        }
        let diagnostic = unresolved(name, span, &types, Resolution::Mismatch(usages));
        self.wrong(diagnostic, span)
    }

    fn no_distribution(&self, distribution: &ast::Ident) -> Diagnostic {
        let (name, span) = (&distribution.name, distribution.span);
        let with_suffix = matches!(
            Suffix::of(name),
            Suffix::Lpdf | Suffix::Lpmf | Suffix::Lupdf | Suffix::Lupmf | Suffix::Cumulative
        );
        if let (true, Some((base, _))) = (with_suffix, name.rsplit_once('_')) {
            return Diagnostic::error(
                span,
                format!("after `~` comes the name of a distribution, not `{name}`"),
            )
            .label("has a suffix")
            .help(format!("write `{base}`"));
        }
        if library::known_to_stan(&format!("{name}_lpdf"))
            || library::known_to_stan(&format!("{name}_lpmf"))
        {
            let message =
                format!("`{name}` is a Stan distribution that Firebrand does not support yet");
            return Diagnostic::error(span, message).label("used here");
        }
        let own = self.functions.iter().map(|function| function.name.as_str());
        let names: Vec<&str> = own
            .chain(library::names())
            .filter_map(|name| {
                name.strip_suffix("_lpdf")
                    .or_else(|| name.strip_suffix("_lpmf"))
            })
            .collect();
        Diagnostic::error(span, format!("there is no distribution `{name}`"))
            .label("not known")
            .suggest(name, names)
    }
}

/// The message about a call whose arguments do not fit.
fn unresolved(name: &str, span: Span, types: &[Type], resolution: Resolution) -> Diagnostic {
    let list: Vec<String> = types.iter().map(|t| t.to_string()).collect();
    let found = match &list[..] {
        [] => "found no arguments".to_string(),
        list => format!("found ({})", list.join(", ")),
    };
    let (message, usages) = match resolution {
        Resolution::Ambiguous(usages) => (
            format!("several functions `{name}` take these arguments equally well"),
            usages,
        ),
        Resolution::Mismatch(usages) => (format!("`{name}` does not take these arguments"), usages),
        Resolution::Found(..) | Resolution::Missing => {
            (format!("there is no function `{name}`"), vec![])
        }
    };
    let diagnostic = Diagnostic::error(span, message).label(found);
    if usages.is_empty() {
        return diagnostic;
    }
    let shown: Vec<&str> = usages.iter().take(MAX_USAGES).map(String::as_str).collect();
    let more = match usages.len().saturating_sub(MAX_USAGES) {
        0 => String::new(),
        n => format!("\nand {n} more"),
    };
    diagnostic.note(format!("expected\n{}{more}", shown.join("\n")))
}

/// How many accepted forms of a function a message shows.
const MAX_USAGES: usize = 6;
