//! Models on some of their rows: the kit's identities, what the batches of a run add up to, and what is refused.

use firebrand::core::{Batch, Batches, Placement, Target, to_host};
use firebrand::dsl::hir::Element;
use firebrand::dsl::{Data, Model, Posterior};
use firebrand_conformance::target;
use firebrand_posteriordb::Database;

/// Forty rows of everything that the models here declare.
fn data() -> Data {
    let rows = 0..40;
    let list = |number: &dyn Fn(usize) -> String| {
        let numbers: Vec<String> = rows.clone().map(number).collect();
        format!("[{}]", numbers.join(", "))
    };
    let wave = |i: usize, k: f64| (1.7 * k + k * i as f64).sin();
    let text = format!(
        r#"{{"N": 40, "K": 3, "J": 4, "y": {}, "x": {}, "X": {}, "wide": {}, "hit": {}, "count": {}, "group": {}}}"#,
        list(&|i| format!("{}", 2.0 + 3.0 * wave(i, 1.3))),
        list(&|i| format!("{}", wave(i, 0.7))),
        list(&|i| format!("[{}, {}, {}]", wave(i, 0.3), wave(i, 1.1), wave(i, 2.9))),
        format_args!(
            "[{}, {}, {}]",
            list(&|i| wave(i, 0.3).to_string()),
            list(&|i| wave(i, 1.1).to_string()),
            list(&|i| wave(i, 2.9).to_string())
        ),
        list(&|i| u8::from(wave(i, 5.1) > 0.2).to_string()),
        list(&|i| (i * i % 5).to_string()),
        list(&|i| (1 + i * i % 4).to_string()),
    );
    Data::from_json(&text).unwrap()
}

fn compiled(text: &str) -> Result<Posterior, String> {
    let model = Model::parse("model.stan", text).unwrap();
    let placement = Placement::cpu();
    let posterior = model.compile_with_plate(&data(), &placement, "N");
    posterior.map_err(|report| report.to_string())
}

#[track_caller]
fn keeps_every_identity(text: &str) {
    let posterior = compiled(text).unwrap_or_else(|why| panic!("{why}"));
    target::report(&posterior).assert();
}

const LOGISTIC: &str = "
data {
  int N, K;
  matrix[N, K] X;
  array[N] int<lower=0, upper=1> hit;
}
parameters {
  real alpha;
  vector[K] beta;
}
model {
  alpha ~ normal(0, 2);
  beta ~ normal(0, 1);
  hit ~ bernoulli_logit_glm(X, alpha, beta);
}";

#[test]
fn a_logistic_regression_is_a_sum_over_rows() {
    keeps_every_identity(LOGISTIC);
}

#[test]
fn so_is_a_network_applied_to_each_row() {
    keeps_every_identity(
        "
data {
  int N, K;
  matrix[N, K] X;
  array[N] int<lower=0, upper=1> hit;
}
parameters {
  network f = mlp(K, {4}, 2, activation = tanh);
  real<lower=0> tau;
}
model {
  tau ~ normal(0, 1);
  f ~ normal(0, tau);
  for (n in 1 : N) hit[n] + 1 ~ categorical_logit(f(X[n]));
}",
    );
}

#[test]
fn so_is_a_model_of_groups_whose_effects_are_parameters() {
    keeps_every_identity(
        "data {
          int N, J;
          array[N] int<lower=1, upper=J> group;
          vector[N] y, x;
        }
        parameters {
          real mu, slope;
          real<lower=0> tau, sigma;
          vector[J] z;
        }
        transformed parameters {
          vector[J] effect = mu + tau * z;
          vector[N] expected;
          for (n in 1:N) expected[n] = effect[group[n]] + slope * x[n];
        }
        model {
          z ~ std_normal();
          tau ~ exponential(1);
          sigma ~ exponential(1);
          for (n in 1:N) y[n] ~ normal(expected[n], sigma);
        }",
    );
}

#[test]
fn so_is_a_mixture_whose_rows_are_matched_to_components_one_by_one() {
    keeps_every_identity(
        "data {
          int N, K;
          vector[N] y;
        }
        parameters {
          simplex[K] weight;
          ordered[K] mu;
          real<lower=0> sigma;
        }
        model {
          mu ~ normal(0, 5);
          for (n in 1:N) {
            vector[K] lp = log(weight);
            for (k in 1:K) lp[k] += normal_lpdf(y[n] | mu[k], sigma);
            target += log_sum_exp(lp);
          }
        }",
    );
}

