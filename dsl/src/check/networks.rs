//! Networks: their declarations, and their calls.

use firebrand_core::registry;

use super::Checker;
use crate::diagnostics::{Diagnostic, suggest};
use crate::hir::{self, Constraint, Element, ExpressionKind, NetworkOption, SizedType};
use crate::syntax::{Span, ast};
use crate::types::Type;

impl Checker {
    /// The declaration of a network in `parameters`: a vector of its weights.
    pub(super) fn network(&mut self, network: &ast::NetworkDecl) -> Option<hir::Declaration> {
        let Some(options) = self.network_options(network) else {
            // What is wrong was said; calls stay unjudged.
            self.declare_variable(&network.name, Type::Unknown);
            return None;
        };
        let slot = self.declare_variable(&network.name, Type::Vector);
        let number = self.networks.len();
        let last = network.args.last().map(|arg| arg.value.span);
        let span = network.architecture.span;
        self.networks.push(hir::Network {
            slot,
            name: network.name.name.clone(),
            architecture: network.architecture.name.clone(),
            options,
            span: span.to(last.unwrap_or(span)),
        });
        Some(hir::Declaration {
            slot,
            name: network.name.name.clone(),
            type_: SizedType {
                array: Vec::new(),
                element: Element::Weights(number),
                constraint: Constraint::None,
            },
            span: network.name.span,
        })
    }

    /// A network where none can be declared.
    pub(super) fn misplaced_network(&mut self, network: &ast::NetworkDecl) {
        self.report(
            Diagnostic::error(network.name.span, "the weights of a network are parameters")
                .label("declared elsewhere")
                .help("declare it in the `parameters` block"),
        );
    }

    /// What was written between the parentheses, by the names of the architecture's options.
    fn network_options(
        &mut self,
        network: &ast::NetworkDecl,
    ) -> Option<Vec<(String, NetworkOption)>> {
        let architecture = &network.architecture;
        let known = registry::networks();
        let Some(plugin) = known.iter().find(|plugin| plugin.name == architecture.name) else {
            let names: Vec<&str> = known.iter().map(|plugin| plugin.name).collect();
            let message = format!("there is no architecture `{}`", architecture.name);
            self.report(
                Diagnostic::error(architecture.span, message)
                    .label("not known")
                    .suggest(&architecture.name, names.iter().copied())
                    .note(format!("there are: {}", names.join(", "))),
            );
            return None;
        };
        let schema = plugin.schema();
        let usage = || {
            let fields: Vec<&str> = schema.iter().map(|field| field.name).collect();
            format!("expected\n{}({})", plugin.name, fields.join(", "))
        };
        let mut options: Vec<(String, NetworkOption)> = Vec::new();
        let mut right = true;
        for (position, arg) in network.args.iter().enumerate() {
            let field = match &arg.name {
                Some(name) => schema.iter().find(|field| field.name == name.name),
                None => schema.get(position),
            };
            let value = self.network_option(&arg.value);
            let problem = match (field, &arg.name) {
                (Some(field), _) if options.iter().any(|(name, _)| name == field.name) => {
                    Diagnostic::error(arg.value.span, format!("`{}` is given twice", field.name))
                        .label("second time")
                }
                (Some(_), None) if network.args[..position].iter().any(|a| a.name.is_some()) => {
                    Diagnostic::error(arg.value.span, "this argument needs its name")
                        .label("comes after one with a name")
                }
                (Some(field), _) => {
                    right &= value.is_some();
                    options.extend(value.map(|value| (field.name.to_string(), value)));
                    continue;
                }
                (None, Some(name)) => {
                    let message = format!("`{}` has no option `{}`", plugin.name, name.name);
                    Diagnostic::error(name.span, message)
                        .label("not known")
                        .suggest(&name.name, schema.iter().map(|field| field.name))
                }
                (None, None) => {
                    let message =
                        format!("`{}` takes {} arguments at most", plugin.name, schema.len());
                    Diagnostic::error(arg.value.span, message).label("one too many")
                }
            };
            self.report(problem.note(usage()));
            right = false;
        }
        right.then_some(options)
    }

