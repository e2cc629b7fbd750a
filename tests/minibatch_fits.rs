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

/// A line with noise of an unknown scale, of which each row tells as much as it is far out.
fn noisy_line(rows: usize) -> Posterior {
    let model = "
        data {
          int N;
          vector[N] x, y;
        }
        parameters {
          real a, b;
          real<lower=0> s;
        }
        model {
          a ~ normal(0, 5);
          b ~ normal(0, 5);
          s ~ normal(0, 2);
          y ~ normal(a + b * x, s);
        }";
    let x = normals(2, Stream::Other(1), 0, rows);
    let noise = normals(2, Stream::Other(1), 1, rows);
    let y: Vec<f64> = x
        .iter()
        .zip(noise)
        .map(|(x, e)| 0.5 + 1.2 * x + 0.8 * e)
        .collect();
    let data = Data::from_json(&format!(r#"{{"N": {rows}, "x": {x:?}, "y": {y:?}}}"#)).unwrap();
    let model = Model::parse("model.stan", model).unwrap();
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

#[test]
fn a_scale_that_few_rows_tell_most_of_is_found_a_few_rows_at_a_time() {
    let posterior = noisy_line(400);
    let scale = |fitted: &Fitted| {
        let scale = fitted.summary.iter().find(|q| q.name == "s").unwrap();
        (scale.mean, scale.sd)
    };
    let (expected, deviation) = scale(&fitted(&posterior, "prox-score", "full-rank", None));
    for family in ["full-rank", "mean-field"] {
        let few = fitted(&posterior, "prox-score", family, Some("N=4"));
        let off = (scale(&few).0 - expected) / deviation;
        // A batch after one with rows far out, of the same epoch, has fewer of them, and the steps that it has are shorter for the deviations
        // that the first one changed: a bias of about 2 / sqrt(N), 0.1, and 0.05 for where averages settle and the draws of both summaries.
        assert!(off.abs() < 0.2, "{family}: {off}");
    }
}

#[test]
fn a_term_that_is_no_sum_where_the_posterior_is_alone_is_found_at_the_fit() {
    let fit = |term: &str| {
        let model = format!(
            "data {{ int N; vector[N] y; }}
             parameters {{ real a; }}
             model {{ a ~ normal(0, 50); y ~ normal(a, 1); {term} }}"
        );
        let y: Vec<f64> = normals(4, Stream::Other(1), 0, 200)
            .iter()
            .map(|e| 30.0 + e)
            .collect();
        let data = Data::from_json(&format!(r#"{{"N": 200, "y": {y:?}}}"#)).unwrap();
        let model = Model::parse("model.stan", &model).unwrap();
        let posterior = model
            .compile_with_plate(&data, &Placement::cpu(), "N")
            .unwrap();
        let fitted = fitted(&posterior, "prox-score", "full-rank", Some("N=20"));
        fitted.verdict.to_string()
    };
    assert_eq!(fit(""), "trustworthy");
    // Near zero, where models are looked at before a run, it is not there.
    let verdict = fit("if (a > 20) target += -0.01 * square(sum(y) - 6000);");
    assert!(
        verdict.contains("the log density is no sum over the rows of N"),
        "{verdict}"
    );
}
