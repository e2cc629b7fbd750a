//! The program's own functions: signatures first, then bodies.

use super::flow::always_returns;
use super::scope::{Role, Scope};
use super::suffix::Suffix;
use super::{Block, Checker, Context};
use crate::diagnostics::Diagnostic;
use crate::hir;
use crate::syntax::{Span, ast};
use crate::types::Type;

/// What calls of a function of the program must know.
#[derive(Debug, Clone)]
pub(super) struct UserSignature {
    pub name: String,
    pub params: Vec<Param>,
    pub returns: Type,
    /// Where its name stands first.
    span: Span,
    /// Whether a body was found.
    defined: bool,
}

/// A parameter of a function of the program.
#[derive(Debug, Clone)]
pub(super) struct Param {
    pub type_: Type,
    pub data_only: bool,
    pub span: Span,
}

impl UserSignature {
    pub fn types(&self) -> Vec<Type> {
        self.params
            .iter()
            .map(|param| param.type_.clone())
            .collect()
    }

    /// `real f(int, data vector)`
    pub fn usage(&self) -> String {
        let show = |param: &Param| match param.data_only {
            true => format!("data {}", param.type_),
            false => param.type_.to_string(),
        };
        let params: Vec<String> = self.params.iter().map(show).collect();
        format!("{} {}({})", self.returns, self.name, params.join(", "))
    }
}

impl Checker {
    pub(super) fn user_functions(&mut self, block: &ast::FunctionsBlock) -> Vec<hir::UserFunction> {
        let numbers: Vec<Option<usize>> = block
            .functions
            .iter()
            .map(|function| self.signature(function))
            .collect();
        let undefined: Vec<Diagnostic> = self
            .functions
            .iter()
            .filter(|signature| !signature.defined && !signature.types().contains(&Type::Unknown))
            .map(|signature| {
                let message = format!(
                    "the function `{}` is declared but not defined",
                    signature.name
                );
                Diagnostic::error(signature.span, message).label("has no body anywhere")
            })
            .collect();
        self.diagnostics.extend(undefined);
        let mut checked: Vec<Option<hir::UserFunction>> = vec![None; self.functions.len()];
        for (function, number) in block.functions.iter().zip(numbers) {
            if let (Some(body), Some(number)) = (&function.body, number) {
                checked[number] = Some(self.function_body(function, body, number));
            }
        }
        // Numbers stay right: functions are missing only where the program was refused.
        checked.into_iter().flatten().collect()
    }

    /// Reads a signature; gives the number of the function that it belongs to, unless refused.
    fn signature(&mut self, function: &ast::Function) -> Option<usize> {
        let name = &function.name;
        self.check_name(name);
        let params: Vec<Param> = function
            .params
            .iter()
            .map(|param| self.param(param))
            .collect();
        let returns = match &function.returns {
            Some(type_) => self.unsized_type(type_),
            None => Type::Void,
        };
        let signature = UserSignature {
            name: name.name.clone(),
            params,
            returns,
            span: name.span,
            defined: function.body.is_some(),
        };
        self.check_suffix(function, &signature);
        let types = signature.types();
        // Types that are not supported cannot be told apart.
        let same = self.functions.iter().position(|f| {
            f.name == signature.name && f.types() == types && !types.contains(&Type::Unknown)
        });
        let Some(number) = same else {
            if let Some(library) = crate::library::lookup(&signature.name)
                && !types.contains(&Type::Unknown)
                && library.signature.returns(&types).is_some()
            {
                let message = format!(
                    "Stan has a function `{}` with these arguments",
                    signature.name
                );
                self.report(Diagnostic::error(name.span, message).label("defined again here"));
            }
            self.functions.push(signature);
            return Some(self.functions.len() - 1);
        };
        let earlier = &mut self.functions[number];
        let data_only =
            |s: &UserSignature| s.params.iter().map(|p| p.data_only).collect::<Vec<_>>();
        let alike =
            earlier.returns == signature.returns && data_only(earlier) == data_only(&signature);
        if (earlier.defined && signature.defined) || !alike {
            let message = match alike {
                true => format!(
                    "`{}` is defined twice with the same arguments",
                    signature.name
                ),
                false => format!("`{}` was declared differently before", signature.name),
            };
            let diagnostic = Diagnostic::error(name.span, message)
                .label(signature.usage())
                .related(earlier.span, earlier.usage());
            // One message is enough.
            earlier.defined = true;
            self.report(diagnostic);
            return None;
        }
        earlier.defined |= signature.defined;
        Some(number)
    }

    fn param(&mut self, param: &ast::Param) -> Param {
        Param {
            type_: self.unsized_type(&param.ty),
            data_only: param.data_only,
            span: param.span,
        }
    }

    fn check_suffix(&mut self, function: &ast::Function, signature: &UserSignature) {
        let name = &signature.name;
        let variate = signature.params.first().map(|param| param.type_.scalar());
        let suffix = Suffix::of(name);
        let problem = match suffix {
            Suffix::Lupdf | Suffix::Lupmf => {
                Some("a density is defined under its name with `_lpdf` or `_lpmf`".to_string())
            }
            Suffix::Jacobian => {
                self.unsupported(function.name.span, "functions that add to the log Jacobian");
                None
            }
            _ if suffix.is_conditional()
                && !matches!(signature.returns, Type::Real | Type::Unknown) =>
            {
                Some(format!("`{name}` must return a real"))
            }
            Suffix::Lpdf if matches!(variate, Some(Type::Int) | None) => Some(
                "the first argument of a density is real: ints have a mass, `_lpmf`".to_string(),
            ),
            Suffix::Lpmf if !matches!(variate, Some(Type::Int | Type::Unknown)) => Some(
                "the first argument of a mass is int: reals have a density, `_lpdf`".to_string(),
            ),
            _ => None,
        };
        if let Some(problem) = problem {
            self.report(Diagnostic::error(function.name.span, problem).label(signature.usage()));
        }
    }

    fn function_body(
        &mut self,
        function: &ast::Function,
        body: &ast::Block,
        number: usize,
    ) -> hir::UserFunction {
        let signature = self.functions[number].clone();
        let outer_scope = std::mem::take(&mut self.scope);
        let suffix = Suffix::of(&signature.name);
        let context = Context {
            block: Block::Functions,
            top_level: false,
            loops: 0,
            function: Some((signature.returns.clone(), suffix)),
        };
        let outer_context = std::mem::replace(&mut self.context, context);
        for (param, ast) in signature.params.iter().zip(&function.params) {
            let depends = !param.data_only && param.type_.scalar() != Type::Int;
            self.declare(&ast.name, param.type_.clone(), Role::Argument, depends);
        }
        let checked = self.statements(&body.statements);
        self.context = outer_context;
        let Scope { variables, .. } = std::mem::replace(&mut self.scope, outer_scope);
        if !matches!(signature.returns, Type::Void) && !always_returns(&checked) {
            let message = format!("`{}` can end without returning a value", signature.name);
            self.report(
                Diagnostic::error(function.name.span, message)
                    .label(format!("must return `{}`", signature.returns)),
            );
        }
        hir::UserFunction {
            name: signature.name,
            variables,
            arguments: function.params.len(),
            returns: signature.returns,
            body: checked,
            span: function.span,
        }
    }
}
