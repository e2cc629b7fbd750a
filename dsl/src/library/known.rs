//! The names of Stan's library, so that what is not supported is told apart from what is misspelt.

/// Whether Stan has a function of this name, supported here or not. `_lupdf` and `_lupmf` count as `_lpdf` and
/// `_lpmf`.
pub fn known_to_stan(name: &str) -> bool {
    let known = |name: &str| NAMES.binary_search(&name).is_ok() || LATER.contains(&name);
    match (name.strip_suffix("_lupdf"), name.strip_suffix("_lupmf")) {
        (Some(stem), _) => known(&format!("{stem}_lpdf")),
        (_, Some(stem)) => known(&format!("{stem}_lpmf")),
        _ => known(name),
    }
}

/// Every function that `stanc --dump-stan-math-signatures` lists, and those that take functions; sorted.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "Phi", "Phi_approx", "abs", "acos", "acosh", "add", "add_diag", "algebra_solver", "algebra_solver_newton",
    "append_array", "append_col", "append_row", "arg", "asin", "asinh", "atan", "atan2", "atanh", "bernoulli_cdf",
    "bernoulli_lccdf", "bernoulli_lcdf", "bernoulli_logit_glm_lpmf", "bernoulli_logit_glm_rng",
    "bernoulli_logit_lpmf", "bernoulli_logit_rng", "bernoulli_lpmf", "bernoulli_rng", "bessel_first_kind",
    "bessel_second_kind", "beta", "beta_binomial_cdf", "beta_binomial_lccdf", "beta_binomial_lcdf",
    "beta_binomial_lpmf", "beta_binomial_rng", "beta_cdf", "beta_lccdf", "beta_lcdf", "beta_lpdf",
    "beta_proportion_lccdf", "beta_proportion_lcdf", "beta_proportion_lpdf", "beta_proportion_rng", "beta_rng",
    "binary_log_loss", "binomial_cdf", "binomial_lccdf", "binomial_lcdf", "binomial_logit_glm_lpmf",
    "binomial_logit_lpmf", "binomial_lpmf", "binomial_rng", "block", "categorical_logit_glm_lpmf",
    "categorical_logit_lpmf", "categorical_logit_rng", "categorical_lpmf", "categorical_rng", "cauchy_cdf",
    "cauchy_lccdf", "cauchy_lcdf", "cauchy_lpdf", "cauchy_rng", "cbrt", "ceil", "chi_square_cdf",
    "chi_square_lccdf", "chi_square_lcdf", "chi_square_lpdf", "chi_square_rng", "chol2inv", "cholesky_decompose",
    "choose", "col", "cols", "columns_dot_product", "columns_dot_self", "complex_schur_decompose",
    "complex_schur_decompose_t", "complex_schur_decompose_u", "conj", "cos", "cosh", "crossprod", "csr_extract",
    "csr_extract_u", "csr_extract_v", "csr_extract_w", "csr_matrix_times_vector", "csr_to_dense_matrix",
    "cumulative_sum", "dae", "dae_tol", "determinant", "diag_matrix", "diag_post_multiply", "diag_pre_multiply",
    "diagonal", "digamma", "dims", "dirichlet_lpdf", "dirichlet_multinomial_lpmf", "dirichlet_multinomial_rng",
    "dirichlet_rng", "discrete_range_cdf", "discrete_range_lccdf", "discrete_range_lcdf", "discrete_range_lpmf",
    "discrete_range_rng", "distance", "divide", "dot_product", "dot_self", "double_exponential_cdf",
    "double_exponential_lccdf", "double_exponential_lcdf", "double_exponential_lpdf", "double_exponential_rng", "e",
    "eigendecompose", "eigendecompose_sym", "eigenvalues", "eigenvalues_sym", "eigenvectors", "eigenvectors_sym",
    "elt_divide", "elt_multiply", "erf", "erfc", "exp", "exp2", "exp_mod_normal_cdf", "exp_mod_normal_lccdf",
    "exp_mod_normal_lcdf", "exp_mod_normal_lpdf", "exp_mod_normal_rng", "expm1", "exponential_cdf",
    "exponential_lccdf", "exponential_lcdf", "exponential_lpdf", "exponential_rng", "falling_factorial", "fdim",
    "fft", "fft2", "floor", "fma", "fmax", "fmin", "fmod", "frechet_cdf", "frechet_lccdf", "frechet_lcdf",
    "frechet_lpdf", "frechet_rng", "gamma_cdf", "gamma_lccdf", "gamma_lcdf", "gamma_lpdf", "gamma_p", "gamma_q",
    "gamma_rng", "gaussian_dlm_obs_lpdf", "generalized_inverse", "get_imag", "get_real", "gp_dot_prod_cov",
    "gp_exp_quad_cov", "gp_exponential_cov", "gp_matern32_cov", "gp_matern52_cov", "gp_periodic_cov", "gumbel_cdf",
    "gumbel_lccdf", "gumbel_lcdf", "gumbel_lpdf", "gumbel_rng", "head", "hmm_hidden_state_prob", "hmm_latent_rng",
    "hmm_marginal", "hypergeometric_lpmf", "hypergeometric_rng", "hypot", "identity_matrix", "inc_beta", "int_step",
    "integrate_1d", "integrate_ode", "integrate_ode_adams", "integrate_ode_bdf", "integrate_ode_rk45", "inv",
    "inv_Phi", "inv_chi_square_cdf", "inv_chi_square_lccdf", "inv_chi_square_lcdf", "inv_chi_square_lpdf",
    "inv_chi_square_rng", "inv_cloglog", "inv_erfc", "inv_fft", "inv_fft2", "inv_gamma_cdf", "inv_gamma_lccdf",
    "inv_gamma_lcdf", "inv_gamma_lpdf", "inv_gamma_rng", "inv_inc_beta", "inv_logit", "inv_sqrt", "inv_square",
    "inv_wishart_cholesky_lpdf", "inv_wishart_cholesky_rng", "inv_wishart_lpdf", "inv_wishart_rng", "inverse",
    "inverse_spd", "is_inf", "is_nan", "lambert_w0", "lambert_wm1", "lbeta", "lchoose", "ldexp", "lgamma",
    "linspaced_array", "linspaced_int_array", "linspaced_row_vector", "linspaced_vector", "lkj_corr_cholesky_lpdf",
    "lkj_corr_cholesky_rng", "lkj_corr_lpdf", "lkj_corr_rng", "lkj_cov_lpdf", "lmgamma", "lmultiply", "log",
    "log10", "log1m", "log1m_exp", "log1m_inv_logit", "log1p", "log1p_exp", "log2", "log_determinant",
    "log_determinant_spd", "log_diff_exp", "log_falling_factorial", "log_inv_logit", "log_inv_logit_diff",
    "log_mix", "log_modified_bessel_first_kind", "log_rising_factorial", "log_softmax", "log_sum_exp",
    "logical_and", "logical_eq", "logical_gt", "logical_gte", "logical_lt", "logical_lte", "logical_negation",
    "logical_neq", "logical_or", "logistic_cdf", "logistic_lccdf", "logistic_lcdf", "logistic_lpdf", "logistic_rng",
    "logit", "loglogistic_cdf", "loglogistic_lpdf", "loglogistic_rng", "lognormal_cdf", "lognormal_lccdf",
    "lognormal_lcdf", "lognormal_lpdf", "lognormal_rng", "machine_precision", "map_rect", "matrix_exp",
    "matrix_exp_multiply", "matrix_power", "max", "mdivide_left", "mdivide_left_spd", "mdivide_left_tri_low",
    "mdivide_right", "mdivide_right_spd", "mdivide_right_tri_low", "mean", "min", "minus",
    "modified_bessel_first_kind", "modified_bessel_second_kind", "modulus", "multi_gp_cholesky_lpdf",
    "multi_gp_lpdf", "multi_normal_cholesky_lpdf", "multi_normal_cholesky_rng", "multi_normal_lpdf",
    "multi_normal_prec_lpdf", "multi_normal_rng", "multi_student_t_cholesky_lpdf", "multi_student_t_cholesky_rng",
    "multi_student_t_lpdf", "multi_student_t_rng", "multinomial_logit_lpmf", "multinomial_logit_rng",
    "multinomial_lpmf", "multinomial_rng", "multiply", "multiply_lower_tri_self_transpose", "neg_binomial_2_cdf",
    "neg_binomial_2_lccdf", "neg_binomial_2_lcdf", "neg_binomial_2_log_glm_lpmf", "neg_binomial_2_log_lpmf",
    "neg_binomial_2_log_rng", "neg_binomial_2_lpmf", "neg_binomial_2_rng", "neg_binomial_cdf", "neg_binomial_lccdf",
    "neg_binomial_lcdf", "neg_binomial_lpmf", "neg_binomial_rng", "negative_infinity", "norm", "norm1", "norm2",
    "normal_cdf", "normal_id_glm_lpdf", "normal_lccdf", "normal_lcdf", "normal_lpdf", "normal_rng", "not_a_number",
    "num_elements", "ode_adams", "ode_adams_tol", "ode_adjoint_tol_ctl", "ode_bdf", "ode_bdf_tol", "ode_ckrk",
    "ode_ckrk_tol", "ode_rk45", "ode_rk45_tol", "one_hot_array", "one_hot_int_array", "one_hot_row_vector",
    "one_hot_vector", "ones_array", "ones_int_array", "ones_row_vector", "ones_vector", "ordered_logistic_glm_lpmf",
    "ordered_logistic_lpmf", "ordered_logistic_rng", "ordered_probit_lpmf", "ordered_probit_rng", "owens_t",
    "pareto_cdf", "pareto_lccdf", "pareto_lcdf", "pareto_lpdf", "pareto_rng", "pareto_type_2_cdf",
    "pareto_type_2_lccdf", "pareto_type_2_lcdf", "pareto_type_2_lpdf", "pareto_type_2_rng", "pi", "plus",
    "poisson_cdf", "poisson_lccdf", "poisson_lcdf", "poisson_log_glm_lpmf", "poisson_log_lpmf", "poisson_log_rng",
    "poisson_lpmf", "poisson_rng", "polar", "positive_infinity", "pow", "prod", "proj", "qr", "qr_Q", "qr_R",
    "qr_thin", "qr_thin_Q", "qr_thin_R", "quad_form", "quad_form_diag", "quad_form_sym", "quantile", "rank",
    "rayleigh_cdf", "rayleigh_lccdf", "rayleigh_lcdf", "rayleigh_lpdf", "rayleigh_rng", "reduce_sum",
    "reduce_sum_static", "rep_array", "rep_matrix", "rep_row_vector", "rep_vector", "reverse", "rising_factorial",
    "round", "row", "rows", "rows_dot_product", "rows_dot_self", "scale_matrix_exp_multiply",
    "scaled_inv_chi_square_cdf", "scaled_inv_chi_square_lccdf", "scaled_inv_chi_square_lcdf",
    "scaled_inv_chi_square_lpdf", "scaled_inv_chi_square_rng", "sd", "segment", "sin", "singular_values", "sinh",
    "size", "skew_double_exponential_cdf", "skew_double_exponential_lccdf", "skew_double_exponential_lcdf",
    "skew_double_exponential_lpdf", "skew_double_exponential_rng", "skew_normal_cdf", "skew_normal_lccdf",
    "skew_normal_lcdf", "skew_normal_lpdf", "skew_normal_rng", "softmax", "solve_newton", "solve_newton_tol",
    "solve_powell", "solve_powell_tol", "sort_asc", "sort_desc", "sort_indices_asc", "sort_indices_desc", "sqrt",
    "sqrt2", "square", "squared_distance", "std_normal_cdf", "std_normal_lccdf", "std_normal_lcdf",
    "std_normal_log_qf", "std_normal_lpdf", "std_normal_qf", "std_normal_rng", "step", "student_t_cdf",
    "student_t_lccdf", "student_t_lcdf", "student_t_lpdf", "student_t_rng", "sub_col", "sub_row", "subtract", "sum",
    "svd", "svd_U", "svd_V", "symmetrize_from_lower_tri", "tail", "tan", "tanh", "tcrossprod", "tgamma",
    "to_array_1d", "to_array_2d", "to_complex", "to_int", "to_matrix", "to_row_vector", "to_vector", "trace",
    "trace_gen_quad_form", "trace_quad_form", "transpose", "trigamma", "trunc", "uniform_cdf", "uniform_lccdf",
    "uniform_lcdf", "uniform_lpdf", "uniform_rng", "uniform_simplex", "variance", "von_mises_cdf",
    "von_mises_lccdf", "von_mises_lcdf", "von_mises_lpdf", "von_mises_rng", "weibull_cdf", "weibull_lccdf",
    "weibull_lcdf", "weibull_lpdf", "weibull_rng", "wiener_lpdf", "wishart_cholesky_lpdf", "wishart_cholesky_rng",
    "wishart_lpdf", "wishart_rng", "zeros_array", "zeros_int_array", "zeros_row_vector", "zeros_vector",
];

