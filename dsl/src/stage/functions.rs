//! Calls of the program's own functions: run in place, in the caller's lanes.

use std::sync::Arc;

use super::interpreter::{Frame, Interpreter, Scope, Staged};
use super::statements::Outcome;
use super::storage::Variable;
use crate::hir::Expression;
use crate::syntax::Span;
use crate::types::Type;
use crate::value::Value;

/// Calls within calls deeper than this end in an error.
const DEEPEST_CALL: usize = 200;

impl Interpreter<'_> {
    /// The value that the function returns; none for one that returns nothing.
    pub(crate) fn call_user_function(
        &mut self,
        function: usize,
        arguments: &[Expression],
        span: Span,
        scope: &Scope,
    ) -> Staged<Option<Value>> {
        let mut values = Vec::with_capacity(arguments.len());
        let names = &self.program.functions[function].variables;
        for (argument, variable) in arguments.iter().zip(names) {
            let value = self.evaluate(argument, scope)?;
            values.push(match variable.type_.scalar() {
                Type::Int => value,
                _ => Value::Real(value.to_reals()),
            });
        }
        self.call_with_values(function, values, span, scope)
    }

    /// The same, of arguments that are values already.
    pub(crate) fn call_with_values(
        &mut self,
        function: usize,
        arguments: Vec<Value>,
        span: Span,
        scope: &Scope,
    ) -> Staged<Option<Value>> {
        let program = self.program;
        let function = &program.functions[function];
        if self.frames.len() >= DEEPEST_CALL {
            return self.fail(
                span,
                format!("calls of {} go deeper than {DEEPEST_CALL}", function.name),
            );
        }
        let mut variables: Vec<Option<Variable>> = vec![None; function.variables.len()];
        for (slot, value) in arguments.into_iter().enumerate() {
            variables[slot] = Some(Variable::holding(value, &self.graph, scope));
        }
        self.frames.push(Frame {
            variables,
            names: Arc::new(function.variables.clone()),
            result: None,
            scope: Arc::clone(scope),
            masks: self.masks.len(),
        });
        let outcome = self.block(&function.body, scope);
        let frame = self.frames.pop();
        let outcome = outcome?;
        if function.returns == Type::Void {
            return Ok(None);
        }
        match (outcome, frame.and_then(|frame| frame.result)) {
            (Outcome::Return, Some(mut result)) => Ok(Some(result.whole(&mut self.graph))),
            _ => self.fail(
                span,
                format!("{} ended without returning a value", function.name),
            ),
        }
    }

    /// What the running function returns in the given lanes.
    pub(crate) fn set_result(&mut self, value: Value, scope: &Scope) -> Staged<()> {
        let call = Arc::clone(&self.frame().scope);
        if call.depth == scope.depth && self.frame().result.is_none() {
            self.frame().result = Some(Variable::holding(value, &self.graph, &call));
            return Ok(());
        }
        let dims = value.dims(&self.graph);
        let is_int = matches!(value, Value::Int(_));
        let position = self.frames.len() - 1;
        let result = self.frames[position]
            .result
            .get_or_insert_with(|| Variable::undefined(dims.clone(), is_int, &call));
        if result.dims != dims || result.is_int != is_int {
            // Sizes that differ between lanes.
            return self.one_by_one();
        }
        let size = result.size() as u32;
        let origin = scope.origin_at(call.depth);
        let offsets: Vec<u32> = origin
            .iter()
            .flat_map(|lane| (0..size).map(move |i| lane * size + i))
            .collect();
        result.write(&mut self.graph, &offsets, &value);
        Ok(())
    }
}
