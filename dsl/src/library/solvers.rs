//! The solvers of differential equations: functions that take a function.

use firebrand_graph::Method;

/// A solver of ordinary differential equations.
#[derive(Debug, PartialEq)]
pub struct Solver {
    /// The name in the source.
    pub name: &'static str,
    /// How it solves.
    pub method: Method,
    /// What it takes.
    pub form: Form,
    /// Relative and absolute tolerance, where the call names none.
    pub tolerance: f64,
    /// Steps at most from one time to the next, where the call names none.
    pub most_steps: u64,
}

/// The arguments of a solver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `(f, state, initial_time, times, ...)`
    Current,
    /// `(f, state, initial_time, times, relative_tolerance, absolute_tolerance, max_steps, ...)`
    WithTolerances,
    /// `(f, state, initial_time, times, relative_tolerance, absolute_tolerances, relative_tolerance_backward,
    /// absolute_tolerances_backward, relative_tolerance_quadrature, absolute_tolerance_quadrature, max_steps,
    /// steps_between_checkpoints, interpolation, solver_forward, solver_backward, ...)`
    Adjoint,
    /// `(f, state, initial_time, times, parameters, x_r, x_i)`, and perhaps the tolerances
    Older,
}

impl Solver {
    const fn explicit(name: &'static str, form: Form) -> Solver {
        Solver {
            name,
            method: Method::Explicit,
            form,
            tolerance: 1e-6,
            most_steps: 1_000_000,
        }
    }

    /// One with the defaults of Stan's multistep methods.
    const fn multistep(name: &'static str, method: Method, form: Form) -> Solver {
        Solver {
            name,
            method,
            form,
            tolerance: 1e-10,
            most_steps: 100_000_000,
        }
    }

    /// How it is called, for messages.
    pub fn usage(&self) -> String {
        let name = self.name;
        match self.form {
            Form::Current => {
                format!(
                    "array[] vector {name}(f, vector state, real time, array[] real times, ...)"
                )
            }
            Form::WithTolerances => format!(
                "array[] vector {name}(f, vector state, real time, array[] real times,\n    data real relative, data real absolute, int steps, ...)"
            ),
            Form::Adjoint => format!(
                "array[] vector {name}(f, vector state, real time, array[] real times,\n    data real relative, data vector absolute, data real relative_backward, data vector absolute_backward,\n    data real relative_quadrature, data real absolute_quadrature, int steps, int checkpoint, int interpolation,\n    int forward, int backward, ...)"
            ),
            Form::Older => format!(
                "array[,] real {name}(f, array[] real state, real time, array[] real times, array[] real parameters,\n    data array[] real x_r, array[] int x_i)"
            ),
        }
    }
}

/// Every solver. Cash and Karp's method and that of Adams are for equations that are not stiff, as Dormand and Prince's is, which
/// takes their place; Radau IIA takes that of the backward differentiation formulas. Derivatives are sensitivities that are solved
/// forwards, so of the adjoint solver's settings those of its backward solve and its checkpoints have no meaning.
const SOLVERS: &[Solver] = &[
    Solver::explicit("ode_rk45", Form::Current),
    Solver::explicit("ode_rk45_tol", Form::WithTolerances),
    Solver::explicit("ode_ckrk", Form::Current),
    Solver::explicit("ode_ckrk_tol", Form::WithTolerances),
    Solver::multistep("ode_adams", Method::Explicit, Form::Current),
    Solver::multistep("ode_adams_tol", Method::Explicit, Form::WithTolerances),
    Solver::multistep("ode_bdf", Method::Implicit, Form::Current),
    Solver::multistep("ode_bdf_tol", Method::Implicit, Form::WithTolerances),
    Solver::multistep("ode_adjoint_tol_ctl", Method::Implicit, Form::Adjoint),
    Solver::explicit("integrate_ode", Form::Older),
    Solver::explicit("integrate_ode_rk45", Form::Older),
    Solver::multistep("integrate_ode_adams", Method::Explicit, Form::Older),
    Solver::multistep("integrate_ode_bdf", Method::Implicit, Form::Older),
];

/// The solver of this name.
pub fn solver(name: &str) -> Option<&'static Solver> {
    SOLVERS.iter().find(|solver| solver.name == name)
}
