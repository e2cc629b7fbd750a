//! Differential equations in models: every solver on a known solution, gradients, solves in loops and branches, draws without a
//! solution, tolerances.

use firebrand_core::{Batch, Placement, Target, to_host};
use firebrand_dsl::{Data, Model, Posterior};

const FUNCTIONS: &str = "functions {
  // Forgets the start at the rate k, and is driven by w times the cosine of the time.
  vector decay(real t, vector x, real k, data vector w, int sign) {
    return sign * k * x + w[1] * cos(t);
  }
  array[] real older(real t, array[] real x, array[] real theta, data array[] real x_r, data array[] int x_i) {
    return { x_i[1] * theta[1] * x[1] + x_r[1] * cos(t) };
  }
  // Infinite at the time 1 / x.
  vector explosion(real t, vector x) { return square(x); }
  vector never_above(real t, vector x, real most) {
    if (x[1] > most) reject(\"too large\");
    return [1]';
  }
}
";

/// From `start` at time 0.
fn solution(k: f64, start: f64, t: f64) -> f64 {
    let steady = |t: f64| (k * t.cos() + t.sin()) / (1.0 + k * k);
    steady(t) + (start - steady(0.0)) * (-k * t).exp()
}

fn model(text: &str) -> Model {
    Model::parse("model.stan", &format!("{FUNCTIONS}{text}"))
        .unwrap_or_else(|report| panic!("{report}"))
}

fn posterior(model: &Model, data: &str) -> Posterior {
    let data = Data::from_json(data).expect("data");
    model
        .compile(&data, &Placement::cpu())
        .unwrap_or_else(|report| panic!("{report}"))
}

/// Log densities, scores and whether they are valid, for as many draws as there are points.
fn evaluate(posterior: &Posterior, theta: &[f64]) -> (Vec<f64>, Vec<f64>, Vec<bool>) {
    let dimension = posterior.dimension();
    let theta = Placement::cpu().matrix(theta.to_vec(), [theta.len() / dimension, dimension]);
    let evaluation = posterior
        .log_density_and_score(&theta, &Batch::Full)
        .expect("a density");
    (
        to_host(&evaluation.log_density),
        to_host(&evaluation.score),
        evaluation.valid,
    )
}

#[track_caller]
fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * expected.abs().max(1.0),
        "{found} is not {expected}"
    );
}

/// The derivative by central differences.
fn slope(f: impl Fn(f64) -> f64, at: f64) -> f64 {
    (f(at + 1e-5) - f(at - 1e-5)) / 2e-5
}

#[test]
fn every_solver_finds_the_known_solution_and_its_gradient() {
    let current = "[start]', 0, {1, 2.5}";
    let passed = "k, [1]', -1";
    let mut calls = Vec::new();
    for name in ["ode_rk45", "ode_bdf", "ode_adams", "ode_ckrk"] {
        calls.push(format!("{name}(decay, {current}, {passed})[2][1]"));
        calls.push(format!(
            "{name}_tol(decay, {current}, 1e-9, 1e-9, 10000, {passed})[2][1]"
        ));
    }
    calls.push(format!(
        "ode_adjoint_tol_ctl(decay, {current}, 1e-9, [1e-9]', 1e-9, [1e-9]', 1e-9, 1e-9, 10000, 250, 2, 2, 1, {passed})[2][1]"
    ));
    for name in [
        "integrate_ode",
        "integrate_ode_rk45",
        "integrate_ode_bdf",
        "integrate_ode_adams",
    ] {
        let common = "older, {start}, 0, {1, 2.5}, {k}, {1.0}, {-1}";
        calls.push(format!("{name}({common})[2, 1]"));
        calls.push(format!("{name}({common}, 1e-9, 1e-9, 1e4)[2, 1]"));
    }
    for call in calls {
        let model = model(&format!(
            "parameters {{ real k; real start; }} model {{ target += {call}; }}"
        ));
        let posterior = posterior(&model, "{}");
        let (density, score, valid) = evaluate(&posterior, &[0.7, 2.0]);
        assert!(valid[0], "{call}");
        // The default tolerance of the explicit methods is 1e-6 for each step; there are about ten.
        assert_near(density[0], solution(0.7, 2.0, 2.5), 1e-5);
        assert_near(score[0], slope(|k| solution(k, 2.0, 2.5), 0.7), 1e-5);
        assert_near(score[1], (-0.7_f64 * 2.5).exp(), 1e-5);
    }
}

#[test]
fn times_may_be_parameters() {
    let model = model(
        "parameters { real t0; real t; }
         model { target += ode_rk45_tol(decay, [2]', t0, {t}, 1e-10, 1e-10, 10000, 0.7, [0]', -1)[1][1]; }",
    );
    let (density, score, _) = evaluate(&posterior(&model, "{}"), &[0.5, 2.0]);
    let expected = 2.0 * f64::exp(-0.7 * 1.5);
    assert_near(density[0], expected, 1e-9);
    assert_near(score[0], 0.7 * expected, 1e-9);
    assert_near(score[1], -0.7 * expected, 1e-9);
}

