//! The verdict: what the diagnostics say together, in plain words.
//!
//! A fit is bad if the mean of any parameter is off by more than 0.3 posterior standard deviations, or a standard deviation by
//! more than 30%. The thresholds for care lie below that by two to three errors of the estimates; they were set from these, before
//! any fit was seen. On 546 fits of 39 of PosteriorDB's 46 readable references, by five algorithms (mean-field with `advi` alone), none
//! of 98 bad fits was called trustworthy, and 423 of 430 with both errors within 0.2 were. The chains ran 20 transitions in 156 of
//! these fits, and ended early, as they do now, in 390. Not among them: hidden Markov models, Gaussian processes and differential
//! equations, seven posteriors and some of the hardest; and the many regressions are much alike.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Diagnosis, Drift, MomentError, MomentErrors, SumOverBatches};
use crate::driver::Ended;
use crate::minibatch::Minibatch;
use crate::placement::Precision;
use crate::start::Agreement;

/// An error of a mean, in posterior standard deviations, from which a fit is bad.
const BAD_MEAN: f64 = 0.3;
/// An error of a mean from which a fit is to be used with care: less than the bad one by the noise of its estimate.
const CARE_MEAN: f64 = 0.2;
/// The log of a ratio of standard deviations from which a fit is bad: 30%.
const BAD_LOG_SD: f64 = 0.262;
/// The log of a ratio of standard deviations from which a fit is to be used with care: 20%.
const CARE_LOG_SD: f64 = 0.182;
/// The tail shape up to which importance weights are of use.
const USABLE_K_HAT: f64 = 0.7;
/// The tail shape up to which importance weights are good evidence on their own.
const GOOD_K_HAT: f64 = 0.5;
/// The correlation of chains with their starts beyond which they have not moved enough to say anything good.
const MAX_MEMORY: f64 = 0.7;
/// The acceptance rate below which chains have not moved enough to say anything good.
const MIN_ACCEPTANCE: f64 = 0.5;
/// The fraction of invalid draws above which a fit is to be used with care, and above which it is bad.
const INVALID: (f64, f64) = (0.01, 0.2);

/// Whether a fit can be relied upon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every check passed: means and standard deviations are right within what the checks can see.
    Trustworthy,
    /// Something could not be made sure of, or is slightly wrong.
    UseWithCare {
        /// What, one clause each.
        because: Vec<String>,
    },
    /// Something is wrong.
    DoNotTrust {
        /// What, one clause each.
        because: Vec<String>,
    },
}

impl Verdict {
    /// The same, with something more to say that is no worse than a reason for care.
    pub fn with_care(mut self, because: &str) -> Self {
        match &mut self {
            Verdict::Trustworthy => {
                return Verdict::UseWithCare {
                    because: vec![because.into()],
                };
            }
            Verdict::UseWithCare { because: reasons }
            | Verdict::DoNotTrust { because: reasons } => reasons.push(because.into()),
        }
        self
    }

    /// Whether every check passed.
    pub fn is_trustworthy(&self) -> bool {
        *self == Verdict::Trustworthy
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Trustworthy => write!(f, "trustworthy"),
            Verdict::UseWithCare { because } => write!(f, "use with care: {}", because.join("; ")),
            Verdict::DoNotTrust { because } => write!(f, "do not trust: {}", because.join("; ")),
        }
    }
}

/// What speaks against a fit.
#[derive(Default)]
struct Charges {
    care: Vec<String>,
    bad: Vec<String>,
}

/// Judges a fit from how its run ended, whether its starts agreed, and its diagnosis.
pub fn judge(ended: &Ended, agreement: &Agreement, diagnosis: &Diagnosis) -> Verdict {
    let mut charges = Charges::default();
    charges.of_the_run(ended);
    charges.of_starts(agreement);
    charges.of_draws(diagnosis);
    charges.of_batches(diagnosis.batches.as_ref());
    let weights_usable = diagnosis.k_hat < USABLE_K_HAT;
    if weights_usable {
        charges.of_moments(&diagnosis.by_weights, "by importance weights");
    }
    match diagnosis.drift.as_ref().filter(|drift| conclusive(drift)) {
        Some(drift) => charges.of_moments(&drift.errors, "by Markov chains from its draws"),
        None => charges.without_chains(diagnosis),
    }
    if !charges.bad.is_empty() {
        Verdict::DoNotTrust {
            because: charges.bad,
        }
    } else if !charges.care.is_empty() {
        Verdict::UseWithCare {
            because: charges.care,
        }
    } else {
        Verdict::Trustworthy
    }
}

