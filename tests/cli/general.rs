use crate::workspace::Workspace;

#[test]
fn every_subcommand_has_help_with_examples() {
    let workspace = Workspace::new();
    assert!(workspace.run("--help").ok().contains("Exit status"));
    for command in [
        "fit",
        "score",
        "check",
        "bench",
        "posteriordb",
        "posteriordb list",
        "posteriordb show",
        "posteriordb sweep",
        "experiment",
        "experiment gaussian",
        "experiment mixture",
        "experiment noise",
        "experiment posteriordb",
        "plugins",
        "plugins list",
        "plugins show",
        "completions",
    ] {
        let help = workspace.run(&format!("{command} --help")).ok();
        assert!(
            help.contains("Example") && help.contains(&format!("firebrand {command} ")),
            "{help}"
        );
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    let workspace = Workspace::new();
    workspace.run("").fails(2, &["Usage"]);
    workspace.run("chek mean.stan").fails(2, &["check"]);
    workspace.run("score mean.stan").fails(2, &["--at"]);
    workspace
        .run("check mean.stan --dta mean.json")
        .fails(2, &["--data"]);
}

#[test]
fn plugins_are_listed_with_options_and_defaults() {
    let workspace = Workspace::new();
    let out = workspace.run("plugins").ok();
    assert_eq!(out, workspace.run("plugins list").ok());
    for (name, rest) in [
        ("advi", "inference"),
        ("bam", "needs a Gaussian with correlations"),
        ("full-rank", "Gaussian, score"),
        ("gsm", "needs a dense Gaussian"),
        ("low-rank", "low-rank Gaussian, score"),
        ("mean-field", "diagonal Gaussian, score"),
        ("posteriordb", "source"),
    ] {
        let line = out.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("`{name}` is missing from {out}"));
        assert!(line.contains(rest) && line.ends_with("linked"), "{line}");
    }
    let shown = workspace.run("plugins show bam").ok();
    assert!(
        shown.contains("batch = None (a whole number, or None)"),
        "{shown}"
    );
    workspace
        .run("plugins show bma")
        .fails(2, &["there is no plugin `bma` (did you mean `bam`?)"]);
    let json = workspace.run("plugins --json").json();
    let names = |kind: &str| -> Vec<&str> {
        let plugins = json
            .as_array()
            .unwrap()
            .iter()
            .filter(|plugin| plugin["kind"] == kind);
        plugins
            .map(|plugin| plugin["name"].as_str().unwrap())
            .collect()
    };
    assert_eq!(
        names("inference"),
        ["advi", "bam", "gsm", "map", "pathfinder", "prox-score"]
    );
    assert_eq!(
        names("family"),
        ["flow", "full-rank", "low-rank", "mean-field", "mixture"]
    );
    assert_eq!(json[0]["options"][0]["name"], "draws");
}

#[test]
fn completions_name_the_subcommands() {
    let workspace = Workspace::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = workspace.run(&format!("completions {shell}")).ok();
        assert!(script.contains("bench"), "{shell}: {script}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let workspace = Workspace::new();
    workspace.file("points.txt", &"1\n".repeat(20_000));
    let mut child = workspace
        .command("score mean.stan --data mean.json --at points.txt")
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran: crate::workspace::Ran = child.wait_with_output().unwrap().into();
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
}

#[cfg(not(feature = "tch"))]
#[test]
fn a_device_that_was_not_built_in_is_refused_with_what_to_do() {
    let ran = Workspace::new().run("check mean.stan --data mean.json");
    ran.ok();
    let ran = Workspace::new().run("fit mean.stan --data mean.json --device libtorch");
    ran.fails(2, &["built without libtorch", "--features tch"]);
}