#[test]
fn so_is_a_model_whose_branches_follow_its_rows() {
    keeps_every_identity(
        "functions {
          real inflated(int count, real theta, real lambda) {
            if (count == 0) return log_mix(theta, 0, poisson_lpmf(0 | lambda));
            return log1m(theta) + poisson_lpmf(count | lambda);
          }
        }
        data {
          int N;
          array[N] int<lower=0> count;
        }
        parameters {
          real<lower=0, upper=1> theta;
          real<lower=0> lambda;
        }
        model {
          lambda ~ gamma(2, 1);
          for (n in 1:N) target += inflated(count[n], theta, lambda);
        }",
    );
}

#[test]
fn rows_may_be_columns_and_what_mixes_them_may_be_transformed_data() {
    keeps_every_identity(
        "data {
          int N, K;
          matrix[K, N] wide;
          vector[N] y;
        }
        transformed data {
          vector[N] centred = (y - mean(y)) / sd(y);
        }
        parameters {
          row_vector[K] beta;
          real<lower=0> sigma;
        }
        model {
          row_vector[N] mu = beta * wide;
          beta ~ std_normal();
          // A term that holds the prior and the rows, and a number of rows that counts these.
          target += -N * log(sigma) - 0.5 * dot_self((centred - mu') / sigma) + exponential_lpdf(sigma | 1);
        }",
    );
}

#[test]
fn the_batches_of_as_many_epochs_as_divide_them_average_to_the_full_score() {
    let posterior = compiled(LOGISTIC).unwrap();
    // 40 rows in batches of 12: three epochs, whose ends lie within batches.
    let mut batches = Batches::of(&posterior, &"N=12".parse().unwrap(), 3).unwrap();
    let theta = posterior
        .placement()
        .matrix(vec![0.3, -0.2, 0.8, 0.5], [1, 4]);
    let score = |batch: &Batch| {
        let at = posterior.log_density_and_score(&theta, batch).unwrap();
        to_host(&at.score)
    };
    let mut average = [0.0; 4];
    for step in 0..10 {
        let found = score(&batches.at(step));
        average
            .iter_mut()
            .zip(found)
            .for_each(|(sum, x)| *sum += x / 10.0);
    }
    for (found, expected) in average.iter().zip(score(&Batch::Full)) {
        assert!((found - expected).abs() < 1e-10, "{average:?}");
    }
}

/// A model of the parameters mu and sigma, with these statements.
fn with_statements(parameters: &str, statements: &str) -> String {
    format!(
        "data {{
          int N;
          vector[N] y, x;
        }}
        parameters {{
          real mu;
          real<lower=0> sigma;
          {parameters}
        }}
        model {{
          mu ~ std_normal();
          {statements}
        }}"
    )
}

/// A refusal that points to `place` and says `because`.
#[track_caller]
fn is_refused(parameters: &str, statements: &str, place: &str, because: &str) {
    let why = match compiled(&with_statements(parameters, statements)) {
        Err(why) => why,
        Ok(_) => panic!("`{statements}` was taken for a sum over rows"),
    };
    assert!(why.contains(because), "{why}");
    let lines: Vec<&str> = why.lines().collect();
    assert!(
        lines
            .iter()
            .any(|line| line.contains('│') && line.contains(place)),
        "{why}"
    );
}

#[test]
fn terms_in_which_rows_meet_are_refused_where_they_stand() {
    let mixes = "no sum over the rows of N";
    let row_after_row = "for (n in 2:N) y[n] ~ normal(mu * y[n - 1], sigma);";
    is_refused("", row_after_row, "y[n] ~ normal", mixes);
    is_refused(
        "",
        "y ~ normal(mu, sigma); target += -square(sum(y) - mu);",
        "target += -square",
        mixes,
    );
    is_refused(
        "",
        "y ~ normal(mu, sigma / sqrt(N + 1));",
        "y ~ normal(mu",
        mixes,
    );
    is_refused(
        "",
        "for (n in 1:N) y[n] ~ normal(mu + n, sigma);",
        "y[n] ~ normal",
        mixes,
    );
    is_refused(
        "",
        "y ~ normal(mu + y[1], sigma);",
        "y ~ normal(mu + y[1]",
        mixes,
    );
    let process = "y ~ multi_normal(rep_vector(mu, N), add_diag(gp_exp_quad_cov(to_array_1d(x), 1.0, 1.0), sigma));";
    is_refused("", process, "y ~ multi_normal", mixes);
    // Outputs of one row, multiplied by those of the row before; and what rows are many enough to have.
    let network = "network f = mlp(1, {5}, 1);";
    let after_another = "for (n in 2:N) target += f([x[n]]')[1] * f([x[n - 1]]')[1];";
    is_refused(network, after_another, "target += f", mixes);
    let lagged = "for (n in 11:N) y[n] ~ normal(f([y[n - 10]]')[1], sigma);";
    is_refused(network, lagged, "y[n] ~ normal", mixes);
}