/// What came after Stan 2.35.
#[rustfmt::skip]
const LATER: &[&str] = &[
    "beta_neg_binomial_cdf", "beta_neg_binomial_lccdf", "beta_neg_binomial_lcdf", "beta_neg_binomial_lpmf",
    "beta_neg_binomial_rng", "yule_simon_cdf", "yule_simon_lccdf", "yule_simon_lcdf", "yule_simon_lpmf",
    "yule_simon_rng", "laplace_marginal", "laplace_marginal_tol", "laplace_marginal_bernoulli_logit_lpmf",
    "laplace_marginal_tol_bernoulli_logit_lpmf", "laplace_marginal_neg_binomial_2_log_lpmf",
    "laplace_marginal_tol_neg_binomial_2_log_lpmf", "laplace_marginal_poisson_log_lpmf",
    "laplace_marginal_tol_poisson_log_lpmf", "laplace_latent_rng", "laplace_latent_tol_rng",
    "lower_upper_bound_constrain", "lower_bound_constrain", "upper_bound_constrain", "offset_multiplier_constrain",
    "ordered_constrain", "positive_ordered_constrain", "simplex_constrain", "stochastic_column_constrain",
    "stochastic_row_constrain", "sum_to_zero_constrain", "unit_vectors_constrain", "cholesky_factor_corr_constrain",
    "cholesky_factor_cov_constrain", "corr_matrix_constrain", "cov_matrix_constrain",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library;

    #[test]
    fn names_are_sorted() {
        assert!(NAMES.is_sorted());
    }

    #[test]
    fn every_function_here_is_one_of_stans() {
        let unknown: Vec<_> = library::names()
            .into_iter()
            .filter(|name| !known_to_stan(name))
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn unnormalised_forms_are_known_by_their_normalised_ones() {
        assert!(known_to_stan("wiener_lupdf") && known_to_stan("multinomial_logit_lupmf"));
        assert!(!known_to_stan("wiener_lupmf") && !known_to_stan("normal_lpdff"));
    }
}
