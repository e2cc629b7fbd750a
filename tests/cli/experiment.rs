use std::collections::BTreeSet;

use crate::database::workspace_with_database;
use crate::workspace::Workspace;

/// One row of `results.csv`.
struct Row {
    setting: String,
    algorithm: String,
    seed: u64,
    evaluations: u64,
    metric: String,
    value: f64,
}

/// Runs an experiment in its quick settings, and checks that all files are as they should be.
fn run(workspace: &Workspace, arguments: &str) -> Vec<Row> {
    let said = workspace
        .run(&format!("experiment {arguments} --quick --out out"))
        .ok();
    assert_eq!(said.trim(), workspace.read("out/summary.md").trim());
    let rows = rows(workspace, arguments.split(' ').next().unwrap());
    let settings: BTreeSet<&str> = rows.iter().map(|row| row.setting.as_str()).collect();
    for setting in settings {
        let figure = workspace.read(&format!("out/{setting}.svg"));
        let metrics = distinct(&rows, setting, |row| &row.metric);
        let algorithms = distinct(&rows, setting, |row| &row.algorithm);
        assert_eq!(figure.matches("<polyline").count(), metrics * algorithms);
        assert!(said.contains(&format!("### {setting}\n")), "{said}");
    }
    rows
}

fn distinct(rows: &[Row], setting: &str, part: impl Fn(&Row) -> &String) -> usize {
    let of = rows.iter().filter(|row| row.setting == setting);
    of.map(part).collect::<BTreeSet<_>>().len()
}

fn rows(workspace: &Workspace, experiment: &str) -> Vec<Row> {
    let text = workspace.read("out/results.csv");
    let (head, body) = text.split_once('\n').unwrap();
    assert_eq!(
        head,
        "experiment,setting,algorithm,seed,score_evaluations,metric,value"
    );
    body.lines()
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let [name, setting, algorithm, seed, evaluations, metric, value] = cells[..] else {
                panic!("{line}");
            };
            assert_eq!(name, experiment);
            Row {
                setting: setting.into(),
                algorithm: algorithm.into(),
                seed: seed.parse().unwrap(),
                evaluations: evaluations.parse().unwrap(),
                metric: metric.into(),
                value: value.parse().unwrap(),
            }
        })
        .collect()
}

/// The values of a metric at the end of all runs of an algorithm in a setting.
fn at_the_end(rows: &[Row], setting: &str, algorithm: &str, metric: &str) -> Vec<f64> {
    let last = rows.iter().map(|row| row.evaluations).max().unwrap();
    let of: Vec<f64> = rows
        .iter()
        .filter(|row| row.setting == setting && row.algorithm == algorithm)
        .filter(|row| row.metric == metric && row.evaluations == last)
        .map(|row| row.value)
        .collect();
    assert!(!of.is_empty(), "{setting}, {algorithm}, {metric}");
    of
}

#[test]
fn every_algorithm_reaches_a_gaussian_and_one_seed_gives_one_result() {
    let workspace = Workspace::new();
    let all = run(&workspace, "gaussian --seeds 2");
    assert_eq!(all.iter().map(|row| row.seed).max(), Some(2));
    for algorithm in ["prox-score", "advi", "gsm", "bam"] {
        for divergence in at_the_end(&all, "dimension-4", algorithm, "forward_kl") {
            // A hundredth of what N(0, I) has.
            assert!(divergence < 0.05, "{algorithm}: {divergence}");
        }
    }
    let before = workspace.read("out/results.csv");
    run(&workspace, "gaussian --seeds 2");
    assert!(before == workspace.read("out/results.csv"));
}

#[test]
fn noise_in_the_scores_misleads_bam_and_gsm_but_not_proximal_score_matching() {
    let workspace = Workspace::new();
    let all = run(&workspace, "noise --seeds 2");
    let error = |algorithm| at_the_end(&all, "variance-1", algorithm, "covariance_error");
    let exact = error("prox-score").into_iter().fold(0.0, f64::max);
    // Noise of variance 1 adds 1 to what BaM takes for the variance of scores: with eigenvalues l of the target's covariance, from
    // 10^-1/2 to 10^1/2, it finds l / (1 + l), which is off by l / (1 + l) in relation to l, by 0.24 to 0.76.
    assert!(error("bam").into_iter().all(|error| error > 0.4));
    assert!(error("gsm").into_iter().all(|error| error > 0.4));
    // The average of all of the noise is smaller than that by the root of the number of evaluations.
    assert!(exact < 0.15, "{exact}");
    assert!(
        workspace
            .read("out/noise.svg")
            .contains("variance of the noise")
    );
}

#[test]
fn a_mixture_is_held_by_a_mixture_better_than_by_a_gaussian() {
    let workspace = Workspace::new();
    let all = run(&workspace, "mixture --seeds 1");
    let setting = "dimension-2-order-2-components-2";
    let divergence = |algorithm| at_the_end(&all, setting, algorithm, "forward_kl")[0];
    let mixture = divergence("advi mixture(components: 2)");
    let gaussian = divergence("advi");
    assert!(mixture < gaussian, "{mixture}, {gaussian}");
}

#[test]
fn posteriors_are_compared_with_their_reference_draws() {
    let workspace = workspace_with_database();
    let all = run(
        &workspace,
        "posteriordb --seeds 1 --posteriordb db --posteriors mean-exact",
    );
    for algorithm in ["prox-score", "advi", "gsm", "bam"] {
        // A standard error of a thousand draws is 0.03.
        let error = at_the_end(&all, "mean-exact", algorithm, "mean_error")[0];
        assert!(error < 0.2, "{algorithm}: {error}");
    }
}

#[test]
fn what_there_is_not_is_refused() {
    let workspace = workspace_with_database();
    workspace
        .run("experiment gaussian --out out --only nothing")
        .fails(2, &["no setting"]);
    workspace
        .run("experiment posteriordb --posteriordb db --posteriors none --out out")
        .fails(2, &["none"]);
}
