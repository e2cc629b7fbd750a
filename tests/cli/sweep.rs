use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::database::workspace_with_database;
use crate::workspace::{Ran, Workspace};

/// A posterior whose fit goes on for minutes: a Gaussian in many dimensions, and steps that are told not to converge.
const SLOW: &str = "parameters { vector[200] x; } model { x ~ std_normal(); }";
const ENDLESS: &str = "--inference 'advi(adaptive: true, tolerance: 1e-12)'";

fn sweep(workspace: &Workspace, rest: &str) -> Ran {
    workspace.run(&sweep_command(rest))
}

fn sweep_command(rest: &str) -> String {
    format!("posteriordb sweep --posteriordb db --out sweep {rest}")
}

/// The row of a posterior in the folder of the sweep.
fn row(workspace: &Workspace, name: &str) -> Value {
    let text = workspace.read(&format!("sweep/results/{name}.json"));
    let file: Value = serde_json::from_str(&text).unwrap();
    file["row"].clone()
}

fn make_slow(workspace: &Workspace) {
    workspace.file("db/posterior_database/models/stan/eight.stan", SLOW);
}

#[test]
fn a_sweep_has_a_row_for_every_posterior_whatever_becomes_of_it() {
    let workspace = workspace_with_database();
    let ran = sweep(&workspace, "");
    ran.fails(0, &["mean-exact: trustworthy", "sweep/table.md"]);
    assert!(ran.stdout.contains("5 posteriors: "), "{}", ran.stdout);
    assert!(ran.stdout.contains("2 without a result"), "{}", ran.stdout);

    let csv = workspace.read("sweep/table.csv");
    let names: Vec<&str> = csv
        .lines()
        .map(|line| line.split(',').next().unwrap())
        .collect();
    let expected = [
        "posterior",
        "broken",
        "eight-eight",
        "mean-exact",
        "mean-off",
        "wrong-mean",
    ];
    assert_eq!(names, expected);
    let markdown = workspace.read("sweep/table.md");
    assert_eq!(markdown.lines().count(), 2 + 5);

    let exact = row(&workspace, "mean-exact");
    assert_eq!(exact["dimension"], 1);
    assert_eq!(exact["verdict"], "trustworthy");
    assert_eq!(exact["ended"], "converged");
    assert!(exact["gradients"].as_u64().unwrap() > 0);
    let errors = |name: &str| row(&workspace, name)["reference"]["mean"]["worst"].as_f64();
    assert!(errors("mean-exact").unwrap() < 0.2);
    assert!(errors("mean-off").unwrap() > 1.5);
    assert_eq!(row(&workspace, "eight-eight")["reference"], Value::Null);
    for (name, why) in [("broken", "broken.json"), ("wrong-mean", "nothing")] {
        let ended = row(&workspace, name)["ended"].to_string();
        assert!(ended.contains("error: ") && ended.contains(why), "{ended}");
    }
}

#[test]
fn a_sweep_goes_on_where_it_ended() {
    let workspace = workspace_with_database();
    sweep(&workspace, "--only mean-exact").ok();
    let file = "sweep/results/mean-exact.json";
    let marked = workspace.read(file).replace("trustworthy", "marked");
    workspace.file(file, &marked);
    // More posteriors are no other options.
    let ran = sweep(&workspace, "--only mean* --reference-only");
    assert!(!ran.stderr.contains("mean-exact: "), "it was run again");
    assert_eq!(row(&workspace, "mean-off")["verdict"], "trustworthy");
    let csv = workspace.read("sweep/table.csv");
    assert!(csv.contains("marked") && csv.contains("mean-off"), "{csv}");

    // A result that is gone, or broken, is no result.
    workspace.file(file, "{");
    sweep(&workspace, "--only mean*").fails(0, &["mean-exact: trustworthy"]);
    assert_eq!(row(&workspace, "mean-exact")["verdict"], "trustworthy");
}

