//! Functions of Stan that are refused with more than "not supported": those that take functions,
//! and those that were removed.

use crate::library::known_to_stan;

/// What a function that takes functions is called in messages, if it is one.
pub(super) fn functional(name: &str) -> Option<&'static str> {
    let families = [
        ("ode_", "the differential equation solver"),
        ("integrate_1d", "the quadrature function"),
        ("dae", "the differential-algebraic equation solver"),
        ("solve_", "the algebraic equation solver"),
        ("algebra_solver", "the algebraic equation solver"),
        ("map_rect", "the parallel map"),
    ];
    let is_solver = |family: &str| name.starts_with(family) && known_to_stan(name);
    families
        .iter()
        .find(|(family, _)| is_solver(family))
        .map(|(_, words)| *words)
}

/// Whether this is a sum in parallel.
pub(super) fn is_partial_sum(name: &str) -> bool {
    matches!(name, "reduce_sum" | "reduce_sum_static")
}

/// What took the place of a function that was removed from Stan.
pub(super) fn replacement(name: &str) -> Option<&'static str> {
    Some(match name {
        "fabs" => "abs(x)",
        "if_else" => "condition ? a : b",
        "get_lp" => "target()",
        "increment_log_prob" => "target += x",
        "multiply_log" => "lmultiply(x, y)",
        "binomial_coefficient_log" => "lchoose(n, k)",
        "cov_exp_quad" => "gp_exp_quad_cov(x, alpha, rho)",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solvers_are_known_by_their_family() {
        let implicit = functional("dae_tol");
        assert_eq!(implicit, Some("the differential-algebraic equation solver"));
        assert_eq!(functional("ode_foo"), None);
        assert_eq!(
            functional("solve_newton_tol"),
            Some("the algebraic equation solver")
        );
    }
}
