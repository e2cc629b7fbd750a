//! Parameters that are set and read, states that are saved and restored, and copies.

use firebrand_core::{Approximation, FamilyError, to_host};

use super::drawn::draws;
use crate::report::{Check, Worst};

/// A copy whose parameters are others.
fn elsewhere(q: &dyn Approximation) -> Result<Box<dyn Approximation>, FamilyError> {
    let other: Vec<f64> = to_host(&q.lambda()).iter().map(|l| 0.5 * l + 0.1).collect();
    let mut copy = q.clone_box();
    copy.set_lambda(&q.placement().vector(&other))?;
    Ok(copy)
}

fn compare(worst: &mut Worst, found: &[f64], expected: &[f64]) {
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let scale = expected.abs().max(1.0);
        worst.close(*found, *expected, scale, || {
            format!("number {i} of the draws")
        });
    }
}

/// Lambda that is read from one member and set in another gives the same draws, up to rounding.
pub fn lambda_survives_being_set(q: &dyn Approximation) -> Check {
    let identity = "lambda that is set gives the same draws";
    let mut worst = Worst::new(identity, 1e-12);
    let measured = || {
        let mut other = elsewhere(q)?;
        other.set_lambda(&q.lambda())?;
        compare(&mut worst, &draws(other.as_ref(), 5)?.1, &draws(q, 5)?.1);
        Ok(worst)
    };
    Worst::of(identity, measured())
}

/// A state that was saved gives the same draws, bit for bit; one that was cut is refused.
pub fn a_saved_state_is_restored(q: &dyn Approximation) -> Check {
    let identity = "a saved state gives the same bits";
    let mut worst = Worst::new(identity, 0.0);
    let measured = || {
        let mut other = elsewhere(q)?;
        let mut state = q.save();
        other.restore(&state)?;
        compare(&mut worst, &draws(other.as_ref(), 5)?.1, &draws(q, 5)?.1);
        state.pop();
        worst.holds(other.restore(&state).is_err(), || {
            "a state that was cut is accepted".into()
        });
        Ok(worst)
    };
    Worst::of(identity, measured())
}

/// What is done to a copy leaves the member as it was.
pub fn copies_are_independent(q: &dyn Approximation) -> Check {
    let identity = "a copy shares nothing with the member";
    let mut worst = Worst::new(identity, 0.0);
    let measured = || {
        let before = draws(q, 5)?.1;
        let other = draws(elsewhere(q)?.as_ref(), 5)?.1;
        compare(&mut worst, &draws(q, 5)?.1, &before);
        worst.holds(other != before, || {
            "other parameters give a copy the same draws".into()
        });
        Ok(worst)
    };
    Worst::of(identity, measured())
}
