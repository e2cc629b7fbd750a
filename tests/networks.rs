//! Networks in models: what they compute, beside the same written out; their scores; where they start; what is refused.

use firebrand::core::{Batch, Constrained, Stream, normals, to_host};
use firebrand::{Data, Model, Placement, Posterior, Target};

/// A regression on four rows of two numbers.
const DATA: &str = r#"{
    "N": 4,
    "x": [[0.3, -1.2], [0.8, 0.1], [-0.5, 0.7], [1.9, 0.4]],
    "y": [0.2, -0.4, 1.1, 0.6]
}"#;

const DECLARED: &str =
    "data { int N; array[N] vector[2] x; vector[N] y; } transformed data { matrix[N, 2] X;
       for (n in 1:N) X[n] = x[n]'; }";

fn compiled(text: &str) -> Posterior {
    let model = Model::parse("m", text).unwrap_or_else(|report| panic!("{report}"));
    let data = Data::from_json(DATA).unwrap();
    let posterior = model.compile(&data, &Placement::cpu());
    posterior.unwrap_or_else(|report| panic!("{report}"))
}

/// A model with the network `f`, and the rest of its blocks.
fn with_network(architecture: &str, rest: &str) -> Posterior {
    compiled(&format!(
        "{DECLARED} parameters {{ network f = {architecture}; real<lower=0> tau; }} {rest}"
    ))
}

/// Points `[draws, D]`, standard normal.
fn points(posterior: &Posterior, draws: usize) -> Vec<f64> {
    normals(1, Stream::Other(0), 0, draws * posterior.dimension())
}

/// Log densities and scores.
fn evaluated(posterior: &Posterior, points: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let dimension = posterior.dimension();
    let theta = posterior
        .placement()
        .matrix(points.to_vec(), [points.len() / dimension, dimension]);
    let out = posterior
        .log_density_and_score(&theta, &Batch::Full)
        .unwrap();
    (to_host(&out.log_density), to_host(&out.score))
}

fn constrained(posterior: &Posterior, points: &[f64]) -> Constrained {
    let dimension = posterior.dimension();
    let theta = posterior
        .placement()
        .matrix(points.to_vec(), [points.len() / dimension, dimension]);
    posterior.constrain(&theta, 1).unwrap()
}

fn assert_near(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        let scale = a.abs().max(b.abs()).max(1.0);
        assert!((a - b).abs() <= tolerance * scale, "{i}: {a} is not {b}");
    }
}

/// The largest difference between the score and central differences of fourth order.
fn score_error(posterior: &Posterior, at: &[f64]) -> f64 {
    const STEP: f64 = 1e-3;
    let score = evaluated(posterior, at).1;
    let mut worst: f64 = 0.0;
    for i in 0..at.len() {
        let moved = |step: f64| {
            let mut at = at.to_vec();
            at[i] += step;
            at
        };
        let all = [-2.0, -1.0, 1.0, 2.0].map(|k| moved(k * STEP)).concat();
        let v = evaluated(posterior, &all).0;
        let difference = (v[0] - 8.0 * v[1] + 8.0 * v[2] - v[3]) / (12.0 * STEP);
        let scale = score[i].abs().max(1.0);
        worst = worst.max((difference - score[i]).abs() / scale);
    }
    worst
}

const REGRESSION: &str = "model { f ~ normal(0, tau); tau ~ normal(0, 1);
    for (n in 1:N) y[n] ~ normal(f(x[n])[1], 0.5); }";

