//! Finished runs applied to new data.

use std::path::Path;

use serde_json::Value;

use crate::workspace::{EIGHT_SCHOOLS_DATA, Ran, Workspace, assert_near};

/// Given three observations, mu is N(2.5, 1/3), so a new one N(2.5, 4/3). What comes of `chance` is known without any fit.
const MODEL: &str = "\
data {
  int<lower=1> N;
  vector[N] y;
  array[N] vector[3] chance;
}
parameters {
  real mu;
}
model {
  y ~ normal(mu, 1);
}
generated quantities {
  array[N] vector[3] p = chance;
  vector[N] first;
  vector[N] log_lik;
  vector[N] y_new;
  vector[N] root;
  for (n in 1:N) {
    first[n] = chance[n][1];
    log_lik[n] = normal_lpdf(y[n] | mu, 1);
    y_new[n] = normal_rng(mu, 1);
    root[n] = sqrt(chance[n][1] - 0.4);
  }
}
";
const TRAINING: &str = r#"{"N": 3, "y": [1, 2, 4.5], "chance": [[1, 0, 0], [1, 0, 0], [1, 0, 0]]}"#;
const TEST: &str = r#"{"N": 5, "y": [1.5, 2, 2.5, 3, 3.5],
  "chance": [[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.5, 0.5, 0], [0.6, 0.3, 0.1], [0.8, 0.1, 0.1]],
  "kind": [1, 2, 2, 1, 1], "is_first": [1, 0, 0, 1, 1]}"#;

/// With a run in `run`, of 4000 draws.
fn workspace() -> Workspace {
    let workspace = Workspace::new();
    workspace.file("model.stan", MODEL);
    workspace.file("training.json", TRAINING);
    workspace.file("test.json", TEST);
    workspace
        .run("fit model.stan --data training.json --out run")
        .ok();
    workspace
}

impl Workspace {
    fn predict(&self, arguments: &str) -> Ran {
        self.run(&format!("predict run --data test.json {arguments}"))
    }
}

#[test]
fn probabilities_of_classes_are_measured() {
    let workspace = workspace();
    let printed = workspace
        .predict("--observed kind --probabilities p --draws 7 --json --out out")
        .json();
    let quality = &printed["quality"];
    // Chosen: 1, 3, 1, 1, 1, of which 1, 4 and 5 are right; the most frequent class alone has as many.
    for (name, value, baseline) in [
        ("error", 0.4, 0.4),
        (
            "nll",
            -(0.7 * 0.3 * 0.5 * 0.6 * 0.8_f64).ln() / 5.0,
            -(3.0 * 0.6_f64.ln() + 2.0 * 0.4_f64.ln()) / 5.0,
        ),
        ("brier", (0.14 + 0.74 + 0.5 + 0.26 + 0.06) / 5.0, 0.48),
    ] {
        assert_near(&quality[name]["value"], value, 1e-9);
        assert_near(&quality[name]["baseline"], baseline, 1e-9);
    }
    // One row in each bin.
    assert_near(&quality["ece"], (0.3 + 0.4 + 0.5 + 0.4 + 0.2) / 5.0, 1e-9);
    assert_eq!(quality["bins"].as_array().map(Vec::len), Some(5));
    assert_eq!(
        (&printed["draws"], &quality["classes"]),
        (&7.into(), &3.into())
    );
    assert_eq!(printed["verdict"]["standing"], "no_better");
    // Five rows do not tell.
    assert_eq!(printed["verdict"]["calibration"], "unknown");
    assert_eq!(
        workspace.names("out"),
        ["prediction.json", "predictions.csv", "reliability.svg"]
    );
    let kept: Value = serde_json::from_str(&workspace.read("out/prediction.json")).unwrap();
    assert_eq!(kept, printed);
    assert_eq!(
        workspace
            .read("out/reliability.svg")
            .matches("<circle")
            .count(),
        5
    );
}

#[test]
fn one_probability_a_row_is_that_of_one_and_not_zero() {
    let printed = workspace()
        .predict("--observed is_first --probabilities first --json")
        .json();
    let quality = &printed["quality"];
    // 0.7, 0.3, 0.5, 0.6 and 0.8 for 1, 0, 0, 1, 1: all are right, since of 0.5 and 0.5 the first, zero, counts.
    assert_near(&quality["error"]["value"], 0.0, 1e-12);
    let nll = -(0.7 * 0.7 * 0.5 * 0.6 * 0.8_f64).ln() / 5.0;
    assert_near(&quality["nll"]["value"], nll, 1e-9);
    let brier = 2.0 * (0.09 + 0.09 + 0.25 + 0.16 + 0.04) / 5.0;
    assert_near(&quality["brier"]["value"], brier, 1e-9);
}

