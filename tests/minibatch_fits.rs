//! Fits on minibatches land where fits on all data do.

use firebrand::core::{FitOptions, Placement, Stream, normals};
use firebrand::dsl::{Data, Model, Posterior};
use firebrand::{Ended, Fitted};

/// A logistic regression with rows from the model itself.
fn regression(rows: usize, columns: usize) -> Posterior {
    let model = "
        data {
          int N, K;
          matrix[N, K] x;
          array[N] int<lower=0, upper=1> y;
        }
        parameters {
          real alpha;
          vector[K] beta;
        }
        model {
          alpha ~ normal(0, 2);
          beta ~ normal(0, 1);
          y ~ bernoulli_logit(alpha + x * beta);
        }";
    let x = normals(1, Stream::Other(1), 0, rows * columns);
    let uniform = normals(1, Stream::Other(1), 1, rows);
    let mut y = Vec::new();
    let mut lines = Vec::new();
    for (row, uniform) in x.chunks(columns).zip(uniform) {
        let eta: f64 = 0.4
            + row
                .iter()
                .enumerate()
                .map(|(k, x)| 0.5 * (k as f64).cos() * x)
                .sum::<f64>();
        // A logistic variable of about this noise.
        y.push(u8::from(eta + 1.7 * uniform > 0.0).to_string());
        let numbers: Vec<String> = row.iter().map(f64::to_string).collect();
        lines.push(format!("[{}]", numbers.join(",")));
    }
    let data = format!(
        r#"{{"N": {rows}, "K": {columns}, "x": [{}], "y": [{}]}}"#,
        lines.join(","),
        y.join(",")
    );
    let model = Model::parse("model.stan", model).unwrap();
    let data = Data::from_json(&data).unwrap();
    model
        .compile_with_plate(&data, &Placement::cpu(), "N")
        .unwrap()
}

fn fitted(posterior: &Posterior, inference: &str, family: &str, minibatch: Option<&str>) -> Fitted {
    let options = FitOptions {
        minibatch: minibatch.map(|text| text.parse().unwrap()),
        ..FitOptions::default()
    };
    let fitting = firebrand::fit(posterior)
        .inference(inference)
        .family(family)
        .options(options);
    fitting.run().unwrap()
}

/// How far means are, in standard deviations, and standard deviations, relative: the worst of each.
fn distance(found: &Fitted, expected: &Fitted) -> (f64, f64) {
    let (mut mean, mut deviation) = (0.0f64, 0.0f64);
    for (found, expected) in found.summary.iter().zip(&expected.summary) {
        mean = mean.max(((found.mean - expected.mean) / expected.sd).abs());
        deviation = deviation.max((found.sd / expected.sd - 1.0).abs());
    }
    (mean, deviation)
}

#[track_caller]
fn lands_on(full: &Fitted, found: &Fitted) {
    assert!(
        matches!(found.fit.ended, Ended::Converged { .. }),
        "{:?}",
        found.fit.ended
    );
    // Both are summarised by the same 4000 numbers; what is left is where averages settle: within a few of the 0.02 that two of them
    // may differ by.
    let (mean, deviation) = distance(found, full);
    assert!(
        mean < 0.1 && deviation < 0.03,
        "means {mean}, deviations {deviation}"
    );
}

#[test]
fn a_hundred_of_ten_thousand_rows_at_a_time_lead_where_all_of_them_do() {
    let posterior = regression(10_000, 4);
    for family in ["full-rank", "mean-field"] {
        let full = fitted(&posterior, "prox-score", family, None);
        lands_on(
            &full,
            &fitted(&posterior, "prox-score", family, Some("N=100")),
        );
    }
}

#[test]
fn so_do_adaptive_steps_up_the_elbo() {
    let posterior = regression(2_000, 3);
    let full = fitted(&posterior, "advi", "full-rank", None);
    lands_on(
        &full,
        &fitted(
            &posterior,
            "advi(tolerance: 0.02)",
            "full-rank",
            Some("N=100"),
        ),
    );
}