/// Whether chains have moved enough to vouch for a fit, and there is a quantity that they can vouch for: where a model declares
/// nothing but the weights of networks, there is none.
fn conclusive(drift: &Drift) -> bool {
    drift.memory < MAX_MEMORY
        && drift.acceptance > MIN_ACCEPTANCE
        && drift.errors.worst_mean.is_some()
}

impl Charges {
    fn of_the_run(&mut self, ended: &Ended) {
        match ended {
            Ended::Failed { because } => self.bad.push(format!("the run failed: {because}")),
            Ended::Interrupted => self.care.push("the run was interrupted".into()),
            Ended::OutOfTime => self.care.push("the run was out of time".into()),
            Ended::Converged { .. } | Ended::OutOfSteps => {}
        }
    }

    fn of_starts(&mut self, agreement: &Agreement) {
        if agreement.tried > 1 && agreement.agreed < 2 {
            self.care.push(format!(
                "only one of {} starts reached the best place found: there may be others",
                agreement.tried
            ));
        }
    }

    fn of_draws(&mut self, diagnosis: &Diagnosis) {
        let finite = diagnosis.elbo.is_finite() && diagnosis.elbo_error.is_finite();
        if !finite {
            self.bad.push(
                "its evidence lower bound is not finite: the posterior may be improper".into(),
            );
        }
        if diagnosis.is_cut {
            self.care.push(format!(
                "the check had time for {} draws alone",
                diagnosis.draws
            ));
        }
        let percent = 100.0 * diagnosis.invalid;
        let clause = format!("{percent:.1}% of its draws are outside the support of the posterior");
        if diagnosis.invalid > INVALID.1 {
            self.bad.push(clause);
        } else if diagnosis.invalid > INVALID.0 {
            self.care.push(clause);
        }
    }

    fn of_batches(&mut self, batches: Option<&SumOverBatches>) {
        if let Some(sum) = batches.filter(|sum| sum.differs()) {
            let Minibatch { plate, size } = &sum.minibatch;
            match sum.precision {
                Precision::F64 => self.bad.push(format!(
                    "at its draws the log density is no sum over the rows of {plate}, so batches of {size} say little of it: leave minibatches out"
                )),
                // Terms of a part that cancel each other may leave as much.
                Precision::F32 => self.care.push(format!(
                    "at its draws batches of {size} rows of {plate} do not add up to the log density within 32 bits: see whether they do in 64"
                )),
            }
        }
    }

    fn of_moments(&mut self, errors: &MomentErrors, how: &str) {
        let mean_clause = |worst: &MomentError| {
            let size = worst.mean.abs();
            format!(
                "the mean of {} is off by {size:.2} posterior sd, {how}",
                worst.name
            )
        };
        let sd_clause = |worst: &MomentError| {
            let percent = 100.0 * worst.log_sd.exp();
            format!(
                "the sd of {} is {percent:.0}% of the posterior's, {how}",
                worst.name
            )
        };
        if let Some(worst) = &errors.worst_mean {
            self.graded(worst.mean.abs(), CARE_MEAN, BAD_MEAN, || mean_clause(worst));
        }
        if let Some(worst) = &errors.worst_sd {
            self.graded(worst.log_sd.abs(), CARE_LOG_SD, BAD_LOG_SD, || {
                sd_clause(worst)
            });
        }
    }

    /// Charges a size that should be small; one that is not a number is the worst.
    fn graded(&mut self, size: f64, care: f64, bad: f64, clause: impl Fn() -> String) {
        if size.is_nan() || size > bad {
            self.bad.push(clause());
        } else if size > care {
            self.care.push(clause());
        }
    }