#[test]
fn draws_of_numbers_are_measured() {
    let workspace = workspace();
    let question = "--observed y --predicted y_new --log-likelihood log_lik";
    let printed = workspace
        .predict(&format!("{question} --json --out out"))
        .json();
    let quality = &printed["quality"];
    // The predictive mean is 2.5, the mean of the rows too. The mean of 4000 draws is off by 0.02, squared and added.
    assert_near(&quality["rmse"], 0.5_f64.sqrt(), 0.01);
    assert_near(&quality["baseline_rmse"], 0.5_f64.sqrt(), 1e-9);
    // log N(y | 2.5, 4/3), on average. A likelihood varies by less than 60% over draws: 5 standard errors of its mean.
    let variance: f64 = 4.0 / 3.0;
    let expected = -0.5 * (std::f64::consts::TAU * variance).ln() - 0.5 * 0.5 / variance;
    assert_near(&quality["log_likelihood"]["value"], expected, 0.05);
    // The central half is 2.5 +- 0.78, which holds three rows, and 90% are 2.5 +- 1.9.
    assert_near(&quality["coverage"][0]["found"], 0.6, 1e-9);
    assert_near(&quality["coverage"][1]["found"], 1.0, 1e-9);
    // Five rows do not tell.
    assert_eq!(printed["verdict"]["calibration"], "unknown");
    let text = workspace.predict(question).ok();
    for part in [
        "verdict: predicts ",
        "RMSE",
        "log-likelihood",
        "central 90%",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

/// A column of a file of draws.
fn column(csv: &str, name: &str) -> Vec<String> {
    let mut lines = csv.lines().filter(|line| !line.starts_with('#'));
    let mut names = lines.next().expect("names").split(',');
    let position = names.position(|column| column == name);
    let position = position.unwrap_or_else(|| panic!("no {name}"));
    lines
        .filter_map(|line| Some(line.split(',').nth(position)?.to_string()))
        .collect()
}

#[test]
fn the_same_data_give_the_draws_of_the_run_itself() {
    let workspace = workspace();
    let fit = "fit model.stan --data training.json --draws 50 --out few";
    workspace.run(fit).ok();
    workspace
        .run("predict few --data training.json --out out")
        .ok();
    let (run, out) = (
        workspace.read("few/draws.csv"),
        workspace.read("out/predictions.csv"),
    );
    assert_eq!(column(&run, "y_new.2"), column(&out, "y_new.2"));
    assert_eq!(column(&out, "y_new.2").len(), 50);
    assert!(!out.contains("\nmu,"), "parameters are no prediction");
}

#[test]
fn draws_of_several_blocks_are_all_different() {
    let workspace = workspace();
    workspace.predict("--out out").ok();
    let mut draws = column(&workspace.read("out/predictions.csv"), "y_new.1");
    draws.sort();
    draws.dedup();
    assert_eq!(draws.len(), 4000);
}

#[test]
fn what_cannot_be_measured_is_named() {
    let workspace = workspace();
    let refused = |arguments: &str, status: i32, part: &str| {
        workspace.predict(arguments).fails(status, &[part]);
    };
    refused(
        "--observed kinds --probabilities p",
        2,
        "no variable `kinds` (did you mean `kind`?)",
    );
    refused(
        "--observed kind --probabilities pp",
        2,
        "no `pp` whose size is known (did you mean `p`?)",
    );
    refused(
        "--observed N --probabilities p",
        1,
        "`N` of test.json has to be one number for each row",
    );
    refused(
        "--observed chance --predicted y_new",
        1,
        "one number for each row",
    );
    refused(
        "--observed y --probabilities p",
        1,
        "`y[1]` is 1.5, but the classes",
    );
    refused(
        "--observed is_first --probabilities p",
        1,
        "`is_first[2]` is 0, but the classes that `p` has probabilities of are 1 to 3",
    );
    refused(
        "--observed y --predicted p",
        1,
        "`p` has sizes [5, 3], but `y` has 5 rows",
    );
    refused(
        "--observed kind --probabilities y_new",
        1,
        "`kind[2]` is 2, but the classes",
    );
    refused(
        "--observed is_first --probabilities y_new",
        1,
        "which is no probability",
    );
    refused(
        "--observed y --predicted y_new --log-likelihood y_new",
        2,
        "`--predicted` and `--log-likelihood` have the same name",
    );
    refused("--observed y", 2, "--probabilities");
    refused("--probabilities p", 2, "--observed");
    // The root is NaN where the chance is below 0.4, which is so in the second row; the draws are kept.
    refused(
        "--observed y --predicted root --out out",
        1,
        "`root[2]` is NaN in draw 1",
    );
    assert_eq!(
        workspace.names("out"),
        ["prediction.json", "predictions.csv"]
    );
}

#[test]
fn what_a_killed_prediction_left_is_in_nobodys_way() {
    let workspace = workspace();
    workspace.predict("--out out").ok();
    workspace.file("out/predictions.csv.123.tmp", "half a");
    workspace.predict("--out out").ok();
    assert_eq!(
        workspace.names("out"),
        ["prediction.json", "predictions.csv"]
    );
}

#[test]
fn one_row_has_no_error_of_its_gain() {
    let workspace = workspace();
    workspace.file(
        "one.json",
        r#"{"N": 1, "y": [1.5], "chance": [[0.7, 0.2, 0.1]]}"#,
    );
    let question = "--observed y --predicted y_new --log-likelihood log_lik";
    let text = workspace
        .run(&format!("predict run --data one.json {question}"))
        .ok();
    assert!(
        text.contains("infinity, since the rows are all the same"),
        "{text}"
    );
    assert!(!text.contains("inf ") && !text.contains("inf)"), "{text}");
}

#[test]
fn a_parameter_that_new_data_would_resize_is_named() {
    let workspace = Workspace::new();
    workspace
        .run("fit eight.stan --data eight.json --max-steps 3 --draws 10 --out run")
        .ok();
    workspace.file(
        "test.json",
        r#"{"J": 3, "y": [1, 2, 3], "sigma": [1, 1, 1]}"#,
    );
    workspace.predict("").fails(
        1,
        &["the parameter `z` has size 8 in the run, and size 3 with it"],
    );
    workspace.file("test.json", EIGHT_SCHOOLS_DATA);
    workspace
        .predict("")
        .fails(1, &["the model predicts nothing", "generated quantities"]);
}

#[test]
fn folders_and_files_that_are_not_what_they_should_be_are_named() {
    let workspace = workspace();
    workspace.run("predict nowhere --data test.json").fails(
        2,
        &["cannot predict with `nowhere`: there is no such folder"],
    );
    std::fs::create_dir(workspace.path("empty")).expect("a folder");
    workspace
        .run("predict empty --data test.json")
        .fails(2, &["there is no run in it"]);
    workspace
        .run("predict run --data nothing.json")
        .fails(1, &["cannot read nothing.json"]);
    workspace
        .predict("--out run")
        .fails(2, &["no earlier prediction's"]);
    workspace.file("model.stan", &MODEL.replace("mu", "nu"));
    workspace.predict("").fails(
        1,
        &[
            "has changed since the run began",
            "no parameter `mu` any more",
        ],
    );
    workspace.file("run/approximation.ron", "(family");
    workspace
        .predict("")
        .fails(2, &["its approximation", "not a saved approximation"]);
    for file in ["approximation.ron", "run.json"] {
        std::fs::remove_file(workspace.path("run").join(file)).expect("a file");
    }
    workspace
        .predict("")
        .fails(2, &["is not finished", "fit --resume run"]);
}

#[test]
fn it_has_examples_and_completions() {
    let workspace = Workspace::new();
    let help = workspace.run("predict --help").ok();
    assert!(
        help.contains("firebrand predict results --data iris_test.json"),
        "{help}"
    );
    assert!(
        workspace
            .run("completions bash")
            .ok()
            .contains("--probabilities")
    );
}

#[test]
fn irises_that_the_fit_has_not_seen_are_told_apart() {
    let workspace = Workspace::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/iris");
    let (fit, test) = (folder.join("iris.ron"), folder.join("iris_test.json"));
    workspace
        .run(&format!("fit '{}' --out run", fit.display()))
        .ok();
    let printed = workspace
        .run(&format!(
            "predict run --data '{}' --observed species --probabilities probability --json",
            test.display()
        ))
        .json();
    assert_eq!(printed["verdict"]["standing"], "better");
    assert_eq!(printed["verdict"]["calibration"], "calibrated");
    assert_eq!(printed["quality"]["rows"], 50);
    // Of 50, at most five.
    assert!(printed["quality"]["error"]["value"].as_f64().unwrap() < 0.11);
}

/// Weights are no columns, so that what a network predicts is all that there is; it is called on rows that it was not fitted to.
#[test]
fn a_network_predicts_rows_that_it_has_not_seen() {
    let workspace = Workspace::new();
    workspace.file(
        "network.stan",
        "data { int N; vector[N] x; vector[N] y; }\n\
         parameters { network f = mlp(1, {8}, 1); }\n\
         model { f ~ normal(0, 1); y ~ normal(f(to_matrix(x))[, 1], 0.1); }\n\
         generated quantities { vector[N] mean_y = f(to_matrix(x))[, 1]; vector[N] y_new; \
         for (n in 1:N) y_new[n] = normal_rng(mean_y[n], 0.1); }",
    );
    let data = |from: f64, rows: u32| {
        let x: Vec<f64> = (0..rows).map(|i| from + f64::from(i) / 10.0).collect();
        let y: Vec<f64> = x.iter().map(|x| 0.5 * x).collect();
        format!(r#"{{"N": {rows}, "x": {x:?}, "y": {y:?}}}"#)
    };
    workspace.file("training.json", &data(-1.0, 21));
    workspace.file("test.json", &data(-0.95, 19));
    workspace
        .run("fit network.stan --data training.json --family mean-field --max-steps 300 --draws 100 --out run")
        .ok();
    let printed = workspace
        .predict("--observed y --predicted y_new --json --out out")
        .json();
    assert_eq!(printed["draws"], 100);
    assert_eq!(printed["summary"].as_array().map(Vec::len), Some(2 * 19));
    // The sd of the observed rows is 0.27: a line is learnt, if not at all places to within the noise of 0.1.
    let rmse = &printed["quality"]["rmse"];
    assert!(rmse.as_f64().is_some_and(|rmse| rmse < 0.15), "{rmse}");
    assert_eq!(printed["verdict"]["standing"], "better");
}

/// A run in `run` of a model that generates `count` random numbers a draw, and how it is predicted from with very many.
#[cfg(unix)]
fn interrupted(count: u32, draws: &str) -> (Workspace, Ran) {
    let workspace = Workspace::new();
    workspace.file(
        "long.stan",
        "data { int K; } parameters { real x; } model { x ~ std_normal(); }\n\
         generated quantities { real y = 0; for (k in 1:K) y += normal_rng(x, 1); }",
    );
    workspace.file("training.json", r#"{"K": 1}"#);
    workspace.file("test.json", &format!(r#"{{"K": {count}}}"#));
    workspace
        .run("fit long.stan --data training.json --out run")
        .ok();
    let arguments = format!("predict run --data test.json --draws {draws} --out out --json");
    let child = workspace.command(&arguments).spawn().expect("the program");
    let ran = workspace.interrupt(child);
    (workspace, ran)
}

#[cfg(unix)]
#[test]
fn predictions_that_are_interrupted_keep_the_draws_that_are_whole() {
    let (workspace, ran) = interrupted(500, "100000000");
    let printed = ran.json();
    ran.fails(0, &["note: interrupted, with ", " of 100000000 draws"]);
    assert_eq!(printed["interrupted_of"], 100_000_000);
    let draws = column(&workspace.read("out/predictions.csv"), "y").len();
    assert_eq!(printed["draws"], draws);
    assert!((1..100_000_000).contains(&draws), "{draws}");
    assert!(
        workspace
            .read("out/prediction.json")
            .contains("interrupted_of")
    );
}

#[cfg(unix)]
#[test]
fn predictions_that_are_interrupted_before_the_first_draw_leave_no_file() {
    let (workspace, ran) = interrupted(2_000_000_000, "10");
    ran.fails(2, &["interrupted, before the first draws"]);
    assert_eq!(workspace.names("out"), [""; 0]);
}
