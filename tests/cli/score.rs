use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::workspace::Workspace;

/// Log density and score of the `mean` model at mu: three standard normals about 1, 2 and 4.5.
fn expected(mu: f64) -> (f64, f64) {
    let residuals = [1.0 - mu, 2.0 - mu, 4.5 - mu];
    let squares: f64 = residuals.iter().map(|r| r * r).sum();
    let constant = 1.5 * (2.0 * std::f64::consts::PI).ln();
    (-0.5 * squares - constant, residuals.iter().sum())
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON on every line"))
        .collect()
}

#[track_caller]
fn assert_scored(line: &Value, mu: f64) {
    let (density, score) = expected(mu);
    assert!(
        (line["log_density"].as_f64().unwrap() - density).abs() < 1e-12,
        "{line}"
    );
    assert!(
        (line["score"][0].as_f64().unwrap() - score).abs() < 1e-12,
        "{line}"
    );
    assert_eq!(line.as_object().unwrap().len(), 2, "{line}");
}

/// A model whose log density is the solution of x' = x at time 1, loosely, as the model asks for it.
const GROWTH: &str = "functions { vector grow(real t, vector x) { return x; } }
parameters { real x; }
model { target += ode_rk45_tol(grow, [x]', 0, {1}, 0.5, 0.5, 1000)[1][1]; }";

#[test]
fn a_solver_tolerance_takes_the_place_of_the_models() {
    let workspace = Workspace::new();
    workspace.file("growth.stan", GROWTH);
    let error = |arguments: &str| {
        let command = format!("score growth.stan --at - {arguments}");
        let line = workspace.run_with_input(&command, "1").ok();
        (lines(&line)[0]["log_density"].as_f64().unwrap() - std::f64::consts::E).abs()
    };
    assert!(error("") > 1e-6);
    assert!(error("--solver-tolerance 1e-11") < 1e-9);
}

#[test]
fn points_from_standard_input_are_scored_one_a_line() {
    let out = Workspace::new()
        .run_with_input(
            "score mean.stan --data mean.json --at -",
            "0.5\n\n-1e1,\n 2.5",
        )
        .ok();
    let lines = lines(&out);
    assert_eq!(lines.len(), 3);
    for (line, mu) in lines.iter().zip([0.5, -10.0, 2.5]) {
        assert_scored(line, mu);
    }
}

#[test]
fn points_from_a_file_are_scored_many_at_a_time() {
    let workspace = Workspace::new();
    let points: Vec<f64> = (0..600).map(|i| f64::from(i) / 100.0).collect();
    let text: Vec<String> = points.iter().map(f64::to_string).collect();
    workspace.file("points.txt", &text.join("\n"));
    let lines = lines(
        &workspace
            .run("score mean.stan --data mean.json --at points.txt")
            .ok(),
    );
    assert_eq!(lines.len(), points.len());
    for (line, mu) in lines.iter().zip(points) {
        assert_scored(line, mu);
    }
}

#[test]
fn each_line_is_answered_before_the_next_is_written() {
    let workspace = Workspace::new();
    let mut child = workspace
        .command("score mean.stan --data mean.json --at -")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    for mu in [1.0, 2.0] {
        writeln!(input, "{mu}").unwrap();
        assert_scored(
            &serde_json::from_str(&output.next().unwrap().unwrap()).unwrap(),
            mu,
        );
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn constrained_values_have_names_with_indices() {
    let arguments = "score eight.stan --data eight.json --at - --constrained";
    let out = Workspace::new()
        .run_with_input(arguments, "1 2 3 4 5 6 7 8 10 0\n")
        .ok();
    let constrained = &lines(&out)[0]["constrained"];
    // tau is exp(0) = 1, and theta is mu + tau * z.
    assert_eq!(constrained["tau"], json!(1.0));
    assert_eq!(constrained["z[8]"], json!(8.0));
    assert_eq!(constrained["theta[2]"], json!(12.0));
    assert_eq!(constrained.as_object().unwrap().len(), 8 + 1 + 1 + 8);
}

#[test]
fn a_rejected_point_is_null_with_the_reason_and_the_rest_goes_on() {
    let workspace = Workspace::new();
    workspace.file(
        "positive.stan",
        "parameters { real x; } model { if (x < 0) reject(\"x is negative\"); x ~ std_normal(); }",
    );
    let lines = lines(
        &workspace
            .run_with_input("score positive.stan --at -", "-1\n1\nnan\n")
            .ok(),
    );
    assert_eq!(lines[0]["log_density"], Value::Null);
    assert_eq!(lines[0]["score"], json!([0.0]));
    assert!(
        lines[0]["rejected"]
            .as_str()
            .unwrap()
            .contains("x is negative"),
        "{}",
        lines[0]
    );
    assert_eq!(lines[1]["score"], json!([-1.0]));
    assert!(lines[1].get("rejected").is_none());
    assert_eq!(lines[2]["rejected"], json!("the point is not finite"));
}

#[test]
fn generated_quantities_follow_from_the_seed() {
    let workspace = Workspace::new();
    workspace.file(
        "random.stan",
        "parameters { real x; } model { x ~ std_normal(); } generated quantities { real z = normal_rng(x, 1); }",
    );
    let z = |seed: u32| {
        let arguments = format!("score random.stan --at - --constrained --seed {seed}");
        lines(&workspace.run_with_input(&arguments, "0\n").ok())[0]["constrained"]["z"]
            .as_f64()
            .unwrap()
    };
    assert_eq!(z(1), z(1));
    assert_ne!(z(1), z(2));
}

#[test]
fn a_point_that_is_none_is_named_by_file_and_line() {
    let workspace = Workspace::new();
    workspace.file("points.txt", "1\n2 3\n");
    let ran = workspace.run("score mean.stan --data mean.json --at points.txt");
    ran.fails(
        1,
        &["points.txt, line 2: a point has 1 numbers, but here are 2"],
    );
    workspace
        .run("score mean.stan --data mean.json --at none.txt")
        .fails(1, &["cannot read none.txt"]);
}

#[test]
fn a_model_without_parameters_has_a_density_for_each_blank_line() {
    let workspace = Workspace::new();
    workspace.file("none.stan", "model { target += 1.5; }");
    let lines = lines(
        &workspace
            .run_with_input("score none.stan --at -", "\n\n")
            .ok(),
    );
    assert_eq!(
        lines,
        [
            json!({"log_density": 1.5, "score": []}),
            json!({"log_density": 1.5, "score": []})
        ]
    );
}

#[test]
fn generated_quantities_that_fail_at_a_point_are_left_out_there() {
    let workspace = Workspace::new();
    workspace.file(
        "fails.stan",
        "parameters { real x; } model { x ~ std_normal(); }\n\
         generated quantities { if (x < 0) reject(\"negative\"); real y = x; }",
    );
    let lines = lines(
        &workspace
            .run_with_input("score fails.stan --at - --constrained", "-1\n1\n")
            .ok(),
    );
    assert_eq!(lines[0]["constrained"], json!({"x": -1.0}));
    assert_eq!(lines[1]["constrained"], json!({"x": 1.0, "y": 1.0}));
}
