//! Statements.

use super::operators::{binary_op, binary_type};
use super::scope::Role;
use super::{Block, Checker};
use crate::diagnostics::Diagnostic;
use crate::hir::{self, StatementKind};
use crate::syntax::{Span, ast};
use crate::types::Type;

impl Checker {
    pub(super) fn statements(&mut self, statements: &[ast::Stmt]) -> Vec<hir::Statement> {
        let mut checked = Vec::new();
        for statement in statements {
            self.statement(statement, &mut checked);
        }
        checked
    }

    /// Statements with names of their own.
    fn nested(&mut self, statements: &[ast::Stmt]) -> Vec<hir::Statement> {
        let mark = self.scope.open();
        let outer = std::mem::replace(&mut self.context.top_level, false);
        let checked = self.statements(statements);
        self.context.top_level = outer;
        self.scope.close(mark);
        checked
    }

    /// The body of a loop or branch.
    fn body(&mut self, statement: &ast::Stmt) -> Vec<hir::Statement> {
        match &statement.kind {
            ast::StmtKind::Block(statements) => self.nested(statements),
            _ => self.nested(std::slice::from_ref(statement)),
        }
    }

    fn loop_body(&mut self, statement: &ast::Stmt) -> Vec<hir::Statement> {
        self.context.loops += 1;
        let body = self.body(statement);
        self.context.loops -= 1;
        body
    }

    fn statement(&mut self, statement: &ast::Stmt, out: &mut Vec<hir::Statement>) {
        let span = statement.span;
        let kind = match &statement.kind {
            ast::StmtKind::Declare { ty, names } => {
                for (declaration, value) in self.declarations(ty, names) {
                    let span = declaration.span;
                    out.push(hir::Statement {
                        kind: StatementKind::Declare(Box::new(declaration), value),
                        span,
                    });
                }
                return;
            }
            ast::StmtKind::Network(network) => {
                self.misplaced_network(network);
                return;
            }
            ast::StmtKind::Assign { target, op, value } => self.assign(target, *op, value),
            ast::StmtKind::TargetPlus(value) => Some(self.target_plus(value, span)),
            ast::StmtKind::JacobianPlus(_) => {
                self.unsupported(span, "`jacobian +=`");
                None
            }
            ast::StmtKind::Tilde {
                value,
                distribution,
                args,
                truncation,
            } => {
                self.check_target_allowed(span, "a distribution statement");
                Some(self.tilde(value, distribution, args, truncation.as_ref(), span))
            }
            ast::StmtKind::Call { name, args } => self.call_statement(name, args, span),
            ast::StmtKind::Message { kind, parts } => Some(self.message(*kind, parts)),
            ast::StmtKind::If {
                condition,
                then,
                otherwise,
            } => {
                let condition = self.int_expression(condition, "a condition");
                let then = self.body(then);
                let otherwise = otherwise.as_ref().map_or_else(Vec::new, |s| self.body(s));
                Some(StatementKind::If {
                    condition,
                    then,
                    otherwise,
                })
            }
            ast::StmtKind::For {
                variable,
                range,
                body,
            } => Some(self.for_loop(variable, range, body)),
            ast::StmtKind::While { condition, body } => {
                let condition = self.int_expression(condition, "a condition");
                Some(StatementKind::While {
                    condition,
                    body: self.loop_body(body),
                })
            }
            ast::StmtKind::Break => self.leave_loop("break", StatementKind::Break, span),
            ast::StmtKind::Continue => self.leave_loop("continue", StatementKind::Continue, span),
            ast::StmtKind::Return(value) => Some(self.return_statement(value.as_ref(), span)),
            ast::StmtKind::Block(statements)
            | ast::StmtKind::Profile {
                body: statements, ..
            } => Some(StatementKind::Block(self.nested(statements))),
            ast::StmtKind::Empty | ast::StmtKind::Error => None,
        };
        out.extend(kind.map(|kind| hir::Statement { kind, span }));
    }

    fn assign(
        &mut self,
        target: &ast::LValue,
        op: ast::AssignOp,
        value: &ast::Expr,
    ) -> Option<StatementKind> {
        let place = self.place(target);
        let value = self.expression(value);
        let place = place?;
        let name = self.scope.variables[place.slot].name.clone();
        let op = match op {
            ast::AssignOp::Plain => {
                let declared = place
                    .indices
                    .is_empty()
                    .then(|| self.scope.find(&name).map(|b| b.span));
                self.check_assigned(&place.type_, &value, &name, declared.flatten());
                None
            }
            ast::AssignOp::Compound(op) => {
                let function = binary_op(op)?;
                let result = binary_type(function, &place.type_, &value.type_);
                if !result.is_some_and(|result| result.converts_to(&place.type_)) {
                    let symbol = op.symbol();
                    let message = format!("`{symbol}=` does not fit these types");
                    self.report(
                        Diagnostic::error(target.span.to(value.span), message).label(format!(
                            "`{name}` cannot become `{} {symbol} {}`",
                            place.type_, value.type_
                        )),
                    );
                }
                Some(function)
            }
        };
        Some(StatementKind::Assign {
            target: place,
            op,
            value,
        })
    }

    fn check_target_allowed(&mut self, span: Span, what: &str) {
        if !self.context.adds_to_target() {
            self.report(
                Diagnostic::error(span, format!("{what} has no place here"))
                    .label("adds to the log density")
                    .note("the log density is added to in the model block, and in functions whose name ends in `_lp`"),
            );
        }
    }

