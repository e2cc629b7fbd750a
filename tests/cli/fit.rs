use serde_json::Value;

use crate::workspace::{Workspace, assert_near};

/// The summary of one quantity.
fn quantity<'a>(json: &'a Value, name: &str) -> &'a Value {
    let summary = json["summary"].as_array().unwrap();
    summary
        .iter()
        .find(|quantity| quantity["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {json}"))
}

#[test]
fn a_gaussian_posterior_is_found_by_every_algorithm_and_trusted() {
    let workspace = Workspace::new();
    for inference in ["advi", "bam", "gsm", "prox-score", "pathfinder"] {
        let ran = workspace.run(&format!(
            "fit mean.stan --data mean.json --json --inference {inference}"
        ));
        let json = ran.json();
        assert_eq!(ran.status, Some(0), "{ran:?}");
        assert_eq!(json["verdict"], "trustworthy", "{inference}");
        let (mu, sd) = (quantity(&json, "mu"), (1.0_f64 / 3.0).sqrt());
        // Five standard errors of 4000 draws, and what the algorithms allow themselves.
        assert_near(&mu["mean"], 2.5, 0.06);
        assert_near(&mu["sd"], sd, 0.05);
        assert_near(&mu["q95"], 2.5 + 1.645 * sd, 0.1);
    }
}

#[test]
fn the_table_has_every_parameter_and_the_verdict_what_it_rests_on() {
    let out = Workspace::new()
        .run("fit eight.stan --data eight.json")
        .ok();
    let rows: Vec<&str> = out
        .lines()
        .map(|line| line.split_whitespace().next().unwrap_or(""))
        .collect();
    for name in ["mu", "tau", "z[1]", "z[8]", "theta[3]"] {
        assert!(rows.contains(&name), "{name} is missing from {out}");
    }
    let headings: Vec<&str> = out.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(headings, ["mean", "sd", "5%", "50%", "95%"]);
    for part in [
        "verdict: ",
        "ELBO",
        "+-",
        "k-hat",
        "effective sample size",
        "score divergence",
        "of 4 reached the best place",
    ] {
        assert!(out.contains(part), "`{part}` is missing from {out}");
    }
}

#[test]
fn json_has_the_verdict_the_summary_and_the_record() {
    let json = Workspace::new()
        .run("fit eight.stan --data eight.json --json --seed 4 --draws 100")
        .json();
    assert_eq!(json["summary"].as_array().unwrap().len(), 18);
    let mut keys: Vec<&String> = quantity(&json, "theta[2]")
        .as_object()
        .unwrap()
        .keys()
        .collect();
    keys.sort();
    assert_eq!(keys, ["block", "mean", "median", "name", "q5", "q95", "sd"]);
    assert_eq!(quantity(&json, "tau")["block"], "parameters");
    assert_eq!(
        quantity(&json, "theta[2]")["block"],
        "transformed_parameters"
    );
    let record = &json["record"];
    assert_eq!(record["request"]["options"]["seed"], 4);
    assert_eq!(record["request"]["inference"]["name"], "prox-score");
    let diagnosis = &record["outcome"]["ran"]["diagnosis"];
    for key in ["elbo", "elbo_error", "k_hat", "effective"] {
        assert!(diagnosis[key].is_number(), "{key} in {diagnosis}");
    }
    assert!(diagnosis["scores"]["divergence"].is_number());
    assert_eq!(record["outcome"]["ran"]["starts"]["tried"], 4);
}

#[test]
fn one_seed_gives_one_result_and_another_seed_another() {
    let workspace = Workspace::new();
    let draws = |seed: u32, out: &str| {
        workspace
            .run(&format!(
                "fit eight.stan --data eight.json --draws 200 --seed {seed} --out {out}"
            ))
            .ok();
        workspace.read(&format!("{out}/draws.csv"))
    };
    let first = draws(7, "a");
    assert_eq!(first, draws(7, "b"));
    assert_ne!(first, draws(8, "c"));
}

#[test]
fn a_plugin_takes_its_options_inline() {
    let arguments =
        "fit mean.stan --data mean.json --json --inference 'bam(batch: 16)' --family full-rank";
    let json = Workspace::new().run(arguments).json();
    let options = json["record"]["request"]["inference"]["options"]
        .as_str()
        .unwrap();
    assert!(
        options.contains("batch:16") || options.contains("batch:Some(16)"),
        "{options}"
    );
}

#[test]
fn a_fit_that_no_gaussian_can_make_is_not_called_trustworthy() {
    let workspace = Workspace::new();
    workspace.file(
        "cauchy.stan",
        "parameters { real x; } model { x ~ cauchy(0, 1); }",
    );
    workspace.file(
        "improper.stan",
        "parameters { real x; } model { target += x; }",
    );
    for model in ["cauchy", "improper"] {
        let out = workspace.run(&format!("fit {model}.stan --json"));
        assert_ne!(out.json()["verdict"], "trustworthy", "{model}");
    }
}

#[test]
fn generated_quantities_are_summarised_with_the_rest() {
    let workspace = Workspace::new();
    workspace.file(
        "predict.stan",
        "parameters { real x; } model { x ~ normal(3, 1); }\n\
         generated quantities { array[2] real y; for (i in 1:2) y[i] = normal_rng(x, 1); }",
    );
    let json = workspace.run("fit predict.stan --json").json();
    let y = quantity(&json, "y[2]");
    // A normal of variance 1 about a normal of variance 1; five standard errors of 4000 draws.
    assert_near(&y["mean"], 3.0, 5.0 * 2.0_f64.sqrt() / 4000.0_f64.sqrt());
    assert_near(&y["sd"], 2.0_f64.sqrt(), 5.0 / 4000.0_f64.sqrt());
    assert_eq!(y["block"], "generated_quantities");
}

#[test]
fn generated_quantities_that_fail_are_left_out_with_a_note() {
    let workspace = Workspace::new();
    workspace.file(
        "fails.stan",
        "parameters { real x; } model { x ~ std_normal(); } generated quantities { reject(\"no prediction\"); }",
    );
    let ran = workspace.run("fit fails.stan --json");
    ran.fails(
        0,
        &["note: generated quantities are left out", "no prediction"],
    );
    assert_eq!(ran.json()["summary"].as_array().unwrap().len(), 1);
}

#[test]
fn single_precision_gives_the_same_posterior() {
    let json = Workspace::new()
        .run("fit mean.stan --data mean.json --precision f32 --json")
        .json();
    assert_eq!(json["record"]["request"]["precision"], "f32");
    assert_near(&quantity(&json, "mu")["mean"], 2.5, 0.06);
}

#[test]
fn generated_quantities_that_fail_in_some_draws_are_not_numbers_there() {
    let workspace = Workspace::new();
    workspace.file(
        "fails.stan",
        "parameters { real x; } model { x ~ std_normal(); }\n\
         generated quantities { real y = x; if (x < 0) reject(\"negative\"); }",
    );
    workspace.run("fit fails.stan --draws 100 --out out").ok();
    let draws = workspace.read("out/draws.csv");
    let rows = draws.lines().filter(|line| !line.starts_with('#')).skip(1);
    for row in rows {
        let numbers: Vec<f64> = row
            .split(',')
            .map(|number| number.parse().unwrap())
            .collect();
        assert_eq!(numbers[3].is_nan(), numbers[2] < 0.0, "{row}");
    }
}
