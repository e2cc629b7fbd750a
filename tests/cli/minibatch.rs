use crate::workspace::{Workspace, assert_near};

/// `mean.stan` with 200 observations, of mean 1: its posterior has standard deviation `1 / sqrt(200)`.
fn many() -> Workspace {
    let workspace = Workspace::new();
    let y: Vec<String> = (0..200)
        .map(|i| (1.0 + (1.3 * f64::from(i)).sin()).to_string())
        .collect();
    workspace.file(
        "many.json",
        &format!(r#"{{"N": 200, "y": [{}]}}"#, y.join(", ")),
    );
    workspace
}

#[test]
fn a_fit_on_minibatches_lands_where_that_on_all_data_does() {
    let workspace = many();
    let json = workspace
        .run("fit mean.stan --data many.json --minibatch N=20 --json")
        .json();
    assert_eq!(json["record"]["request"]["options"]["minibatch"], "N=20");
    assert_eq!(json["verdict"], "trustworthy", "{json}");
    let full = workspace
        .run("fit mean.stan --data many.json --json")
        .json();
    let (found, expected) = (&json["summary"][0], &full["summary"][0]);
    let sd = 200f64.sqrt().recip();
    // Averages are within 0.02 standard deviations of each other when the run ends; five standard errors of 4000 draws, twice, beside.
    assert_near(&found["mean"], expected["mean"].as_f64().unwrap(), 0.2 * sd);
    assert_near(&found["sd"], sd, 0.1 * sd);
    assert!(json["notes"].as_array().unwrap().is_empty(), "{json}");
}

#[test]
fn the_same_seed_gives_the_same_batches_and_so_the_same_bits() {
    let workspace = many();
    let fit = |seed: u64| {
        let arguments = format!(
            "fit mean.stan --data many.json --minibatch N=20 --max-steps 50 --seed {seed} --json"
        );
        workspace.run(&arguments).json()["summary"].clone()
    };
    assert_eq!(fit(1), fit(1));
    assert_ne!(fit(1), fit(2));
}

#[test]
fn a_run_file_has_minibatches_and_arguments_go_before_it() {
    let workspace = many();
    workspace.file(
        "many.ron",
        "(model: \"mean.stan\", data: \"many.json\", minibatch: \"N=20\", inference: \"gsm\", max_steps: 10)",
    );
    let json = workspace.run("fit many.ron --json").json();
    assert_eq!(json["record"]["request"]["options"]["minibatch"], "N=20");
    // What is known to be biased says so.
    let because = json["because"].to_string();
    assert!(
        because.contains("`gsm` takes the noise of minibatches for curvature"),
        "{because}"
    );
    let json = workspace.run("fit many.ron --json --minibatch N=50").json();
    assert_eq!(json["record"]["request"]["options"]["minibatch"], "N=50");
}

#[test]
fn minibatches_that_cannot_be_drawn_are_mistakes_of_usage() {
    let workspace = many();
    let fit = |minibatch: &str| {
        workspace.run(&format!(
            "fit mean.stan --data many.json --minibatch {minibatch}"
        ))
    };
    fit("20").fails(2, &["`20` is no minibatch", "such as `N=128`"]);
    fit("N=0").fails(2, &["at least one row"]);
    fit("N=201").fails(
        2,
        &["a minibatch of 201 rows cannot be drawn from the 200 of `N`"],
    );
    workspace
        .run("fit 'target:hill' --minibatch N=3")
        .fails(2, &["hill"]);
    workspace.file("wrong.ron", "(model: \"mean.stan\", minibatch: \"20\")");
    workspace
        .run("fit wrong.ron")
        .fails(2, &["minibatch", "such as `N=128`"]);
}

#[test]
fn models_that_are_no_sums_over_rows_are_refused_with_place_and_reason() {
    let workspace = many();
    let fit = |model: &str, plate: &str| {
        workspace.file("wrong.stan", model);
        workspace.run(&format!(
            "fit wrong.stan --data many.json --minibatch {plate}=20"
        ))
    };
    let data = "data { int N; vector[N] y; }\n";
    fit(
        &format!("{data}parameters {{ vector[N] mu; }}\nmodel {{ y ~ normal(mu, 1); }}\n"),
        "N",
    )
    .fails(
        1,
        &[
            "wrong.stan:2:24",
            "the size of the parameter mu depends on the number of rows",
        ],
    );
    let series = format!(
        "{data}parameters {{ real a; }}\nmodel {{\n  a ~ std_normal();\n  for (n in 2:N) y[n] ~ normal(a * y[n - 1], 1);\n}}\n"
    );
    fit(&series, "N").fails(
        1,
        &[
            "wrong.stan:5:18",
            "this term is no sum over the rows of N",
            "transformed data",
        ],
    );
    fit(&series, "M").fails(1, &["the model's data have no size M", "they have N"]);
}

#[test]
fn a_resumed_run_sees_the_batches_that_it_would_have_seen() {
    let workspace = many();
    let fit = "fit mean.stan --data many.json --minibatch N=30 --json";
    let whole = workspace
        .run(&format!("{fit} --max-steps 25 --out whole"))
        .json();
    workspace
        .run(&format!("{fit} --max-steps 9 --out part"))
        .json();
    let resumed = workspace
        .run("fit --resume part --max-steps 25 --json")
        .json();
    assert_eq!(resumed["record"]["outcome"]["ran"]["steps"], 25);
    assert_eq!(resumed["summary"], whole["summary"]);
}
