//! Plugins from a shared library, in the ordinary program.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::workspace::{Ran, Workspace, assert_near};

/// The library that is built with these tests.
pub fn library() -> PathBuf {
    let name = format!(
        "{}firebrand_test_plugin{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    let program = Path::new(env!("CARGO_BIN_EXE_firebrand"));
    let file = program.with_file_name("deps").join(name);
    assert!(file.is_file(), "{} was not built", file.display());
    file
}

/// Runs the program with the library.
pub fn with_library(arguments: &str) -> Ran {
    let workspace = Workspace::new();
    let library = library();
    workspace.run(&format!(
        "{arguments} --plugin-path '{}'",
        library.display()
    ))
}

fn quantity<'a>(json: &'a Value, name: &str) -> &'a Value {
    let summary = json["summary"].as_array().unwrap();
    summary
        .iter()
        .find(|quantity| quantity["name"] == name)
        .unwrap()
}

#[test]
fn a_model_is_fitted_with_a_family_of_a_library() {
    let ran =
        with_library("fit mean.stan --data mean.json --json --family 'student-t(freedom: 30)'");
    let json = ran.json();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(
        json["record"]["request"]["family"]["options"],
        "(freedom:30)"
    );
    // The posterior is normal about 2.5 with variance 1/3, and 30 degrees of freedom come close: five standard errors of 4000 draws, and
    // what the algorithm allows itself.
    assert_near(&quantity(&json, "mu")["mean"], 2.5, 0.06);
    assert_near(&quantity(&json, "mu")["sd"], (1.0_f64 / 3.0).sqrt(), 0.06);
}

#[test]
fn an_algorithm_of_a_library_drives_families_of_the_program_and_of_the_library() {
    for family in ["full-rank", "student-t"] {
        let ran = with_library(&format!(
            "fit mean.stan --data mean.json --json --inference 'climb(draws: 64)' --family {family}"
        ));
        let json = ran.json();
        assert_eq!(ran.status, Some(0), "{ran:?}");
        assert_eq!(json["record"]["outcome"]["ran"]["steps"], 3);
        assert_near(&quantity(&json, "mu")["mean"], 2.5, 0.1);
    }
}

#[test]
fn a_target_of_a_library_is_fitted_by_its_name() {
    let ran = with_library("fit 'target:hill(dimension: 3)' --json");
    let json = ran.json();
    assert_eq!(
        (ran.status, json["verdict"].as_str()),
        (Some(0), Some("trustworthy"))
    );
    for (name, mean) in [("height[1]", 1.0), ("height[3]", 3.0)] {
        assert_near(&quantity(&json, name)["mean"], mean, 0.05);
        assert_near(&quantity(&json, name)["sd"], 0.5, 0.05);
    }
    with_library("fit target:hill --data mean.json").fails(2, &["`--data` is for models"]);
    with_library("fit target:hil").fails(2, &["no target `hil` (did you mean `hill`?)"]);
    with_library("fit 'target:hill(height: 3)'")
        .fails(2, &["options of `hill`", "dimension = 2 (a whole number)"]);
    with_library("check target:hill").fails(2, &["only `firebrand fit` takes it"]);
}

#[test]
fn faults_of_a_library_end_the_run_and_not_the_program() {
    with_library("fit mean.stan --data mean.json --inference 'climb(trouble: \"panic\")'")
        .fails(3, &["`climb` panicked: the rope broke"]);
    with_library(
        "fit mean.stan --data mean.json --inference 'climb(trouble: \"nan\")' --family student-t",
    )
    .fails(0, &[]);
    with_library("fit 'target:hill(broken: true)'").fails(3, &["a log density is not finite"]);
}

