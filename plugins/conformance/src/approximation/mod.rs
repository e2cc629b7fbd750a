//! The identities of a member of a variational family. Each function takes the member and measures how far it is from one.

mod averages;
mod derivatives;
mod drawn;
mod quadrature;
mod state;

use firebrand_core::Approximation;

use crate::report::Report;

pub use averages::{
    draws_have_the_density, the_density_is_normalised, the_score_has_mean_zero,
    the_score_has_the_covariance_with_draws_of_stein, the_weights_of_draws_sum_to_one,
};
pub use derivatives::{
    the_pullback_of_log_prob_is_its_derivative, the_pullback_of_sample_is_its_derivative,
    the_pullback_of_score_is_its_derivative, the_score_is_the_gradient_of_the_log_density,
};
pub use quadrature::the_gradient_of_an_expectation_is_that_of_quadrature;
pub use state::{a_saved_state_is_restored, copies_are_independent, lambda_survives_being_set};

/// All of the identities that hold for a member in any dimension. Those of scores are left out where the family has none.
pub fn report(q: &dyn Approximation, has_score: bool) -> Report {
    let mut report = Report::default();
    if has_score {
        report.add([
            the_score_is_the_gradient_of_the_log_density(q),
            the_pullback_of_score_is_its_derivative(q),
            the_score_has_mean_zero(q),
            the_score_has_the_covariance_with_draws_of_stein(q),
        ]);
    }
    report.add([
        the_pullback_of_sample_is_its_derivative(q),
        the_pullback_of_log_prob_is_its_derivative(q),
        the_density_is_normalised(q),
        draws_have_the_density(q),
        the_weights_of_draws_sum_to_one(q),
        lambda_survives_being_set(q),
        a_saved_state_is_restored(q),
        copies_are_independent(q),
    ]);
    if q.dimension() == 1 {
        report.add([the_gradient_of_an_expectation_is_that_of_quadrature(q)]);
    }
    report
}

/// All of the identities of a member that has a score.
///
/// # Panics
/// If one does not hold.
#[track_caller]
pub fn check(q: &dyn Approximation) {
    report(q, true).assert();
}
