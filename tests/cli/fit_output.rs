use crate::workspace::Workspace;

const FILES: [&str; 5] = [
    "approximation.ron",
    "draws.csv",
    "origin.ron",
    "run.json",
    "trace.csv",
];

#[test]
fn a_run_leaves_draws_trace_approximation_and_record() {
    let workspace = Workspace::new();
    workspace
        .run("fit eight.stan --data eight.json --draws 50 --seed 5 --out deep/results")
        .ok();
    assert_eq!(workspace.names("deep/results"), FILES);

    let draws = workspace.read("deep/results/draws.csv");
    let (comments, table): (Vec<&str>, Vec<&str>) =
        draws.lines().partition(|line| line.starts_with('#'));
    assert!(comments.contains(&"# model = eight"), "{comments:?}");
    assert!(
        table[0].starts_with("lp__,lp_approx__,z.1,z.2,"),
        "{}",
        table[0]
    );
    assert!(table[0].ends_with(",theta.8"), "{}", table[0]);
    assert_eq!(table.len(), 1 + 50);
    let width = table[0].split(',').count();
    for row in &table[1..] {
        let numbers: Result<Vec<f64>, _> = row.split(',').map(str::parse).collect();
        assert_eq!(numbers.map(|numbers| numbers.len()), Ok(width), "{row}");
    }

    let trace = workspace.read("deep/results/trace.csv");
    assert!(
        trace.starts_with("step,seconds,gradients,rejected,"),
        "{trace}"
    );
    let record: serde_json::Value =
        serde_json::from_str(&workspace.read("deep/results/run.json")).unwrap();
    assert_eq!(record["request"]["data"], "eight.json");
    assert_eq!(
        trace.lines().count() as u64,
        1 + record["outcome"]["ran"]["steps"].as_u64().unwrap()
    );
    assert!(
        workspace
            .read("deep/results/approximation.ron")
            .contains("full-rank")
    );
}

#[test]
fn the_saved_approximation_can_be_made_again() {
    use firebrand::core::record::SavedApproximation;
    let workspace = Workspace::new();
    workspace
        .run("fit mean.stan --data mean.json --out out")
        .ok();
    let saved = SavedApproximation::from_ron(&workspace.read("out/approximation.ron")).unwrap();
    let again = saved.restore(&firebrand::Placement::cpu()).unwrap();
    let gaussian = again.gaussian().unwrap();
    assert!(
        (gaussian.mean()[0] - 2.5).abs() < 0.01,
        "{:?}",
        gaussian.mean()
    );
    assert!((gaussian.covariance().diagonal()[0] - 1.0 / 3.0).abs() < 0.01);
}

#[test]
fn an_earlier_run_is_replaced_and_what_is_beside_it_stays() {
    let workspace = Workspace::new();
    workspace
        .run("fit eight.stan --data eight.json --draws 10 --out out")
        .ok();
    workspace.file("out/notes.txt", "mine");
    workspace
        .run("fit mean.stan --data mean.json --draws 10 --out out")
        .ok();
    assert!(workspace.read("out/draws.csv").contains("lp_approx__,mu\n"));
    assert_eq!(workspace.read("out/notes.txt"), "mine");
}

#[test]
fn a_folder_with_other_files_is_refused_before_the_fit() {
    let workspace = Workspace::new();
    let ran = workspace.run("fit mean.stan --data mean.json --out .");
    ran.fails(2, &["no earlier run's"]);
    assert_eq!(ran.stdout, "");
}

#[test]
fn a_folder_that_cannot_be_made_or_written_to_is_refused_before_the_fit() {
    let workspace = Workspace::new();
    workspace
        .run("fit mean.stan --data mean.json --out mean.json")
        .fails(2, &["cannot write results to `mean.json`"]);
    workspace
        .run("fit mean.stan --data mean.json --out mean.json/out")
        .fails(2, &["cannot write results"]);
    workspace
        .run("fit mean.stan --data mean.json --out /proc/firebrand")
        .fails(2, &["cannot write results"]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_keeps_what_was_done() {
    let workspace = Workspace::new();
    let endless = "--inference 'advi(adaptive: true, tolerance: 1e-12)' --max-steps 1000000000";
    let arguments =
        format!("fit eight.stan --data eight.json {endless} --out out --json --draws 100");
    let ran = workspace.interrupt(workspace.command(&arguments).spawn().unwrap());
    let json = ran.json();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(json["record"]["outcome"]["ran"]["ended"], "interrupted");
    assert!(
        json["because"]
            .to_string()
            .contains("the run was interrupted"),
        "{json}"
    );
    let names = workspace.names("out");
    assert!(FILES.iter().all(|file| names.contains(&file.to_string())));
    assert!(workspace.read("out/trace.csv").lines().count() > 1);
}

#[cfg(unix)]
#[test]
fn generated_quantities_that_take_too_long_can_be_interrupted() {
    let workspace = Workspace::new();
    workspace.file(
        "slow.stan",
        "parameters { real x; } model { x ~ std_normal(); }\n\
         generated quantities { real y = 0; for (i in 1:1000000) y += normal_rng(x, 1); }",
    );
    let child = workspace
        .command("fit slow.stan --out out --json")
        .spawn()
        .unwrap();
    let ran = workspace.interrupt(child);
    ran.fails(
        0,
        &["note: generated quantities are left out: the run was interrupted"],
    );
    assert_eq!(ran.json()["verdict"], "trustworthy");
    assert_eq!(workspace.names("out"), FILES);
}