    fn network_option(&mut self, value: &ast::Expr) -> Option<NetworkOption> {
        if let ast::ExprKind::Variable(word) = &value.kind
            && self.scope.find(&word.name).is_none()
        {
            return Some(NetworkOption::Word(word.name.clone()));
        }
        let value = self.expression(value);
        let fits =
            matches!(value.type_, Type::Int | Type::Real) || value.type_ == Type::Int.array();
        let problem = if value.type_ == Type::Unknown {
            return None;
        } else if !fits {
            let found = format!("found `{}`", value.type_);
            Diagnostic::error(
                value.span,
                "an architecture is made from numbers and arrays of ints",
            )
            .label(found)
        } else if !self.is_data_only(&value) {
            Diagnostic::error(value.span, "the size of a network must be known from data")
                .label("depends on parameters")
        } else {
            return Some(NetworkOption::Value(value));
        };
        self.report(problem);
        None
    }

    /// The number of the network that a name stands for here.
    pub(super) fn network_of(&self, name: &str) -> Option<usize> {
        let slot = self.scope.find(name)?.slot;
        self.networks
            .iter()
            .position(|network| network.slot == slot)
    }

    /// Whether a name stands for a variable whose declaration was refused.
    pub(super) fn is_refused_variable(&self, name: &str) -> bool {
        let binding = self.scope.find(name);
        binding.is_some_and(|binding| self.scope.variables[binding.slot].type_ == Type::Unknown)
    }

    /// `f(x)`
    pub(super) fn apply(
        &mut self,
        network: usize,
        name: &ast::Ident,
        args: &[ast::Expr],
        span: Span,
    ) -> hir::Expression {
        let args: Vec<hir::Expression> = args.iter().map(|arg| self.expression(arg)).collect();
        let types: Vec<Type> = args.iter().map(|arg| arg.type_.clone()).collect();
        if types.contains(&Type::Unknown) {
            return super::unknown(span);
        }
        let result = match types.as_slice() {
            [one] => outputs(one),
            _ => None,
        };
        let (Some(type_), Some(argument)) = (result, args.into_iter().next()) else {
            let found: Vec<String> = types.iter().map(Type::to_string).collect();
            let message = format!("the network `{}` does not take these arguments", name.name);
            let diagnostic = Diagnostic::error(span, message)
                .label(format!("found ({})", found.join(", ")))
                .note("expected a vector or a row vector, an array of them, or a matrix of rows");
            return self.wrong(diagnostic, span);
        };
        hir::Expression {
            kind: ExpressionKind::Apply(network, Box::new(argument)),
            type_,
            span,
        }
    }

    /// `initial(f)`, where `f` is a network and the program has no function of that name.
    pub(super) fn initial_weights(
        &mut self,
        name: &ast::Ident,
        args: &[ast::Expr],
        span: Span,
    ) -> Option<hir::Expression> {
        let [arg] = args else { return None };
        let ast::ExprKind::Variable(argument) = &arg.kind else {
            return None;
        };
        if name.name != "initial" || self.is_function(&name.name) {
            return None;
        }
        let Some(network) = self.network_of(&argument.name) else {
            let message = format!("there is no network `{}`", argument.name);
            let networks = self.networks.iter().map(|network| network.name.as_str());
            let diagnostic = Diagnostic::error(argument.span, message).label(
                "`initial` takes the name of a network, and is the weights that it begins with",
            );
            let diagnostic = match suggest(&argument.name, networks) {
                Some(near) => diagnostic.help(format!("did you mean {near}?")),
                None => diagnostic,
            };
            return Some(self.wrong(diagnostic, span));
        };
        Some(hir::Expression {
            kind: ExpressionKind::InitialWeights(network),
            type_: Type::Vector,
            span,
        })
    }
}

/// What a network makes of an argument of this type: a vector of each row.
fn outputs(argument: &Type) -> Option<Type> {
    match argument {
        Type::Vector | Type::RowVector => Some(Type::Vector),
        Type::Matrix => Some(Type::Matrix),
        Type::Array {
            element,
            dimensions,
        } if element.is_vector() => Some(Type::Vector.array_of(*dimensions)),
        _ => None,
    }
}
