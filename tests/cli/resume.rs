//! Runs that are killed, and go on.

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::workspace::{Ran, Workspace};

/// A run of so many steps that does not converge before. Its check is short: it is not what is tested.
fn workspace(steps: u64) -> Workspace {
    let workspace = Workspace::new();
    workspace.file(
        "run.ron",
        &format!(
            "(model: \"eight.stan\", data: \"eight.json\", inference: \"advi(adaptive: true, tolerance: 1e-12)\", draws: 50, \
             max_steps: {steps}, checkpoint_seconds: 0.0, check: (draws: 100, chains: 0))"
        ),
    );
    workspace
}

impl Workspace {
    fn begin(&self, arguments: &str) -> Child {
        self.command(arguments).spawn().expect("the program")
    }

    fn has_checkpoint(&self) -> bool {
        self.path("out/checkpoint/state.safetensors").exists()
    }

    /// Begins a run in `out` and kills it once it has a checkpoint.
    fn killed(&self, arguments: &str) {
        let mut child = self.begin(&format!("{arguments} --out out"));
        let began = Instant::now();
        while !self.has_checkpoint() {
            assert!(began.elapsed() < Duration::from_secs(20), "no checkpoint");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().expect("a process that runs");
        child.wait().expect("its end");
        assert!(!self.path("out/run.json").exists(), "it ended by itself");
    }

    /// Draws, approximation, the trace and the record, these two without times.
    fn results(&self, folder: &str) -> [String; 4] {
        let read = |name: &str| self.read(&format!("{folder}/{name}"));
        let trace: Vec<String> = read("trace.csv")
            .lines()
            .map(|line| {
                let mut fields: Vec<&str> = line.split(',').collect();
                fields.remove(1);
                fields.join(",")
            })
            .collect();
        let mut record: Value = serde_json::from_str(&read("run.json")).expect("a record");
        record["outcome"]["ran"]["seconds"] = Value::Null;
        [
            read("draws.csv"),
            read("approximation.ron"),
            trace.join("\n"),
            record.to_string(),
        ]
    }

    #[track_caller]
    fn same_results(&self, folder: &str, other: &str) {
        for (found, expected) in self.results(folder).iter().zip(self.results(other)) {
            // Not `assert_eq`: the two would fill the screen.
            assert!(*found == expected, "{folder} is not {other}");
        }
    }
}

#[test]
fn a_run_that_is_killed_at_ten_random_moments_ends_with_the_same_bits() {
    let workspace = workspace(1500);
    workspace.run("fit run.ron --out whole").ok();
    workspace.killed("fit run.ron");
    let mut random: u64 = 20261123;
    for _ in 1..10 {
        let mut child = workspace.begin("fit --resume out");
        // Numerical Recipes' generator; the upper bits are the good ones.
        random = random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        std::thread::sleep(Duration::from_millis(random >> 56));
        assert_eq!(
            child.try_wait().expect("a process"),
            None,
            "it ended by itself"
        );
        child.kill().expect("a process that runs");
        child.wait().expect("its end");
    }
    workspace.run("fit --resume out").ok();
    workspace.same_results("out", "whole");
}

#[test]
fn a_run_goes_on_from_any_folder_with_what_it_was_asked_for_said_again() {
    let workspace = workspace(60);
    workspace.run("fit run.ron --seed 7 --out whole").ok();
    workspace.killed("fit run.ron --seed 7");
    let out = workspace.path("out");
    let json = Ran::from(
        workspace
            .command(&format!("fit --resume {} --seed 7 --json", out.display()))
            .current_dir(std::env::temp_dir())
            .output()
            .expect("the program"),
    )
    .json();
    assert_eq!(json["record"]["request"]["data"], "eight.json");
    workspace.same_results("out", "whole");
}

#[test]
fn more_steps_go_on_where_a_run_had_no_more() {
    let workspace = workspace(60);
    workspace.run("fit run.ron --out whole").ok();
    workspace.run("fit run.ron --max-steps 20 --out out").ok();
    workspace.run("fit --resume out").fails(
        2,
        &["the run is finished: it has taken all of its 20 steps"],
    );
    workspace
        .run("fit --resume out --max-steps 5")
        .fails(2, &["the run is finished"]);
    workspace.run("fit --resume out --max-steps 60").ok();
    workspace.same_results("out", "whole");
}

#[test]
fn a_run_that_has_converged_leaves_no_checkpoint_and_says_that_it_is_finished() {
    let workspace = Workspace::new();
    workspace
        .run("fit mean.stan --data mean.json --draws 10 --out out")
        .ok();
    assert!(!workspace.path("out/checkpoint").exists());
    workspace
        .run("fit --resume out --max-steps 100000")
        .fails(2, &["the run is finished: it has converged, since "]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on() {
    let workspace = workspace(400);
    workspace.run("fit run.ron --out whole").ok();
    let child = workspace.begin("fit run.ron --out out");
    while !workspace.has_checkpoint() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &id])
        .status();
    assert!(sent.expect("kill").success());
    Ran::from(child.wait_with_output().expect("its end")).ok();
    assert!(workspace.read("out/run.json").contains("interrupted"));
    workspace.run("fit --resume out").ok();
    workspace.same_results("out", "whole");
}

#[test]
fn before_the_first_checkpoint_there_is_nothing_to_resume() {
    let workspace = workspace(1500);
    let mut child = workspace.begin("fit run.ron --out out");
    while !workspace.path("out/checkpoint/run.ron").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("a process that runs");
    child.wait().expect("its end");
    // Should it have found its start by now.
    let _ = fs::remove_file(workspace.path("out/checkpoint/state.safetensors"));
    workspace
        .run("fit --resume out")
        .fails(2, &["nothing can be resumed", "begin it anew"]);
    workspace
        .run("fit --resume elsewhere")
        .fails(2, &["cannot resume `elsewhere`"]);
    fs::create_dir(workspace.path("empty")).expect("a folder");
    workspace
        .run("fit --resume empty")
        .fails(2, &["there is no run in it"]);
    // Nothing is lost, so nothing keeps the run from beginning anew.
    workspace.run("fit run.ron --max-steps 5 --out out").ok();
}

#[test]
fn what_would_change_the_result_is_refused() {
    let workspace = workspace(1500);
    workspace.killed("fit run.ron");
    for (argument, name) in [
        ("--seed 2", "seed"),
        ("--inference gsm", "inference"),
        ("--family mean-field", "family"),
        ("--draws 7", "draws"),
        ("--precision f32", "precision"),
        ("--data mean.json", "data"),
        ("mean.stan", "model"),
    ] {
        workspace
            .run(&format!("fit --resume out {argument}"))
            .fails(
                2,
                &["a run goes on as it began", &format!("its `{name}` is")],
            );
    }
    workspace
        .run("fit --resume out --out other")
        .fails(2, &["--resume", "--out"]);
}

#[test]
fn a_file_that_has_changed_is_named() {
    let workspace = workspace(1500);
    workspace.killed("fit run.ron");
    for (file, noun) in [("eight.stan", "model"), ("eight.json", "data")] {
        let before = workspace.read(file);
        workspace.file(file, &format!("{before}\n"));
        workspace
            .run("fit --resume out")
            .fails(2, &[&format!("the {noun} file"), file, "has changed"]);
        workspace.file(file, &before);
    }
}

#[test]
fn a_damaged_checkpoint_is_refused_and_stays() {
    let workspace = workspace(1500);
    workspace.killed("fit run.ron");
    let state = workspace.path("out/checkpoint/state.safetensors");
    let whole = fs::read(&state).expect("a checkpoint");
    fs::write(&state, &whole[..whole.len() - 1]).expect("a file");
    workspace
        .run("fit --resume out")
        .fails(2, &["state.safetensors` is damaged"]);
    fs::write(&state, &whole).expect("a file");
    let start = workspace.path("out/checkpoint/start.safetensors");
    let mut bytes = fs::read(&start).expect("a start");
    *bytes.last_mut().expect("bytes") ^= 1;
    fs::write(&start, bytes).expect("a file");
    workspace
        .run("fit --resume out")
        .fails(2, &["start.safetensors` is damaged: its checksum is wrong"]);
    workspace.file("out/checkpoint/run.ron", "(version: ");
    workspace
        .run("fit --resume out")
        .fails(2, &["run.ron` is damaged"]);
    assert!(state.exists());
}

#[test]
fn a_new_run_does_not_take_the_place_of_one_that_can_go_on() {
    let workspace = workspace(1500);
    workspace.killed("fit run.ron");
    workspace
        .run("fit mean.stan --data mean.json --out out")
        .fails(2, &["a run that is not finished", "--resume out"]);
    let mut child = workspace.begin("fit --resume out");
    std::thread::sleep(Duration::from_millis(300));
    workspace
        .run("fit --resume out")
        .fails(2, &["another process is at work there"]);
    child.kill().expect("a process that runs");
    child.wait().expect("its end");
}

#[test]
fn a_checkpoint_that_cannot_be_written_costs_the_run_nothing_but_a_warning() {
    let workspace = workspace(1500);
    let child = workspace.begin("fit run.ron --out out");
    while !workspace.has_checkpoint() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // No folder, rather than one that may not be written to: some users may write everywhere.
    fs::rename(workspace.path("out/checkpoint"), workspace.path("away")).expect("a folder");
    let ran = Ran::from(child.wait_with_output().expect("its end"));
    ran.fails(
        0,
        &["warning: the run goes on, but `--resume` will not have all of it"],
    );
    assert_eq!(workspace.read("out/trace.csv").lines().count(), 1 + 1500);
}