/// Groups differ in parameters, data and times; the function's int differs too, for which there are as many equations.
#[test]
fn loops_over_groups_solve_for_each() {
    let text = |sign: &str| {
        format!(
            "data {{ int G; vector[G] start; array[G] real t; array[G] vector[1] w; array[G] int sign; }}
             parameters {{ vector[G] k; }}
             model {{ for (g in 1:G) target += ode_rk45_tol(decay, [start[g]]', 0, {{t[g], 3}}, 1e-10, 1e-10, 10000, k[g], w[g], {sign})[1][1]; }}"
        )
    };
    let data = r#"{"G": 3, "start": [1, 2, 3], "t": [0.5, 1, 2], "w": [[1], [0], [1]], "sign": [-1, -1, -1]}"#;
    let k = [0.3, 0.9, 2.0];
    let expected =
        |k: [f64; 3]| solution(k[0], 1.0, 0.5) + 2.0 * (-k[1]).exp() + solution(k[2], 3.0, 2.0);
    for sign in ["-1", "sign[g]"] {
        let posterior = posterior(&model(&text(sign)), data);
        assert_eq!(posterior.size().equations, 1, "one node for all groups");
        let (density, score, _) = evaluate(&posterior, &k);
        assert_near(density[0], expected(k), 1e-8);
        for i in 0..3 {
            let by = |x: f64| {
                let mut k = k;
                k[i] = x;
                expected(k)
            };
            assert_near(score[i], slope(by, k[i]), 1e-8);
        }
    }
    let differing = data.replace("[-1, -1, -1]", "[-1, 1, -1]");
    let posterior = posterior(&model(&text("sign[g]")), &differing);
    assert_eq!(
        posterior.size().equations,
        3,
        "functions that differ are solved one by one"
    );
    let (density, ..) = evaluate(&posterior, &k);
    assert_near(density[0], expected([0.3, -0.9, 2.0]), 1e-8);
}

#[test]
fn a_draw_without_a_solution_is_rejected_and_the_others_are_not() {
    let model = model(
        "parameters { real x; } model { target += ode_rk45(explosion, [x]', 0, {1})[1][1]; }",
    );
    let posterior = posterior(&model, "{}");
    let points = [0.5, 2.0, -1.0];
    let (density, score, valid) = evaluate(&posterior, &points);
    assert_eq!(valid, [true, false, true]);
    assert_eq!((density[1], score[1]), (f64::NEG_INFINITY, 0.0));
    for i in [0, 2] {
        assert_near(density[i], points[i] / (1.0 - points[i]), 1e-5);
        assert_near(score[i], 1.0 / (1.0 - points[i]).powi(2), 1e-5);
    }
    let theta = Placement::cpu().matrix(points.to_vec(), [3, 1]);
    let why = posterior.rejections(&theta);
    let message = why[1].as_deref().unwrap_or_default();
    assert!(
        message.contains("ode_rk45: there is no solution"),
        "{message}"
    );
    assert_eq!((&why[0], &why[2]), (&None, &None));
}

#[test]
fn a_function_that_rejects_rejects_the_draw() {
    let model = model(
        "parameters { real most; } model { target += ode_bdf(never_above, [0]', 0, {1}, most)[1][1]; }",
    );
    let (density, _, valid) = evaluate(&posterior(&model, "{}"), &[2.0, 0.5]);
    assert_eq!(valid, [true, false]);
    assert_near(density[0], 1.0, 1e-9);
}

/// Under a branch on parameters only the draws that take it must have a solution.
#[test]
fn a_branch_that_is_not_taken_needs_no_solution() {
    let model = model(
        "parameters { real x; }
         model { if (x < 1) target += ode_rk45(explosion, [x]', 0, {1})[1][1]; else target += -x; }",
    );
    let (density, score, valid) = evaluate(&posterior(&model, "{}"), &[0.5, 2.0]);
    assert_eq!(valid, [true, true]);
    assert_near(density[0], 1.0, 1e-5);
    assert_near(score[0], 4.0, 1e-5);
    assert_eq!((density[1], score[1]), (-2.0, -1.0));
}

#[test]
fn what_is_known_is_solved_while_compiling() {
    let text = "transformed data { real x = ode_bdf(decay, [2]', 0, {1}, 0.7, [1]', -1)[1][1]; }
                parameters { real y; } model { target += x * y; }";
    let posterior = posterior(&model(text), "{}");
    assert_eq!(posterior.size().equations, 0);
    let (_, score, _) = evaluate(&posterior, &[1.0]);
    assert_near(score[0], solution(0.7, 2.0, 1.0), 1e-8);
}

#[test]
fn a_tolerance_takes_the_place_of_the_models_own() {
    let coarse = model(
        "parameters { real k; }
         model { target += ode_rk45_tol(decay, [2]', 0, {8}, 1e-1, 1e-1, 10000, k, [1]', -1)[1][1]; }",
    );
    let error = |model: &Model| {
        let (density, ..) = evaluate(&posterior(model, "{}"), &[0.7]);
        (density[0] - solution(0.7, 2.0, 8.0)).abs()
    };
    assert!(error(&coarse) > 1e-5, "{:e}", error(&coarse));
    let fine = coarse.with_solver_tolerance(1e-10);
    assert!(error(&fine) < 1e-8, "{:e}", error(&fine));
}

#[test]
fn wrong_times_and_sizes_are_named() {
    let message = |call: &str| {
        let model = model(&format!(
            "parameters {{ real x; }} model {{ target += {call}[1][1]; }}"
        ));
        let compiled = model.compile(&Data::empty(), &Placement::cpu());
        compiled.err().expect("an error").lines().join("\n")
    };
    let found = message("ode_rk45(explosion, [x]', 1, {1})");
    assert!(
        found.contains("the initial time, 1, must come before the first one"),
        "{found}"
    );
    let found = message("ode_rk45(explosion, [x]', 0, {2, 1})");
    assert!(found.contains("1 follows 2"), "{found}");
    let found = message("ode_rk45_tol(explosion, [x]', 0, {2}, -1, 1e-6, 10)");
    assert!(
        found.contains("must be positive and finite, but is -1"),
        "{found}"
    );
    let found = message("ode_rk45(never_above, [x, x]', 0, {2}, 1)");
    assert!(
        found.contains("never_above returns 1 derivatives for a state of 2 numbers"),
        "{found}"
    );
}
