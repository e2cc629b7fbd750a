//! Derivatives with respect to parameters, by the reverse pass, are those of the values of known arguments.

use proptest::prelude::*;

use super::*;

/// What a random argument is: `l`ocation (negative), `p`ositive, `u`nit interval, `s`mall and positive, `y` between 5
/// and 9, `b`inary, a `c`ount, and a `t`otal that is at least as large.
const FUNCTIONS: &[(&str, &str)] = &[
    ("normal_lpdf", "llp"),
    ("std_normal_lpdf", "l"),
    ("student_t_lpdf", "lplp"),
    ("cauchy_lpdf", "llp"),
    ("logistic_lpdf", "llp"),
    ("double_exponential_lpdf", "ylp"),
    ("gumbel_lpdf", "llp"),
    ("skew_normal_lpdf", "llpl"),
    ("exp_mod_normal_lpdf", "llpp"),
    ("skew_double_exponential_lpdf", "ylpu"),
    ("gamma_lpdf", "ppp"),
    ("inv_gamma_lpdf", "ppp"),
    ("exponential_lpdf", "pp"),
    ("lognormal_lpdf", "plp"),
    ("weibull_lpdf", "spp"),
    ("frechet_lpdf", "ppp"),
    ("chi_square_lpdf", "pp"),
    ("inv_chi_square_lpdf", "pp"),
    ("scaled_inv_chi_square_lpdf", "ppp"),
    ("rayleigh_lpdf", "pp"),
    ("pareto_lpdf", "yup"),
    ("pareto_type_2_lpdf", "ylpp"),
    ("loglogistic_lpdf", "ppp"),
    ("beta_lpdf", "upp"),
    ("beta_proportion_lpdf", "uup"),
    ("uniform_lpdf", "uly"),
    ("von_mises_lpdf", "llp"),
    ("bernoulli_lpmf", "bu"),
    ("bernoulli_logit_lpmf", "bl"),
    ("binomial_lpmf", "ctu"),
    ("binomial_logit_lpmf", "ctl"),
    ("beta_binomial_lpmf", "ctpp"),
    ("poisson_lpmf", "cp"),
    ("poisson_log_lpmf", "cl"),
    ("neg_binomial_lpmf", "cpp"),
    ("neg_binomial_2_lpmf", "cpp"),
    ("neg_binomial_2_log_lpmf", "clp"),
    ("normal_lcdf", "llp"),
    ("normal_lccdf", "llp"),
    ("lognormal_lccdf", "plp"),
    ("logistic_lcdf", "llp"),
    ("cauchy_lccdf", "llp"),
    ("gumbel_lccdf", "llp"),
    ("exponential_lcdf", "pp"),
    ("weibull_lcdf", "spp"),
    ("frechet_lccdf", "ppp"),
    ("rayleigh_lcdf", "pp"),
    ("pareto_lcdf", "yup"),
    ("uniform_lcdf", "sly"),
    ("log_mix", "ull"),
    ("log_diff_exp", "yl"),
    ("log_inv_logit_diff", "yl"),
    ("lbeta", "pp"),
    ("hypot", "ll"),
    ("atan2", "yl"),
    ("pow", "pl"),
    ("lmultiply", "lp"),
];

fn random_argument(kind: char) -> BoxedStrategy<Argument> {
    match kind {
        'l' => (-3.0..0.0).prop_map(real).boxed(),
        'p' => (-1.0..1.5).prop_map(|x: f64| real(x.exp())).boxed(),
        'u' => (0.1..0.9).prop_map(real).boxed(),
        's' => (0.1..0.8).prop_map(real).boxed(),
        'y' => (5.0..9.0).prop_map(real).boxed(),
        'b' => (0..=1_i64).prop_map(int).boxed(),
        'c' => (0..=12_i64).prop_map(int).boxed(),
        't' => (12..=40_i64).prop_map(int).boxed(),
        _ => unreachable!("no kind {kind}"),
    }
}

fn random_call() -> impl Strategy<Value = (&'static str, Vec<Argument>)> {
    (0..FUNCTIONS.len()).prop_flat_map(|i| {
        let (name, kinds) = FUNCTIONS[i];
        let arguments: Vec<_> = kinds.chars().map(random_argument).collect();
        (Just(name), arguments)
    })
}

/// The argument's number, if it is a real.
fn real_of(Argument(value, _): &Argument) -> Option<f64> {
    match value {
        Value::Int(_) => None,
        Value::Real(x) => x.as_data().map(|x| x.data()[0]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn reverse_pass_agrees_with_finite_differences((name, arguments) in random_call()) {
        let (value, rejected, gradient) = differentiate(name, &arguments);
        prop_assert!(!rejected && value.is_finite(), "{} {}", name, value);
        prop_assert!(close(value, scalar(name, &arguments), 1e-12), "{}", name);
        let reals = (0..arguments.len()).filter_map(|i| real_of(&arguments[i]).map(|x| (i, x)));
        for ((i, x), got) in reals.zip(gradient) {
            let shifted = |step: f64| {
                let mut arguments = arguments.clone();
                arguments[i] = real(x + step);
                scalar(name, &arguments)
            };
            // Of fourth order, so that truncation and rounding are both far below the tolerance.
            let h = 1e-3 * x.abs().clamp(0.1, 1.0);
            let want = (8.0 * (shifted(h) - shifted(-h)) - (shifted(2.0 * h) - shifted(-2.0 * h))) / (12.0 * h);
            prop_assert!(close(got, want, 1e-7 * (1.0 + value.abs())), "{} {}: {} not {}", name, i, got, want);
        }
    }
}