    fn target_plus(&mut self, value: &ast::Expr, span: Span) -> StatementKind {
        self.check_target_allowed(span, "`target +=`");
        let value = self.expression(value);
        if value.type_ == Type::Void {
            self.report(
                Diagnostic::error(value.span, "`target +=` takes numbers").label("found nothing"),
            );
        }
        StatementKind::TargetAdd(value)
    }

    fn tilde(
        &mut self,
        value: &ast::Expr,
        distribution: &ast::Ident,
        args: &[ast::Expr],
        truncation: Option<&ast::Truncation>,
        span: Span,
    ) -> StatementKind {
        let density = self.density(value, distribution, args, span);
        let rest =
            truncation.and_then(|truncation| self.truncation(truncation, &density, distribution));
        let tilde = StatementKind::TargetAdd(density);
        match rest {
            None => tilde,
            Some(rest) => StatementKind::Block(vec![hir::Statement { kind: tilde, span }, rest]),
        }
    }

    fn call_statement(
        &mut self,
        name: &ast::Ident,
        args: &[ast::Expr],
        span: Span,
    ) -> Option<StatementKind> {
        let call = self.call(name, args, false, span);
        match call.type_ {
            Type::Void => return Some(StatementKind::Call(call)),
            Type::Unknown => {}
            type_ => self.report(
                Diagnostic::error(span, format!("the value of `{}` is not used", name.name))
                    .label(format!("returns `{type_}`"))
                    .note("only void functions are called in a statement of their own"),
            ),
        }
        None
    }

    fn message(&mut self, kind: ast::MessageKind, parts: &[ast::Printable]) -> StatementKind {
        let parts = parts
            .iter()
            .map(|part| match part {
                ast::Printable::Text(text) => hir::Printable::Text(text.clone()),
                ast::Printable::Value(value) => hir::Printable::Value(self.expression(value)),
            })
            .collect();
        match kind {
            ast::MessageKind::Print => StatementKind::Print(parts),
            ast::MessageKind::Reject => StatementKind::Reject(parts),
            ast::MessageKind::FatalError => StatementKind::FatalError(parts),
        }
    }

    fn for_loop(
        &mut self,
        variable: &ast::Ident,
        range: &ast::ForRange,
        body: &ast::Stmt,
    ) -> StatementKind {
        let mark = self.scope.open();
        let checked = match range {
            ast::ForRange::Range(first, last) => {
                let lower = self.int_expression(first, "the start of a loop");
                let upper = self.int_expression(last, "the end of a loop");
                let variable = self.declare(variable, Type::Int, Role::LoopVariable, false);
                StatementKind::For {
                    variable,
                    lower,
                    upper,
                    body: self.loop_body(body),
                }
            }
            ast::ForRange::Each(container) => {
                let container = self.expression(container);
                let element = match &container.type_ {
                    Type::Unknown => Type::Unknown,
                    Type::Matrix => Type::Real,
                    type_ => type_.indexed().unwrap_or_else(|| {
                        let message =
                            format!("a value of type `{type_}` has no elements to go through");
                        let diagnostic = Diagnostic::error(container.span, message)
                            .label("expected an array, vector or matrix")
                            .help("write `1:n` to count up to `n`");
                        self.diagnostics.push(diagnostic);
                        Type::Unknown
                    }),
                };
                let depends = !self.is_data_only(&container);
                let variable = self.declare(variable, element, Role::LoopVariable, depends);
                StatementKind::ForEach {
                    variable,
                    container,
                    body: self.loop_body(body),
                }
            }
        };
        self.scope.close(mark);
        checked
    }

    fn leave_loop(&mut self, word: &str, kind: StatementKind, span: Span) -> Option<StatementKind> {
        if self.context.loops == 0 {
            self.report(
                Diagnostic::error(span, format!("`{word}` outside a loop"))
                    .label("no loop around this"),
            );
            return None;
        }
        Some(kind)
    }

    fn return_statement(&mut self, value: Option<&ast::Expr>, span: Span) -> StatementKind {
        let value = value.map(|value| self.expression(value));
        let problem = match (&self.context.function, &value) {
            (None, _) => Some((
                "`return` outside a function".to_string(),
                "nothing to return from".to_string(),
            )),
            (Some((Type::Void, _)), Some(value)) => Some((
                "a void function returns no value".to_string(),
                format!("returns `{}`", value.type_),
            )),
            (Some((expected, _)), None) if *expected != Type::Void => Some((
                "this function must return a value".to_string(),
                format!("expected `{expected}`"),
            )),
            (Some((expected, _)), Some(value)) if !value.type_.converts_to(expected) => Some((
                format!("this function returns `{expected}`"),
                format!("found `{}`, expected `{expected}`", value.type_),
            )),
            _ => None,
        };
        if let Some((message, label)) = problem {
            let place = value.as_ref().map_or(span, |value| value.span);
            self.report(Diagnostic::error(place, message).label(label));
        }
        StatementKind::Return(value)
    }

    /// The declarations of `data` or `parameters`.
    pub(super) fn only_declarations(
        &mut self,
        block: Block,
        statements: &[ast::Stmt],
    ) -> Vec<hir::Declaration> {
        self.context = super::Context::in_block(block);
        let mut declarations = Vec::new();
        for statement in statements {
            match &statement.kind {
                ast::StmtKind::Declare { ty, names } => {
                    let checked = self.declarations(ty, names).into_iter();
                    declarations.extend(checked.map(|(declaration, _)| declaration));
                }
                ast::StmtKind::Network(network) if block == Block::Parameters => {
                    declarations.extend(self.network(network));
                }
                ast::StmtKind::Network(network) => self.misplaced_network(network),
                _ => {}
            }
        }
        declarations
    }
}
