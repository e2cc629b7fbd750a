//! Densities, masses and cumulative functions.

use super::*;

/// Of the value: rounding in the densities' own formulas, a few of which cancel (lgamma of large arguments).
const VALUE: f64 = 2e-13;
/// Of each derivative.
const GRADIENT: f64 = 1e-11;

#[test]
fn values_are_those_of_the_definitions() {
    let mut wrong = Vec::new();
    for row in fixture("distributions.json") {
        let arguments: Vec<_> = row.arguments.iter().map(argument).collect();
        let (got, want) = (scalar(&row.name, &arguments), number(&row.value));
        if !close(got, want, VALUE) {
            wrong.push(format!(
                "{}{:?}: {got}, not {want}",
                row.name, row.arguments
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn values_and_gradients_of_parameters_are_those_of_the_definitions() {
    let mut wrong = Vec::new();
    for row in fixture("distributions.json") {
        let Some(gradient) = row.gradient else {
            continue;
        };
        let arguments: Vec<_> = row.arguments.iter().map(argument).collect();
        let (value, rejected, got) = differentiate(&row.name, &arguments);
        let want = number(&row.value);
        let same = got
            .iter()
            .zip(&gradient)
            .all(|(got, want)| close(*got, *want, GRADIENT));
        if rejected || !close(value, want, VALUE) || !same || got.len() != gradient.len() {
            wrong.push(format!(
                "{}{:?}: {value} not {want}, {got:?} not {gradient:?}",
                row.name, row.arguments
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