#[test]
fn a_library_that_fails_when_the_run_is_over_fails_it_in_one_sentence_and_keeps_its_record() {
    for (inference, trouble, expected, kept) in [
        // The copy of what the last step left.
        (
            "climb",
            "clone",
            "`climb` says: `late` panicked: the well ran dry",
            [false, false],
        ),
        // Draws to check the result with.
        (
            "advi",
            "noise_shape",
            "`late` panicked: the well ran dry",
            [false, true],
        ),
        // What is written of the result, once it was drawn from.
        (
            "advi",
            "lambda",
            "the approximation cannot be written: `late` panicked: the well ran dry",
            [true, false],
        ),
    ] {
        let workspace = Workspace::new();
        let ran = workspace.run(&format!(
            "fit mean.stan --data mean.json --inference {inference} --max-steps 3 --family 'late(trouble: \"{trouble}\")' --out out \
             --plugin-path '{}'",
            library().display()
        ));
        ran.fails(3, &[expected]);
        let [.., last] = ran.stderr.lines().collect::<Vec<_>>()[..] else {
            panic!("{ran:?}")
        };
        assert!(last.ends_with(expected), "{ran:?}");
        let of_this_program = "panicked at core/";
        assert!(!ran.stderr.contains(of_this_program), "{ran:?}");
        let record: Value = serde_json::from_str(&workspace.read("out/run.json")).unwrap();
        let run = &record["outcome"]["ran"];
        assert_eq!(run["steps"], 3);
        assert_eq!(run["ended"]["failed"]["because"], expected);
        assert_eq!(workspace.read("out/trace.csv").lines().count(), 4);
        let draws = workspace.read("out/draws.csv");
        let lines = draws.lines().filter(|line| !line.starts_with('#'));
        let approximation = workspace.path("out/approximation.ron").exists();
        assert_eq!([lines.count() > 1000, approximation], kept, "{trouble}");
    }
}

#[test]
fn plugins_of_a_library_are_listed_with_their_file_and_shown_with_their_options() {
    let out = with_library("plugins list").ok();
    for (name, rest) in [
        ("student-t", "family     0.3.0    score"),
        ("climb", "inference  0.3.0"),
        ("hill", "target     0.3.0    dimension 2"),
    ] {
        let line = out
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{out}"));
        assert!(
            line.contains(rest) && line.contains("firebrand_test_plugin"),
            "{line}"
        );
    }
    let out = with_library("plugins show student-t").ok();
    assert!(
        out.contains("freedom = 5 (a whole number)\n        Degrees of freedom"),
        "{out}"
    );
    let json = with_library("plugins show climb --json").json();
    assert_eq!(json[0]["options"][1]["type"], "String");
}

#[test]
fn libraries_are_found_in_the_environment_and_in_the_users_folder() {
    let workspace = Workspace::new();
    let found = |ran: Ran| ran.ok().contains("student-t");
    assert!(!found(workspace.run("plugins")));
    let mut command = workspace.command("plugins");
    command.env("FIREBRAND_PLUGIN_PATH", library());
    assert!(found(command.output().unwrap().into()));
    let folder = workspace.path("data/firebrand/plugins");
    std::fs::create_dir_all(&folder).unwrap();
    let link = folder.join(library().file_name().unwrap());
    std::fs::hard_link(library(), &link)
        .or_else(|_| std::fs::copy(library(), &link).map(drop))
        .unwrap();
    let mut command = workspace.command("plugins");
    command.env("XDG_DATA_HOME", workspace.path("data"));
    if cfg!(target_os = "linux") {
        assert!(found(command.output().unwrap().into()));
    }
}

#[test]
fn what_is_refused_is_listed_with_the_reason_and_warned_of() {
    let workspace = Workspace::new();
    std::fs::create_dir(workspace.path("libs")).unwrap();
    let text = format!("libs/text{}", std::env::consts::DLL_SUFFIX);
    workspace.file(&text, "This is text.");
    workspace.file("libs/README", "Other files are no business of ours.");
    let out = workspace.run("plugins list --plugin-path libs").ok();
    let (_, refused) = out.split_once("refused:").expect("a list of the refused");
    assert!(
        refused.contains(&format!("{text}: it is not a shared library: ")),
        "{refused}"
    );
    assert!(!refused.contains("README"), "{refused}");
    let json = workspace
        .run("plugins --json --plugin-path libs --plugin-path nowhere")
        .json();
    let refused: Vec<&Value> = json
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| !entry["refused"].is_null())
        .collect();
    assert_eq!(refused[0]["source"], Value::from(text.as_str()));
    assert!(
        refused[1]["refused"]
            .as_str()
            .unwrap()
            .starts_with("it cannot be read: ")
    );
    let ran = workspace.run("fit mean.stan --data mean.json --max-steps 3 --plugin-path libs");
    ran.fails(
        0,
        &[&format!(
            "warning: {text} is refused: it is not a shared library: "
        )],
    );
}