#[test]
fn a_perceptron_is_the_same_as_its_matrix_algebra() {
    let network = with_network("mlp(2, {3, 4}, 1, activation = tanh)", REGRESSION);
    let algebra = compiled(&format!(
        "{DECLARED}
         parameters {{ vector[33] w; real<lower=0> tau; }}
         transformed parameters {{
           matrix[N, 1] out = tanh(tanh(X * to_matrix(w[1:6], 2, 3) + rep_matrix(w[7:9]', N))
             * to_matrix(w[10:21], 3, 4) + rep_matrix(w[22:25]', N))
             * to_matrix(w[26:29], 4, 1) + w[30];
         }}
         model {{ w[1:30] ~ normal(0, tau); w[31:33] ~ std_normal(); tau ~ normal(0, 1);
           y ~ normal(out[:, 1], 0.5); }}"
    ));
    assert_eq!(network.dimension(), 31);
    let at = points(&network, 5);
    // The other model has three numbers more, of density one after its own prior.
    let longer: Vec<f64> = at
        .chunks(31)
        .flat_map(|at| [&at[..30], &[0.0; 3], &at[30..]].concat())
        .collect();
    let padding = -1.5 * (2.0 * std::f64::consts::PI).ln();
    let (density, score) = evaluated(&network, &at);
    let (other, other_score) = evaluated(&algebra, &longer);
    let other: Vec<f64> = other.iter().map(|x| x - padding).collect();
    let other_score: Vec<f64> = other_score
        .chunks(34)
        .flat_map(|s| [&s[..30], &s[33..]].concat())
        .collect();
    assert_near(&density, &other, 1e-12);
    assert_near(&score, &other_score, 1e-12);
}

#[test]
fn scores_are_the_derivatives_of_log_densities() {
    for activation in ["tanh", "gelu", "silu", "sigmoid"] {
        let architecture = format!("mlp(2, {{3}}, 1, activation = {activation})");
        let posterior = with_network(&architecture, REGRESSION);
        let error = score_error(&posterior, &points(&posterior, 1));
        assert!(error < 1e-8, "{activation}: {error}");
    }
}

#[test]
fn a_network_of_parameters_has_derivatives_in_both() {
    let posterior = with_network(
        "mlp(2, {3}, 2, activation = tanh)",
        "transformed parameters { vector[2] twice = f(f(x[1]) + tau); }
         model { f ~ std_normal(); tau ~ std_normal(); y[1:2] ~ normal(twice, 1); }",
    );
    assert!(score_error(&posterior, &points(&posterior, 1)) < 1e-8);
    let both = constrained(&posterior, &points(&posterior, 3));
    let names: Vec<&str> = both.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(
        names,
        ["tau", "twice[1]", "twice[2]"],
        "weights have no columns"
    );
}

#[test]
fn a_loop_over_rows_is_one_call_and_equals_a_matrix_of_rows() {
    let by_row = with_network("mlp(2, {5}, 1)", REGRESSION);
    let at_once = with_network(
        "mlp(2, {5}, 1)",
        "model { f ~ normal(0, tau); tau ~ normal(0, 1); y ~ normal(f(X)[:, 1], 0.5); }",
    );
    let array = with_network(
        "mlp(2, {5}, 1)",
        "model { array[N] vector[1] out = f(x); f ~ normal(0, tau); tau ~ normal(0, 1);
           for (n in 1:N) y[n] ~ normal(out[n, 1], 0.5); }",
    );
    let at = points(&by_row, 3);
    let (density, score) = evaluated(&by_row, &at);
    for other in [&at_once, &array] {
        assert_near(&density, &evaluated(other, &at).0, 1e-13);
        assert_near(&score, &evaluated(other, &at).1, 1e-13);
    }
    let first_rows = REGRESSION.replace("1:N", "1:2");
    let fewer = with_network("mlp(2, {5}, 1)", &first_rows);
    assert_eq!(by_row.size().nodes, fewer.size().nodes);
}

#[test]
fn generated_quantities_see_the_weights_of_each_draw() {
    let posterior = with_network(
        "mlp(2, {3}, 1)",
        "transformed parameters { vector[N] mu; for (n in 1:N) mu[n] = f(x[n])[1]; }
         model { f ~ std_normal(); tau ~ std_normal(); y ~ normal(mu, 1); }
         generated quantities {
           vector[N] again; matrix[N, 1] all = f(X);
           for (n in 1:N) { if (tau > 1) again[n] = f(x[n])[1]; else again[n] = f(x[n])[1]; }
         }",
    );
    for draws in [1, 40] {
        let table = constrained(&posterior, &points(&posterior, draws));
        for draw in 0..draws {
            let row = table.row(draw);
            assert_near(&row[1..5], &row[5..9], 1e-13);
            assert_near(&row[1..5], &row[9..13], 1e-13);
        }
    }
}

#[test]
fn weights_begin_at_random_where_the_architecture_has_them() {
    let posterior = with_network("mlp(2, {50}, 1)", REGRESSION);
    let mut starts = [7, 7, 8].map(|seed| {
        let mut point = vec![9.0; posterior.dimension()];
        posterior.propose_start(seed, &mut point);
        point
    });
    assert_eq!(starts[0], starts[1]);
    assert_ne!(starts[0], starts[2]);
    assert_eq!(starts[0].pop(), Some(9.0), "tau is left as it is");
    // Uniform up to 1 / sqrt(2) in the first layer of two inputs.
    let first = &starts[0][..100];
    assert!(first.iter().all(|w| w.abs() < 0.5f64.sqrt()));
    assert!(first.iter().any(|w| w.abs() > 0.6));
}

/// The one line that a model is refused with.
fn refusal(text: &str) -> String {
    let data = Data::from_json(DATA).unwrap();
    let report = match Model::parse("m", text) {
        Err(report) => report,
        Ok(model) => match model.compile(&data, &Placement::cpu()) {
            Err(report) => report,
            Ok(_) => panic!("compiles: {text}"),
        },
    };
    report.to_string()
}

#[test]
fn what_cannot_be_is_refused_with_its_place_and_a_remedy() {
    let declared = |network: &str, rest: &str| {
        refusal(&format!(
            "{DECLARED} parameters {{ network f = {network}; }} {rest}"
        ))
    };
    let said = |report: &str, parts: &[&str]| {
        for part in parts {
            assert!(report.contains(part), "no {part:?} in\n{report}");
        }
    };
    said(
        &declared("mpl(2, {3}, 1)", ""),
        &["there is no architecture `mpl`", "mlp", "m:2:"],
    );
    let once = declared(
        "mpl(2, {3}, 1)",
        "model { f ~ normal(0, 1); y[1] ~ normal(f(x[1])[1], 1); }",
    );
    assert_eq!(once.matches("Error").count(), 1, "{once}");
    said(
        &declared("mlp(2, {3}, 1, relu, 5)", ""),
        &[
            "takes 4 arguments at most",
            "mlp(inputs, hidden, outputs, activation)",
        ],
    );
    said(
        &declared("mlp(2, {3}, 1, activatoin = relu)", ""),
        &["has no option `activatoin`", "activation"],
    );
    said(
        &declared("mlp(2, {3}, 1, activation = wavy)", ""),
        &["there is no `wavy`: it can be relu, tanh, gelu"],
    );
    said(
        &declared("mlp(2, {3})", ""),
        &["`outputs` must be at least 1"],
    );
    said(
        &declared(
            "mlp(3, {3}, 1)",
            "model { for (n in 1:N) y[n] ~ normal(f(x[n])[1], 1); }",
        ),
        &["f takes rows of 3 numbers, but this one has 2"],
    );
    said(
        &declared("mlp(2, {3}, 1)", "model { y ~ normal(f(x[1], 2), 1); }"),
        &["the network `f` does not take these arguments"],
    );
    said(
        &declared("mlp(2, {3}, 1)", "model { f ~ normal(initial(ff), 1); }"),
        &["there is no network `ff`", "did you mean f?"],
    );
    said(
        &refusal("model { network f = mlp(2, {3}, 1); }"),
        &[
            "the weights of a network are parameters",
            "`parameters` block",
        ],
    );
    said(
        &refusal(
            "functions { vector g(vector f, vector x) { return f(x); } }
             parameters { network f = mlp(2, {3}, 1); }",
        ),
        &[
            "`f` is a variable, not a function",
            "networks can be called where they are declared",
        ],
    );
}

#[test]
fn a_network_that_no_memory_holds_is_refused_with_its_size() {
    let model =
        "data { int N; } parameters { network f = mlp(1, {N, N}, 1); } model { f ~ normal(0, 1); }";
    let model = Model::parse("model.stan", model).unwrap();
    for (units, size) in [("100000000", "80000003 GB"), ("10000000000", "GB once")] {
        let data = Data::from_json(&format!(r#"{{"N": {units}}}"#)).unwrap();
        let Err(error) = model.compile(&data, &Placement::cpu()) else {
            panic!("it was taken")
        };
        assert!(error.to_string().contains(size), "{error}");
    }
}

#[test]
fn network_is_a_name_like_any_other() {
    let posterior = compiled(
        "data { int N; } parameters { real network; vector[2] initial; }
         model { network ~ normal(0, 1); initial ~ normal(network, N); }",
    );
    assert_eq!(posterior.dimension(), 3);
}

/// A file in the form of safetensors: a header in JSON, its length before it, and the numbers in single precision.
fn safetensors(tensors: &[(&str, &[usize], &[f32])]) -> Vec<u8> {
    let (mut entries, mut numbers) = (Vec::new(), Vec::new());
    for (name, shape, values) in tensors {
        let start = numbers.len();
        numbers.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let end = numbers.len();
        entries.push(format!(
            r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{end}]}}"#
        ));
    }
    let header = format!("{{{}}}", entries.join(","));
    [
        (header.len() as u64).to_le_bytes().as_slice(),
        header.as_bytes(),
        &numbers,
    ]
    .concat()
}

#[test]
fn weights_begin_where_a_file_has_them_and_priors_can_be_centred_there() {
    const MODEL: &str = "data { real scale; } parameters { real a; network f = mlp(2, {1}, 1); }
        model { a ~ std_normal(); f ~ normal(initial(f), scale); }";
    let folder = tempfile::tempdir().unwrap();
    let compile = |tensors: &[(&str, &[usize], &[f32])]| {
        std::fs::write(folder.path().join("w.safetensors"), safetensors(tensors)).unwrap();
        let json = folder.path().join("data.json");
        std::fs::write(&json, r#"{"scale": 0.5, "f": {"file": "w.safetensors"}}"#).unwrap();
        let model = Model::parse("m", MODEL).unwrap();
        let data = Data::from_file(&json).unwrap();
        model.compile(&data, &Placement::cpu())
    };
    let posterior = compile(&[
        ("model.layers.1.bias", &[1], &[5.0]),
        ("layers.0.bias", &[1], &[3.0]),
        ("layers.0.weight", &[1, 2], &[1.0, 2.0]),
        ("layers.1.weight", &[1, 1], &[4.0]),
        ("another", &[1], &[9.0]),
    ])
    .unwrap();
    let mut point = vec![0.25; 6];
    posterior.propose_start(1, &mut point);
    assert_eq!(point, [0.25, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let score = evaluated(&posterior, &[0.25, 1.5, 2.0, 3.0, 4.0, 5.0]).1;
    assert_eq!(score, [-0.25, -2.0, 0.0, 0.0, 0.0, 0.0]);

    let refused = |tensors: &[(&str, &[usize], &[f32])]| match compile(tensors) {
        Err(report) => report.to_string(),
        Ok(_) => panic!("compiles"),
    };
    let report = refused(&[("layers.0.weight", &[1, 2], &[1.0, 2.0])]);
    let missing = "no tensor `layers.0.bias`, `layers.1.weight`, `layers.1.bias`";
    assert!(report.contains(missing), "{report}");
    let report = refused(&[("layers.0.weight", &[2, 1], &[1.0, 2.0])]);
    assert!(
        report.contains("the shape [2, 1]") && report.contains("[1, 2] in"),
        "{report}"
    );
    let whole = [
        ("layers.0.weight", &[1, 2][..], &[1.0, 2.0][..]),
        ("layers.0.bias", &[1], &[3.0]),
        ("layers.1.weight", &[1, 1], &[4.0]),
        ("layers.1.bias", &[1], &[5.0]),
    ];
    // A running mean is not learned, and `ema` is another network.
    let others = ["layers.1.running_mean", "ema.layers.2.weight"];
    let with = |more: &'static str| {
        let mut tensors = whole.to_vec();
        tensors.push((more, &[1], &[9.0]));
        tensors
    };
    for other in others {
        assert!(compile(&with(other)).is_ok());
    }
    let report = refused(&with("layers.2.weight"));
    let larger = "has `layers.2.weight`, which the network has not, so it would be another one";
    assert!(report.contains(larger), "{report}");
    let mut tensors = whole.to_vec();
    tensors[1].2 = &[f32::NAN];
    let report = refused(&tensors);
    assert!(
        report.contains("`layers.0.bias`") && report.contains("has the number NaN"),
        "{report}"
    );
    let without = Data::from_json(r#"{"scale": 1}"#).unwrap();
    let model = Model::parse("m", MODEL).unwrap();
    let report = match model.compile(&without, &Placement::cpu()) {
        Err(report) => report.to_string(),
        Ok(_) => panic!("compiles"),
    };
    assert!(
        report.contains("f has no weights to begin with"),
        "{report}"
    );
    assert!(
        report.contains(r#""f": {"file": "weights.safetensors"}"#),
        "{report}"
    );
}
