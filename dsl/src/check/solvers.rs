//! Calls of solvers of differential equations, whose first argument is a function.

use super::overloads::{Callee, Resolution};
use super::suffix::Suffix;
use super::{Checker, unknown};
use crate::diagnostics::Diagnostic;
use crate::hir::{self, ExpressionKind};
use crate::library::{Form, Solver};
use crate::syntax::{Span, ast};
use crate::types::Type;

/// Arguments of a solver between the function and those that are passed on to it.
const LEADING: usize = 3;

impl Checker {
    pub(super) fn solver_call(
        &mut self,
        solver: &'static Solver,
        args: &[ast::Expr],
        span: Span,
    ) -> hir::Expression {
        let Some((function, rest)) = args.split_first() else {
            return self.misused(solver, span, "found no arguments");
        };
        let args: Vec<hir::Expression> = rest.iter().map(|arg| self.expression(arg)).collect();
        let ast::ExprKind::Variable(function) = &function.kind else {
            return self.misused(solver, function.span, "expected the name of a function");
        };
        let name = &function.name;
        if !self.functions.iter().any(|known| known.name == *name) {
            let own = self.functions.iter().map(|known| known.name.as_str());
            let message = format!("there is no function `{name}` in the functions block");
            let diagnostic = Diagnostic::error(function.span, message)
                .label("not known")
                .suggest(name, own);
            return self.wrong(diagnostic, span);
        }
        if matches!(Suffix::of(name), Suffix::Rng | Suffix::Lp) {
            let message = format!("`{name}` draws random numbers or adds to the log density");
            let diagnostic = Diagnostic::error(function.span, message)
                .label("cannot be a differential equation");
            return self.wrong(diagnostic, span);
        }
        let types: Vec<Type> = args.iter().map(|arg| arg.type_.clone()).collect();
        if types.contains(&Type::Unknown) || self.is_refused(name) {
            return unknown(span);
        }
        let Some((tolerances, passed)) = split(solver.form, &types) else {
            let list: Vec<String> = types.iter().map(Type::to_string).collect();
            return self.misused(solver, span, &format!("found (f, {})", list.join(", ")));
        };
        let state = state_type(solver.form);
        let mut taken = vec![Type::Real, state.clone()];
        taken.extend(types[passed.clone()].iter().cloned());
        let Resolution::Found(Callee::User(number), returns) = self.resolve(name, &taken) else {
            let list: Vec<String> = taken.iter().map(Type::to_string).collect();
            let message = format!(
                "`{}` calls `{name}` with ({})",
                solver.name,
                list.join(", ")
            );
            let usages: Vec<String> = self
                .functions
                .iter()
                .filter(|f| f.name == *name)
                .map(|f| f.usage())
                .collect();
            let diagnostic = Diagnostic::error(function.span, message)
                .label("does not take these arguments")
                .note(format!("expected\n{}", usages.join("\n")));
            return self.wrong(diagnostic, span);
        };
        if returns != state {
            let message = format!("`{name}` must return the derivative of the state, a `{state}`");
            let diagnostic =
                Diagnostic::error(function.span, message).label(format!("returns `{returns}`"));
            return self.wrong(diagnostic, span);
        }
        let must_be_data = match solver.form {
            // All but the parameters.
            Form::Older => &args[passed.start + 1..],
            _ => &args[LEADING..passed.start],
        };
        let params = &self.functions[number].params;
        let declared_data = args[passed.clone()]
            .iter()
            .zip(params.iter().skip(2))
            .filter(|(_, param)| param.data_only)
            .map(|(arg, _)| arg);
        let must_be_data: Vec<Span> = must_be_data
            .iter()
            .chain(declared_data)
            .filter(|arg| !self.is_data_only(arg))
            .map(|arg| arg.span)
            .collect();
        for span in must_be_data {
            let message = format!("this argument of `{}` must be data", solver.name);
            self.report(Diagnostic::error(span, message).label("may depend on parameters"));
        }
        let mut args: Vec<Option<hir::Expression>> = args.into_iter().map(Some).collect();
        let mut take = |i: usize| args[i].take().unwrap_or_else(|| unknown(span));
        let [state_value, initial_time, times] = std::array::from_fn(&mut take);
        let tolerances = tolerances.map(|positions: Tolerances| Box::new(positions.map(&mut take)));
        let arguments = passed.map(take).collect();
        hir::Expression {
            kind: ExpressionKind::Solve(Box::new(hir::Solve {
                solver,
                function: number,
                state: state_value,
                initial_time,
                times,
                tolerances,
                arguments,
            })),
            type_: state.array(),
            span,
        }
    }

    fn misused(&mut self, solver: &Solver, span: Span, found: &str) -> hir::Expression {
        let message = format!("`{}` does not take these arguments", solver.name);
        let diagnostic = Diagnostic::error(span, message)
            .label(found)
            .note(format!("expected\n{}", solver.usage()));
        self.wrong(diagnostic, span)
    }
}

fn state_type(form: Form) -> Type {
    match form {
        Form::Older => Type::Real.array(),
        Form::Current | Form::WithTolerances | Form::Adjoint => Type::Vector,
    }
}

type Positions = std::ops::Range<usize>;

/// Where relative tolerance, absolute tolerance and number of steps are.
type Tolerances = [usize; 3];

/// Which of the arguments (the function not counted) are tolerances, and which are passed on to the function; `None` where their
/// types are not what the solver takes.
fn split(form: Form, types: &[Type]) -> Option<(Option<Tolerances>, Positions)> {
    let leading = [state_type(form), Type::Real, Type::Real.array()];
    let fit = |expected: &[Type], first: usize| {
        types.len() >= first + expected.len()
            && types[first..]
                .iter()
                .zip(expected)
                .all(|(found, expected)| found.converts_to(expected))
    };
    if !fit(&leading, 0) {
        return None;
    }
    let tolerances = [Type::Real, Type::Real, Type::Int];
    match form {
        Form::Current => Some((None, LEADING..types.len())),
        Form::WithTolerances => fit(&tolerances, LEADING).then_some((
            Some(std::array::from_fn(|i| LEADING + i)),
            LEADING + 3..types.len(),
        )),
        Form::Adjoint => {
            let (real, vector, int) = (Type::Real, Type::Vector, Type::Int);
            let settings = [
                [&real, &vector, &real, &vector, &real, &real].as_slice(),
                &[&int; 5],
            ]
            .concat();
            let settings: Vec<Type> = settings.into_iter().cloned().collect();
            fit(&settings, LEADING).then_some((
                Some([LEADING, LEADING + 1, LEADING + 6]),
                LEADING + settings.len()..types.len(),
            ))
        }
        Form::Older => {
            let passed = [Type::Real.array(), Type::Real.array(), Type::Int.array()];
            let after = LEADING + passed.len();
            // The number of steps may be written as a real here: `1e6`.
            let with =
                types.len() == after + 3 && fit(&[Type::Real, Type::Real, Type::Real], after);
            let tolerances = std::array::from_fn(|i| after + i);
            (fit(&passed, LEADING) && (types.len() == after || with))
                .then(|| (with.then_some(tolerances), LEADING..after))
        }
    }
}
