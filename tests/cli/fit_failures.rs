use std::fs;

use crate::workspace::Workspace;

#[test]
fn a_wrong_model_is_shown_with_a_caret() {
    let workspace = Workspace::new();
    workspace.file(
        "wrong.stan",
        "parameters { real x; }\nmodel { y ~ normal(0, 1); }\n",
    );
    workspace
        .run("fit wrong.stan")
        .fails(1, &["wrong.stan:2:9", "y ~ normal(0, 1);", "┬"]);
}

#[test]
fn wrong_and_missing_data_are_the_models_fault_not_the_fits() {
    let workspace = Workspace::new();
    workspace.file("short.json", r#"{"N": 3, "y": [1, 2]}"#);
    workspace
        .run("fit mean.stan --data short.json")
        .fails(1, &["y", "vector[3]"]);
    workspace
        .run("fit mean.stan")
        .fails(1, &["the model declares data (N, y)", "--data"]);
}

#[test]
fn a_model_without_parameters_has_nothing_to_infer() {
    let workspace = Workspace::new();
    workspace.file("none.stan", "generated quantities { real x = 1; }");
    workspace
        .run("fit none.stan")
        .fails(1, &["nothing to infer"]);
}

#[test]
fn plugins_that_are_not_there_or_do_not_fit_are_mistakes_of_usage() {
    let workspace = Workspace::new();
    let fit = |rest: &str| workspace.run(&format!("fit mean.stan --data mean.json {rest}"));
    fit("--inference bma").fails(2, &["did you mean `bam`?", "advi", "pathfinder"]);
    fit("--family fullrank").fails(2, &["did you mean `full-rank`?"]);
    fit("--inference bam(bacth:3)").fails(2, &["did you mean `batch`?", "strength = "]);
    fit("--inference 'bam(batch: \"many\")'").fails(2, &["`batch` takes "]);
    fit("--inference bam --family mean-field")
        .fails(2, &["`bam` needs", "`full-rank`, `low-rank`"]);
    fit("--draws 0").fails(2, &["at least one draw"]);
    fit("--max-seconds -1").fails(2, &[]);
    fit("--seed x").fails(2, &["--seed"]);
}

#[test]
fn a_fit_without_a_start_exits_with_3_and_its_record_is_kept() {
    let workspace = Workspace::new();
    workspace.file(
        "never.stan",
        "parameters { real x; } model { reject(\"never\"); }",
    );
    let ran = workspace.run("fit never.stan --out out --json");
    ran.fails(3, &["the fit failed: no start was found"]);
    assert_eq!(ran.json()["verdict"], serde_json::Value::Null);
    assert_eq!(workspace.names("out"), ["origin.ron", "run.json"]);
    let record: serde_json::Value = serde_json::from_str(&workspace.read("out/run.json")).unwrap();
    assert!(
        record["outcome"]["not_started"]["because"]
            .as_str()
            .unwrap()
            .contains("no start")
    );
}

#[test]
fn data_that_are_no_numbers_are_named_where_no_start_is_found() {
    let workspace = Workspace::new();
    workspace.file("nan.json", r#"{"N": 3, "y": [1.5, "NaN", 3.5]}"#);
    workspace
        .run("fit mean.stan --data nan.json")
        .fails(3, &["no start was found", "in the data `y[2]` is NaN"]);
}

#[test]
fn the_record_of_a_failed_fit_is_kept_where_no_folder_was_asked_for() {
    let workspace = Workspace::new();
    workspace.file(
        "never.stan",
        "parameters { real x; } model { reject(\"never\"); }",
    );
    let ran = workspace.run("fit never.stan");
    ran.fails(3, &["the record of the run is in "]);
    let line = ran
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("the record of the run is in "))
        .unwrap();
    assert!(fs::exists(format!("{line}/run.json")).unwrap(), "{line}");
}

#[test]
fn a_run_out_of_time_keeps_what_was_done() {
    let workspace = Workspace::new();
    let endless = "--inference 'advi(adaptive: true, tolerance: 1e-12)' --max-steps 1000000000";
    let ran = workspace.run(&format!(
        "fit eight.stan --data eight.json {endless} --max-seconds 0.5 --json"
    ));
    let json = ran.json();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(json["record"]["outcome"]["ran"]["ended"], "out_of_time");
    assert!(
        json["because"].to_string().contains("out of time"),
        "{json}"
    );
    assert_eq!(json["summary"].as_array().unwrap().len(), 18);
}

/// Before a start is searched for, which would take minutes in so many dimensions.
#[test]
fn families_whose_matrices_are_too_large_are_refused_with_their_bytes() {
    let workspace = Workspace::new();
    workspace.file(
        "wide.stan",
        "data { int D; } parameters { vector[D] x; } model { x ~ std_normal(); }",
    );
    for (dimension, family, bytes) in [
        // 8 D^2
        (20_001, "full-rank", "3200320008"),
        // 8 K D^2
        (15_000, "mixture", "3600000000"),
        (
            12_000,
            "mixture(components: 3, covariance: diagonal)",
            "3456000000",
        ),
        // 8 D R
        (100_000, "low-rank(rank: 5000)", "4000000000"),
    ] {
        workspace.file("wide.json", &format!(r#"{{"D": {dimension}}}"#));
        let asked = format!("fit wide.stan --data wide.json --inference advi --family '{family}'");
        let told = [
            family.split('(').next().unwrap_or(family),
            bytes,
            "mean-field",
        ];
        workspace.run(&asked).fails(3, &told);
    }
    // A flow has 8 D^2 bytes and the weights of its networks, which are few beside them.
    workspace.file("wide.json", r#"{"D": 20000}"#);
    workspace
        .run("fit wide.stan --data wide.json --inference advi --family flow")
        .fails(
            3,
            &[
                "the matrices of `flow`",
                " in 20000 dimensions would take 32",
            ],
        );
}
