use serde_json::Value;

use crate::database::{DRAWS, SD, workspace_with_database};
use crate::workspace::{Workspace, assert_near};

/// Draws of a fit by default.
const FITTED: f64 = 4000.0;

fn names(json: &Value) -> Vec<&str> {
    let listed = json.as_array().unwrap().iter();
    listed
        .map(|posterior| posterior["name"].as_str().unwrap())
        .collect()
}

#[test]
fn posteriors_are_listed_by_name_and_reference() {
    let workspace = workspace_with_database();
    let list = |rest: &str| workspace.run(&format!("posteriordb list --posteriordb db {rest}"));
    let all = list("--json");
    all.fails(0, &["note: broken is left out", "broken.json"]);
    let json = all.json();
    let expected = ["eight-eight", "mean-exact", "mean-off", "wrong-mean"];
    assert_eq!(names(&json), expected);
    assert_eq!(json[1]["reference"], true);
    assert_eq!(json[0]["reference"], false);
    assert_eq!(json[1]["dimension"], 1);
    assert_eq!(json[1]["keywords"], serde_json::json!(["small", "mean"]));

    let some = list("--json --reference-only mean*").json();
    assert_eq!(names(&some), ["mean-exact", "mean-off"]);
    let table = list("'*-off'").ok();
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row, ["mean-off", "small,", "mean", "yes", "1"]);
    list("men*").fails(2, &["no posterior that matches `men*`"]);
}

#[test]
fn a_posterior_is_shown_with_its_files() {
    let workspace = workspace_with_database();
    let text = workspace
        .run("posteriordb show mean-exact --posteriordb db")
        .ok();
    for part in [
        "mean.stan",
        "mean.json.zip",
        "exact.json.zip",
        "small, mean",
    ] {
        assert!(text.contains(part), "`{part}` is missing from {text}");
    }
    let json = workspace
        .run("posteriordb show schools --posteriordb db/posterior_database --json")
        .json();
    assert_eq!(json["name"], "eight-eight");
    assert_eq!(json["reference"], Value::Null);
}

#[test]
fn a_fit_says_how_far_it_is_from_the_reference_draws() {
    let workspace = workspace_with_database();
    let fit = |name: &str, rest: &str| {
        workspace.run(&format!("fit posteriordb:{name} --posteriordb db {rest}"))
    };
    // Five standard errors of the draws of fit and reference, and a little for the algorithm.
    let error = 5.0 * (1.0 / FITTED + 1.0 / DRAWS as f64).sqrt() + 0.01;
    for (name, mean_error, sd_ratio, scale) in
        [("mean-exact", 0.0, 1.0, 1.0), ("mean-off", 2.0, 2.0, 2.0)]
    {
        let json = fit(name, "--json --out out").json();
        let reference = &json["record"]["outcome"]["ran"]["reference"];
        let mu = &reference["quantities"][0];
        assert_eq!(mu["name"], "mu");
        assert_near(&mu["mean_error"], mean_error, scale * error);
        assert_near(&mu["sd_ratio"], sd_ratio, scale * error);
        assert_eq!(reference["mean"]["worst_name"], "mu");
        assert_near(&reference["sd"]["median"], sd_ratio - 1.0, scale * error);
        let record: Value = serde_json::from_str(&workspace.read("out/run.json")).unwrap();
        assert_eq!(&record["outcome"]["ran"]["reference"], reference);
        assert_eq!(record["request"]["model"], format!("posteriordb:{name}"));
    }
    let out = fit("mean-off", "").ok();
    assert!(
        out.lines()
            .next()
            .unwrap()
            .ends_with("mean error  sd ratio")
    );
    let fact = out.lines().find(|line| line.contains("reference draws"));
    for part in ["means off by at most", "sd (mu)", "% (mu)"] {
        assert!(fact.unwrap().contains(part), "{out}");
    }

    // Without reference draws nothing is said of them.
    let out = fit("schools", "").ok();
    assert!(!out.contains("reference"), "{out}");
}

#[test]
fn reference_draws_that_cannot_be_read_do_not_stop_a_fit() {
    let workspace = workspace_with_database();
    let file = "db/posterior_database/reference_posteriors/draws/draws/exact.json.zip";
    workspace.file(file, "no archive");
    let ran = workspace.run("fit posteriordb:mean-exact --posteriordb db");
    ran.fails(
        0,
        &["note: there is no comparison with the reference draws"],
    );
}

#[test]
fn every_command_on_a_model_takes_a_posterior_by_name() {
    let workspace = workspace_with_database();
    workspace.file("origin.txt", "2.5\n");
    let run = |command: &str| {
        let mut command = workspace.command(command);
        command.env("FIREBRAND_POSTERIORDB", "db");
        crate::workspace::Ran::from(command.output().unwrap())
    };
    assert!(
        run("check posteriordb:mean-exact")
            .ok()
            .contains("dimension: 1")
    );
    let scored = run("score posteriordb:mean-exact --at origin.txt").json();
    assert_near(&scored["score"][0], 0.0, 1e-12);
    run("bench posteriordb:mean-exact --draws 1").ok();
    workspace.file("run.ron", "(model: \"posteriordb:mean-exact\", draws: 50)");
    let json = run("fit run.ron --json").json();
    assert_near(&json["summary"][0]["mean"], 2.5, 5.0 * SD / 50.0_f64.sqrt());
}

#[test]
fn what_cannot_be_had_is_refused_with_what_to_do() {
    let workspace = workspace_with_database();
    workspace
        .run("fit posteriordb:mean-exakt --posteriordb db")
        .fails(2, &["has no `mean-exakt`", "did you mean `mean-exact`?"]);
    workspace
        .run("posteriordb show mean-exakt --posteriordb db")
        .fails(2, &["did you mean `mean-exact`?"]);
    workspace
        .run("fit posteriordb:broken --posteriordb db")
        .fails(1, &["broken.json"]);
    workspace
        .run("fit posteriordb:wrong-mean --posteriordb db")
        .fails(1, &["wrong.stan:1:", "nothing"]);
    workspace
        .run("fit posteriordb:mean-exact --posteriordb db --data mean.json")
        .fails(2, &["has its own data"]);
    for command in ["fit posteriordb:mean-exact", "posteriordb list"] {
        workspace
            .run(command)
            .fails(2, &["git clone", "--posteriordb", "FIREBRAND_POSTERIORDB"]);
        workspace
            .run(&format!("{command} --posteriordb runs"))
            .fails(2, &["`runs` is no checkout of PosteriorDB"]);
    }
    // A name with a colon that is no source's is a file.
    Workspace::new()
        .run("fit elsewhere:mean")
        .fails(1, &["cannot read elsewhere:mean"]);
}