#[test]
fn what_a_model_does_from_so_many_rows_on_is_refused() {
    let mixes = "no sum over the rows of N";
    for count in ["N > 30", "N > 10", "N > 3", "sum(y) > 40", "max(x) > 0.95"] {
        let twice = format!("target += ({count} ? 2 : 1) * normal_lpdf(y | mu, sigma);");
        is_refused("", &twice, "target +=", mixes);
        let branches = format!("if ({count}) y ~ normal(mu, sigma); else y ~ normal(mu, 2);");
        is_refused("", &branches, "y ~ normal", mixes);
    }
}

#[test]
fn so_is_what_rows_are_rejected_for_together_and_not_each() {
    let rejects = "rejects some rows of N by themselves and not together";
    for condition in ["N < 20", "sum(y) < 30", "N > 30", "mu > 0.02 * N"] {
        let statements =
            format!("if ({condition}) reject(\"so many rows\"); y ~ normal(mu, sigma);");
        is_refused("", &statements, "int N;", rejects);
    }
    for condition in ["y[n] < -100", "mu > 1 + square(y[n])"] {
        keeps_every_identity(&with_statements(
            "",
            &format!(
                "for (n in 1:N) {{ if ({condition}) reject(\"a row\"); y[n] ~ normal(mu, sigma); }}"
            ),
        ));
    }
}

