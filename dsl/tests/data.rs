//! Data that contradicts its declaration is refused with the variable's name, what was declared and what came.

use firebrand_core::{Batch, Placement, Target, to_host};
use firebrand_dsl::{Data, Model, Posterior};

fn compile(declarations: &str, json: &str) -> Result<Posterior, String> {
    let text =
        format!("data {{ {declarations} }} parameters {{ real b; }} model {{ b ~ normal(0, 1); }}");
    let model = Model::parse("model.stan", &text).map_err(|report| report.to_string())?;
    let data = Data::from_json(json).map_err(|error| error.to_string())?;
    model
        .compile(&data, &Placement::cpu())
        .map_err(|report| report.to_string())
}

fn refusal(declarations: &str, json: &str) -> String {
    match compile(declarations, json) {
        Ok(_) => panic!("{json} was accepted for {declarations}"),
        Err(message) => message,
    }
}

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in:\n{message}");
    }
}

#[test]
fn what_agrees_is_accepted() {
    let declarations = "int<lower=1> N; array[N] int<lower=0, upper=1> y; matrix[N, 2] x; simplex[2] p; real<lower=0> s;";
    let json = r#"{"N": 2, "y": [0, 1], "x": [[1, 2], [3.5, 4]], "p": [0.25, 0.75], "s": 1, "unused": "text"}"#;
    compile(declarations, json).map(|_| ()).unwrap();
}

#[test]
fn a_missing_variable_is_named_with_its_declaration_and_a_near_name() {
    let message = refusal(
        "int n_rows; vector[n_rows] y;",
        r#"{"n_row": 2, "y": [1, 2]}"#,
    );
    says(
        &message,
        &[
            "no variable n_rows",
            "declared as int",
            "n_row: is that the one?",
        ],
    );
}

#[test]
fn a_wrong_shape_is_shown_beside_the_declared_one() {
    let message = refusal("int N; vector[N] y;", r#"{"N": 3, "y": [1, 2]}"#);
    says(
        &message,
        &["y has the wrong shape", "vector[3]", "2 numbers"],
    );
    let message = refusal("array[2, 3] int y;", r#"{"y": [[1, 2], [3, 4], [5, 6]]}"#);
    says(&message, &["array[2, 3] int", "3 x 2 numbers"]);
    let message = refusal("array[1] real y;", r#"{"y": 3}"#);
    says(&message, &["a single number", "[...]"]);
}

#[test]
fn reals_are_no_ints() {
    says(
        &refusal("int N;", r#"{"N": 2.5}"#),
        &["N is not of integers", "declared as int", "2.5"],
    );
    says(
        &refusal("array[2] int y;", r#"{"y": [1, 2.0]}"#),
        &["y is not of integers"],
    );
}

#[test]
fn values_outside_their_bounds_are_refused() {
    says(
        &refusal("int<lower=1> N;", r#"{"N": 0}"#),
        &["N is below its lower bound", "is declared here"],
    );
    says(
        &refusal("array[3] int<lower=0, upper=1> y;", r#"{"y": [0, 1, 2]}"#),
        &["y is above its upper bound"],
    );
    says(
        &refusal("simplex[2] p;", r#"{"p": [0.5, 0.6]}"#),
        &["p is not a simplex"],
    );
    says(
        &refusal("ordered[2] c;", r#"{"c": [2, 1]}"#),
        &["c is not ordered"],
    );
}

#[test]
fn what_is_no_number_is_said_to_be_what_it_is() {
    says(
        &refusal("real x;", r#"{"x": "blue"}"#),
        &["x is not a number", "\"blue\""],
    );
    says(
        &refusal("array[2, 2] real x;", r#"{"x": [[1, 2], [3]]}"#),
        &["rows differ in length"],
    );
    says(&refusal("real x;", r#"{"x": null}"#), &["null"]);
}

#[test]
fn every_wrong_variable_is_reported() {
    let message = refusal(
        "real x; vector[2] y; real z;",
        r#"{"x": "a", "y": [1], "z": 1}"#,
    );
    says(&message, &["the data's x", "the data's y"]);
}

#[test]
fn a_negative_size_is_refused() {
    says(
        &refusal("int N; vector[N - 3] y;", r#"{"N": 2, "y": []}"#),
        &["must not be negative", "-1"],
    );
}

#[test]
fn an_index_out_of_range_is_shown_at_its_place() {
    let text = "data { int N; vector[N] y; } parameters { real b; } model { for (n in 1:N) y[n + 1] ~ normal(b, 1); }";
    let model = Model::parse("model.stan", text).unwrap();
    let data = Data::from_json(r#"{"N": 2, "y": [1, 2]}"#).unwrap();
    let message = match model.compile(&data, &Placement::cpu()) {
        Ok(_) => panic!("it was accepted"),
        Err(report) => report.to_string(),
    };
    says(
        &message,
        &["index 3 is out of range for y", "1 to 2", "model.stan"],
    );
}

#[test]
fn a_draw_that_the_model_rejects_does_not_take_its_batch_with_it() {
    let text = "parameters { real b; } transformed parameters { real<lower=0> c = b; }
        model { if (b > 2) reject(\"b is too large\"); b ~ normal(0, 1); }";
    let posterior = Model::parse("model.stan", text)
        .unwrap()
        .compile(&Data::empty(), &Placement::cpu())
        .unwrap();
    let theta = Placement::cpu().matrix(vec![1.0, -1.0, 3.0, 0.5], [4, 1]);
    let evaluation = posterior
        .log_density_and_score(&theta, &Batch::Full)
        .unwrap();
    assert_eq!(evaluation.valid, [true, false, false, true]);
    assert_eq!(
        to_host(&evaluation.log_density)[1..3],
        [f64::NEG_INFINITY; 2]
    );
    assert_eq!(to_host(&evaluation.score), [-1.0, 0.0, 0.0, -0.5]);
    let reasons = posterior.rejections(&theta);
    assert_eq!(reasons[0], None);
    assert_eq!(reasons[1].as_deref(), Some("c is below its lower bound"));
    assert_eq!(reasons[2].as_deref(), Some("b is too large"));
}

#[test]
fn what_is_not_supported_is_refused_by_name_at_its_place() {
    let refused = |body: &str| {
        let text =
            format!("data {{ int N; }} parameters {{ real b; vector[3] v; }} model {{ {body} }}");
        let compiled = Model::parse("model.stan", &text).and_then(|model| {
            model.compile(&Data::from_json(r#"{"N": 2}"#).unwrap(), &Placement::cpu())
        });
        match compiled {
            Ok(_) => panic!("{body} was accepted"),
            Err(report) => report.lines().join("\n"),
        }
    };
    says(
        &refused("real x = b; while (x < 1) x = x + 1;"),
        &["while", "not supported yet", "model.stan:1:"],
    );
    says(
        &refused("int k = N; if (b > 0) k = 1; target += v[k];"),
        &["the int k", "condition on parameters"],
    );
}
