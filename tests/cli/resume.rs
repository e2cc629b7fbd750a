//! Runs that are killed, and go on.

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use firebrand::core::Checkpoint;
use serde_json::Value;

use crate::libraries::library;
use crate::workspace::{Ran, Workspace};

/// With a run that does not end by itself. Its check is short: it is not what is tested.
fn workspace() -> Workspace {
    let workspace = Workspace::new();
    workspace.file(
        "run.ron",
        "(model: \"eight.stan\", data: \"eight.json\", inference: \"advi(adaptive: true, tolerance: 1e-12)\", draws: 50, \
         max_steps: 1000000000, checkpoint_seconds: 0.0, check: (draws: 100, chains: 0))",
    );
    workspace
}

impl Workspace {
    fn begin(&self, arguments: &str) -> Child {
        self.command(arguments).spawn().expect("the program")
    }

    /// Until the run in `out` has one.
    fn wait_for_a_checkpoint(&self) {
        let began = Instant::now();
        while !self.path("out/checkpoint/state.safetensors").exists() {
            assert!(began.elapsed() < Duration::from_secs(20), "no checkpoint");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Steps of the run in `out` at its last checkpoint.
    fn steps(&self) -> u64 {
        let checkpoint = Checkpoint::read(&self.path("out/checkpoint"));
        checkpoint.expect("a checkpoint").steps
    }

    /// Begins a run in `out` and kills it once it has a checkpoint.
    fn killed(&self, arguments: &str) {
        let mut child = self.begin(&format!("{arguments} --out out"));
        self.wait_for_a_checkpoint();
        child.kill().expect("a process that runs");
        child.wait().expect("its end");
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

/// Kills a run as often, at random moments, and has it end.
fn the_same_bits_after(workspace: &Workspace, kills: usize) {
    workspace.killed("fit run.ron");
    let mut random: u64 = 20261123;
    for _ in 1..kills {
        let mut child = workspace.begin("fit --resume out");
        // Knuth's generator, whose upper bits are the good ones; up to a quarter of a second.
        random = random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        std::thread::sleep(Duration::from_millis(random >> 56));
        child.kill().expect("a process that runs");
        child.wait().expect("its end");
    }
    let steps = workspace.steps() + 20;
    workspace
        .run(&format!("fit --resume out --max-steps {steps}"))
        .ok();
    workspace
        .run(&format!("fit run.ron --max-steps {steps} --out whole"))
        .ok();
    workspace.same_results("out", "whole");
}

#[test]
fn a_run_that_is_killed_at_ten_random_moments_ends_with_the_same_bits() {
    the_same_bits_after(&workspace(), 10);
}

/// A network from a file of weights, fitted on minibatches of an array in a file of its own.
fn network() -> Workspace {
    let workspace = Workspace::new();
    workspace.file(
        "network.stan",
        "data { int N; array[N] vector[2] x; vector[N] y; }\n\
         parameters { network f = mlp(2, {3}, 1); }\n\
         model { f ~ normal(0, 1); for (n in 1:N) y[n] ~ normal(f(x[n])[1], 0.5); }\n\
         generated quantities { real first = f(x)[1, 1]; }",
    );
    let rows = 30;
    let x: Vec<f64> = (0..2 * rows).map(|i| (0.7 * f64::from(i)).sin()).collect();
    workspace.array("x.npy", &[rows as usize, 2], &x);
    let weights = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/pytorch/state_dict.pt"
    );
    fs::copy(weights, workspace.path("weights.pt")).expect("a copy");
    let y: Vec<f64> = x.chunks(2).map(|x| x[0] - x[1] * x[1]).collect();
    workspace.file(
        "network.json",
        &format!(
            r#"{{"N": {rows}, "x": {{"file": "x.npy"}}, "y": {y:?}, "f": {{"file": "weights.pt"}}}}"#
        ),
    );
    workspace.file(
        "run.ron",
        "(model: \"network.stan\", data: \"network.json\", inference: \"prox-score(batch: 4, tolerance: 1e-12)\", minibatch: \"N=7\", \
         family: \"mean-field\", draws: 20, max_steps: 1000000000, checkpoint_seconds: 0.0, check: (draws: 20, chains: 0), \
         start: (path_steps: 5, wide_steps: 5, refine_steps: 0))",
    );
    workspace
}

#[test]
fn a_network_on_minibatches_that_is_killed_ends_with_the_same_bits() {
    the_same_bits_after(&network(), 4);
}

#[test]
fn arrays_and_weights_that_have_changed_in_files_of_their_own_are_named() {
    let workspace = network();
    workspace.killed("fit run.ron");
    for name in ["x.npy", "weights.pt"] {
        let path = workspace.path(name);
        let bytes = fs::read(&path).expect("a file");
        let mut changed = bytes.clone();
        *changed.last_mut().expect("bytes") ^= 1;
        fs::write(&path, changed).expect("a file");
        workspace
            .run("fit --resume out")
            .fails(2, &["the data file", name, "has changed"]);
        fs::write(&path, bytes).expect("a file");
    }
}

#[test]
fn every_algorithm_goes_on_in_another_process() {
    let workspace = workspace();
    for method in [
        "prox-score --family full-rank",
        "prox-score --family low-rank",
        "prox-score --family mean-field",
        "prox-score --family mixture",
        "advi --family full-rank",
        "advi --family low-rank",
        "advi --family mean-field",
        "bam --family full-rank",
        "bam --family low-rank",
        "gsm --family full-rank",
    ] {
        let fit = format!("fit run.ron --inference {method}");
        workspace
            .run(&format!("{fit} --max-steps 9 --out whole"))
            .ok();
        workspace
            .run(&format!("{fit} --max-steps 4 --out out"))
            .ok();
        workspace.run("fit --resume out --max-steps 9").ok();
        workspace.same_results("out", "whole");
    }
}

#[test]
fn a_run_that_is_killed_after_its_last_step_is_checked_and_written() {
    let workspace = workspace();
    for folder in ["whole", "out"] {
        workspace
            .run(&format!("fit run.ron --max-steps 20 --out {folder}"))
            .ok();
    }
    for file in ["run.json", "draws.csv", "trace.csv"] {
        fs::remove_file(workspace.path("out").join(file)).expect("a file");
    }
    workspace.run("fit --resume out").ok();
    workspace.same_results("out", "whole");
}

#[test]
fn a_run_goes_on_from_any_folder_with_what_it_was_asked_for_said_again() {
    let workspace = workspace();
    for (folder, steps) in [("whole", 60), ("out", 20)] {
        workspace
            .run(&format!(
                "fit run.ron --seed 7 --max-steps {steps} --out {folder}"
            ))
            .ok();
    }
    let out = workspace.path("out");
    let arguments = format!("fit --resume {} --seed 7 --max-steps 60", out.display());
    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut command = workspace.command(&arguments);
    let ran = command.current_dir(elsewhere.path()).output();
    Ran::from(ran.expect("the program")).ok();
    workspace.same_results("out", "whole");
}

#[test]
fn a_plugin_is_loaded_from_the_file_that_it_came_from() {
    let workspace = workspace();
    let library = library();
    let fit = |steps: u64, folder: &str| {
        let arguments = format!(
            "fit mean.stan --data mean.json --family student-t --inference 'advi(tolerance: 1e-12)' --max-steps {steps} \
             --draws 10 --out {folder} --plugin-path '{}'",
            library.display()
        );
        workspace.run(&arguments).ok();
    };
    fit(9, "whole");
    fit(4, "out");
    workspace.run("fit --resume out --max-steps 9").ok();
    workspace.same_results("out", "whole");
}

#[test]
fn a_run_out_of_steps_is_finished_until_it_may_take_more() {
    let workspace = workspace();
    workspace.run("fit run.ron --max-steps 20 --out out").ok();
    for arguments in ["", "--max-steps 5"] {
        workspace
            .run(&format!("fit --resume out {arguments}"))
            .fails(
                2,
                &["the run is finished: it has taken all of its 20 steps; `--max-steps` with more"],
            );
    }
    fs::remove_file(workspace.path("out/run.json")).expect("a record");
    workspace
        .run("fit --resume out --max-steps 5")
        .fails(2, &["the run has already taken 20 steps"]);
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
    let workspace = workspace();
    let child = workspace.begin("fit run.ron --out out");
    workspace.wait_for_a_checkpoint();
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &id])
        .status();
    assert!(sent.expect("kill").success());
    Ran::from(child.wait_with_output().expect("its end")).ok();
    assert!(workspace.read("out/run.json").contains("interrupted"));
    let steps = workspace.steps() + 20;
    for run in ["--resume out", "run.ron --out whole"] {
        workspace
            .run(&format!("fit {run} --max-steps {steps}"))
            .ok();
    }
    workspace.same_results("out", "whole");
}

#[test]
fn a_run_killed_before_its_first_checkpoint_begins_anew_and_ends_the_same() {
    let workspace = workspace();
    let mut child = workspace.begin("fit run.ron --out out");
    while !workspace.path("out/origin.ron").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("a process that runs");
    child.wait().expect("its end");
    // Should it have found its start by now.
    for file in ["state", "start"] {
        let file = format!("out/checkpoint/{file}.safetensors");
        let _ = fs::remove_file(workspace.path(&file));
    }
    workspace.run("fit --resume out --max-steps 5").ok();
    // And again, from the checkpoints that it keeps from now on.
    assert_eq!(workspace.steps(), 5);
    workspace.run("fit --resume out --max-steps 9").ok();
    workspace.run("fit run.ron --max-steps 9 --out whole").ok();
    workspace.same_results("out", "whole");
    workspace
        .run("fit --resume elsewhere")
        .fails(2, &["cannot resume `elsewhere`: there is no such folder"]);
    fs::create_dir(workspace.path("empty")).expect("a folder");
    workspace
        .run("fit --resume empty")
        .fails(2, &["there is no run in it"]);
    // Nothing is lost, so nothing keeps the run from beginning anew.
    workspace.run("fit run.ron --max-steps 5 --out out").ok();
}

#[test]
fn a_run_out_of_time_before_it_has_a_start_goes_on_with_more() {
    let workspace = workspace();
    workspace
        .run("fit run.ron --max-seconds 1e-9 --out out")
        .fails(3, &["out of time, before a start was found"]);
    workspace
        .run("fit --resume out --max-seconds 1000 --max-steps 5")
        .ok();
    workspace.run("fit run.ron --max-steps 5 --out whole").ok();
    assert_eq!(
        workspace.read("out/draws.csv"),
        workspace.read("whole/draws.csv")
    );
}

#[test]
fn what_would_change_the_result_is_refused() {
    let workspace = workspace();
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
    let workspace = workspace();
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
    let workspace = workspace();
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
    workspace.run("fit --resume out").fails(
        2,
        &[
            "start.safetensors` is damaged: its checksum is wrong",
            "begin the run anew, without `--resume`",
        ],
    );
    fs::remove_file(&start).expect("a start");
    workspace
        .run("fit --resume out")
        .fails(2, &["start.safetensors` is damaged: it is not there"]);
    workspace.file("out/origin.ron", "(version: ");
    workspace
        .run("fit --resume out")
        .fails(2, &["origin.ron` is damaged"]);
    assert!(state.exists());
}

#[test]
fn a_run_whose_checkpoints_are_gone_can_only_begin_anew() {
    let workspace = workspace();
    workspace.run("fit run.ron --max-steps 20 --out out").ok();
    fs::remove_dir_all(workspace.path("out/checkpoint")).expect("a folder");
    for limits in ["", "--max-steps 40"] {
        workspace
            .run(&format!("fit --resume out {limits}"))
            .fails(2, &["are not there any more; begin it anew"]);
    }
}

#[test]
fn a_new_run_does_not_take_the_place_of_one_that_can_go_on() {
    let workspace = workspace();
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
fn results_that_cannot_be_written_are_shown_and_written_once_they_can_be() {
    let workspace = workspace();
    workspace.killed("fit run.ron");
    let steps = workspace.steps() + 5;
    // In the place of the draws, as a full disk would be.
    fs::create_dir(workspace.path("out/draws.csv")).expect("a folder");
    let resume = format!("fit --resume out --max-steps {steps}");
    let ran = workspace.run(&resume);
    assert!(ran.stdout.contains("verdict: "), "{}", ran.stdout);
    ran.fails(
        2,
        &[
            "the results are not written",
            "draws.csv",
            "`firebrand fit --resume` with the folder goes on",
        ],
    );
    fs::remove_dir(workspace.path("out/draws.csv")).expect("a folder");
    workspace.run(&resume).ok();
    workspace
        .run(&format!("fit run.ron --max-steps {steps} --out whole"))
        .ok();
    workspace.same_results("out", "whole");
}

#[test]
fn a_checkpoint_that_cannot_be_written_costs_the_run_nothing_but_a_warning() {
    let workspace = workspace();
    let child = workspace.begin("fit run.ron --max-steps 5000 --out out");
    workspace.wait_for_a_checkpoint();
    // No folder, rather than one that may not be written to: some users may write everywhere.
    fs::rename(workspace.path("out/checkpoint"), workspace.path("away")).expect("a folder");
    let ran = Ran::from(child.wait_with_output().expect("its end"));
    ran.fails(
        0,
        &["warning: the run goes on, but `--resume` will not have all of it"],
    );
    assert_eq!(workspace.read("out/trace.csv").lines().count(), 1 + 5000);
}
