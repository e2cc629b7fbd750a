//! Truncated distributions against their densities written out by hand.

use firebrand_core::{Batch, Placement, Target, to_host};
use firebrand_dsl::{Data, Model};

/// The log density of a model of one real parameter `x`, with its score, at each point; -inf and 0 where rejected.
fn evaluate(statement: &str, points: &[f64]) -> Vec<(f64, f64)> {
    let text = format!(
        "transformed data {{ array[3] real y = {{0.5, 1.5, 0.7}}; int n = 2; }}
         parameters {{ real x; }}
         model {{ {statement} }}"
    );
    let placement = Placement::cpu();
    let model = Model::parse("model.stan", &text).unwrap();
    let posterior = model.compile(&Data::empty(), &placement).unwrap();
    let theta = placement.matrix(points.to_vec(), [points.len(), 1]);
    let result = posterior
        .log_density_and_score(&theta, &Batch::Full)
        .unwrap();
    to_host(&result.log_density)
        .into_iter()
        .zip(to_host(&result.score))
        .collect()
}

fn agree(truncated: &str, written_out: &str) {
    let points = [-0.4, 0.2, 0.9, 1.3];
    for (found, expected) in evaluate(truncated, &points)
        .into_iter()
        .zip(evaluate(written_out, &points))
    {
        for (found, expected) in [(found.0, expected.0), (found.1, expected.1)] {
            let close =
                found == expected || (found - expected).abs() <= 1e-12 * expected.abs().max(1.0);
            assert!(close, "{truncated}: {found} where {expected} is expected");
        }
    }
}

#[test]
fn the_density_is_divided_by_the_mass_between_the_ends() {
    agree(
        "2 ~ normal(x, 3) T[1, ];",
        "target += normal_lpdf(2 | x, 3) - normal_lccdf(1 | x, 3);",
    );
    agree(
        "2 ~ normal(x, 3) T[, 4];",
        "target += normal_lpdf(2 | x, 3) - normal_lcdf(4 | x, 3);",
    );
    agree(
        "2 ~ normal(x, 3) T[1, 4];",
        "target += normal_lpdf(2 | x, 3) - log_diff_exp(normal_lcdf(4 | x, 3), normal_lcdf(1 | x, 3));",
    );
    agree("2 ~ normal(x, 3) T[, ];", "2 ~ normal(x, 3);");
}

#[test]
fn values_outside_the_ends_have_no_density() {
    agree("2 ~ normal(x, 3) T[3, ];", "target += negative_infinity();");
    agree("y ~ normal(x, 3) T[, 1];", "target += negative_infinity();");
    // By draw, where the value is a parameter.
    agree(
        "x ~ normal(0, 1) T[0, 1];",
        "if (x < 0 || x > 1) target += negative_infinity();
         else x ~ normal(0, 1);
         target += -log_diff_exp(normal_lcdf(1 | 0, 1), normal_lcdf(0 | 0, 1));",
    );
}

#[test]
fn every_value_of_a_container_is_truncated() {
    agree(
        "y ~ normal(x, 3) T[0, 2];",
        "for (i in 1:3) y[i] ~ normal(x, 3) T[0, 2];",
    );
    agree(
        "y ~ normal(x, {1, 2, 3}) T[0, ];",
        "for (i in 1:3) y[i] ~ normal(x, i) T[0, ];",
    );
}

#[test]
fn the_ends_of_ints_are_inside() {
    let prior = "x ~ normal(0, 1);";
    // One is all that is left, and then it is certain.
    agree(
        &format!("1 ~ bernoulli(inv_logit(x)) T[1, ]; {prior}"),
        prior,
    );
    agree(
        &format!("1 ~ bernoulli(inv_logit(x)) T[0, 1]; {prior}"),
        &format!("1 ~ bernoulli(inv_logit(x)); {prior}"),
    );
}
