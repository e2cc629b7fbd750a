use std::sync::Arc;

use firebrand_graph::Expr;

use super::expressions::Truth;
use super::interpreter::{Interpreter, Scope, Staged, Term};
use super::lanes::Lanes;
use crate::hir::{Expression, ExpressionKind, Printable, Statement, StatementKind};
use crate::library::Requirement;
use crate::syntax::Span;
use crate::value::Value;

/// How a statement ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Next,
    Break,
    Continue,
    Return,
    /// Some lanes returned; these go on.
    Remaining(Vec<u32>),
}

impl Interpreter<'_> {
    /// Runs statements of the program's frame, outside all loops.
    pub fn run(&mut self, statements: &[Statement]) -> Result<(), super::StageError> {
        let root = self.root();
        match self.block(statements, &root) {
            Ok(_) => Ok(()),
            Err(super::interpreter::Stop::Error(error)) => Err(error),
            Err(super::interpreter::Stop::Dependence(..)) => {
                unreachable!("every loop takes its own remedies")
            }
            Err(super::interpreter::Stop::Interrupted) => {
                unreachable!("only generated quantities are interrupted")
            }
        }
    }

    pub(crate) fn block(&mut self, statements: &[Statement], scope: &Scope) -> Staged<Outcome> {
        for (position, statement) in statements.iter().enumerate() {
            match self.statement(statement, scope)? {
                Outcome::Next => {}
                Outcome::Remaining(lanes) => {
                    let inside = Lanes::inside(scope, lanes.clone());
                    return Ok(match self.block(&statements[position + 1..], &inside)? {
                        Outcome::Next => Outcome::Remaining(lanes),
                        Outcome::Remaining(inner) => Outcome::Remaining(
                            inner.iter().map(|lane| lanes[*lane as usize]).collect(),
                        ),
                        Outcome::Return => Outcome::Return,
                        Outcome::Break | Outcome::Continue => return self.one_by_one(),
                    });
                }
                ended => return Ok(ended),
            }
        }
        Ok(Outcome::Next)
    }

    fn statement(&mut self, statement: &Statement, scope: &Scope) -> Staged<Outcome> {
        let span = statement.span;
        match &statement.kind {
            StatementKind::Declare(declaration, value) => {
                let value = match value {
                    Some(value) => Some(self.evaluate(value, scope)?),
                    None => None,
                };
                self.declare(declaration, value, scope)?;
            }
            StatementKind::Assign { target, op, value } => {
                self.assign(target, *op, value, scope)?
            }
            StatementKind::TargetAdd(term) => {
                let value = self.evaluate(term, scope)?;
                self.add_value_to_target(&value, span, scope);
            }
            StatementKind::If {
                condition,
                then,
                otherwise,
            } => {
                return self.branch(condition, then, otherwise, scope);
            }
            StatementKind::For {
                variable,
                lower,
                upper,
                body,
            } => {
                return self.for_range(*variable, lower, upper, body, scope);
            }
            StatementKind::ForEach {
                variable,
                container,
                body,
            } => {
                return self.for_each(*variable, container, body, scope);
            }
            StatementKind::While { condition, body } => {
                return self.while_loop(condition, body, scope);
            }
            StatementKind::Break | StatementKind::Continue => {
                if !self.masks.is_empty() {
                    return self.unsupported(
                        span,
                        "leaving a loop under a condition on parameters is not supported yet",
                    );
                }
                return Ok(if matches!(statement.kind, StatementKind::Break) {
                    Outcome::Break
                } else {
                    Outcome::Continue
                });
            }
            StatementKind::Return(value) => {
                if self.masks.len() > self.frame().masks {
                    return self.unsupported(
                        span,
                        "returning under a condition on parameters is not supported yet",
                    );
                }
                if let Some(value) = value {
                    let value = self.evaluate(value, scope)?;
                    self.set_result(value, scope)?;
                }
                return Ok(Outcome::Return);
            }
            StatementKind::Block(body) => return self.block(body, scope),
            StatementKind::Print(parts) => {
                let text = self.printed_text(parts, scope)?;
                self.printed.push(text);
            }
            StatementKind::Reject(parts) | StatementKind::FatalError(parts) => {
                let message = self.printed_text(parts, scope)?;
                self.require(
                    Requirement {
                        met: Expr::scalar(0.0),
                        message,
                    },
                    scope,
                );
            }
            StatementKind::Call(call) => {
                if let ExpressionKind::UserCall(function, arguments) = &call.kind {
                    self.call_user_function(*function, arguments, span, scope)?;
                } else {
                    self.evaluate(call, scope)?;
                }
            }
        }
        Ok(Outcome::Next)
    }

    /// Adds the sum of a value's elements, over all lanes, to the log density.
    pub(crate) fn add_value_to_target(&mut self, value: &Value, span: Span, scope: &Scope) {
        let mut reals = value.to_reals();
        if let Some(mask) = self.mask(scope) {
            let zero = Value::real(0.0);
            reals = self.choose(&mask, &Value::Real(reals), &zero).to_reals();
        }
        let lanes = self.graph.shape(&reals)[0];
        let total = self.graph.sum_all(&reals);
        let repeats = if lanes == 1 { scope.count as f64 } else { 1.0 };
        let value = self.graph.scale(&total, repeats);
        self.target.push(Term { value, span });
    }

    fn branch(
        &mut self,
        condition: &Expression,
        then: &[Statement],
        otherwise: &[Statement],
        scope: &Scope,
    ) -> Staged<Outcome> {
        match self.condition(condition, scope)? {
            Truth::Known(values) if values.iter().all(|v| *v) => self.block(then, scope),
            Truth::Known(values) if values.iter().all(|v| !*v) => self.block(otherwise, scope),
            Truth::Known(values) => {
                let lanes_where = |wanted: bool| -> Vec<u32> {
                    (0..values.len() as u32)
                        .filter(|lane| values[*lane as usize] == wanted)
                        .collect()
                };
                let mut remaining = Vec::new();
                let mut all_go_on = true;
                for (lanes, body) in [(lanes_where(true), then), (lanes_where(false), otherwise)] {
                    let inside = Lanes::inside(scope, lanes.clone());
                    match self.block(body, &inside)? {
                        Outcome::Next => remaining.extend(lanes),
                        Outcome::Return => all_go_on = false,
                        Outcome::Remaining(inner) => {
                            all_go_on = false;
                            remaining.extend(inner.iter().map(|lane| lanes[*lane as usize]));
                        }
                        Outcome::Break | Outcome::Continue => return self.one_by_one(),
                    }
                }
                remaining.sort_unstable();
                Ok(match (all_go_on, remaining.is_empty()) {
                    (true, _) => Outcome::Next,
                    (false, true) => Outcome::Return,
                    (false, false) => Outcome::Remaining(remaining),
                })
            }
            Truth::Mask(mask) => {
                self.masks.push((mask.clone(), Arc::clone(scope)));
                let first = self.block(then, scope);
                self.masks.pop();
                first?;
                let flipped = self.flipped(&mask);
                self.masks.push((flipped, Arc::clone(scope)));
                let second = self.block(otherwise, scope);
                self.masks.pop();
                second?;
                Ok(Outcome::Next)
            }
        }
    }

    fn printed_text(&mut self, parts: &[Printable], scope: &Scope) -> Staged<String> {
        let mut text = String::new();
        for part in parts {
            match part {
                Printable::Text(part) => text.push_str(part),
                Printable::Value(expression) => match self.evaluate(expression, scope)? {
                    Value::Int(ints) => push_numbers(&mut text, ints.data.iter()),
                    Value::Real(Expr::Data(array)) => push_numbers(&mut text, array.data().iter()),
                    Value::Real(Expr::Node(_)) => text.push_str("(depends on parameters)"),
                },
            }
        }
        Ok(text)
    }
}

fn push_numbers<T: ToString>(text: &mut String, mut numbers: impl ExactSizeIterator<Item = T>) {
    if numbers.len() == 1 {
        text.push_str(&numbers.next().map(|x| x.to_string()).unwrap_or_default());
    } else {
        let numbers: Vec<String> = numbers.map(|x| x.to_string()).collect();
        text.push_str(&format!("[{}]", numbers.join(", ")));
    }
}
