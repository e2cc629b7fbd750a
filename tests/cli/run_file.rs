use crate::workspace::Workspace;

#[test]
fn a_run_file_says_what_the_arguments_would_with_paths_relative_to_it() {
    let workspace = Workspace::new();
    std::fs::create_dir(workspace.path("runs")).unwrap();
    workspace.file(
        "runs/mean.ron",
        "// A comment.\n(\n  model: \"../mean.stan\",\n  data: \"../mean.json\",\n  inference: \"bam(batch: 16)\",\n  \
         seed: 3,\n  draws: 20,\n  out: \"results\",\n  start: (starts: 2),\n)\n",
    );
    let json = workspace.run("fit runs/mean.ron --json").json();
    let request = &json["record"]["request"];
    assert_eq!(request["options"]["seed"], 3);
    assert_eq!(request["inference"]["name"], "bam");
    assert_eq!(json["record"]["outcome"]["ran"]["starts"]["tried"], 2);
    assert_eq!(workspace.names("runs/results").len(), 5);
    let draws = workspace.read("runs/results/draws.csv");
    assert_eq!(
        draws.lines().filter(|line| !line.starts_with('#')).count(),
        1 + 20
    );
}

#[test]
fn arguments_go_before_the_run_file() {
    let workspace = Workspace::new();
    workspace.file(
        "mean.ron",
        "(model: \"mean.stan\", data: \"mean.json\", seed: 3, inference: \"bam\")",
    );
    let json = workspace
        .run("fit mean.ron --json --seed 9 --inference gsm")
        .json();
    assert_eq!(json["record"]["request"]["options"]["seed"], 9);
    assert_eq!(json["record"]["request"]["inference"]["name"], "gsm");
}

#[test]
fn a_run_file_gives_the_same_bits_as_the_arguments() {
    let workspace = Workspace::new();
    workspace.file(
        "mean.ron",
        "(model: \"mean.stan\", data: \"mean.json\", seed: 5, draws: 30, out: \"a\")",
    );
    workspace.run("fit mean.ron").ok();
    workspace
        .run("fit mean.stan --data mean.json --seed 5 --draws 30 --out b")
        .ok();
    assert_eq!(workspace.read("a/draws.csv"), workspace.read("b/draws.csv"));
}

#[test]
fn what_is_wrong_in_a_run_file_is_named_with_the_right_fields() {
    let workspace = Workspace::new();
    let fit = |text: &str| {
        workspace.file("run.ron", text);
        workspace.run("fit run.ron")
    };
    let right = "inference = \"prox-score\" (text)";
    fit("(model: \"mean.stan\", inferense: \"bam\")")
        .fails(2, &["run.ron", "did you mean `inference`?", right]);
    fit("(model: \"mean.stan\", seed: \"three\")")
        .fails(2, &["`seed` takes a whole number", right]);
    fit("(model: \"mean.stan\"").fails(2, &["run.ron"]);
    fit("(seed: 1)").fails(2, &["names no model"]);
    fit("(model: \"mean.stan\", data: \"mean.json\", device: \"tpu\")")
        .fails(2, &["`cpu`, `libtorch`"]);
    fit("(model: \"mean.stan\", solver_tolerance: 0.0)")
        .fails(2, &["a tolerance must be positive and finite, but is 0"]);
    fit("(model: \"none.stan\")").fails(1, &["cannot read none.stan"]);
    workspace
        .run("fit none.ron")
        .fails(2, &["cannot read none.ron"]);
}
