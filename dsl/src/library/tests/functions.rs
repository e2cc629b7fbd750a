//! Functions that are not distributions, and distributions of several numbers.

use super::*;

#[test]
fn values_and_gradients_are_those_of_the_definitions() {
    let wrong = wrong_rows("functions.json", 2e-13, 1e-11);
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
