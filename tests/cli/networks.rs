use std::fs::{self, File};

use crate::workspace::Workspace;

/// The first 300 training images of MNIST and the first 200 test images.
fn workspace_with_digits() -> Workspace {
    let workspace = Workspace::new();
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/mnist.zip");
    let mut archive = zip::ZipArchive::new(File::open(archive).unwrap()).unwrap();
    archive.extract(workspace.path("mnist")).unwrap();
    workspace
}

/// A value of `results.csv` that only one row has.
fn result(text: &str, at: &str) -> f64 {
    let mut values = text.lines().filter_map(|line| line.strip_prefix(at));
    let value = values.next().unwrap_or_else(|| panic!("{at}: {text}"));
    assert!(values.next().is_none(), "{at}");
    value.parse().unwrap()
}

#[test]
fn networks_learn_digits_and_every_algorithm_is_in_the_table() {
    let workspace = workspace_with_digits();
    let said = workspace
        .run(
            "experiment mnist --data mnist --out out --sizes 100,300 --seeds 1 --hidden 16 --steps 192 --minibatch 50 --draws 4",
        )
        .ok();
    assert_eq!(said.trim(), workspace.read("out/summary.md").trim());
    let results = workspace.read("out/results.csv");
    assert!(results.starts_with("experiment,setting,algorithm,seed,images,metric,value\n"));
    for algorithm in ["prox-score", "advi", "map"] {
        for size in [100, 300] {
            let row = format!("| {size} | {algorithm} | ");
            assert!(said.contains(&row), "{said}");
            let value = |metric| {
                result(
                    &results,
                    &format!("mnist,mlp,{algorithm},1,{size},{metric},"),
                )
            };
            // Who guesses errs in nine of ten of 200 images, with a standard error of 0.021.
            let error = value("error");
            assert!(error < 0.9 - 5.0 * 0.021, "{algorithm}, {size}: {error}");
            assert!((0.0..=1.0).contains(&value("ece")));
            assert!(value("nll").is_finite());
        }
    }
    let figure = workspace.read("out/mlp.svg");
    assert_eq!(figure.matches("<polyline").count(), 9);
}

#[test]
fn images_that_are_not_there_are_asked_for() {
    let workspace = workspace_with_digits();
    let run = |arguments: &str| workspace.run(&format!("experiment mnist --out out {arguments}"));
    run("--data nowhere").fails(2, &["nowhere", "scripts/mnist.sh"]);
    run("--data mnist --sizes 301").fails(2, &["there are 300 training images, not 301"]);
    run("--data mnist --kl-discount 2").fails(2, &["at most 1"]);
    fs::write(workspace.path("mnist/t10k-labels-idx1-ubyte"), [0; 20]).unwrap();
    run("--data mnist --sizes 10").fails(2, &["t10k-labels-idx1-ubyte is no IDX file"]);
}

/// `y = 3 x - 2`, rows as the repository has them, in two splits.
fn line(workspace: &Workspace) {
    let folder = workspace.path("uci/yacht/data");
    fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: String| fs::write(folder.join(name), text).unwrap();
    let row = |n: i32| format!("{:e} {:e}\n", f64::from(n), f64::from(3 * n - 2));
    write("data.txt", (0..240).map(row).collect());
    write("index_features.txt", "0.0\n".into());
    write("index_target.txt", "1\n".into());
    for split in 0..2 {
        let numbers = |is_test: bool| -> String {
            let of = (0..240).filter(|n| (n % 6 == split) == is_test);
            of.map(|n| format!("{n}\n")).collect()
        };
        write(&format!("index_train_{split}.txt"), numbers(false));
        write(&format!("index_test_{split}.txt"), numbers(true));
    }
}

#[test]
fn regressions_are_measured_over_splits() {
    let workspace = Workspace::new();
    line(&workspace);
    let run = |arguments: &str| {
        workspace.run(&format!("experiment uci --data uci --out out {arguments}"))
    };
    let said = run("--only yacht --splits 2 --steps 200 --algorithms prox-score;map").ok();
    assert!(said.contains("| yacht | 2 | prox-score | "), "{said}");
    let results = workspace.read("out/results.csv");
    for split in 0..2 {
        let rmse = result(&results, &format!("uci,yacht,prox-score,{split},200,rmse,"));
        // Of y the standard deviation is 208, which is the error of who predicts the mean.
        assert!(rmse < 20.8, "{rmse}");
    }
    run("--only concrete").fails(2, &["concrete", "scripts/uci.sh"]);
    run("--only nothing").fails(2, &["no set"]);
}