#[test]
fn rows_may_be_asked_to_be_in_order_and_a_few_at_least() {
    let model = "
        data { int N; vector[N] t, y; }
        parameters { real a; real<lower=0> b; }
        transformed parameters { ordered[N] m = a + b * t; }
        model {
          if (N < 3) reject(\"too few\");
          for (n in 2:N) if (t[n] < t[n - 1]) reject(\"sort them\");
          a ~ std_normal();
          b ~ std_normal();
          y ~ normal(m, 1);
        }";
    let numbers: Vec<usize> = (1..=40).collect();
    let data = format!(r#"{{"N": 40, "t": {numbers:?}, "y": {numbers:?}}}"#);
    let data = Data::from_json(&data).unwrap();
    let model = Model::parse("model.stan", model).unwrap();
    let posterior = model.compile_with_plate(&data, &Placement::cpu(), "N");
    assert!(posterior.is_ok(), "{}", posterior.err().unwrap());
}

/// So many rows that few of them, at random, never meet: they are refused as a few are.
#[test]
fn rows_that_meet_seldom_among_very_many_are_refused() {
    let rows = 40_000;
    let numbers = |of: &dyn Fn(usize) -> String| {
        let all: Vec<String> = (0..rows).map(of).collect();
        all.join(",")
    };
    let x = numbers(&|n| {
        let row: Vec<String> = (0..27).map(|k| format!("{}", (n + k) % 5)).collect();
        format!("[{}]", row.join(","))
    });
    let y = numbers(&|n| format!("{}", (7 * n % 11) as f64 / 10.0));
    // Two rows each, far apart.
    let group = numbers(&|n| format!("{}", n % (rows / 2) + 1));
    let data = format!(
        r#"{{"N": {rows}, "J": {}, "x": [{x}], "y": [{y}], "group": [{group}]}}"#,
        rows / 2
    );
    let data = Data::from_json(&data).unwrap();
    let refusal = |statements: &str| {
        let model = format!(
            "data {{ int N, J; matrix[N, 27] x; vector[N] y; array[N] int group; }}
            parameters {{ real b; vector[27] c; }}
            model {{ b ~ std_normal(); c ~ std_normal(); {statements} }}"
        );
        let model = Model::parse("model.stan", &model).unwrap();
        let compiled = model.compile_with_plate(&data, &Placement::cpu(), "N");
        compiled.map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(refusal("y ~ normal(b + x * c, 1);"), Ok(()));
    for meeting in [
        "for (n in 2:N) y[n] ~ normal(b * y[n - 1] + x[n] * c, 1);",
        "vector[J] sums = rep_vector(0, J);
         for (n in 1:N) sums[group[n]] += y[n] - b;
         target += -dot_self(sums);",
    ] {
        let why = refusal(meeting).expect_err(meeting);
        assert!(why.contains("no sum over the rows of N"), "{why}");
    }
}

#[test]
fn where_there_are_no_rows_there_are_no_minibatches() {
    let data = Data::from_json(r#"{"N": 0, "y": []}"#).unwrap();
    let model = "data { int N; vector[N] y; } parameters { real b; } model { y ~ normal(b, 1); }";
    let model = Model::parse("model.stan", model).unwrap();
    let Err(error) = model.compile_with_plate(&data, &Placement::cpu(), "N") else {
        panic!("no rows were taken for some")
    };
    assert!(error.to_string().contains("N is 0"), "{error}");
}

#[test]
fn parameters_that_rows_have_of_their_own_are_refused_where_they_are_declared() {
    let because = "the size of the parameter z depends on the number of rows";
    is_refused(
        "vector[N] z;",
        "y ~ normal(z, sigma);",
        "vector[N] z",
        because,
    );
    is_refused(
        "vector[N - 1] z;",
        "y[2:N] ~ normal(z, sigma);",
        "vector[N - 1] z",
        because,
    );
}

#[test]
fn a_name_that_is_no_size_of_the_data_is_refused_with_those_that_there_are() {
    let model = Model::parse("model.stan", LOGISTIC).unwrap();
    let why = |plate: &str| {
        let outcome = model.compile_with_plate(&data(), &Placement::cpu(), plate);
        outcome.err().unwrap().to_string()
    };
    assert!(why("M").contains("no size M"), "{}", why("M"));
    assert!(why("hit").contains("hit is no size"), "{}", why("hit"));
    // The number of columns is a size, but the model has a parameter for each of them.
    assert!(why("K").contains("parameter beta depends"), "{}", why("K"));
}

#[test]
fn rows_that_there_are_not_and_other_plates_are_errors() {
    let posterior = compiled(LOGISTIC).unwrap();
    let theta = posterior.placement().zeros([1, 4]);
    let why = |plate: &str, rows: Vec<usize>| {
        let plate = plate.to_string();
        let outcome = posterior.log_density(&theta, &Batch::Rows { plate, rows });
        outcome.unwrap_err().to_string()
    };
    assert!(why("N", vec![40]).contains("its rows are 0 to 39"));
    assert!(why("N", vec![]).contains("its rows are 0 to 39"));
    assert!(why("M", vec![0]).contains("its plate is `N`"));
}

/// Every size of every model of the PosteriorDB checkout that `FIREBRAND_POSTERIORDB` names (of those whose names contain
/// `FIREBRAND_ONLY`): it is refused, with a place, or batches of its rows average to the full score. `--nocapture` prints which.
#[test]
fn sizes_of_real_models_are_refused_or_their_batches_average_to_the_full_score() {
    let Ok(checkout) = std::env::var("FIREBRAND_POSTERIORDB") else {
        eprintln!("FIREBRAND_POSTERIORDB is not set: no model is looked at");
        return;
    };
    let database = Database::open(checkout.as_ref()).expect("a checkout");
    let only = std::env::var("FIREBRAND_ONLY").unwrap_or_default();
    let mut wrong = Vec::new();
    for name in database.names().expect("posteriors") {
        if !name.contains(&only) {
            continue;
        }
        let Ok(files) = database
            .entry(&name)
            .and_then(|entry| database.locate(&entry))
        else {
            continue;
        };
        let (Ok(model), Some(data)) = (Model::from_file(&files.model), &files.data) else {
            continue;
        };
        let data = Data::from_file(data).expect("data");
        for declaration in &model.program().data {
            let type_ = &declaration.type_;
            if !matches!(type_.element, Element::Int) || !type_.array.is_empty() {
                continue;
            }
            let (posterior, plate) = (&name, &declaration.name);
            match model.compile_with_plate(&data, &Placement::cpu(), plate) {
                Err(report) => {
                    println!("| {posterior} | {plate} | {} |", report.lines().join("; "))
                }
                Ok(target) => {
                    let check = target::minibatch_scores_average_to_the_full_score(&target);
                    println!("| {posterior} | {plate} | {check} |");
                    if check.failed() {
                        wrong.push(format!("{posterior}, {plate}: {check}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