#[test]
fn several_posteriors_at_a_time_come_to_the_same_table() {
    let workspace = workspace_with_database();
    let table = |jobs: u32| {
        let out = format!("sweep-{jobs}");
        let ran = workspace.run(&format!(
            "posteriordb sweep --posteriordb db --out {out} --jobs {jobs}"
        ));
        ran.fails(0, &["mean-exact: trustworthy", "eight-eight: "]);
        assert!(!workspace.path(&format!("{out}/begun.json")).exists());
        // All but the columns of seconds.
        let csv = workspace.read(&format!("{out}/table.csv"));
        let rows = csv.lines().map(|line| {
            let cells = line.split(',').enumerate();
            let timeless = cells.filter(|(i, _)| ![2, 3].contains(i));
            timeless
                .map(|(_, cell)| cell.to_string())
                .collect::<Vec<_>>()
        });
        rows.collect::<Vec<_>>()
    };
    assert_eq!(table(1), table(3));
}

#[test]
fn a_sweep_computes_where_and_how_it_is_told_to() {
    let workspace = workspace_with_database();
    sweep(&workspace, "--only mean-exact --precision f32").ok();
    let text = workspace.read("sweep/results/mean-exact.json");
    assert!(text.contains("\"f32\""), "{text}");
    sweep(&workspace, "--only mean-exact").fails(2, &["computing F32, now default"]);
}

#[test]
fn a_sweep_with_other_options_and_a_folder_of_something_else_are_refused() {
    let workspace = workspace_with_database();
    sweep(&workspace, "--only mean-exact").ok();
    sweep(&workspace, "--seed 2").fails(2, &["other options (seed 1, now 2)"]);
    sweep(&workspace, "--inference bam").fails(2, &["inference prox-score", "now bam"]);
    sweep(&workspace, "--family mean-field --time-limit 9").fails(
        2,
        &["family default, now mean-field", "time limit none, now 9 s"],
    );
    sweep(&workspace, "--inference prox-scroe").fails(2, &["did you mean `prox-score`?"]);
    sweep(&workspace, "--inference bam --family mean-field").fails(2, &["`bam` needs"]);
    sweep(&workspace, "--time-limit 0").fails(2, &["must be positive"]);
    sweep(&workspace, "--only nothing").fails(2, &["no posterior that matches"]);
    workspace
        .run("posteriordb sweep --posteriordb db --out db")
        .fails(2, &["no earlier sweep's"]);
    assert_eq!(workspace.names("db"), ["posterior_database"]);
}

#[test]
fn a_fit_that_takes_too_long_is_ended_and_kept() {
    let workspace = workspace_with_database();
    make_slow(&workspace);
    sweep(
        &workspace,
        &format!("--time-limit 1 {ENDLESS} --only *e*-e*"),
    )
    .ok();
    let slow = row(&workspace, "eight-eight");
    assert_eq!(slow["ended"], "out of time");
    assert!(slow["seconds"].as_f64().unwrap() < 30.0, "{slow}");
    assert_ne!(row(&workspace, "mean-exact")["verdict"], Value::Null);
}

/// A sweep that has come to the slow posterior, and will be there for minutes.
fn begun(workspace: &Workspace) -> Child {
    make_slow(workspace);
    let child = workspace.command(&sweep_command(ENDLESS)).spawn().unwrap();
    let begun = || {
        let text = std::fs::read_to_string(workspace.path("sweep/begun.json"));
        text.is_ok_and(|text| text.contains("eight-eight"))
    };
    let since = Instant::now();
    while !begun() {
        assert!(
            since.elapsed() < Duration::from_secs(60),
            "it did not begin"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    // Long enough for a start to be found.
    std::thread::sleep(Duration::from_millis(500));
    child
}

#[cfg(unix)]
#[test]
fn an_interrupted_sweep_keeps_what_was_done() {
    let workspace = workspace_with_database();
    let child = begun(&workspace);
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &id])
        .status();
    assert!(sent.unwrap().success());
    let ran: Ran = child.wait_with_output().unwrap().into();
    ran.fails(0, &["the same command goes on with it"]);
    assert_eq!(workspace.names("sweep/results"), ["broken.json"]);
    assert_eq!(workspace.read("sweep/table.md").lines().count(), 2 + 1);
    assert!(!workspace.path("sweep/begun.json").exists());
}

#[test]
fn a_posterior_that_ends_the_program_twice_is_not_begun_again() {
    let workspace = workspace_with_database();
    for _ in 0..2 {
        let mut child = begun(&workspace);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    sweep(&workspace, ENDLESS).ok();
    let ended = row(&workspace, "eight-eight")["ended"].to_string();
    assert!(ended.contains("did not survive it"), "{ended}");
    assert_eq!(row(&workspace, "mean-exact")["verdict"], "trustworthy");
}