    /// Without chains that moved, only good importance weights can vouch for a fit.
    fn without_chains(&mut self, diagnosis: &Diagnosis) {
        if diagnosis.k_hat >= USABLE_K_HAT {
            self.bad.push(format!(
                "neither importance weights (k-hat {:.2}) nor Markov chains can vouch for it",
                diagnosis.k_hat
            ));
        } else if diagnosis.k_hat >= GOOD_K_HAT {
            self.care.push(format!(
                "Markov chains from its draws did not move far enough to check it, and k-hat is {:.2}",
                diagnosis.k_hat
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(mean: f64, log_sd: f64) -> MomentErrors {
        MomentErrors::worst_of([MomentError {
            name: "tau".into(),
            mean,
            log_sd,
        }])
    }

    fn good() -> Diagnosis {
        Diagnosis {
            draws: 4000,
            is_cut: false,
            invalid: 0.0,
            elbo: -10.0,
            elbo_error: 0.01,
            k_hat: 0.1,
            effective: 3500.0,
            by_weights: error(0.01, 0.01),
            scores: None,
            drift: Some(Drift {
                errors: error(0.05, 0.05),
                memory: 0.1,
                acceptance: 0.9,
                chains: 512,
                transitions: 20,
            }),
            batches: None,
        }
    }

    fn converged() -> Ended {
        Ended::Converged {
            because: "it stopped moving".into(),
        }
    }

    fn verdict(diagnosis: &Diagnosis) -> String {
        let agreement = Agreement {
            tried: 4,
            succeeded: 4,
            agreed: 3,
        };
        judge(&converged(), &agreement, diagnosis).to_string()
    }

    #[test]
    fn a_fit_that_passes_every_check_is_trustworthy() {
        assert_eq!(verdict(&good()), "trustworthy");
    }

    #[test]
    fn a_bad_tail_shape_alone_does_not_condemn_a_fit_that_chains_vouch_for() {
        let diagnosis = Diagnosis {
            k_hat: 1.2,
            by_weights: error(3.0, 2.0),
            ..good()
        };
        assert_eq!(verdict(&diagnosis), "trustworthy");
    }

    #[test]
    fn a_drift_is_named_with_its_quantity_and_size() {
        let mut diagnosis = good();
        diagnosis.drift.as_mut().unwrap().errors = error(0.25, -0.5);
        assert_eq!(
            verdict(&diagnosis),
            "do not trust: the sd of tau is 61% of the posterior's, by Markov chains from its draws"
        );
        diagnosis.drift.as_mut().unwrap().errors = error(0.25, 0.1);
        assert_eq!(
            verdict(&diagnosis),
            "use with care: the mean of tau is off by 0.25 posterior sd, by Markov chains from its draws"
        );
    }

    #[test]
    fn a_log_density_that_is_no_sum_over_its_batches_is_never_trusted() {
        let mut diagnosis = good();
        for (difference, is_trusted) in [(1e-9, true), (1e-3, false), (f64::INFINITY, false)] {
            diagnosis.batches = Some(SumOverBatches {
                minibatch: "N=32".parse().unwrap(),
                difference,
                precision: Precision::F64,
            });
            assert_eq!(verdict(&diagnosis) == "trustworthy", is_trusted);
        }
        assert!(verdict(&diagnosis).contains("no sum over the rows of N"));
        if let Some(sum) = &mut diagnosis.batches {
            sum.precision = Precision::F32;
        }
        assert!(verdict(&diagnosis).starts_with("use with care: at its draws batches of 32"));
    }

    #[test]
    fn without_weights_or_chains_nothing_vouches_for_a_fit() {
        let diagnosis = Diagnosis {
            k_hat: 0.9,
            drift: None,
            ..good()
        };
        assert_eq!(
            verdict(&diagnosis),
            "do not trust: neither importance weights (k-hat 0.90) nor Markov chains can vouch for it"
        );
    }

    #[test]
    fn chains_that_no_quantity_is_seen_of_vouch_for_nothing() {
        let mut diagnosis = good();
        diagnosis.k_hat = 4.5;
        diagnosis.drift.as_mut().unwrap().errors = MomentErrors::default();
        assert_eq!(
            verdict(&diagnosis),
            "do not trust: neither importance weights (k-hat 4.50) nor Markov chains can vouch for it"
        );
    }

    #[test]
    fn errors_that_are_not_numbers_are_never_trusted() {
        let mut diagnosis = good();
        diagnosis.drift.as_mut().unwrap().errors = error(f64::NAN, 0.0);
        assert!(verdict(&diagnosis).starts_with("do not trust"));
    }

    #[test]
    fn a_lower_bound_that_is_not_finite_is_never_trusted() {
        let diagnosis = Diagnosis {
            elbo_error: f64::INFINITY,
            ..good()
        };
        assert_eq!(
            verdict(&diagnosis),
            "do not trust: its evidence lower bound is not finite: the posterior may be improper"
        );
    }

    #[test]
    fn a_lonely_best_start_and_an_interrupted_run_call_for_care() {
        let agreement = Agreement {
            tried: 4,
            succeeded: 4,
            agreed: 1,
        };
        assert_eq!(
            judge(&Ended::Interrupted, &agreement, &good()).to_string(),
            "use with care: the run was interrupted; \
             only one of 4 starts reached the best place found: there may be others"
        );
    }

    #[test]
    fn a_failed_run_is_not_trusted_whatever_its_numbers() {
        let ended = Ended::Failed {
            because: "the sky fell".into(),
        };
        let agreement = Agreement {
            tried: 1,
            succeeded: 1,
            agreed: 1,
        };
        let verdict = judge(&ended, &agreement, &good()).to_string();
        assert_eq!(verdict, "do not trust: the run failed: the sky fell");
    }
}
