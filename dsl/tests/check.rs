//! The checker on small programs, on damaged ones and on real models.

mod common;

use firebrand_dsl::Model;
use proptest::prelude::*;

/// What is said about a model's text.
fn render(text: &str) -> String {
    let rendered = match Model::parse("model.stan", text) {
        Ok(model) => model.warnings().render(false),
        Err(report) => report.render(false),
    };
    if rendered.is_empty() {
        "no diagnostics\n".into()
    } else {
        rendered
    }
}

#[test]
fn every_case_gives_its_diagnostics() {
    common::run_cases("check", render);
}

/// What PosteriorDB's models use that is refused by name; everything else in them checks.
#[test]
fn posteriordb_models_check_or_are_refused_by_name() {
    let mut refused = Vec::new();
    for (name, text) in common::posteriordb_models() {
        let found = render(&text);
        let messages: Vec<&str> = found
            .lines()
            .filter(|line| line.starts_with("Error: "))
            .collect();
        if found == "no diagnostics\n" {
            continue;
        }
        let by_name = |line: &&str| {
            line.contains("not supported yet") || line.contains("does not support yet")
        };
        assert!(
            !messages.is_empty() && messages.iter().all(by_name),
            "{name}\n{found}"
        );
        refused.push(format!("{name}: {}", messages.join("; ")));
    }
    println!("{} refused\n{}", refused.len(), refused.join("\n"));
}

const MODEL: &str = "
functions {
  real f(data array[] real x, vector v);
  real f(data array[] real x, vector v) { if (x[1] > 0) return v[1]; else return sum(v); }
  void g_lp(real x) { target += x; x ~ normal(0, 1); }
}
data { int<lower=0> N; array[N] real y; matrix[N, 2] X; }
transformed data { int n = N > 0 ? 1 : 2; array[N] int k = {1, 2}; }
parameters { real<offset=1, multiplier=2> mu; cov_matrix[3] S; vector[2] b; }
transformed parameters { simplex[3] s = [0.2, 0.3, 5e-1]'; real z = f(y, b); }
model {
  mu ~ normal(0, 1);
  for (i in 1:N) { if (i % 2 == 0) continue; else y[i] ~ normal(X[i] * b, exp(mu)); }
  while (n < 3 && !n) break;
  target += normal_lpdf(y[k] | mu, 2 ^ 2) * [1, 2][1];
  g_lp(z);
}
generated quantities { array[2] real r; r[1:2] = y[{1, 2}]; r[1] += normal_rng(0, 1); }
";

/// The model with some of its words exchanged for others of its words.
fn reworded_model() -> impl Strategy<Value = String> {
    let words: Vec<&str> = MODEL
        .split_inclusive(|c: char| !c.is_alphanumeric() && c != '_')
        .collect();
    let count = words.len();
    prop::collection::vec((0..count, 0..count), 1..8).prop_map(move |swaps| {
        let mut words = words.clone();
        for (from, to) in swaps {
            words[to] = words[from];
        }
        words.concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn reworded_models_are_survived(text in reworded_model()) {
        let found = render(&text);
        prop_assert_eq!(Model::parse("model.stan", &text).is_err(), found.contains("Error: "));
    }
}

#[test]
fn the_highest_and_deepest_trees_that_parse_are_checked() {
    for value in [
        "1 + ".repeat(250) + "1",
        "(".repeat(90) + "1" + &")".repeat(90),
    ] {
        assert_eq!(
            render(&format!("transformed data {{ real x = {value}; }}")),
            "no diagnostics\n"
        );
    }
}

#[test]
fn the_sample_model_has_no_mistakes() {
    assert_eq!(render(MODEL), "no diagnostics\n");
}
